"""Homes and caches that are missing or cannot be written, where none is needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hbstan.cli.environment import give_matplotlib_a_folder


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
