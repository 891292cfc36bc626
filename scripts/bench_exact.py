"""Time and memory of exact posteriors, from 12 groups to 100,000.

    python scripts/bench_exact.py

Everything is counted: the search, the lattice, means, sds and quantiles of all groups,
and every group's leave-one-out density. CPU seconds do not count what other processes
take.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import hbstan as hb
from hbstan.exact.forms import solve
from hbstan.priors import HalfCauchy, HalfNormal, Normal

QUANTILES = (0.03, 0.5, 0.97)


def _binomial(groups: int, trials: tuple[int, int]) -> Callable[[], Any]:
    rng = np.random.default_rng(1)
    n = rng.integers(*trials, groups)
    p = 1.0 / (1.0 + np.exp(2.5 - 0.45 * rng.normal(size=groups)))
    arrays = {"y": rng.binomial(n, p).astype(float), "n": n.astype(float)}
    priors = {"mu": Normal(0, 1.5), "tau": HalfNormal(1)}
    seen = np.ones(groups, bool)
    return lambda: solve("logit_normal", arrays, priors, seen, 1e-5).solution


def _estimates(groups: int) -> Callable[[], Any]:
    rng = np.random.default_rng(1)
    se = np.exp(rng.normal(0.0, 0.7, groups))
    y = 3.0 + 0.8 * rng.normal(size=groups) + se * rng.normal(size=groups)
    priors = {"mu": Normal(0, 20), "tau": HalfCauchy(10)}
    seen = np.ones(groups, bool)
    return lambda: solve("normal", {"y": y, "error": se}, priors, seen, 1e-5).solution


def _surgical() -> Any:
    return hb.exact("logit", "surgical").solved.solution


CASES: dict[str, Callable[[], Any]] = {
    "surgical, 12 groups": _surgical,
    "1,000 binomial groups of 20 to 400": _binomial(1_000, (20, 400)),
    "100,000 binomial groups of 20 to 60": _binomial(100_000, (20, 60)),
    "1,000 estimates": _estimates(1_000),
    "100,000 estimates": _estimates(100_000),
}


def main() -> None:
    """Run it."""
    _surgical()  # what is loaded once does not count
    print("| case | CPU s | wall s | points | items | error | peak MB so far |")
    print("|---|---|---|---|---|---|---|")
    for case, make in CASES.items():
        cpu, wall = time.process_time(), time.perf_counter()
        found = make()
        found.quantities(QUANTILES)
        found.left_out()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        error = found.lattice_error + found.inner_error
        print(
            f"| {case} | {cpu:.2f} | {wall:.2f} | {len(found.points)} | "
            f"{len(found.family.counts)} | {error:.0e} | {peak:.0f} |"
        )


if __name__ == "__main__":
    main()
