"""Calibrations on CmdStan: the ranks of stanli, and generators written in Stan."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from cmdstanpy_helpers import PROGRAMS
from scipy import stats

import hbstan as hb
from hbstan.errors import ModelError

OPTIONS = {"seed": 5, "iter_warmup": 200, "iter_sampling": 200}


def test_ranks_are_those_of_stanli(cmdstan: Path) -> None:
    """The same data, seeds and random numbers: only the chains' rounding differs."""
    model = "eight_schools_noncentered"
    one = hb.sbc(model, n_sims=24, backend="cmdstan", **OPTIONS)
    other = hb.sbc(model, n_sims=24, backend="stanli", **OPTIONS)
    assert one.identity["backend"] == "cmdstan"
    assert one.ok.all()
    name = "simulated_value"
    assert one.dataset[name].identical(other.dataset[name])
    ranks = [r.dataset["rank"].values.ravel() for r in (one, other)]
    assert np.corrcoef(ranks)[0, 1] > 0.8
    assert (ranks[0] == ranks[1]).mean() > 0.3  # by chance one in a hundred


@pytest.fixture
def programs(tmp_path: Path) -> tuple[Path, Path]:
    fitted, generator = tmp_path / "fitted.stan", tmp_path / "generator.stan"
    for path in (fitted, generator):
        shutil.copy(PROGRAMS / path.name, path)
    return fitted, generator


def test_a_generator_in_stan(cmdstan: Path, programs: tuple[Path, Path]) -> None:
    fitted, generator = programs
    options = {"design": {"N": 5}, "generator": generator, **OPTIONS}
    result = hb.sbc(fitted, n_sims=60, backend="stanli", **options)
    assert result.ok.all()
    assert list(result.dataset["quantity"].values) == ["rate"]
    values = result.dataset["simulated_value"].values[:, 0]
    assert len(set(values)) == 60
    assert stats.kstest(values, stats.gamma(2).cdf).pvalue > 0.01
    assert result.summary()["p_value"]["rate"] > 0.01
    again = hb.sbc(fitted, n_sims=6, backend="stanli", executor="serial", **options)
    assert (again.dataset["rank"].values == result.dataset["rank"].values[:6]).all()


def test_a_generator_without_the_programs_names(
    cmdstan: Path, programs: tuple[Path, Path]
) -> None:
    fitted, generator = programs
    fitted.write_text(re.sub(r"\brate\b", "lambda", fitted.read_text()))
    options = {"design": {"N": 5}, "generator": generator, **OPTIONS}
    with pytest.raises(ModelError, match="none of which is a parameter"):
        hb.sbc(fitted, n_sims=3, backend="stanli", **options)


def test_a_generator_whose_data_are_missing(
    cmdstan: Path, programs: tuple[Path, Path]
) -> None:
    fitted, generator = programs
    with pytest.raises(ModelError, match="were not given: N"):
        hb.sbc(fitted, n_sims=3, generator=generator, **OPTIONS)
