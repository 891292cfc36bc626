"""What the posterior owes to each prior, and what to the likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hbstan.errors import PriorError, SettingsError
from hbstan.refit import Change, Refit, refit
from hbstan.sensitivity.quantities import Quantity, fault_of, of_predictions, quantities
from hbstan.sensitivity.scaled import by_refits, chance, changes_for
from hbstan.sensitivity.scaling_result import K_LIMIT, PowerScaling, diagnosed
from hbstan.sensitivity.weights import Component, by_weights, components

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd

    from hbstan.fit import Fit
    from hbstan.types import Backend, Progress

__all__ = ["power_scaling"]


def power_scaling(
    fit: Fit,
    *,
    threshold: float = 0.05,
    alphas: tuple[float, float] = (0.99, 1.01),
    refit_when_unreliable: bool = True,
    refit_alphas: tuple[float, float] = (2 / 3, 3 / 2),
    var_names: Iterable[str] | None = None,
    backend: str | Backend | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> PowerScaling:
    """Raise priors and likelihood to a power and see whether the posterior follows.

    The sensitivity of a quantity to a component is how fast its posterior moves away,
    ``d D_CJS / d |log2(alpha)|`` at ``alpha = 1``, with ``D_CJS`` the cumulative
    Jensen-Shannon distance (Kallioinen et al. 2024, doi:10.1007/s11222-023-10366-5).
    It has no unit; 0.05 is what a normal posterior shows whose mean moves by a quarter
    of its standard deviation when the power doubles. Only the priors of top-level
    parameters are scaled: the population of the groups is part of the model.

    A prior to which the posterior is sensitive, while it is sensitive to the
    likelihood too, disagrees with the data; if it is not, the prior decides where the
    data cannot. Neither is wrong by itself: the prior must then be one that is meant.

    Parameters
    ----------
    fit : Fit
    threshold : float
        From this on a sensitivity counts.
    alphas : tuple of float
        Powers below and above 1, between which the derivative is taken.
    refit_when_unreliable : bool
        Refit with scaled priors where Pareto's k of the weights is above 0.7.
    refit_alphas : tuple of float
        Their powers, further from 1 than ``alphas``: refits are independent, so that
        smaller differences would be chance.
    var_names : iterable of str, optional
        Variables to watch; by default top-level parameters, other scalars, and the
        groups' estimates.
    backend, executor, workers, progress, **settings
        Of the refits; see :func:`hbstan.refit.refit`.

    Returns
    -------
    PowerScaling

    Raises
    ------
    SettingsError
        For an illegal threshold or power.
    FitError
        If the fit has no log prior, too few draws, or no such variable.

    Examples
    --------
    >>> import hbstan as hb
    >>> from hbstan.sensitivity import power_scaling
    >>> fit = hb.fit("logit_noncentered", "surgical", seed=1, backend="stanli")
    >>> bool(power_scaling(fit).table.loc["mu", "all priors"] < 0.05)
    True
    """
    _check_arguments(threshold, alphas, refit_alphas)
    watched, parts = quantities(fit, var_names), components(fit)
    found = [_weighted(watched, part, alphas) for part in parts]
    made = None
    if refit_when_unreliable:
        options: dict[str, Any] = {
            "backend": backend,
            "executor": executor,
            "workers": workers,
            "progress": progress,
            **settings,
        }
        found, made = _refit(fit, watched, found, refit_alphas, threshold, options)
    return PowerScaling(
        model=fit.model,
        data_name=str(fit.tree.attrs["data_name"]),
        threshold=float(threshold),
        alphas=alphas,
        refit_alphas=refit_alphas,
        table=diagnosed(
            [q.label for q in watched],
            {one.part.name: one.values for one in found},
            parts,
            threshold,
        ),
        components=_components(found),
        refits=made,
        fault=fault_of(fit),
    )


@dataclass(frozen=True)
class _Found:
    """What is known of a component's sensitivities, and how."""

    part: Component
    method: str
    values: Any
    k: float = math.nan
    noise: float = math.nan
    reason: str = ""

    @property
    def unreliable(self) -> bool:
        return self.part.log_density is not None and not self.k <= K_LIMIT

    def but(self, reason: str) -> _Found:
        return replace(self, reason=f"{self.reason}; {reason}")


def _weighted(
    watched: Sequence[Quantity], part: Component, alphas: tuple[float, float]
) -> _Found:
    if part.log_density is None:
        return _Found(part, "not_run", math.nan, reason=part.missing)
    values, k = by_weights(watched, part, alphas)
    if k <= K_LIMIT:
        return _Found(part, "weights", values, k)
    reason = f"importance weights fail: k is {k:.2f}, above {K_LIMIT}"
    return _Found(part, "not_run", math.nan, k, reason=reason)


def _components(found: Sequence[_Found]) -> pd.DataFrame:
    import pandas as pd

    rows = {
        one.part.name: {
            "kind": one.part.kind,
            "method": one.method,
            "k": one.k,
            "noise": one.noise,
            "reason": one.reason,
        }
        for one in found
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("component")


def _refit(
    fit: Fit,
    watched: Sequence[Quantity],
    found: list[_Found],
    alphas: tuple[float, float],
    threshold: float,
    options: dict[str, Any],
) -> tuple[list[_Found], pd.DataFrame | None]:
    """Refit for each component that weights cannot tell of and that can be scaled."""
    from hbstan.loo.refits import refits_table

    plans: dict[str, list[Change]] = {}
    known = []
    for one in found:
        if one.unreliable:
            try:
                plans[one.part.name] = changes_for(fit, one.part, alphas)
            except PriorError as err:
                one = one.but(f"no refit: {err.message}")
        known.append(one)
    if not plans:
        return known, None
    changes = [change for plan in plans.values() for change in plan]
    made = {
        one.change.label: one
        for one in refit(
            fit, changes, predictive=of_predictions(fit, watched), **options
        )
    }
    resolved = [
        _resolved(
            watched,
            one,
            [made[change.label] for change in plans.get(one.part.name, [])],
            alphas,
            threshold,
        )
        for one in known
    ]
    return resolved, refits_table(made.values())


def _resolved(
    watched: Sequence[Quantity],
    found: _Found,
    made: Sequence[Refit],
    alphas: tuple[float, float],
    threshold: float,
) -> _Found:
    """Take what refits say, where chance alone would not reach the threshold."""
    if not made:
        return found
    faults = [f"{one.change.label}: {one.fault}" for one in made if one.fault]
    if faults:
        return found.but(f"refits failed: {'; '.join(faults)}")
    noise, values = chance(watched, alphas), by_refits(watched, made, alphas)
    vague = [q.label for q, one in zip(watched, noise, strict=True) if one >= threshold]
    values[noise >= threshold] = math.nan
    found = replace(found, method="refits", values=values, noise=float(noise.max()))
    if not vague:
        return found
    return found.but(
        f"too few draws to tell of {', '.join(vague)}: chance alone shows up to "
        f"{found.noise:.3f}, the threshold is {threshold:g}; raise iter_sampling"
    )


def _check_arguments(threshold: float, *pairs: tuple[float, float]) -> None:
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not number or not 0 < threshold < math.inf:
        raise SettingsError(
            f"threshold is {threshold!r}, but must be a number greater than 0.",
            remedy="Take the usual 0.05.",
        )
    for pair in pairs:
        try:
            lower, upper = (float(alpha) for alpha in pair)
        except (TypeError, ValueError):
            lower = upper = math.nan
        if not 0 < lower < 1 < upper < math.inf:
            raise SettingsError(
                f"powers are {pair!r}, but must be one between 0 and 1 and one above "
                "1.",
                remedy="Take for instance (0.99, 1.01).",
            )
