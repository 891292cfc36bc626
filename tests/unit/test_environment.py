"""Homes and caches that are missing or cannot be written, where none is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hbstan import docless
from hbstan.cli.environment import give_matplotlib_a_folder

ROOT = Path(__file__).parents[2]
FLAGS_OO = SimpleNamespace(optimize=2)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_matplotlib_keeps_the_folder_that_it_can_make(monkeypatch) -> None:
    give_matplotlib_a_folder()
    assert "MPLCONFIGDIR" not in os.environ
    monkeypatch.setenv("MPLCONFIGDIR", "chosen")
    give_matplotlib_a_folder()
    assert os.environ["MPLCONFIGDIR"] == "chosen"


def test_matplotlib_gets_a_folder_where_its_own_cannot_be_made(
    monkeypatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    give_matplotlib_a_folder()
    folder = Path(os.environ["MPLCONFIGDIR"])
    assert folder.is_dir()
    monkeypatch.delenv("MPLCONFIGDIR")


def test_without_docstrings_arviz_adds_to_none(monkeypatch) -> None:
    from arviz_stats.base import stats_utils

    genuine = stats_utils.update_docstring
    monkeypatch.setattr(stats_utils, "update_docstring", genuine)
    docless.spare_arviz()
    assert stats_utils.update_docstring is genuine
    monkeypatch.setattr(docless, "sys", SimpleNamespace(flags=FLAGS_OO))
    docless.spare_arviz()
    assert stats_utils.update_docstring(None, {}) is None


# Without bytecode for this level Python compiles SciPy, xarray and ArviZ anew.
@pytest.mark.exhaustive(
    "hbstan/docless.py", "hbstan/__init__.py", "hbstan/cli", "pyproject.toml"
)
def test_help_and_diagnostics_need_no_docstrings() -> None:
    code = (
        "from typer.testing import CliRunner\n"
        "from hbstan.cli import app\n"
        "shown = CliRunner().invoke(app, ['--help']).stdout\n"
        "lines = [x for x in shown.splitlines() if 'Calibrate a model' in x]\n"
        "from arviz_stats.base import array_stats\n"
        "import numpy as np\n"
        "print(len(lines), array_stats.rhat(np.random.normal(size=(4, 100))) < 1.5)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-OO", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert ran.stdout.split() == ["1", "True"], ran.stderr
