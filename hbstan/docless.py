"""Libraries that take documentation for granted, where Python runs without any.

With ``python -OO`` there are no docstrings, and ArviZ adds to those of its functions.
"""

from __future__ import annotations

import sys

__all__ = ["spare_arviz"]


def spare_arviz() -> None:
    """Keep ArviZ from adding to docstrings that are not there."""
    if sys.flags.optimize < 2:
        return
    from arviz_stats.base import stats_utils

    if hasattr(stats_utils, "update_docstring"):
        stats_utils.update_docstring = lambda *given: None
