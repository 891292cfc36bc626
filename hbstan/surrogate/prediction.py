"""What a fit tells of a surface: means, intervals, expected improvement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.predictive.arguments import probability
from hbstan.predictive.tables import records

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["SurfacePrediction", "predict_surface"]

#: Halvings of an interval in search of a quantile: to 1e-12 of its width.
_HALVINGS = 40


@dataclass(frozen=True)
class SurfacePrediction:
    """A surface at the points of the data and at candidates, averaged over draws.

    Parameters
    ----------
    model, data_name : str
    inputs : tuple of str
        The inputs' names.
    points : pandas.DataFrame
        One row a point: the inputs, the outcome ``y``, whether it was held out
        (``holdout``), and the posterior mean of the surface there, ``f``.
    candidates : pandas.DataFrame
        One row a candidate: the inputs, the surface's posterior ``mean`` and ``sd``,
        its equal-tailed interval ``lower`` to ``upper``, the expected improvement
        ``ei`` and its Monte Carlo error ``ei_mcse``, all in the unit of the outcome,
        and ``p_lowest``, the probability that the surface is lower here than at any
        other candidate (NaN without joint draws, see ``paths`` of
        :func:`hbstan.data.surface`).
    ci_prob : float
        Probability of the intervals.
    """

    model: str
    data_name: str
    inputs: tuple[str, ...]
    points: pd.DataFrame
    candidates: pd.DataFrame
    ci_prob: float

    @property
    def best(self) -> dict[str, float]:
        """The candidate with the largest expected improvement, as a row."""
        row = self.candidates.sort_values("ei").iloc[-1]
        return {str(name): float(value) for name, value in row.items()}

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "inputs": list(self.inputs),
            "points": records(self.points),
            "candidates": records(self.candidates),
            "ci_prob": self.ci_prob,
        }

    def __repr__(self) -> str:
        best = self.best
        place = ", ".join(f"{name} = {best[name]:.4g}" for name in self.inputs)
        return (
            f"<SurfacePrediction of {self.model} on {self.data_name}: "
            f"{len(self.candidates)} candidates; expected improvement at most "
            f"{best['ei']:.3g}, at {place}>"
        )


def predict_surface(fit: Fit, ci_prob: float = 0.94) -> SurfacePrediction:
    r"""Average over draws what a Gaussian process says of its candidates.

    Given a draw the surface at a candidate is normal, with mean ``mean_new`` and
    standard deviation ``sd_new``: a posteriori it is a mixture of normals, whose
    moments and quantiles are computed, not simulated. The expected improvement is

    .. math:: EI(x) = \frac{1}{S} \sum_s E[\max(f^*_s - f(x), 0) \mid \theta_s, y]

    with :math:`f^*_s` the least mean, given draw s, of the surface at a point of the
    data. Averaging over draws makes it wider than with estimated parameters.

    Source: Jones, Schonlau and Welch (1998), doi:10.1023/A:1008306431147; on
    averaging Snoek, Larochelle and Adams (2012), arXiv:1206.2944.

    Parameters
    ----------
    fit : Fit
        Of ``gp_regression``, with candidates and ``predictive=True``.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    SurfacePrediction

    Raises
    ------
    FitError
        If the fit has no candidates.
    SettingsError
        If ``ci_prob`` is no probability.
    """
    import numpy as np
    import pandas as pd

    probability("ci_prob", ci_prob)
    posterior = fit.posterior
    if "ei" not in posterior:
        raise FitError(
            f"the fit of {fit.model} predicts no surface at candidates.",
            remedy="Fit gp_regression, predictive=True, to hb.data.surface(..., "
            "candidates=...).",
        )
    constant = fit.tree["constant_data"].to_dataset()
    inputs = tuple(map(str, posterior["lengthscale"]["input"].values))
    points = pd.DataFrame(constant["x"].values, columns=list(inputs))
    points["y"] = fit.tree["observed_data"].to_dataset()["y"].values
    points["holdout"] = constant["holdout"].values.astype(bool)
    points["f"] = posterior["f"].mean(("chain", "draw")).values
    index = pd.Index(posterior["ei"]["candidate"].values, name="candidate")
    candidates = pd.DataFrame(constant["new_x"].values, index, list(inputs))
    table = pd.DataFrame(_columns(fit, ci_prob), index)
    merged = pd.concat([candidates, table], axis=1)
    name = str(fit.tree.attrs["data_name"])
    if not np.isfinite(table["mean"]).all():
        raise FitError(f"{fit.model}: the surface is not finite at every candidate.")
    return SurfacePrediction(fit.model, name, inputs, points, merged, ci_prob)


def _columns(fit: Fit, ci_prob: float) -> dict[str, NDArray[np.float64]]:
    import numpy as np
    from arviz_stats.base import array_stats

    posterior = fit.posterior
    means, sds, ei = (
        posterior[name].transpose("chain", "draw", "candidate").values
        for name in ("mean_new", "sd_new", "ei")
    )
    size = means.shape[-1]
    flat_means, flat_sds = means.reshape(-1, size), sds.reshape(-1, size)
    tail = 0.5 * (1.0 - ci_prob)
    lowest = np.full(size, np.nan)
    if "f_new" in posterior:
        f_new = posterior["f_new"].transpose("chain", "draw", "candidate").values
        where = f_new.reshape(-1, size).argmin(axis=1)
        lowest = np.bincount(where, minlength=size) / len(where)
    return {
        "mean": flat_means.mean(axis=0),
        "sd": np.sqrt((flat_sds**2).mean(axis=0) + flat_means.var(axis=0)),
        "lower": _quantile(flat_means, flat_sds, tail),
        "upper": _quantile(flat_means, flat_sds, 1.0 - tail),
        "ei": ei.mean(axis=(0, 1)),
        "ei_mcse": np.asarray(array_stats.mcse(ei, chain_axis=0, draw_axis=1)),
        "p_lowest": lowest,
    }


def _quantile(
    means: NDArray[np.float64], sds: NDArray[np.float64], prob: float
) -> NDArray[np.float64]:
    """Return a quantile of equal mixtures of normals, (draws, M) -> (M,), bisecting."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    # The mixture's quantile lies between the components' own.
    own = means + sds * ndtri(prob)
    low, high = own.min(axis=0), own.max(axis=0)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = ndtr((middle - means) / sds).mean(axis=0) < prob
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))
