"""The catalogue's models by what their data are."""

from __future__ import annotations

from typing import Any

from hbstan import datasets, models

#: Models of data with one outcome a group: binomial, or estimates with errors.
GROUPED = tuple(
    name for name in models.names() if models.get(name).kind in ("binomial", "normal")
)
#: Models of data of any other shape.
SYSTEMS = tuple(name for name in models.names() if name not in GROUPED)


def example(name: str) -> Any:
    """The bundled dataset that shows a model."""
    return datasets.load(models.get(name).example_data)
