"""Tables in Markdown, for the scripts that print pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["percent", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; numbers are given four digits."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def percent(share: float) -> str:
    """Return a share as whole per cent."""
    return f"{round(100 * share) + 0} %"


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
