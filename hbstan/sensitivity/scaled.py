"""Power-scaling by refits, where importance weights fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hbstan.errors import PriorError
from hbstan.priors import prior_from_record
from hbstan.refit import Change, Refit
from hbstan.sensitivity.distance import cjs_distance, noise
from hbstan.sensitivity.powers import power_of
from hbstan.sensitivity.quantities import Quantity, draws_of
from hbstan.sensitivity.weights import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["by_refits", "chance", "changes_for"]


def changes_for(
    fit: Fit, component: Component, alphas: tuple[float, float]
) -> list[Change]:
    """Return the refits that scale a component's priors.

    Raises
    ------
    PriorError
        If the component is the likelihood, which no program scales, if the priors
        are not data, or their power is no proper prior.
    """
    if component.kind != "prior":
        raise PriorError("programs take priors as data, but no power of the likelihood")
    known = fit.priors
    unknown = [name for name in component.parameters if name not in known]
    if unknown:
        raise PriorError(f"the prior of {', '.join(unknown)} is not data")
    base = {name: prior_from_record(known[name]) for name in component.parameters}
    return [
        Change(
            f"{component.name} to the power {alpha:.4g}",
            priors={name: power_of(prior, alpha) for name, prior in base.items()},
        )
        for alpha in alphas
    ]


def by_refits(
    watched: Sequence[Quantity], made: Sequence[Refit], alphas: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the sensitivity of each quantity, from refits at two powers.

    As with weights, ``(D(lower) / -log2(lower) + D(upper) / log2(upper)) / 2``, with
    the distance D of the refit's draws from the fit's.

    Parameters
    ----------
    watched : sequence of Quantity
    made : sequence of Refit
        At the lower and at the upper power.
    alphas : tuple of float

    Returns
    -------
    ndarray of shape (len(watched),)
    """
    import numpy as np

    total = np.zeros(len(watched))
    for one, alpha in zip(made, alphas, strict=True):
        assert one.fit is not None
        draws = draws_of(one.fit, watched)
        distances = [cjs_distance(q.draws, draws[q.label]) for q in watched]
        total += np.array(distances) / abs(np.log2(alpha))
    return total / 2.0


def chance(
    watched: Sequence[Quantity], alphas: tuple[float, float]
) -> NDArray[np.float64]:
    """Return what :func:`by_refits` would show of a component without influence."""
    import numpy as np

    slope = float(np.mean([1.0 / abs(np.log2(alpha)) for alpha in alphas]))
    return np.array([noise(quantity.draws) for quantity in watched]) * slope
