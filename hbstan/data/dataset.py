"""The immutable datasets that every model of the catalogue takes."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.checks import Column, Origin, check_binomial, check_estimates
from hbstan.data.findings import alone, no_pooled_row, no_total_row
from hbstan.errors import DataError
from hbstan.text import unfit_character

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.priors import Prior
    from hbstan.results import Check

__all__ = ["Dataset", "GroupEstimates", "GroupedBinomial", "ReadOnlyMap"]


class ReadOnlyMap(Mapping[str, Any]):
    """A mapping that cannot be changed, yet pickled and copied.

    Parameters
    ----------
    items : mapping
        Copied.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dataset(ABC):
    """What the datasets have in common; build one with :mod:`hbstan.data`.

    Two datasets are equal when kind, labels and values are: name, source, column
    names and priors do not count.

    Attributes
    ----------
    labels : tuple of str
        The groups' labels, unique, in the order of the data.
    name : str
        A short name for tables and files.
    source : str
        Where the data come from: a file's name or a citation.
    columns : mapping of str to str
        Role (``group``, and ``trials``, ``events`` or ``estimate``, ``se``) to the
        name of the column that the values come from.
    priors : mapping of str to Prior
        The priors that belong to a bundled dataset; empty for other data.
    family_priors : mapping of str to mapping
        The same by family of models, for a dataset that several families suit.
    kind : str
        ``"binomial"`` or ``"normal"``.
    roles : mapping of str to str
        The roles of columns, and the array that each holds: the heading of
        :meth:`to_frame` where ``columns`` names no other.
    """

    kind: ClassVar[str]
    #: Dimensions by name in Stan, where they are not the group.
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    roles: ClassVar[Mapping[str, str]] = {}

    labels: tuple[str, ...]
    name: str = "data"
    source: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    priors: Mapping[str, Prior] = field(default_factory=dict)
    family_priors: Mapping[str, Mapping[str, Prior]] = field(default_factory=dict)

    @property
    def J(self) -> int:
        """The number of groups."""
        return len(self.labels)

    @property
    def coords(self) -> dict[str, list[Any]]:
        """Labels by dimension."""
        return {"group": list(self.labels)}

    @property
    def hash(self) -> str:
        """SHA-256 over kind, labels and values, as 64 hexadecimal digits.

        The same on every machine and wherever the data were read from; real numbers
        enter with all their bits.
        """
        values = {name: _exact(self._values(name)) for name in self.roles.values()}
        record = {"kind": self.kind, "labels": list(self.labels), "values": values}
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def to_stan(self) -> dict[str, Any]:
        """Return a new dict of the data under the names that Stan programs declare.

        Returns
        -------
        dict
            ``J`` (int) and each array as a list of Python numbers.
        """
        arrays = {name: self._values(name) for name in self.roles.values()}
        return {"J": self.J, **arrays}

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame, one row a group, under the original column names.

        Returns
        -------
        pandas.DataFrame
            The labels as text, followed by the values.
        """
        import pandas as pd

        data: dict[str, Any] = {self.columns["group"]: list(self.labels)}
        for role, name in self.roles.items():
            data[self.columns[role]] = getattr(self, name).copy()
        return pd.DataFrame(data)

    def findings(self) -> tuple[Check, ...]:
        """Return checks of what the data can tell, for the first stage of a workflow.

        They name limitations: what makes data useless is refused instead.
        """
        return ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise DataError(
                f"the dataset's name is {self.name!r}; legal: a text that is not blank."
            )
        unfit = unfit_character(self.name)
        if unfit is not None:
            raise DataError(
                f"the dataset's name {self.name!r} has the character {unfit}, which is "
                "no text.",
                remedy="Give it another name.",
            )
        # Group labels without a column of origin get a heading of their own.
        used = set(self.columns.values())
        heading = "group" if "group" not in used else "group label"
        columns = {"group": heading, **self.roles, **self.columns}
        self._set("columns", ReadOnlyMap(columns))
        self._set("priors", ReadOnlyMap(self.priors))
        by_family = {k: ReadOnlyMap(v) for k, v in self.family_priors.items()}
        self._set("family_priors", ReadOnlyMap(by_family))
        self._check()

    @abstractmethod
    def _check(self) -> None:
        """Check labels and values and store them in immutable form."""

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _store(self, name: str, values: Sequence[Any], dtype: str) -> None:
        import numpy as np

        # An array over bytes: nobody can make it writable again.
        buffer = np.asarray(values, dtype=dtype).tobytes()
        self._set(name, np.frombuffer(buffer, dtype=dtype))

    def _values(self, name: str) -> list[Any]:
        values: list[Any] = getattr(self, name).tolist()
        return values

    def _column(self, role: str) -> Column:
        values = getattr(self, "labels" if role == "group" else self.roles[role])
        if isinstance(values, str) or not hasattr(values, "__len__"):
            raise DataError(
                f"{self.columns[role]!r} is {values!r}; legal: a sequence with one "
                "value for each group."
            )
        return Column(self.columns[role], list(values))

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Unpickled and deep-copied arrays are writable: store them afresh.
        for name, value in state.items():
            self._set(name, value)
        self._check()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dataset):
            return NotImplemented
        return self.hash == other.hash

    def __hash__(self) -> int:
        return int(self.hash[:15], 16)

    def __repr__(self) -> str:
        parts = [f"{type(self).__name__} {self.name!r}: {self.J} groups"]
        parts += [self._summary()]
        if self.source:
            parts += [f"source: {self.source}"]
        return f"<{'; '.join(parts)}>"

    @abstractmethod
    def _summary(self) -> str:
        """Describe the values in a few words."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GroupedBinomial(Dataset):
    """Events among trials in each of J groups: ``y[j] ~ binomial(n[j], p[j])``.

    Build one with :func:`hbstan.data.grouped_binomial`. See :class:`Dataset` for the
    attributes that are not listed here.

    Attributes
    ----------
    n : ndarray of int64, shape (J,)
        Trials, 0 to 2147483647; read-only.
    y : ndarray of int64, shape (J,)
        Events, 0 to ``n``; read-only.

    Raises
    ------
    DataError
        If labels or values are illegal.
    """

    kind: ClassVar[str] = "binomial"
    roles: ClassVar[Mapping[str, str]] = {"trials": "n", "events": "y"}

    n: NDArray[np.int64]
    y: NDArray[np.int64]

    def _check(self) -> None:
        group, trials, events = map(self._column, ("group", "trials", "events"))
        labels, n, y = check_binomial(Origin(self.name), group, trials, events)
        self._set("labels", labels)
        self._store("n", n, "int64")
        self._store("y", y, "int64")

    def findings(self) -> tuple[Check, ...]:
        """Return whether a row is the total of others."""
        return (no_total_row(self.labels, self.n, self.y), *alone(self.labels))

    def _summary(self) -> str:
        events, trials = sum(self._values("y")), sum(self._values("n"))
        return f"{events} events in {trials} trials"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GroupEstimates(Dataset):
    """An estimate with known error in each of J groups: ``y ~ normal(theta, sigma)``.

    Build one with :func:`hbstan.data.group_estimates`. See :class:`Dataset` for the
    attributes that are not listed here.

    Attributes
    ----------
    y : ndarray of float64, shape (J,)
        Estimates, finite; read-only.
    sigma : ndarray of float64, shape (J,)
        Their standard errors, in the unit of ``y``, finite and above 0; read-only.

    Raises
    ------
    DataError
        If labels or values are illegal.
    """

    kind: ClassVar[str] = "normal"
    roles: ClassVar[Mapping[str, str]] = {"estimate": "y", "se": "sigma"}

    y: NDArray[np.float64]
    sigma: NDArray[np.float64]

    def _check(self) -> None:
        group, estimate, se = map(self._column, ("group", "estimate", "se"))
        labels, y, sigma = check_estimates(Origin(self.name), group, estimate, se)
        self._set("labels", labels)
        self._store("y", y, "float64")
        self._store("sigma", sigma, "float64")

    def findings(self) -> tuple[Check, ...]:
        """Return whether a row is the others' common estimate."""
        return (no_pooled_row(self.labels, self.y, self.sigma), *alone(self.labels))

    def _summary(self) -> str:
        y, sigma = self._values("y"), self._values("sigma")
        return (
            f"estimates {min(y):.4g} to {max(y):.4g}, "
            f"standard errors {min(sigma):.4g} to {max(sigma):.4g}"
        )


def _exact(values: list[Any]) -> list[Any]:
    return [value.hex() if isinstance(value, float) else value for value in values]
