"""Residuals of each group: how far its outcome is from what is predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.predictive.arguments import seed_or_fresh
from hbstan.predictive.replicates import of_fit

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.fit import Fit

__all__ = ["residuals"]


def residuals(
    fit: Fit, *, replicate: str = "same_groups", seed: int | None = None
) -> pd.DataFrame:
    """Return raw, standardised and randomized-quantile residuals of each group.

    With the predictive mean ``E_j`` and standard deviation ``s_j``, the raw residual
    is ``y_j - E_j`` and the standardised one ``(y_j - E_j) / s_j``. The
    randomized-quantile residual (Dunn and Smyth 1996,
    doi:10.1080/10618600.1996.10474708) is ``Phi^-1(u_j)`` with ``u_j`` uniform
    between ``P(y_rep_j < y_j)`` and ``P(y_rep_j <= y_j)``; the randomness takes away
    the steps of counts. With probabilities from S replicates, u is ``(S u + 0.5) /
    (S + 1)``, so that no residual is infinite. Replicates of the same groups have
    seen their outcomes, so their residuals vary less than standard normal ones.

    Parameters
    ----------
    fit : Fit
        Of grouped data, with ``y_rep``.
    replicate : {"same_groups", "new_groups"}
        See :func:`hbstan.predictive.posterior_predictive`.
    seed : int, optional
        Of the randomness; by default a fresh one. The table's ``attrs`` name it.

    Returns
    -------
    pandas.DataFrame
        Indexed by group, or by outcome with ``unit``, its group, where groups have
        several: ``observed``, ``expected``, ``sd``, ``raw`` (events, or the
        unit of the estimates), ``standardised`` and ``quantile`` (standard
        deviations), ``held_out``. A group without trials has NaN in the last two
        kinds: its outcome is certain.

    Raises
    ------
    FitError, SettingsError
        As :func:`hbstan.predictive.posterior_predictive`.
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import norm

    seed = seed_or_fresh(seed)
    r = of_fit(fit, replicate, seed)
    assert r.y is not None
    size, there = len(r.flat), r.informative
    expected, sd = r.flat.mean(axis=0), r.flat.std(axis=0, ddof=1)
    below, tied = (r.flat < r.y).mean(axis=0), (r.flat == r.y).mean(axis=0)
    # Another stream than that of redrawn groups, which have the same seed.
    draws = np.random.default_rng([seed, 1]).uniform(size=r.y.size)
    u = (size * (below + draws * tied) + 0.5) / (size + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        standardised = np.where(there & (sd > 0), (r.y - expected) / sd, np.nan)
    table = pd.DataFrame(
        {
            **({"unit": r.units} if r.units else {}),
            "observed": r.y,
            "expected": expected,
            "sd": sd,
            "raw": r.y - expected,
            "standardised": standardised,
            "quantile": np.where(there, norm.ppf(u), np.nan),
            "held_out": ~r.seen,
        },
        index=pd.Index(r.labels, name="group"),
    )
    table.attrs = {"seed": seed, "replicate": replicate, "kind": r.kind}
    return table
