"""R-hat and effective sample sizes of many quantities at once.

The definitions are those of Vehtari et al. (2021, doi:10.1214/20-BA1221) as ArviZ
computes them, and the tests hold them against ArviZ. A simulation of SBC takes
milliseconds, of which ArviZ, quantity by quantity, would use more than the sampler;
so would the summary of a fit with hundreds of quantities. Hence one pass over all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import ConvertError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Mixing", "mixing", "monte_carlo_errors"]

#: Chains with fewer draws have no convergence statistics.
_MIN_DRAWS = 4
#: The quantiles that the tail ESS is about, in twentieths.
_TAILS = (1, 19)
#: Elements that are transformed at once: few enough to stay in the cache.
_BLOCK = 2**15


@dataclass(frozen=True)
class Mixing:
    """Convergence statistics, each of shape ``(quantity,)``.

    Parameters
    ----------
    rhat : ndarray
        The larger of bulk and folded R-hat, rank-normalised and split.
    ess_bulk : ndarray
        Effective draws for the centre, rank-normalised and split.
    ess_tail : ndarray
        The smaller of the effective draws for the 5 % and the 95 % quantile.
    """

    rhat: Floats
    ess_bulk: Floats
    ess_tail: Floats


def mixing(draws: NDArray[Any]) -> Mixing:
    """Compute R-hat, bulk and tail ESS of every quantity.

    With W the mean variance within the split chains, B/n the variance of their
    means and n their length, R-hat is ``sqrt((B / W + n - 1) / n)``. The ESS of S
    draws is ``S / (1 + 2 * sum of autocorrelations)``, the sum being cut off by
    Geyer's initial monotone sequence.

    Parameters
    ----------
    draws : ndarray of shape (chain, draw, quantity)
        Of a single chain, R-hat compares the halves, each split again: it sees a
        drift within the chain, not that the chain as a whole is in a wrong place.

    Returns
    -------
    Mixing
        NaN for quantities with a draw that is not a number, and where chains (for
        R-hat: the halves of a single one) have fewer than four draws. Infinite
        draws are ordered like all others. A constant quantity has no R-hat, and as
        many effective draws as draws.

    Raises
    ------
    ConvertError
        If the draws do not have three dimensions, or there is no chain.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization,
    folding, and localization: an improved R-hat, doi:10.1214/20-BA1221.
    """
    import numpy as np

    array = np.asarray(draws, dtype=float)
    if array.ndim != 3 or not array.shape[0]:
        raise ConvertError(
            f"draws of shape {array.shape} have no convergence statistics; the shape "
            "must be (chain, draw, quantity), with at least one chain.",
            remedy="Put chains first and quantities last.",
        )
    x = np.ascontiguousarray(np.moveaxis(array, 2, 0))
    count, chains, length = x.shape
    if length < _MIN_DRAWS or not count:
        nothing = np.full(count, np.nan)
        return Mixing(nothing, nothing.copy(), nothing.copy())
    unknown = np.isnan(x).any(axis=(1, 2))
    halves = _split(x)
    order = _Order.of(halves)
    scores = _normal_scores(halves, order)
    # Halves of an even length are all the draws there are.
    values = order.values if length % 2 == 0 else np.sort(x.reshape(count, -1), axis=1)
    tails = [_split(below) for below in _below_quantiles(x, values)]
    # One after the other: larger arrays leave the cache, and cost page faults.
    ess = [_ess(series) for series in (scores, *tails)]
    if chains == 1:
        rhat = _single_rhat(halves, scores, order)
    else:
        rhat = _rhat(halves, scores, order)
    for values in (rhat, *ess):
        values[unknown] = np.nan
    return Mixing(rhat, ess[0], np.minimum(ess[1], ess[2]))


def monte_carlo_errors(draws: NDArray[Any]) -> tuple[Floats, Floats]:
    """Compute the Monte Carlo standard errors of every quantity's mean and sd.

    With S effective draws for the mean, that of the mean is ``sd / sqrt(S)``. That of
    the standard deviation is, by the delta method, that of the mean square about the
    mean, with as many effective draws as the squares have, divided by twice the
    standard deviation (as ArviZ from 1.0 on; before, it took those of the mean).

    Parameters
    ----------
    draws : ndarray of shape (chain, draw, quantity)

    Returns
    -------
    mean, sd : ndarray of shape (quantity,)
        NaN for quantities with a draw that is not a number, and where chains have
        fewer than four draws.
    """
    import numpy as np

    x = np.ascontiguousarray(np.moveaxis(np.asarray(draws, dtype=float), 2, 0))
    count, _, length = x.shape
    if length < _MIN_DRAWS or not count:
        return np.full(count, np.nan), np.full(count, np.nan)
    # What stands still, or has infinite draws, has no error.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        of_mean = x.std(axis=(1, 2), ddof=1) / np.sqrt(_ess(_split(x)))
        squares = (x - x.mean(axis=(1, 2), keepdims=True)) ** 2
        variance = squares.mean(axis=(1, 2))
        varying = (squares**2).mean(axis=(1, 2)) - variance**2
        of_sd = np.sqrt(varying / _ess(_split(squares)) / variance / 4)
    return of_mean, of_sd


@dataclass(frozen=True)
class _Order:
    """Places of the sorted values of each quantity, chains in a row, and the values.

    Sorting takes longer than what follows from it: scores, quantiles and medians.
    """

    places: NDArray[np.intp]
    values: Floats

    @classmethod
    def of(cls, x: Floats) -> _Order:
        """Sort ``x`` of shape ``(quantity, chain, draw)``."""
        import numpy as np

        flat = x.reshape(x.shape[0], -1)
        places = np.argsort(flat, axis=1)
        rows = np.arange(flat.shape[0])[:, None]
        return cls(places, flat[rows, places])

    def medians(self) -> Floats:
        """Return the median of each quantity; NaN between two infinities."""
        import numpy as np

        size = self.values.shape[1]
        low, high = self.values[:, (size - 1) // 2], self.values[:, size // 2]
        with np.errstate(invalid="ignore", over="ignore"):
            middle: Floats = np.where(low == high, low, low / 2 + high / 2)
        return middle


def _split(x: Floats) -> Floats:
    """Return the halves of the chains as chains; a middle draw is left out."""
    import numpy as np

    half = x.shape[2] // 2
    return np.concatenate([x[:, :, :half], x[:, :, -half:]], axis=1)


def _below_quantiles(x: Floats, values: Floats) -> list[Floats]:
    """Return, for each tail, 1 for draws up to its quantile and 0 for the others.

    ``values`` are those of ``x``, sorted.
    """
    # The quantile interpolates from this order statistic towards the next one, and
    # no draw lies between.
    places = [(values.shape[1] - 1) * tail // 20 for tail in _TAILS]
    return [(x <= values[:, at, None, None]).astype(float) for at in places]


def _normal_scores(x: Floats, order: _Order) -> Floats:
    """Replace values by the normal scores of their ranks over all chains.

    Ties share their average rank r of n; the score is the normal quantile of
    ``(r - 3/8) / (n + 1/4)``.
    """
    import numpy as np
    from scipy.special import ndtri

    ordered = order.values
    count, size = ordered.shape
    same = ordered[:, 1:] == ordered[:, :-1]
    # Average ranks are 1, 1.5, 2, ... n: so few that all their scores are at hand.
    table: Floats = np.asarray(
        ndtri((np.arange(2, 2 * size + 1) / 2 - 0.375) / (size + 0.25))
    )
    by_place = np.tile(table[::2], (count, 1))
    tied = np.flatnonzero(same.any(axis=1))
    by_place[tied] = table[_twice_places(same[tied])]
    scores = np.empty_like(ordered)
    scores[np.arange(count)[:, None], order.places] = by_place
    return scores.reshape(x.shape)


def _twice_places(same: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return first plus last place, from 0, of each sorted value's equals.

    ``same`` tells of each value but the first if it equals the one before.
    """
    import numpy as np

    rows, size = same.shape[0], same.shape[1] + 1
    places = np.arange(size)
    first = np.tile(places, (rows, 1))
    first[:, 1:][same] = 0
    last = np.tile(places, (rows, 1))
    last[:, :-1][same] = size - 1
    first = np.maximum.accumulate(first, axis=1)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    twice: NDArray[np.intp] = first + last
    return twice


def _single_rhat(halves: Floats, scores: Floats, order: _Order) -> Floats:
    """Return R-hat with the halves of a single chain as two chains."""
    import numpy as np

    length = halves.shape[2]
    if length < _MIN_DRAWS:
        return np.full(halves.shape[0], np.nan)
    quarters = _split(halves)
    # Quarters of an even half are the same draws, with the same ranks.
    if length % 2 == 0:
        return _rhat(quarters, _split(scores), order)
    order = _Order.of(quarters)
    return _rhat(quarters, _normal_scores(quarters, order), order)


def _rhat(x: Floats, scores: Floats, order: _Order) -> Floats:
    """Return the larger of bulk and folded R-hat of chains that are split already."""
    import numpy as np

    centre = order.medians()[:, None, None]
    # Distances from an infinite median are not numbers: no folded R-hat.
    centre_there = np.isfinite(centre)
    with np.errstate(over="ignore"):
        folded = np.abs(
            np.where(centre_there, x, 0) - np.where(centre_there, centre, 0)
        )
    tail_scores = _normal_scores(folded, _Order.of(folded))
    bulk, tail = _variance_ratio(scores), _variance_ratio(tail_scores)
    # Of two values, too, the distances from the median may be all the same.
    return np.where(tail > bulk, tail, bulk)


def _variance_ratio(x: Floats) -> Floats:
    """Return the square root of total over within-chain variance."""
    import numpy as np

    length = x.shape[2]
    within = x.var(axis=2, ddof=1).mean(axis=1)
    between = length * x.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = np.sqrt((between / within + length - 1.0) / length)
    return ratio


def _ess(x: Floats) -> Floats:
    """Return effective sample sizes by Geyer's initial monotone sequence."""
    import numpy as np

    _, chains, length = x.shape
    total = chains * length
    covariance = _autocovariance(x)
    within = covariance[:, 0] * length / (length - 1.0)
    spread = covariance[:, 0] + x.mean(axis=2).var(axis=1, ddof=1)
    constant = np.ptp(x, axis=(1, 2)) < np.finfo(float).resolution
    spread[constant] = 1.0
    rho = 1.0 - (within[:, None] - covariance) / spread[:, None]
    rho[:, 0] = 1.0
    ess: Floats = total / np.maximum(_autocorrelation_time(rho), 1 / np.log10(total))
    ess[constant] = total
    return ess


def _autocovariance(x: Floats) -> Floats:
    """Return the autocovariance averaged over chains, ``(quantity, lag)``."""
    import numpy as np
    from scipy.fft import irfft, next_fast_len, rfft

    count, chains, length = x.shape
    size = next_fast_len(2 * length, real=True)
    centred = x - x.mean(axis=2, keepdims=True)
    covariance = np.empty((count, length))
    block = max(_BLOCK // (chains * size), 1)
    for start in range(0, count, block):
        rows = slice(start, start + block)
        spectrum = rfft(centred[rows], size, axis=2)
        energy = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
        covariance[rows] = irfft(energy, size, axis=1)[:, :length]
    covariance /= length
    return covariance


def _autocorrelation_time(rho: Floats) -> Floats:
    """Return the integrated autocorrelation times from autocorrelations by lag.

    Sums of neighbouring lags are added up to the first that is not positive, and
    none counts for more than the one before. Of that first one, the even lag still
    counts if it, or the sum, is positive.
    """
    import numpy as np

    most = max((rho.shape[1] - 3) // 2, 0)
    rows = np.arange(rho.shape[0])
    even, odd = rho[:, 0 : 2 * most + 1 : 2], rho[:, 1 : 2 * most + 2 : 2]
    sums = even[:, : odd.shape[1]] + odd
    ended = sums <= 0
    stop = np.where(ended.any(axis=1), ended.argmax(axis=1), most)
    falling = np.minimum.accumulate(sums, axis=1)
    counted = np.arange(sums.shape[1]) < stop[:, None]
    last = even[rows, stop]
    counts = (sums[rows, stop] >= 0) | (last > 0)
    time: Floats = -1.0 + 2.0 * (falling * counted).sum(axis=1) + last * counts
    return time
