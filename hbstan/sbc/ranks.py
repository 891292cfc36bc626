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

from hbstan.errors import ConvertError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = [
    "Ranking",
    "Ranks",
    "common_rank",
    "kept_draws",
    "positions",
    "random_rank",
    "rank_all",
]

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
                f"{_MOST_RANK}.",
                remedy="Leave it at 119, or take one less than a round number.",
            )
        object.__setattr__(self, "max_rank", whole)
        number = isinstance(self.ess_fraction, int | float)
        if not number or not 0 < self.ess_fraction <= 1:
            raise SettingsError(
                f"ess_fraction is {self.ess_fraction!r}, but must be above 0 and at "
                "most 1.",
                remedy="Leave it at 0.5; larger values keep correlated draws.",
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


def kept_draws(
    ess: Floats,
    draws: int,
    ess_fraction: float,
    constant: NDArray[np.bool_] | None = None,
) -> Integers:
    """Return how many of a quantity's draws are kept for its rank.

    The number is ``floor(ess_fraction * ess)``, at least 1 and at most all.

    Parameters
    ----------
    ess : ndarray of shape (quantity,)
        Effective sample sizes; NaN, of a quantity without any, keeps one draw.
    draws : int
        Number of draws there are.
    ess_fraction : float
        Share of the effective sample size to keep.
    constant : ndarray of bool, shape (quantity,), optional
        Quantities whose draws are all equal: they have no autocorrelation, and keep
        all draws whatever their ``ess``.

    Returns
    -------
    ndarray of int64, shape (quantity,)
    """
    import numpy as np

    ess = np.nan_to_num(np.asarray(ess, dtype=float), nan=1.0, posinf=draws)
    kept = np.clip(np.floor(ess_fraction * ess), 1, draws)
    if constant is not None:
        kept = np.where(constant, draws, kept)
    whole: Integers = kept.astype(np.int64)
    return whole


def positions(kept: Any, draws: int) -> Integers:
    """Return where the kept draws are: in the middles of ``kept`` equal stretches.

    Parameters
    ----------
    kept : int or ndarray of shape (quantity,)
        How many draws are kept, from 1 to ``draws``.
    draws : int
        Number of draws there are, chains one after the other.

    Returns
    -------
    ndarray of int64, shape (..., largest kept)
        Strictly increasing positions from 0; behind a quantity's own ``kept`` ones
        stands -1.
    """
    import numpy as np

    count = np.asarray(kept, dtype=np.int64)[..., None]
    column = np.arange(count.max(initial=1))
    middles = (2 * column + 1) * draws // (2 * count)
    places: Integers = np.where(column < count, middles, -1)
    return places


def random_rank(
    value: Any,
    draws: Floats,
    rng: np.random.Generator,
    among: NDArray[np.bool_] | None = None,
) -> Integers:
    """Rank values among draws, ties at random.

    The rank is the number of draws below the value, plus a random one of
    0, 1, ..., number of draws that equal it.

    Parameters
    ----------
    value : float or ndarray of shape (...)
    draws : ndarray of shape (..., draw)
    rng : numpy.random.Generator
        The source of randomness.
    among : ndarray of bool, shape (..., draw), optional
        The draws that count; all of them by default.

    Returns
    -------
    ndarray of int64, shape (...)
        From 0 to the number of draws that count.
    """
    import numpy as np

    values = np.asarray(value, dtype=float)[..., None]
    lower, equal = draws < values, draws == values
    if among is not None:
        lower, equal = lower & among, equal & among
    below, ties = np.count_nonzero(lower, axis=-1), np.count_nonzero(equal, axis=-1)
    rank: Integers = np.asarray(below + rng.integers(0, ties, endpoint=True))
    return rank


def common_rank(
    rank: Any, kept: Any, max_rank: int, rng: np.random.Generator
) -> Integers:
    """Carry ranks among ``kept`` draws to the scale 0 ... ``max_rank``.

    The result, ``floor((rank + U) / (kept + 1) * (max_rank + 1))`` with U uniform on
    (0, 1), is exactly uniform if the rank is, and the rank itself where ``kept``
    equals ``max_rank``.

    Parameters
    ----------
    rank : int or ndarray
        From 0 to ``kept``.
    kept : int or ndarray
        Number of draws behind each rank.
    max_rank : int
        The largest rank of the common scale.
    rng : numpy.random.Generator
        The source of U.

    Returns
    -------
    ndarray of int64
    """
    import numpy as np

    rank, kept = np.asarray(rank), np.asarray(kept)
    lifted = (rank + rng.random(rank.shape)) * (max_rank + 1) / (kept + 1)
    # Rounding may lift the last one above the scale.
    common: Integers = np.minimum(lifted, max_rank).astype(np.int64)
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
        Chains are put one after the other before they are thinned.
    ess : ndarray of shape (quantity,)
        Effective sample sizes of all chains together.
    ranking : Ranking
        How ranks are found.
    rng : numpy.random.Generator
        Of this simulation, for ties and the common scale.

    Returns
    -------
    Ranks

    Raises
    ------
    ConvertError
        If shapes do not fit, there are no draws, or a value or a draw is NaN.
    """
    import numpy as np

    values, draws, ess = np.asarray(values), np.asarray(draws), np.asarray(ess)
    _require_shapes(values, draws, ess)
    total = draws.shape[0] * draws.shape[1]
    flat = draws.reshape(total, -1).T
    unknown = np.isnan(values) | np.isnan(flat).any(axis=1)
    if unknown.any():
        where = ", ".join(str(i) for i in np.flatnonzero(unknown))
        raise ConvertError(
            f"no rank for quantities {where} (counted from 0): a value or a draw is "
            "NaN, but must be a number, or infinite.",
            remedy="Mend the generator or the program that returns NaN.",
        )
    constant = (flat == flat[:, :1]).all(axis=1)
    kept = kept_draws(ess, total, ranking.ess_fraction, constant)
    places = positions(kept, total)
    thinned = np.take_along_axis(flat, places, axis=1)
    rank = random_rank(values, thinned, rng, among=places >= 0)
    return Ranks(common_rank(rank, kept, ranking.max_rank, rng), kept)


def _require_shapes(
    values: NDArray[Any], draws: NDArray[Any], ess: NDArray[Any]
) -> None:
    """Raise unless there are draws, one value and one ESS for each quantity."""
    fits = draws.ndim == 3 and values.shape == ess.shape == draws.shape[2:]
    if not fits or not draws.size:
        raise ConvertError(
            f"values of shape {values.shape} and effective sample sizes of shape "
            f"{ess.shape} cannot be ranked among draws of shape {draws.shape}; the "
            "shapes must be (quantity,), (quantity,) and (chain, draw, quantity), "
            "none empty.",
            remedy="Give one value and one ESS for each quantity of the draws.",
        )
