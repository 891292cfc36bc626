"""Files that are either whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hbstan.files import atomic_path

ROOT = Path(__file__).parents[2]


class Interrupted(BaseException):
    """Stands for an interrupt: not an Exception."""


def test_a_new_file_appears_when_the_body_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "file.nc"
    with atomic_path(target) as partial:
        partial.write_text("new")
        assert not target.exists()
        assert partial.parent == target.parent
        assert partial.suffix == ".nc"
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with atomic_path(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Interrupted])
def test_an_error_leaves_the_old_file(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "file.nc"
    target.write_text("old")

    def write() -> None:
        with atomic_path(target) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_body_that_writes_nothing_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.nc"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_path(target):
        pass
    assert target.read_text() == "old"


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.nc"
    target.write_text("old")
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from hbstan.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(target)], cwd=ROOT, check=False
    )
    assert run.returncode == -9
    assert target.read_text() == "old"


def test_two_writers_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    target = tmp_path / "file.nc"
    with atomic_path(target) as first, atomic_path(target) as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert target.read_text() == "1"


def test_a_refused_replacement_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError), atomic_path(target) as partial:
        partial.write_text("new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OSError), atomic_path(tmp_path / "taken" / "file"):
        pass
