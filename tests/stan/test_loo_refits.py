"""The ladder on real fits: all rungs have the same target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from shared import Shared

import hbstan as hb
from hbstan.errors import BackendError, NotSupportedError
from hbstan.fit import Fit
from hbstan.loo import Densities, moment_match, psis, stratified_folds
from hbstan.refit import Change, refit


@pytest.fixture(scope="module")
def fits(shared: Shared) -> dict[str, Fit]:
    names = ("logit_noncentered", "beta_binomial")
    return {n: shared(hb.fit, n, "surgical", seed=1, backend="stanli") for n in names}


@pytest.mark.parametrize("name", ["logit_noncentered", "beta_binomial"])
def test_the_integrated_likelihood_gives_what_refits_give(
    fits: dict[str, Fit], name: str
) -> None:
    quick, exact = hb.loo(fits[name]), hb.loo(fits[name], lowest="exact")
    assert quick.method == "psis_group"
    assert quick.checks().passed
    assert exact.checks()["refits"].passed, exact.refits
    assert set(exact.table["method"]) == {"exact"}
    error = np.hypot(quick.mcse, exact.mcse)
    assert abs(quick.elpd - exact.elpd) < 3 * error
    # What must fail: the conditional likelihood and WAIC are too optimistic.
    assert quick.steps[0].bad
    assert quick.steps[0].elpd - exact.elpd > 1.5
    assert not quick.waic.ok
    assert quick.waic.elpd - exact.elpd > 3
    assert exact.p - quick.steps[0].p == pytest.approx(quick.steps[0].elpd - exact.elpd)


def test_moment_matching_comes_nearer(fits: dict[str, Fit]) -> None:
    fit = fits["logit_noncentered"]
    values, target = psis(fit), psis(fit, "psis_group").table
    start = values.table
    worst = list(start.index[start["k"] > 0.7])
    assert len(worst) >= 3
    worst = worst[:3]
    moved = moment_match(fit, values, worst, k_threshold=0.7).table
    assert (moved.loc[worst, "k"] < start.loc[worst, "k"]).all()
    before = (start.loc[worst, "elpd"] - target.loc[worst, "elpd"]).abs().sum()
    after = (moved.loc[worst, "elpd"] - target.loc[worst, "elpd"]).abs().sum()
    assert after < before


def test_densities_are_those_of_the_program(fits: dict[str, Fit]) -> None:
    fit = fits["logit_noncentered"]
    densities = Densities(fit)
    points = densities.points().isel(draw=slice(5))
    # lp__ is the density at the draw, Jacobian included, constants dropped alike.
    lp = fit.tree["sample_stats"]["lp"].values[:, :5]
    assert densities.log_density(points).values == pytest.approx(lp, abs=1e-8)
    own = fit.tree["log_likelihood"]["y"].sel(group="B").values[:, :5]
    assert densities.log_likelihood(points, "B").values == pytest.approx(own, abs=1e-8)


def test_a_log_lik_that_is_not_the_likelihoods_term_is_found_out(tmp_path) -> None:
    text = hb.models.get("logit_noncentered").program.source()
    line = "log_lik[j] = binomial_logit_lpmf(y[j] | n[j], theta[j]);"
    assert text.count(line) == 1
    file = tmp_path / "logit_noncentered.stan"
    file.write_text(text.replace(line, line.replace("theta[j]", "0.9 * theta[j]")))
    fit = hb.fit(str(file), "surgical", seed=1, backend="stanli", iter_sampling=200)
    with pytest.raises(NotSupportedError, match="not the term"):
        Densities(fit).log_likelihood(Densities(fit).points(), "B")


def test_a_backend_without_densities_is_refused(fits: dict[str, Fit]) -> None:
    from hbstan.backends.fake import FakeBackend

    with pytest.raises(BackendError, match="fake evaluates one log density"):
        Densities(fits["logit_noncentered"], FakeBackend({}))


def test_folds_are_stratified_and_predicted_by_refits(fits: dict[str, Fit]) -> None:
    fit = fits["logit_noncentered"]
    folds = stratified_folds(fit, 3, np.random.default_rng(1))
    assert sorted(g for fold in folds for g in fold) == list("ABCDEFGHIJKL")
    assert {len(fold) for fold in folds} == {4}
    trials = dict(
        zip("ABCDEFGHIJKL", fit.tree["constant_data"]["n"].values, strict=True)
    )
    largest = sorted(trials, key=lambda g: -trials[g])[:3]
    assert all(len(set(fold) & set(largest)) == 1 for fold in folds)
    result = hb.kfold(fit, 3, seed=1)
    assert result.target == "3-fold by groups"
    assert result.checks().passed
    # From eight groups instead of eleven, but the same groups are predicted.
    exact = hb.loo(fit)
    assert abs(result.elpd - exact.elpd) < 2
    assert sorted(result.refits.index)[0].startswith("without ")


@pytest.mark.usefixtures("cmdstan")
def test_refits_on_both_backends_agree_and_compile_nothing(
    fits: dict[str, Fit],
) -> None:
    fit = hb.fit("logit_noncentered", "surgical", seed=1, backend="cmdstan")
    program = hb.models.get("logit_noncentered").program
    before = hb.compile(program.file).exe.stat().st_mtime_ns
    changes = [Change(f"without {g}", holdout=(g,)) for g in "AH"]
    made = {
        "cmdstan": refit(fit, changes),
        "stanli": refit(fits["logit_noncentered"], changes),
    }
    assert hb.compile(program.file).exe.stat().st_mtime_ns == before
    for ours, theirs in zip(made["cmdstan"], made["stanli"], strict=True):
        assert ours.fit.backend == "cmdstan"
        assert not ours.fault
        a, b = (one.fit.summary(["mu", "tau", "theta"]) for one in (ours, theirs))
        error = np.hypot(a["mcse_mean"], b["mcse_mean"])
        # 14 quantities, two refits.
        assert ((a["mean"] - b["mean"]).abs() < 4 * error).all()


def exact_pooled(y: np.ndarray, sigma: np.ndarray, loc: float, scale: float) -> Any:
    """Return log p(y_j | y_-j) of one mean with a normal prior, in closed form."""
    values = []
    for j in range(y.size):
        weight = np.delete(1 / sigma**2, j)
        precision = weight.sum() + 1 / scale**2
        mean = (np.delete(y, j) @ weight + loc / scale**2) / precision
        spread = np.sqrt(1 / precision + sigma[j] ** 2)
        values.append(stats.norm.logpdf(y[j], mean, spread))
    return np.array(values)


@pytest.mark.parametrize("lowest", ["psis", "exact"])
def test_complete_pooling_has_its_closed_form(lowest: str) -> None:
    schools = hb.datasets.load("eight_schools")
    priors = {"mu": hb.Normal(3, 6)}
    fit = hb.fit("normal_pooled", schools, priors=priors, seed=1, backend="stanli")
    found = hb.loo(fit, lowest=lowest)
    truth = exact_pooled(schools.y, schools.sigma, 3.0, 6.0)
    error = (found.table["elpd"] - truth).abs()
    assert (error < 4 * found.table["mcse"]).all()
    assert abs(found.elpd - truth.sum()) < 3 * found.mcse
    # What must fail: another prior is many Monte Carlo errors away.
    other = exact_pooled(schools.y, schools.sigma, 20.0, 6.0)
    assert abs(found.elpd - other.sum()) > 10 * found.mcse


def test_no_pooling_predicts_from_the_prior_alone() -> None:
    schools = hb.datasets.load("eight_schools")
    priors = {"theta": hb.Normal(3, 12)}
    fit = hb.fit("normal_unpooled", schools, priors=priors, seed=1, backend="stanli")
    found = hb.loo(fit, lowest="exact")
    spread = np.sqrt(12.0**2 + schools.sigma**2)
    truth = stats.norm.logpdf(schools.y, 3.0, spread)
    assert found.table["elpd"].to_numpy() == pytest.approx(truth, abs=1e-6)
