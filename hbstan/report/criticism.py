"""Criticism of a fit as Rich tables: predictions, cross-validation, comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from hbstan.report.format import empty_table, fixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from hbstan.loo import LooResult

__all__ = ["frame_table", "ladder_table", "loo_groups_table", "loo_line"]

_TAKEN = {True: "[green]taken[/]", False: "[dim]not taken[/]"}


def frame_table(
    title: str,
    frame: pd.DataFrame,
    columns: Mapping[str, str] | None = None,
    *,
    decimals: int | None = 3,
    index: str = "",
) -> Table:
    """Return a data frame as a table, numbers flush right, text as it is.

    Parameters
    ----------
    title : str
    frame : pandas.DataFrame
    columns : mapping of str to str, optional
        The columns to show and their headings; by default all, by their names.
    decimals : int, optional
        Of numbers that are not whole; None gives each number four digits.
    index : str
        Heading of the index.
    """
    shown = dict(columns) if columns else {str(c): str(c) for c in frame.columns}
    shown = {name: head for name, head in shown.items() if name in frame}
    numeric = [n for n in shown if frame[n].dtype.kind in "fiu"]
    words = [n for n in shown if n not in numeric]
    heads = [index, *(shown[n] for n in (*words, *numeric))]
    table = empty_table(title, *map(escape, heads), numbers=len(numeric))
    places = {n: _places(frame[n], decimals) for n in numeric}
    for label, row in frame.iterrows():
        name = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        cells = [escape(str(row[n])) for n in words]
        cells += [_number(row[n], places[n]) for n in numeric]
        table.add_row(escape(name), *cells)
    return table


def _places(column: pd.Series[Any], decimals: int | None) -> int | None:
    """Return 0 for a column of whole numbers, such as counts."""
    known = column.dropna()
    return 0 if len(known) and (known % 1 == 0).all() else decimals


def _number(value: Any, places: int | None) -> str:
    if places is None:
        return "-" if value != value else f"{float(value):.4g}"
    return fixed(value, places)


def ladder_table(result: LooResult) -> Table:
    """Return the rungs of the ladder: what each cost and gave, or why it was not."""
    head = ("rung", "", "why", "groups", "bad", "planned s", "s", "elpd", "se", "mcse")
    table = empty_table("Cross-validation", *head, numbers=7)
    for step in result.steps:
        counts = [str(len(step.groups)), str(len(step.bad)) if step.taken else "-"]
        times = [fixed(step.planned, 1), fixed(step.seconds, 1) if step.taken else "-"]
        values = [fixed(step.elpd, 2), fixed(step.se, 2), fixed(step.mcse, 3)]
        row = [step.name, _TAKEN[step.taken], escape(step.reason)]
        table.add_row(*row, *counts, *times, *values)
    return table


def loo_groups_table(result: LooResult) -> Table:
    """Return the groups' predictive densities."""
    columns = {
        "elpd": "elpd",
        "p": "p",
        "k": "k",
        "mcse": "mcse",
        "method": "by",
    }
    return frame_table(
        f"Groups predicted from the others ({result.target})",
        result.table,
        columns,
        decimals=2,
        index="group",
    )


def loo_line(result: LooResult) -> str:
    """Return the sum in one sentence, with WAIC beside it; as Rich markup."""
    total: dict[str, Any] = result.values().totals()
    text = (
        f"elpd [bold]{total['elpd']:.1f}[/] (se {total['se']:.1f}, Monte Carlo error "
        f"{total['mcse']:.2f}), p {total['p']:.1f}; {result.target}, by "
        f"{result.method}"
    )
    if result.waic is not None:
        found = result.waic
        text += f"\nWAIC {found.elpd:.1f} (p {found.p:.1f})"
        text += f": {escape(found.warning)}" if found.warning else ""
    return text
