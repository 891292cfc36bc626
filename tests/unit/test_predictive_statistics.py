"""Test statistics against other implementations, p-values against counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency, kstest

import hbstan as hb
from hbstan import models, simulate
from hbstan.errors import SettingsError
from hbstan.predictive.pvalues import monte_carlo_error, p_values
from hbstan.predictive.statistics import choose, evaluate, statistics_for

SURGICAL = hb.datasets.load("surgical")


def values(y: Any, design: dict[str, Any], kind: str = "binomial") -> dict[str, float]:
    design = {key: np.asarray(v) for key, v in design.items()}
    y = np.asarray(y)[None]
    return {s.name: float(evaluate(s, y, design)[0]) for s in statistics_for(kind)}


# -- statistics


def test_the_surgical_data_have_the_published_statistics() -> None:
    found = values(SURGICAL.y, {"n": SURGICAL.n})
    assert found["total"] == 208
    assert round(found["between_group_variance"], 5) == 0.00135
    assert round(found["max"], 4) == 0.1442
    assert found["min"] == 0
    assert round(found["coefficient_of_variation"], 3) == 0.499
    assert found["zero_event_groups"] == 1
    # The other divisor would not give the published variance.
    rates = SURGICAL.y / SURGICAL.n
    assert round(rates.var(ddof=1), 5) != 0.00135


def test_dispersion_is_the_chi_square_of_the_table() -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(5, 300, 9)
    y = rng.binomial(n, rng.uniform(0.1, 0.9, 9))
    expected = chi2_contingency(np.array([y, n - y]), correction=False).statistic / 8
    assert values(y, {"n": n})["dispersion"] == pytest.approx(expected, rel=1e-12)
    assert values(y[::-1], {"n": n})["dispersion"] != pytest.approx(expected, rel=1e-3)


def test_normal_statistics_by_loops() -> None:
    y, sigma = [3.0, -1.0, 4.5, 0.5], [1.0, 2.0, 0.5, 1.5]
    found = values(y, {"sigma": sigma}, "normal")
    weights = [s**-2 for s in sigma]
    centre = sum(w * v for w, v in zip(weights, y, strict=True)) / sum(weights)
    q = sum(w * (v - centre) ** 2 for w, v in zip(weights, y, strict=True))
    assert found["dispersion"] == pytest.approx(q / 3)
    mean = sum(y) / 4
    assert found["mean"] == pytest.approx(mean)
    assert found["variance"] == pytest.approx(sum((v - mean) ** 2 for v in y) / 4)
    assert (found["max"], found["min"]) == (4.5, -1.0)


def test_groups_without_trials_do_not_count() -> None:
    n, y = [10, 0, 20, 0], [0, 0, 4, 0]
    assert values(y, {"n": n}) == values([0, 4], {"n": [10, 20]})
    assert values(y, {"n": n})["zero_event_groups"] == 1


@pytest.mark.parametrize("all_events", [False, True])
def test_statistics_are_finite_where_nothing_varies(all_events: bool) -> None:
    n = np.array([3, 8])
    found = values(n * all_events, {"n": n})
    assert found["dispersion"] == found["coefficient_of_variation"] == 0
    assert found["zero_event_groups"] == (0 if all_events else 2)


def test_one_group_has_no_statistics_of_variation() -> None:
    assert [s.name for s in choose("binomial", 1)] == [
        "total",
        "max",
        "min",
        "zero_event_groups",
    ]
    assert len(choose("binomial", 2)) == 7


def test_own_statistics_are_added_and_names_select() -> None:
    def median(y: Any, design: Any) -> Any:
        return np.median(y / design["n"], axis=1)

    chosen = choose("binomial", 3, {"median": median})
    assert [s.name for s in chosen][-1] == "median"
    assert len(chosen) == 8
    assert [s.name for s in choose("normal", 3, ["max", "mean"])] == ["max", "mean"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (["median"], "no statistic 'median'"),
        ("median", "no statistic 'median'"),
        ({"max": np.max}, "built-in"),
        ({"coverage": np.max}, "built-in"),
        ({"one": 1}, "must be a function"),
    ],
)
def test_wrong_choices_are_refused(choice: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        choose("binomial", 3, choice)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda y, design: y, r"shape \(5, 2\)"),
        (lambda y, design: 1.0, r"shape \(\)"),
        (lambda y, design: np.full(len(y), np.nan), "is nan"),
    ],
)
def test_wrong_results_are_refused(function: Any, message: str) -> None:
    (s,) = choose("normal", 2, {"own": function})[-1:]
    with pytest.raises(SettingsError, match=message):
        evaluate(s, np.zeros((5, 2)), {"sigma": np.ones(2)})


# -- p-values


def test_p_values_count_ties_as_defined() -> None:
    found = p_values(2.0, np.array([[0.0, 1, 2, 2], [2, 3, 4, 5]]))
    assert found["p_upper"] == 6 / 8
    assert found["p_lower"] == 5 / 8
    assert found["p_mid"] == 3 / 8 + 1.5 / 8
    assert found["p_two_sided"] == pytest.approx(2 * (1 - found["p_mid"]))
    assert found["percentile"] == pytest.approx(100 * (2 / 8 + 1.5 / 8))
    middle = p_values(1.0, np.array([[0.0, 1, 2]]))
    assert middle["p_two_sided"] == 1


def test_rounding_decides_no_tie() -> None:
    found = p_values(0.3, np.array([[0.1 + 0.2] * 4]))
    assert found["p_mid"] == 0.5
    assert p_values(0.3, np.array([[0.3 + 1e-6] * 4]))["p_mid"] == 1


def test_monte_carlo_error_of_independent_draws_is_binomial() -> None:
    draws = np.zeros((1, 1000))
    draws[0, :200] = 1
    expected = np.sqrt(0.2 * 0.8 / 1000)
    assert monte_carlo_error(draws, independent=True) == pytest.approx(expected)
    assert monte_carlo_error(np.ones((4, 100))) == pytest.approx(1 / 402)


def test_monte_carlo_error_allows_for_autocorrelation() -> None:
    rng = np.random.default_rng(3)
    rho, chains, draws, runs = 0.8, 4, 500, 60
    noise = rng.normal(0, np.sqrt(1 - rho**2), (runs, chains, draws))
    x = np.empty_like(noise)
    x[..., 0] = rng.normal(0, 1, (runs, chains))
    for t in range(1, draws):
        x[..., t] = rho * x[..., t - 1] + noise[..., t]
    above = x > 0.5
    actual = above.mean(axis=(1, 2)).std(ddof=1)
    estimated = np.mean([monte_carlo_error(run) for run in above])
    plain = np.mean([monte_carlo_error(run, independent=True) for run in above])
    # The actual one is known to 1 / sqrt(2 * 59) = 9 %.
    assert abs(estimated / actual - 1) < 0.3
    assert plain / actual < 0.6


# -- calibration: replicates from the prior predictive distribution


def mid_p(name: str, truth: dict[str, Any]) -> Any:
    """Mid-p values of data from one prior among replicates from another."""
    model = models.get("logit_noncentered")
    assumed = {"mu": hb.Normal(-2.5, 1.0), "tau": hb.HalfNormal(1.0)}
    rng = np.random.default_rng(11)
    design = {"n": SURGICAL.n}
    statistic = {s.name: s for s in statistics_for("binomial")}[name]

    def statistics(priors: Any, size: int) -> Any:
        draws = simulate.draw_prior(model, priors, 12, rng, size)
        y = simulate.draw_data(model, draws, design, rng)
        return evaluate(statistic, y, design)

    reference = statistics(assumed, 20_000)[None]
    data = statistics({**assumed, **truth}, 300)
    return np.array([p_values(t, reference, independent=True)["p_mid"] for t in data])


@pytest.mark.parametrize(
    "name", ["total", "between_group_variance", "max", "dispersion"]
)
def test_p_values_are_uniform_under_the_true_model(name: str) -> None:
    assert kstest(mid_p(name, {}), "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("total", {"mu": hb.Normal(-1.5, 1.0)}),
        ("between_group_variance", {"tau": hb.HalfNormal(3.0)}),
        ("dispersion", {"tau": hb.HalfNormal(0.3)}),
    ],
)
def test_p_values_of_a_wrong_model_are_not(name: str, truth: dict[str, Any]) -> None:
    assert kstest(mid_p(name, truth), "uniform").pvalue < 1e-6
