"""Distribution of groups in the population: spread, and new groups drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hbstan import simulate
from hbstan.errors import FitError
from hbstan.predictive.replicates import catalogue_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.fit import Fit
    from hbstan.models import Model

    Top = Mapping[str, NDArray[Any]]

__all__ = ["FAMILIES", "Family", "Population", "population"]

#: What to do instead, by kind of data.
_REMEDIES = {
    "binomial": "Fit a hierarchical model, e.g. logit_noncentered.",
    "normal": "Fit a hierarchical model, e.g. eight_schools_noncentered.",
}


@dataclass(frozen=True)
class Family:
    """How a family of models spreads its groups.

    Parameters
    ----------
    centre : callable
        Top-level draws -> the population's mean, of ``theta`` or, where ``scale`` is
        the probability, of ``p``.
    spread : callable
        Top-level draws -> standard deviation of ``theta`` between groups.
    spread_formula : str
    icc : callable or None
        (top-level draws, spread) -> intraclass correlation, where it needs no
        standard errors.
    icc_formula : str
    scale : str
        Where shrinkage is linear given the top-level parameters: ``"theta"`` or
        ``"probability"``.
    weight : callable or None
        (top-level draws, sizes) -> the population's exact weight in a group's mean
        given the top-level parameters, shape ``(chain, draw, group)``; None where
        there is no closed form.
    weight_formula : str
    """

    centre: Callable[[Top], NDArray[Any]]
    spread: Callable[[Top], NDArray[Any]]
    spread_formula: str
    icc: Callable[[Top, NDArray[Any]], NDArray[Any]] | None
    icc_formula: str
    scale: str
    weight: Callable[[Top, NDArray[Any]], NDArray[Any]] | None
    weight_formula: str


@dataclass(frozen=True)
class Population:
    """The population of a fit: model, family and top-level draws.

    Parameters
    ----------
    model : Model
    family : Family
    top : mapping of str to ndarray of shape (chain, draw)
    """

    model: Model
    family: Family
    top: Top

    def new_groups(self, count: int, rng: np.random.Generator) -> NDArray[Any]:
        """Draw ``theta`` of ``count`` new groups given each draw.

        Returns
        -------
        ndarray of shape (chain * draw, count)
            Log-odds, or effects in the unit of ``y``.
        """
        flat = {name: values.reshape(-1) for name, values in self.top.items()}
        return simulate.draw_groups(self.model, flat, count, rng)["theta"]


def population(fit: Fit) -> Population:
    """Return the population that a fit's groups come from.

    Raises
    ------
    FitError
        If the model is not the catalogue's, or gives its groups no population.
    """
    model = catalogue_model(fit)
    try:
        family = FAMILIES[model.family]
    except KeyError:
        raise FitError(
            f"{model.name} is of the family {model.family!r}, which has no population "
            f"of groups with a known spread; legal families: {', '.join(FAMILIES)}.",
            remedy=_REMEDIES.get(
                model.kind,
                "Of such data the fit's own tau and theta tell it: fit.summary().",
            ),
        ) from None
    top = {
        p.name: fit.posterior[p.name].transpose("chain", "draw").values
        for p in model.top_level
    }
    return Population(model, family, top)


def _mu(top: Top) -> NDArray[Any]:
    return top["mu"]


def _tau(top: Top) -> NDArray[Any]:
    return top["tau"]


def _student_t_spread(top: Top) -> NDArray[Any]:
    """Return the standard deviation of a normal population with the same quartiles."""
    import numpy as np
    from scipy import stats

    ratio = stats.t.ppf(0.75, top["nu"]) / stats.norm.ppf(0.75)
    return np.asarray(top["tau"] * ratio)


def _mixture_centre(top: Top) -> NDArray[Any]:
    mean: NDArray[Any] = top["mu_low"] + top["lambda"] * top["gap"]
    return mean


def _mixture_spread(top: Top) -> NDArray[Any]:
    import numpy as np

    between = np.sqrt(top["lambda"] * (1.0 - top["lambda"])) * top["gap"]
    return np.asarray(np.hypot(top["tau"], between))


def _beta_spread(top: Top) -> NDArray[Any]:
    """Return the standard deviation of the log-odds under a beta population.

    It is the logarithm of a ratio of two independent gamma variables, each of which
    has the variance trigamma(shape).
    """
    import numpy as np
    from scipy.special import polygamma

    mu, kappa = top["mu"], top["kappa"]
    variance = polygamma(1, mu * kappa) + polygamma(1, (1.0 - mu) * kappa)
    return np.asarray(np.sqrt(variance))


def _latent_icc(top: Top, spread: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    # Divided by tau^2, it is finite for every tau.
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(1.0 / (1.0 + (np.pi / spread) ** 2 / 3.0))


def _beta_icc(top: Top, spread: NDArray[Any]) -> NDArray[Any]:
    return 1.0 / (1.0 + top["kappa"])


def _normal_weight(top: Top, sigma: NDArray[Any]) -> NDArray[Any]:
    ratio = (top["tau"][..., None] / sigma) ** 2
    weight: NDArray[Any] = 1.0 / (1.0 + ratio)
    return weight


def _beta_weight(top: Top, n: NDArray[Any]) -> NDArray[Any]:
    kappa = top["kappa"][..., None]
    weight: NDArray[Any] = kappa / (kappa + n)
    return weight


_LATENT = (
    "tau^2 / (tau^2 + pi^2 / 3): latent scale, pi^2 / 3 being the variance of the "
    "logistic distribution"
)
_NO_WEIGHT = "none: binomial data have no closed form on the log-odds"
#: By family of the catalogue's models.
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "logit": Family(
            _mu,
            _tau,
            "tau, the standard deviation of the log-odds between groups",
            _latent_icc,
            _LATENT,
            "theta",
            None,
            _NO_WEIGHT,
        ),
        "logit_student_t": Family(
            _mu,
            _student_t_spread,
            "tau times t_nu's upper quartile over that of the normal: the standard "
            "deviation of a normal population of log-odds with the same quartiles, as "
            "t_nu has none of its own for nu <= 2",
            _latent_icc,
            _LATENT,
            "theta",
            None,
            _NO_WEIGHT,
        ),
        "logit_mixture": Family(
            _mixture_centre,
            _mixture_spread,
            "sqrt(tau^2 + lambda (1 - lambda) gap^2), the standard deviation of the "
            "log-odds between groups, within and between the two populations",
            _latent_icc,
            _LATENT,
            "theta",
            None,
            _NO_WEIGHT,
        ),
        "beta_binomial": Family(
            _mu,
            _beta_spread,
            "sqrt(trigamma(mu kappa) + trigamma((1 - mu) kappa)), the standard "
            "deviation of the log-odds between groups",
            _beta_icc,
            "1 / (kappa + 1): correlation of two trials of one group",
            "probability",
            _beta_weight,
            "kappa / (kappa + n_j)",
        ),
        "eight_schools": Family(
            _mu,
            _tau,
            "tau, the standard deviation of the effects between groups",
            None,
            "mean over groups of tau^2 / (tau^2 + sigma_j^2): correlation of two "
            "estimates of one group, each with that group's standard error",
            "theta",
            _normal_weight,
            "sigma_j^2 / (sigma_j^2 + tau^2)",
        ),
    }
)
