"""Studies: reading, refusing, simulating; meta-regression without a prior."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

import hbstan as hb
from hbstan.data import Studies, studies
from hbstan.data.systems import restore
from hbstan.errors import DataError
from hbstan.models import resolve_priors
from hbstan.pooling import classical
from hbstan.pooling.meta import _studies
from hbstan.pooling.meta_classical import classical_meta, typical_variance
from hbstan.simulate.studies import META_REGRESSION

TRIALS = [*"abcdef"]
EFFECT = [0.3, -0.1, 0.5, 0.2, 0.9, 0.4]
SE = [0.1, 0.2, 0.15, 0.3, 0.25, 0.12]
DOSE = [1.0, 0.0, 2.0, 1.5, 4.0, 2.5]
AGE = [40.0, 55.0, 47.0, 61.0, 38.0, 50.0]


def table(**columns: Any) -> dict[str, Any]:
    base = {"trial": TRIALS, "y": EFFECT, "se": SE, "dose": DOSE, "age": AGE}
    return {**base, **columns}


def read(covariates: Any = ("dose", "age"), **columns: Any) -> Studies:
    return studies(
        table(**columns), study="trial", estimate="y", se="se", covariates=covariates
    )


def test_values_and_names_are_kept() -> None:
    data = read()
    assert (data.kind, data.J, data.unit) == ("studies", 6, "study")
    assert data.labels == tuple(TRIALS)
    assert data.covariates == ("dose", "age")
    np.testing.assert_array_equal(data.X, np.column_stack([DOSE, AGE]))
    stan = data.to_stan()
    assert set(stan) == {"J", "K", "y", "sigma", "X"}
    assert stan["K"] == 2
    assert data.coords == {"group": TRIALS, "covariate": ["dose", "age"]}
    facts = dict(data.overview())
    assert facts["age"] == "38 to 61, mean 48.5"
    assert facts["largest standard error"] == 0.3
    assert "covariates: dose, age" in repr(data)
    np.testing.assert_array_equal(data.raw(), EFFECT)


@pytest.mark.parametrize("covariates", [(), ("dose",), ("dose", "age")])
def test_it_can_be_built_again(covariates: tuple[str, ...], tmp_path: Path) -> None:
    data = read(covariates)
    frame = data.to_frame()
    assert list(frame.columns) == ["trial", "y", "se", *covariates]
    names = {"study": "trial", "estimate": "y", "se": "se"}
    assert studies(frame, **names, covariates=covariates) == data
    frame.to_csv(tmp_path / "mine.csv", index=False)
    again = studies(tmp_path / "mine.csv", **names, covariates=covariates)
    assert again == data
    assert restore("studies", data.to_stan(), data.coords, "x") == data
    missing = {k: v for k, v in data.to_stan().items() if np.size(v)}
    assert restore("studies", missing, data.coords, "x") == data
    assert pickle.loads(pickle.dumps(data)) == data


def test_without_covariates_or_labels() -> None:
    data = studies(table(), study=None, estimate="y", se="se")
    assert data.labels == ("1", "2", "3", "4", "5", "6")
    assert data.X.shape == (6, 0)
    assert data.to_stan()["K"] == 0
    assert read("dose").covariates == ("dose",)


def changed(row: int, value: Any, of: list[Any]) -> list[Any]:
    return [value if i == row else old for i, old in enumerate(of)]


BAD = {
    "missing estimate": ({"y": changed(1, None, EFFECT)}, ["row 2", "'b'", "missing"]),
    "infinite": ({"y": changed(0, np.inf, EFFECT)}, ["row 1", "infinite"]),
    "zero se": ({"se": changed(3, 0.0, SE)}, ["row 4", "'se'", "zero"]),
    "negative se": ({"se": changed(3, -1.0, SE)}, ["row 4", "negative"]),
    "label twice": ({"trial": changed(4, "a", TRIALS)}, ["row 5", "also that of"]),
    "no label": ({"trial": changed(4, "", TRIALS)}, ["row 5", "empty"]),
    "missing covariate": (
        {"age": changed(2, None, AGE)},
        ["row 3", "'age'", "missing"],
    ),
    "text": ({"dose": changed(2, "high", DOSE)}, ["row 3", "'dose'", "'high' is text"]),
    "boolean": ({"dose": [True, False] * 3}, ["boolean"]),
    "constant": ({"dose": [2.0] * 6}, ["'dose' is 2 in every study", "mean effect"]),
    "collinear": (
        {"age": [3.0 + 2.0 * d for d in DOSE]},
        ["'age' is a linear function of 'dose'", "cannot be told apart"],
    ),
    "short": ({"age": AGE[:5]}, ["differ in length"]),
    "few": (
        {name: values[:3] for name, values in table().items()},
        ["3 studies and 2 covariates", "at least 4"],
    ),
    "one": ({name: values[:1] for name, values in table().items()}, ["at least 4"]),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_words(fault: str) -> None:
    columns, words = BAD[fault]
    with pytest.raises(DataError) as caught:
        read(**columns)
    assert [word for word in words if word not in str(caught.value)] == []


def test_columns_must_be_there_and_differ() -> None:
    with pytest.raises(DataError, match="no column 'x' for the covariate"):
        read(("x",))
    with pytest.raises(DataError, match="'dose' is given twice, for covariates"):
        read(("dose", "dose"))
    with pytest.raises(DataError, match="'se' is given twice, for se and covariates"):
        read(("se",))
    base = {"y": EFFECT[:5], "se": SE[:5], "age": AGE}
    with pytest.raises(DataError, match="'age' has 6 rows; legal: 5"):
        studies(base, study=None, estimate="y", se="se", covariates="age")
    with pytest.raises(DataError, match="shapes"):
        Studies(labels=("a", "b"), y=[1, 2], sigma=[1, 1], X=[[1.0], [2.0]])


# --- the bundled trials


def test_bcg_is_what_was_published() -> None:
    data, info = hb.datasets.load("bcg"), hb.datasets.describe("bcg")
    assert (data.J, data.covariates) == (13, ("latitude",))
    cases = np.array(info.extra["vaccinated_cases"])
    # A risk ratio and its confidence interval that reports print: trial 8.
    eighth = data.labels.index("TPT Madras 1980")
    assert np.exp(data.y[eighth]) == pytest.approx(1.01, abs=0.005)
    assert cases.sum() == 1065
    reml = classical_meta(data, {"latitude": 33.46}, 0.95).table["reml"]
    # Viechtbauer (2010), doi:10.18637/jss.v036.i03, prints these.
    assert reml["intercept"] == pytest.approx(0.2515, abs=5e-4)
    assert reml["beta[latitude]"] == pytest.approx(-0.0291, abs=5e-5)
    assert reml["tau2"] == pytest.approx(0.0764, abs=1e-4)
    assert reml["i2"] == pytest.approx(0.6839, abs=2e-3)
    assert reml["tau2_reduction"] == pytest.approx(0.7562, abs=2e-3)
    plain = _studies(
        hb.data.GroupEstimates(labels=data.labels, y=data.y, sigma=data.sigma)
    )
    table = classical_meta(plain, {}, 0.95)
    assert table.table.loc["mu", "reml"] == pytest.approx(-0.7145, abs=1e-4)
    assert table.table.loc["tau2", "reml"] == pytest.approx(0.3132, abs=1e-3)
    assert table.q == pytest.approx(152.2330, abs=1e-3)
    assert table.df == 12


# --- without a prior, against formulas and another optimiser


def test_typical_variance_is_the_one_that_splits_q() -> None:
    data = read()
    w = np.diag(1 / np.array(SE) ** 2)
    design = np.column_stack([np.ones(6), data.X])
    inner = np.linalg.inv(design.T @ w @ design)
    projected = w - w @ design @ inner @ design.T @ w
    wanted = 3 / np.trace(projected)
    assert typical_variance(data.sigma, data.X) == pytest.approx(wanted, rel=1e-9)
    none = np.empty((6, 0))
    assert typical_variance(np.array(SE), none) == pytest.approx(
        classical.typical_variance(np.array(SE) ** 2), rel=1e-12
    )


def restricted(tau2: float, data: Studies) -> float:
    """The restricted log likelihood, but for a constant."""
    v = np.array(data.sigma) ** 2 + tau2
    design = np.column_stack([np.ones(data.J), data.X])
    inner = design.T @ (design / v[:, None])
    beta = np.linalg.solve(inner, design.T @ (data.y / v))
    rest = data.y - design @ beta
    return float(
        -0.5 * (np.log(v).sum() + np.linalg.slogdet(inner)[1] + (rest**2 / v).sum())
    )


@pytest.mark.parametrize("covariates", [(), ("dose",), ("dose", "age")])
def test_reml_and_prediction(covariates: tuple[str, ...]) -> None:
    data = read(covariates, y=[0.3, -0.8, 0.9, 0.2, 0.9, 1.4])
    at = dict.fromkeys(covariates, 3.0)
    got = classical_meta(data, at, 0.9)
    best = optimize.minimize_scalar(
        lambda x: -restricted(np.exp(x), data), bounds=(-12, 3), method="bounded"
    )
    tau2 = float(np.exp(best.x))
    row = got.table["reml"]
    assert row["tau2"] == pytest.approx(tau2, rel=1e-3)
    assert row["tau"] == pytest.approx(np.sqrt(tau2), rel=1e-3)
    v = np.array(data.sigma) ** 2 + tau2
    design = np.column_stack([np.ones(6), data.X])
    cov = np.linalg.inv(design.T @ (design / v[:, None]))
    beta = cov @ design.T @ (data.y / v)
    if covariates:
        assert row["intercept"] == pytest.approx(beta[0], abs=2e-3)
        assert row["beta[dose]"] == pytest.approx(beta[1], abs=2e-3)
    where = np.array([1.0, *at.values()])
    assert row["theta_new"] == pytest.approx(where @ beta, abs=5e-3)
    rest = data.y - design @ beta
    df = 6 - design.shape[1]
    scale = (rest**2 / v).sum() / df
    half = stats.t.ppf(0.95, df - 1) * np.sqrt(tau2 + scale * where @ cov @ where)
    width = got.table.loc["theta_new", ["reml_lower", "reml_upper"]].diff().iloc[-1]
    assert width == pytest.approx(2 * half, rel=5e-3)


def test_units_do_not_matter() -> None:
    """Effects in thousandths, covariates in thousands: the same analysis."""
    a, b = (
        read(),
        read(
            y=[1e3 * v for v in EFFECT],
            se=[1e3 * v for v in SE],
            dose=[1e-3 * v for v in DOSE],
        ),
    )
    at = {"dose": 2.0, "age": 50.0}
    one = classical_meta(a, at, 0.9).table
    two = classical_meta(b, {**at, "dose": 2e-3}, 0.9).table
    for row, factor in (("mu", 1e3), ("tau2", 1e6), ("i2", 1), ("beta[dose]", 1e6)):
        np.testing.assert_allclose(two.loc[row], factor * one.loc[row], rtol=1e-6)
    np.testing.assert_allclose(
        two.loc["theta_new"], 1e3 * one.loc["theta_new"], rtol=1e-6
    )


def test_other_kinds_are_refused() -> None:
    with pytest.raises(DataError, match="kind 'binomial'; legal: 'studies'"):
        _studies("surgical")


# --- the simulator


class Fixed:
    """A prior that always draws one value."""

    def __init__(self, value: float) -> None:
        self.value = value

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return np.full(size, self.value)


def test_simulated_effects_lie_around_the_line() -> None:
    data = read()
    priors: Any = {"mu": Fixed(0.5), "beta_std": Fixed(0.3), "tau": Fixed(0.2)}
    rng, stan = np.random.default_rng(1), data.to_stan()
    draws = [META_REGRESSION.parameters(priors, stan, rng) for _ in range(4000)]
    one = draws[0]
    Z = (data.X - data.X.mean(axis=0)) / data.X.std(axis=0, ddof=1)
    expected = 0.5 + Z @ np.array([0.3, 0.3])
    np.testing.assert_allclose(one["expected"], expected)
    np.testing.assert_allclose(one["intercept"] + data.X @ one["beta"], expected)
    np.testing.assert_allclose(one["theta"], expected + 0.2 * one["z"])
    theta = np.array([draw["theta"] for draw in draws])
    assert np.abs(theta.mean(0) - expected).max() < 4 * 0.2 / np.sqrt(4000)
    assert np.abs(theta.std(0) / 0.2 - 1).max() < 4 / np.sqrt(8000)
    y = np.array([META_REGRESSION.outcomes(d, stan, rng)["y"] for d in draws])
    shocks = (y - theta) / np.array(SE)
    assert stats.kstest(shocks.reshape(-1), "norm").pvalue > 0.001
    given = {"theta": theta[:3]}
    got = META_REGRESSION.log_likelihood(given, stan)
    wanted = stats.norm.logpdf(EFFECT, theta[:3], SE).sum(axis=1)
    np.testing.assert_allclose(got, wanted)


def test_default_priors_follow_the_unit() -> None:
    model = hb.models.get("meta_regression")
    a = resolve_priors(model, read())
    b = resolve_priors(model, read(y=[10 * v for v in EFFECT], se=[10 * v for v in SE]))
    for name, chosen in a.items():
        scale = chosen.prior.args[-1]
        assert b[name].prior.args[-1] == pytest.approx(10 * scale, rel=0.06)
    assert list(a) == ["mu", "beta_std", "tau"]
