"""A kind of data: its class, its reader, and the bundled datasets that show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hbstan.data.system import SystemData

if TYPE_CHECKING:
    from hbstan.data.info import DatasetInfo

__all__ = ["Example", "Kind"]


@dataclass(frozen=True)
class Example:
    """A bundled dataset.

    Parameters
    ----------
    info : DatasetInfo
    build : callable
        () -> the dataset, without name, source and priors.
    """

    info: DatasetInfo
    build: Callable[[], SystemData]


@dataclass(frozen=True)
class Kind:
    """A kind of data.

    Parameters
    ----------
    data : type
        The class of the datasets.
    read : callable
        The function that builds one from a table, with columns as keywords.
    examples : callable
        () -> the bundled datasets. Some are simulated to be described, which readers
        and saved fits of the kind need not wait for.
    """

    data: type[SystemData]
    read: Callable[..., SystemData]
    examples: Callable[[], tuple[Example, ...]]
