"""Functions of the user's, loaded by path and sent to other processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

from hbstan.errors import ModelError
from hbstan.sbc.functions import load_function
from hbstan.sbc.identity import digest

GENERATOR = """
from dataclasses import dataclass
import math

SCALE = 2.0


@dataclass
class Own:
    value: float


def helper(x):
    return math.sqrt(x) * SCALE


def simulate(x):
    return Own(helper(x)).value


number = 3
"""


def write(folder: Path, text: str, name: str = "gen.py") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_a_function_is_loaded_and_calls_its_neighbours(tmp_path: Path) -> None:
    function = load_function(write(tmp_path, GENERATOR) + ":simulate")
    assert function(9.0) == 6.0


def test_it_works_in_a_process_that_does_not_have_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, GENERATOR)
    raw = cloudpickle.dumps(load_function(file + ":simulate"))
    Path(file).unlink()
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer)(9.0))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=raw, capture_output=True, check=True
    )
    assert done.stdout == b"6.0\n"


def test_loading_twice_gives_the_same_and_an_edit_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the same size and in the same second: bytecode would not tell them apart.
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = write(tmp_path, GENERATOR)
    first = load_function(file + ":simulate")
    assert load_function(file + ":simulate") is first
    write(tmp_path, GENERATOR.replace("2.0", "5.0"))
    edited = load_function(file + ":simulate")
    assert (first(9.0), edited(9.0)) == (6.0, 15.0)
    assert digest(first) != digest(edited)


def test_files_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    text = "def f():\n    return __file__\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    files = [write(tmp_path / folder, text) for folder in "ab"]
    assert [load_function(f"{file}:f")() for file in files] == files


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("gen.py", "legal: FILE.py:FUNCTION"),
        ("gen.txt:f", "legal: FILE.py:FUNCTION"),
        ("gen.py:", "legal: FILE.py:FUNCTION"),
        ("gen.py:a.b", "legal: FILE.py:FUNCTION"),
        ("nope.py:f", "'nope.py' cannot be read: No such file"),
    ],
)
def test_a_bad_reference_is_named(reference: str, words: str) -> None:
    with pytest.raises(ModelError) as error:
        load_function(reference)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("simulat", "'simulat' is not there"),
        ("number", "'number' is no function"),
    ],
)
def test_a_missing_function_is_named_with_what_is_there(
    tmp_path: Path, name: str, words: str
) -> None:
    with pytest.raises(ModelError) as error:
        load_function(f"{write(tmp_path, GENERATOR)}:{name}")
    assert words in str(error.value)
    assert "functions there: Own, helper, simulate." in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n\nimport nowhere_at_all\n", "line 3: ModuleNotFoundError"),
        ("x = 1\ndef f(:\n", "line 2: SyntaxError"),
        ("def f():\n    1 / 0\nf()\n", "line 2: ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_run_is_named_with_the_line(
    tmp_path: Path, text: str, words: str
) -> None:
    file = write(tmp_path, text)
    before = set(sys.modules)
    with pytest.raises(ModelError) as error:
        load_function(f"{file}:f")
    assert words in str(error.value)
    assert {
        m for m in set(sys.modules) - before if m.startswith("hbstan_file")
    } == set()
