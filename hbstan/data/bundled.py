"""The bundled example data: values, sources, and the priors that go with them.

The values are written down in :mod:`hbstan.data.published` and
:mod:`hbstan.data.simulated`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hbstan.data.files import near
from hbstan.data.info import DatasetInfo, Entry
from hbstan.data.kind import Example
from hbstan.data.published import published
from hbstan.data.simulated import simulated
from hbstan.data.systems import examples
from hbstan.errors import DataError

if TYPE_CHECKING:
    from hbstan.data.dataset import Dataset

__all__ = ["DatasetInfo", "describe", "known", "load", "names"]


def names() -> tuple[str, ...]:
    """Return the names of the bundled datasets, in alphabetical order."""
    return tuple(sorted([*(entry.info.name for entry in _entries()), *examples()]))


def describe(name: str) -> DatasetInfo:
    """Return what is known about a bundled dataset.

    Raises
    ------
    DataError
        If there is no dataset of that name.
    """
    own = _own(name)
    if own is not None:
        return own.info
    others = examples()
    return others[name].info if name in others else _entry(name).info


def load(name: str) -> Dataset:
    """Return a bundled dataset.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    GroupedBinomial or GroupEstimates
        With the priors that go with it in ``priors``.

    Raises
    ------
    DataError
        If there is no dataset of that name.

    Examples
    --------
    >>> from hbstan import datasets
    >>> datasets.load("surgical").J
    12
    """
    own = _own(name)
    others = {} if own is not None else examples()
    if name in others:
        return _example(others[name])
    entry = own or _entry(name)
    values: dict[str, Any] = dict(entry.values)
    return entry.data(
        labels=entry.labels,
        name=name,
        source=entry.info.source,
        columns=entry.columns,
        priors=entry.info.priors,
        family_priors=entry.info.family_priors,
        **values,
    )


def known(name: str) -> bool:
    """Tell whether there is a dataset of that name."""
    # A file's name need not wait for data that are simulated.
    return _own(name) is not None or (name.isidentifier() and name in examples())


def _own(name: str) -> Entry | None:
    """Return a dataset that is written down; the others are simulated to be listed."""
    return next((entry for entry in _entries() if entry.info.name == name), None)


def _example(example: Example) -> Dataset:
    info = example.info
    about: dict[str, Any] = {
        "name": info.name,
        "source": info.source,
        "priors": info.priors,
        "family_priors": info.family_priors,
    }
    return replace(example.build(), **about)


def _entry(name: str) -> Entry:
    entries = {entry.info.name: entry for entry in _entries()}
    if name not in entries:
        known = ", ".join(names())
        close = near(name, names()) if isinstance(name, str) else []
        raise DataError(
            f"there is no bundled dataset {name!r}; legal: {known}.",
            remedy=f"Did you mean {close[0]!r}?" if close else None,
        )
    return entries[name]


def _entries() -> tuple[Entry, ...]:
    return (*published(), *simulated())
