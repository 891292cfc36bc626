"""Returns: reading, refusing, simulating; the path of volatility and its figure."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from predictive_fits import tree_fit
from scipy import stats

import hbstan as hb
from hbstan.data import Returns, returns
from hbstan.data.systems import restore
from hbstan.errors import DataError, FitError
from hbstan.models import resolve_priors
from hbstan.plots.volatility import volatility
from hbstan.predictive.volatility import volatility_path
from hbstan.simulate.returns import VOLATILITY

VALUES = [1.0, -2.0, 0.5, 3.0, -1.0, 0.2, -0.4, 1.1, -0.7, 0.9, -1.3, 0.6]
DAYS = [dt.date(2024, 1, day + 1) for day in range(len(VALUES))]


def table(**columns: Any) -> dict[str, Any]:
    return {"day": DAYS, "r": VALUES, **columns}


def test_values_times_and_the_mean_are_kept() -> None:
    data = returns(table(), value="r", time="day", name="mine")
    assert (data.kind, data.J, data.name, data.unit) == ("returns", 12, "mine", "time")
    assert data.labels[0] == "2024-01-01"
    np.testing.assert_array_equal(data.y, VALUES)
    assert data.center == pytest.approx(np.mean(VALUES))
    stan = data.to_stan()
    assert set(stan) == {"J", "y", "center"}
    assert stan["center"] == data.center
    assert data.coords == {"group": list(data.labels)}
    assert data.raw() is None  # one return says nothing of its own variance
    facts = dict(data.overview())
    assert facts["standard deviation"] == pytest.approx(np.std(VALUES, ddof=1))
    assert "2024-01-01 to 2024-01-12" in repr(data)


def test_it_can_be_built_again(tmp_path: Path) -> None:
    data = returns(table(), value="r", time="day")
    frame = data.to_frame()
    assert list(frame.columns) == ["day", "r"]
    assert returns(frame, value="r", time="day") == data
    file = tmp_path / "mine.csv"
    frame.to_csv(file, index=False)
    again = returns(file, value="r", time="day")
    assert again == data
    assert (again.name, again.source) == ("mine", "mine.csv")
    assert restore("returns", data.to_stan(), data.coords, "x") == data
    assert pickle.loads(pickle.dumps(data)) == data
    with pytest.raises(ValueError, match="read-only"):
        data.y[0] = 1.0


def test_without_times_they_are_numbered() -> None:
    assert returns(table(), value="r").labels == tuple(str(i + 1) for i in range(12))


def test_prices_become_logarithmic_returns_in_per_cent() -> None:
    prices = 50.0 * np.exp(np.cumsum(np.array(VALUES) / 100))
    data = returns(table(p=prices), value="p", time="day", from_prices=True)
    assert data.J == 11
    assert data.labels[0] == "2024-01-02"
    np.testing.assert_allclose(data.y, VALUES[1:], rtol=1e-10)
    assert data.columns["value"] == "return of p"


@pytest.mark.parametrize(
    "times",
    [
        np.arange(12) / 2,
        pd.date_range("2024-01-31", periods=12, freq="D"),
        [f"2024-01-{day:02d}" for day in range(1, 13)],
        [f"2024-01-01T10:{minute:02d}+02:00" for minute in range(12)],
        [str(year) for year in range(1995, 2007)],
    ],
)
def test_times_may_be_numbers_or_dates(times: Any) -> None:
    assert returns(table(day=times), value="r", time="day").J == 12


def changed(row: int, value: Any, of: list[Any] = VALUES) -> list[Any]:
    return [value if i == row else old for i, old in enumerate(of)]


BAD = {
    "missing": ({"r": changed(2, None)}, ["row 3", "'r'", "missing", "finite"]),
    "nan": ({"r": changed(2, float("nan"))}, ["row 3", "missing"]),
    "infinite": ({"r": changed(4, float("inf"))}, ["row 5", "infinite"]),
    "text": ({"r": changed(0, "up")}, ["row 1", "'up'", "text"]),
    "boolean": ({"r": changed(0, True)}, ["boolean"]),
    "few": ({"r": VALUES[:9], "day": DAYS[:9]}, ["9 returns", "at least 10"]),
    "none": ({"r": [], "day": []}, ["0 returns"]),
    "constant": ({"r": [0.3] * 12}, ["all returns are 0.3", "vary"]),
    "zeros": (
        {"r": [0.0, 0.0, *VALUES], "day": [f"{i}" for i in range(14)]},
        ["2 of 14", "exactly zero", "without trade"],
    ),
    "unequal": ({"r": VALUES[:11]}, ["differ in length", "'day' has 12"]),
    "unsorted": (
        {"day": [*DAYS[:5], DAYS[6], DAYS[5], *DAYS[7:]]},
        ["row 7", "'2024-01-06'", "earlier than '2024-01-07'", "Sort"],
    ),
    "twice": ({"day": changed(6, DAYS[5], DAYS)}, ["row 7", "also that of the row"]),
    "no time": ({"day": changed(6, None, DAYS)}, ["row 7", "missing"]),
    "words": ({"day": [*"abcdefghijkl"]}, ["row 1", "neither a number nor a date"]),
    "two kinds": ({"day": changed(6, 3.0, DAYS)}, ["neither a number nor a date"]),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_words(fault: str) -> None:
    columns, words = BAD[fault]
    with pytest.raises(DataError) as caught:
        returns(table(**columns), value="r", time="day")
    assert [word for word in words if word not in str(caught.value)] == []


def test_prices_must_be_above_zero() -> None:
    prices = [*range(1, 6), 0, *range(6, 12)]
    with pytest.raises(DataError, match=r"row 6.*'p'.*price 0 is not above 0"):
        returns(table(p=prices), value="p", from_prices=True)


def test_columns_must_be_there_and_differ() -> None:
    with pytest.raises(DataError, match="no column 'x' for the value"):
        returns(table(), value="x")
    with pytest.raises(DataError, match="given for both value and time"):
        returns(table(), value="r", time="r")
    with pytest.raises(DataError, match="shape"):
        Returns(labels=("a", "b"), y=np.ones(12))


# --- bundled data


@pytest.mark.parametrize(
    ("name", "times"), [("volatility", 250), ("volatility_short", 100)]
)
def test_bundled_series_and_their_truth(name: str, times: int) -> None:
    data, info = hb.datasets.load(name), hb.datasets.describe(name)
    assert (data.J, data.kind, info.kind) == (times, "returns", "returns")
    assert info.truth["phi"] == 2 * info.truth["phi_star"] - 1
    h: Any = np.array(info.truth["h"])
    assert h.shape == (times,)
    # The path's own least-squares persistence, and the returns' scale given the path.
    mu, phi, sigma = (info.truth[k] for k in ("mu", "phi", "sigma_eta"))
    shocks = (h[1:] - mu - phi * (h[:-1] - mu)) / sigma
    assert stats.kstest(shocks, "norm").pvalue > 0.01
    assert stats.kstest(data.y * np.exp(-h / 2), "norm").pvalue > 0.01
    assert data == hb.datasets.load(name)


def test_the_bundled_streams_are_frozen() -> None:
    y = hb.datasets.load("volatility").y
    rng = np.random.RandomState(22)
    first = -0.5 + 0.25 / np.sqrt(1 - 0.95**2) * rng.standard_normal(250)[0]
    assert y[0] == pytest.approx(np.exp(first / 2) * rng.standard_normal(250)[0])


# --- the simulator


class Fixed:
    """A prior that always draws one value."""

    def __init__(self, value: float) -> None:
        self.value = value

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return np.full(size, self.value)


MU, PHI_STAR, SIGMA = 0.4, 0.9, 0.3


def simulated(count: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    rng = np.random.default_rng(5)
    priors: Any = {
        "mu": Fixed(MU),
        "phi_star": Fixed(PHI_STAR),
        "sigma_eta": Fixed(SIGMA),
    }
    stan = {"J": 4, "center": 0.1}
    paths, outcomes, one = [], [], {}
    for _ in range(count):
        one = VOLATILITY.parameters(priors, stan, rng)
        paths.append(one["h"])
        outcomes.append(VOLATILITY.outcomes(one, stan, rng)["y"])
    return np.array(paths), np.array(outcomes), one


def test_simulated_paths_are_stationary() -> None:
    """Mean, covariance and marginal variance against their closed forms."""
    count = 20_000
    h, y, one = simulated(count)
    phi = 2 * PHI_STAR - 1
    variance = SIGMA**2 / (1 - phi**2)
    assert np.abs(h.mean(0) - MU).max() < 4 * np.sqrt(variance / count)
    expected = variance * phi ** np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    # The sd of a sample covariance of normal variables.
    error = np.sqrt((variance**2 + expected**2) / count)
    assert np.all(np.abs(np.cov(h.T) - expected) < 4 * error)
    assert one["sd_y"] == pytest.approx(np.exp(0.5 * (MU + 0.5 * variance)))
    squares = (y - 0.1) ** 2
    bound = 4 * squares.std() / np.sqrt(count)
    assert np.abs(squares.mean(0) - one["sd_y"] ** 2).max() < bound
    assert one["h_mean"] == pytest.approx(one["h"].mean())
    assert one["sd_last"] == pytest.approx(np.exp(one["h"][-1] / 2))


def test_log_likelihood_is_scipys() -> None:
    h = np.array([[0.1, -2.0, 0.3], [1.0, 0.0, -0.4]])
    y = np.array([0.5, -0.2, 1.0])
    got = VOLATILITY.log_likelihood({"h": h}, {"y": y, "center": 0.1})
    wanted = stats.norm.logpdf(y, 0.1, np.exp(h / 2)).sum(axis=1)
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_default_priors_follow_the_unit() -> None:
    """In units a hundred times smaller the prior of mu moves by 2 log(100)."""
    a = returns(table(), value="r")
    b = returns(table(r=[100 * v for v in VALUES]), value="r")
    model = hb.models.get("sv_noncentered")
    first, second = (resolve_priors(model, data) for data in (a, b))
    shift = second["mu"].prior.args[0] - first["mu"].prior.args[0]
    assert shift == pytest.approx(2 * np.log(100), abs=0.15)
    assert first["phi_star"].prior == second["phi_star"].prior


# --- the path and its figure


def path_fit(held_out: tuple[str, ...] = ()) -> hb.Fit:
    rng = np.random.default_rng(3)
    labels = [str(i + 1) for i in range(6)]
    groups = {
        "posterior": {"h": rng.normal(np.linspace(-1, 1, 6), 0.5, (4, 250, 6))},
        "observed_data": {"y": np.array(VALUES[:6])},
        "constant_data": {"center": 0.2},
    }
    return tree_fit("sv_noncentered", labels, groups, held_out)


def test_path_of_known_draws() -> None:
    fit = path_fit(("2",))
    got = volatility_path(fit, 0.8, truth=[-1.0, -0.6, -0.2, 0.2, 0.6, 9.0])
    h = fit.posterior["h"].values.reshape(-1, 6)
    np.testing.assert_allclose(got.table["h_mean"], h.mean(0))
    np.testing.assert_allclose(
        got.table["sd_lower"], np.exp(np.quantile(h, 0.1, 0) / 2)
    )
    np.testing.assert_allclose(got.table["sd"], np.exp(np.median(h, 0) / 2))
    assert got.table["seen"].tolist() == [True, False, True, True, True, True]
    assert got.coverage == pytest.approx(5 / 6)
    assert got.center == 0.2
    assert got.record()["path"][1]["time"] == "2"
    assert "6 times" in repr(got)
    assert volatility_path(fit).coverage is None


def test_path_refuses_other_fits() -> None:
    with pytest.raises(DataError, match="has 2 values; legal: 6"):
        volatility_path(path_fit(), truth=[1.0, 2.0])
    with pytest.raises(FitError, match="ci_prob is 2"):
        volatility_path(path_fit(), 2)
    other = tree_fit(
        "logit_centered",
        ["a"],
        {
            "posterior": {"mu": np.ones((2, 3))},
            "observed_data": {"y": np.ones(1)},
            "constant_data": {"n": np.ones(1)},
        },
    )
    with pytest.raises(FitError, match="no path of log variances"):
        volatility_path(other)


def test_figure_shows_returns_bands_and_truth() -> None:
    path = volatility_path(path_fit(("2",)), truth=np.linspace(-1, 1, 6).tolist())
    figure = volatility(path)
    above, below = figure.axes
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["mean ± 2 sd, 90% band", "return", "held out", "true"]
    upper = above.lines[2].get_ydata()
    np.testing.assert_allclose(upper, 0.2 + 2 * path.table["sd"])
    np.testing.assert_allclose(below.lines[0].get_ydata(), path.table["sd"])
    np.testing.assert_allclose(below.lines[1].get_ydata(), path.table["sd_true"])
    plain = volatility(volatility_path(path_fit()))
    assert len(plain.axes[1].lines) == 1
