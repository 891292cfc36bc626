"""Calibrate a model of the catalogue from Python: an example to copy.

Prints the table of quantities, the checks and the verdict; with ``--out`` it also
keeps every simulation, so that the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import hbstan as hb

COLUMNS = ["rank_mean", "p_value", "p_adjusted", "z_mean", "z_sd", "coverage_95"]


def main() -> int:
    """Run the simulations and return 0 if every check passed, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=hb.models.names())
    parser.add_argument("--sims", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--out", type=Path, help="folder for records and figures")
    options = parser.parse_args()
    result = hb.sbc(
        options.model,
        n_sims=options.sims,
        seed=options.seed,
        backend=options.backend,
        store=options.out and options.out / "store",
        resume=True,
    )
    checks = result.checks()
    print(result.summary()[COLUMNS].to_string(float_format="{:.3f}".format))
    print(checks.to_frame()[["outcome", "detail"]].to_string())
    print(result.record()["verdict"])
    if options.out:
        result.save(options.out / "sbc.nc")
        result.save_summary(options.out / "summary.json")
        for name, draw in hb.plots.SBC_FIGURES.items():
            draw(result).savefig(options.out / f"{name}.png", dpi=150)
    return 0 if checks.passed else 1


if __name__ == "__main__":
    sys.exit(main())
