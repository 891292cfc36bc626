"""Files that are either whole or not there."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from hbstan import files
from hbstan.errors import ScratchError
from hbstan.files import alone_in, atomic_path, scratch_folder

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


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files._sweep.cache_clear()
    yield tmp_path
    files._sweep.cache_clear()


def left(where: Path, name: str, seconds: float, owner: str | None) -> Path:
    folder = where / f"hbstan-{name}"
    folder.mkdir()
    (folder / "draws.csv").write_text("1\n")
    if owner is not None:
        (folder / f".owner-{owner}").write_text("")
    then = time.time() - seconds
    os.utime(folder, (then, then))
    return folder


def test_temporary_folders_of_dead_processes_are_swept(temporary: Path) -> None:
    here = platform.node()
    dead = left(temporary, "dead", 3600, here)
    young = left(temporary, "young", 5, here)
    elsewhere = left(temporary, "elsewhere", 3600, "another-machine")
    foreign = left(temporary, "foreign", 3600, None)
    alive = left(temporary, "alive", 3600, here)
    other = temporary / "something"
    other.mkdir()
    with FileLock(alive / f".owner-{here}"):
        os.utime(alive, (1, 1))
        with scratch_folder("x-") as folder:
            assert Path(folder).name.startswith("hbstan-x-")
            assert not dead.exists()
            for kept in (young, elsewhere, foreign, alive, other):
                assert kept.is_dir()
    assert not Path(folder).exists()


def test_a_folder_in_use_is_never_swept(temporary: Path) -> None:
    with scratch_folder() as folder:
        os.utime(folder, (1, 1))
        files._sweep.cache_clear()
        with scratch_folder():
            assert Path(folder).is_dir()


def test_without_a_temporary_folder_there_is_a_remedy(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "gone"))
    with pytest.raises(ScratchError, match="gone") as caught:
        scratch_folder()
    assert "TMPDIR" in (caught.value.remedy or "")


def test_what_killed_writers_began_is_gone_when_a_folder_is_taken(
    tmp_path: Path,
) -> None:
    begun = tmp_path / "deep" / ".0123.partial.json"
    begun.parent.mkdir()
    begun.write_text("{")
    with alone_in(tmp_path, "store"):
        assert not begun.exists()
