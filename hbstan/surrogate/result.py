"""What a search for a minimum found, and every evaluation on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.predictive.tables import records

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.data.surfaces import Surface
    from hbstan.fit import Fit
    from hbstan.surrogate.prediction import SurfacePrediction

__all__ = ["Minimum"]


@dataclass(frozen=True)
class Minimum:
    """The least value that a search found, and how.

    Parameters
    ----------
    best_x : mapping of str to float
        The inputs of the evaluation with the least outcome.
    best_y : float
        That outcome.
    history : pandas.DataFrame
        Indexed by evaluation, from 1: ``stage`` (``"initial"``, ``"search"``, or
        ``"spread"`` where no surface could be fitted), the inputs, ``y`` (NaN if the
        evaluation failed), ``best`` (the least outcome so far), ``ei`` (the expected
        improvement that the point was chosen for; NaN if it was not), ``error`` (what
        the function raised or returned; empty if it worked) and ``seconds`` (of the
        evaluation).
    bounds : mapping of str to (float, float)
        The box.
    data : Surface
        All evaluations as the last surface was fitted to: a failed one counts as high
        as the highest outcome.
    fit : Fit
        The last surface, fitted to all evaluations.
    prediction : SurfacePrediction
        What it says of candidates that fill the box: the expected improvement that is
        left, above all.
    seed : int
    backend : str
    stopped : str
        Why the search ended.
    """

    best_x: Mapping[str, float]
    best_y: float
    history: pd.DataFrame
    bounds: Mapping[str, tuple[float, float]]
    data: Surface
    fit: Fit
    prediction: SurfacePrediction
    seed: int
    backend: str
    stopped: str

    @property
    def failures(self) -> pd.DataFrame:
        """The evaluations that failed, with what went wrong."""
        return self.history[self.history["error"] != ""]

    @property
    def recommended(self) -> dict[str, float]:
        """The evaluated point where the surface's posterior mean is least, as a row.

        Under noise a better answer than ``best_x``, whose outcome may be luck.
        """
        points = self.prediction.points
        worked = (self.history["error"] == "").to_numpy()
        row = points[worked].sort_values("f").iloc[0]
        return {name: float(row[name]) for name in (*self.bounds, "f")}

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "best_x": dict(self.best_x),
            "best_y": self.best_y,
            "history": records(self.history),
            "bounds": {name: list(pair) for name, pair in self.bounds.items()},
            "recommended": self.recommended,
            "seed": self.seed,
            "backend": self.backend,
            "stopped": self.stopped,
        }

    def __repr__(self) -> str:
        place = ", ".join(f"{name} = {x:.6g}" for name, x in self.best_x.items())
        failed = len(self.failures)
        some = f", {failed} failed" if failed else ""
        return (
            f"<Minimum {self.best_y:.6g} at {place}; {len(self.history)} evaluations"
            f"{some}; {self.stopped}>"
        )
