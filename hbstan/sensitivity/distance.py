"""How far two posteriors are from each other, each known by its draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cjs_distance", "noise"]


def cjs_distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the cumulative Jensen-Shannon distance of two samples.

    With the empirical distribution functions P and Q,
    ``D^2 = int P log2(2 P / (P + Q)) + Q log2(2 Q / (P + Q)) dx / int P + Q dx``,
    integrated over the range of all draws, and the larger D of the draws and of their
    negatives, because the integral weighs the two ends of an axis differently
    (Kallioinen et al. 2024, doi:10.1007/s11222-023-10366-5). It has no unit, and does
    not change when both samples are moved or stretched.

    Parameters
    ----------
    first, second : ndarray
        Draws of one quantity, of any shape and number.

    Returns
    -------
    float
        From 0 (the same) to 1.
    """
    import numpy as np

    a, b = np.ravel(first).astype(float), np.ravel(second).astype(float)
    return max(_one_way(a, b), _one_way(-a, -b))


def noise(draws: NDArray[Any]) -> float:
    """Return the distance that chance alone puts between two runs of this length.

    Chains of one fit have the same distribution, so their distances are chance; that
    of runs of ``m`` chains is smaller by the square root of ``m``.

    Parameters
    ----------
    draws : ndarray of shape (chain, draw)
        One chain is taken as two, its halves.

    Returns
    -------
    float
        On the scale of :func:`cjs_distance`.
    """
    from itertools import combinations

    import numpy as np

    half = draws.shape[1] // 2
    single = draws.shape[0] == 1
    pieces = [draws[0, :half], draws[0, half:]] if single else list(draws)
    between = [cjs_distance(a, b) for a, b in combinations(pieces, 2)]
    return float(np.mean(between) / np.sqrt(len(pieces)))


def _one_way(a: NDArray[Any], b: NDArray[Any]) -> float:
    import numpy as np

    points = np.sort(np.concatenate([a, b]))
    widths = np.diff(points)
    p = np.searchsorted(np.sort(a), points[:-1], side="right") / a.size
    q = np.searchsorted(np.sort(b), points[:-1], side="right") / b.size
    total = np.dot(p + q, widths)
    # Both functions are 0 in front of the first point, and one may be for longer.
    apart = np.dot(_relative(p, p + q) + _relative(q, p + q), widths)
    return float(np.sqrt(max(apart, 0.0) / total)) if total > 0 else 0.0


def _relative(p: NDArray[Any], both: NDArray[Any]) -> NDArray[Any]:
    """Return ``p log2(2 p / both)``, which is 0 where p is."""
    import numpy as np
    from scipy.special import rel_entr

    return np.asarray(rel_entr(p, both / 2.0) / np.log(2.0))
