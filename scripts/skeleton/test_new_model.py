"""Tests of new_model: ``target`` belongs to ``tests/stan/reference.py``.

The rest stays in ``tests/stan/test_new_model.py``, for what the tests of the whole
catalogue do not know: the closed form of ``log_lik_group``, calibration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stanli
from new_model_generator import (
    DESIGN,
    PRIORS,
    draw,
)
from numpy.typing import NDArray
from scipy import integrate, stats

import hbstan as hb
from hbstan.models import program_from_file, stan_root
from hbstan.priors import stan_data

BESIDE = Path(__file__).with_name("new_model.stan")
PROGRAM = BESIDE if BESIDE.is_file() else stan_root() / "models" / BESIDE.name
Y = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]


def target(q: NDArray[np.float64], data: dict[str, Any]) -> float:
    """Return the program's target at unconstrained (mu, log tau, z), from SciPy."""
    # CHANGE: the model as the program's header states it, and the log Jacobian of
    # each constraint (log tau: tau itself).
    mu, tau, z = q[0], np.exp(q[1]), q[2:]
    seen = np.asarray(data["holdout"]) == 0
    lp = PRIORS["mu"].distribution().logpdf(mu)
    lp += PRIORS["tau"].distribution().logpdf(tau) + q[1]
    lp += stats.norm.logpdf(z).sum()
    errors = np.asarray(data["sigma"])[seen]
    theta = (mu + tau * z)[seen]
    return float(
        lp + stats.norm.logpdf(np.asarray(data["y"])[seen], theta, errors).sum()
    )


def data(**changes: Any) -> dict[str, Any]:
    """Return the program's whole data."""
    return {**DESIGN, "y": Y, "predictive": 0, **stan_data(PRIORS), **changes}


def build(values: dict[str, Any]) -> Any:
    """Return the program with data, ready to be evaluated."""
    program = program_from_file(PROGRAM)
    folders = [str(folder) for folder in program.include_paths]
    return stanli.Model(stan_file=str(program.file), data=values, include_paths=folders)


@pytest.mark.parametrize("held_out", [[], [0, 5], range(8)])
def test_target_matches_scipy(held_out: list[int]) -> None:
    """Relative difference below 1e-10, whatever is held out."""
    values = data(holdout=[int(j in held_out) for j in range(DESIGN["J"])])
    model = build(values)
    for q in np.random.default_rng(1).normal(size=(20, 2 + DESIGN["J"])):
        assert model.log_prob_grad(q)[0] == pytest.approx(target(q, values), rel=1e-10)


def test_log_lik_group_integrates_the_group_out() -> None:
    """Against adaptive quadrature over the group's effect, for every tenth draw."""
    fit = hb.fit(
        PROGRAM, data(predictive=1), seed=1, backend="stanli", iter_sampling=100
    )
    got = fit.tree["log_likelihood_group"].to_dataset()["y"].values[0]
    mu, tau = (fit.posterior[name].values[0] for name in ("mu", "tau"))
    for i in range(0, len(mu), 10):
        for j, (y, sigma) in enumerate(zip(Y, DESIGN["sigma"], strict=True)):

            def joint(
                z: float, at: int = i, y: float = y, sigma: float = sigma
            ) -> float:
                # CHANGE: likelihood times population density.
                likelihood = stats.norm.pdf(y, mu[at] + tau[at] * z, sigma)
                return float(likelihood * stats.norm.pdf(z))

            exact, _ = integrate.quad(joint, -10, 10, epsabs=0)
            assert got[i, j] == pytest.approx(np.log(exact), abs=1e-6)


def test_calibration() -> None:
    """Ranks of 300 simulations are uniform; the seed is one of many that pass."""
    result = hb.sbc(
        PROGRAM,
        generator=draw,
        design=DESIGN,
        priors=PRIORS,
        n_sims=300,
        seed=1,
        backend="stanli",
        executor="serial",
    )
    assert result.checks()["uniformity"].passed, result.summary()
