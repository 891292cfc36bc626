"""check and compare from the shell: sections, JSON, figures, exit codes, messages."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from command import Command
from shared import Shared

import hbstan as hb

SHORT = ("--backend", "stanli", "--seed", "1", "--quiet")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> Path:
    """Return a folder with saved fits."""
    folder = tmp_path_factory.mktemp("fits")
    for name in ("logit_noncentered", "beta_binomial", "binomial_pooled"):
        fit = shared(hb.fit, name, "surgical", seed=1, backend="stanli")
        fit.save(folder / f"{name}.nc")
    model, data = "eight_schools_noncentered", "eight_schools"
    schools = shared(hb.fit, model, data, seed=1, backend="stanli")
    schools.save(folder / "schools.nc")
    return folder


@pytest.fixture
def run(saved: Path, bare_env: dict[str, str]) -> Command:
    return Command(saved, bare_env)


def test_check_asks_every_question(run: Command, saved: Path) -> None:
    wide = {"COLUMNS": "200"}
    ran = run("check", "logit_noncentered.nc", "--seed", "1", "--out", "res", **wide)
    for words in (
        "Replicated data",
        "Predictive errors",
        "Cross-validation",
        "not needed: every group can be believed",
        "WAIC cannot be trusted",
        "How groups differ",
        "DerSimonian-Laird",
        "All checks passed: draws and model can be used.",
    ):
        assert words in " ".join(ran.out.split()), words
    record = json.loads((saved / "res" / "check.json").read_text(encoding="utf-8"))
    assert record["outcome"] == "pass"
    assert record["loo"]["method"] == "psis_group"
    assert {"diagnostics", "predictive", "loo", "groups", "sensitivity"} <= set(record)
    figures = sorted((saved / "res").glob("*.png"))
    assert len(figures) >= 7
    for figure in figures:
        pixels = matplotlib.image.imread(figure)
        assert min(pixels.shape[:2]) > 150, figure
        assert np.ptp(pixels[..., :3]) > 0.5, figure


def test_a_model_that_cannot_reproduce_the_data_exits_1(run: Command) -> None:
    ran = run("check", "binomial_pooled.nc", "--seed", "1", "--json", code=1)
    failed = {
        c["name"]
        for c in ran.json["predictive"]["checks"]["checks"]
        if c["outcome"] == "fail"
    }
    assert "dispersion" in failed
    assert ran.json["diagnostics"]["outcome"] == "pass"
    assert "groups" not in ran.json
    draws = run("check", "binomial_pooled.nc", "--draws-only", "--json")
    assert set(draws.json) == {"fit", "diagnostics", "outcome"}


def test_refits_swap_priors_and_leave_groups_out(run: Command) -> None:
    options = ("--refits", "--seed", "1", "--json", "--quiet")
    found = run("check", "schools.nc", *options, code=1).json
    parts = found["sensitivity"]
    assert {"power_scaling", "prior_swaps", "influence"} <= set(parts)
    assert len(parts["influence"]["refits"]) == 8
    # Eight schools leave much to the priors.
    assert found["outcome"] == parts["prior_swaps"]["outcome"] == "fail"


def test_compare_says_what_twelve_groups_can_show(run: Command, saved: Path) -> None:
    files = [f"{name}.nc" for name in ("logit_noncentered", "beta_binomial")]
    ran = run("compare", *files, "--seed", "1", "--out", "cmp")
    assert "fewer than about 100" in " ".join(ran.out.split())
    assert (saved / "cmp" / "comparison.png").stat().st_size > 1000
    record = json.loads((saved / "cmp" / "comparison.json").read_text())
    out = ("--json", "--quiet", "--out", "bare", "--no-figures")
    assert run("compare", *files, "--seed", "1", *out).json == record
    assert [p.name for p in (saved / "bare").iterdir()] == ["comparison.json"]
    assert record["models"][0]["name"] == "logit_noncentered"


def test_fits_of_other_data_are_not_compared(run: Command) -> None:
    ran = run("compare", "logit_noncentered.nc", "schools.nc", "--quiet", code=2)
    assert "data" in ran.err
    assert "Traceback" not in ran.err
    one = run("compare", "schools.nc", "--quiet", code=2)
    assert "Traceback" not in one.err


def test_a_program_without_predictions_is_not_criticised(
    run: Command, saved: Path
) -> None:
    program = "parameters { real m; } model { m ~ std_normal(); }\n"
    (saved / "own.stan").write_text(program)
    hb.fit(str(saved / "own.stan"), {"N": 1}, seed=1, backend="stanli").save(
        saved / "own.nc"
    )
    assert "not run: predictive, loo, sensitivity" in run("check", "own.nc").out
    run("check", "own.nc", "--draws-only")


def test_a_rung_that_does_not_exist_is_refused(run: Command) -> None:
    ran = run("check", "schools.nc", "--highest", "waic", code=2)
    assert "psis_group" in ran.err
