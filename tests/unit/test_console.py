"""Tables and progress as text."""

from __future__ import annotations

import io
import re

import pandas as pd
import pytest
from rich.console import Console

from hbstan.report.console import checks_table, groups_table, progress_bars
from hbstan.report.format import p_text
from hbstan.report.progress import pace
from hbstan.results import Check, Checks, Outcome


def text_of(renderable: object) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


def groups(sigma: list[float], sd: float) -> pd.DataFrame:
    count = len(sigma)
    columns = {"raw": 1.5, "sigma": sigma, "mean": 1.0, "sd": sd}
    columns |= {"lower": -1.0, "upper": 3.0}
    return pd.DataFrame(columns, index=[f"g{i}" for i in range(count)])


@pytest.mark.parametrize(
    ("sigma", "sd", "shown"),
    [
        ([0.0123, 0.5], 20.0, ["0.012", "0.500"]),
        ([12.5, 31.0], 0.02, ["12.5", "31.0"]),
        ([15.0, 10.0], 0.02, ["15", "10"]),
    ],
)
def test_standard_errors_have_a_scale_of_their_own(
    sigma: list[float], sd: float, shown: list[str]
) -> None:
    rows = text_of(groups_table(groups(sigma, sd), "Groups")).splitlines()[2:]
    assert [row.split()[1] for row in rows] == shown


def test_in_a_log_each_step_is_named_once() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with progress_bars(console, enabled=True) as progress:
        assert progress is not None
        for done in (0, 0, 1):
            progress("compiling a.stan", done, 1)
        progress("waiting for [b]", 0, 1)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text == "compiling a.stan\nwaiting for [b]\n"


def test_what_is_not_enabled_says_nothing() -> None:
    with progress_bars(Console(file=io.StringIO()), enabled=False) as progress:
        assert progress is None


# Progress of a calibration


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def log_of(steps: list[tuple[float, str, int, int]]) -> list[str]:
    console, clock = Console(file=io.StringIO(), force_terminal=False), Clock()
    with progress_bars(console, enabled=True, clock=clock) as progress:
        assert progress is not None
        for seconds, step, done, total in steps:
            clock.now = seconds
            progress(step, done, total)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_log_hears_of_simulations_at_each_tenth() -> None:
    steps = [(n / 50, "simulations", n, 1000) for n in range(0, 1001, 10)]
    lines = log_of(steps)
    assert lines[:2] == [
        "simulations: 0 of 1000, 0 failed",
        "simulations: 100 of 1000, 50/s, 18 s left, 0 failed",
    ]
    assert lines[-1] == "simulations: 1000 of 1000, 50/s, 0 failed"
    assert len(lines) == 11


def test_a_log_hears_of_slow_simulations_every_few_minutes() -> None:
    steps = [(100.0 * n, "simulations", n, 1000) for n in range(10)]
    counts = [line.split()[1] for line in log_of(steps)]
    assert counts == ["0", "3", "6", "9"]


def test_what_was_done_before_does_not_count_for_the_pace() -> None:
    lines = log_of([(0, "simulations", 500, 1000), (10, "simulations", 600, 1000)])
    assert lines[1] == "simulations: 600 of 1000, 10/s, 40 s left, 0 failed"


def test_a_remark_makes_no_other_step() -> None:
    failing = "simulations, 3 failed"
    lines = log_of([(0, "simulations", 0, 10), (1, failing, 5, 10)])
    assert lines[1:] == ["simulations: 5 of 10, 5/s, 1 s left, 3 failed"]


def test_no_simulations_are_no_division_by_zero() -> None:
    assert log_of([(0, "simulations", 0, 0)]) == ["simulations: 0 of 0, 0 failed"]


def test_a_terminal_shows_one_bar_with_pace_and_failures() -> None:
    clock = Clock()
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with progress_bars(console, enabled=True, clock=clock) as progress:
        assert progress is not None
        progress("compiling a.stan", 1, 1)
        progress("simulations", 0, 100)
        clock.now = 10.0
        progress("simulations, 2 failed", 20, 100)
    screen = console.file.getvalue()  # type: ignore[attr-defined]
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).splitlines()
    assert re.search(r"simulations, 2 failed .* 20% .* 2/s, 40 s left", lines[-1])
    assert not re.search(r"/s|left", lines[-2])  # compiling has no pace
    assert "compiling a.stan" in lines[-2]


@pytest.mark.parametrize(
    ("done", "left", "seconds", "text"),
    [
        (0, 10, 5.0, ""),
        (10, 10, 0.0, ""),
        (520, 884, 10.0, "52/s, 17 s left"),
        (9, 0, 4.0, "2.2/s"),
        (1, 999, 30.0, "0.033/s, 8 h 20 min left"),
        (100, 20_000, 100.0, "1/s, 5 h 33 min left"),
        (100, 100, 100.0, "1/s, 2 min left"),
    ],
)
def test_pace(done: int, left: int, seconds: float, text: str) -> None:
    assert pace(done, left, seconds) == text


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.000"), (0.0312, "0.031"), (3.2e-7, "3e-07"), (float("nan"), "-")],
)
def test_p_values_are_never_printed_as_zero(value: float, text: str) -> None:
    assert p_text(value) == text


def test_a_small_value_of_a_check_is_not_printed_as_zero() -> None:
    check = Check("uniformity", "Ranks", Outcome.FAIL, 2.4e-9, 0.05, ">= 0.05")
    assert "2e-09" in text_of(checks_table(Checks((check,))))
