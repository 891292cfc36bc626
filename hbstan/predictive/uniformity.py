"""A test of uniformity for values that depend on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["pot_c"]


def pot_c(pit: ArrayLike) -> tuple[float, NDArray[np.float64]]:
    """Test values for uniformity by their order statistics and Cauchy combination.

    If the values are uniform, the i-th smallest of n is beta(i, n - i + 1): each gives
    a two-sided p-value ``p_i = 2 min(F_i, 1 - F_i)``. They are combined by ``T = sum_i
    tan(pi (1/2 - p_i)) [p_i < 1/2] / n`` into ``1/2 - arctan(T) / pi``. A Cauchy sum
    has nearly the tail of a single term however the terms depend on each other (Liu
    and Xie 2020, doi:10.1080/01621459.2018.1554485), which is what leave-one-out
    values of one data set do: the test POT-C of Tesso and Vehtari (2026,
    arXiv:2603.02928).

    Parameters
    ----------
    pit : array_like of shape (n,)
        From 0 to 1.

    Returns
    -------
    p_value : float
        Above 0 and at most 0.5, the value where no ``p_i`` is below one half.
    pointwise : ndarray of shape (n,)
        ``p_i`` in the order of the values given: which of them lie oddly.

    Raises
    ------
    SettingsError
        If there is no value, or one outside 0 to 1.
    """
    import numpy as np
    from scipy.stats import beta, cauchy

    values = np.asarray(pit, dtype=float)
    wrong = ~((values >= 0) & (values <= 1))
    if values.ndim != 1 or not values.size or wrong.any():
        shown = f"{values[wrong][0]:g}" if wrong.any() else f"shape {values.shape}"
        raise SettingsError(f"the values must be a list from 0 to 1, not {shown}.")
    order = np.argsort(values, kind="stable")
    i = np.arange(1, values.size + 1)
    ordered = beta(i, i[::-1])
    tails = ordered.cdf(values[order]), ordered.sf(values[order])
    p = np.minimum(2.0 * np.minimum(*tails), 1.0)
    # Below the smallest number, a tail counts as that number.
    terms = np.where(p < 0.5, cauchy.isf(np.maximum(p, np.finfo(float).tiny)), 0.0)
    pointwise = np.empty_like(p)
    pointwise[order] = p
    return float(cauchy.sf(terms.mean())), pointwise
