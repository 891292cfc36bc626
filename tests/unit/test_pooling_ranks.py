"""Ranks by brute force, exceedance against normal probabilities."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from predictive_fits import CHAINS, beta_fit, names, tree_fit
from scipy.signal import lfilter
from scipy.special import expit, logit
from scipy.stats import norm

from hbstan.errors import FitError, SettingsError
from hbstan.fit import Fit
from hbstan.pooling import exceedance, group_ranks

MEANS = np.array([0.0, 1.0, -0.5, 2.0])
SHAPE = (CHAINS, 500)
SIZE = CHAINS * 500


def theta_of(seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(MEANS, 1.0, (*SHAPE, MEANS.size))


def normal(theta: Any, model: str = "eight_schools_centered") -> Fit:
    count = theta.shape[2]
    groups = {
        "posterior": {"theta": theta},
        "observed_data": {"y": np.zeros(count)},
        "constant_data": {"sigma": np.ones(count)},
    }
    return tree_fit(model, names(count), groups)


def binomial(theta: Any) -> Fit:
    count = theta.shape[2]
    groups = {
        "posterior": {"theta": theta},
        "observed_data": {"y": np.ones(count, dtype=int)},
        "constant_data": {"n": np.full(count, 9)},
    }
    return tree_fit("logit_centered", names(count), groups)


def brute(theta: Any, best: str) -> Any:
    """P(rank = r) by sorting a list at each draw."""
    flat = theta.reshape(-1, theta.shape[2])
    counts = np.zeros((theta.shape[2], theta.shape[2]))
    for draw in flat:
        order = sorted(
            range(draw.size), key=lambda j: draw[j], reverse=best == "highest"
        )
        for place, group in enumerate(order):
            counts[group, place] += 1
    return counts / len(flat)


@pytest.mark.parametrize("best", ["lowest", "highest"])
def test_rank_probabilities_equal_brute_force(best: str) -> None:
    theta = theta_of()
    got = group_ranks(normal(theta), best=best, k=2)
    expected = brute(theta, best)
    other = brute(theta, "lowest" if best == "highest" else "highest")
    matrix = got.probabilities.to_numpy()
    assert matrix == pytest.approx(expected)
    assert matrix != pytest.approx(other, abs=0.05)
    assert matrix.sum(0) == pytest.approx(np.ones(4))
    assert matrix.sum(1) == pytest.approx(np.ones(4))
    ranks = np.arange(1, 5)
    t = got.table
    assert t["expected"].to_numpy() == pytest.approx(expected @ ranks)
    assert t["p_best"].to_numpy() == pytest.approx(expected[:, 0])
    assert t["p_worst"].to_numpy() == pytest.approx(expected[:, -1])
    assert t["p_top"].to_numpy() == pytest.approx(expected[:, :2].sum(1))
    assert t["p_bottom"].to_numpy() == pytest.approx(expected[:, 2:].sum(1))


def test_which_of_two_normals_is_larger() -> None:
    theta = np.random.default_rng(2).normal([0.0, 0.7], [1.0, 2.0], (*SHAPE, 2))
    t = group_ranks(normal(theta), best="highest", k=1).table
    exact = norm.cdf(0.7 / np.sqrt(5))
    assert abs(t.loc["g1", "p_best"] - exact) < 4 * t.loc["g1", "mcse_best"]
    assert t.loc["g1", "mcse_best"] == pytest.approx(
        np.sqrt(exact * (1 - exact) / SIZE), rel=0.2
    )
    assert abs(t.loc["g1", "p_best"] - 0.5) > 4 * t.loc["g1", "mcse_best"]


def test_intervals_of_ranks_hold_what_they_claim() -> None:
    got = group_ranks(normal(theta_of()), ci_prob=0.8)
    for group, row in got.table.iterrows():
        p = got.probabilities.loc[group]
        assert p.loc[: row["lower"] - 1].sum() <= 0.1
        assert p.loc[row["upper"] + 1 :].sum() <= 0.1
        # One rank less on either side would leave more out than allowed.
        assert p.loc[: row["lower"]].sum() >= 0.1
        assert p.loc[row["upper"] :].sum() >= 0.1


def test_events_are_unwanted_unless_told() -> None:
    theta = theta_of()
    assert group_ranks(binomial(theta)).best == "lowest"
    assert group_ranks(normal(theta)).best == "highest"
    low = group_ranks(binomial(theta))
    assert low.table["p_best"].idxmax() == "g2"
    assert low.table["p_worst"].idxmax() == "g3"


def test_ranks_of_probabilities_are_those_of_log_odds() -> None:
    fit = beta_fit([50, 80, 100], [5, 20, 9], 0.1, 20.0)
    p = fit.posterior["p"].values
    assert group_ranks(fit).probabilities.to_numpy() == pytest.approx(
        brute(p, "lowest")
    )


def test_ties_have_no_ranks() -> None:
    theta = theta_of()
    pooled = np.repeat(theta[..., :1], 3, axis=2)
    with pytest.raises(FitError, match="2000 draws") as caught:
        group_ranks(normal(pooled, "pooled"))
    assert "pooled" in str(caught.value.remedy)
    theta[0, 3, 1] = theta[0, 3, 2]
    with pytest.raises(FitError, match="equal in 1 of 2000"):
        group_ranks(normal(theta))
    theta[0, 3, 1] = np.nan
    with pytest.raises(FitError, match="not finite"):
        group_ranks(normal(theta))


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"best": "worst"}, "best is 'worst'"),
        ({"k": 0}, "k is 0"),
        ({"k": 5}, "from 1 to 4"),
        ({"k": 1.0}, "k is 1.0"),
        ({"k": True}, "k is True"),
        ({"ci_prob": 1.0}, "ci_prob is 1.0"),
    ],
)
def test_illegal_settings_of_ranks(kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        group_ranks(normal(theta_of()), **kwargs)


def test_results_are_json_ready() -> None:
    fit = binomial(theta_of())
    ranks, above = group_ranks(fit), exceedance(fit, 0.5)
    record = json.loads(json.dumps(ranks.record(), allow_nan=False))
    assert record["groups"][0]["group"] == "g0"
    assert np.array(record["probabilities"]) == pytest.approx(
        ranks.probabilities.to_numpy()
    )
    record = json.loads(json.dumps(above.record(), allow_nan=False))
    assert record["scale"] == "probability"
    assert "worst is g3" in repr(ranks)


# -- exceedance


def test_exceedance_equals_the_normal_probability() -> None:
    t = exceedance(normal(theta_of()), 0.5).table
    exact = norm.sf(0.5, MEANS)
    assert ((t["probability"] - exact).abs() < 4 * t["mcse"]).all()
    plain = np.sqrt(exact * (1 - exact) / SIZE)
    assert t["mcse"].to_numpy() == pytest.approx(plain, rel=0.25)
    assert t["mean"].to_numpy() == pytest.approx(theta_of().mean((0, 1)))
    other = norm.sf(0.8, MEANS)
    assert ((t["probability"] - other).abs() > 4 * t["mcse"]).all()


def test_autocorrelated_draws_have_larger_errors() -> None:
    # A first-order autoregression; that of its indicator at the mean is smaller,
    # 2 / pi * arcsin(0.9^k), and integrates to a variance 11 times the independent one.
    rho, shape = 0.9, (CHAINS, 4000, 2)
    noise = np.random.default_rng(6).normal(0, np.sqrt(1 - rho**2), shape)
    theta = lfilter([1.0], [1.0, -rho], noise, axis=1)
    t = exceedance(normal(theta), 0.0).table
    lags = 2 / np.pi * np.arcsin(rho ** np.arange(1, 400))
    exact = np.sqrt(0.25 / (CHAINS * 4000) * (1 + 2 * lags.sum()))
    assert t["mcse"].to_numpy() == pytest.approx([exact, exact], rel=0.25)
    assert ((t["probability"] - 0.5).abs() < 4 * t["mcse"]).all()


def test_scales_are_the_same_question() -> None:
    fit = binomial(theta_of())
    by_p = exceedance(fit, 0.3).table
    by_odds = exceedance(fit, float(logit(0.3)), scale="log-odds").table
    assert by_p["probability"].equals(by_odds["probability"])
    assert by_p["mean"].to_numpy() == pytest.approx(expit(theta_of()).mean((0, 1)))
    assert by_odds["mean"].to_numpy() == pytest.approx(theta_of().mean((0, 1)))


def test_chosen_groups() -> None:
    fit = normal(theta_of())
    whole = exceedance(fit, 1.0).table
    some = exceedance(fit, 1.0, groups=["g3", "g0", "g3"]).table
    assert some.index.to_list() == ["g3", "g0"]
    assert some.equals(whole.loc[["g3", "g0"]])
    assert exceedance(fit, 1.0, groups="g1").table.index.to_list() == ["g1"]


def test_agreement_of_all_draws_is_not_certainty() -> None:
    t = exceedance(normal(theta_of()), 100.0).table
    assert (t["probability"] == 0).all()
    assert t["mcse"].to_numpy() == pytest.approx(np.full(4, 1 / (SIZE + 2)))


@pytest.mark.parametrize(
    ("make", "args", "error", "words"),
    [
        (binomial, (1.5,), SettingsError, "threshold is 1.5.*between 0 and 1"),
        (binomial, (0.0,), SettingsError, "threshold is 0.0"),
        (binomial, ("high",), SettingsError, "threshold is 'high'"),
        (binomial, (0.1, None, "odds"), SettingsError, "'probability', 'log-odds'"),
        (normal, (0.1, None, "probability"), SettingsError, "scale of the estimates"),
        (normal, (float("inf"),), SettingsError, "that is finite"),
        (normal, (0.1, ["g9"]), FitError, r"\['g9'\].*g0, g1"),
        (normal, (0.1, []), FitError, "names nothing"),
    ],
)
def test_illegal_questions(
    make: Any, args: tuple[Any, ...], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        exceedance(make(theta_of()), *args)


def test_the_top_of_two_groups() -> None:
    fit = normal(theta_of()[..., :2])
    assert group_ranks(fit).k == 2
    assert group_ranks(normal(theta_of())).k == 3
