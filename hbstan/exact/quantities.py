"""What an exact posterior says of one quantity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["FUNCTIONS", "Quantity"]

#: Monotone functions of a hyperparameter, by the names that forms use.
FUNCTIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "identity": lambda x: x,
    "inv_logit": lambda x: special.expit(x),
    "square": lambda x: x**2,
    # A single trial has the logistic variance pi^2 / 3.
    "icc_logistic": lambda x: 1.0 / (1.0 + (np.pi / x) ** 2 / 3.0),
    "icc_concentration": lambda x: 1.0 / (1.0 + x),
}


@dataclass(frozen=True)
class Quantity:
    """Mean, standard deviation and quantiles of a quantity, one value an item.

    Parameters
    ----------
    mean, sd : ndarray of shape (items,)
        NaN where the posterior's tail is too heavy to have one.
    quantiles : ndarray of shape (probabilities, items)
        NaN where they are not known.
    error : ndarray of shape (items,)
        Estimated error of mean and sd, in units of the sd.
    per_group : bool
        Whether items are groups.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    error: NDArray[np.float64]
    per_group: bool = False

    def of(self, items: NDArray[np.int64]) -> Quantity:
        """Return the quantity of groups from that of distinct items."""
        if not self.per_group:
            return self
        return replace(
            self,
            mean=self.mean[items],
            sd=self.sd[items],
            quantiles=self.quantiles[:, items],
            error=self.error[items],
        )
