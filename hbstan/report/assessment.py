"""An assessment as text and Rich tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hbstan.report.format import empty_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from hbstan.assess import Assessment

__all__ = ["assessment_lines"]

_TITLE = "root mean squared errors that are expected"
_ENDS = {
    "lower": "lower bound",
    "estimate": "estimate",
    "upper": "upper bound",
}


def assessment_lines(result: Assessment) -> Iterator[RenderableType]:
    """Yield the verdict, the argument and the tables.

    Parameters
    ----------
    result : Assessment
    """
    name = escape(result.data_name)
    yield f"[bold]{name}[/]: a hierarchical model is [bold]{result.verdict}[/]\n"
    for sentence in result.sentences:
        yield f"- {escape(sentence)}"
    yield ""
    yield _spread(result)
    yield ""
    yield _groups(result)


def _spread(result: Assessment) -> Table:
    heads = ("tau at its", "tau", "alone", "one for all", "pooled", "gain")
    table = empty_table(f"Over the interval of tau: {_TITLE}", *heads, numbers=5)
    for end, row in result.spread.to_dict(orient="index").items():
        errors = _roots(row, "none", "complete", "partial")
        table.add_row(
            _ENDS[str(end)], f"{row['tau']:.3g}", *errors, _percent(row["gain"])
        )
    return table


def _groups(result: Assessment) -> Table:
    sized = result.size_name in ("trials", "observations")
    size = result.size_name if sized else "se"
    heads = ("group", size, "shrunk", "alone", "pooled", "gain", "as more data")
    table = empty_table(f"Groups: {_TITLE}", *heads, numbers=6)
    for label, row in result.groups.to_dict(orient="index").items():
        table.add_row(
            escape(str(label)),
            f"{row['size']:,.0f}" if sized else f"{row['se']:.3g}",
            _percent(row["shrinkage"]),
            *_roots(row, "none", "partial"),
            _percent(row["gain"]),
            _percent(row["more_data"]),
        )
    return table


def _roots(row: Any, *names: str) -> list[str]:
    return [f"{row[name] ** 0.5:.3g}" for name in names]


def _percent(share: float) -> str:
    # A rounded zero has no sign.
    return f"{round(share, 3) + 0.0:.1%}" if abs(share) < 1e3 else "-"
