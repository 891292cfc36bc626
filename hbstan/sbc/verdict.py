"""Is a program calibrated? Checks with a verdict, and the record of all of it.

Nothing passes by default: simulations that are too few to find a miscalibration of the
size that matters leave the power check, and so the whole, not run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.results import Check, Checks, Outcome, json_number
from hbstan.sbc import tables, uniformity
from hbstan.sbc.limits import Limits, converged, problems, worst
from hbstan.sbc.power import power_check
from hbstan.sbc.regions import scalar_parameters

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.sbc.uniformity import Detectable

__all__ = ["Limits", "converged", "judge", "problems", "record"]

#: The quantity by whose regions a record reports, if there is one, and where they end.
_REGIMES_BY = "tau"
_REGIMES_CUTS = (0.3, 0.5)
#: How many quantities a sentence names.
_MOST_NAMES = 5
#: From this z-score on a second fault of the ranks is mentioned.
_CLEAR = 3.0
_FAINT = 2.0


@dataclass(frozen=True)
class _Case:
    """What all checks look at, computed once."""

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
        return uniformity.detectable(n, self.max_rank, alpha, limits.power)


def _case(dataset: xr.Dataset, max_rank: int, limits: Limits) -> _Case:
    found = problems(dataset, limits)
    ranks = dataset["rank"].values[~found["failed"]]
    distinct = dataset.sizes["quantity"]
    if len(ranks):
        distinct = len(set(tables.distinct_columns(ranks, max_rank).tolist()))
    return _Case(
        dataset,
        max_rank,
        limits,
        tables.summary(dataset, max_rank, limits),
        found,
        converged(dataset, limits),
        distinct,
    )


def judge(dataset: xr.Dataset, max_rank: int, limits: Limits) -> Checks:
    """Decide whether a program is calibrated.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :class:`hbstan.sbc.result.SBCResult`.
    max_rank : int
        Ranks go from 0 to this.
    limits : Limits

    Returns
    -------
    Checks
        ``failures`` (share of simulations without a posterior), ``convergence``
        (share of fits beyond the limits of R-hat or ESS), ``divergences`` (share of
        fits with more than the limit), ``uniformity`` (of all quantities' ranks over
        all fits, whether they converged or not: p-values adjusted after Holm 1979)
        and ``power`` (whether a miscalibration of the size that matters would have
        been found; if not, it is not run). Only if all pass is the program
        calibrated.

    Raises
    ------
    SettingsError
        If a rank is not in 0 to ``max_rank``.
    """
    case = _case(dataset, max_rank, limits)
    return _checks(case, case.detectable())


def _checks(case: _Case, detectable: Detectable | None) -> Checks:
    power = power_check(
        detectable, int(case.ok.sum()), case.max_rank, case.distinct, case.limits
    )
    return Checks(
        (
            _check_failures(case),
            _check_convergence(case),
            _check_divergences(case),
            _check_uniformity(
                case.table["p_adjusted"],
                case.dataset["rank"].values[case.ok],
                case,
            ),
            power,
        )
    )


def _check_failures(case: _Case) -> Check:
    failed = case.problems["failed"]
    detail = f"{failed.sum()} of {len(failed)} simulations"
    if failed.any():
        texts = [
            str(t).partition("\n")[0] for t in case.dataset["error"].values[failed]
        ]
        most = max(dict.fromkeys(texts), key=texts.count)
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


def _check_convergence(case: _Case) -> Check:
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
        subjects=tuple(str(case.table.index[i]) for i in order[:_MOST_NAMES]),
        detail=detail,
        advice="Raise iter_warmup and iter_sampling, or change the parameterisation; "
        "what a fit that has not converged says is not the program's posterior.",
    )


def _check_divergences(case: _Case) -> Check:
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


def _check_uniformity(
    adjusted: pd.Series[Any], ranks: NDArray[Any], case: _Case
) -> Check:
    """Check adjusted p-values of the quantities, given the ranks they are of."""
    import numpy as np

    label, alpha = "Ranks are uniform", case.limits.alpha
    if not len(ranks):
        return _nothing("uniformity", label)
    values = adjusted.to_numpy()
    # Ties after the adjustment: the more uneven ranks first.
    plain = case.table["p_value"].to_numpy()
    order = np.lexsort((plain, values))
    bad = [str(adjusted.index[i]) for i in order if values[i] < alpha]
    first = int(order[0])
    tested = f"{len(values)} quantities" if len(values) != 1 else "1 quantity"
    if case.distinct < len(values):
        tested += f" ({case.distinct} distinct)"
    detail = f"{len(bad)} of {tested}, {len(ranks)} simulations"
    worst_label = str(adjusted.index[first])
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

    Compares the mean and the spread of (rank + 1/2) / (max_rank + 1) - 1/2 with their
    expectations under uniformity, in standard errors.
    """
    import numpy as np

    cells = max_rank + 1
    centred = (ranks + 0.5) / cells - 0.5
    second = (cells**2 - 1) / (12 * cells**2)
    fourth = (cells**2 - 1) * (3 * cells**2 - 7) / (240 * cells**4)
    root = math.sqrt(len(ranks))
    mean = float(np.mean(centred)) / math.sqrt(second) * root
    spread = float(np.mean(centred**2)) - second
    noise = math.sqrt(max(fourth - second**2, 0.0))
    # Two cells have no spread: each is as far from the middle as the other.
    spread = spread / noise * root if noise > 0 and max_rank > 1 else 0.0
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
        return (
            "ranks are uneven, but neither their mean nor their spread is: see the ECDF"
        )
    return "; ".join(
        text for i, (z, text) in enumerate(faults) if i == 0 or z >= _CLEAR
    )


def record(dataset: xr.Dataset, max_rank: int, limits: Limits) -> dict[str, Any]:
    """Return checks and tables as JSON-ready data.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :class:`hbstan.sbc.result.SBCResult`.
    max_rank : int
        Ranks go from 0 to this.
    limits : Limits

    Returns
    -------
    dict
        ``outcome``; ``verdict``, one sentence; ``checks`` and ``limits``;
        ``problems``, counts by kind; ``quantities``, ``coverage`` and ``failures``,
        the rows of the tables; ``detectable``, the smallest miscalibrations that
        would have been found (None without simulations); ``excluding_problems``, the
        check of uniformity over converged fits alone; and ``regimes``, recovery by
        regions of ``tau`` (None if there is no such parameter). NaN and infinities
        are strings. It holds no times: the same results give the same bytes.

    Raises
    ------
    SettingsError
        If a rank is not in 0 to ``max_rank``.
    """
    case = _case(dataset, max_rank, limits)
    detectable = case.detectable()
    checks = _checks(case, detectable)
    regimes = None
    if _REGIMES_BY in scalar_parameters(dataset):
        frame = tables.regimes(dataset, _REGIMES_BY, _REGIMES_CUTS, limits)
        regimes = {"by": _REGIMES_BY, "cuts": list(_REGIMES_CUTS), "rows": _rows(frame)}
    return {
        "outcome": checks.outcome.value,
        "verdict": _sentence(checks),
        "checks": [check.record() for check in checks],
        "limits": limits.record(),
        "problems": {kind: int(found.sum()) for kind, found in case.problems.items()},
        "quantities": _rows(case.table),
        "coverage": _rows(tables.coverage(dataset, max_rank)),
        "detectable": _detectable_record(detectable, case),
        "excluding_problems": _excluding(case),
        "failures": _rows(tables.failures(dataset, limits)),
        "regimes": regimes,
    }


def _sentence(checks: Checks) -> str:
    """Return the outcome with its reasons."""
    if checks.passed:
        return Outcome.PASS.value
    outcome = checks.outcome
    reasons = []
    for check in checks:
        if check.outcome is not outcome:
            continue
        if check.name == "uniformity" and check.subjects:
            left = len(check.subjects) - _MOST_NAMES
            reasons += check.subjects[:_MOST_NAMES]
            reasons += [f"and {left} more"] if left > 0 else []
        elif check.name == "power":
            reasons.append("underpowered")
        else:
            reasons.append(check.name)
    return f"{outcome.value}: {', '.join(reasons)}"


def _detectable_record(
    detectable: Detectable | None, case: _Case
) -> dict[str, Any] | None:
    if detectable is None:
        return None
    return {
        "shift": json_number(float(detectable.shift)),
        "narrow": json_number(float(detectable.narrow)),
        "wide": json_number(float(detectable.wide)),
        "power": case.limits.power,
        "alpha": case.limits.alpha,
        "distinct_quantities": case.distinct,
    }


def _excluding(case: _Case) -> dict[str, Any]:
    """Return the check of uniformity without the fits that have problems."""
    good = case.converged
    check = _check_uniformity(
        case.table["p_adjusted_converged"], case.dataset["rank"].values[good], case
    )
    complete = bool((good == case.ok).all())
    detail = check.detail
    if not good.any():
        detail = "no fit converged"
    elif complete:
        detail = f"all fits converged; {detail}"
    columns = ("p_value_converged", "p_adjusted_converged")
    return {
        "n": int(good.sum()),
        "complete": complete,
        "outcome": check.outcome.value,
        "value": json_number(check.value),
        "subjects": list(check.subjects),
        "detail": detail,
        "p_values": {
            str(label): [json_number(float(case.table.loc[label, c])) for c in columns]
            for label in case.table.index
        },
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows with their index as JSON-ready data."""
    flat = frame.reset_index()
    columns = {str(name): _plain(flat[name].tolist()) for name in flat.columns}
    return [
        dict(zip(columns, values, strict=True))
        for values in zip(*columns.values(), strict=True)
    ]


def _plain(values: Iterable[Any]) -> list[Any]:
    number: Callable[[float], Any] = json_number
    return [number(value) if isinstance(value, float) else value for value in values]
