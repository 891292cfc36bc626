"""Is a program calibrated? Checks with a verdict, and the record of all of it.

Nothing passes by default: simulations that are too few to find a miscalibration of the
size that matters leave the power check, and so the whole, not run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hbstan.results import Checks, Outcome, json_number
from hbstan.sbc import tables
from hbstan.sbc.checks import (
    MOST_NAMES,
    Case,
    check_convergence,
    check_divergences,
    check_failures,
    check_uniformity,
)
from hbstan.sbc.limits import Limits, converged, problems
from hbstan.sbc.power import power_check
from hbstan.sbc.regions import scalar_parameters

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hbstan.sbc.detection import Detectable

__all__ = ["Limits", "converged", "judge", "problems", "record"]

#: The quantity by whose regions a record reports, if there is one, and where they end.
_REGIMES_BY = "tau"
_REGIMES_CUTS = (0.3, 0.5)


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
    case = Case.of(dataset, max_rank, limits)
    return _checks(case, case.detectable())


def _checks(case: Case, detectable: Detectable | None) -> Checks:
    n = int(case.ok.sum())
    return Checks(
        (
            check_failures(case),
            check_convergence(case),
            check_divergences(case),
            check_uniformity(case),
            power_check(detectable, n, case.max_rank, case.distinct, case.limits),
        )
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
    case = Case.of(dataset, max_rank, limits)
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
    reasons: list[str] = []
    for check in checks:
        if check.outcome is not outcome:
            continue
        if check.name == "uniformity" and check.subjects:
            left = len(check.subjects) - MOST_NAMES
            reasons += check.subjects[:MOST_NAMES]
            reasons += [f"and {left} more"] if left > 0 else []
        elif check.name == "power":
            reasons.append("underpowered")
        else:
            reasons.append(check.name)
    return f"{outcome.value}: {', '.join(reasons)}"


def _detectable_record(
    detectable: Detectable | None, case: Case
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


def _excluding(case: Case) -> dict[str, Any]:
    """Return the check of uniformity without the fits that have problems."""
    good = case.converged
    check = check_uniformity(case, converged_only=True)
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
    return [
        json_number(value) if isinstance(value, float) else value for value in values
    ]
