"""How far a posterior moved, in standard deviations of the posterior it left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hbstan.diagnostics.thresholds import MOST_SUBJECTS
from hbstan.mixing import monte_carlo_errors
from hbstan.refit import Refit
from hbstan.results import Check, Outcome
from hbstan.sensitivity.quantities import Quantity, draws_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["COLUMNS", "compared", "judged", "moved"]

#: Columns of a table of moves.
COLUMNS = ("mean", "sd", "move", "move_mcse", "sd_ratio", "sd_ratio_mcse")


def moved(base: NDArray[Any], other: NDArray[Any]) -> dict[str, float]:
    """Compare draws of a quantity with those of the fit.

    Parameters
    ----------
    base, other : ndarray of shape (chain, draw)
        Of the fit, whose draws move, and of the refit.

    Returns
    -------
    dict
        ``mean`` and ``sd`` of the refit in the quantity's unit; ``move``, the
        difference of the means in standard deviations of the fit, and ``sd_ratio``,
        both without unit, with their Monte Carlo errors (those of ArviZ, by
        linearisation; the two runs are independent).
    """
    (of_fit,), (of_other,) = _spreads([base]), _spreads([other])
    return _apart(of_fit, of_other)


class _Spread(NamedTuple):
    """Mean and sd of draws, with their Monte Carlo errors."""

    mean: float
    sd: float
    mean_error: float
    sd_error: float


def _spreads(draws: Sequence[NDArray[Any]]) -> list[_Spread]:
    """Describe draws, each of shape (chain, draw), in one pass."""
    import numpy as np

    if not draws:
        return []
    stacked = np.stack(draws, axis=2)
    # What stands still has no error.
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = monte_carlo_errors(stacked)
    parts = (stacked.mean((0, 1)), stacked.std((0, 1), ddof=1), *errors)
    return [_Spread(*map(float, one)) for one in zip(*parts, strict=True)]


def _apart(base: _Spread, other: _Spread) -> dict[str, float]:
    import numpy as np

    move, ratio = (other.mean - base.mean) / base.sd, other.sd / base.sd
    of_means = np.hypot(base.mean_error, other.mean_error)
    return {
        "mean": other.mean,
        "sd": other.sd,
        "move": move,
        "move_mcse": float(np.hypot(of_means, move * base.sd_error) / base.sd),
        "sd_ratio": ratio,
        "sd_ratio_mcse": float(
            np.hypot(other.sd_error, ratio * base.sd_error) / base.sd
        ),
    }


def compared(
    watched: Sequence[Quantity], made: Iterable[Refit], key: str
) -> pd.DataFrame:
    """Compare every quantity of every refit with the fit's.

    Parameters
    ----------
    watched : sequence of Quantity
        Of the fit.
    made : iterable of Refit
    key : str
        Name of the index's first level, which holds the refits' labels.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``key`` and ``quantity``: the :data:`COLUMNS`, ``variable`` and
        ``group``. NaN where a refit cannot be used, or the quantity stands still.
    """
    import numpy as np
    import pandas as pd

    nothing = dict.fromkeys(COLUMNS, np.nan)
    base = _spreads([quantity.draws for quantity in watched])
    rows = []
    for one in made:
        draws = _draws(one, watched)
        others = dict(zip(draws, _spreads([*draws.values()]), strict=True))
        for quantity, of_fit in zip(watched, base, strict=True):
            other = others.get(quantity.label)
            rows.append(
                {
                    key: one.change.label,
                    "quantity": quantity.label,
                    "variable": quantity.variable,
                    "group": quantity.group,
                    **(nothing if other is None else _apart(of_fit, other)),
                }
            )
    columns = [key, "quantity", "variable", "group", *COLUMNS]
    return pd.DataFrame(rows, columns=columns).set_index([key, "quantity"])


def judged(
    check: Check,
    table: pd.DataFrame,
    refits: pd.DataFrame,
    fault: str,
    advice: str,
    prefix: str = "",
) -> Check:
    """Complete a check that no quantity moves as far as its threshold.

    Without a fit to be trusted nothing is judged. Otherwise a move that far fails the
    check, whatever else happened. Where there is none, it is not run if anything could
    not be measured: a refit failed, or two Monte Carlo errors of a move are as large
    as the threshold.

    Parameters
    ----------
    check : Check
        With name, label, rule and threshold.
    table : pandas.DataFrame
        As :func:`compared` returns it.
    refits : pandas.DataFrame
        Diagnostics by label, with ``fault``.
    fault : str
        Of the fit itself; empty if there is none.
    advice : str
        What to do about moves.
    prefix : str
        Put before a refit's label.
    """
    again = "Fit again with more draws or a higher adapt_delta."
    limit = check.threshold
    assert limit is not None
    known, errors = table["move"].dropna(), table["move_mcse"].astype(float).to_dict()
    lacking = [f"the fit itself cannot be used: {fault}"] if fault else []
    lacking += _unusable(refits["fault"], prefix)
    if known.empty:
        detail = "; ".join(lacking) or "nothing was compared"
        return replace(check, outcome=Outcome.NOT_RUN, detail=detail, advice=again)
    order = known.abs().sort_values(ascending=False, kind="stable").index
    vague = {place for place in order if 2.0 * errors[place] >= limit}
    if vague:
        lacking.append(f"too few draws to tell: {len(vague)} of {len(table)} moves")
    far = [
        place for place in order if abs(known[place]) >= limit and place not in vague
    ]
    short = bool(lacking) or len(known) < len(table)
    failed, worst = (
        bool(far) and not fault,
        next((p for p in order if p not in vague), order[0]),
    )
    outcome = Outcome.NOT_RUN if short else Outcome.PASS
    said = (
        f"{worst[1]}, {prefix}{worst[0]}: {known[worst]:+.2f} sd (Monte Carlo error "
        f"{errors[worst]:.2f})"
    )
    return replace(
        check,
        outcome=Outcome.FAIL if failed else outcome,
        value=abs(float(known[worst])),
        subjects=tuple(dict.fromkeys(str(place[1]) for place in far))[:MOST_SUBJECTS],
        detail="; ".join([said, *lacking]),
        advice=advice if failed else (again if short else ""),
    )


def _unusable(faults: pd.Series[Any], prefix: str) -> list[str]:
    """Count and name the refits that cannot be used."""
    bad = [f"{prefix}{label} ({fault})" for label, fault in faults.items() if fault]
    if not bad:
        return []
    more = ["..."] if len(bad) > MOST_SUBJECTS else []
    named = "; ".join([*bad[:MOST_SUBJECTS], *more])
    return [f"{len(bad)} of {len(faults)} refits cannot be used: {named}"]


def _draws(one: Refit, watched: Sequence[Quantity]) -> dict[str, NDArray[Any]]:
    return {} if one.fit is None or one.fault else draws_of(one.fit, watched)
