"""R-hat and effective sample sizes of many quantities at once.

The definitions are those of Vehtari et al. (2021, doi:10.1214/20-BA1221) as ArviZ
computes them, and the tests hold them against ArviZ. A simulation of SBC takes
milliseconds, of which ArviZ, quantity by quantity, would use more than the sampler:
hence one pass over all quantities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Mixing", "mixing"]

#: Chains with fewer draws have no convergence statistics.
_MIN_DRAWS = 4
#: The quantiles that the tail ESS is about.
_TAILS = (0.05, 0.95)


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

    Parameters
    ----------
    draws : ndarray of shape (chain, draw, quantity)
        Of a single chain, R-hat compares the halves, each split again: it sees a
        drift within the chain, not that the chain as a whole is in a wrong place.

    Returns
    -------
    Mixing
        NaN for quantities that are not finite, and where chains (or the halves of a
        single one) have fewer than four draws. A constant quantity has no R-hat, and
        as many effective draws as draws.
    """
    import numpy as np

    x = np.ascontiguousarray(np.moveaxis(np.asarray(draws, dtype=float), 2, 0))
    count, _, length = x.shape
    if length < _MIN_DRAWS:
        nothing = np.full(count, np.nan)
        return Mixing(nothing, nothing.copy(), nothing.copy())
    finite = np.isfinite(x).all(axis=(1, 2))
    x = np.where(finite[:, None, None], x, 0.0)
    split = _split(x)
    scores = _normal_scores(split)
    limits = np.quantile(x.reshape(count, -1), _TAILS, axis=1)
    tails = [_split((x <= limit[:, None, None]).astype(float)) for limit in limits]
    ess = _ess(np.concatenate([scores, *tails])).reshape(3, count)
    single = x.shape[1] == 1
    rhat = _split_rhat(split if single else x, scores if single else None)
    for values in (rhat, *ess):
        values[~finite] = np.nan
    return Mixing(rhat, ess[0], np.minimum(ess[1], ess[2]))


def _split(x: Floats) -> Floats:
    """Return the halves of the chains as chains; a middle draw is left out."""
    import numpy as np

    half = x.shape[2] // 2
    return np.concatenate([x[:, :, :half], x[:, :, -half:]], axis=1)


def _normal_scores(x: Floats) -> Floats:
    """Replace values by the normal scores of their ranks over all chains."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    flat = x.reshape(x.shape[0], -1)
    ranks = rankdata(flat, method="average", axis=1)
    scores: Floats = ndtri((ranks - 0.375) / (flat.shape[1] + 0.25))
    return scores.reshape(x.shape)


def _split_rhat(x: Floats, scores: Floats | None) -> Floats:
    """Return the larger of bulk and folded R-hat of the split chains.

    ``scores`` are the chains' normal scores, if they are known.
    """
    import numpy as np

    if x.shape[2] < _MIN_DRAWS:
        return np.full(x.shape[0], np.nan)
    pieces = _split(x)
    folded = np.abs(pieces - np.median(pieces, axis=(1, 2), keepdims=True))
    # Halves of an even number of draws are the same draws, with the same ranks.
    known = scores is not None and x.shape[2] % 2 == 0
    bulk = _rhat(_split(scores) if known else _normal_scores(pieces))
    tail = _rhat(_normal_scores(folded))
    # Of two values, the distances from the median are all the same: no tail.
    return np.where(tail > bulk, tail, bulk)


def _rhat(x: Floats) -> Floats:
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
    from scipy.fft import irfft, next_fast_len, rfft

    length = x.shape[2]
    size = next_fast_len(2 * length, real=True)
    spectrum = rfft(x - x.mean(axis=2, keepdims=True), size, axis=2)
    energy = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    covariance: Floats = irfft(energy, size, axis=1)[:, :length] / length
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
