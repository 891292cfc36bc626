"""Comparison against brute force, closed forms and ArviZ, on made densities."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from predictive_fits import beta_fit, normal_fit
from scipy import stats

from hbstan.compare import (
    Comparison,
    average,
    compare,
    pseudo_bma_weights,
    stacking_weights,
)
from hbstan.errors import DataError, FitError, ModelError, SettingsError
from hbstan.fit import Fit
from hbstan.loo import LEAVE_ONE_OUT, LooResult

RNG = np.random.default_rng(1)
TWELVE = RNG.normal(-3, 1, (12, 1)) + RNG.normal(0, 0.6, (12, 3))


def result(elpd: Any, mcse: float = 0.01, **changes: Any) -> LooResult:
    """Return a result with these densities."""
    elpd = np.asarray(elpd, dtype=float)
    index = pd.Index([f"g{i}" for i in range(elpd.size)], name="group")
    columns = {"elpd": elpd, "lpd": elpd + 0.2, "p": 0.2, "k": 0.3, "mcse": mcse}
    values: dict[str, Any] = {
        "model": "made",
        "method": "psis",
        "target": LEAVE_ONE_OUT,
        "data_name": "twelve",
        "data_hash": "abc",
        "table": pd.DataFrame({**columns, "method": "psis"}, index=index),
        "good_k": 0.7,
        **changes,
    }
    return LooResult(**values)


def results(elpd: np.ndarray = TWELVE) -> dict[str, LooResult]:
    return {f"m{i}": result(column) for i, column in enumerate(elpd.T)}


def log_score(elpd: np.ndarray, weights: np.ndarray) -> Any:
    """Return the mean log density of mixtures, one per row of weights."""
    return np.log(np.exp(elpd) @ np.atleast_2d(weights).T).mean(axis=0)


def simplex(step: float) -> np.ndarray:
    """Return a grid of weights of three models."""
    first, second = np.meshgrid(*[np.arange(0, 1 + step / 2, step)] * 2)
    inside = first + second <= 1 + 1e-12
    a, b = first[inside], second[inside]
    return np.column_stack([a, b, np.maximum(1 - a - b, 0)])


@pytest.mark.parametrize("seed", range(5))
def test_stacking_finds_the_maximum_that_a_grid_finds(seed: int) -> None:
    elpd = TWELVE + np.random.default_rng(seed).normal(0, 0.8, TWELVE.shape)
    weights = stacking_weights(elpd)
    grid = simplex(0.005)
    scores = log_score(elpd, grid)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert log_score(elpd, weights)[0] >= scores.max() - 1e-9
    assert abs(weights - grid[scores.argmax()]).max() < 0.01
    # What must fail: weights that are a little off score less than the grid.
    assert log_score(elpd, np.roll(weights, 1))[0] < scores.max() - 1e-6


def test_stacking_splits_between_models_that_know_different_groups() -> None:
    # Odd groups are known to one, even groups to the other: the weights are the
    # shares of groups, 8 and 4 of 12, as densities elsewhere are negligible.
    elpd = np.full((12, 2), -40.0)
    elpd[:8, 0] = elpd[8:, 1] = -1.0
    assert stacking_weights(elpd) == pytest.approx([8 / 12, 4 / 12], abs=1e-4)


def test_stacking_survives_densities_that_underflow() -> None:
    shifted = TWELVE + np.linspace(-2000, 500, 12)[:, None]
    expected = stacking_weights(TWELVE)
    assert stacking_weights(shifted) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("shape", [(12, 2), (300, 6), (5, 8)])
def test_stacking_weights_are_optimal_whatever_the_scale(
    spread: float, shape: tuple[int, int]
) -> None:
    elpd = np.random.default_rng(3).normal(-3, spread, shape)
    density = np.exp(elpd - elpd.max(axis=1, keepdims=True))
    weights = stacking_weights(elpd)
    # The conditions of Karush, Kuhn and Tucker: no model would gain by more weight,
    # and those with weight by no less.
    gain = (density / (density @ weights)[:, None]).mean(axis=0)
    assert gain.max() < 1 + 2e-5
    assert abs(gain[weights > 1e-3] - 1).max() < 1e-3


def test_an_optimiser_that_stops_early_is_found_out(monkeypatch) -> None:
    from scipy import optimize

    stopped = optimize.OptimizeResult(x=np.array([0.0, 0.5, 0.5]))
    monkeypatch.setattr(optimize, "minimize", lambda *a, **k: stopped)
    elpd = np.array([[-1.0, -3, -3], [-1, -3, -4], [-1, -2, -3]])
    with pytest.raises(ModelError, match="below its maximum"):
        stacking_weights(elpd)


def test_weights_agree_with_arviz() -> None:
    elpd = TWELVE + np.array([0.25, 0.0, 0.0])
    stacking, pseudo = (arviz_weights(elpd, m) for m in ("stacking", "bb-pseudo-bma"))
    assert stacking_weights(elpd) == pytest.approx(stacking, abs=0.02)
    ours = pseudo_bma_weights(elpd, np.random.default_rng(1))
    # ArviZ has 1000 bootstraps, we have 4000; a weight's sd is below 0.5.
    assert ours == pytest.approx(pseudo, abs=4 * 0.5 * np.sqrt(1 / 1000 + 1 / 4000))
    assert abs(stacking - pseudo).max() > 0.1


def arviz_weights(elpd: np.ndarray, method: str) -> np.ndarray:
    import arviz_stats
    import xarray as xr
    from arviz_stats import utils

    new = hasattr(utils, "ELPDDataLOO")
    kind = utils.ELPDDataLOO if new else utils.ELPDData
    extra = {} if new else {"kind": "loo"}
    made = {
        str(i): kind(
            elpd=column.sum(),
            se=1.0,
            p=1.0,
            n_samples=1000,
            n_data_points=len(column),
            scale="log",
            warning=False,
            good_k=0.7,
            elpd_i=xr.DataArray(column, dims="group"),
            pareto_k=xr.DataArray(np.zeros(len(column)), dims="group"),
            **extra,
        )
        for i, column in enumerate(elpd.T)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ArviZ's own use of pandas
        table = arviz_stats.compare(
            made, method=method, **({"round_to": "none"} if new else {})
        )
    return table["weight"].reindex(list(made)).to_numpy(float)


def test_pseudo_bma_of_one_group_is_akaikes_weights() -> None:
    # With one group there is nothing to bootstrap.
    elpd = np.array([[-1.0, -2.0, -4.0]])
    expected = np.exp(elpd[0]) / np.exp(elpd[0]).sum()
    rng = np.random.default_rng(1)
    assert pseudo_bma_weights(elpd, rng) == pytest.approx(expected)


def test_pseudo_bma_of_two_groups_equals_the_integral() -> None:
    # alpha ~ uniform(0, 1), and the second model's log weight is 2 (d2 + alpha (d1 -
    # d2)), so that the first model's weight is the mean of a logistic function.
    d1, d2 = -1.5, 0.7
    elpd = np.array([[0.0, d1], [0.0, d2]])
    alpha = (np.arange(100_000) + 0.5) / 100_000
    exact = np.mean(1 / (1 + np.exp(2 * (d2 + alpha * (d1 - d2)))))
    found = pseudo_bma_weights(elpd, np.random.default_rng(5))[0]
    assert found == pytest.approx(exact, abs=4 * 0.3 / np.sqrt(4000))
    assert abs(found - 1 / (1 + np.exp(d1 + d2))) > 0.02  # without the bootstrap


@pytest.mark.parametrize("elpd", [[[0.0, np.nan]], [[-np.inf, 0.0]], [1.0], [[]]])
def test_densities_that_cannot_be_weighed_are_refused(elpd: Any) -> None:
    with pytest.raises(ModelError):
        stacking_weights(elpd)
    with pytest.raises(ModelError):
        pseudo_bma_weights(elpd, np.random.default_rng(1))


def test_differences_and_their_errors_follow_the_formulas() -> None:
    found = compare(results(), seed=1)
    sums = TWELVE.sum(axis=0)
    order = [f"m{i}" for i in np.argsort(-sums)]
    assert list(found.table.index) == order
    best = int(sums.argmax())
    for i in range(3):
        row = found.table.loc[f"m{i}"]
        d = TWELVE[:, i] - TWELVE[:, best]
        assert row["elpd"] == pytest.approx(sums[i])
        assert row["elpd_diff"] == pytest.approx(d.sum())
        assert row["dse"] == pytest.approx(np.sqrt(12 * d.var(ddof=1)))
        assert row["se"] == pytest.approx(np.sqrt(12 * TWELVE[:, i].var(ddof=1)))
        noise = 0.0 if i == best else np.sqrt(2 * 12) * 0.01
        assert row["mcse"] == pytest.approx(noise)
        assert found.differences()[f"m{i}"].to_numpy() == pytest.approx(d)
    errors = found.difference_errors()[order[1:]].to_numpy()
    assert errors == pytest.approx(np.sqrt(2) * 0.01)
    assert (found.difference_errors()[found.best] == 0).all()
    assert found.table["stacking"].reindex(["m0", "m1", "m2"]).to_numpy() == (
        pytest.approx(stacking_weights(TWELVE), abs=1e-4)
    )
    # The variance is unbiased: sums of 12 differences spread by as much.
    many = np.random.default_rng(2).normal(0, 0.5, (4000, 12))
    claimed = np.mean([12 * row.var(ddof=1) for row in many])
    assert claimed == pytest.approx(many.sum(axis=1).var(), rel=0.06)


def test_shared_errors_are_those_of_the_sums() -> None:
    same = pd.DataFrame(np.full((12, 12), 0.01**2)).set_axis(
        [f"g{i}" for i in range(12)], axis=0
    )
    first = result(TWELVE[:, 0], covariance=same)
    found = compare({"a": first, "b": result(TWELVE[:, 1])}, seed=1)
    # 12 errors that are one and the same add up, independent ones do not.
    expected = np.hypot(12 * 0.01, np.sqrt(12) * 0.01)
    assert found.table["mcse"].iloc[1] == pytest.approx(expected)


def test_groups_are_matched_by_label() -> None:
    other = result(TWELVE[::-1, 1])
    other = result(
        TWELVE[::-1, 1], table=other.table.set_axis([f"g{i}" for i in range(12)][::-1])
    )
    found = compare({"a": result(TWELVE[:, 0]), "b": other}, seed=1)
    straight = compare({"a": result(TWELVE[:, 0]), "b": result(TWELVE[:, 1])}, seed=1)
    pd.testing.assert_frame_equal(
        found.table.drop(columns="stacking"), straight.table.drop(columns="stacking")
    )


def test_identical_models_share_their_weights() -> None:
    one = result(TWELVE[:, 0])
    found = compare({"a": one, "b": one}, seed=1)
    assert found.table["stacking"].to_numpy() == pytest.approx([0.5, 0.5])
    assert found.table["pseudo_bma"].to_numpy() == pytest.approx([0.5, 0.5])
    assert found.table["dse"].iloc[1] == 0
    assert found.table["elpd_diff"].iloc[1] == 0
    assert found.table["verdict"].iloc[1] == "indistinguishable"


def test_a_model_that_is_better_everywhere_gets_all_the_weight() -> None:
    elpd = np.column_stack([TWELVE[:, 0] - 1.5, TWELVE[:, 0]])
    found = compare(results(elpd), seed=1)
    assert found.best == "m1"
    assert found.weights == {"m1": 1.0, "m0": 0.0}
    assert found.table.loc["m1", "pseudo_bma"] > 0.999


def pair(n: int, difference: float, dse: float, mcse: float = 0.001) -> Comparison:
    """Compare two models with this difference and this dse."""
    d = stats.norm.ppf((np.arange(n) + 0.5) / n)
    d = (d - d.mean()) / d.std(ddof=1) * dse / np.sqrt(n) + difference / n
    return compare({"good": result(np.full(n, -2.0)), "bad": result(-2.0 - d, mcse)})


@pytest.mark.parametrize(
    ("n", "difference", "dse", "verdict", "words"),
    [
        (200, 3.0, 0.5, "indistinguishable", "less than 4 nats"),
        (200, 8.0, 5.0, "indistinguishable", "less than 2 dse"),
        (200, 3.0, 5.0, "indistinguishable", "less than 2 dse and less than 4 nats"),
        (200, 8.0, 2.0, "worse", "distinguishable, more than 2 dse"),
        (12, 8.0, 2.0, "unproven", "12 groups, fewer than about 100, dse is itself"),
        (12, 3.0, 0.5, "indistinguishable", "dse is itself unreliable"),
    ],
)
def test_readings(
    n: int, difference: float, dse: float, verdict: str, words: str
) -> None:
    found = pair(n, difference, dse)
    row = found.table.loc["bad"]
    assert row["elpd_diff"] == pytest.approx(-difference)
    assert row["dse"] == pytest.approx(dse)
    assert row["verdict"] == verdict
    assert words in found.reading("bad")
    assert ("unreliable" in found.reading("bad")) is (n < 100)
    assert "highest elpd" in found.reading("good")
    assert set(found.readings()) == {"good", "bad"}
    assert found.checks().passed
    with pytest.raises(ModelError, match="there is no model 'ugly'"):
        found.reading("ugly")


def test_too_large_a_monte_carlo_error_leaves_the_verdict_open() -> None:
    found = pair(200, 8.0, 2.0, mcse=0.2)  # 0.2 sqrt(200) = 2.8 nats
    assert found.table.loc["bad", "verdict"] == "undecided"
    assert "other draws" in found.reading("bad")
    assert found.checks()["comparison_mcse"].subjects == ("bad",)
    assert not found.checks().passed


def test_densities_that_cannot_be_believed_leave_the_verdict_open() -> None:
    made = results()
    made["m1"].table.loc["g3", "k"] = 1.1
    found = compare(made, seed=1)
    assert found.table.loc["m1", "bad"] == 1
    others = found.table.index != found.best
    doubted = found.table["verdict"][others] == "undecided"
    assert doubted.all() if found.best == "m1" else doubted["m1"]
    assert found.checks()["comparison_densities"].subjects == ("m1",)


def test_refits_and_draws_that_failed_leave_the_verdict_open() -> None:
    refits = pd.DataFrame({"fault": ["R-hat 1.2"], "divergences": 0}, index=["g0"])
    for changes in ({"refits": refits}, {"fault": "R-hat is 1.3"}):
        made = {"a": result(TWELVE[:, 0]), "b": result(TWELVE[:, 1] - 1, **changes)}
        found = compare(made, seed=1)
        assert found.table.loc["b", "verdict"] == "undecided"
        assert "densities of b cannot be believed" in found.reading("b")
        check = found.checks()["comparison_densities"]
        assert check.subjects == ("b",)
        assert "Raise adapt_delta" in check.advice


def test_the_seed_is_kept_and_repeats_the_bootstrap() -> None:
    found = compare(results())
    again = compare(results(), seed=found.seed)
    pd.testing.assert_frame_equal(found.table, again.table)
    other = compare(results(), seed=found.seed + 1)
    assert (other.table["pseudo_bma"] != found.table["pseudo_bma"]).any()
    with pytest.raises(SettingsError, match="seed is -1"):
        compare(results(), seed=-1)


def test_the_record_is_json() -> None:
    found = compare(results(), seed=1)
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert [m["name"] for m in record["models"]] == list(found.table.index)
    assert record["models"][1]["reading"] == found.reading(record["models"][1]["name"])
    assert record["data_hash"] == "abc"
    assert record["outcome"] == "pass"
    assert "Comparison on twelve" in repr(found)
    single = compare({"a": result([-1.0]), "b": result([-2.0])}, seed=1)
    assert (
        json.loads(json.dumps(single.record(), allow_nan=False))["models"][1]["dse"]
        == "nan"
    )


@pytest.mark.parametrize(
    ("error", "words", "changes"),
    [
        (
            DataError,
            "'twelve'.*'thirteen'",
            {"data_hash": "x", "data_name": "thirteen"},
        ),
        (ModelError, "'leave one group out'.*'6-fold", {"target": "6-fold by groups"}),
    ],
)
def test_different_data_and_targets_are_refused(
    error: type[Exception], words: str, changes: dict[str, str]
) -> None:
    with pytest.raises(error, match=words):
        compare({"a": result(TWELVE[:, 0]), "b": result(TWELVE[:, 1], **changes)})


def test_different_groups_are_refused() -> None:
    with pytest.raises(DataError, match="only 'a' has g10, g11"):
        compare({"a": result(TWELVE[:, 0]), "b": result(TWELVE[:10, 1])})


def test_different_folds_are_refused() -> None:
    def folded(*labels: str) -> LooResult:
        refits = pd.DataFrame({"fault": "", "divergences": 0}, index=list(labels))
        return result(TWELVE[:, 0], target="2-fold by groups", refits=refits)

    same = {
        "a": folded("without 1", "without 2"),
        "b": folded("without 1", "without 2"),
    }
    assert compare(same, seed=1).target == "2-fold by groups"
    with pytest.raises(ModelError, match="folds of 'a' and 'b' differ: without 1"):
        compare({**same, "b": folded("without 3", "without 2")})


def test_what_has_no_density_is_refused() -> None:
    broken = result(np.where(np.arange(12) == 4, np.nan, TWELVE[:, 1]))
    with pytest.raises(FitError, match="'b' has no finite elpd for g4"):
        compare({"a": result(TWELVE[:, 0]), "b": broken})
    with pytest.raises(ModelError, match="there are 1 models"):
        compare({"a": result(TWELVE[:, 0])})
    with pytest.raises(ModelError, match="'b' is of type int"):
        compare({"a": result(TWELVE[:, 0]), "b": 3})  # type: ignore[dict-item]


N, Y = np.array([20, 50, 100, 200, 80, 40]), np.array([3, 9, 14, 38, 8, 6])


def beta(mu: float, **options: Any) -> Fit:
    fit = beta_fit(N, Y, mu, 40.0, **options)
    fit.tree.attrs.update(data_hash="abc", timings='{"total": 1.0}')
    fit.tree.attrs["settings"] = '{"chains": 4, "parallel_chains": 4}'
    return fit


def test_fits_are_cross_validated_first() -> None:
    found = compare({"low": beta(0.05), "right": beta(0.17)}, seed=1)
    assert found.best == "right"
    # The population is known, so that leaving a group out changes nothing: the
    # densities are beta-binomial ones.
    for name, mu in (("low", 0.05), ("right", 0.17)):
        exact = stats.betabinom.logpmf(Y, N, mu * 40, (1 - mu) * 40)
        assert found.pointwise[name].to_numpy() == pytest.approx(exact)
    assert found.results["low"].method == "psis_group"
    with pytest.raises(FitError):
        compare({"a": beta(0.05), "b": beta(0.17)}, highest="psis", budget=0.0)


def test_averages_have_the_moments_of_the_mixture() -> None:
    fits = {"low": beta(0.05), "right": beta(0.17)}
    weights = {"low": 0.25, "right": 0.75}
    mixed = average(fits, weights, seed=1)
    assert dict(mixed.sizes) == {"sample": 4000, "group": 6}
    assert mixed["y"].dims == mixed["estimate"].dims == ("sample", "group")
    assert mixed["y"].dtype.kind == "i"
    assert (mixed["model"] == "low").sum() == 1000
    for variable, own in (("y", "posterior_predictive"), ("estimate", "posterior")):
        means, variances = [], []
        for name in fits:
            group = fits[name].tree[own].to_dataset()
            draws = group["y" if own.endswith("predictive") else "p"]
            means.append(draws.mean(("chain", "draw")).values)
            variances.append(draws.var(("chain", "draw")).values)
        mean = 0.25 * means[0] + 0.75 * means[1]
        second = [v + m**2 for v, m in zip(variances, means, strict=True)]
        sd = np.sqrt(0.25 * second[0] + 0.75 * second[1] - mean**2)
        error = (mixed[variable].mean("sample").values - mean) / sd * np.sqrt(4000)
        assert abs(error).max() < 3.5
        # What must fail: equal weights are not these weights.
        equal = (means[0] + means[1]) / 2
        assert abs(equal - mean).max() / sd.max() * np.sqrt(4000) > 3.5


def test_averages_take_y_and_estimate_from_one_draw() -> None:
    fits = {"a": beta(0.1), "b": beta(0.2)}
    mixed = average(fits, {"a": 0.5, "b": 0.5}, samples=6000, seed=2)
    pairs = {
        (name, y, p)
        for name, fit in fits.items()
        for y, p in zip(
            fit.tree["posterior_predictive"]["y"].values.reshape(-1, 6)[:, 2].tolist(),
            fit.posterior["p"].values.reshape(-1, 6)[:, 2].tolist(),
            strict=True,
        )
    }
    taken = zip(
        mixed["model"].values.tolist(),
        mixed["y"].values[:, 2].tolist(),
        mixed["estimate"].values[:, 2].tolist(),
        strict=True,
    )
    assert set(taken) <= pairs
    # 3000 of 4000 draws: none is taken twice.
    assert len(np.unique(mixed["estimate"].values[:, 2])) == 6000


def test_averages_repeat_by_seed_and_use_a_comparisons_weights() -> None:
    fits = {"low": beta(0.05), "right": beta(0.17)}
    found = compare(fits, seed=1)
    first, again = (average(fits, found, samples=500, seed=3) for _ in range(2))
    assert first.identical(again)
    other = average(fits, found, samples=500, seed=4)
    assert not first.identical(other)
    share = float((first["model"] == "right").mean())
    assert share == pytest.approx(found.weights["right"], abs=1 / 500)
    assert first.attrs["seed"] == 3


def test_counts_of_draws_have_the_weights_as_their_mean() -> None:
    fits = {name: beta(0.1, draws=5) for name in "abc"}
    weights = {"a": 0.37, "b": 0.0, "c": 0.63}
    shares = [
        (average(fits, weights, samples=3, seed=s)["model"] == "a").sum()
        for s in range(100)
    ]
    assert set(map(int, shares)) == {1, 2}
    assert np.mean(shares) == pytest.approx(3 * 0.37, abs=4 * 0.32 / np.sqrt(100))


def test_averages_of_normal_models() -> None:
    fits = {
        str(tau): normal_fit([1.0, 4.0, -2.0], [1.0, 2.0, 3.0], tau, draws=200)
        for tau in (0.5, 3.0)
    }
    for fit in fits.values():
        fit.tree.attrs["data_hash"] = "abc"
    mixed = average(fits, {"0.5": 0.5, "3.0": 0.5}, seed=1)
    assert mixed["y"].dtype.kind == "f"
    assert list(mixed["group"].values) == ["g0", "g1", "g2"]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"a": 0.5, "b": 0.6}, "sum 1.1"),
        ({"a": 1.5, "b": -0.5}, "weight of 'b' is -0.5"),
        ({"a": 1.0, "b": np.nan}, "weight of 'b' is nan"),
        ({"a": 1.0}, "one weight for each fit"),
        ({"a": 0.5, "c": 0.5}, "one weight for each fit"),
    ],
)
def test_illegal_weights_are_refused(weights: dict[str, float], words: str) -> None:
    fits = {"a": beta(0.1, draws=5), "b": beta(0.2, draws=5)}
    with pytest.raises(ModelError, match=words):
        average(fits, weights)


def test_averages_of_what_does_not_belong_together_are_refused() -> None:
    half = {"a": 0.5, "b": 0.5}
    one, other = beta(0.1, draws=5), beta(0.2, draws=5)
    other.tree.attrs["data_hash"] = "xyz"
    with pytest.raises(DataError, match=r"hash\s+abc.*hash\s+xyz"):
        average({"a": one, "b": other}, half)
    with pytest.raises(DataError, match="held out no group, but 'b' g1"):
        average({"a": one, "b": beta(0.2, draws=5, held_out=("g1",))}, half)
    with pytest.raises(SettingsError, match="samples is 0"):
        average({"a": one, "b": one}, half, samples=0)


def test_fits_without_predictions_or_estimates_are_refused() -> None:
    half = {"a": 0.5, "b": 0.5}
    one, bare, own = (beta(0.1, draws=5) for _ in range(3))
    del bare.tree["posterior_predictive"]
    with pytest.raises(FitError, match="'b' has no replicated data"):
        average({"a": one, "b": bare}, half)
    own.tree.attrs["like"] = ""
    with pytest.raises(FitError, match="'b' are not known: its posterior has mu"):
        average({"a": one, "b": own}, half)
    named = average({"a": one, "b": own}, half, estimates={"b": "p"})
    assert named.sizes["sample"] == 20
    with pytest.raises(FitError, match="one value a group"):
        average({"a": one, "b": own}, half, estimates={"b": "mu"})
    # A model without weight is not asked for anything.
    assert average({"a": one, "b": bare}, {"a": 1.0, "b": 0.0}).sizes["sample"] == 20


def test_results_need_names() -> None:
    given: Any = list(results().values())
    with pytest.raises(SettingsError, match="results is list, but must be a mapping"):
        compare(given)
