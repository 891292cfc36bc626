"""Tables and progress as text."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console

from hbstan.report.console import groups_table, progress_bars


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
