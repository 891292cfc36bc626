"""Answers of persons to items: who answered what, and correctly or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.system import SystemData
from hbstan.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["NO_COUNTRY", "ItemResponses"]

#: The label of the one country of persons who come from none in particular.
NO_COUNTRY = "all"
_RESPONSE = ("response",)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ItemResponses(SystemData):
    """Binary answers of J persons, perhaps in several countries, to I items.

    Build one with :func:`hbstan.data.responses` or
    :func:`hbstan.data.wide_responses`. The units are the persons, whose labels are
    ``labels``; ``axes`` has the labels of ``item`` and ``country``.

    See :class:`~hbstan.data.system.SystemData` for the attributes that are not listed.

    Attributes
    ----------
    person, item : ndarray of int64, shape (N,)
        Who answered what, counted from 1; no pair occurs twice; read-only.
    y : ndarray of int64, shape (N,)
        1 for a correct answer, 0 for a wrong one; read-only.
    country : ndarray of int64, shape (J,)
        Each person's country, counted from 1; read-only.

    Raises
    ------
    DataError
        If labels or values are illegal.
    """

    kind: ClassVar[str] = "responses"
    arrays: ClassVar[Mapping[str, str]] = {
        "person": "int64",
        "item": "int64",
        "y": "int64",
        "country": "int64",
    }
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "person": _RESPONSE,
        "item": _RESPONSE,
        "y": _RESPONSE,
        "country": ("group",),
    }
    named: ClassVar[tuple[str, ...]] = ("item", "country")
    outcome: ClassVar[str] = "binary"
    unit: ClassVar[str] = "person"
    roles: ClassVar[Mapping[str, str]] = {
        "person": "person",
        "item": "item",
        "correct": "correct",
        "country": "country",
    }

    person: NDArray[np.int64]
    item: NDArray[np.int64]
    y: NDArray[np.int64]
    country: NDArray[np.int64]

    @property
    def items(self) -> tuple[str, ...]:
        """The labels of the items."""
        return tuple(self.axes.get("item", ()))

    @property
    def countries(self) -> tuple[str, ...]:
        """The labels of the countries."""
        return tuple(self.axes.get("country", ()))

    def derived(self) -> dict[str, Any]:
        """Return the numbers of items ``I``, countries ``C`` and answers ``N``."""
        return {"I": len(self.items), "C": len(self.countries), "N": len(self.y)}

    def rows(self) -> NDArray[np.int64]:
        """Return the person of each answer, from 0."""
        return self.person - 1

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame with one row an answer.

        Returns
        -------
        pandas.DataFrame
            Person, item, 0 or 1, and the country unless there is none, under the
            original column names.
        """
        import pandas as pd

        own = {
            "person": [self.labels[j - 1] for j in self.person],
            "item": [self.items[i - 1] for i in self.item],
            "correct": self.y.copy(),
        }
        if self.countries != (NO_COUNTRY,):
            home = [self.countries[c - 1] for c in self.country]
            own["country"] = [home[j - 1] for j in self.person]
        return pd.DataFrame({self.columns[role]: v for role, v in own.items()})

    def item_shares(self) -> pd.DataFrame:
        """Return how many persons answered each item, and the share that solved it.

        Returns
        -------
        pandas.DataFrame
            ``answers`` (a count) and ``share`` (a proportion, 0 to 1) by item. An
            item that everybody or nobody solves has no difficulty of its own: how
            far out it lies is decided by the prior.
        """
        return self._shares(self.item, self.items, "item")

    def person_shares(self) -> pd.DataFrame:
        """Return each person's number of answers and share of correct ones.

        Returns
        -------
        pandas.DataFrame
            ``answers`` (a count) and ``share`` (a proportion, 0 to 1) by person.
        """
        return self._shares(self.person, self.labels, "person")

    def parts(self) -> int:
        """Return into how many parts the design falls that share no answers.

        Two items are in one part if a person answered both, directly or by way of
        other items. Between parts only the populations say which items are harder or
        which persons more able.
        """
        import numpy as np
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        size = self.J + len(self.items)
        ends = (self.person - 1, self.J + self.item - 1)
        graph = coo_array((np.ones(len(self.y)), ends), shape=(size, size))
        return int(connected_components(graph, directed=False)[0])

    def overview(self) -> list[tuple[str, Any]]:
        """Return figures that describe the data.

        Returns
        -------
        list of (str, object)
            Counts and shares, and what the answers leave to the priors: items that
            everybody or nobody solves, persons who solve all or nothing, and parts of
            the design that no common answers link.
        """
        items, persons = self.item_shares()["share"], self.person_shares()["share"]
        return [
            ("persons", self.J),
            ("items", len(self.items)),
            ("countries", len(self.countries)),
            ("answers", len(self.y)),
            ("share of all pairs", len(self.y) / (self.J * len(self.items))),
            ("share correct", float(self.y.mean())),
            ("items that everybody solves", _listed(items.index[items == 1])),
            ("items that nobody solves", _listed(items.index[items == 0])),
            ("persons who solve all", int((persons == 1).sum())),
            ("persons who solve nothing", int((persons == 0).sum())),
            ("parts without common answers", self.parts()),
        ]

    def _shares(
        self, index: NDArray[np.int64], labels: tuple[str, ...], what: str
    ) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        answers = np.bincount(index - 1, minlength=len(labels))
        correct = np.bincount(index - 1, weights=self.y, minlength=len(labels))
        return pd.DataFrame(
            {"answers": answers, "share": correct / answers},
            index=pd.Index(labels, name=what),
        )

    def _summary(self) -> str:
        return (
            f"{len(self.y)} answers to {len(self.items)} items, "
            f"{self.y.mean():.0%} correct"
        )

    def _validate(self) -> None:
        import numpy as np

        labels = {"person": self.labels, "item": self.items, "country": self.countries}
        rows = len(self.y)
        for name, length in (("person", rows), ("item", rows), ("country", self.J)):
            self._require_shapes({name: (length,)})
            self._check_index(name, getattr(self, name), len(labels[name]))
        if self.y.ndim != 1 or not np.isin(self.y, (0, 1)).all():
            raise DataError(f"{self.name}: y has values other than 0 and 1.")
        pairs = np.stack([self.person, self.item])
        if np.unique(pairs, axis=1).shape[1] < rows:
            raise DataError(f"{self.name}: a person answers an item more than once.")
        for name, labelled in (("person", self.J), ("item", len(self.items))):
            if labelled < 2:
                raise DataError(
                    f"{self.name}: there is {labelled} {name}; legal: at least 2. "
                    "Abilities and difficulties are compared with each other.",
                    remedy="Give the answers of several persons to several items.",
                )

    def _check_index(self, name: str, values: NDArray[np.int64], count: int) -> None:
        """Refuse numbers that are no label's, and labels that no number names."""
        import numpy as np

        found = np.unique(values)
        if len(found) and (found[0] < 1 or found[-1] > count):
            wrong = found[0] if found[0] < 1 else found[-1]
            raise DataError(
                f"{self.name}: {name} is {wrong}; legal: a whole number from 1 to "
                f"{count}."
            )
        if len(found) < count:
            missing = int(np.setdiff1d(np.arange(1, count + 1), found)[0])
            whose = {"person": self.labels, "item": self.items}
            label = whose.get(name, self.countries)[missing - 1]
            raise DataError(
                f"{self.name}: the {name} {label!r} has no "
                f"{'persons' if name == 'country' else 'answers'}.",
                remedy="Leave it out.",
            )


def _listed(labels: Any) -> str:
    """Return labels in a row, or a dash for none."""
    return ", ".join(map(str, labels)) or "-"
