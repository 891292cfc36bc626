"""The omega grid: the marginal form can be used in all nine cells, others cannot."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
EXHAUSTIVE = pytest.mark.exhaustive(
    *("scripts/omega_grid.py", "stan/models/normal_groups_marginal.stan"),
    *("stan/functions", "hbstan/backends", "hbstan/diagnostics", "hbstan/data"),
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("omega_grid")


@pytest.mark.parametrize("omega", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("groups", [5, 50, pytest.param(500, marks=EXHAUSTIVE)])
def test_the_marginal_form_serves_every_cell(
    script: ModuleType, omega: float, groups: int
) -> None:
    row = script.run(omega, groups, "marginal", 1, "stanli")
    assert row.good, row


def test_the_other_forms_fail_where_they_should(script: ModuleType) -> None:
    assert not script.run(0.1, 5, "centered", 1, "stanli").good
    assert not script.run(1.0, 50, "noncentered", 1, "stanli").good


def test_the_page_judges_by_the_worst_and_says_what_is_missing(
    script: ModuleType, tmp_path: Path
) -> None:
    good = script.Row(0.1, 5, "marginal", 1.001, 900.0, 800.0, 0, 2.0)
    bad = [
        replace(good, form="centered", **change)
        for change in ({"rhat": 1.02}, {"ess_tail": 399.0}, {"divergences": 1})
    ]
    assert good.good
    assert not any(row.good for row in bad)
    page = script.report([good, bad[0]], "command")
    assert "marginal 1 of 1; adaptive 0 of 0; centered 0 of 1" in page
    assert "43 fits of the grid have not been run" in page
    assert "| 0.1 | 5 | marginal | 1.001 | 900 | 800 | 0 | 2.0 | 450.0 | yes |" in page
    assert "| 0.1 | 5 | the thread, PyMC | 1.01 | 883 | 980 | - | - | - | |" in page
    path, about = tmp_path / "grid.json", {"seed": 1, "backend": "stanli"}
    assert script.saved(path, about) == []
    path.write_text(json.dumps({**about, "rows": [asdict(good)]}))
    assert script.saved(path, about) == [good]
    assert script.saved(path, {**about, "seed": 2}) == []


def test_the_committed_figures_are_of_the_whole_grid(script: ModuleType) -> None:
    rows = script.saved(SCRIPTS / "omega_grid.json", {"backend": "stanli"})
    cells = {(row.omega, row.groups) for row in rows if row.form == "marginal"}
    assert cells == set(script.REPORTED)
    assert all(row.good for row in rows if row.form == "marginal")
