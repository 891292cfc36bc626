"""What models and data there are, as Rich tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hbstan.report.console import first_of, say_how_many
from hbstan.report.format import empty_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from hbstan.data import Dataset
    from hbstan.models import Model

__all__ = ["dataset_lines", "list_table", "model_lines"]


def list_table(
    title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> Table:
    """Return plain rows under a header."""
    table = empty_table(title, *header)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def model_lines(model: Model) -> list[str | Table]:
    """Return a model's page: mathematics, parameters, priors, program text."""
    parameters = list_table(
        "Quantities",
        ("name", "meaning", "unit", "shape", "prior"),
        [
            (p.name, p.meaning, p.unit, ", ".join(p.dims) or "scalar", p.role or "-")
            for p in model.parameters
        ],
    )
    return [
        f"[bold]{model.name}[/]: {escape(model.title)}",
        escape(model.formula),
        f"Data: {model.kind}, with the columns {_roles(model.kind)}. "
        f"Source: {escape(model.reference)}",
        f"Example: hbstan fit {model.name} {model.example_data}",
        parameters,
        f"Program: {escape(str(model.program.file))}",
        escape(_header_comment(model.program.source())),
    ]


def _roles(kind: str) -> str:
    """Return what columns the data have, and how a command names them."""
    from hbstan.data.systems import kinds, roles_of

    if kind not in kinds():
        pair = ("trials", "events") if kind == "binomial" else ("estimate", "se")
        return f"group (optional), {pair[0]} and {pair[1]} (--{pair[0]} NAME)"
    roles = roles_of(kind).items()
    listed = ", ".join(r if need else f"{r} (optional)" for r, need in roles)
    return f"{listed} (--column ROLE=NAME)"


def _header_comment(source: str) -> str:
    end = source.find("*/")
    return source[: end + 2] if end >= 0 else ""


def dataset_lines(dataset: Dataset, about: Mapping[str, str]) -> list[str | Table]:
    """Return a dataset's page: what it is and its rows, of many the first.

    Numbers are shown with six digits.
    """
    frame = dataset.to_frame()
    rows = [
        tuple(_cell(cell) for cell in row)
        for row in first_of(frame).itertuples(index=False)
    ]
    header = tuple(str(c) for c in frame.columns)
    lines: list[str | Table] = [
        f"[bold]{escape(key)}[/]: {escape(text)}" for key, text in about.items() if text
    ]
    table = list_table("", header, rows)
    say_how_many(table, len(frame))
    return [*lines, table]


def _cell(value: Any) -> str:
    """Return a cell of a dataset; whole numbers are whole, a missing one is empty."""
    if not isinstance(value, float):
        return str(value)
    return "" if math.isnan(value) else f"{value:.6g}"
