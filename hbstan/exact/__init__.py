"""Exact posteriors: hyperparameters on a lattice, groups integrated out, no chains.

Where groups are independent given two to four hyperparameters, the posterior follows
by sums. Written apart from the Stan programs, it judges every fit of them.
"""

from __future__ import annotations

from hbstan.exact.posterior import ExactPosterior, exact, exact_of_plan

__all__ = ["ExactPosterior", "exact", "exact_of_plan"]
