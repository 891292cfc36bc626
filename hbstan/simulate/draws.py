"""Prior draws, simulated data and their log densities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.errors import ModelError
from hbstan.simulate.families import family_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.models import Model, Parameter
    from hbstan.priors import Prior

    Draws = dict[str, NDArray[Any]]

__all__ = ["draw_data", "draw_groups", "draw_prior", "log_likelihood", "log_prior"]


def draw_prior(
    model: Model,
    priors: Mapping[str, Prior],
    n_groups: int,
    rng: np.random.Generator,
    size: int = 1,
) -> Draws:
    """Draw top-level and group parameters from the prior, exactly.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    priors : mapping of str to Prior
        A prior for each top-level parameter.
    n_groups : int
        Number of groups.
    rng : numpy.random.Generator
        The source of randomness.
    size : int
        Number of independent draws.

    Returns
    -------
    dict of str to ndarray
        Top-level parameters of shape ``(size,)``; ``theta`` (and ``p`` for binomial
        models, ``z`` for those that sample it) of shape ``(size, n_groups)``.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    family_of(model)
    top = {
        p.name: _draw_top(p, priors[p.name], rng, size)
        for p in model.top_level
        if not p.dims
    }
    return {**top, **draw_groups(model, top, n_groups, rng, priors=priors, size=size)}


def draw_groups(
    model: Model,
    top: Mapping[str, NDArray[Any]],
    n_groups: int,
    rng: np.random.Generator,
    *,
    priors: Mapping[str, Prior] | None = None,
    size: int | None = None,
) -> Draws:
    """Draw group parameters given the top-level ones.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    top : mapping of str to ndarray
        Top-level parameters of shape ``(size,)``. Values that are one a group, as
        those of models without pooling, are of no use for new groups: left aside.
    n_groups : int
        Number of groups.
    rng : numpy.random.Generator
        The source of randomness.
    priors : mapping of str to Prior, optional
        Needed by models without pooling, whose new groups come from their prior.
    size : int, optional
        Number of draws; by default that of ``top``.

    Returns
    -------
    dict of str to ndarray
        As :func:`draw_prior`, without the top-level parameters.

    Raises
    ------
    ModelError
        If the model's family has no simulator, or its groups' prior is not given.
    """
    family = family_of(model)
    own = {p.name: top[p.name] for p in model.top_level if not p.dims}
    for parameter in model.top_level:
        if not parameter.dims:
            continue
        if priors is None or parameter.name not in priors:
            raise ModelError(
                f"{model.name} has no population: a new group's {parameter.name} "
                "comes from its prior, which was not given.",
                remedy="Pass priors=..., or use the groups of the data.",
            )
        count = _size(top, size) * n_groups
        drawn = _draw_top(parameter, priors[parameter.name], rng, count)
        own[parameter.name] = drawn.reshape(-1, n_groups)
    return family.effects(own, n_groups, rng)


def _size(top: Mapping[str, NDArray[Any]], size: int | None) -> int:
    if size is not None:
        return size
    return len(next(iter(top.values()))) if top else 1


def _draw_top(
    parameter: Parameter, prior: Prior, rng: np.random.Generator, size: int
) -> NDArray[Any]:
    """Draw from a prior, cut off at the parameter's minimum if it has one."""
    if parameter.minimum is None:
        return prior.draw(rng, size)
    law = prior.distribution()
    # From the upper tail's side, where a probability of 1 is the minimum itself.
    tail = (1.0 - rng.uniform(size=size)) * law.sf(parameter.minimum)
    values: NDArray[Any] = law.isf(tail)
    return values


def _log_top(parameter: Parameter, prior: Prior, value: NDArray[Any]) -> NDArray[Any]:
    """Return the log density of a top-level parameter, summed over groups."""
    import numpy as np

    law = prior.distribution()
    terms: NDArray[Any] = np.asarray(law.logpdf(value))
    if parameter.minimum is not None:
        inside = terms - law.logsf(parameter.minimum)
        outside = (value < parameter.minimum) | (value == np.inf)
        terms = np.where(outside, -np.inf, inside)
    return terms.sum(axis=1) if parameter.dims else terms


def draw_data(
    model: Model,
    parameters: Mapping[str, NDArray[Any]],
    design: Mapping[str, Any],
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Simulate outcomes given group parameters.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    parameters : mapping
        As :func:`draw_prior` returns them.
    design : mapping
        ``n`` (trials, shape ``(n_groups,)``) or ``sigma`` (standard errors).
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    ndarray of shape (size, n_groups)
        Events (integers) or estimates.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    return family_of(model).data(parameters, design, rng)


def log_likelihood(
    model: Model,
    parameters: Mapping[str, Any],
    design: Mapping[str, Any],
    y: Any,
) -> NDArray[Any]:
    """Return the joint log likelihood of all groups.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    parameters : mapping
        ``theta`` of shape ``(size, n_groups)``: log-odds, or effects. For a model
        with complete pooling ``mu`` of shape ``(size,)`` will do.
    design : mapping
        As in :func:`draw_data`.
    y : array_like of shape (n_groups,)
        Events or estimates.

    Returns
    -------
    ndarray of shape (size,)
        ``sum_j log p(y_j | theta_j)``, constants included. At infinite ``theta`` it
        is the limit: 0 for an outcome that is then certain, ``-inf`` for any other.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    import numpy as np

    family = family_of(model)
    outcomes = np.asarray(y)
    return family.log_density(_theta(parameters, len(outcomes)), design, outcomes)


def _theta(parameters: Mapping[str, Any], n_groups: int) -> NDArray[Any]:
    """Return the groups' parameters; ``mu`` stands for all where they are alike."""
    import numpy as np

    if "theta" in parameters:
        return np.asarray(parameters["theta"], dtype=float)
    mu = np.asarray(parameters["mu"], dtype=float)
    return np.repeat(mu[:, None], n_groups, axis=1)


def log_prior(
    model: Model, priors: Mapping[str, Prior], parameters: Mapping[str, Any]
) -> NDArray[Any]:
    """Return the joint log density of top-level and group parameters.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    priors : mapping of str to Prior
        A prior for each top-level parameter.
    parameters : mapping
        Top-level parameters of shape ``(size,)`` and ``theta``, ``(size, n_groups)``,
        which a model with complete pooling can do without.

    Returns
    -------
    ndarray of shape (size,)
        ``sum_k log p(top_k) + sum_j log p(theta_j | top)``, a density on the scales
        of the top-level parameters and of ``theta`` (log-odds, or effects); ``-inf``
        outside the support, to which infinite values do not belong. At ``tau = 0``
        the groups are a point mass: ``inf`` where all of them equal ``mu``, ``-inf``
        where one does not.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    import numpy as np

    family = family_of(model)
    top = {p.name: np.asarray(parameters[p.name]) for p in model.top_level}
    theta = _theta(parameters, 1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        terms = [_log_top(p, priors[p.name], top[p.name]) for p in model.top_level]
        terms.append(family.log_effects(top, theta))
        total: NDArray[Any] = np.sum(terms, axis=0)
    # What one factor excludes is excluded, also where another is infinite.
    return np.where(np.min(terms, axis=0) == -np.inf, -np.inf, total)
