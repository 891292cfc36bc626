"""The kinds of data beyond one outcome a group: classes, readers, examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.data.system import SystemData

if TYPE_CHECKING:
    from hbstan.data.info import DatasetInfo

__all__ = ["Example", "Kind", "examples", "kinds", "restore"]


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
    examples : tuple of Example
    """

    data: type[SystemData]
    read: Callable[..., SystemData]
    examples: tuple[Example, ...]


def kinds() -> Mapping[str, Kind]:
    """Return the kinds of data by name."""
    from hbstan.data import normal_groups_examples
    from hbstan.data.normal_groups import NormalGroups, normal_groups

    found: tuple[Kind, ...] = (
        Kind(
            NormalGroups,
            normal_groups,
            (
                normal_groups_examples.coagulation(),
                normal_groups_examples.omega_small(),
            ),
        ),
    )
    return {kind.data.kind: kind for kind in found}


def examples() -> Mapping[str, Example]:
    """Return the bundled datasets of these kinds by name."""
    return {e.info.name: e for kind in kinds().values() for e in kind.examples}


def restore(
    kind: str, stan: Mapping[str, Any], coords: Mapping[str, Any], name: str
) -> SystemData:
    """Build a dataset again from its Stan data and labels."""
    return kinds()[kind].data.restore(stan, coords, name)
