"""Normal observations in groups: from raw rows, or from sizes, means and spreads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.checks import (
    Column,
    Origin,
    Problem,
    check_lengths,
    collect_cells,
    raise_problems,
    read_labels,
)
from hbstan.data.system import SystemData
from hbstan.data.tables import Table, read_table
from hbstan.data.values import (
    COUNTS,
    LABELS,
    REALS,
    Fault,
    as_count,
    as_label,
    as_real,
    is_missing,
)
from hbstan.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["NormalGroups", "normal_groups"]

_SIZES = f"{COUNTS.replace('from 0', 'from 1')}: observations in the group"
_SPREADS = "a finite number of 0 or more; empty for a group of one observation"
_GIVE = (
    "Give value for raw rows, one an observation, or n, mean and sd for one row a "
    "group."
)
_TWO_WAYS = (
    "Aggregate the data to one row a group, or give the rows labels of their own."
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NormalGroups(SystemData):
    """Observations ``y_ij ~ normal(theta_j, sigma)`` in J groups, sigma unknown.

    They are kept as sufficient statistics: no model of this kind learns more from
    the observations themselves. Build one with :func:`normal_groups`.

    See :class:`~hbstan.data.system.SystemData` for the attributes that are not listed.

    Attributes
    ----------
    n : ndarray of int64, shape (J,)
        Observations in each group, 1 or more; read-only.
    y : ndarray of float64, shape (J,)
        Their means; read-only.
    ss : ndarray of float64, shape (J,)
        Sums of squared distances from the means, in the unit's square; 0 for groups
        of one; read-only.

    Raises
    ------
    DataError
        If values are illegal, or the spread within groups cannot be learnt.
    """

    kind: ClassVar[str] = "normal_groups"
    arrays: ClassVar[Mapping[str, str]] = {
        "n": "int64",
        "y": "float64",
        "ss": "float64",
    }
    # Elsewhere sigma is one a group, the standard error of its estimate.
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **dict.fromkeys(("n", "y", "ss", "w", "log_lik_group"), ("group",)),
        "sigma": (),
    }
    outcomes: ClassVar[tuple[str, ...]] = ("y", "ss")
    # Columns of a table with one row a group, by role.
    roles: ClassVar[Mapping[str, str]] = {"n": "n", "mean": "mean", "sd": "sd"}

    n: NDArray[np.int64]
    y: NDArray[np.float64]
    ss: NDArray[np.float64]

    def _validate(self) -> None:
        J = len(self.labels)
        for name in self.arrays:
            shape = getattr(self, name).shape
            if shape != (J,):
                raise DataError(
                    f"{self.name}: {name} has shape {shape}; legal: ({J},), one value "
                    "for each group."
                )
        if J < 2:
            raise DataError(
                f"{self.name}: there is {J} group; legal: at least 2. The spread "
                "between groups does not show in a single group.",
                remedy="Give at least two groups, or analyse the one group by itself.",
            )
        self._check_values()
        self._check_spread()

    def _check_values(self) -> None:
        rules = (
            ("n", self.n < 1, "1 or more"),
            ("ss", self.ss < 0, "0 or more"),
            ("ss", (self.n == 1) & (self.ss > 0), "0 for a group of one observation"),
        )
        for name, wrong, legal in rules:
            if wrong.any():
                j = int(wrong.argmax())
                raise DataError(
                    f"{self.name}: group {self.labels[j]!r} has {name} = "
                    f"{getattr(self, name)[j]:g}; legal: {legal}."
                )

    def _check_spread(self) -> None:
        if int(self.n.max()) < 2:
            raise DataError(
                f"{self.name}: no group has two observations, so the spread within "
                "groups does not show; legal: at least one group of two or more.",
                remedy="If the standard error of each value is known, use "
                "hb.data.group_estimates.",
            )
        if not self.ss.any():
            raise DataError(
                f"{self.name}: the observations of each group are all equal, so the "
                "spread within groups would be zero; legal: at least one group whose "
                "observations differ.",
                remedy="Give the observations themselves, not their means repeated; "
                "if they are exact, there is nothing to estimate.",
            )

    def raw(self) -> NDArray[np.float64]:
        """Return the groups' means, ``(J,)``."""
        return self.y.copy()

    def sd(self) -> NDArray[np.float64]:
        """Return the standard deviation within each group; NaN for groups of one.

        ``sqrt(ss / (n - 1))``, shape ``(J,)``, in the unit of the observations.
        """
        import numpy as np

        df = np.where(self.n > 1, self.n - 1.0, np.nan)
        return np.asarray(np.sqrt(self.ss / df))

    def pooled_sd(self) -> float:
        """Return the standard deviation within groups, pooled over all of them.

        ``sqrt(sum ss / sum (n - 1))``, the unbiased estimate of sigma^2 under the root.
        """
        return float((self.ss.sum() / (self.n - 1).sum()) ** 0.5)

    def reading(self) -> dict[str, str | list[str]]:
        """Return the columns with which :meth:`to_frame` is read again, by role."""
        return dict(self.columns)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a group: label, size, mean and standard deviation.

        :func:`normal_groups` reads it again, to the last digits of ``ss``, which is
        made from the square of the standard deviation.
        """
        import pandas as pd

        names = [self.columns[role] for role in ("group", *self.roles)]
        if names[0] in names[1:]:  # raw rows whose groups are called n, say
            names[0] = "group label"
        values = (list(self.labels), self.n.copy(), self.y.copy(), self.sd())
        return pd.DataFrame(dict(zip(names, values, strict=True)))

    def overview(self) -> list[tuple[str, Any]]:
        """Return figures that describe the data: their names and values."""
        return [
            ("groups", self.J),
            ("observations", int(self.n.sum())),
            ("smallest group", int(self.n.min())),
            ("largest group", int(self.n.max())),
            ("standard deviation of the group means", float(self.y.std(ddof=1))),
            ("standard deviation within groups", self.pooled_sd()),
        ]

    def _summary(self) -> str:
        return f"{int(self.n.sum())} observations, {self.pooled_sd():.4g} sd within"


def normal_groups(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    group: str | None,
    value: str | None = None,
    n: str | None = None,
    mean: str | None = None,
    sd: str | None = None,
    name: str | None = None,
) -> NormalGroups:
    """Build a dataset of normal observations in groups.

    From raw rows (``group`` and ``value``) or from one row a group (``group``, ``n``,
    ``mean`` and ``sd``): the same data either way, up to rounding.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        A path ends in ``.csv``, ``.tsv``, ``.parquet`` or ``.pq``.
    group : str or None
        The column of labels. Groups keep the order in which they first occur. ``None``
        numbers the rows "1" to "J", where there is one row a group.
    value : str, optional
        The column of observations, finite numbers.
    n : str, optional
        The column of group sizes, 1 or more.
    mean : str, optional
        The column of group means.
    sd : str, optional
        The column of standard deviations within groups, with divisor ``n - 1``, in the
        unit of the mean. For groups of one it is missing or 0.
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.

    Returns
    -------
    NormalGroups

    Raises
    ------
    DataError
        If columns are missing or of both forms, a value is illegal (the message names
        row, column, value and legal range), there are fewer than two groups, or the
        spread within groups cannot be learnt: no group has two observations, or those
        of each group are equal.

    Examples
    --------
    >>> import hbstan.data
    >>> rows = {"diet": ["A", "A", "B", "B", "B"], "time": [62, 60, 63, 67, 71]}
    >>> hbstan.data.normal_groups(rows, group="diet", value="time").y.tolist()
    [61.0, 67.0]
    """
    table = read_table(df)
    given = {"group": group, "value": value, "n": n, "mean": mean, "sd": sd}
    roles = {role: column for role, column in given.items() if column is not None}
    _check_roles(table, roles)
    columns = {role: table.column(role, column) for role, column in roles.items()}
    check_lengths(table.origin, columns.values())
    read = _from_rows if "value" in roles else _from_summaries
    labels, arrays = read(table.origin, columns)
    about: dict[str, Any] = {
        "name": table.stem if name is None else name,
        "source": table.source,
        "columns": {k: v for k, v in roles.items() if k != "value"},
    }
    return NormalGroups(labels=labels, **arrays, **about)


def _check_roles(table: Table, roles: Mapping[str, str]) -> None:
    legal = ({"value"}, {"n", "mean", "sd"})
    found = set(roles) - {"group"}
    if found not in legal:
        raise DataError(
            f"{table.origin.source}: the columns given are "
            f"{', '.join(roles) or 'none'}; legal: group and value, or group, n, mean "
            f"and sd. The table has {table.listing()}.",
            remedy=_GIVE,
        )
    if "value" in roles and "group" not in roles:
        raise DataError(
            f"{table.origin.source}: raw rows need a column that says which group "
            f"each belongs to; the table has {table.listing()}.",
            remedy="Name it as group.",
        )
    table.check_distinct(roles.items())


def _from_rows(
    origin: Origin, columns: Mapping[str, Column]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Sum up raw rows: the groups in the order in which they first occur."""
    import numpy as np

    group = columns["group"]
    problems: list[Problem] = []
    labels = collect_cells(origin, group, as_label, LABELS, problems)
    values = collect_cells(origin, columns["value"], as_real, REALS, problems)
    raise_problems(origin, group, problems)
    if not labels:
        raise DataError(
            f"{origin.source}: there are no rows; legal: at least 2 groups.",
            remedy="Give one row for each observation.",
        )
    members: dict[str, list[float]] = {}
    for label, value in zip(labels, values, strict=True):
        members.setdefault(label, []).append(value)
    groups = [np.array(own) for own in members.values()]
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.array([own.mean() for own in groups])
        # A group of equal values has no spread: rounding of its mean is none.
        ss = [
            ((own - mean) ** 2).sum() if np.ptp(own) > 0 else 0.0
            for own, mean in zip(groups, means, strict=True)
        ]
    _check_squares(origin, tuple(members), np.array(ss))
    sizes = [own.size for own in groups]
    return tuple(members), {"n": sizes, "y": means, "ss": ss}


def _from_summaries(
    origin: Origin, columns: Mapping[str, Column]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    import numpy as np

    group, size = columns.get("group"), columns["n"]
    problems: list[Problem] = []
    labels = read_labels(origin, group, len(size.cells), _TWO_WAYS, problems)
    n = collect_cells(origin, size, _size, _SIZES, problems)
    y = collect_cells(origin, columns["mean"], as_real, REALS, problems)
    sd = _spreads(origin, columns["sd"], n, problems)
    raise_problems(origin, group, problems)
    with np.errstate(over="ignore"):
        ss = (np.array(n) - 1.0) * np.array(sd, dtype=float) ** 2
    _check_squares(origin, labels, ss)
    return labels, {"n": n, "y": y, "ss": ss}


def _spreads(
    origin: Origin, column: Column, sizes: Sequence[Any], problems: list[Problem]
) -> list[Any]:
    """Read standard deviations, which groups of one do not have."""
    out: list[Any] = []
    for row, (cell, size) in enumerate(zip(column.cells, sizes, strict=True)):
        blank = is_missing(cell) or (isinstance(cell, str) and not cell.strip())
        value = 0.0 if size == 1 and blank else as_real(cell, text=origin.text)
        if not isinstance(value, Fault) and value < 0:
            value = Fault(f"{value:g} is negative", "Correct the value.")
        elif not isinstance(value, Fault) and size == 1 and value > 0:
            value = Fault(
                f"{value:g} is the spread of one observation",
                "Correct n, or leave the standard deviation empty.",
            )
        if isinstance(value, Fault):
            problem = Problem(row, column.name, value.what, _SPREADS, value.remedy)
            problems.append(problem)
            out.append(None)
        else:
            out.append(value)
    return out


def _size(value: Any, *, text: bool) -> int | Fault:
    count = as_count(value, text=text)
    if count == 0:
        return Fault("0 observations are no group", "Remove the row.")
    return count


def _check_squares(
    origin: Origin, labels: Sequence[str], ss: NDArray[np.float64]
) -> None:
    """Refuse numbers whose squares are beyond double precision."""
    import numpy as np

    wrong = ~np.isfinite(ss)
    if wrong.any():
        raise DataError(
            f"{origin.source}: the squares within group "
            f"{labels[int(wrong.argmax())]!r} are beyond double precision.",
            remedy="Rescale the data.",
        )
