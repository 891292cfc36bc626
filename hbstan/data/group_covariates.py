"""Events among trials in groups that have covariates of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.checks import Column, Origin, check_binomial
from hbstan.data.covariates import (
    column_names,
    named_columns,
    real_columns,
    refuse_collinear,
    refuse_constant,
)
from hbstan.data.dataset import GroupedBinomial
from hbstan.data.findings import no_total_row
from hbstan.data.system import SystemData
from hbstan.data.tables import read_table
from hbstan.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.results import Check

__all__ = ["BinomialCovariates", "binomial_covariates"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BinomialCovariates(SystemData):
    """Events among trials, and D covariates, in each of J groups.

    Build one with :func:`binomial_covariates`. The dimension ``covariate`` labels the
    covariates.

    See :class:`~hbstan.data.system.SystemData` for the attributes that are not listed.

    Attributes
    ----------
    n, y : ndarray of int64, shape (J,)
        Trials and events, ``0 <= y <= n``.
    X : ndarray of float64, shape (J, D)
        Covariates, in units of their own; the program standardises them.

    Raises
    ------
    DataError
        If counts are illegal, a covariate is constant or follows from others, or
        there are more covariates than the groups can tell apart (J - 2).
    """

    kind: ClassVar[str] = "binomial_covariates"
    arrays: ClassVar[Mapping[str, str]] = {"n": "int64", "y": "int64", "X": "float64"}
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {"X": ("group", "covariate")}
    named: ClassVar[tuple[str, ...]] = ("covariate",)
    outcome: ClassVar[str] = "binomial"
    roles: ClassVar[Mapping[str, str]] = {"trials": "n", "events": "y"}

    n: NDArray[np.int64]
    y: NDArray[np.int64]
    X: NDArray[np.float64]

    def derived(self) -> dict[str, Any]:
        """Return the number of covariates, ``D``."""
        return {"D": self.X.shape[1]}

    def raw(self) -> NDArray[np.float64]:
        """Return each group's rate ``y / n``; NaN without trials."""
        import numpy as np

        rates = np.full(self.J, np.nan)
        np.divide(self.y, self.n, out=rates, where=self.n > 0)
        return rates

    def without_covariates(self) -> GroupedBinomial:
        """Return the same counts as data for models without covariates."""
        counts: dict[str, Any] = {"n": self.n, "y": self.y}
        columns = {k: self.columns[k] for k in ("group", "trials", "events")}
        return GroupedBinomial(
            labels=self.labels,
            name=self.name,
            source=self.source,
            columns=columns,
            **counts,
        )

    def reading(self) -> dict[str, str | list[str]]:
        """Return the columns with which :meth:`to_frame` is read again, by role."""
        names = list(self.axes["covariate"])
        return super().reading() | {"group": self.columns["group"], "covariates": names}

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame: groups, trials, events, covariates."""
        import pandas as pd

        data: dict[str, Any] = {
            self.columns["group"]: list(self.labels),
            self.columns["trials"]: self.n.copy(),
            self.columns["events"]: self.y.copy(),
        }
        for name, values in zip(self.axes["covariate"], self.X.T, strict=True):
            data[name] = values.copy()
        return pd.DataFrame(data)

    def findings(self) -> tuple[Check, ...]:
        """Return whether a row is the total of others."""
        return (no_total_row(self.labels, self.n, self.y),)

    def overview(self) -> list[tuple[str, Any]]:
        """Return sizes, and the mean and range of each covariate."""
        covariates = [
            (name, f"mean {v.mean():.4g}, {v.min():.4g} to {v.max():.4g}")
            for name, v in zip(self.axes["covariate"], self.X.T, strict=True)
        ]
        return [
            ("groups", self.J),
            ("trials", int(self.n.sum())),
            ("events", int(self.y.sum())),
            *covariates,
        ]

    def _validate(self) -> None:
        names = self.axes.get("covariate", ())
        group, trials, events = map(self._column, ("group", "trials", "events"))
        check_binomial(Origin(self.name), group, trials, events)
        if self.X.shape != (self.J, len(names)) or not names:
            raise DataError(
                f"{self.name}: X has the shape {self.X.shape}; legal: "
                f"{(self.J, len(names))}, a row a group and a column a covariate."
            )
        if len(names) > self.J - 2:
            raise DataError(
                f"{self.name}: there are {len(names)} covariates for {self.J} groups; "
                f"legal: at most {max(self.J - 2, 0)}. With more, covariates explain "
                "any differences between groups, and nothing is left to tell tau.",
                remedy="Leave covariates out, or combine them.",
            )
        refuse_constant(self.name, names, self.X, "covariate")
        refuse_collinear(self.name, names, self.X)

    def _summary(self) -> str:
        names = ", ".join(self.axes["covariate"])
        return f"{self.y.sum()} events in {self.n.sum()} trials; covariates {names}"


def binomial_covariates(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    group: str | None,
    trials: str,
    events: str,
    covariates: str | Sequence[str],
    name: str | None = None,
) -> BinomialCovariates:
    """Build a dataset of events among trials in groups with covariates.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row a group. A path ends in ``.csv``, ``.tsv``, ``.parquet`` or ``.pq``.
    group : str or None
        The column of labels; ``None`` labels the groups "1" to "J".
    trials, events : str
        The columns of counts, ``0 <= events <= trials <= 2147483647``.
    covariates : str or sequence of str
        The columns of covariates: finite numbers, none constant, none following from
        others, at most J - 2. Categories enter as columns of 0 and 1, one fewer than
        there are categories.
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.

    Returns
    -------
    BinomialCovariates

    Raises
    ------
    DataError
        If the table cannot be read, a column is missing, or values are illegal.

    Examples
    --------
    >>> import hbstan.data
    >>> table = {"n": [9, 8, 20, 7], "r": [1, 0, 3, 2], "age": [61, 55, 70, 58]}
    >>> data = hbstan.data.binomial_covariates(
    ...     table, group=None, trials="n", events="r", covariates="age"
    ... )
    >>> data.X.shape
    (4, 1)
    """
    table = read_table(df)
    names = column_names("covariates", covariates)
    roles = [("trials", trials), ("events", events)]
    if group is not None:
        roles.append(("group", group))
    first = len(roles)
    roles += [(f"covariate {name!r}", name) for name in names]
    columns = named_columns(table, roles)
    label: Column | None = columns[2] if group is not None else None
    labels, n, y = check_binomial(table.origin, label, columns[0], columns[1])
    # The dataset makes arrays of them.
    arrays: dict[str, Any] = {
        "n": n,
        "y": y,
        "X": real_columns(table.origin, columns[first:]),
    }
    given = {"group": group, "trials": trials, "events": events}
    return BinomialCovariates(
        labels=labels,
        axes={"covariate": names},
        name=table.stem if name is None else name,
        source=table.source,
        columns={role: column for role, column in given.items() if column is not None},
        **arrays,
    )
