"""Tables on a screen of 80 columns: no name is broken, no number is lost."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.cells import cell_len

from hbstan.report.console import checks_table
from hbstan.report.format import empty_table
from hbstan.report.tables import UncutConsole, pairs_once
from hbstan.results import Check, Checks, Outcome

LONG = "A hospital whose name is long"


def _shown(thing: object, width: int = 80) -> list[str]:
    console = UncutConsole(width=width, file=io.StringIO(), highlight=False)
    console.print(thing)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def _table(names: list[str], columns: int, words: str = "some words to wrap"):
    heads = [f"column {i}" for i in range(columns)]
    table = empty_table("Title", "name", "text", *heads, numbers=columns)
    for row, name in enumerate(names):
        table.add_row(name, words, *(f"{row}.{i:03d}" for i in range(columns)))
    return table


def test_a_table_that_fits_is_one_part() -> None:
    lines = _shown(_table(["a", "b"], 4))
    assert lines[0] == "Title"
    assert len(lines) == 4
    assert lines[1].split()[:2] == ["name", "text"]


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("columns", [1, 5, 12, 20])
def test_columns_go_on_below_with_their_rows_names(width: int, columns: int) -> None:
    lines = _shown(_table([LONG, "日本"], columns), width)
    text = "\n".join(lines)
    assert max(map(cell_len, lines)) <= width
    heads = sum(line.startswith("name ") for line in lines)
    assert text.count(LONG) == text.count("日本") == heads
    for row in range(2):
        for i in range(columns):
            assert f"{row}.{i:03d}" in text
            assert f"column {i}" in text


def test_a_name_wider_than_the_screen_is_whole() -> None:
    name = f"{LONG} " * 4
    lines = _shown(_table([name, "b"], 3))
    assert sum(line.startswith(name) and "0.002" in line for line in lines) == 1


def test_line_ends_and_tabs_in_names_do_not_break_rows() -> None:
    lines = _shown(_table(["new\nline", "tab\there"], 1))
    assert [line.split()[0] for line in lines[2:]] == ["new\\nline", "tab\\there"]


def test_words_are_never_broken() -> None:
    words = "a-word-of-thirty-characters-123 " * 2
    text = "\n".join(_shown(_table(["a"], 6, words)))
    assert "a-word-of-thirty-characters-123" in text


def _check(label: str, rule: str) -> Check:
    return Check("x", label, Outcome.FAIL, 0.123, 0.05, rule, detail="what was found")


def test_checks_keep_their_outcome_beside_the_label() -> None:
    label = "Posterior predictive: groups inside their intervals, and so on"
    lines = _shown(checks_table(Checks([_check(label, "a rule of several words")])))
    (row,) = [line for line in lines if line.startswith(label)]
    assert row.rstrip().endswith("FAIL")
    short = _shown(checks_table(Checks([_check("Short", "p >= 0.05")])))
    assert any("p >= 0.05" in line and "FAIL" in line for line in short)


def test_a_correlation_is_shown_once() -> None:
    rng = np.random.default_rng(1)
    r = rng.uniform(-1, 1, (2, 10))
    one = np.ones_like(r)
    draws = np.stack([np.stack([one, r], -1), np.stack([r, one], -1)], -2)
    values = {"Omega": (("chain", "draw", "a", "b"), draws)}
    fit = SimpleNamespace(posterior=xr.Dataset(values))
    names = [f"Omega[{i}, {j}]" for i in range(2) for j in range(2)]
    left = pairs_once(fit, pd.DataFrame({"mean": range(4)}, index=names))
    assert list(left.index) == ["Omega[0, 1]"]
    values["Omega"] = (values["Omega"][0], 2 * draws)  # a covariance has a diagonal
    fit = SimpleNamespace(posterior=xr.Dataset(values))
    assert len(pairs_once(fit, pd.DataFrame({"mean": range(4)}, index=names))) == 4
