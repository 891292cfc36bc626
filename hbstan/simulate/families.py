"""How the models of each family simulate, and with what log densities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import ModelError
from hbstan.simulate import alternatives as other
from hbstan.simulate import groups, outcomes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.models import Model

    Draws = dict[str, NDArray[Any]]

__all__ = ["Family", "family_of"]


@dataclass(frozen=True)
class Family:
    """How models of a family simulate, and with what log densities.

    Parameters
    ----------
    effects : callable
        (top, n_groups, rng) -> parameters of the groups, ``(size, n_groups)`` each.
    data : callable
        (parameters, design, rng) -> outcomes, ``(size, n_groups)``.
    log_effects : callable
        (top, theta) -> joint log density of the groups given the top-level
        parameters, ``(size,)``.
    log_density : callable
        (theta, design, y) -> joint log likelihood, ``(size,)``.
    """

    effects: Callable[..., Draws]
    data: Callable[..., NDArray[Any]]
    log_effects: Callable[..., NDArray[Any]]
    log_density: Callable[..., NDArray[Any]]


def family_of(model: Model) -> Family:
    """Return the family of a model.

    Raises
    ------
    ModelError
        If it has no simulator.
    """
    try:
        return _FAMILIES[model.family]
    except KeyError:
        raise ModelError(
            f"{model.name}: the family {model.family!r} has no simulator."
        ) from None


def _binomial(
    effects: Callable[..., Draws], log_effects: Callable[..., NDArray[Any]]
) -> Family:
    """Return a family of events, whose groups have probabilities too."""

    def both(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
        return other.with_probabilities(effects(top, n_groups, rng))

    return Family(
        both, outcomes.binomial_data, log_effects, outcomes.binomial_log_density
    )


def _normal(
    effects: Callable[..., Draws], log_effects: Callable[..., NDArray[Any]]
) -> Family:
    """Return a family of estimates with standard errors."""
    return Family(
        effects, outcomes.normal_data, log_effects, outcomes.normal_log_density
    )


_FAMILIES: Mapping[str, Family] = {
    "logit": _binomial(groups.normal_effects, groups.normal_log_effects),
    "beta_binomial": _binomial(groups.beta_effects, groups.beta_log_effects),
    "eight_schools": _normal(groups.normal_effects, groups.normal_log_effects),
    "binomial_pooled": _binomial(other.alike, other.alike_log_effects),
    "binomial_unpooled": _binomial(other.unrelated, other.unrelated_log_effects),
    "normal_pooled": _normal(other.alike, other.alike_log_effects),
    "normal_unpooled": _normal(other.unrelated, other.unrelated_log_effects),
    "logit_student_t": _binomial(other.student_t_effects, other.student_t_log_effects),
    "logit_mixture": _binomial(other.mixture_effects, other.mixture_log_effects),
}
