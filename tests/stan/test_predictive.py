"""Predictive checks of fits: against the programs, the published figures, controls."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.special import expit
from shared import Shared

import hbstan as hb
from hbstan import models, simulate
from hbstan.errors import DataError, FitError, NotSupportedError, SettingsError
from hbstan.predictive import (
    accuracy,
    loo_pit,
    posterior_predictive,
    predict,
    prior_predictive,
    residuals,
)
from hbstan.results import Outcome

EXHAUSTIVE = pytest.mark.exhaustive("stan", "hbstan/predictive", "hbstan/simulate")
SURGICAL = hb.datasets.load("surgical")
LOGIT = "logit_noncentered"


@pytest.fixture(scope="module")
def surgical(shared: Shared) -> hb.Fit:
    return shared(hb.fit, LOGIT, "surgical", seed=1, backend="stanli")


def with_events(**changed: int) -> Any:
    y = SURGICAL.y.copy()
    for label, events in changed.items():
        y[SURGICAL.labels.index(label)] = events
    table = {"g": list(SURGICAL.labels), "n": SURGICAL.n, "y": y}
    return hb.data.grouped_binomial(table, group="g", trials="n", events="y")


# -- prior predictive draws and the program with everything held out


def largest_difference(model: str, data: str, priors: Any = None) -> float:
    """Largest difference of p-values, in standard errors, between the two."""
    simulated = prior_predictive(model, data, seed=3).table()
    fit = hb.fit(
        model,
        data,
        holdout="all",
        priors=priors,
        seed=4,
        backend="stanli",
        iter_sampling=1000,
    )
    program = posterior_predictive(fit).table()
    found = []
    for side in ("upper", "lower"):
        error = np.hypot(simulated[f"mcse_{side}"], program[f"mcse_{side}"])
        difference = abs(simulated[f"p_{side}"] - program[f"p_{side}"])
        found.append((difference / error).max())
    return float(max(found))


#: The centered programs sample their prior, which is a funnel, badly. Those with other
#: populations than these take the time of all the rest.
SLOW = ("logit_student_t", "logit_mixture", "logit_adaptive")
DRAWABLE = [
    pytest.param(name, marks=EXHAUSTIVE) if name in SLOW else name
    for name in models.names()
    if models.get(name).kind in ("binomial", "normal")
    and not name.endswith("_centered")
]


@pytest.mark.parametrize("model", DRAWABLE)
def test_the_simulator_and_the_program_agree_on_the_prior(model: str) -> None:
    binomial = models.get(model).kind == "binomial"
    data = "surgical" if binomial else "eight_schools"
    assert largest_difference(model, data) < 4


def test_another_prior_would_be_noticed() -> None:
    other = {"tau": "HalfNormal(1.5)"}
    assert largest_difference(LOGIT, "surgical", other) > 6


# -- the surgical data


def test_the_published_posterior_predictive_check(surgical: hb.Fit) -> None:
    check = posterior_predictive(surgical)
    table = check.table()
    published = {
        "total": (208.1, 171, 246, 0.970),
        "between_group_variance": (0.00118, 0.00036, 0.00251, 0.632),
        "max": (0.1439, 0.102, 0.200, 0.890),
        "coefficient_of_variation": (0.439, 0.253, 0.654, 0.535),
    }
    for name, (mean, lower, upper, p) in published.items():
        row = table.loc[name]
        assert row["mean"] == pytest.approx(mean, rel=0.02)
        assert row["lower"] == pytest.approx(lower, rel=0.05)
        assert row["upper"] == pytest.approx(upper, rel=0.05)
        assert row["p_two_sided"] == pytest.approx(p, abs=0.06)
    assert check.checks().passed
    assert (check.coverage().loc[0.95, "inside"]) == 12


def test_one_group_without_events_is_no_surprise(surgical: hb.Fit) -> None:
    row = posterior_predictive(surgical).table().loc["zero_event_groups"]
    assert row["observed"] == 1
    assert row["mean"] == pytest.approx(0.14, abs=0.02)
    # At least one where 0.14 are expected: not the published 0.001.
    assert row["p_upper"] == pytest.approx(0.135, abs=0.02)
    assert row["p_upper"] > 0.001 + 20 * row["mcse_upper"]


def test_the_published_residuals(surgical: hb.Fit) -> None:
    z = residuals(surgical, seed=1)["standardised"]
    assert z.mean() == pytest.approx(-0.10, abs=0.02)
    assert z.std() == pytest.approx(0.49, abs=0.03)
    assert z.min() == pytest.approx(-1.34, abs=0.03)
    assert z.max() == pytest.approx(0.56, abs=0.03)


def test_new_groups_and_leave_one_out_values(surgical: hb.Fit) -> None:
    assert (
        posterior_predictive(surgical, replicate="new_groups", seed=1).checks().passed
    )
    found = loo_pit(surgical, seed=1)
    assert found.method == "psis_group"
    assert found.checks().passed
    # The conditional likelihood's weights fail on these data.
    conditional = loo_pit(surgical, method="psis", seed=1)
    assert conditional.checks()["loo_pit"].outcome is Outcome.NOT_RUN


def test_leave_one_out_values_are_those_of_refits(surgical: hb.Fit) -> None:
    table = loo_pit(surgical, seed=1).table
    for label in ("A", "H"):
        fit = hb.fit(LOGIT, "surgical", seed=2, backend="stanli", holdout=[label])
        refit = loo_pit(fit, seed=1).table
        assert refit.loc[label, "held_out"]
        j = SURGICAL.labels.index(label)
        y_rep = fit.tree["posterior_predictive"].to_dataset()["y"].values[..., j]
        below, upto = (y_rep < SURGICAL.y[j]).mean(), (y_rep <= SURGICAL.y[j]).mean()
        for found in (refit.loc[label, "pit"], table.loc[label, "pit"]):
            assert below - 0.03 < found < upto + 0.03


def test_held_out_groups_are_predicted_worse(surgical: hb.Fit) -> None:
    out = ["A", "H", "D"]
    table = accuracy(hb.fit(LOGIT, "surgical", seed=1, backend="stanli", holdout=out))
    assert table.loc["held_out", "groups"] == 3
    assert table.loc["held_out", "mae_share"] > 2 * table.loc["observed", "mae_share"]
    assert list(accuracy(surgical).index) == ["observed"]


# -- negative controls


def test_a_group_in_which_everyone_died_fails_the_largest_rate() -> None:
    fit = hb.fit(LOGIT, with_events(A=47), seed=1, backend="stanli")
    check = posterior_predictive(fit, replicate="new_groups", seed=1)
    assert check.checks()["max"].outcome is Outcome.FAIL
    # Its own parameter follows it, so the same groups cannot tell.
    assert posterior_predictive(fit).checks()["max"].passed


def test_a_milder_outlier_shows_once_it_is_held_out() -> None:
    data = with_events(H=80)
    full = hb.fit(LOGIT, data, seed=1, backend="stanli")
    hidden = posterior_predictive(full, replicate="new_groups", seed=1).checks()
    assert hidden["max"].passed  # it has widened the population
    without = hb.fit(LOGIT, data, seed=1, backend="stanli", holdout=["H"])
    checks = posterior_predictive(without, replicate="new_groups", seed=1).checks()
    assert checks["max"].outcome is Outcome.FAIL
    clean = hb.fit(LOGIT, "surgical", seed=1, backend="stanli", holdout=["H"])
    checks = posterior_predictive(clean, replicate="new_groups", seed=1).checks()
    assert checks["max"].passed


@pytest.mark.slow
def test_data_of_the_model_seldom_fail() -> None:
    rng = np.random.default_rng(8)
    model = models.get(LOGIT)
    priors = {k: c.prior for k, c in models.resolve_priors(model, SURGICAL).items()}
    draws = simulate.draw_prior(model, priors, 12, rng, 10)
    failed = 0
    for y in simulate.draw_data(model, draws, {"n": SURGICAL.n}, rng):
        data = with_events(**dict(zip(SURGICAL.labels, map(int, y), strict=True)))
        fit = hb.fit(
            LOGIT,
            data,
            priors=priors,
            seed=1,
            chains=1,
            iter_warmup=400,
            iter_sampling=500,
            backend="stanli",
        )
        check = posterior_predictive(fit, replicate="new_groups", seed=1)
        failed += check.checks().outcome is Outcome.FAIL
    assert failed <= 2


# -- new data, without fitting again


def close(values: Any, expected: Any) -> None:
    """Compare the means of draws with those of others from the same posterior."""
    for j in range(values.shape[2]):
        error = np.hypot(
            *(
                float(
                    array_stats.mcse(v[..., j].astype(float), chain_axis=0, draw_axis=1)
                )
                for v in (values, expected)
            )
        )
        assert abs(values[..., j].mean() - expected[..., j].mean()) < 4.5 * error


@pytest.mark.parametrize(
    "model",
    [
        LOGIT,
        *(
            pytest.param(name, marks=EXHAUSTIVE)
            for name in (
                *("beta_binomial", "logit_centered", "logit_adaptive"),
                "binomial_unpooled",
            )
        ),
    ],
)
def test_predictions_are_those_of_the_simulator(
    cmdstan: Path, shared: Shared, model: str
) -> None:
    fit = shared(hb.fit, model, "surgical", seed=1, backend="stanli")
    rng = np.random.default_rng(5)
    same = predict(
        fit, {"group": ["K", "A"], "n": [40, 900]}, seed=2, backend="cmdstan"
    )
    p = fit.posterior["p"].transpose("chain", "draw", "group").values[..., [10, 0]]
    close(same.y, rng.binomial([40, 900], p))
    assert same.y.dtype.kind == "i"
    new = predict(
        fit, {"group": ["X", "Y"], "n": [40, 900]}, groups="new", seed=2,
        backend="cmdstan",
    )  # fmt: skip
    entry, size = models.get(model), fit.posterior["p"][..., 0].size
    top = {
        q.name: fit.posterior[q.name].values.ravel()
        for q in entry.top_level
        if not q.dims
    }
    priors = {k: c.prior for k, c in models.resolve_priors(entry, SURGICAL).items()}
    groups = simulate.draw_groups(entry, top, 2, rng, priors=priors, size=size)
    y = simulate.draw_data(entry, {**top, **groups}, {"n": np.array([40, 900])}, rng)
    close(new.y, y.reshape(new.y.shape))
    # The two populations differ: the prediction of A is not that of a new group.
    assert new.y[..., 1].std() > 1.5 * same.y[..., 1].std()
    again = predict(
        fit, {"group": ["K", "A"], "n": [40, 900]}, seed=2, backend="cmdstan"
    )
    assert np.array_equal(same.y, again.y)


def test_predictions_of_a_dataset_are_compared_with_it(
    cmdstan: Path, shared: Shared
) -> None:
    model, data = "eight_schools_noncentered", "eight_schools"
    fit = shared(hb.fit, model, data, seed=1, backend="stanli")
    found = predict(fit, "eight_schools", seed=1, backend="cmdstan")
    own = fit.tree["posterior_predictive"].to_dataset()["y"].values
    close(found.y, own)
    assert found.coverage().loc[0.95, "groups"] == 8
    assert "observed" in found.table()
    assert found.record()["coverage"]
    design = predict(fit, {"sigma": [5.0], "group": ["H"]}, seed=1, backend="cmdstan")
    assert "observed" not in design.table()
    with pytest.raises(DataError, match="no outcomes"):
        design.coverage()


@pytest.mark.slow
def test_a_program_of_ones_own_predicts_its_own_groups(
    cmdstan: Path, tmp_path: Path
) -> None:
    # A copy, which is compiled already.
    original = models.get(LOGIT).program
    file = tmp_path / original.file.name
    shutil.copy(original.file, file)
    (tmp_path / "functions").symlink_to(original.include_paths[0])
    fit = hb.fit(str(file), SURGICAL, seed=1, backend="stanli")
    found = predict(fit, {"group": ["A"], "n": [470]}, seed=1, backend="cmdstan")
    expected = 470 * float(expit(fit.posterior["theta"].sel(group="A")).mean())
    assert found.table().loc["A", "mean"] == pytest.approx(expected, rel=0.05)
    with pytest.raises(FitError, match="program of your own"):
        predict(
            fit, {"group": ["X"], "n": [1]}, groups="new", seed=1, backend="cmdstan"
        )


def test_stanli_refuses_and_says_what_to_do(surgical: hb.Fit) -> None:
    with pytest.raises(NotSupportedError, match="backend='cmdstan'"):
        predict(surgical, {"group": ["A"], "n": [10]})


@pytest.mark.parametrize(
    ("data", "groups", "error", "message"),
    [
        ({"group": ["X"], "n": [10]}, "same", DataError, "'X' is no group"),
        ({"group": ["A"], "n": [10]}, "new", DataError, "'A' is a group"),
        ({"group": ["A"], "n": [10]}, "other", SettingsError, "same or new"),
        ({"group": ["A"], "sigma": [1.0]}, "same", DataError, "legal for"),
    ],
)
def test_wrong_new_data_are_refused(
    surgical: hb.Fit, data: Any, groups: str, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        predict(surgical, data, groups=groups, backend="stanli")


# -- complete pooling and its opposite


def test_overdispersed_data_fail_under_complete_pooling_alone(surgical: hb.Fit) -> None:
    pooled = hb.fit("binomial_pooled", "surgical", seed=1, backend="stanli")
    for replicate in ("same_groups", "new_groups"):
        checks = posterior_predictive(pooled, replicate=replicate, seed=1).checks()
        assert checks["dispersion"].outcome is Outcome.FAIL
        assert checks["between_group_variance"].outcome is Outcome.FAIL
        checks = posterior_predictive(surgical, replicate=replicate, seed=1).checks()
        assert checks["dispersion"].passed
    assert loo_pit(pooled, seed=1).checks()["loo_pit"].outcome is Outcome.FAIL


def test_data_without_variation_pass_under_complete_pooling() -> None:
    rng = np.random.default_rng(2)
    y = rng.binomial(SURGICAL.n, 0.07)
    data = with_events(**dict(zip(SURGICAL.labels, map(int, y), strict=True)))
    pooled = hb.fit("binomial_pooled", data, seed=1, backend="stanli")
    assert posterior_predictive(pooled).checks().passed


def test_groups_that_learn_nothing_from_each_other_have_a_leave_one_out_value() -> None:
    # Without pooling, the other groups leave a group's prediction at its prior.
    fit = hb.fit("binomial_unpooled", "surgical", seed=1, backend="stanli")
    found = loo_pit(fit, seed=1)
    assert not found.doubtful
    prior = prior_predictive("binomial_unpooled", "surgical", seed=2).replicates.flat
    below, upto = (prior < SURGICAL.y).mean(axis=0), (prior <= SURGICAL.y).mean(axis=0)
    pit = found.table["pit"].to_numpy()
    assert ((below - 0.03 < pit) & (pit < upto + 0.03)).all()
