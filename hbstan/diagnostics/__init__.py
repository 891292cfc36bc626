"""Can the draws be trusted? A labelled tree in, checks with a verdict out.

The statistics are those of ArviZ: rank-normalized split R-hat, bulk and tail
effective sample size (Vehtari et al. 2021, doi:10.1214/20-BA1221) and the energy
Bayesian fraction of missing information (Betancourt 2016, arXiv:1604.00695).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hbstan.diagnostics.convergence import check_convergence
from hbstan.diagnostics.draws import check_draws, columns_of, is_constant
from hbstan.diagnostics.sampler import check_bfmi, check_divergences, check_treedepth
from hbstan.diagnostics.thresholds import Thresholds
from hbstan.errors import FitError
from hbstan.results import Checks

if TYPE_CHECKING:
    from typing import Protocol

    import xarray as xr

    class HasTree(Protocol):
        """Anything that holds a labelled tree, such as a fit."""

        @property
        def tree(self) -> xr.DataTree:
            """The labelled tree."""


__all__ = ["Thresholds", "columns_of", "diagnose", "is_constant"]


def diagnose(
    fit: xr.DataTree | HasTree, thresholds: Thresholds | None = None
) -> Checks:
    """Check draws and sampler statistics.

    Parameters
    ----------
    fit : xarray.DataTree or Fit
        With the groups ``posterior`` and, for the sampler's own checks,
        ``sample_stats``. Attributes of the root (JSON lists) name the variables that
        the sampler moves, ``sampled`` (without it all count as such), and those of
        them that are ``constant`` by declaration, such as a simplex of one element.
    thresholds : Thresholds, optional
        The limits.

    Returns
    -------
    Checks
        ``draws`` (finite and moving), ``rhat``, ``ess_bulk``, ``ess_tail``,
        ``divergences``, ``treedepth``, ``bfmi``. What cannot be computed is not
        run, which is no pass.

    Raises
    ------
    FitError
        If there is no posterior.
    """
    limits = thresholds or Thresholds()
    tree: Any = fit if hasattr(fit, "children") else getattr(fit, "tree", None)
    if tree is None:
        raise FitError(
            f"{type(fit).__name__} cannot be diagnosed: give a fit or a DataTree."
        )
    if "posterior" not in tree.children:
        raise FitError(
            "there is no posterior group to diagnose; the groups are "
            f"{', '.join(tree.children) or 'none'}."
        )
    columns = list(columns_of(tree["posterior"].to_dataset()))
    moving, draws_check = check_draws(columns, _sampled(tree))
    stats = (
        tree["sample_stats"].to_dataset() if "sample_stats" in tree.children else None
    )
    return Checks(
        (
            draws_check,
            *check_convergence(moving, limits),
            check_divergences(stats, limits),
            check_treedepth(stats, limits),
            check_bfmi(stats, limits),
        )
    )


def _sampled(tree: xr.DataTree) -> set[str] | None:
    names = tree.attrs.get("sampled")
    # An empty list comes from a backend that does not tell.
    sampled = set(json.loads(names)) if names else set()
    return sampled - set(json.loads(tree.attrs.get("constant", "[]"))) or None
