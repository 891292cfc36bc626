"""Rows in groups with covariates: what linear and logistic regressions take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.regression_checks import (
    Separation,
    check_design,
    condition_number,
    separation,
    standard_scale,
)
from hbstan.data.regression_columns import contrast_of
from hbstan.data.system import SystemData
from hbstan.errors import DataError
from hbstan.results import Check, Outcome

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["LinearRows", "LogisticRows", "RegressionRows"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RegressionRows(SystemData):
    """Rows with an outcome, covariates and a group; which effects vary by group.

    Attributes
    ----------
    y : ndarray of shape (N,)
        Outcomes.
    X : ndarray of float64, shape (N, K)
        Covariates in their own units; ``axes["covariate"]`` has their labels.
    g : ndarray of int64, shape (N,)
        The group of each row, from 1.
    varying : ndarray of int64, shape (V,)
        Effects that vary by group: 0 for the intercept, k for covariate k.
        ``axes["effect"]`` has their labels.

    Raises
    ------
    DataError
        If the arrays do not fit together, there are fewer rows than coefficients, or a
        covariate is constant or follows from others.
    """

    arrays: ClassVar[Mapping[str, str]] = {
        "y": "float64",
        "X": "float64",
        "g": "int64",
        "varying": "int64",
    }
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "y": ("row",),
        "y_rep": ("row",),
        "X": ("row", "covariate"),
        "g": ("row",),
        "varying": ("effect",),
        "center": ("covariate",),
        "scale": ("covariate",),
        # Here one number, elsewhere one a group.
        "sigma": (),
    }
    named: ClassVar[tuple[str, ...]] = ("covariate", "effect")
    roles: ClassVar[Mapping[str, str]] = {"outcome": "y"}

    y: NDArray[Any]
    X: NDArray[np.float64]
    g: NDArray[np.int64]
    varying: NDArray[np.int64]

    @property
    def covariates(self) -> tuple[str, ...]:
        """The covariates' labels."""
        return tuple(self.axes.get("covariate", ()))

    @property
    def center(self) -> NDArray[np.float64]:
        """Each covariate's mean."""
        return standard_scale(self.X)[0]

    @property
    def scale(self) -> NDArray[np.float64]:
        """Each covariate's standard deviation, or the distance of its two values."""
        return standard_scale(self.X)[1]

    @property
    def condition(self) -> float:
        """The condition number of the standardised covariates."""
        return condition_number(self.X)

    def derived(self) -> dict[str, Any]:
        """Return the sizes, and the covariates' centre and scale."""
        center, scale = standard_scale(self.X)
        rows, count = self.X.shape
        return {
            "N": rows,
            "K": count,
            "V": len(self.varying),
            "center": center,
            "scale": scale,
        }

    def rows(self) -> NDArray[np.int64]:
        """Return the group of each row, from 0."""
        return self.g - 1

    def raw(self) -> NDArray[np.float64]:
        """Return each group's mean outcome."""
        import numpy as np

        sums = np.bincount(self.rows(), weights=self.y, minlength=self.J)
        return sums / np.bincount(self.rows(), minlength=self.J)

    @property
    def coords(self) -> dict[str, list[Any]]:
        """Labels by dimension; both dimensions of a correlation have the effects'."""
        known = super().coords
        return {**known, "other": known.get("effect", [])}

    def reading(self) -> dict[str, str | list[str]]:
        """Return the columns with which :meth:`to_frame` is read again, by role."""
        columns = [_column_of(label) for label in self.covariates]
        effects = [_column_of(label) for label in self.axes.get("effect", ())[1:]]
        out = super().reading() | {"covariates": list(dict.fromkeys(columns))}
        if len(self.varying):
            out["group"] = self.columns["group"]
        return out | ({"varying": list(dict.fromkeys(effects))} if effects else {})

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame: outcome, covariates and group, one line a row."""
        import numpy as np
        import pandas as pd

        data: dict[str, Any] = {self.columns["outcome"]: self.y.copy()}
        for k, label in enumerate(self.covariates):
            contrast = contrast_of(label)
            if contrast is None:
                data[label] = self.X[:, k].copy()
                continue
            reference = np.full(len(self.y), contrast.reference, dtype=object)
            cells = data.setdefault(contrast.column, reference)
            cells[self.X[:, k] == 1] = contrast.level
        if len(self.varying):
            labels = np.array(self.labels, dtype=object)
            data[self.columns["group"]] = labels[self.rows()]
        return pd.DataFrame(data)

    def overview(self) -> list[tuple[str, Any]]:
        """Return the sizes, what varies, and how the covariates depend."""
        import numpy as np

        sizes = np.bincount(self.rows(), minlength=self.J)
        effects = ", ".join(self.axes.get("effect", ())) or "none"
        return [
            ("rows", len(self.y)),
            ("groups", self.J),
            ("rows in a group", f"{sizes.min()} to {sizes.max()}"),
            ("covariates", ", ".join(self.covariates) or "none"),
            ("effects that vary by group", effects),
            ("condition number", self.condition),
        ]

    @classmethod
    def empty(cls, name: str) -> Any:
        """Return the array of that name where it has no elements."""
        return [[]] if name == "X" else []

    def _validate(self) -> None:
        import numpy as np

        rows = len(self.y)
        if self.X.size == 0:  # no covariates: the number of rows is lost on the way
            self._set("X", np.frombuffer(b"", dtype="float64").reshape(rows, 0))
        count = len(self.covariates)
        if self.X.shape != (rows, count) or self.g.shape != (rows,):
            raise DataError(
                f"{self.name}: X has the shape {self.X.shape} and g {self.g.shape}; "
                f"legal: ({rows}, {count}) and ({rows},), a row an outcome."
            )
        if sorted(set(self.g.tolist())) != list(range(1, self.J + 1)):
            raise DataError(
                f"{self.name}: g names the groups {sorted(set(self.g.tolist()))}; "
                f"legal: each of 1 to {self.J}, and no other."
            )
        varying = self.varying.tolist()
        legal = len(set(varying)) == len(varying) and all(
            0 <= k <= count for k in varying
        )
        if not legal or (varying and varying[0] != 0):
            raise DataError(
                f"{self.name}: varying is {varying}; legal: nothing, or 0 (the "
                f"intercept) and after it different covariates, 1 to {count}."
            )
        check_design(self.name, self.X, self.covariates)


def _column_of(label: str) -> str:
    """Return the column of a covariate, which may be one of its levels."""
    contrast = contrast_of(label)
    return label if contrast is None else contrast.column


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LinearRows(RegressionRows):
    """Rows with a real outcome; build with :func:`hbstan.data.regression`.

    Attributes
    ----------
    y : ndarray of float64, shape (N,)
        Outcomes, in a unit of their own; read-only.
    X, g, varying : ndarray
        As in :class:`~hbstan.data.regression_rows.RegressionRows`; read-only.
    """

    kind: ClassVar[str] = "linear_regression"
    outcome: ClassVar[str] = "real"

    y: NDArray[np.float64]

    def _summary(self) -> str:
        low, high = float(self.y.min()), float(self.y.max())
        return f"{len(self.y)} rows, outcomes {low:.4g} to {high:.4g}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LogisticRows(RegressionRows):
    """Rows with an outcome of 0 or 1; build with :func:`hbstan.data.logistic`.

    Attributes
    ----------
    y : ndarray of int64, shape (N,)
        Outcomes, 0 or 1; read-only.
    X, g, varying : ndarray
        As in :class:`~hbstan.data.regression_rows.RegressionRows`; read-only.
    """

    kind: ClassVar[str] = "logistic_regression"
    outcome: ClassVar[str] = "binary"
    arrays: ClassVar[Mapping[str, str]] = {**RegressionRows.arrays, "y": "int64"}

    y: NDArray[np.int64]

    @cached_property
    def separation(self) -> Separation:
        """Whether the covariates separate the outcomes, and what that means."""
        return separation(self.X, self.y, self.covariates)

    def findings(self) -> tuple[Check, ...]:
        """Return whether covariates separate the outcomes."""
        found = self.separation
        return (
            Check(
                "separation",
                "The outcomes alone limit every coefficient",
                Outcome.FAIL if found.found else Outcome.PASS,
                rule="no separation of 0 and 1 by the covariates",
                subjects=found.covariates,
                detail=f"{found.kind} separation" if found.found else found.message,
                advice="How large the coefficients are comes from their priors alone: "
                "say so, and try other priors."
                if found.found
                else "",
            ),
        )

    def overview(self) -> list[tuple[str, Any]]:
        """Return the sizes, what varies, how covariates depend or separate."""
        means = self.raw()
        alike = int(((means == 0) | (means == 1)).sum())
        return [
            *super().overview(),
            ("outcomes of 1", int(self.y.sum())),
            ("groups with one outcome only", alike),
            ("separation", self.separation.kind),
        ]

    def _validate(self) -> None:
        super()._validate()
        if not set(self.y.tolist()) <= {0, 1}:
            raise DataError(f"{self.name}: y has values other than 0 and 1.")

    def _summary(self) -> str:
        return f"{len(self.y)} rows, {int(self.y.sum())} outcomes of 1"
