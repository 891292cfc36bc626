"""Priors raised to a power: which families stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hbstan import priors as pr
from hbstan.errors import PriorError
from hbstan.priors import Prior

__all__ = ["power_of"]


def power_of(prior: Prior, alpha: float) -> Prior:
    """Return the prior whose density is proportional to ``p(x)^alpha``.

    ===================  ======================================================
    family               its power
    ===================  ======================================================
    Normal, HalfNormal   the same, ``scale / sqrt(alpha)``
    Exponential          the same, ``alpha * rate``
    Beta(a, b)           ``Beta(alpha (a - 1) + 1, alpha (b - 1) + 1)``
    Gamma(shape, rate)   ``Gamma(alpha (shape - 1) + 1, alpha * rate)``
    Pareto(m, shape)     ``Pareto(m, alpha (shape + 1) - 1)``
    (Half)StudentT       ``df' = alpha (df + 1) - 1``, ``scale' = scale *
                         sqrt(df / df')``; a HalfCauchy is one of df 1
    LKJ(eta)             ``LKJ(alpha (eta - 1) + 1)``
    ===================  ======================================================

    Parameters
    ----------
    prior : Prior
    alpha : float
        Greater than zero.

    Returns
    -------
    Prior
        On the same support.

    Raises
    ------
    PriorError
        If the power is no proper density, or the family is not known to be closed
        under powers.
    """
    rule = _RULES.get(type(prior))
    if rule is None:
        raise PriorError(
            f"the power of {prior} is of no family that hbstan has; families with "
            f"powers: {', '.join(family.__name__ for family in _RULES)}."
        )
    try:
        return rule(alpha, *prior.args)
    except PriorError as err:
        raise PriorError(
            f"{prior} to the power {alpha:.4g} has no finite integral.",
            remedy="Take a power nearer to 1.",
        ) from err


def _student(alpha: float, df: float, scale: float) -> tuple[float, float]:
    power = alpha * (df + 1.0) - 1.0
    # Not positive is for the family to refuse; only the root must not fail first.
    return power, scale * (df / power) ** 0.5 if power > 0 else scale


def _student_t(alpha: float, df: float, loc: float, scale: float) -> Prior:
    power, wider = _student(alpha, df, scale)
    return pr.StudentT(power, loc, wider)


def _half_student_t(alpha: float, df: float, scale: float) -> Prior:
    return pr.HalfStudentT(*_student(alpha, df, scale))


_RULES: Mapping[type[Prior], Callable[..., Prior]] = {
    pr.Normal: lambda a, loc, scale: pr.Normal(loc, scale / a**0.5),
    pr.HalfNormal: lambda a, scale: pr.HalfNormal(scale / a**0.5),
    pr.Exponential: lambda a, rate: pr.Exponential(a * rate),
    pr.Beta: lambda a, p, q: pr.Beta(a * (p - 1.0) + 1.0, a * (q - 1.0) + 1.0),
    pr.Gamma: lambda a, shape, rate: pr.Gamma(a * (shape - 1.0) + 1.0, a * rate),
    pr.Pareto: lambda a, low, shape: pr.Pareto(low, a * (shape + 1.0) - 1.0),
    pr.StudentT: _student_t,
    pr.HalfStudentT: _half_student_t,
    pr.LKJ: lambda a, eta: pr.LKJ(a * (eta - 1.0) + 1.0),
    pr.HalfCauchy: lambda a, scale: _half_student_t(a, 1.0, scale),
}
