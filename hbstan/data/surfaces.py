"""Outcomes at points of a space of inputs: data for a Gaussian process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.covariates import (
    column_names,
    named_columns,
    real_columns,
    refuse_constant,
)
from hbstan.data.system import SystemData
from hbstan.data.tables import read_table
from hbstan.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["KERNELS", "Surface", "surface"]

#: Kernels by name, and their code in Stan.
KERNELS: Mapping[str, int] = {"squared_exponential": 0, "matern52": 1}
#: Fewer points say nothing of the length scales.
_LEAST_POINTS = 3


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Surface(SystemData):
    """Noisy outcomes of a function at J points in D dimensions.

    Build one with :func:`surface`. The units are the points; the dimensions
    ``input`` and ``candidate`` label inputs and candidates.

    See :class:`~hbstan.data.system.SystemData` for the attributes that are not listed.

    Attributes
    ----------
    x : ndarray of float64, shape (J, D)
        The points, in units of their own.
    y : ndarray of float64, shape (J,)
        The outcomes.
    new_x : ndarray of float64, shape (M, D)
        Candidates: where the surface is predicted and the expected improvement
        computed. ``M`` may be 0.
    low, high : ndarray of float64, shape (D,)
        The inputs' ranges, which the program maps to [0, 1].
    center, scale : ndarray of float64, shape ()
        What the program standardises the outcome with.
    matern : ndarray of int64, shape ()
        0 squared exponential, 1 Matern 5/2.
    paths : ndarray of int64, shape ()
        1 if the surface is drawn at the candidates jointly.

    Raises
    ------
    DataError
        If the arrays are illegal or do not fit together.
    """

    kind: ClassVar[str] = "surface"
    arrays: ClassVar[Mapping[str, str]] = {
        "x": "float64",
        "y": "float64",
        "new_x": "float64",
        "low": "float64",
        "high": "float64",
        "center": "float64",
        "scale": "float64",
        "matern": "int64",
        "paths": "int64",
    }
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "x": ("group", "input"),
        "new_x": ("candidate", "input"),
        "low": ("input",),
        "high": ("input",),
        "sigma": (),
    }
    named: ClassVar[tuple[str, ...]] = ("input", "candidate")
    unit: ClassVar[str] = "point"
    roles: ClassVar[Mapping[str, str]] = {"outcome": "y"}

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    new_x: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    matern: NDArray[np.int64]
    paths: NDArray[np.int64]

    def derived(self) -> dict[str, Any]:
        """Return the numbers of inputs, ``D``, and of candidates, ``M``."""
        return {"D": self.x.shape[1], "M": self.new_x.shape[0]}

    def raw(self) -> NDArray[np.float64]:
        """Return the outcomes: each point's own estimate of the surface."""
        return self.y.copy()

    def reading(self) -> dict[str, str | list[str]]:
        """Return the columns with which :meth:`to_frame` is read again, by role."""
        return super().reading() | {"inputs": list(self.axes["input"])}

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame: points, their inputs and outcomes."""
        import pandas as pd

        inputs = dict(zip(self.axes["input"], self.x.T, strict=True))
        data = {"point": list(self.labels), **inputs, self.columns["outcome"]: self.y}
        return pd.DataFrame({name: list(values) for name, values in data.items()})

    def candidates_frame(self) -> pd.DataFrame:
        """Return a new DataFrame of the candidates' inputs."""
        import pandas as pd

        index = pd.Index(self.axes.get("candidate", ()), name="candidate")
        return pd.DataFrame(self.new_x.copy(), index, list(self.axes["input"]))

    def overview(self) -> list[tuple[str, Any]]:
        """Return sizes, ranges and kernel."""
        kernel = next(k for k, code in KERNELS.items() if code == int(self.matern))
        ranges = [
            (f"range of {name}", f"{low:g} to {high:g}")
            for name, low, high in zip(
                self.axes["input"], self.low, self.high, strict=True
            )
        ]
        return [
            ("points", self.J),
            *ranges,
            ("outcome", f"{self.y.min():.4g} to {self.y.max():.4g}"),
            ("candidates", self.new_x.shape[0]),
            ("kernel", kernel),
        ]

    @classmethod
    def empty(cls, name: str) -> Any:
        """Return the array of that name where it has no elements."""
        import numpy as np

        return np.zeros((0, 0))

    def _validate(self) -> None:
        size = self.x.shape[1] if self.x.ndim == 2 else 0
        if not self.new_x.size:
            self._set("new_x", self.new_x.reshape(0, size))
        shapes = {
            "x": (self.J, size),
            "y": (self.J,),
            "new_x": (len(self.axes.get("candidate", ())), size),
            "low": (size,),
            "high": (size,),
            **dict.fromkeys(("center", "scale", "matern", "paths"), ()),
        }
        self._require_shapes(shapes)
        if self.J < _LEAST_POINTS:
            raise DataError(
                f"{self.name}: there are {self.J} points; legal: at least "
                f"{_LEAST_POINTS}. Fewer do not show how the surface bends.",
                remedy="Evaluate the function at more points.",
            )
        if size == 0 or len(self.axes.get("input", ())) != size:
            raise DataError(f"{self.name}: x has {size} inputs; legal: 1 or more.")
        if not (self.low < self.high).all() or not self.scale > 0:
            raise DataError(
                f"{self.name}: an input's range or the outcome's scale is not above 0."
            )
        if not {int(self.matern), int(self.paths)} <= {0, 1}:
            raise DataError(f"{self.name}: matern and paths; legal: 0 or 1.")

    def _summary(self) -> str:
        return f"{self.x.shape[1]} inputs, {self.new_x.shape[0]} candidates"


def surface(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    outcome: str,
    inputs: str | Sequence[str],
    candidates: pd.DataFrame | Mapping[str, Any] | str | Path | int | None = None,
    bounds: Sequence[tuple[float, float]] | None = None,
    kernel: str = "squared_exponential",
    paths: bool = True,
    name: str | None = None,
) -> Surface:
    """Build a dataset of a function's noisy outcomes at points.

    Inputs are scaled to [0, 1] and the outcome is standardised inside the program;
    ``amplitude``, ``noise``, ``lengthscale`` and the surface come back in the units
    given. Points may coincide: the noise tells their outcomes apart.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row a point. A path ends in ``.csv``, ``.tsv``, ``.parquet`` or ``.pq``.
    outcome : str
        The column of outcomes, finite numbers, not all equal.
    inputs : str or sequence of str
        The columns of inputs, finite numbers, none constant.
    candidates : table, int or None
        Where to predict the surface and the expected improvement: a table with the
        inputs' columns, or a number of points that fill the inputs' range (evenly
        spaced for one input, of a Sobol sequence for more). By default none.
    bounds : sequence of (low, high), optional
        Each input's range; by default that of points and candidates. It scales the
        prior of the length scales, and holds every point.
    kernel : str
        ``"squared_exponential"``, or ``"matern52"`` for rougher surfaces.
    paths : bool
        Whether to draw the surface at the candidates jointly (``f_new``), at a cost
        of the third power of points and candidates.
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.

    Returns
    -------
    Surface

    Raises
    ------
    DataError
        If the table cannot be read, there are fewer than 3 points, a value is
        missing or infinite, or an input or the outcome is constant.

    Examples
    --------
    >>> import hbstan.data
    >>> table = {"x": [0.0, 1.0, 2.0, 3.0], "loss": [3.0, 1.0, 2.0, 5.0]}
    >>> data = hbstan.data.surface(table, outcome="loss", inputs="x", candidates=31)
    >>> data.J, data.new_x.shape
    (4, (31, 1))
    """
    import numpy as np

    table = read_table(df)
    names = column_names("inputs", inputs)
    roles = [("outcome", outcome), *((f"input {n!r}", n) for n in names)]
    values = real_columns(table.origin, named_columns(table, roles))
    where = table.origin.source
    if len(values) < _LEAST_POINTS:
        raise DataError(
            f"{where}: there are {len(values)} points; legal: at least "
            f"{_LEAST_POINTS}. Fewer do not show how the surface bends.",
            remedy="Evaluate the function at more points.",
        )
    refuse_constant(where, [outcome], values[:, :1], "outcome")
    if bounds is None:
        refuse_constant(where, names, values[:, 1:], "input")
    if kernel not in KERNELS:
        raise DataError(f"kernel is {kernel!r}; legal: {', '.join(KERNELS)}.")
    x, y = values[:, 1:], values[:, 0]
    box = _box(names, x, bounds)
    new_x = _candidates(candidates, names, box)
    if bounds is None and not isinstance(candidates, int):
        box = _box(names, np.vstack([x, new_x]), None)
    axes = {
        "input": names,
        "candidate": tuple(str(m + 1) for m in range(len(new_x))),
    }
    arrays: dict[str, Any] = {
        **{"x": x, "y": y, "new_x": new_x, "low": box[:, 0], "high": box[:, 1]},
        **{"center": y.mean(), "scale": y.std(ddof=1)},
        **{"matern": KERNELS[kernel], "paths": int(paths)},
    }
    return Surface(
        labels=tuple(str(j + 1) for j in range(len(y))),
        axes=axes,
        name=table.stem if name is None else name,
        source=table.source,
        columns={"outcome": outcome},
        **arrays,
    )


def _box(
    names: Sequence[str], x: NDArray[np.float64], bounds: Any
) -> NDArray[np.float64]:
    """Return the inputs' ranges, (D, 2)."""
    import numpy as np

    if bounds is None:
        return np.column_stack([x.min(axis=0), x.max(axis=0)])
    try:
        box = np.asarray(bounds, dtype=float)
    except (TypeError, ValueError):
        box = np.zeros(0)
    good = box.shape == (len(names), 2) and np.isfinite(box).all()
    if not good or not (box[:, 0] < box[:, 1]).all():
        raise DataError(
            f"bounds is {bounds!r}; legal: a pair (low, high) for each of "
            f"{', '.join(map(repr, names))}, finite, low below high."
        )
    outside = (x < box[:, 0]) | (x > box[:, 1])
    if outside.any():
        row, k = (int(i) for i in np.argwhere(outside)[0])
        raise DataError(
            f"row {row + 1}, column {names[k]!r}: {x[row, k]:g} is outside the bounds; "
            f"legal: {box[k, 0]:g} to {box[k, 1]:g}.",
            remedy="Widen the bounds, or remove the row.",
        )
    return box


def _candidates(
    given: Any, names: Sequence[str], box: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the candidates, (M, D): those given, or so many that fill the box."""
    import numpy as np

    if given is None:
        return np.zeros((0, len(names)))
    if not isinstance(given, int):
        table = read_table(given)
        columns = named_columns(table, [(f"input {n!r}", n) for n in names])
        if not columns[0].cells:
            raise DataError(
                f"{table.origin.source}: there are no candidates; legal: 1 or more.",
                remedy="Leave candidates out if you want none.",
            )
        return real_columns(table.origin, columns)
    if isinstance(given, bool) or given < 1:
        raise DataError(f"candidates is {given!r}; legal: a number of 1 or more.")
    if len(names) == 1:
        unit = np.linspace(0.0, 1.0, given)[:, None]
    else:
        from scipy.stats import qmc

        power = (given - 1).bit_length()
        sobol = qmc.Sobol(len(names), scramble=False)
        unit = sobol.random_base2(power)[:given]
    return box[:, 0] + unit * (box[:, 1] - box[:, 0])
