"""Datasets of calibrations whose truth is known, without a sampler.

Each quantity is a normal mean with a standard normal prior and one datum with standard
deviation 1/2: the posterior is normal with mean 0.8 y and variance 0.2, exactly. A
wrong posterior has another mean or standard deviation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import norm

MAX_RANK = 119
PROBS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
SD = 0.2**0.5


def dataset(
    n: int,
    labels: tuple[str, ...] = ("mu", "tau"),
    *,
    tests: tuple[str, ...] = (),
    shift: Mapping[str, float] | None = None,
    scale: Mapping[str, float] | None = None,
    max_rank: int = MAX_RANK,
    seed: int = 1,
) -> xr.Dataset:
    """All simulations succeed and converge; ``shift`` is in posterior sds."""
    rng = np.random.default_rng(seed)
    names = (*labels, *tests)
    shape = (n, len(names))
    value = rng.standard_normal(shape)
    off = np.array([(shift or {}).get(name, 0.0) for name in names])
    wide = np.array([(scale or {}).get(name, 1.0) for name in names])
    sd = np.broadcast_to(SD * wide, shape).copy()
    mean = 0.8 * (value + 0.5 * rng.standard_normal(shape)) + off * SD
    rank = np.floor(norm.cdf(value, mean, sd) * (max_rank + 1)).astype(np.int64)
    two = ("sim_id", "quantity")
    quantile = norm.ppf(PROBS, mean[..., None], sd[..., None])
    variables: dict[str, Any] = {
        "rank": (two, rank.clip(0, max_rank)),
        "rank_draws": (two, np.full(shape, 250)),
        "simulated_value": (two, value),
        "posterior_mean": (two, mean),
        "posterior_sd": (two, sd),
        "posterior_quantile": ((*two, "prob"), quantile),
        "rhat": (two, np.full(shape, 1.001)),
        "ess_bulk": (two, np.full(shape, 400.0)),
        "ess_tail": (two, np.full(shape, 300.0)),
        "divergences": ("sim_id", np.zeros(n, dtype=np.int64)),
        "treedepth_hits": ("sim_id", np.zeros(n, dtype=np.int64)),
        "seconds": ("sim_id", rng.uniform(size=n)),
        "status": ("sim_id", np.full(n, "ok", dtype="<U6")),
        "error": ("sim_id", np.full(n, "", dtype="<U60")),
        "console": ("sim_id", np.full(n, "", dtype="<U60")),
    }
    coords = {
        "sim_id": np.arange(n),
        "quantity": np.asarray(names, dtype=str),
        "prob": np.asarray(PROBS),
        "role": (
            "quantity",
            np.asarray(["parameter"] * len(labels) + ["test_quantity"] * len(tests)),
        ),
    }
    identity = json.dumps({"ranking": {"max_rank": max_rank}})
    return xr.Dataset(variables, coords, {"identity": identity})


def fail(
    data: xr.Dataset, which: Any, error: str = "no posterior", *, early: bool = False
) -> xr.Dataset:
    """Return a copy in which simulations failed; early: before values were drawn."""
    out = data.copy(deep=True)
    for name in ("rank", "rank_draws"):
        out[name].values[which] = -1
    for name in (
        *("posterior_mean", "posterior_sd", "posterior_quantile"),
        *("rhat", "ess_bulk", "ess_tail"),
    ):
        out[name].values[which] = np.nan
    values = out["simulated_value"].values
    known = (out["role"].values == "parameter") & (not early)
    values[which] = np.where(known, values[which], np.nan)
    out["status"].values[which] = "failed"
    out["error"].values[which] = error
    return out
