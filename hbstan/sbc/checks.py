"""The checks of a calibration: of its fits, and of its ranks."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hbstan.results import Check, Outcome
from hbstan.sbc import detection, tables
from hbstan.sbc.limits import Limits, converged, problems, worst

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.sbc.detection import Detectable

__all__ = [
    "MOST_NAMES",
    "Case",
    "check_convergence",
    "check_divergences",
    "check_failures",
    "check_uniformity",
]

#: How many quantities a check of the fits, or a sentence, names.
MOST_NAMES = 5
#: Standard errors below which a fault is not named, and from which a second one is.
_FAINT = 2.0
_CLEAR = 3.0


@dataclass(frozen=True, eq=False)
class Case:
    """What all checks look at, computed once; see :meth:`of`.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :class:`hbstan.sbc.result.SBCResult`.
    max_rank : int
        Ranks go from 0 to this.
    limits : Limits
    table : pandas.DataFrame
        See :func:`hbstan.sbc.tables.summary`.
    problems : dict of str to numpy.ndarray
        See :func:`hbstan.sbc.limits.problems`.
    converged : numpy.ndarray
        See :func:`hbstan.sbc.limits.converged`.
    distinct : int
        Number of quantities with ranks of their own.
    """

    dataset: xr.Dataset
    max_rank: int
    limits: Limits
    table: pd.DataFrame
    problems: dict[str, NDArray[np.bool_]]
    converged: NDArray[np.bool_]
    distinct: int

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which simulations have a posterior."""
        return ~self.problems["failed"]

    def detectable(self) -> Detectable | None:
        """Return the smallest miscalibrations found with the power asked for."""
        n, limits = int(self.ok.sum()), self.limits
        if not n:
            return None
        alpha = limits.alpha / self.distinct
        return detection.detectable(n, self.max_rank, alpha, limits.power)

    @classmethod
    def of(cls, dataset: xr.Dataset, max_rank: int, limits: Limits) -> Case:
        """Look at a calibration's dataset.

        Raises
        ------
        SettingsError
            If a rank is not in 0 to ``max_rank``.
        """
        found = problems(dataset, limits)
        ranks = dataset["rank"].values[~found["failed"]]
        distinct = dataset.sizes["quantity"]
        if len(ranks):
            distinct = len(set(tables.distinct_columns(ranks, max_rank).tolist()))
        return cls(
            dataset,
            max_rank,
            limits,
            tables.summary(dataset, max_rank, limits),
            found,
            converged(dataset, limits),
            distinct,
        )


def check_failures(case: Case) -> Check:
    """Check that few simulations are without a posterior."""
    failed = case.problems["failed"]
    detail = f"{failed.sum()} of {len(failed)} simulations"
    if failed.any():
        texts = case.dataset["error"].values[failed]
        first_lines = Counter(str(text).partition("\n")[0] for text in texts)
        most, _ = first_lines.most_common(1)[0]
        if most:
            detail += f"; most often: {most}"
    return _share_check(
        "failures",
        "Failed simulations",
        failed,
        case.limits.failed_share,
        detail=detail,
        advice="Read the errors of the failed simulations, and see where in the prior "
        "they lie: priors that allow absurd data are a frequent cause.",
    )


def check_convergence(case: Case) -> Check:
    """Check that few fits are beyond the limits of R-hat or ESS."""
    import numpy as np

    rhat, ess = case.problems["rhat"][case.ok], case.problems["ess"][case.ok]
    if not len(rhat):
        return _nothing("convergence", "Fits that did not converge")
    limits, fits = case.limits, case.dataset.isel(sim_id=case.ok)
    small = np.fmin(fits["ess_bulk"].values, fits["ess_tail"].values) < limits.ess
    blame = ((fits["rhat"].values >= limits.rhat) | small).sum(axis=0)
    order = [i for i in np.argsort(-blame, kind="stable") if blame[i] > 0]
    detail = (
        f"{(rhat | ess).sum()} of {len(rhat)} fits: {rhat.sum()} with R-hat of "
        f"{limits.rhat:g} or more, {ess.sum()} with ESS below {limits.ess:g}"
    )
    largest, smallest = worst(fits)
    if not (np.isnan(largest).all() or np.isnan(smallest).all()):
        detail += (
            f"; worst R-hat {np.nanmax(largest):.3g}, worst ESS "
            f"{np.nanmin(smallest):.3g}"
        )
    return _share_check(
        "convergence",
        "Fits that did not converge",
        rhat | ess,
        limits.unconverged_share,
        subjects=tuple(str(case.table.index[i]) for i in order[:MOST_NAMES]),
        detail=detail,
        advice="Raise iter_warmup and iter_sampling, or change the parameterisation; "
        "what a fit that has not converged says is not the program's posterior.",
    )


def check_divergences(case: Case) -> Check:
    """Check that few fits have more divergent transitions than the limit."""
    found = case.problems["divergences"][case.ok]
    label = "Fits with divergent transitions"
    if not len(found):
        return _nothing("divergences", label)
    return _share_check(
        "divergences",
        label,
        found,
        case.limits.unconverged_share,
        detail=f"{found.sum()} of {len(found)} fits have more than "
        f"{case.limits.divergences} divergent transitions",
        advice="Raise adapt_delta, or try the program's other parameterisation.",
    )


def _share_check(
    name: str,
    label: str,
    bad: NDArray[np.bool_],
    limit: float,
    *,
    detail: str,
    advice: str,
    subjects: tuple[str, ...] = (),
) -> Check:
    """Return the check that at most a share of all is bad."""
    share = float(bad.mean())
    passed = share <= limit
    return Check(
        name,
        label,
        Outcome.PASS if passed else Outcome.FAIL,
        share,
        limit,
        f"<= {100 * limit:g} %",
        subjects=() if passed else subjects,
        detail=detail,
        advice="" if passed else advice,
    )


def _nothing(name: str, label: str) -> Check:
    return Check(
        name,
        label,
        Outcome.NOT_RUN,
        detail="no simulation has a posterior",
        advice="See the check of the failures.",
    )


def check_uniformity(case: Case, *, converged_only: bool = False) -> Check:
    """Check the ranks of all fits, or of converged ones alone."""
    import numpy as np

    label, alpha = "Ranks are uniform", case.limits.alpha
    which, suffix = (case.converged, "_converged") if converged_only else (case.ok, "")
    ranks = case.dataset["rank"].values[which]
    if not len(ranks):
        return _nothing("uniformity", label)
    labels = [str(name) for name in case.table.index]
    plain = case.table[f"p_value{suffix}"].to_numpy()
    values = case.table[f"p_adjusted{suffix}"].to_numpy()
    # Ties after the adjustment: the more uneven ranks first.
    order = np.lexsort((plain, values))
    bad = [labels[i] for i in order if values[i] < alpha]
    first = int(order[0])
    tested = f"{len(values)} quantities" if len(values) != 1 else "1 quantity"
    if case.distinct < len(values):
        tested += f" ({case.distinct} distinct)"
    detail = f"{len(bad)} of {tested}, {len(ranks)} simulations"
    worst_label = labels[first]
    if bad:
        detail += f"; {worst_label}: {_direction(ranks[:, first], case.max_rank)}"
    else:
        detail += f"; least uniform: {worst_label}"
    return Check(
        "uniformity",
        label,
        Outcome.FAIL if bad else Outcome.PASS,
        float(values[first]),
        alpha,
        f">= {alpha:g}",
        subjects=tuple(bad),
        detail=detail,
        advice="Program, generator and sampler do not agree: compare the densities and "
        "priors of both, and see whether converged fits alone are uniform."
        if bad
        else "",
    )


def _direction(ranks: NDArray[Any], max_rank: int) -> str:
    """Say in words what is wrong with ranks.

    Looks at normal scores, the standard normal quantiles of (rank + 1/2) /
    (max_rank + 1): if posteriors are normal, an error of their mean moves the mean of
    the scores alone, and an error of their standard deviation the scores' variance.
    Both are compared with their expectations under uniformity, in standard errors.
    """
    import numpy as np
    from scipy.special import ndtri

    possible = np.asarray(ndtri((np.arange(max_rank + 1) + 0.5) / (max_rank + 1)))
    scores = possible[ranks]
    second, fourth = float(np.mean(possible**2)), float(np.mean(possible**4))
    root = math.sqrt(len(ranks))
    mean = float(np.mean(scores)) / math.sqrt(second) * root
    noise = math.sqrt(max(fourth - second**2, 0.0))
    # Of two ranks each is as far from the middle as the other.
    spread = (float(np.var(scores)) - second) / noise * root if max_rank > 1 else 0.0
    share = float(np.mean(ranks)) / max_rank
    low = (
        f"ranks too low on average ({share:.3f} of the largest, 0.5 expected): "
        "the posterior is biased upward"
    )
    high = (
        f"ranks too high on average ({share:.3f} of the largest, 0.5 expected): "
        "the posterior is biased downward"
    )
    wide = "too few extreme ranks: the posterior is too wide"
    narrow = "too many extreme ranks: the posterior is too narrow"
    faults = [
        (abs(mean), low if mean < 0 else high),
        (abs(spread), narrow if spread > 0 else wide),
    ]
    faults.sort(key=lambda fault: -fault[0])
    if faults[0][0] < _FAINT:
        return "ranks uneven, though not on average nor in spread: see the ECDF"
    return "; ".join(
        text for i, (z, text) in enumerate(faults) if i == 0 or z >= _CLEAR
    )
