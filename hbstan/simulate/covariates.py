"""Events among trials in groups whose log-odds follow a regression, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.data.columns import standardised
from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["LOGIT_COVARIATES"]


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    top = draw_top(priors, rng, {"b": int(stan["D"])})
    z = rng.standard_normal(int(stan["J"]))
    theta = top["mu"] + standardised(stan["X"]) @ top["b"] + top["tau"] * z
    return {**top, "z": z, "theta": theta}


def _outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    import numpy as np
    from scipy.special import expit

    return {"y": rng.binomial(np.asarray(stan["n"]), expit(parameters["theta"]))}


def _log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    import numpy as np
    from scipy.special import expit
    from scipy.stats import binom

    theta = np.asarray(parameters["theta"], dtype=float)
    each = np.asarray(binom.logpmf(stan["y"], stan["n"], expit(theta)))
    return np.asarray(each.sum(axis=-1))


def _redraw(
    top: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> NDArray[Any]:
    """Draw events of new groups with the same covariates and trials."""
    import numpy as np
    from scipy.special import expit

    regression = np.asarray(top["b"]) @ standardised(stan["X"]).T
    mean = np.asarray(top["mu"])[:, None] + regression
    theta = rng.normal(mean, np.asarray(top["tau"])[:, None])
    events: NDArray[Any] = rng.binomial(np.asarray(stan["n"]), expit(theta))
    return events


#: The simulator of the logit with covariates of groups.
LOGIT_COVARIATES = System(_parameters, _outcomes, _log_likelihood, _redraw)
