"""Shrinkage against closed forms, and its correlations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from predictive_fits import CHAINS, beta_fit, names, normal_fit, tree_fit
from scipy import stats
from scipy.special import expit, logit

from hbstan.errors import FitError
from hbstan.fit import Fit
from hbstan.pooling import population as populations
from hbstan.pooling import shrinkage
from hbstan.pooling.correlations import correlation

Y = np.array([1.0, 4.0, -2.0, 0.5, 7.0, -6.0])
SIGMA = np.array([1.0, 2.0, 1.5, 0.5, 3.0, 0.8])
EVENTS = np.array([0, 18, 8, 46, 20, 9])
TRIALS = np.array([47, 148, 119, 810, 20, 90])
SHAPE = (CHAINS, 1000)


def fit_of(model: str, posterior: dict[str, Any], **kwargs: Any) -> Fit:
    normal = model.startswith("eight")
    y, size = (Y, {"sigma": SIGMA}) if normal else (EVENTS, {"n": TRIALS})
    observed = {"observed_data": {"y": y}, "constant_data": size}
    groups = {"posterior": posterior, **observed}
    return tree_fit(model, names(y.size), groups, **kwargs)


def logit_fit(**kwargs: Any) -> Fit:
    rng = np.random.default_rng(2)
    theta = rng.normal(logit((EVENTS + 1) / (TRIALS + 3)), 0.2, (*SHAPE, 6))
    mu = rng.normal(-2.0, 0.1, SHAPE)
    posterior = {
        "mu": mu,
        "tau": np.full(SHAPE, 0.5),
        "theta": theta,
        "p": expit(theta),
        "p_pop_mean": expit(mu) * 1.1,
    }
    return fit_of("logit_noncentered", posterior, **kwargs)


def test_normal_factors_equal_the_closed_form() -> None:
    tau = 1.5
    table = shrinkage(normal_fit(Y, SIGMA, tau)).table
    exact = SIGMA**2 / (SIGMA**2 + tau**2)
    assert table["closed_form"].to_numpy() == pytest.approx(exact)
    errors = (table["factor"] - exact) / table["factor_mcse"]
    assert (errors.abs() < 4.5).all(), errors
    assert (table["factor_mcse"] < 0.05).all()
    # Another tau is noticed.
    other = SIGMA**2 / (SIGMA**2 + 1.0)
    assert ((table["factor"] - other).abs() > 4.5 * table["factor_mcse"]).any()


def test_monte_carlo_errors_are_those_of_repetitions() -> None:
    tables = [
        shrinkage(normal_fit(Y, SIGMA, 1.5, draws=200, seed=s)).table for s in range(30)
    ]
    spread = np.std([t["factor"] for t in tables], axis=0, ddof=1)
    claimed = np.mean([t["factor_mcse"] for t in tables], axis=0)
    assert (abs(spread / claimed - 1) < 0.5).all(), spread / claimed


def test_the_closed_form_is_averaged_over_draws() -> None:
    rng = np.random.default_rng(4)
    tau, mu = np.abs(rng.normal(0, 2, SHAPE)), rng.normal(0, 1, SHAPE)
    weight = SIGMA**2 / (SIGMA**2 + tau[..., None] ** 2)
    theta = weight * mu[..., None] + (1 - weight) * Y
    posterior = {"mu": mu, "tau": tau, "theta": theta}
    table = shrinkage(fit_of("eight_schools_centered", posterior)).table
    assert table["closed_form"].to_numpy() == pytest.approx(weight.mean((0, 1)))
    # With conditional means for draws, the factor is exact at every draw.
    moved = (weight * (Y - mu[..., None])).mean((0, 1)) / (Y - mu.mean())
    assert table["factor"].to_numpy() == pytest.approx(moved)
    plugged = SIGMA**2 / (SIGMA**2 + tau.mean() ** 2)
    assert table["closed_form"].to_numpy() != pytest.approx(plugged, rel=0.02)


def test_beta_factors_are_linear_in_the_probability() -> None:
    mu, kappa = 0.12, 60.0
    table = shrinkage(beta_fit(TRIALS, EVENTS, mu, kappa)).table
    exact = kappa / (kappa + TRIALS)
    assert set(table["factor_scale"]) == {"probability"}
    assert table["closed_form"].to_numpy() == pytest.approx(exact)
    errors = (table["factor"] - exact) / table["factor_mcse"]
    assert (errors.abs() < 4.5).all(), errors
    assert table["population"].to_numpy() == pytest.approx(np.full(6, mu))


def test_infinite_log_odds_are_compared_as_probabilities() -> None:
    fit = logit_fit()
    table = shrinkage(fit).table
    extreme = (EVENTS == 0) | (EVENTS == TRIALS)
    assert extreme.sum() == 2
    assert (table["factor_scale"] == "probability").to_list() == extreme.tolist()
    assert table.loc[~extreme, "factor_scale"].eq("log-odds").all()
    p = fit.posterior["p"].mean(("chain", "draw")).values
    theta = fit.posterior["theta"].mean(("chain", "draw")).values
    mu = float(fit.posterior["mu"].mean())
    middle = float(fit.posterior["p_pop_mean"].mean())
    raw = EVENTS / TRIALS
    on_p = (raw - p) / (raw - middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        on_theta = (logit(raw) - theta) / (logit(raw) - mu)
    expected = np.where(extreme, on_p, on_theta)
    assert np.isfinite(table["factor"]).all()
    assert table["factor"].to_numpy() == pytest.approx(expected)
    assert on_p[1] != pytest.approx(on_theta[1], rel=0.05)
    assert table["closed_form"].isna().all()
    assert table["raw"].to_numpy() == pytest.approx(raw)
    assert table["shift"].to_numpy() == pytest.approx(p - raw)


def test_groups_near_the_mean_are_not_distinct() -> None:
    table = shrinkage(normal_fit([0.0, 10.0, -10.0, 0.1], [1.0] * 4, 8.0)).table
    assert table["distinct"].to_list() == [False, True, True, False]


def test_unseen_groups_have_no_factor() -> None:
    got = shrinkage(logit_fit(held_out=("g3",)))
    assert got.table["seen"].to_list() == [True, True, True, False, True, True]
    assert got.table["factor"].isna().to_list() == [False] * 3 + [True] + [False] * 2
    assert got.correlations.loc[("shift", "size"), "n"] == 5
    posterior = {k: v.values for k, v in logit_fit().posterior.data_vars.items()}
    trials = TRIALS.copy()
    trials[0] = 0
    data = {"observed_data": {"y": EVENTS}, "constant_data": {"n": trials}}
    groups = {"posterior": posterior, **data}
    table = shrinkage(tree_fit("logit_centered", names(6), groups)).table
    missing = table.loc["g0", ["raw", "shift", "factor", "raw_error"]]
    assert missing.isna().all()
    json.dumps(got.record(), allow_nan=False)


def test_what_goes_with_shrinkage() -> None:
    got = shrinkage(logit_fit())
    t = got.table
    drivers = {
        "size": t["trials"],
        "extremity": (t["raw"] - t["population"]).abs(),
        "uncertainty": np.sqrt(1 / (EVENTS + 0.5) + 1 / (TRIALS - EVENTS + 0.5)),
    }
    for name, x in drivers.items():
        row = got.correlations.loc[("shift", name)]
        found = stats.pearsonr(t["shift"].abs(), x)
        interval = found.confidence_interval(0.95)
        assert row["pearson"] == pytest.approx(found.statistic)
        assert row["pearson_lower"] == pytest.approx(interval.low)
        assert row["pearson_upper"] == pytest.approx(interval.high)
        rank = stats.spearmanr(t["shift"].abs(), x).statistic
        assert row["spearman"] == pytest.approx(rank)
    distinct = t[t["distinct"]]
    assert 4 <= len(distinct) < 6
    row = got.correlations.loc[("factor", "size")]
    assert row["n"] == len(distinct)
    found = stats.pearsonr(distinct["factor"], distinct["trials"]).statistic
    assert row["pearson"] == pytest.approx(found)
    normal = shrinkage(normal_fit(Y, SIGMA, 1.5)).correlations
    assert set(normal.index.get_level_values("driver")) == {"extremity", "uncertainty"}


def test_intervals_of_rank_correlations_cover() -> None:
    rng, rho, n = np.random.default_rng(5), 0.7, 12
    truth = 6 / np.pi * np.arcsin(rho / 2)
    pairs = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], (400, n))
    inside = narrow = 0
    for pair in pairs:
        found = correlation(pd.Series(pair[:, 0]), pd.Series(pair[:, 1]))
        inside += found["spearman_lower"] <= truth <= found["spearman_upper"]
        middle = np.arctanh(found["spearman"])
        half = (np.arctanh(found["spearman_upper"]) - middle) / 2
        narrow += abs(np.arctanh(truth) - middle) < half
    # 400 repetitions know 0.95 to 0.011.
    assert 0.905 < inside / 400 < 0.985
    # Half the width does not.
    assert narrow / 400 < 0.8


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_order_is_not_certain(sign: int) -> None:
    x = pd.Series(np.arange(8.0))
    found = correlation(x, sign * x**3)
    assert found["spearman"] == sign
    bounds = sorted((sign * found["spearman_lower"], sign * found["spearman_upper"]))
    assert bounds[1] == 1
    assert 0.5 < bounds[0] < 0.95


@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0]])
def test_no_correlation_of_too_little(x: list[float]) -> None:
    found = correlation(pd.Series(x), pd.Series(np.arange(float(len(x)))))
    assert found.pop("n") == len(x)
    assert np.isnan(list(found.values())).all()


def test_what_cannot_be_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = {k: v.values for k, v in logit_fit().posterior.data_vars.items()}
    without = {k: v for k, v in posterior.items() if k != "p_pop_mean"}
    with pytest.raises(FitError, match="no p_pop_mean"):
        shrinkage(fit_of("logit_centered", without))
    bare = {k: posterior[k] for k in ("mu", "tau", "p_pop_mean")}
    with pytest.raises(FitError, match="no draws by group named p or theta"):
        shrinkage(fit_of("logit_centered", bare))
    groups = {"posterior": posterior, "observed_data": {"y": EVENTS}}
    with pytest.raises(FitError, match="not fitted to grouped data"):
        shrinkage(tree_fit("logit_centered", names(6), groups))
    monkeypatch.setattr(populations, "FAMILIES", {})
    with pytest.raises(FitError, match="no population"):
        shrinkage(logit_fit())
