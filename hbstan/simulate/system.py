"""How a system simulates: parameters from the prior, outcomes given parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["System", "draw_top"]


@dataclass(frozen=True)
class System:
    """The simulator of models whose data are not one outcome a group.

    Parameters
    ----------
    parameters : callable
        (priors, stan, rng) -> one draw from the prior: top-level and latent parameters
        by their names in Stan. ``stan`` is the Stan data without the outcomes.
    outcomes : callable
        (parameters, stan, rng) -> the outcomes by their names in Stan, simulated given
        one draw of the parameters.
    log_likelihood : callable
        (parameters, stan) -> the joint log likelihood, ``(draws,)``. The parameters
        have a leading dimension of draws; ``stan`` has the outcomes.
    redraw : callable, optional
        (top-level parameters, stan, rng) -> outcomes ``y`` of as many new groups, whose
        own parameters are drawn from the population: ``(draws, *shape of y)``. None
        where groups are not drawn one by one, as the times of a series.
    """

    parameters: Callable[
        [Mapping[str, Prior], Mapping[str, Any], np.random.Generator],
        dict[str, Any],
    ]
    outcomes: Callable[
        [Mapping[str, Any], Mapping[str, Any], np.random.Generator], dict[str, Any]
    ]
    log_likelihood: Callable[[Mapping[str, Any], Mapping[str, Any]], NDArray[Any]]
    redraw: (
        Callable[
            [Mapping[str, Any], Mapping[str, Any], np.random.Generator], NDArray[Any]
        ]
        | None
    ) = None


def draw_top(
    priors: Mapping[str, Prior],
    rng: np.random.Generator,
    sizes: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Draw top-level parameters from their priors, once.

    Parameters
    ----------
    priors : mapping of str to Prior
    rng : numpy.random.Generator
    sizes : mapping of str to int, optional
        The length of parameters that are vectors of independent elements.

    Returns
    -------
    dict
        A float, or an array of that length, by parameter.
    """
    lengths = sizes or {}
    return {
        name: prior.draw(rng, lengths[name])
        if name in lengths
        else float(prior.draw(rng, 1)[0])
        for name, prior in priors.items()
    }
