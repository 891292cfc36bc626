"""Calibrations of programs that are right, and of programs that are wrong on purpose.

Every wrong program is the right one with a single edit, is held against the
catalogue's own generator, and must be found out; the right one must not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy import stats

import hbstan as hb
from hbstan.models import stan_root
from hbstan.results import Outcome
from hbstan.sbc import SBCResult

EXHAUSTIVE = pytest.mark.exhaustive("hbstan/sbc", "stan")
N_SIMS = 300
#: Enough for the faults that are planted, which are gross: adjusted p-values below
#: 1e-11, and of the prior 4e-5 with a hundred.
FEW = 60
#: Sixty ranks take half the draws of the default's 120.
SHORT: dict[str, Any] = {"max_rank": 59, "iter_warmup": 250, "iter_sampling": 250}
# A right program raises a false alarm with one seed in twenty: seed 20 of eight schools
# did, and was replaced. Six runs of 1500 simulations of the logit's posterior SBC were
# uniform (adjusted p from 0.15 to 1), and 6000 of eight schools.
MODEL = "eight_schools_noncentered"
LIKELIHOOD = "normal_lpdf(y[observed] | theta[observed], sigma[observed])"


LONGER: dict[str, Any] = {"max_rank": 119, "iter_warmup": 500, "iter_sampling": 500}


def calibrate(model: str | Path, n_sims: int = N_SIMS, **given: Any) -> SBCResult:
    options = {"seed": 11, "backend": "stanli", **SHORT, **given}
    return hb.sbc(model, n_sims=n_sims, **options)


def edited(folder: Path, old: str, new: str, model: str = MODEL) -> Path:
    """Write a copy of a catalogue program with one edit."""
    text = (stan_root() / "models" / f"{model}.stan").read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path = folder / f"{model}.stan"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def failing(result: SBCResult) -> set[str]:
    check = result.checks()["uniformity"]
    assert check.outcome is Outcome.FAIL, result.summary()
    table = result.summary()
    return set(table.index[table["p_adjusted"] < 0.05])


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        pytest.param("beta_binomial_marginal", marks=EXHAUSTIVE),
        pytest.param("logit_noncentered", marks=EXHAUSTIVE),
        pytest.param("beta_binomial", marks=EXHAUSTIVE),
    ],
)
def test_a_correct_program_passes(model: str) -> None:
    result = calibrate(model)
    assert result.checks()["uniformity"].passed, result.summary()
    assert result.checks()["power"].passed
    assert result.ok.all()


@pytest.fixture(scope="module")
def twenty() -> SBCResult:
    return calibrate(MODEL, 20)


def test_an_unchanged_copy_passes_with_the_same_ranks(
    twenty: SBCResult, tmp_path: Path
) -> None:
    copy = edited(tmp_path, "model {", "model { // unchanged")
    ours = twenty.dataset["rank"]
    assert calibrate(copy, 20).dataset["rank"].equals(ours)


def test_a_prior_of_the_wrong_scale_is_found(tmp_path: Path) -> None:
    wrong = edited(
        tmp_path,
        "prior_lpdf(tau | prior_tau, prior_tau_args)",
        "prior_lpdf(4 * tau | prior_tau, prior_tau_args)",
    )
    found = failing(calibrate(wrong, 100))
    assert "tau" in found


def test_a_variance_in_place_of_a_standard_deviation_is_found(tmp_path: Path) -> None:
    wrong = edited(
        tmp_path,
        LIKELIHOOD,
        "normal_lpdf(y[observed] | theta[observed], square(sigma[observed]))",
    )
    found = failing(calibrate(wrong, FEW))
    assert "log_likelihood" in found


def test_half_of_the_data_missing_is_seen_by_the_likelihood_alone(
    tmp_path: Path,
) -> None:
    """Ranks of parameters are uniform: it is the posterior given the other half."""
    wrong = edited(
        tmp_path,
        LIKELIHOOD,
        "normal_lpdf(y[1 : 4] | theta[1 : 4], sigma[1 : 4])",
    )
    result = calibrate(wrong, FEW)
    assert failing(result) == {"log_likelihood"}
    table = result.summary()
    parameters = result.dataset["role"].values == "parameter"
    assert (table["p_adjusted"][parameters] > 0.05).all()


@EXHAUSTIVE
def test_the_centered_program_is_biased_in_tau() -> None:
    """The sampler cannot enter the funnel's neck, so small tau are missed."""
    result = calibrate("eight_schools_centered", 400, adapt_delta=0.8, **LONGER)
    assert "tau" in failing(result)
    assert not result.checks()["divergences"].passed
    # Small simulated values lie below all draws, of which none are small: the lowest
    # twentieth of the ranks holds more than its share.
    ranks = result.dataset["rank"].sel(quantity="tau").values
    lowest = int((ranks < (result.max_rank + 1) // 20).sum())
    assert stats.binomtest(lowest, 400, 0.05, "greater").pvalue < 1e-6
    assert result.regimes(cuts=(1, 5)).loc[("low", "tau"), "bias"] > 0
    assert result.failures().index[0] == "tau"


def test_twenty_simulations_decide_nothing(twenty: SBCResult) -> None:
    checks = twenty.checks()
    assert checks["power"].outcome is Outcome.NOT_RUN
    assert "underpowered" in checks["power"].detail
    assert not checks.passed


@pytest.mark.parametrize(
    "replicate", ["groups", pytest.param("trials", marks=EXHAUSTIVE)]
)
@pytest.mark.parametrize(
    "model",
    [MODEL, pytest.param("logit_noncentered", marks=EXHAUSTIVE)],
)
def test_posterior_sbc_passes_around_the_data(model: str, replicate: str) -> None:
    data = "eight_schools" if model == MODEL else "surgical"
    result = hb.posterior_sbc(
        model, data, replicate=replicate, n_sims=80, seed=3, backend="stanli", **SHORT
    )
    assert result.identity["problem"]["kind"] == "posterior"
    assert result.checks()["uniformity"].passed, result.summary()


def test_posterior_sbc_finds_a_wrong_program(tmp_path: Path) -> None:
    wrong = edited(
        tmp_path,
        LIKELIHOOD,
        "normal_lpdf(y[observed] | theta[observed], 0.5 * sigma[observed])",
    )
    result = hb.posterior_sbc(
        wrong, "eight_schools", n_sims=FEW, seed=3, backend="stanli", **SHORT
    )
    assert "log_likelihood" in failing(result)
