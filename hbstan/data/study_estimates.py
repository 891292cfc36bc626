"""Estimates of studies with covariates: the data of meta-regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.checks import check_estimates, first_shared
from hbstan.data.columns import first_constant, first_dependent
from hbstan.data.findings import alone, no_pooled_row
from hbstan.data.reals import check_reals
from hbstan.data.system import SystemData
from hbstan.data.tables import Table, read_table
from hbstan.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.results import Check

__all__ = ["Studies", "studies"]

#: A covariate whose spread is a smaller share of its size is constant.
_CONSTANT = 1e-9
#: A standardised covariate that those before it explain up to this share of its spread.
_COLLINEAR = 1e-5


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Studies(SystemData):
    """Estimates of J studies with K covariates: ``y ~ normal(theta, sigma)``.

    Build one with :func:`studies`. Labels are the studies, ``axes["covariate"]`` the
    names of the covariates. See :class:`~hbstan.data.system.SystemData` for the
    attributes that are not listed.

    Attributes
    ----------
    y : ndarray of float64, shape (J,)
        Estimates; read-only.
    sigma : ndarray of float64, shape (J,)
        Their standard errors, in the unit of ``y``, above 0; read-only.
    X : ndarray of float64, shape (J, K)
        Covariates in their own units; read-only.

    Raises
    ------
    DataError
        If shapes differ, a standard error is not above 0, there are fewer than K + 2
        studies, or a covariate is constant or explained by the others.
    """

    kind: ClassVar[str] = "studies"
    arrays: ClassVar[Mapping[str, str]] = {
        "y": "float64",
        "sigma": "float64",
        "X": "float64",
    }
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {"X": ("group", "covariate")}
    named: ClassVar[tuple[str, ...]] = ("covariate",)
    unit: ClassVar[str] = "study"
    outcome: ClassVar[str] = "normal"
    roles: ClassVar[Mapping[str, str]] = {"estimate": "y", "se": "sigma"}

    y: NDArray[np.float64]
    sigma: NDArray[np.float64]
    X: NDArray[np.float64]

    @property
    def covariates(self) -> tuple[str, ...]:
        """The names of the covariates."""
        return tuple(self.axes.get("covariate", ()))

    def derived(self) -> dict[str, Any]:
        """Return ``K``, the number of covariates."""
        return {"K": len(self.covariates)}

    def raw(self) -> NDArray[np.float64]:
        """Return the estimates."""
        return self.y

    def reading(self) -> dict[str, str | list[str]]:
        """Return the columns with which :meth:`to_frame` is read again, by role."""
        out = super().reading() | {"study": self.columns["group"]}
        return out | ({"covariates": list(self.covariates)} if self.covariates else {})

    def to_frame(self) -> pd.DataFrame:
        """Return one row a study, under the original column names."""
        import pandas as pd

        data: dict[str, Any] = {
            self.columns["group"]: list(self.labels),
            self.columns["estimate"]: self.y.copy(),
            self.columns["se"]: self.sigma.copy(),
        }
        data |= {name: self.X[:, k].copy() for k, name in enumerate(self.covariates)}
        return pd.DataFrame(data)

    def findings(self) -> tuple[Check, ...]:
        """Return whether a row is the others' common estimate."""
        return (no_pooled_row(self.labels, self.y, self.sigma), *alone(self.labels))

    def overview(self) -> list[tuple[str, Any]]:
        """Return number, range of estimates and errors, and each covariate's range."""
        figures: list[tuple[str, Any]] = [
            ("studies", self.J),
            ("smallest estimate", float(self.y.min())),
            ("largest estimate", float(self.y.max())),
            ("smallest standard error", float(self.sigma.min())),
            ("largest standard error", float(self.sigma.max())),
        ]
        for k, name in enumerate(self.covariates):
            column = self.X[:, k]
            words = f"{column.min():.6g} to {column.max():.6g}"
            figures.append((name, f"{words}, mean {column.mean():.6g}"))
        return figures

    def _summary(self) -> str:
        names = ", ".join(self.covariates) or "none"
        return (
            f"estimates {self.y.min():.4g} to {self.y.max():.4g}, covariates: {names}"
        )

    def _validate(self) -> None:
        names = self.covariates
        if self.X.size == 0 and not names:
            self._store("X", [], "float64")
            self._set("X", self.X.reshape(self.J, 0))
        shapes = (self.y.shape, self.sigma.shape, self.X.shape)
        if shapes != ((self.J,), (self.J,), (self.J, len(names))):
            raise DataError(
                f"{self.name}: y, sigma and X have the shapes {shapes}; legal: one "
                f"estimate and error for each of {self.J} studies, and {len(names)} "
                "covariates."
            )
        if not (self.sigma > 0).all():
            raise DataError(
                f"{self.name}: a standard error is {self.sigma.min():g}; legal: "
                "numbers greater than 0."
            )
        least = len(names) + 2 if names else 1
        if len(self.labels) < least:
            raise DataError(
                f"{self.name}: there are {self.J} studies and {len(names)} covariates; "
                f"legal: at least {least} studies. With fewer nothing is left "
                "to tell how studies differ.",
                remedy="Leave covariates out.",
            )
        if names:
            self._check_covariates(names)

    def _check_covariates(self, names: tuple[str, ...]) -> None:
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise DataError(
                f"{self.name}: the covariate {twice[0]!r} is given "
                f"{names.count(twice[0])} times; legal: each once."
            )
        k = first_constant(self.X, _CONSTANT)
        if k is not None:
            raise DataError(
                f"{self.name}: the covariate {names[k]!r} is {self.X[0, k]:.6g} in "
                "every study; legal: one that varies.",
                remedy="Leave it out: it is part of the mean effect.",
            )
        found = first_dependent(self.X, _COLLINEAR)
        if found is not None:
            before = ", ".join(map(repr, names[: found.column]))
            raise DataError(
                f"{self.name}: the covariate {names[found.column]!r} is a linear "
                f"function of {before}; legal: covariates that each vary given the "
                "others.",
                remedy="Leave one of them out: their effects cannot be told apart.",
            )


def studies(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    study: str | None,
    estimate: str,
    se: str,
    covariates: Sequence[str] | str | None = None,
    name: str | None = None,
) -> Studies:
    """Build a dataset of study estimates with standard errors and covariates.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row a study. A path ends in ``.csv``, ``.tsv``, ``.parquet`` or ``.pq``.
    study : str or None
        The column of labels; ``None`` labels the studies "1" to "J".
    estimate : str
        The column of estimates, finite numbers: log ratios rather than ratios.
    se : str
        The column of standard errors, in the unit of the estimates, above 0.
    covariates : str or sequence of str, optional
        The columns of covariates: finite numbers in their own units. A category of
        two is a covariate of 0 and 1.
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.

    Returns
    -------
    Studies

    Raises
    ------
    DataError
        If the table cannot be read; a value is missing, infinite or no number; a
        standard error is not above 0; labels are missing or occur twice; a column is
        given twice; there are fewer studies than covariates plus 2; or a covariate is
        constant or a linear function of others.

    Examples
    --------
    >>> import hbstan as hb
    >>> table = {"y": [0.2, 0.5, 0.1], "se": [0.1, 0.2, 0.1], "dose": [1, 3, 1]}
    >>> hb.data.studies(
    ...     table, study=None, estimate="y", se="se", covariates="dose"
    ... ).covariates
    ('dose',)
    """
    import numpy as np

    table = read_table(df)
    wanted = _covariates(covariates)
    roles = {"estimate": estimate, "se": se} | ({"study": study} if study else {})
    _refuse_shared(table, roles, wanted)
    group = None if study is None else table.column("study", study)
    labels, y, sigma = check_estimates(
        table.origin, group, table.column("estimate", estimate), table.column("se", se)
    )
    columns = [table.column("covariate", column) for column in wanted]
    values = check_reals(table.origin, group, *columns)
    for column, cells in zip(columns, values, strict=True):
        if len(cells) != len(labels):
            raise DataError(
                f"{table.origin.source}: column {column.name!r} has {len(cells)} rows; "
                f"legal: {len(labels)}, one a study."
            )
    matrix = np.array(values, dtype=float).reshape(len(wanted), len(labels)).T
    made: dict[str, Any] = {"y": y, "sigma": sigma, "X": matrix}
    heading = {} if study is None else {"group": study}
    return Studies(
        labels=labels,
        axes={"covariate": wanted},
        name=table.stem if name is None else name,
        source=table.source,
        columns={**heading, "estimate": estimate, "se": se},
        **made,
    )


def _covariates(given: Sequence[str] | str | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def _refuse_shared(
    table: Table, roles: Mapping[str, str], covariates: tuple[str, ...]
) -> None:
    """Refuse a column that is to be two things."""
    pairs = [*roles.items(), *(("covariates", name) for name in covariates)]
    for role, column in pairs:
        table.check_name(role, column)
    shared = first_shared(pairs)
    if shared is not None:
        column, first, second = shared
        both = second if first == second else f"{first} and {second}"
        raise DataError(
            f"column {column!r} is given twice, for {both}; legal: a column of its "
            f"own for each. The columns are {table.listing()}.",
            remedy=f"Name another column as {second}, or leave it out.",
        )
