"""The command away from the user's folders, with and without CmdStan."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command import Command
from finished import FOREIGN


@pytest.fixture(scope="session")
def font_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return matplotlib's folder; a new one for each test would cost seconds."""
    return tmp_path_factory.mktemp("matplotlib")


@pytest.fixture(scope="session")
def bare_env(
    font_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return an environment where no CmdStan can be found and the cache is empty."""
    home = tmp_path_factory.mktemp("home")
    env = {k: v for k, v in os.environ.items() if k not in FOREIGN}
    return env | {
        "HOME": str(home),
        "HBSTAN_CACHE": str(home / "cache"),
        "MPLCONFIGDIR": str(font_cache),
        "PYTHONIOENCODING": "utf-8",
    }


@pytest.fixture
def hbstan(tmp_path: Path, bare_env: dict[str, str]) -> Command:
    """Return the command, run in an empty folder without CmdStan."""
    return Command(tmp_path, bare_env)


@pytest.fixture
def with_cmdstan(tmp_path: Path, font_cache: Path) -> Command:
    """Return the command where CmdStan is installed, first installing it if need be."""
    from hbstan.toolchain import cache_dir, install_cmdstan

    own = os.environ.get("HBSTAN_TEST_ASSEMBLED") == "1"
    path = install_cmdstan(dir=cache_dir() if own else None).path
    env = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    env |= {"CMDSTAN": str(path), "MPLCONFIGDIR": str(font_cache)}
    return Command(tmp_path, env)
