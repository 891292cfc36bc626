"""The front end's random numbers are CmdStan's: another engine says so.

stanli implements CmdStan's streams for (seed, chain) on its own. On a program whose
arithmetic both do alike, the draws must agree in every digit that is printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmdstanpy_helpers import CONJUGATE, TRUTH

from hbstan.backends.cmdstan import CmdStanBackend
from hbstan.backends.stanli import StanliBackend
from hbstan.types import SamplerSettings, StanProgram

PROGRAM = StanProgram(CONJUGATE)
#: Ten digits are printed.
PRINTED = 1e-9


@pytest.mark.usefixtures("cmdstan")
@pytest.mark.parametrize("metric", ["diag_e", "dense_e", "unit_e"])
def test_both_engines_draw_the_same_numbers(metric: str) -> None:
    def draws(backend: Any, seed: int) -> Any:
        settings = SamplerSettings(
            seed=seed, chains=2, iter_warmup=300, iter_sampling=200, metric=metric
        )
        return backend.sample(PROGRAM, TRUTH.data, settings)

    ours, theirs = draws(CmdStanBackend(), 11), draws(StanliBackend(), 11)
    assert set(ours.variables) == set(theirs.variables)
    for name, values in ours.variables.items():
        np.testing.assert_allclose(values, theirs.variables[name], rtol=PRINTED)
    for name in ("lp__", "stepsize__", "n_leapfrog__", "energy__"):
        np.testing.assert_allclose(ours.stats[name], theirs.stats[name], rtol=1e-8)
    other = draws(StanliBackend(), 12)
    name = next(iter(ours.variables))
    assert not np.allclose(ours.variables[name], other.variables[name])


@pytest.mark.usefixtures("cmdstan")
def test_a_profiled_program_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = SamplerSettings(seed=1, chains=1, iter_warmup=50, iter_sampling=50)
    CmdStanBackend().sample(PROGRAM, TRUTH.data, settings)
    assert list(tmp_path.iterdir()) == []
