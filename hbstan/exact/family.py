"""What a family of models must be able to say at points of its hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.exact.axes import Axis

__all__ = ["Family", "Moments"]


@dataclass(frozen=True)
class Moments:
    """Mean and variance of one quantity given the hyperparameters.

    Parameters
    ----------
    mean, variance : ndarray of shape (points, items)
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


class Family(Protocol):
    """Groups that are independent given hyperparameters; one file a family.

    Groups with the same outcome are one *item*. Points are rows of ``t``, in the
    order of ``axes``.
    """

    #: Whether ``total`` is the sum of ``terms`` over the groups of the likelihood.
    additive: ClassVar[bool]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The hyperparameters that are put on the lattice."""

    @property
    def counts(self) -> NDArray[np.float64]:
        """How many groups of the likelihood each item stands for; 0 if held out."""

    def starts(self) -> NDArray[np.float64]:
        """Return points near which the posterior may be, for the search."""

    def total(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log likelihood of all groups, one a point."""

    def terms(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each item's log predictive density, given the others and the point.

        Returns
        -------
        ndarray of shape (points, items)
            A posterior without a group has weights divided by the exponential of
            this.
        """

    def moments(self, t: NDArray[np.float64]) -> dict[str, Moments]:
        """Return moments of the items' own and of the population's quantities."""

    def inner_error(self) -> NDArray[np.float64]:
        """Return the largest error of a group's integral, at each point of ``terms``.

        Of the last call. One number where there is none.
        """
