"""Draw one picture of each system of the catalogue, as SVG, into a folder.

The fits are those of the examples, with the seeds that the README's figures have.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

import hbstan as hb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED = 1


def fit(model: str, data: str | None = None) -> hb.Fit:
    """Fit a model to its example."""
    name = data or hb.models.get(model).example_data
    return hb.fit(model, name, seed=SEED, backend="stanli")


def truth(data: str, name: str) -> object:
    """Return the true values of a simulated dataset."""
    return hb.datasets.describe(data).truth[name]


def studies() -> Figure:
    """Draw the BCG trials."""
    return hb.plots.meta_forest(hb.meta_analysis("bcg", seed=SEED, backend="stanli"))


def volatility() -> Figure:
    """Draw the path of the volatility."""
    found = fit("sv_noncentered", "volatility")
    return hb.plots.volatility(hb.volatility_path(found))


#: Name of the picture to what draws it.
PICTURES: Mapping[str, Callable[[], Figure]] = {
    "normal_groups": lambda: hb.plots.forest(
        fit("normal_groups_marginal", "small_groups")
    ),
    "meta_regression": studies,
    "logit_covariates": lambda: hb.plots.forest(fit("logit_covariates")),
    "linear_regression": lambda: hb.plots.forest(fit("linear_regression")),
    "logistic_regression": lambda: hb.plots.forest(fit("logistic_regression")),
    "mrp_logit": lambda: hb.plots.poststratified(
        hb.poststratify(fit("mrp_logit"), by="state")
    ),
    "irt_2pl": lambda: hb.plots.person_item_map(fit("irt_2pl")),
    "sv_noncentered": volatility,
    "football_poisson": lambda: hb.plots.league_table(
        hb.league_table(fit("football_poisson"), SEED)
    ),
    "gp_regression": lambda: hb.plots.surrogate(
        hb.predict_surface(fit("gp_regression"))
    ),
    "click_rates": lambda: hb.plots.shrinkage(
        hb.shrinkage(fit("beta_binomial_marginal", "streamrec"))
    ),
    "surgical": lambda: hb.plots.forest(
        hb.fit("logit", "surgical", seed=SEED, backend="stanli")
    ),
}


def main() -> int:
    """Draw the pictures asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pictures")
    parser.add_argument("--only", nargs="+", choices=sorted(PICTURES))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    # Equal figures give equal files, and text stays text.
    mpl.rcParams |= {"svg.hashsalt": "hbstan", "svg.fonttype": "none"}
    for name in options.only or PICTURES:
        file = options.out / f"{name}.svg"
        PICTURES[name]().savefig(file, metadata={"Date": None})
        print(f"{file.name}: {file.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
