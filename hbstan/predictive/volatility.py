"""The path of volatility behind returns, with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError, FitError
from hbstan.predictive.summaries import summarise
from hbstan.predictive.tables import records

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.fit import Fit

__all__ = ["VolatilityPath", "volatility_path"]


@dataclass(frozen=True)
class VolatilityPath:
    """What a fit says of the volatility at each time.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by time: the return ``y``, whether the likelihood saw it, ``seen``; the
        log variance's posterior ``h_mean``, ``h_sd``, ``h_lower``, ``h_upper``; and
        that of the return's standard deviation ``exp(h / 2)``, in the unit of y:
        ``sd`` (the median), ``sd_lower``, ``sd_upper``. Where it is known,
        ``h_true`` and ``sd_true``.
    center : float
        The mean return, in the unit of y.
    model, data_name : str
    ci_prob : float
        Probability of the bands, at each time for itself.
    """

    table: pd.DataFrame
    center: float
    model: str
    data_name: str
    ci_prob: float

    @property
    def coverage(self) -> float | None:
        """The share of times at which the band covers the true path, if known."""
        if "h_true" not in self.table:
            return None
        inside = self.table["h_true"].between(
            self.table["h_lower"], self.table["h_upper"]
        )
        return float(inside.mean())

    def record(self) -> dict[str, Any]:
        """Return the path as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "ci_prob": self.ci_prob,
            "center": self.center,
            "path": records(self.table),
        }

    def __repr__(self) -> str:
        last = self.table["sd"].iloc[-1]
        return (
            f"<VolatilityPath of {self.model} on {self.data_name}: {len(self.table)} "
            f"times, last sd {last:.3g}>"
        )


def volatility_path(
    fit: Fit, ci_prob: float = 0.9, *, truth: Sequence[float] | None = None
) -> VolatilityPath:
    """Summarise the path of volatility.

    The model is that of Kim, Shephard and Chib (1998, doi:10.1111/1467-937X.00050):
    ``y_t ~ normal(center, exp(h_t / 2))``.

    Parameters
    ----------
    fit : Fit
        Of a catalogue model of returns.
    ci_prob : float
        Probability of the equal-tailed bands.
    truth : sequence of float, optional
        The true log variances, one a time; by default those of the bundled dataset, if
        the fit is of one.

    Returns
    -------
    VolatilityPath

    Raises
    ------
    FitError
        If the fit has no path ``h``, one value a return, or ``ci_prob`` is no
        probability.
    DataError
        If the truth has another length.
    """
    import numpy as np
    import pandas as pd

    if not isinstance(ci_prob, int | float) or not 0 < ci_prob < 1:
        raise FitError(f"ci_prob is {ci_prob!r}, but must lie between 0 and 1.")
    observed = "observed_data" in fit.tree.children
    y = fit.tree["observed_data"].to_dataset().get("y") if observed else None
    h = fit.posterior.get("h")
    if y is None or h is None or h.shape[2:] != y.shape or h.ndim != 3:
        raise FitError(
            f"{fit.model} has no path of log variances h, one a return.",
            remedy="Fit sv_noncentered or sv_centered.",
        )
    path = summarise(h.values, ci_prob)
    labels = [str(label) for label in y[y.dims[0]].values]
    held = set(fit.provenance.get("holdout", ()))
    table = pd.DataFrame(
        {
            "y": y.values,
            "seen": [label not in held for label in labels],
            **{f"h_{name}": values for name, values in path.items()},
            "sd": np.exp(0.5 * np.median(h.values, axis=(0, 1))),
            "sd_lower": np.exp(0.5 * path["lower"]),
            "sd_upper": np.exp(0.5 * path["upper"]),
        },
        index=pd.Index(labels, name="time"),
    )
    known = _bundled_path(fit) if truth is None else list(truth)
    if known is not None:
        if len(known) != len(table):
            raise DataError(
                f"the true path has {len(known)} values; legal: {len(table)}, one a "
                "return."
            )
        table["h_true"] = np.asarray(known, dtype=float)
        table["sd_true"] = np.exp(0.5 * table["h_true"])
    constant = fit.tree["constant_data"].to_dataset()
    center = float(constant["center"]) if "center" in constant else 0.0
    name = str(fit.tree.attrs["data_name"])
    return VolatilityPath(table, center, fit.model, name, float(ci_prob))


def _bundled_path(fit: Fit) -> list[float] | None:
    """Return the path that a bundled dataset was simulated from."""
    from hbstan import datasets

    name = str(fit.tree.attrs["data_name"])
    if name not in datasets.names():
        return None
    if datasets.load(name).hash != fit.tree.attrs.get("data_hash"):
        return None
    path: Any = datasets.describe(name).truth.get("h")
    return None if path is None else list(path)
