"""Grouped data behind a fit: raw estimates with errors, and draws by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.data.systems import kinds
from hbstan.errors import FitError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["CORRECTION", "Grouped", "draws_on", "grouped"]

#: Added to events and to non-events, so that log-odds and their errors are finite
#: (Haldane 1956, doi:10.1111/j.1469-1809.1955.tb01285.x).
CORRECTION = 0.5


@dataclass(frozen=True)
class Grouped:
    """What was observed in each group.

    Parameters
    ----------
    kind : str
        ``"binomial"`` or ``"normal"``.
    labels : tuple of str
        The groups, in the order of the data.
    y : ndarray of shape (J,)
        Events, or estimates.
    size : ndarray of shape (J,)
        Trials ``n``, or standard errors ``sigma``.
    seen : ndarray of bool, shape (J,)
        Whether the group was in the likelihood and had anything to tell: it was not
        held out, and had at least one trial.
    """

    kind: str
    labels: tuple[str, ...]
    y: NDArray[Any]
    size: NDArray[Any]
    seen: NDArray[np.bool_]

    def proportions(self) -> NDArray[Any]:
        """Return events per trial, or the estimates; NaN without trials."""
        import numpy as np

        if self.kind == "normal":
            return np.asarray(self.y, dtype=float)
        with np.errstate(invalid="ignore"):
            return np.asarray(self.y / self.size, dtype=float)

    def log_odds(self) -> NDArray[Any]:
        """Return ``log(y / (n - y))`` uncorrected, or the estimates.

        Infinite where no trial or every trial is an event, NaN without trials.
        """
        import numpy as np
        from scipy.special import logit

        raw = self.proportions()
        return raw if self.kind == "normal" else np.asarray(logit(raw))

    def estimates(self) -> NDArray[Any]:
        """Return finite estimates of ``theta``: what a meta-analysis takes.

        Of binomial data ``log((y + 0.5) / (n - y + 0.5))``, in log-odds; of normal
        data ``y``.
        """
        import numpy as np

        if self.kind == "normal":
            return np.asarray(self.y, dtype=float)
        others = self.size - self.y
        corrected = (self.y + CORRECTION) / (others + CORRECTION)
        return np.asarray(np.log(corrected))

    def errors(self) -> NDArray[Any]:
        """Return the standard errors of :meth:`estimates`.

        Of binomial data ``sqrt(1 / (y + 0.5) + 1 / (n - y + 0.5))``; of normal data
        ``sigma``.
        """
        import numpy as np

        if self.kind == "normal":
            return np.asarray(self.size, dtype=float)
        others = self.size - self.y
        variance = 1.0 / (self.y + CORRECTION) + 1.0 / (others + CORRECTION)
        return np.asarray(np.sqrt(variance))


def grouped(fit: Fit) -> Grouped:
    """Return the grouped data that a fit was made from.

    Raises
    ------
    FitError
        If they are not outcomes with trials or standard errors, one a group.
    """
    import numpy as np

    children = fit.tree.children
    both = {"observed_data", "constant_data"} <= set(children)
    observed = fit.tree["observed_data"].to_dataset() if both else {}
    constant = fit.tree["constant_data"].to_dataset() if both else {}
    size = next((s for s in ("n", "sigma") if s in constant), "")
    y = observed.get("y")
    known = kinds().get(fit.data_kind)
    if known is not None and known.data.outcome not in ("binomial", "normal"):
        # Their n and sigma are something else.
        y = None
    if y is None or not size or y.ndim != 1 or constant[size].shape != y.shape:
        remedy = "Fit with hb.fit to a dataset of groups."
        if known is not None:
            remedy = "Of such data the fit's own draws tell it: fit.summary()."
        raise FitError(
            f"{fit.model} was not fitted to grouped data: outcomes y with trials n or "
            "standard errors sigma, one a group.",
            remedy=remedy,
        )
    dim = y.dims[0]
    names = y[dim].values.tolist() if dim in y.coords else range(1, y.size + 1)
    labels = tuple(str(name) for name in names)
    held = {str(label) for label in fit.provenance.get("holdout", ())}
    seen = np.array([label not in held for label in labels])
    sizes = constant[size].values
    kind = "binomial" if size == "n" else "normal"
    if kind == "binomial":
        seen &= sizes > 0
    return Grouped(kind, labels, y.values, sizes, seen)


def draws_on(fit: Fit, data: Grouped, scale: str | None = None) -> xr.DataArray:
    """Return every group's draws on a scale.

    Parameters
    ----------
    fit : Fit
    data : Grouped
    scale : {"probability", "log-odds"}, optional
        For binomial data; by default the probability. Normal data have only the
        scale of the estimates.

    Returns
    -------
    xarray.DataArray of dims (chain, draw, group)

    Raises
    ------
    SettingsError
        If the scale is no scale of these data.
    FitError
        If the posterior has no such draws.
    """
    from scipy.special import expit, logit

    wanted = _variable(data.kind, scale)
    names = (wanted, "theta" if wanted == "p" else "p")
    for name in names if data.kind == "binomial" else ("theta",):
        values = fit.posterior.get(name)
        if values is None or values.ndim != 3 or values.shape[2] != len(data.labels):
            continue
        values = values.transpose("chain", "draw", ...)
        values = values.rename({values.dims[2]: "group"})
        values = values.assign_coords(group=list(data.labels))
        if name == wanted:
            return values
        moved = expit(values.values) if wanted == "p" else logit(values.values)
        return values.copy(data=moved)
    raise FitError(
        f"the posterior of {fit.model} has no draws by group named "
        f"{' or '.join(names)}.",
        remedy="Let the program keep theta, or p, with one element a group.",
    )


def _variable(kind: str, scale: str | None) -> str:
    legal = {"probability": "p", "log-odds": "theta"} if kind == "binomial" else {}
    if scale is None:
        return "p" if kind == "binomial" else "theta"
    if scale not in legal:
        raise SettingsError(
            f"scale is {scale!r}; legal for {kind} data: "
            f"{', '.join(map(repr, legal)) or 'None, the scale of the estimates'}.",
            remedy="Leave scale out, or name a legal one.",
        )
    return legal[scale]
