"""Ranks of simulated values among draws, on a scale common to all fits.

The rank of a value among n independent draws from the right posterior is uniform on
0 ... n. Draws of a Markov chain are not independent, so each quantity of each fit is
thinned by its own effective sample size: of its S draws, ``n = ess_fraction * ESS``
are kept, evenly spaced. With the default fraction of one half they are two
integrated autocorrelation times apart, where an AR(1) chain has a correlation below
0.02 left; ranks among all draws would pile up at both ends, as if the posterior were
too narrow.

As n differs from fit to fit, the rank r is then carried to the common scale
0 ... max_rank:

    floor((r + U) / (n + 1) * (max_rank + 1)),   U ~ uniform(0, 1).

``(r + U) / (n + 1)`` is exactly uniform on (0, 1) if r is uniform on 0 ... n, so the
common rank is exactly uniform whatever n was; a fit with n far below max_rank adds
noise, no bias. Ties are broken at random: among the draws that equal the value, it
takes each place with the same probability (Modrak et al. 2023,
doi:10.1214/23-BA1404).
"""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = ["Ranking", "Ranks", "common_ranks", "kept_draws", "rank_all"]

_MOST_RANK = 100_000


@dataclass(frozen=True)
class Ranking:
    """How ranks are found.

    Parameters
    ----------
    max_rank : int
        The largest rank. With the default, central 50, 80, 90 and 95 % intervals
        are whole numbers of the 120 ranks.
    ess_fraction : float
        Share of the effective sample size that is kept for ranking, in (0, 1].

    Raises
    ------
    SettingsError
        If one of them lies outside its range.
    """

    max_rank: int = 119
    ess_fraction: float = 0.5

    def __post_init__(self) -> None:
        try:
            whole = operator.index(self.max_rank)
        except TypeError:
            whole = 0
        if isinstance(self.max_rank, bool) or not 1 <= whole <= _MOST_RANK:
            raise SettingsError(
                f"max_rank is {self.max_rank!r}, but must be a whole number from 1 to "
                f"{_MOST_RANK}."
            )
        object.__setattr__(self, "max_rank", whole)
        number = isinstance(self.ess_fraction, int | float)
        if not number or not 0 < self.ess_fraction <= 1:
            raise SettingsError(
                f"ess_fraction is {self.ess_fraction!r}, but must be above 0 and at "
                "most 1."
            )

    def record(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Ranks:
    """Ranks of one fit's quantities.

    Parameters
    ----------
    rank : ndarray of shape (quantity,)
        On the common scale.
    kept : ndarray of shape (quantity,)
        Number of draws that the value was ranked among.
    """

    rank: Integers
    kept: Integers


def kept_draws(ess: Floats, draws: int, fraction: float) -> Integers:
    """Return how many of a quantity's draws are kept for its rank.

    Parameters
    ----------
    ess : ndarray of shape (quantity,)
        Effective sample sizes; NaN, of a quantity without any, keeps one draw.
    draws : int
        Number of draws there are.
    fraction : float
        Share of the effective sample size to keep.
    """
    import numpy as np

    wanted = np.floor(fraction * np.nan_to_num(ess, nan=1.0, posinf=draws))
    kept: Integers = np.clip(wanted, 1, draws).astype(np.int64)
    return kept


def common_ranks(
    rank: Integers, kept: Integers, max_rank: int, rng: np.random.Generator
) -> Integers:
    """Carry ranks among ``kept`` draws to the scale 0 ... ``max_rank``."""
    import numpy as np

    u = (rank + rng.random(rank.shape)) / (kept + 1)
    # Rounding may lift u to 1.
    common: Integers = np.minimum(u * (max_rank + 1), max_rank).astype(np.int64)
    return common


def rank_all(
    values: Floats,
    draws: Floats,
    ess: Floats,
    ranking: Ranking,
    rng: np.random.Generator,
) -> Ranks:
    """Rank the values of one fit's quantities.

    Parameters
    ----------
    values : ndarray of shape (quantity,)
        The simulated values; infinite ones have their place, NaN has none.
    draws : ndarray of shape (chain, draw, quantity)
    ess : ndarray of shape (quantity,)
        Effective sample sizes.
    ranking : Ranking
    rng : numpy.random.Generator
        Of this simulation, for ties and the common scale.

    Returns
    -------
    Ranks

    Raises
    ------
    ArithmeticError
        If a value or a draw is not a number.
    """
    import numpy as np

    total = draws.shape[0] * draws.shape[1]
    flat = draws.reshape(total, -1).T
    unknown = np.isnan(values) | np.isnan(flat).any(axis=1)
    if unknown.any():
        where = ", ".join(str(i) for i in np.flatnonzero(unknown))
        raise ArithmeticError(f"no rank: quantities {where} are not numbers")
    kept = kept_draws(ess, total, ranking.ess_fraction)
    column = np.arange(kept.max())
    there = column < kept[:, None]
    # The middles of equal stretches of the chains, one after the other.
    places = ((2 * column + 1) * total) // (2 * kept[:, None])
    thinned = np.take_along_axis(flat, np.where(there, places, 0), axis=1)
    below = ((thinned < values[:, None]) & there).sum(axis=1)
    ties = ((thinned == values[:, None]) & there).sum(axis=1)
    rank = below + rng.integers(0, ties + 1)
    return Ranks(common_ranks(rank, kept, ranking.max_rank, rng), kept)
