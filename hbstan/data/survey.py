"""Survey and census: binomial counts of respondents in every cell of a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.columns import first_constant, first_dependent
from hbstan.data.faults import text_of
from hbstan.data.system import SystemData
from hbstan.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["SurveyCells"]

#: Covariates of which those before leave this share of the spread are collinear.
_COLLINEAR = 1e-8


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SurveyCells(SystemData):
    """A survey's answers in the J cells of a census; build one with ``hb.data.mrp``.

    Factors, levels and covariates are labelled by ``axes``: ``"factor"`` (F labels),
    ``"level"`` (L labels ``"<factor>: <level>"``, the factors one after the other) and
    ``"covariate"`` (D labels).

    See :class:`~hbstan.data.system.SystemData` for the attributes that are not listed.

    Attributes
    ----------
    n, y : ndarray of int64, shape (J,)
        Respondents, and those with the event; most cells may have none.
    N : ndarray of float64, shape (J,)
        People in the population.
    level_of : ndarray of int64, shape (J, F)
        Each cell's levels, numbered from 1 to L through all factors.
    factor_of : ndarray of int64, shape (L,)
        The factor of each level, from 1 to F.
    by : ndarray of int64, shape ()
        The factor, from 1, whose levels are the areas that estimates are made for.
    X : ndarray of float64, shape (J, D)
        Covariates in their own units.

    Raises
    ------
    DataError
        If shapes or values are illegal: a factor with one level, an area without
        people, covariates that are constant or collinear, a survey without answers.
    """

    kind: ClassVar[str] = "mrp"
    arrays: ClassVar[Mapping[str, str]] = {
        "n": "int64",
        "y": "int64",
        "N": "float64",
        "level_of": "int64",
        "factor_of": "int64",
        "by": "int64",
        "X": "float64",
    }
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "N": ("group",),
        "level_of": ("group", "factor"),
        "factor_of": ("level",),
        "X": ("group", "covariate"),
    }
    named: ClassVar[tuple[str, ...]] = ("factor", "level", "covariate")
    outcome: ClassVar[str] = "binomial"
    unit: ClassVar[str] = "cell"

    n: NDArray[np.int64]
    y: NDArray[np.int64]
    N: NDArray[np.float64]
    level_of: NDArray[np.int64]
    factor_of: NDArray[np.int64]
    by: NDArray[np.int64]
    X: NDArray[np.float64]

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors' names."""
        return tuple(self.axes["factor"])

    @property
    def covariates(self) -> tuple[str, ...]:
        """The covariates' names."""
        return tuple(self.axes.get("covariate", ()))

    @property
    def areas(self) -> tuple[str, ...]:
        """The labels of the areas: the levels of the factor ``by``."""
        return self.levels(self.factors[int(self.by) - 1])

    @property
    def coords(self) -> dict[str, list[Any]]:
        """Labels by dimension; ``"area"`` has those of the factor ``by``."""
        return super().coords | {"area": list(self.areas)}

    def levels(self, factor: str) -> tuple[str, ...]:
        """Return the labels of a factor's levels.

        Parameters
        ----------
        factor : str
            One of :attr:`factors`.
        """
        number = self.factors.index(factor) + 1
        pairs = zip(self.axes["level"], self.factor_of.tolist(), strict=True)
        return tuple(x.removeprefix(f"{factor}: ") for x, f in pairs if f == number)

    def cells(self, factor: str) -> NDArray[np.int64]:
        """Return each cell's level of a factor, a position in :meth:`levels`.

        Parameters
        ----------
        factor : str
            One of :attr:`factors`.

        Returns
        -------
        ndarray of int64, shape (J,)
        """
        number = self.factors.index(factor) + 1
        before = int((self.factor_of < number).sum())
        return self.level_of[:, number - 1] - before - 1

    def derived(self) -> dict[str, Any]:
        """Return the numbers of factors, levels and covariates."""
        return {
            "F": len(self.factors),
            "L": len(self.axes["level"]),
            "D": len(self.covariates),
        }

    def raw(self) -> NDArray[np.float64]:
        """Return each cell's share of events; NaN without respondents."""
        import numpy as np

        with np.errstate(invalid="ignore"):
            return np.asarray(self.y / self.n, dtype=float)

    def reading(self) -> dict[str, str | list[str]]:
        """Return the columns with which :meth:`to_frame` is read again, by role."""
        out = super().reading() | {"factors": list(self.factors)}
        out |= {"by": self.factors[int(self.by) - 1]}
        return out | ({"covariates": list(self.covariates)} if self.covariates else {})

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame, one row a cell, that ``hb.data.mrp`` reads.

        Returns
        -------
        pandas.DataFrame
            The factors, ``trials``, ``events``, the census counts and the covariates.
            With all of them in one table: ``mrp(frame, trials="trials",
            events="events", factors=[...], count=..., covariates=[...])``.
        """
        import pandas as pd

        out: dict[str, Any] = {}
        for name in self.factors:
            labels = self.levels(name)
            out[name] = [labels[i] for i in self.cells(name)]
        values = {"trials": self.n, "events": self.y, "count": self.N}
        default = {"count": "N"}
        for role, array in values.items():
            out[self.columns.get(role, default.get(role, role))] = array.copy()
        for k, name in enumerate(self.covariates):
            out[name] = self.X[:, k].copy()
        return pd.DataFrame(out)

    def overview(self) -> list[tuple[str, Any]]:
        """Return figures that describe the data."""
        rows: list[tuple[str, Any]] = [
            (f"levels of {name}", len(self.levels(name))) for name in self.factors
        ]
        return [
            *rows,
            ("covariates", len(self.covariates)),
            ("cells", self.J),
            ("cells with respondents", int((self.n > 0).sum())),
            ("respondents", int(self.n.sum())),
            ("events", int(self.y.sum())),
            ("people", float(self.N.sum())),
        ]

    @classmethod
    def empty(cls, name: str) -> Any:
        """Return the array of that name where it has no elements: ``X`` may."""
        import numpy as np

        return np.zeros((0, 0)) if name == "X" else []

    def _validate(self) -> None:
        import numpy as np

        if self.X.size == 0:
            self._set("X", np.zeros((self.J, 0)))
            self.X.setflags(write=False)
        self._check_shapes()
        self._check_levels()
        self._check_counts()
        self._check_covariates()

    def _check_shapes(self) -> None:
        factors = len(self.axes.get("factor", ()))
        legal: dict[str, tuple[int, ...]] = {
            **dict.fromkeys(("n", "y", "N"), (self.J,)),
            "level_of": (self.J, factors),
            "factor_of": (len(self.axes.get("level", ())),),
            "by": (),
            "X": (self.J, len(self.covariates)),
        }
        self._require_shapes(legal)
        if factors == 0:
            raise DataError(f"{self.name}: there are no factors; legal: at least 1.")

    def _check_levels(self) -> None:
        last = len(self.factors)
        given = self.factor_of.tolist()
        if given != sorted(given) or set(given) != set(range(1, last + 1)):
            raise DataError(
                f"{self.name}: factor_of is {given}; legal: the numbers from 1 to "
                f"{last} in order, each once or more."
            )
        if not 1 <= int(self.by) <= last:
            raise DataError(f"{self.name}: by is {self.by}; legal: from 1 to {last}.")
        for number, name in enumerate(self.factors, 1):
            labels, cells = self.levels(name), self.cells(name)
            if len(labels) < 2:
                raise DataError(
                    f"{self.name}: factor {name!r} has the one level {labels[0]!r}; "
                    "legal: at least 2.",
                    remedy="Leave the factor out: everybody is alike in it.",
                )
            if set(cells.tolist()) != set(range(len(labels))):
                raise DataError(
                    f"{self.name}: column {number} of level_of holds other numbers "
                    f"than the levels of {name!r}, or lacks some of them."
                )

    def _check_counts(self) -> None:
        if ((self.y < 0) | (self.y > self.n)).any():
            bad = int(((self.y < 0) | (self.y > self.n)).argmax())
            raise DataError(
                f"{self.name}: cell {self.labels[bad]!r} has {self.y[bad]} events "
                f"among {self.n[bad]} respondents; legal: 0 <= events <= respondents."
            )
        if (self.N < 0).any():
            bad = int((self.N < 0).argmax())
            raise DataError(
                f"{self.name}: cell {self.labels[bad]!r} has {self.N[bad]:g} people in "
                "the census; legal: 0 or more."
            )
        if self.n.sum() == 0:
            raise DataError(
                f"{self.name}: no cell has a respondent; legal: at least one."
            )
        by = self.factors[int(self.by) - 1]
        cells = self.cells(by)
        empty = [x for i, x in enumerate(self.areas) if self.N[cells == i].sum() == 0]
        if empty:
            raise DataError(
                f"{self.name}: the census counts nobody in {by} {text_of(empty)}; "
                "legal: people in each, whose share with the event can be estimated."
            )

    def _check_covariates(self) -> None:
        k = first_constant(self.X)
        if k is not None:
            raise DataError(
                f"{self.name}: covariate {self.covariates[k]!r} is constant; legal: "
                "one that differs among cells.",
                remedy="Leave it out: the intercept has its part already.",
            )
        found = first_dependent(self.X, _COLLINEAR)
        if found is not None:
            names = [self.covariates[k] for k in (*found.others, found.column)]
            raise DataError(
                f"{self.name}: the covariates {text_of(names)} are collinear: one of "
                "them follows from the others, so their coefficients are not known.",
                remedy="Leave one of them out.",
            )

    def _summary(self) -> str:
        return (
            f"{int(self.y.sum())} events among {int(self.n.sum())} respondents in "
            f"{int((self.n > 0).sum())} cells"
        )
