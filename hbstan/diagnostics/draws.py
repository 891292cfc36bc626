"""The scalar quantities of a posterior, and whether they move at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.diagnostics.thresholds import MOST_SUBJECTS
from hbstan.results import Check, Outcome

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Column", "check_draws", "columns_of", "is_constant"]

#: Draws that differ by less, relatively, differ by rounding alone.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Column:
    """All draws of one scalar quantity, shape ``(chain, draw)``."""

    label: str
    variable: str
    draws: NDArray[Any]


def columns_of(posterior: xr.Dataset) -> Iterator[Column]:
    """Yield every scalar quantity of ``posterior`` under its label."""
    import numpy as np

    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...)
        for index in np.ndindex(values.shape[2:]):
            where = []
            for dim, position in zip(values.dims[2:], index, strict=True):
                coord = values.coords.get(dim)
                where.append(str(position if coord is None else coord.values[position]))
            label = f"{name}[{', '.join(where)}]" if where else str(name)
            yield Column(label, str(name), values.values[(..., *index)])


def is_constant(draws: NDArray[Any]) -> bool:
    """Whether draws are the same but for rounding: a constant by construction.

    The diagonal of a correlation matrix, computed from its Cholesky factor, is such a
    quantity. It has no R-hat and no effective sample size.

    Parameters
    ----------
    draws : ndarray
        Finite.
    """
    import numpy as np

    return bool(np.ptp(draws) <= _ROUNDING * np.max(np.abs(draws)))


def check_draws(
    columns: list[Column], sampled: set[str] | None
) -> tuple[list[Column], Check]:
    """Find quantities that are not finite or do not move.

    A chain that stands still while another moves is stuck. A quantity that is the
    same in all chains may be so by construction (a derived constant, an element of
    a Cholesky factor), but not a sampled variable as a whole.
    """
    import numpy as np

    infinite, stuck, moving = [], [], []
    still: dict[str, list[str]] = {}
    for column in columns:
        if not np.isfinite(column.draws).all():
            infinite.append(column.label)
            continue
        flat = np.ptp(column.draws, axis=1) == 0
        if is_constant(column.draws):
            still.setdefault(column.variable, []).append(column.label)
        elif flat.any():
            stuck.append(column.label)
        else:
            moving.append(column)
    moved = {c.variable for c in moving}
    for variable, names in still.items():
        if variable not in moved and (sampled is None or variable in sampled):
            stuck += names
    constant = [n for names in still.values() for n in names if n not in stuck]
    label, rule = "Draws are finite and move", "no NaN, no standstill"
    bad = infinite + stuck
    if bad or not columns:
        pieces = [
            f"{len(infinite)} not finite" if infinite else "",
            f"{len(stuck)} standing still" if stuck else "",
            "" if columns else "there are no quantities",
        ]
        check = Check(
            "draws",
            label,
            Outcome.FAIL,
            value=len(bad),
            threshold=0,
            rule=rule,
            subjects=tuple(bad[:MOST_SUBJECTS]),
            detail=", ".join(p for p in pieces if p),
            advice="Look for a numerical overflow, a reject in the generated "
            "quantities, a program without randomness, or a chain that never left its "
            "initial value.",
        )
        return moving, check
    detail = f"{len(columns)} quantit{'y' if len(columns) == 1 else 'ies'}"
    if constant:
        detail += f"; constant by construction: {', '.join(constant[:3])}"
        detail += ", ..." if len(constant) > 3 else ""
    check = Check("draws", label, Outcome.PASS, 0, 0, rule, detail=detail)
    return moving, check
