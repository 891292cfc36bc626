"""Records of simulations to one labelled dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hbstan.errors import StoreError
from hbstan.sbc.simulation import PROBS

if TYPE_CHECKING:
    import xarray as xr

    from hbstan.sbc.store import Store

__all__ = ["collect"]

#: Per simulation and quantity; where a simulation failed, NaN.
_REALS = (
    "simulated_value",
    "posterior_mean",
    "posterior_sd",
    "rhat",
    "ess_bulk",
    "ess_tail",
)
#: The same for whole numbers; where a simulation failed, -1.
_INTEGERS = ("rank", "rank_draws")
_COUNTS = ("divergences", "treedepth_hits")
_TEXTS = ("status", "error", "console")


def collect(
    store: Store, sim_ids: Iterable[int], labels: tuple[str, ...], test: Iterable[str]
) -> xr.Dataset:
    """Read records into a dataset.

    Parameters
    ----------
    store : Store
    sim_ids : iterable of int
        The simulations, in order.
    labels : tuple of str
        The quantities.
    test : iterable of str
        Those that are test quantities, not parameters.

    Returns
    -------
    xarray.Dataset
        Dims ``sim_id``, ``quantity``, ``prob``; see
        :class:`hbstan.sbc.result.SBCResult`.

    Raises
    ------
    StoreError
        If a record is missing, damaged, or has other quantities.
    """
    import numpy as np
    import xarray as xr

    ids = list(sim_ids)
    arrays = _empty(len(ids), len(labels))
    for row, sim_id in enumerate(ids):
        _fill(arrays, row, store.read(sim_id), len(labels))
    two, tests = ("sim_id", "quantity"), set(test)
    variables: dict[str, Any] = {
        name: (two, arrays[name]) for name in (*_INTEGERS, *_REALS)
    }
    variables["posterior_quantile"] = ((*two, "prob"), arrays["posterior_quantile"])
    for name in (*_COUNTS, "seconds"):
        variables[name] = ("sim_id", arrays[name])
    for name in _TEXTS:
        variables[name] = ("sim_id", np.asarray(arrays[name], dtype=str))
    roles = ["test_quantity" if q in tests else "parameter" for q in labels]
    coords = {
        "sim_id": np.asarray(ids, dtype=np.int64),
        "quantity": np.asarray(labels, dtype=str),
        "prob": np.asarray(PROBS),
        "role": ("quantity", np.asarray(roles, dtype=str)),
    }
    return xr.Dataset(variables, coords=coords)


def _empty(n: int, quantities: int) -> dict[str, Any]:
    import numpy as np

    shape = (n, quantities)
    arrays: dict[str, Any] = {name: np.full(shape, np.nan) for name in _REALS}
    arrays |= {name: np.full(shape, -1, dtype=np.int64) for name in _INTEGERS}
    arrays["posterior_quantile"] = np.full((*shape, len(PROBS)), np.nan)
    arrays |= {name: np.zeros(n, dtype=np.int64) for name in _COUNTS}
    arrays["seconds"] = np.zeros(n)
    arrays |= {name: [""] * n for name in _TEXTS}
    return arrays


def _fill(
    arrays: dict[str, Any], row: int, record: Mapping[str, Any], quantities: int
) -> None:
    """Put one record into its row."""
    for name in (*_COUNTS, *_TEXTS, "seconds"):
        if name in record:
            arrays[name][row] = record[name]
    for name in (*_INTEGERS, *_REALS, "posterior_quantile"):
        if name not in record:
            continue
        values = record[name]
        # A failed simulation has the values of its parameters, which come first.
        if len(values) > quantities or (
            record["status"] == "ok" and len(values) != quantities
        ):
            raise StoreError(
                f"the record of simulation {record['sim_id']} has {len(values)} "
                f"values of {name}, but there are {quantities} quantities.",
                remedy="Remove the record, and run again with resume.",
            )
        arrays[name][row, : len(values)] = values
