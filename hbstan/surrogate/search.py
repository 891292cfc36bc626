"""The search: fit a surface, evaluate where it promises most, repeat."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hbstan.data.surfaces import KERNELS, surface
from hbstan.errors import DataError, SettingsError
from hbstan.fit import fit
from hbstan.predictive.arguments import seed_or_fresh
from hbstan.surrogate.prediction import predict_surface
from hbstan.surrogate.result import Minimum

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.data.surfaces import Surface
    from hbstan.priors import Prior
    from hbstan.types import Backend, Progress

    Objective = Callable[[NDArray[np.float64]], float]
    Bounds = Mapping[str, tuple[float, float]] | Sequence[tuple[float, float]]

__all__ = ["minimize"]

#: Distances from the best point, as shares of the box, at which candidates are tried.
_NEAR = (0.1, 0.02, 0.004)
#: Fewer evaluations that worked do not show how the surface bends.
_LEAST_POINTS = 3
#: Columns of the history that are no inputs.
_TAKEN = ("stage", "y", "best", "ei", "error", "seconds")
_MAX_SEED = 2**31 - 1


@dataclass
class _Log:
    """The evaluations so far; grows within one search."""

    names: tuple[str, ...]
    box: NDArray[np.float64]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def evaluate(
        self, function: Objective, unit: NDArray[np.float64], stage: str, ei: float
    ) -> None:
        """Evaluate the function at a point of the unit cube and write it down."""
        x = self.box[:, 0] + unit * (self.box[:, 1] - self.box[:, 0])
        started = time.perf_counter()
        y, error = _value(function, x)
        seconds = time.perf_counter() - started
        worked = [row["y"] for row in self.rows if not row["error"]]
        best = min([*worked, *([] if error else [y])], default=float("nan"))
        place = dict(zip(self.names, map(float, x), strict=True))
        self.rows.append(
            {"stage": stage, **place, "y": y, "best": best, "ei": ei}
            | {"error": error, "seconds": seconds}
        )

    def outcomes(self) -> list[float]:
        """Return the outcomes; a failure counts as the highest of them."""
        worst = max((r["y"] for r in self.rows if not r["error"]), default=0.0)
        return [worst if row["error"] else row["y"] for row in self.rows]

    def is_surface(self) -> bool:
        """Whether a surface can be fitted: enough outcomes, and not all equal."""
        worked = [row["y"] for row in self.rows if not row["error"]]
        return len(worked) >= _LEAST_POINTS and max(worked) > min(worked)

    def unit(self) -> NDArray[np.float64]:
        """Return the points in the unit cube, (evaluations, D)."""
        import numpy as np

        x = np.array([[row[name] for name in self.names] for row in self.rows])
        return np.asarray((x - self.box[:, 0]) / (self.box[:, 1] - self.box[:, 0]))


def minimize(
    function: Objective,
    bounds: Bounds,
    *,
    n_initial: int | None = None,
    n_iter: int = 20,
    tol: float = 0.0,
    n_candidates: int = 256,
    kernel: str = "squared_exponential",
    priors: Mapping[str, Prior | str] | None = None,
    seed: int | None = None,
    backend: str | Backend = "auto",
    progress: Progress | None = None,
) -> Minimum:
    r"""Look for the minimum of a costly function in a box (Bayesian optimisation).

    After ``n_initial`` points that fill the box, a Gaussian process is fitted to all
    evaluations (``gp_regression``, two short chains), its expected improvement is
    averaged over the draws at candidates, and the function is evaluated where that is
    largest. Candidates fill the box and crowd around the best point so far. The
    function may be noisy, may fail, and need not have derivatives.

    An evaluation that raises an exception, or returns something other than a finite
    number, is recorded in the history with its error; the surface takes it to be as
    high as the highest outcome, so that the search turns away.

    Source: Jones, Schonlau and Welch (1998), doi:10.1023/A:1008306431147; Snoek,
    Larochelle and Adams (2012), arXiv:1206.2944.

    Parameters
    ----------
    function : callable
        x -> outcome; ``x`` is an array ``(D,)`` in the units of the bounds.
    bounds : mapping of str to (low, high), or sequence of (low, high)
        The box, by input; inputs without names are ``x1``, ``x2``, .... Names of the
        history's own columns (``y``, ``best``, ...) are refused.
    n_initial : int, optional
        Points before the first surface, 3 or more; by default ``2 * D + 2``.
    n_iter : int
        Evaluations after them, at most.
    tol : float
        Stop when no candidate promises more than this, in the outcome's unit.
    n_candidates : int
        Candidates that fill the box; as many again lie around the best point.
    kernel : str
        ``"squared_exponential"``, or ``"matern52"`` for rougher functions.
    priors : mapping of str to Prior or str, optional
        Priors of ``gp_regression``, e.g. ``{"sigma": "HalfNormal(0.01)"}`` for a
        function known to have hardly any noise.
    seed : int, optional
        By default a fresh one, which is recorded.
    backend : str or Backend
        As for :func:`hbstan.fit`.
    progress : Progress, optional
        Called after each evaluation.

    Returns
    -------
    Minimum

    Raises
    ------
    SettingsError
        If an argument is illegal.
    DataError
        If fewer than 3 evaluations worked, or all outcomes are equal: then there is
        no surface to fit.

    Examples
    --------
    >>> import hbstan as hb
    >>> found = hb.minimize(
    ...     lambda x: (x[0] - 2) ** 2, {"x": (0, 5)}, n_iter=2, seed=1, backend="stanli"
    ... )
    >>> found.best_y < 0.05
    True
    """
    import numpy as np

    names, box = _box(bounds)
    first = 2 * len(names) + 2 if n_initial is None else n_initial
    _check(first, n_iter, tol, n_candidates, kernel)
    used = seed_or_fresh(seed)
    rng = np.random.default_rng(used)
    log = _Log(names, box)
    options: dict[str, Any] = {"backend": backend, "priors": priors}
    for unit in _spread(first, len(names), rng):
        log.evaluate(function, unit, "initial", float("nan"))
        _tell(progress, len(log.rows), first + n_iter)
    stopped = f"all {n_iter} evaluations of the search are done"
    for _ in range(n_iter):
        if log.is_surface():
            unit, ei = _choose(log, n_candidates, kernel, rng, options)
            if ei <= tol:
                stopped = f"no candidate promises more than {tol:g}"
                break
            log.evaluate(function, unit, "search", ei)
        else:
            unit = rng.random(len(names))
            log.evaluate(function, unit, "spread", float("nan"))
        _tell(progress, len(log.rows), first + n_iter)
    _require_surface(log)
    return _result(log, kernel, rng, options, used, stopped)


def _choose(
    log: _Log,
    n_candidates: int,
    kernel: str,
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> tuple[NDArray[np.float64], float]:
    """Return the candidate that promises most, in the unit cube, and how much."""
    import numpy as np

    size = len(log.names)
    evaluated = log.unit()
    best = evaluated[int(np.argmin(log.outcomes()))]
    each = -(-n_candidates // len(_NEAR))
    near = [best + s * rng.standard_normal((each, size)) for s in _NEAR]
    everywhere = _spread(n_candidates, size, rng)
    units = np.clip(np.vstack([everywhere, *near]), 0.0, 1.0)
    data = _surface(log, units, kernel, paths=False)
    fitted = fit(
        "gp_regression",
        data,
        seed=int(rng.integers(_MAX_SEED)),
        chains=2,
        iter_warmup=400,
        iter_sampling=200,
        **options,
    )
    ei = fitted.posterior["ei"].mean(("chain", "draw")).values
    chosen = int(np.argmax(ei))
    return units[chosen], float(ei[chosen])


def _result(
    log: _Log,
    kernel: str,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    seed: int,
    stopped: str,
) -> Minimum:
    """Fit the last surface, to all evaluations, and put the result together."""
    import numpy as np
    import pandas as pd

    size = len(log.names)
    grid = np.linspace(0.0, 1.0, 101)[:, None]
    units = grid if size == 1 else _spread(256, size, rng)
    data = _surface(log, units, kernel, paths=True)
    fit_seed = int(rng.integers(_MAX_SEED))
    fitted = fit("gp_regression", data, seed=fit_seed, **options)
    index = pd.RangeIndex(1, len(log.rows) + 1, name="evaluation")
    history = pd.DataFrame(log.rows, index)
    row = history.sort_values("y").iloc[0]  # failures, without an outcome, come last
    return Minimum(
        {name: float(row[name]) for name in log.names},
        float(row["y"]),
        history,
        {n: (float(a), float(b)) for n, (a, b) in zip(log.names, log.box, strict=True)},
        data,
        fitted,
        predict_surface(fitted),
        seed,
        fitted.backend,
        stopped,
    )


def _surface(
    log: _Log, units: NDArray[np.float64], kernel: str, *, paths: bool
) -> Surface:
    places = log.box[:, 0] + units * (log.box[:, 1] - log.box[:, 0])
    columns: dict[str, Any] = {n: [row[n] for row in log.rows] for n in log.names}
    return surface(
        {**columns, "y": log.outcomes()},
        outcome="y",
        inputs=log.names,
        candidates=dict(zip(log.names, places.T, strict=True)),
        bounds=[(float(a), float(b)) for a, b in log.box],
        kernel=kernel,
        paths=paths,
        name="evaluations",
    )


def _spread(count: int, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return points that fill the unit cube: a Sobol sequence, shifted at random.

    The shift (Cranley and Patterson 1976, doi:10.1137/0713071) makes it another set
    of points each time.
    """
    import numpy as np
    from scipy.stats import qmc

    power = max(count - 1, 1).bit_length()
    points = qmc.Sobol(size, scramble=False).random_base2(power)[:count]
    return np.asarray((points + rng.random(size)) % 1.0)


def _value(function: Objective, x: NDArray[np.float64]) -> tuple[float, str]:
    """Return the function's value and no error, or NaN and what went wrong."""
    import math

    nan = float("nan")
    # Whatever the user's function raises is a fact about that point.
    try:
        value = function(x.copy())
    except Exception as err:
        return nan, f"{type(err).__name__}: {err}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return nan, f"returned {value!r}, not a number"
    if not math.isfinite(number):
        return nan, f"returned {number}"
    return number, ""


def _require_surface(log: _Log) -> None:
    if log.is_surface():
        return
    failed = [row["error"] for row in log.rows if row["error"]]
    if failed:
        shown = "; ".join(dict.fromkeys(failed[:3]))
        raise DataError(
            f"the function failed at {len(failed)} of {len(log.rows)} points: {shown}; "
            f"legal: at least {_LEAST_POINTS} outcomes that are not all equal.",
            remedy="Call it by hand at a point inside the bounds.",
        )
    raise DataError(
        f"the function returned {log.rows[0]['y']:g} at all {len(log.rows)} points; "
        "legal: outcomes that differ.",
        remedy="Widen the bounds, or look at what the function computes.",
    )


def _box(bounds: Any) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the inputs' names and the box, (D, 2)."""
    import numpy as np

    pairs = list(bounds.values() if isinstance(bounds, Mapping) else bounds)
    names = tuple(
        map(str, bounds)
        if isinstance(bounds, Mapping)
        else (f"x{d + 1}" for d in range(len(pairs)))
    )
    taken = [name for name in names if name in _TAKEN]
    if taken:
        raise SettingsError(
            f"bounds name an input {taken[0]!r}, which is a column of the history; "
            f"legal: any name but {', '.join(_TAKEN)}."
        )
    try:
        box = np.asarray(pairs, dtype=float)
    except (TypeError, ValueError):
        box = np.zeros(0)
    good = box.shape == (len(names), 2) and len(names) > 0 and np.isfinite(box).all()
    if not good or not (box[:, 0] < box[:, 1]).all():
        raise SettingsError(
            f"bounds is {bounds!r}; legal: a pair (low, high) of finite numbers, low "
            "below high, for each input."
        )
    return names, box


def _check(first: Any, n_iter: Any, tol: Any, n_candidates: Any, kernel: Any) -> None:
    wholes = (
        ("n_initial", first, _LEAST_POINTS),
        ("n_iter", n_iter, 0),
        ("n_candidates", n_candidates, 1),
    )
    for name, value, least in wholes:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SettingsError(
                f"{name} is {value!r}, but must be a whole number of {least} or more."
            )
    if not isinstance(tol, int | float) or not 0 <= tol < float("inf"):
        raise SettingsError(f"tol is {tol!r}, but must be a finite number, 0 or more.")
    if kernel not in KERNELS:
        raise SettingsError(f"kernel is {kernel!r}; legal: {', '.join(KERNELS)}.")


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress("evaluations", done, total)
