"""How a bundled dataset is written down: its values and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hbstan.data.dataset import Dataset, ReadOnlyMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hbstan.priors import Prior

__all__ = ["DatasetInfo", "Entry"]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a bundled dataset.

    Parameters
    ----------
    name : str
        The name under which it is loaded.
    title : str
        One line on what was measured.
    kind : str
        ``"binomial"`` or ``"normal"``.
    source : str
        The citation.
    doi : str or None
        The source's digital object identifier, if it has one.
    note : str
        What a reader should know about the figures and the priors.
    priors : mapping of str to Prior
        A prior for each top-level parameter of the default model.
    default_model : str
        The catalogue's model that suits the data.
    family_priors : mapping of str to mapping
        The priors by family of models, ``priors`` among them.
    truth : mapping of str to float or tuple of float
        For simulated data the values that they were simulated from, by parameter, in
        its unit; a tuple has one value a group. Empty for data that were measured.
    extra : mapping of str to tuple of float
        Further columns of the source, one value a group, that no model of the
        catalogue takes: sizes, for example. Empty if there are none.
    """

    name: str
    title: str
    kind: str
    source: str
    doi: str | None
    note: str
    priors: Mapping[str, Prior]
    default_model: str
    family_priors: Mapping[str, Mapping[str, Prior]]
    truth: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    extra: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("priors", "family_priors", "truth", "extra"):
            object.__setattr__(self, name, ReadOnlyMap(getattr(self, name)))


@dataclass(frozen=True)
class Entry:
    """A bundled dataset as it is written down.

    Parameters
    ----------
    info : DatasetInfo
        What is known about it.
    data : type
        The class of the data.
    labels : tuple of str
        The groups, in the source's order.
    columns : mapping of str to str
        Role of a column to its name in the source.
    values : mapping of str to tuple of float
        The arrays by their names in Stan, one value a group.
    """

    info: DatasetInfo
    data: type[Dataset]
    labels: tuple[str, ...]
    columns: Mapping[str, str]
    values: Mapping[str, tuple[float, ...]]
