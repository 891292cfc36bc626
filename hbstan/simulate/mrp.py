"""The simulator of surveys with crossed group effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.data.columns import standardised
from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["MRP"]


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw ``alpha``, ``beta`` (D), ``tau`` (F) and ``z`` (L) from the prior.

    With them go the shares that they imply for the population, ``p_population`` and
    ``p_area``.
    """
    sizes = {"beta": int(stan["D"]), "tau": int(stan["F"])}
    drawn = draw_top(priors, rng, sizes)
    drawn["z"] = rng.standard_normal(int(stan["L"]))
    return {**drawn, **_shares(drawn, stan)}


def _shares(drawn: Mapping[str, Any], stan: Mapping[str, Any]) -> dict[str, Any]:
    """Average the cells' probabilities over the census, in all and by area."""
    import numpy as np
    from scipy.special import expit

    p = expit(_log_odds({k: np.asarray(v)[None] for k, v in drawn.items()}, stan)[0])
    people = np.asarray(stan["N"], dtype=float)
    _, area = np.unique(
        np.asarray(stan["level_of"])[:, int(stan["by"]) - 1], False, True
    )
    weighted = np.bincount(area, people * p) / np.bincount(area, people)
    return {
        "p_population": float(np.average(p, weights=people)),
        "p_area": weighted,
    }


def _log_odds(parameters: Mapping[str, Any], stan: Mapping[str, Any]) -> NDArray[Any]:
    """Return the cells' log-odds, ``(draws, J)``."""
    import numpy as np

    values = {k: np.asarray(v, dtype=float) for k, v in parameters.items()}
    X = np.asarray(stan["X"], dtype=float).reshape(int(stan["J"]), int(stan["D"]))
    level = np.asarray(stan["level_of"]) - 1
    factor = np.asarray(stan["factor_of"]) - 1
    total = np.repeat(values["alpha"][:, None], len(level), axis=1)
    if X.size:
        total = total + values["beta"] @ standardised(X).T
    effect = values["tau"][:, factor] * values["z"]
    for column in level.T:
        total = total + effect[:, column]
    return np.asarray(total)


def _outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw the events among each cell's respondents."""
    import numpy as np
    from scipy.special import expit

    one = {k: np.asarray(parameters[k])[None] for k in ("alpha", "beta", "tau", "z")}
    return {"y": rng.binomial(stan["n"], expit(_log_odds(one, stan)[0]))}


def _log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    """Return the sum of the binomial log probabilities, constants included."""
    import numpy as np
    from scipy.special import expit
    from scipy.stats import binom

    p = expit(_log_odds(parameters, stan))
    terms = np.asarray(binom.logpmf(stan["y"], stan["n"], p))
    return np.asarray(terms.sum(axis=1))


#: Crossed group effects on the log-odds of cells.
MRP = System(_parameters, _outcomes, _log_likelihood)
