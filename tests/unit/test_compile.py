"""The cache of compiled programs, with builders that only copy files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hbstan.compile import CompiledProgram, compiled_exe, program_key, source_hash
from hbstan.errors import CompileError
from hbstan.includes import find_includes

PROGRAM = """\
functions {
#include square.stanfunctions
}
parameters { real x; }
model { x ~ normal(0, square(1)); }
"""
SQUARE = "real square(real x) { return x * x; }\n"


class CopyingBuilder:
    """The "executable" is the program with its includes; counts its calls."""

    def __init__(self) -> None:
        self.seen: list[tuple[Path, tuple[Path, ...], Any, Any]] = []

    def __call__(
        self, stan_file: Path, include_paths: Sequence[Path], stanc: Any, cpp: Any
    ) -> Path:
        self.seen.append((stan_file, tuple(include_paths), stanc, cpp))
        text = stan_file.read_text()
        for include in find_includes(stan_file, include_paths):
            text += include.content.decode()
        exe = stan_file.with_suffix("")
        exe.write_text(text)
        return exe


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "square.stanfunctions").write_text(SQUARE)
    (folder / "normal.stan").write_text(PROGRAM)
    return folder / "normal.stan"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def builder() -> CopyingBuilder:
    return CopyingBuilder()


Ask = Callable[..., CompiledProgram]


@pytest.fixture
def ask(program: Path, cache: Path, builder: CopyingBuilder) -> Ask:
    def call(file: Path = program, **options: Any) -> CompiledProgram:
        options = {"builder": builder, "cache_dir": cache, **options}
        return compiled_exe(file, **options)

    return call


# --- includes -----------------------------------------------------------------


def test_includes_are_found_as_stanc_finds_them(tmp_path: Path) -> None:
    text = """
    // #include no1.stan
    /* #include no2.stan
       #include no3.stan */
    functions {
      #include  a.stan // a comment
      #include "b c.stan"
      #include <sub/d.stan>
      #include a.stan
    }
    model { print("#include no4.stan"); print("//"); #include e.stan
    }
    """
    for name in ("a.stan", "b c.stan", "e.stan"):
        (tmp_path / name).write_text(f"// {name}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/d.stan").write_text('#include "f.stan"\n')
    (tmp_path / "f.stan").write_text("// f\n")
    (tmp_path / "main.stan").write_text(text)
    found = find_includes(tmp_path / "main.stan")
    names = ["a.stan", "b c.stan", "sub/d.stan", "f.stan", "e.stan"]
    assert [include.name for include in found] == names


def test_include_paths_are_searched_in_order(program: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    assert find_includes(program, [first])[0].path.parent == program.parent
    (first / "square.stanfunctions").write_text("// other\n")
    assert find_includes(program, [first])[0].path.parent == first


def test_missing_include_names_file_and_line(program: Path) -> None:
    (program.parent / "square.stanfunctions").write_text("\n\n#include gone.stan\n")
    with pytest.raises(CompileError, match=r"'gone\.stan'") as caught:
        find_includes(program)
    assert caught.value.file == str(program.parent / "square.stanfunctions")
    assert caught.value.line == 3


def test_circular_include_is_refused(program: Path) -> None:
    square = program.parent / "square.stanfunctions"
    square.write_text("#include square.stanfunctions\n")
    with pytest.raises(CompileError, match="includes itself"):
        find_includes(program)


def test_missing_program_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"nowhere\.stan' cannot be read"):
        program_key(tmp_path / "nowhere.stan")


# --- the key ------------------------------------------------------------------


def test_key_depends_on_what_the_executable_depends_on(program: Path) -> None:
    def key(**options: Any) -> str:
        return program_key(program, **options)

    base = key()
    others = [
        key(stanc_options={"O1": True}),
        key(cpp_options={"O1": True}),
        key(cpp_options={"STAN_THREADS": True}),
        key(toolchain="2.36"),
    ]
    shutil.copy(program, program.with_name("other.stan"))
    others.append(program_key(program.with_name("other.stan")))
    program.write_text(PROGRAM + "\n")
    others.append(key())
    program.write_text(PROGRAM)
    (program.parent / "square.stanfunctions").write_text(SQUARE + "\n")
    others.append(key())
    assert len({base, *others}) == 1 + len(others)
    (program.parent / "square.stanfunctions").write_text(SQUARE)
    assert key() == base


def test_key_ignores_place_time_and_order(program: Path, tmp_path: Path) -> None:
    options = {"STAN_THREADS": True, "STAN_NO_RANGE_CHECKS": True}
    before = program_key(program, cpp_options=options)
    shutil.copytree(program.parent, tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" / program.name
    os.utime(moved, (1, 1))
    backwards = dict(reversed(options.items()))
    assert program_key(moved, cpp_options=backwards) == before
    assert source_hash(moved) == source_hash(program)


def test_user_header_counts_by_content(program: Path, tmp_path: Path) -> None:
    header = tmp_path / "f.hpp"
    header.write_text("// one")
    options = {"USER_HEADER": str(header)}
    before = program_key(program, cpp_options=options)
    header.write_text("// two")
    assert program_key(program, cpp_options=options) != before


# --- the cache ----------------------------------------------------------------


def test_second_request_is_served_from_the_cache(
    ask: Ask, builder: CopyingBuilder, program: Path
) -> None:
    first = ask()
    os.utime(program)
    second = ask()
    assert (first.cached, second.cached) == (False, True)
    assert first.exe == second.exe
    assert first.exe.name == "normal"
    assert first.exe.read_text() == PROGRAM + SQUARE
    assert (first.exe.parent / "program.stan").read_text() == PROGRAM
    assert os.access(first.exe, os.X_OK)
    assert len(builder.seen) == 1
    assert second.seconds < 0.2


def test_edits_recompile(ask: Ask, program: Path) -> None:
    first = ask()
    (program.parent / "square.stanfunctions").write_text(SQUARE + "// edited\n")
    second = ask()
    program.write_text(PROGRAM + "// edited\n")
    third = ask()
    assert not second.cached
    assert not third.cached
    assert "// edited" in second.exe.read_text()
    assert len({first.key, second.key, third.key}) == 3


def test_options_reach_the_builder(ask: Ask, builder: CopyingBuilder) -> None:
    ask(stanc_options={"O1": True}, cpp_options={"STAN_THREADS": True})
    assert builder.seen[0][2:] == ({"O1": True}, {"STAN_THREADS": True})


def test_builder_sees_plain_paths_only(
    program: Path, tmp_path: Path, builder: CopyingBuilder
) -> None:
    odd = tmp_path / "my models, ü"
    shutil.copytree(program.parent, odd)
    (odd / "normal.stan").rename(odd / "8 schools é.stan")
    cache = tmp_path / "cache ö"
    done = compiled_exe(odd / "8 schools é.stan", builder=builder, cache_dir=cache)
    file, folders, _, _ = builder.seen[0]
    assert all(str(p).isascii() and " " not in str(p) for p in (file, *folders))
    assert done.exe.name == "model_8_schools__"
    assert done.exe.read_text() == PROGRAM + SQUARE
    assert cache in done.exe.parents


def test_program_named_like_a_folder_of_make(ask: Ask, program: Path) -> None:
    assert ask(program.rename(program.with_name("build.stan"))).exe.name == "build"


def test_includes_above_the_include_path(ask: Ask, program: Path) -> None:
    shutil.move(program.parent / "square.stanfunctions", program.parent.parent)
    program.write_text(PROGRAM.replace("square.stan", "x/../../square.stan"))
    (program.parent / "x").mkdir()
    assert ask().exe.read_text().endswith(SQUARE)


def test_messages_name_the_users_files(
    ask: Ask, program: Path, cache: Path, builder: CopyingBuilder
) -> None:
    def failing(file: Path, folders: Sequence[Path], stanc: Any, cpp: Any) -> Path:
        raise CompileError(
            f"Semantic error in '{folders[0]}/square.stanfunctions', line 1, column 5, "
            f"included from\n'{file.name}', line 2, column 0:\nno such name"
        )

    with pytest.raises(CompileError) as caught:
        ask(builder=failing)
    square = str(program.parent / "square.stanfunctions")
    assert (caught.value.file, caught.value.line) == (square, 1)
    assert f"'{program}', line 2" in str(caught.value)
    assert str(cache) not in str(caught.value)
    # Nothing is left behind, and the next request builds.
    assert [p.name for p in (cache / "programs").iterdir()] == [".locks"]
    assert not ask().cached
    assert len(builder.seen) == 1


@pytest.mark.parametrize("damage", ["truncate", "remove", "no marker"])
def test_damaged_entry_is_built_anew(
    ask: Ask, builder: CopyingBuilder, cache: Path, damage: str
) -> None:
    exe = ask().exe
    if damage == "truncate":
        exe.write_text("half")
    elif damage == "remove":
        exe.unlink()
    else:
        (exe.parent / "ok.json").unlink()
    again = ask()
    assert not again.cached
    assert again.exe.read_text() == PROGRAM + SQUARE
    assert len(builder.seen) == 2
    assert ask().cached


def test_unwritable_cache_is_a_typed_error(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Exception, match="cannot be written") as caught:
        ask(cache_dir=tmp_path / "file")
    assert type(caught.value).__name__ == "ToolchainError"


def test_progress_is_reported(ask: Ask) -> None:
    told: list[tuple[str, int, int]] = []
    ask(progress=lambda *report: told.append(report))
    assert told == [("compiling normal.stan", 0, 1), ("compiling normal.stan", 1, 1)]


# --- several processes --------------------------------------------------------


def asker(program: Path, cache: Path, log: Path, hold: Path) -> list[str]:
    """A process whose builder writes half, waits while ``hold`` exists, and ends."""
    code = f"""
        import time
        from pathlib import Path
        from hbstan.compile import compiled_exe
        log, hold = Path({str(log)!r}), Path({str(hold)!r})

        def build(file, folders, stanc, cpp):
            with log.open("a") as stream:
                stream.write("built\\n")
            exe = file.with_suffix("")
            exe.write_text("first half, ")
            while hold.exists():
                time.sleep(0.02)
            exe.write_text("first half, second half")
            return exe

        done = compiled_exe({str(program)!r}, builder=build,
                            cache_dir=Path({str(cache)!r}))
        print(done.exe.read_text(), done.cached)
    """
    return [sys.executable, "-c", textwrap.dedent(code)]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def test_eight_processes_build_once(program: Path, cache: Path, tmp_path: Path) -> None:
    log, hold = tmp_path / "log", tmp_path / "hold"
    hold.touch()
    command = asker(program, cache, log, hold)
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    wait_for(log)
    time.sleep(1)  # lets the others reach the lock
    hold.unlink()
    texts = [process.communicate(timeout=60)[0].strip() for process in processes]
    built, shared = "first half, second half False", "first half, second half True"
    assert sorted(texts) == [built] + [shared] * 7
    assert log.read_text() == "built\n"


def test_killed_build_is_never_seen(
    ask: Ask, program: Path, cache: Path, tmp_path: Path
) -> None:
    log, hold = tmp_path / "log", tmp_path / "hold"
    hold.touch()
    with subprocess.Popen(asker(program, cache, log, hold)) as process:
        wait_for(log)
        time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    partial = [p.name for p in (cache / "programs").glob(".*.partial-*")]
    assert len(partial) == 1
    assert not list((cache / "programs").glob("[!.]*"))

    done = ask()
    assert not done.cached
    assert done.exe.read_text() == PROGRAM + SQUARE
    assert not list((cache / "programs").glob(".*.partial-*"))
