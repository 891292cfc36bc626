"""Text and file names as people write them, on any terminal."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from hbstan.cli.environment import replace_what_cannot_be_shown
from hbstan.cli.options import Screen
from hbstan.data import from_stan_json, grouped_binomial
from hbstan.data.tables import read_table
from hbstan.errors import CompileError, DataError, HbstanError, SettingsError
from hbstan.includes import find_includes
from hbstan.models import program_from_file
from hbstan.sbc.functions import load_function
from hbstan.text import (
    decode,
    encode,
    escaped,
    printable,
    unescaped,
    unfit_character,
)
from hbstan.workflow import Criteria

PROGRAM = "// größe\nparameters { real mu; } model { mu ~ normal(0, 1); }\n"


def _json(file: Path) -> object:
    return from_stan_json(file)


def _criteria(file: Path) -> object:
    return Criteria.read(file)


def _program(file: Path) -> object:
    return program_from_file(file).source()


def _included(file: Path) -> object:
    whole = file.with_name("whole.stan")
    whole.write_text(f"#include {file.name}\n")
    return find_includes(whole)


def _generator(file: Path) -> object:
    return load_function(f"{file}:f")


READERS = {
    "table": ("x.csv", "group,n\nä,1\n", read_table, DataError),
    "json": ("x.json", '{"N": 1, "_of": "ä"}\n', _json, DataError),
    "criteria": ("x.toml", "# ä\n[calibration]\nn_sims = 20\n", _criteria, None),
    "program": ("x.stan", PROGRAM, _program, CompileError),
    "include": ("x.stan", PROGRAM, _included, CompileError),
    "generator": ("x.py", '"""ä"""\ndef f():\n    return 1\n', _generator, None),
}


@pytest.fixture(params=READERS, name="reader")
def _reader(request, tmp_path):
    name, text, read, error = READERS[request.param]
    return tmp_path / name, text, read, error or HbstanError


def test_every_reader_takes_a_byte_order_mark(reader) -> None:
    file, text, read, _ = reader
    file.write_text(text, encoding="utf-8-sig")
    assert "\ufeff" not in repr(read(file))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-32"])
def test_every_reader_refuses_other_encodings(reader, encoding: str) -> None:
    file, text, read, error = reader
    file.write_text(text, encoding=encoding)
    with pytest.raises(error) as caught:
        read(file)
    line = 1 + text[: text.index("ä") if "ä" in text else text.index("ö")].count("\n")
    said = str(caught.value)
    assert str(file) in said
    assert "UTF-8" in said
    assert f"line {line}" in said or encoding != "latin-1"


def test_a_generator_may_declare_its_encoding(tmp_path: Path) -> None:
    file = tmp_path / "g.py"
    text = '# -*- coding: latin-1 -*-\ndef f():\n    return "ä"\n'
    file.write_text(text, encoding="latin-1")
    assert load_function(f"{file}:f")() == "ä"


def test_an_unreadable_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"nope\.toml' cannot be read: No such"):
        Criteria.read("nope.toml")


def test_line_ends_of_programs_are_newlines(tmp_path: Path) -> None:
    file = tmp_path / "x.stan"
    file.write_bytes(PROGRAM.replace("\n", "\r\n").encode("utf-8-sig"))
    assert program_from_file(file).source() == PROGRAM


NAME = os.fsdecode(b"f\xe4ll")  # no UTF-8


def test_names_that_are_no_text_are_shown_and_kept() -> None:
    assert printable(NAME) == "f\ufffdll"
    assert printable("größe 日本.csv") == "größe 日本.csv"
    assert encode(NAME).decode() == escaped(NAME) == "f\\udce4ll"
    assert unescaped(escaped(NAME)) == NAME
    text = json.dumps({"file": NAME}, ensure_ascii=False)
    assert json.loads(encode(text)) == {"file": NAME}


def test_a_table_may_lie_under_such_a_name(tmp_path: Path) -> None:
    file = tmp_path / f"{NAME}.csv"
    try:
        file.write_text("group,n,r\na,3,1\nb,4,1\n")
    except OSError:
        pytest.skip("the file system takes UTF-8 only")
    data = grouped_binomial(file, group="group", trials="n", events="r")
    assert data.name == "f\ufffdll"
    assert data.source == "f\ufffdll.csv"


@pytest.mark.parametrize("bad", ["\0", "\x1b", "\x85", "\x7f", "\ud800", "\ufffe"])
def test_characters_that_no_file_holds_are_refused(bad: str) -> None:
    assert unfit_character(f"a{bad}") == f"U+{ord(bad):04X}"
    values = {"n": [3, 4], "r": [1, 1]}
    with pytest.raises(DataError, match=r"row 2, column 'g'.*U\+"):
        _binomial({"g": ["a", f"b{bad}"], **values}, "g")
    with pytest.raises(DataError, match=r"the column .* has the character U"):
        _binomial({f"g{bad}": ["a", "b"], **values}, f"g{bad}")
    with pytest.raises(DataError, match=r"the dataset's name .* has the character U"):
        _binomial({"g": ["a", "b"], **values}, "g", name=f"x{bad}")


@pytest.mark.parametrize("good", ["a\nb", "a\tb", "日本", "\U0001f408", "\xa0é"])
def test_other_characters_are_text(good: str) -> None:
    assert unfit_character(good) is None


def _binomial(table, group: str, **more):
    return grouped_binomial(table, group=group, trials="n", events="r", **more)


def test_decode_counts_lines_after_a_mark() -> None:
    with pytest.raises(DataError, match=r"0xe4 at offset 5 \(line 2\)"):
        decode(b"\xef\xbb\xbfa\n\xe4", "x.csv")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf8_shows_replaced_characters(
    monkeypatch, encoding: str
) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", shown)
    replace_what_cannot_be_shown()
    Screen(json=False, quiet=False).text().print("日本 ward")
    Screen(json=True, quiet=False).result({"group": f"日本 {NAME}"})
    shown.flush()
    text = shown.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    first, _, rest = text.partition("\n")
    assert first == "?? ward"
    assert json.loads(rest) == {"group": f"日本 {NAME}"}
