"""What is installed, what works, and what to do about the rest."""

from __future__ import annotations

import shutil
import sys
from importlib import metadata
from pathlib import Path

from hbstan.errors import HbstanError
from hbstan.files import require_writable, scratch_folder
from hbstan.results import Check, Checks, Outcome
from hbstan.types import SamplerSettings, StanProgram

__all__ = ["examine", "usable_backend"]

_OLDEST_PYTHON = (3, 11)
_PACKAGES = (
    "hbstan",
    "stanli",
    "cmdstanpy",
    "arviz-base",
    "arviz-stats",
    "arviz-plots",
    "numpy",
    "pandas",
    "scipy",
    "xarray",
)
_PROBE = "parameters { real x; } model { x ~ std_normal(); }\n"
_INSTALL_TOOLS = "On Debian or Ubuntu: apt install g++ make."


def examine() -> Checks:
    """Look at Python, packages, tools, folders and both backends.

    Returns
    -------
    Checks
        ``python``, ``packages``, ``compiler``, ``make``, ``cache``, ``stanli``,
        ``cmdstan``. The stanli check draws from a one-parameter program; the
        cmdstan check compiles nothing.
    """
    return Checks(
        (
            _python(),
            _packages(),
            _tool("compiler", "C++ compiler", ("g++", "clang++")),
            _tool("make", "make", ("make",)),
            _cache(),
            _stanli(),
            _cmdstan(),
        )
    )


def usable_backend(checks: Checks) -> str | None:
    """Return the backend that ``auto`` takes, or None if it takes none.

    The rule is that of :func:`hbstan.backends.choose`: a CmdStan that is there but
    cannot be used is an error, for which stanli does not stand in.
    """
    if checks["cmdstan"].passed:
        return "cmdstan"
    broken = checks["cmdstan"].outcome is Outcome.FAIL
    return "stanli" if checks["stanli"].passed and not broken else None


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    rule = ">= " + ".".join(map(str, _OLDEST_PYTHON))
    good = sys.version_info >= _OLDEST_PYTHON
    return Check(
        "python",
        "Python",
        Outcome.PASS if good else Outcome.FAIL,
        rule=rule,
        detail=f"{found} at {sys.executable}",
        advice="" if good else "Install a newer Python.",
    )


def _packages() -> Check:
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    return Check(
        "packages",
        "Packages",
        Outcome.FAIL if missing else Outcome.PASS,
        rule="installed",
        subjects=tuple(missing),
        detail="missing" if missing else ", ".join(found),
        advice=f"pip install {' '.join(missing)}" if missing else "",
    )


def _tool(name: str, label: str, candidates: tuple[str, ...]) -> Check:
    found = next((path for c in candidates if (path := shutil.which(c))), None)
    return Check(
        name,
        label,
        Outcome.PASS if found else Outcome.NOT_RUN,
        rule="for cmdstan",
        detail=found or f"none of {', '.join(candidates)} found",
        advice="" if found else f"Only the cmdstan backend needs it. {_INSTALL_TOOLS}",
    )


def _cache() -> Check:
    from hbstan.toolchain import cache_dir

    folder = cache_dir()
    try:
        require_writable(folder)
    except OSError as err:
        return Check(
            "cache",
            "Cache folder",
            Outcome.FAIL,
            rule="writable",
            detail=str(err),
            advice="Set HBSTAN_CACHE to a folder that you may write to.",
        )
    free = shutil.disk_usage(folder).free / 1e9
    return Check(
        "cache",
        "Cache folder",
        Outcome.PASS,
        rule="writable",
        detail=f"{folder}, {free:.0f} GB free",
    )


def _stanli() -> Check:
    from hbstan.backends.stanli import StanliBackend

    label, rule = "Backend stanli", "draws"
    try:
        backend = StanliBackend()
        with scratch_folder() as folder:
            program = StanProgram(Path(folder) / "probe.stan")
            program.file.write_text(_PROBE, encoding="utf-8")
            settings = SamplerSettings(
                seed=1, chains=1, iter_warmup=50, iter_sampling=50
            )
            backend.sample(program, {}, settings)
    except HbstanError as err:
        return Check("stanli", label, Outcome.FAIL, rule=rule, detail=str(err))
    return Check(
        "stanli",
        label,
        Outcome.PASS,
        rule=rule,
        detail=f"{backend.versions()['stanli']}, in process, no compiler needed",
    )


def _cmdstan() -> Check:
    from hbstan.toolchain import find_cmdstan

    label, rule = "Backend cmdstan", "installed"
    try:
        found = find_cmdstan()
    except HbstanError as err:
        return Check(
            "cmdstan",
            label,
            Outcome.FAIL,
            rule=rule,
            detail=err.message,
            advice=err.remedy or "",
        )
    if found is None:
        return Check(
            "cmdstan",
            label,
            Outcome.NOT_RUN,
            rule=rule,
            detail="no CmdStan found",
            advice="Run 'hbstan install-cmdstan'; it needs g++, make and four minutes.",
        )
    return Check(
        "cmdstan",
        label,
        Outcome.PASS,
        rule=rule,
        detail=f"CmdStan {found.version_text} at {found.path} ({found.origin})",
    )
