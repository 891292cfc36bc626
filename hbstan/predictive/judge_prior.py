"""What the priors expect of the data, in numbers, and whether that is reasonable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.predictive.pvalues import monte_carlo_error, p_values
from hbstan.results import Check, Checks, Outcome

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.predictive.prior import PriorPredictive
    from hbstan.predictive.replicates import Replicates

__all__ = ["judge", "summarise"]

_COLUMNS = ["value", "lower", "upper", "mcse", "meaning"]
#: Share of data sets beyond each end of the prior predictive range.
_TAIL = 0.005
#: Below this, an observed statistic has no place among simulated ones.
_CONFLICT = 0.01
#: Probabilities below the first or above the second are extreme; a prior that puts
#: more than the share at both ends expects "never" and "always", and little between.
_EXTREMES, _MOST_EXTREME = (0.01, 0.99), 0.10
#: Simulated estimates may spread so many times wider than the observed ones.
_WIDEST = 20.0


def summarise(result: PriorPredictive) -> pd.DataFrame:
    """Return the table that :meth:`PriorPredictive.summary` describes."""
    import numpy as np
    import pandas as pd

    r = result.replicates
    values, own = _outcomes(r)
    if not values.shape[1]:
        return pd.DataFrame(columns=_COLUMNS).rename_axis("quantity")
    name = r.word
    rows: dict[str, dict[str, Any]] = {
        name: _interval(np.quantile(values, [0.05, 0.95]), f"90 % of simulated {name}s")
    }
    low, high = _range(values)
    rows["range"] = _interval((low, high), "99.5 % of data sets reach no further")
    if own is not None:
        span = (float(own.min()), float(own.max()))
        rows["observed_range"] = _interval(span, "smallest and largest observed")
        inside = float(low <= span[0] and span[1] <= high)
        rows["observed_range_inside"] = _number(inside, "1 if it lies inside the range")
    if r.kind == "binomial":
        zero = values == 0
        rows["p_zero_group"] = _probability(
            zero.mean(axis=1), "a group has no event, averaged over groups"
        )
        rows["p_zero_any"] = _probability(
            zero.any(axis=1), "some group of a data set has no event"
        )
    if own is not None and own.size > 1:
        found = p_values(own.var(), values.var(axis=1)[None], independent=True)
        rows["p_variance"] = {
            **_number(
                found["p_upper"], "the variance between groups reaches the observed"
            ),
            "mcse": found["mcse_upper"],
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS).rename_axis(
        "quantity"
    )


def judge(result: PriorPredictive) -> Checks:
    """Judge what the priors expect.

    Parameters
    ----------
    result : PriorPredictive

    Returns
    -------
    Checks
        ``range_covered``: the observed smallest and largest values lie inside the
        prior predictive range, beyond each end of which 0.5 % of data sets reach.
        ``not_too_narrow``: the two-sided probability of the observed total rate (or
        mean), and the probability of a variance between groups at least as large as
        observed, are both at least 0.01. ``not_too_wide``: for binomial data, at
        most 10 % of simulated probabilities are below 0.01 or at most 10 % above 0.99,
        so that the prior does not mainly expect never and always at once; for
        estimates, the central 90 % of simulated ones are at most 20 times as wide as
        the observed range plus two median standard errors; for single outcomes of
        0 and 1 the share of ones in a data set takes the place of probabilities, and
        for other values there are no standard errors. What needs outcomes is not run
        without them.
    """
    r = result.replicates
    values, own = _outcomes(r)
    if not values.shape[1]:
        reason = "no group has trials"
        return Checks(
            _not_run(name, reason, "Give groups with trials.") for name in _LABELS
        )
    wide = _shares_wide(result, values) if r.kind in ("binomial", "binary") else None
    if own is None:
        reason = "there are no outcomes to compare with"
        remedy = "Repeat the check with a dataset once there is one."
        missing = [_not_run(name, reason, remedy) for name in _LABELS]
        return Checks((*missing[:2], wide or missing[2]))
    covered, narrow = _covered(values, own), _narrow(r, values, own)
    return Checks((covered, narrow, wide or _values_wide(r, values, own)))


_LABELS = {
    "range_covered": "The observed range is one that the priors expect",
    "not_too_narrow": "The priors leave room for the observed level and variation",
    "not_too_wide": "The priors are not absurdly wide",
}
_RULES = {
    "range_covered": f"P(reaching as far) >= {_TAIL:g} at both ends",
    "not_too_narrow": f"p >= {_CONFLICT:g}",
}


def _outcomes(r: Replicates) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return simulated rates or estimates, ``(draws, group)``, and the observed."""
    there = r.informative
    values, own = r.flat[:, there], None if r.y is None else r.y[there]
    if r.kind != "binomial":
        return values, own
    n = r.design["n"][there]
    return values / n, None if own is None else own / n


def _range(values: NDArray[Any]) -> tuple[float, float]:
    import numpy as np

    low = np.quantile(values.min(axis=1), _TAIL, method="inverted_cdf")
    high = np.quantile(values.max(axis=1), 1 - _TAIL, method="inverted_cdf")
    return float(low), float(high)


def _covered(values: NDArray[Any], own: NDArray[Any]) -> Check:
    low, high = _range(values)
    reach = (
        float((values.min(axis=1) <= own.min()).mean()),
        float((values.max(axis=1) >= own.max()).mean()),
    )
    passed = bool(low <= own.min() and own.max() <= high)
    detail = (
        f"observed {own.min():.4g} to {own.max():.4g}; prior predictive range "
        f"{low:.4g} to {high:.4g}"
    )
    advice = "Widen the priors, or correct their location or the data."
    return _check("range_covered", passed, min(reach), _TAIL, detail, advice)


def _narrow(r: Replicates, values: NDArray[Any], own: NDArray[Any]) -> Check:
    import numpy as np

    weights = (
        r.design["n"][r.informative] if r.kind == "binomial" else np.ones(own.size)
    )
    level = (values @ weights)[None]
    found = p_values(float(own @ weights), level, independent=True)["p_two_sided"]
    ps = {"level": found}
    if own.size > 1:
        spread = p_values(own.var(), values.var(axis=1)[None], independent=True)
        ps["variation"] = spread["p_upper"]
    worst = min(ps, key=lambda name: ps[name])
    detail = ", ".join(f"{name}: p = {p:.3g}" for name, p in ps.items())
    advice = {
        "level": "Move or widen the prior of the average (mu).",
        "variation": "Widen the prior of the variation between groups (tau or kappa).",
    }[worst]
    return _check(
        "not_too_narrow", ps[worst] >= _CONFLICT, ps[worst], _CONFLICT, detail, advice
    )


def _shares_wide(result: PriorPredictive, values: NDArray[Any]) -> Check:
    # The probabilities themselves: few trials make rates of 0 and 1 in any case. Where
    # outcomes are single, the share of ones in a data set takes their place.
    if result.replicates.kind == "binary":
        values = values.mean(axis=1)
    else:
        values = result.parameters.get("p", values)
    never = float((values < _EXTREMES[0]).mean())
    always = float((values > _EXTREMES[1]).mean())
    both = min(never, always)
    detail = (
        f"{never:.1%} of simulated probabilities below 1 %, {always:.1%} above 99 %"
    )
    advice = (
        "Narrow the priors: on the log-odds scale, a standard deviation above about 3 "
        "expects groups in which everything or nothing happens."
    )
    return _check(
        "not_too_wide",
        both <= _MOST_EXTREME,
        both,
        _MOST_EXTREME,
        detail,
        advice,
        f"share below 0.01 or share above 0.99 <= {_MOST_EXTREME:g}",
    )


def _values_wide(r: Replicates, values: NDArray[Any], own: NDArray[Any]) -> Check:
    import numpy as np

    low, high = np.quantile(values, [0.05, 0.95])
    sigma = r.design.get("sigma")
    error = 0.0 if sigma is None else 2.0 * float(np.median(sigma))
    data = float(np.ptp(own)) + error
    ratio = float(high - low) / data if data else float("inf")
    detail = f"90 % of simulated {r.word}s span {high - low:.4g}; the data {data:.4g}"
    return _check(
        "not_too_wide",
        ratio <= _WIDEST,
        ratio,
        _WIDEST,
        detail,
        f"Narrow the priors: they expect {r.word}s far beyond any like the observed.",
        f"simulated span / span of the data <= {_WIDEST:g}",
    )


def _check(
    name: str,
    passed: bool,
    value: float,
    threshold: float,
    detail: str,
    advice: str,
    rule: str = "",
) -> Check:
    return Check(
        name,
        _LABELS[name],
        Outcome.PASS if passed else Outcome.FAIL,
        value,
        threshold,
        rule or _RULES[name],
        (),
        detail,
        "" if passed else advice,
    )


def _not_run(name: str, reason: str, remedy: str) -> Check:
    return Check(name, _LABELS[name], Outcome.NOT_RUN, detail=reason, advice=remedy)


def _interval(bounds: Any, meaning: str) -> dict[str, Any]:
    lower, upper = (float(b) for b in bounds)
    return {"lower": lower, "upper": upper, "meaning": meaning}


def _number(value: float, meaning: str) -> dict[str, Any]:
    return {"value": value, "meaning": meaning}


def _probability(values: NDArray[Any], meaning: str) -> dict[str, Any]:
    error = monte_carlo_error(values[None], independent=True)
    return {"value": float(values.mean()), "mcse": error, "meaning": meaning}
