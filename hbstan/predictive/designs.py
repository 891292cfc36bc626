"""Designs: groups and their sizes, with or without outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.errors import DataError, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.data import Dataset

__all__ = ["SIZES", "Design", "read"]

#: What tells how much was observed in a group, by kind of data.
SIZES = {"binomial": "n", "normal": "sigma"}


@dataclass(frozen=True)
class Design:
    """Groups, their sizes, and perhaps their outcomes.

    Parameters
    ----------
    labels : tuple of str
    sizes : mapping of str to ndarray
        ``{"n": trials}`` or ``{"sigma": standard errors}``, of shape ``(J,)``.
    y : ndarray of shape (J,), or None
        Outcomes, if they are known.
    data : Dataset
        Where they come from; of outcomes that are not known it has zeros.
    """

    labels: tuple[str, ...]
    sizes: Mapping[str, NDArray[Any]]
    y: NDArray[Any] | None
    data: Dataset

    def to_stan(self) -> dict[str, Any]:
        """Return ``J``, the sizes and ``y`` as Stan data, zeros if not known."""
        import numpy as np

        size = next(iter(self.sizes.values()))
        y = np.zeros_like(size) if self.y is None else self.y
        return {"J": len(self.labels), **self.sizes, "y": y}


def read(source: Any, kind: str, name: str) -> Design:
    """Read a design, or a dataset as one.

    Parameters
    ----------
    source : Dataset, str, pathlib.Path or mapping
        A mapping of ``n`` or ``sigma``, and ``group`` for labels, is a design; all
        else is a dataset, or what :func:`hbstan.data.load` takes.
    kind : str
        The kind of data that the model takes.
    name : str
        The model's name, for messages.

    Returns
    -------
    Design

    Raises
    ------
    DataError, ModelError
        If the data are illegal or of the other kind.
    """
    import numpy as np

    if isinstance(source, Mapping) and set(source) <= {"group", *SIZES.values()}:
        return _from_mapping(source, kind, name)
    data = source
    if not hasattr(source, "to_stan"):
        from hbstan import data as reader

        data = reader.load(source)
    if data.kind != kind:
        fitting = [n for n in models.names() if models.get(n).kind == data.kind]
        raise ModelError(
            f"{name} is a model for {kind} data, but {data.name!r} holds "
            f"{data.kind} data.",
            remedy=f"Choose one of {', '.join(fitting)}.",
        )
    stan, size = data.to_stan(), SIZES[kind]
    sizes = {size: np.asarray(stan[size])}
    return Design(data.labels, sizes, np.asarray(stan["y"]), data)


def _from_mapping(design: Mapping[str, Any], kind: str, name: str) -> Design:
    import numpy as np

    size = SIZES[kind]
    if set(design) - {"group"} != {size}:
        raise DataError(
            f"the design has {', '.join(map(str, design)) or 'nothing'}; legal for "
            f"{name}: {size}, and group for labels."
        )
    columns = {key: list(values) for key, values in design.items()}
    count = len(columns[size])
    if count == 1:
        # Datasets have two groups at least; a second one lends itself for reading.
        columns = {key: [*values, *values] for key, values in columns.items()}
        if "group" in columns:
            columns["group"][1] = f"{columns['group'][0]}, again"
    data = _dataset(columns, size)
    sizes = {size: np.asarray(data.to_stan()[size])[:count]}
    return Design(data.labels[:count], sizes, None, data)


def _dataset(columns: dict[str, list[Any]], size: str) -> Dataset:
    """Return a dataset of the design with outcomes that are all 0."""
    from hbstan import data as reader

    table = {**columns, "y": [0] * len(columns[size])}
    group = "group" if "group" in columns else None
    if size == "n":
        return reader.grouped_binomial(
            table, group=group, trials="n", events="y", name="design"
        )
    return reader.group_estimates(
        table, group=group, estimate="y", se="sigma", name="design"
    )
