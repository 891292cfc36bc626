"""The simulator of goals in matches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["FOOTBALL"]

#: Poisson numbers of larger mean than e^20 are not drawn.
_MOST = 20.0


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw the top-level parameters, ``attack`` and ``defence`` (T) from the prior."""
    drawn = draw_top(priors, rng)
    for name in ("attack", "defence"):
        drawn[name] = drawn[f"sd_{name}"] * _sum_to_zero(int(stan["T"]), rng)
    return drawn


def _sum_to_zero(count: int, rng: np.random.Generator) -> NDArray[Any]:
    """Draw normal elements given that their sum is zero, each of unit variance.

    Independent normal variables less their mean have the distribution that they have
    given a sum of zero, and the variance 1 - 1/count.
    """
    import numpy as np

    drawn = rng.standard_normal(count)
    return np.asarray((drawn - drawn.mean()) / np.sqrt(1.0 - 1.0 / count))


def _log_goals(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the logarithms of the expected goals at home and away, (draws, J)."""
    import numpy as np

    values = {k: np.asarray(v, dtype=float) for k, v in parameters.items()}
    home, away = (np.asarray(stan[k]) - 1 for k in ("home", "away"))
    mu, advantage = values["mu"][:, None], values["advantage"][:, None]
    attack, defence = values["attack"], values["defence"]
    at_home = mu + advantage + attack[:, home] - defence[:, away]
    return at_home, mu + attack[:, away] - defence[:, home]


def _outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw the goals of both teams, ``(J, 2)``."""
    import numpy as np

    one = {k: np.asarray(v)[None] for k, v in parameters.items()}
    sides = [np.exp(np.minimum(side[0], _MOST)) for side in _log_goals(one, stan)]
    return {"y": rng.poisson(np.stack(sides, axis=1))}


def _log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    """Return the sum of the Poisson log probabilities, constants included."""
    import numpy as np
    from scipy.stats import poisson

    y = np.asarray(stan["y"])
    sides = _log_goals(parameters, stan)
    each = [np.asarray(poisson.logpmf(y[:, k], np.exp(sides[k]))) for k in (0, 1)]
    total: NDArray[Any] = each[0].sum(axis=1) + each[1].sum(axis=1)
    return total


#: Goals as Poisson numbers, given attack, defence and home advantage.
FOOTBALL = System(_parameters, _outcomes, _log_likelihood)
