"""Data that are more than one outcome a group: the base class of such datasets."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hbstan.data.dataset import Dataset, ReadOnlyMap
from hbstan.data.values import show
from hbstan.errors import DataError
from hbstan.text import unfit_character

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["SystemData"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SystemData(Dataset):
    """Arrays of any shape, in units that can be held out of the likelihood.

    A subclass names its arrays, checks them, and says what else its programs declare.
    Its units (groups, studies, persons, matches, ...) have the dimension ``group``
    and the labels ``labels``; a program's ``holdout``, ``log_lik`` and
    ``log_lik_group`` have one element a unit. See
    :class:`~hbstan.data.dataset.Dataset` for labels, name, source and priors.

    Attributes
    ----------
    axes : mapping of str to tuple of str
        Labels of further dimensions, e.g. ``{"covariate": ("age", "dose")}``.
    arrays : mapping of str to str
        The arrays, which are fields of the class and data of its programs, and their
        types, ``"int64"`` or ``"float64"``.
    dims : mapping of str to tuple of str
        Dimensions by name in Stan: of the data, of ``y_rep``. What is not listed is
        labelled by ArviZ.
    named : tuple of str
        The dimensions that ``axes`` labels.
    outcomes : tuple of str
        The arrays that the model explains; replicates of ``y`` are ``y_rep``.
    outcome : str
        What the outcome ``y`` is: ``"real"``, ``"count"``, ``"binary"``; with one
        outcome a unit also ``"binomial"`` (with an array ``n``) or ``"normal"`` (with
        an array ``sigma``).
    roles : mapping of str to str
        The roles of columns other than ``group``, and their headings where
        ``columns`` names none. Empty if the columns are always named.
    unit : str
        What a unit is called in sentences.
    """

    arrays: ClassVar[Mapping[str, str]]
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    named: ClassVar[tuple[str, ...]] = ()
    outcomes: ClassVar[tuple[str, ...]] = ("y",)
    outcome: ClassVar[str] = "real"
    unit: ClassVar[str] = "group"

    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def units(self) -> str:
        """What several units are called."""
        if self.unit.endswith("y"):
            return f"{self.unit[:-1]}ies"
        return f"{self.unit}s"

    @property
    def hash(self) -> str:
        """SHA-256 over kind, labels and values, as 64 hexadecimal digits."""
        import numpy as np

        digest = hashlib.sha256()
        about = [self.kind, list(self.labels), {k: list(v) for k, v in self._named()}]
        digest.update(json.dumps(about).encode("ascii"))
        for name, dtype in self.arrays.items():
            values = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            # Every zero is the same number; bytes know two.
            values = values + 0.0 if dtype == "float64" else values
            digest.update(f"|{name}|{values.shape}|".encode())
            digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def _named(self) -> list[tuple[str, tuple[str, ...]]]:
        return sorted((k, tuple(v)) for k, v in self.axes.items())

    @property
    def coords(self) -> dict[str, list[Any]]:
        """Labels by dimension."""
        return {"group": list(self.labels)} | {k: list(v) for k, v in self.axes.items()}

    def to_stan(self) -> dict[str, Any]:
        """Return a new dict of the data under the names that Stan programs declare.

        Returns
        -------
        dict
            ``J``, the arrays, and what :meth:`derived` adds.
        """
        given = {name: getattr(self, name).copy() for name in self.arrays}
        return {"J": self.J, **given, **self.derived()}

    def derived(self) -> dict[str, Any]:
        """Return what the programs declare besides ``J`` and the arrays: sizes."""
        return {}

    def rows(self) -> NDArray[np.int64]:
        """Return the unit of each element of ``y``, from 0, as ``y`` is flattened."""
        import numpy as np

        shape = np.shape(self.y)  # type: ignore[attr-defined]
        if len(shape) != 1 or shape[0] != self.J:
            raise NotImplementedError(f"{type(self).__name__} says not which unit.")
        return np.arange(self.J)

    def raw(self) -> NDArray[np.float64] | None:
        """Return each unit's own estimate, without a model, if there is one."""
        return None

    def reading(self) -> dict[str, str | list[str]]:
        """Return the columns with which :meth:`to_frame` is read again, by role."""
        return {role: name for role, name in self.columns.items() if role != "group"}

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame that the dataset can be built from again."""

    @abstractmethod
    def overview(self) -> list[tuple[str, Any]]:
        """Return figures that describe the data: their names and values."""

    @classmethod
    def restore(
        cls, stan: Mapping[str, Any], coords: Mapping[str, Any], name: str
    ) -> Self:
        """Build the dataset again from its Stan data and labels.

        Parameters
        ----------
        stan : mapping
            As :meth:`to_stan` returns them; arrays without elements may be missing.
        coords : mapping of str to sequence
            As :attr:`coords`.
        name : str
        """
        axes = {k: tuple(map(str, coords.get(k, ()))) for k in cls.named}
        labels = tuple(str(label) for label in coords["group"])
        values: Any = {k: stan[k] if k in stan else cls.empty(k) for k in cls.arrays}
        return cls(labels=labels, axes=axes, name=name, **values)

    @classmethod
    def empty(cls, name: str) -> Any:
        """Return the array of that name where it has no elements."""
        return []

    def _check(self) -> None:
        self._set("axes", ReadOnlyMap({k: tuple(v) for k, v in self.axes.items()}))
        self._set("labels", tuple(self.labels))
        twice = [x for x in dict.fromkeys(self.labels) if self.labels.count(x) > 1]
        if twice:
            raise DataError(
                f"{self.name}: the label {twice[0]!r} occurs "
                f"{self.labels.count(twice[0])} times; legal: one {self.unit} a label."
            )
        self._require_text()
        for name, dtype in self.arrays.items():
            self._freeze(name, dtype)
        self._validate()

    def _require_text(self) -> None:
        """Raise DataError for the first label that no file can hold."""
        for label in chain(self.labels, *self.axes.values()):
            unfit = unfit_character(str(label))
            if unfit is not None:
                raise DataError(
                    f"{self.name}: the label {show(label)} has the character {unfit}, "
                    "which is no text.",
                    remedy="Remove it, or read the data with the right encoding.",
                )

    def _freeze(self, name: str, dtype: str) -> None:
        import numpy as np

        values = np.asarray(getattr(self, name), dtype=dtype)
        if dtype == "float64" and not np.isfinite(values).all():
            raise DataError(
                f"{self.name}: {name} has values that are missing or infinite; legal: "
                "finite numbers.",
                remedy="Remove those rows, or model what is missing.",
            )
        # An array over bytes: nobody can make it writable again.
        frozen = np.frombuffer(values.tobytes(), dtype=dtype).reshape(values.shape)
        self._set(name, frozen)

    def _require_shapes(self, legal: Mapping[str, tuple[int, ...]]) -> None:
        """Raise DataError for the first array that has another shape."""
        for name, shape in legal.items():
            found = getattr(self, name).shape
            if found != shape:
                raise DataError(
                    f"{self.name}: {name} has the shape {found}; legal: {shape}."
                )

    @abstractmethod
    def _validate(self) -> None:
        """Check shapes and values; raise DataError."""
