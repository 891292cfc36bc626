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

__all__ = ["COLUMNS", "Spread", "compared", "judged", "moved", "spreads"]

#: Columns of a table of moves.
COLUMNS = ("mean", "sd", "move", "move_mcse", "sd_ratio", "sd_ratio_mcse")


class Spread(NamedTuple):
    """Mean and sd of draws, with their Monte Carlo errors."""

    mean: float
    sd: float
    mean_error: float
    sd_error: float


def spreads(draws: Sequence[NDArray[Any]]) -> list[Spread]:
    """Describe draws, each of shape (chain, draw), in one pass."""
    import numpy as np

    if not draws:
        return []
    stacked = np.stack(draws, axis=2)
    mean, sd = stacked.mean((0, 1)), stacked.std((0, 1), ddof=1)
    parts = (mean, sd, *monte_carlo_errors(stacked))
    return [Spread(*map(float, one)) for one in zip(*parts, strict=True)]


def moved(base: Spread, other: Spread) -> dict[str, float]:
    """Return the :data:`COLUMNS` of a quantity of a refit beside the fit's.

    Means and sds are in the quantity's unit. ``move`` is the difference of the means
    in standard deviations of the fit; it and ``sd_ratio`` have no unit. Their Monte
    Carlo errors are by linearisation, the two runs being independent.
    """
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
    base = spreads([quantity.draws for quantity in watched])
    rows = []
    for one in made:
        draws = _draws(one, watched)
        others = dict(zip(draws, spreads([*draws.values()]), strict=True))
        for quantity, of_fit in zip(watched, base, strict=True):
            other = others.get(quantity.label)
            rows.append(
                {
                    key: one.change.label,
                    "quantity": quantity.label,
                    "variable": quantity.variable,
                    "group": quantity.group,
                    **(nothing if other is None else moved(of_fit, other)),
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
