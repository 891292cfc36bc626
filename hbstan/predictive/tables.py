"""Tables as JSON-ready data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.results import json_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["records"]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as JSON-ready data, the index among the columns.

    Parameters
    ----------
    table : pandas.DataFrame
        Of numbers, truth values and text.
    """
    return [
        {
            str(key): value if isinstance(value, str | bool) else json_number(value)
            for key, value in row.items()
        }
        for row in table.reset_index().astype(object).to_dict(orient="records")
    ]
