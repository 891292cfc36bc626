"""Returns in order of time: the data of stochastic volatility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.checks import Origin
from hbstan.data.reals import check_reals
from hbstan.data.system import SystemData
from hbstan.data.tables import read_table
from hbstan.data.times import check_times
from hbstan.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Returns", "returns"]

#: Fewer returns say next to nothing about how their spread moves.
LEAST = 10
#: A larger share of exact zeros is rounding or days without trade, not returns.
MOST_ZEROS = 0.05
#: Returns closer to each other than this, relative to the largest, are constant.
_CONSTANT = 1e-12
_PER_CENT = 100.0


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Returns(SystemData):
    """Returns at J times in order: ``y[j] ~ normal(center, exp(h[j] / 2))``.

    Build one with :func:`returns`. Labels are the times. See
    :class:`~hbstan.data.system.SystemData` for the attributes that are not listed.

    Attributes
    ----------
    y : ndarray of float64, shape (J,)
        Returns as they were given, their mean not taken off; read-only.

    Raises
    ------
    DataError
        If there are fewer than 10, if they are constant, or if more than 5 % of them
        are exactly zero.
    """

    kind: ClassVar[str] = "returns"
    arrays: ClassVar[Mapping[str, str]] = {"y": "float64"}
    unit: ClassVar[str] = "time"
    roles: ClassVar[Mapping[str, str]] = {"value": "y"}

    y: NDArray[np.float64]

    @property
    def center(self) -> float:
        """The mean return, in the unit of ``y``; the model takes it as known."""
        return float(self.y.mean())

    def derived(self) -> dict[str, Any]:
        """Return ``center``, the mean return."""
        return {"center": self.center}

    def reading(self) -> dict[str, str | list[str]]:
        """Return the columns with which :meth:`to_frame` is read again, by role."""
        return super().reading() | {"time": self.columns["group"]}

    def to_frame(self) -> pd.DataFrame:
        """Return the times and the returns, under the original column names."""
        import pandas as pd

        time, value = self.columns["group"], self.columns["value"]
        return pd.DataFrame({time: list(self.labels), value: self.y.copy()})

    def overview(self) -> list[tuple[str, Any]]:
        """Return number, span, mean, spread and tails, and how squares cluster."""
        from scipy.stats import kurtosis

        moves = self.y - self.center
        return [
            ("times", self.J),
            ("first", self.labels[0]),
            ("last", self.labels[-1]),
            ("mean, taken off by the model", self.center),
            ("standard deviation", float(self.y.std(ddof=1))),
            ("smallest", float(self.y.min())),
            ("largest", float(self.y.max())),
            ("excess kurtosis", float(kurtosis(self.y))),
            ("autocorrelation of squares at lag 1", _lag_one(moves**2)),
        ]

    def _summary(self) -> str:
        first, last = self.labels[0], self.labels[-1]
        return f"returns from {first} to {last}, mean {self.center:.4g}"

    def _validate(self) -> None:
        import numpy as np

        if self.y.shape != (self.J,):
            raise DataError(
                f"{self.name}: y has the shape {self.y.shape}; legal: one return for "
                f"each of the {self.J} times."
            )
        if self.J < LEAST:
            raise DataError(
                f"{self.name}: there are {self.J} returns; legal: at least {LEAST}. So "
                "few say next to nothing about how their spread moves.",
                remedy="Give a longer series.",
            )
        if np.ptp(self.y) <= _CONSTANT * np.abs(self.y).max():
            raise DataError(
                f"{self.name}: all returns are {self.y[0]:.6g}; legal: returns that "
                "vary, for their spread is what is modelled.",
                remedy="Check the column; perhaps it holds levels or a fixed rate.",
            )
        zeros = int((self.y == 0).sum())
        if zeros > MOST_ZEROS * self.J:
            raise DataError(
                f"{self.name}: {zeros} of {self.J} returns are exactly zero; legal: at "
                f"most {MOST_ZEROS:.0%}. A normal return is never exactly zero, so the "
                "model would take them for times of no volatility.",
                remedy="Remove the times without trade, or take returns over longer "
                "spans that rounding does not hide.",
            )


def returns(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    value: str,
    time: str | None = None,
    name: str | None = None,
    from_prices: bool = False,
) -> Returns:
    """Build a dataset of returns in order of time.

    The mean is not taken off the values; it is recorded as ``center``, which the model
    subtracts. So replicates come in the unit of the returns themselves.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row a time, the earliest first. A path ends in ``.csv``, ``.tsv``,
        ``.parquet`` or ``.pq``.
    value : str
        The column of returns, finite numbers in any unit, or of prices.
    time : str, optional
        The column of times: numbers, or dates (in text: ISO 8601), strictly
        increasing. Without it the times are numbered from "1".
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.
    from_prices : bool
        The column holds prices p, above 0; the returns are then
        ``100 * log(p[j] / p[j - 1])``, per cent, one fewer than prices, each at the
        later time.

    Returns
    -------
    hbstan.data.Returns

    Raises
    ------
    DataError
        If the table cannot be read; if a value is missing, infinite or no number, or
        a price not above 0; if times are missing, occur twice or go back; if there
        are fewer than 10 returns, if they are constant, or if more than 5 % of them
        are exactly zero.

    Examples
    --------
    >>> import hbstan as hb
    >>> data = hb.data.returns({"r": [1, -2, 0.5, 3, -1] * 3}, value="r")
    >>> data.J, data.center
    (15, 0.3)
    """
    table = read_table(df)
    column = table.column("value", value)
    when = None if time is None else table.column("time", time)
    if time == value:
        raise DataError(
            f"column {value!r} is given for both value and time; legal: a column of "
            f"its own for each. The columns are {table.listing()}."
        )
    (values,) = check_reals(table.origin, when, column)
    labels = check_times(table.origin, when, len(values))
    columns = {"value": value} | ({} if time is None else {"group": time})
    if from_prices:
        values = _from_prices(table.origin, column.name, values)
        labels, columns["value"] = labels[1:], f"return of {value}"
    made: Any = values
    stem = table.stem if name is None else name
    return Returns(
        labels=labels, y=made, name=stem, source=table.source, columns=columns
    )


def _from_prices(origin: Origin, name: str, prices: Sequence[float]) -> list[float]:
    """Return logarithmic returns in per cent."""
    import itertools
    import math

    for row, price in enumerate(prices):
        if price <= 0:
            raise DataError(
                f"{origin.source}: {origin.where(row)}, column {name!r}: the price "
                f"{price:g} is not above 0; legal: prices above 0.",
                remedy="Correct the price; of returns, leave out from_prices.",
            )
    logs = [math.log(price) for price in prices]
    pairs = itertools.pairwise(logs)
    return [_PER_CENT * (later - earlier) for earlier, later in pairs]


def _lag_one(values: NDArray[Any]) -> float:
    from_mean = values - values.mean()
    return float((from_mean[1:] * from_mean[:-1]).sum() / (from_mean**2).sum())
