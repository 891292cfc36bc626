"""The built wheel in a fresh environment: what users get, without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300

pytestmark = pytest.mark.slow


def run(*args: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(arg) for arg in args],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from the checkout with the installed hatchling."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation")
    run(*build, "--outdir", folder, ROOT, cwd=folder)
    (path,) = folder.glob("hbstan-*-py3-none-any.whl")
    return path


@pytest.fixture(scope="module")
def members(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a new environment that holds the wheel.

    Its dependencies are those of the running one, appended to the path: the
    wheel's own packages come first, and as a path entry is no site folder, the
    checkout's editable install is not followed.
    """
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    pip += ("--python", str(python), "install")
    run(*pip, "--no-deps", "--no-index", "--quiet", wheel, cwd=folder)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", ask, cwd=folder).strip())
    paths = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "dependencies.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    return python


def test_everything_is_in_the_wheel(members: set[str]) -> None:
    sources = {
        "hbstan/_stan/models": ROOT / "stan" / "models",
        "hbstan/_stan/functions": ROOT / "stan" / "functions",
        "hbstan/toolchain/csrc": ROOT / "hbstan" / "toolchain" / "csrc",
        "hbstan": ROOT / "hbstan",
    }
    for inside, folder in sources.items():
        files = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
        wanted = {f"{inside}/{p.as_posix()}" for p in files if _shipped(p)}
        assert wanted, folder
        assert wanted <= members, wanted - members
    assert "hbstan/py.typed" in members
    assert any(name.endswith("/licenses/LICENSE") for name in members)


def _shipped(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return "__pycache__" not in path.parts and path.suffix != ".pyc" and not hidden


def test_nothing_else_is_in_the_wheel(members: set[str]) -> None:
    top = {name.partition("/")[0] for name in members}
    assert len(top) == 2
    assert {name for name in top if not name.endswith(".dist-info")} == {"hbstan"}
    rest = [n for n in members if "test" in Path(n).name or n.endswith(".pyc")]
    assert not rest
    built = {".o", ".so", ".a", ".gch", ".hpp.gch", ".exe"}
    assert not [n for n in members if Path(n).suffix in built]


def test_the_metadata_name_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "hbstan = hbstan.cli:main" in archive.read(name).decode()


def test_the_fresh_environment_is_not_the_checkout(fresh: Path, tmp_path: Path) -> None:
    ask = "import hbstan; print(hbstan.__file__)"
    found = Path(run(fresh, "-I", "-c", ask, cwd=tmp_path).strip())
    assert found.is_relative_to(fresh.parents[1])
    ask = "import hbstan; print(hbstan.models.get('logit_noncentered').program.file)"
    found = Path(run(fresh, "-I", "-c", ask, cwd=tmp_path).strip())
    assert found.is_relative_to(fresh.parents[1])
    assert found.parts[-3:-1] == ("_stan", "models")


def test_fit_from_the_wheel(
    fresh: Path, tmp_path: Path, bare_env: dict[str, str]
) -> None:
    command = fresh.parent / "hbstan"
    args = ("fit", "logit_noncentered", "surgical", "--seed", "42")
    env = {k: v for k, v in bare_env.items() if not k.startswith("PYTHON")}
    env["PATH"] = os.defpath
    args += ("--json", "--out", "res", "--no-figures")
    out = run(command, *args, cwd=tmp_path, env=env)
    record = json.loads(out)
    assert record["posterior"]["mu"]["mean"] == pytest.approx(-2.559, abs=0.025)
    assert record["diagnostics"]["outcome"] == "pass"
    assert (tmp_path / "res" / "fit.nc").is_file()
