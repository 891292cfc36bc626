"""check of programs that do not declare all that it asks for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hbstan.backends.fake import FakeBackend
from hbstan.cli import app
from hbstan.fit import fit

STATS = {
    "lp__": lambda rng, data, n: rng.standard_normal(n),
    "energy__": lambda rng, data, n: rng.standard_normal(n),
    "divergent__": lambda rng, data, n: np.zeros(n),
    "treedepth__": lambda rng, data, n: np.full(n, 3.0),
    "n_leapfrog__": lambda rng, data, n: np.full(n, 7.0),
}
PROGRAM = """data { int N; vector[N] x; }
parameters { real mu; }
model { x ~ normal(mu, 1); }
"""


def _saved(folder: Path, *, chains: int = 4) -> Path:
    file = folder / "own.stan"
    file.write_text(PROGRAM)
    engine = FakeBackend(
        {"mu": lambda rng, data, n: rng.standard_normal(n)}, stats=STATS
    )
    made = fit(file, {"N": 2, "x": [1.0, 2.0]}, backend=engine, seed=1, chains=chains)
    return made.save(folder / "fit.nc")


def test_questions_to_a_program_without_predictions_are_not_run(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["check", str(_saved(tmp_path)), "--json", "--quiet"])
    record = json.loads(ran.stdout)
    assert ran.exit_code == 0, ran.stdout
    assert record["diagnostics"]["outcome"] == record["outcome"] == "pass"
    for name, lacks in {
        "predictive": "y_rep",
        "loo": "log_lik",
        "sensitivity": "lprior",
    }.items():
        assert record[name]["outcome"] == "not_run"
        (check,) = record[name]["checks"]
        assert check["detail"].endswith(f"holds no {lacks}")
        assert check["advice"].startswith(f"Declare {lacks}")


def test_the_screen_says_what_was_not_run(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["check", str(_saved(tmp_path))]).stdout
    text = " ".join(shown.split())
    assert "All checks that were run passed: the draws can be used." in text
    assert "what was not run: predictive, loo, sensitivity." in text


@pytest.mark.parametrize("more", [[], ["--draws-only"]])
def test_draws_that_were_not_judged_are_not_passed(
    tmp_path: Path, more: list[str]
) -> None:
    path = _saved(tmp_path, chains=1)  # R-hat needs several
    ran = CliRunner().invoke(app, ["check", str(path), "--json", "--quiet", *more])
    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["outcome"] == "not_run"
