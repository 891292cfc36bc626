"""Temperature trends of regions on two roads, side by side.

One road fits all months at once: a linear regression whose intercept and trend vary by
region. The other takes each region's trend and standard error from least squares and
pools those. With this many months both say the same.
"""

from __future__ import annotations

import argparse
from typing import Any

import hbstan as hb
from hbstan.data import group_estimates
from hbstan.data.regression_examples import monthly_series
from hbstan.data.regressions import regression

#: What the source prints: least squares, its error, pooled, true.
PRINTED = {
    "Northeast": (0.2012, 0.0058, 0.2026, 0.2016),
    "Southeast": (0.1867, 0.0072, 0.1900, 0.1908),
    "Midwest": (0.1984, 0.0053, 0.1998, 0.2012),
    "Southwest": (0.2463, 0.0094, 0.2389, 0.2474),
    "Northwest": (0.1589, 0.0119, 0.1692, 0.1582),
    "Central": (0.2176, 0.0064, 0.2166, 0.2147),
    "Coastal": (0.2325, 0.0079, 0.2290, 0.2330),
    "Mountain": (0.2156, 0.0144, 0.2131, 0.2199),
}


def two_roads(backend: str, seed: int) -> Any:
    """Return a table of trends, one row a region, in degrees C per decade."""
    import numpy as np
    import pandas as pd
    from scipy import stats

    table, trends = monthly_series(np.random.default_rng(42))
    months = regression(
        table, outcome="anomaly", covariates="decade", group="region", varying="decade"
    )
    lines = [
        stats.linregress(months.X[months.rows() == j, 0], months.y[months.rows() == j])
        for j in range(months.J)
    ]
    slopes = [line.slope for line in lines]
    errors = [line.stderr for line in lines]
    estimates = group_estimates(
        {"region": months.labels, "slope": slopes, "se": errors},
        group="region",
        estimate="slope",
        se="se",
    )
    priors = hb.datasets.load("climate_monthly").family_priors["linear_regression"]
    one = hb.fit(
        "linear_regression",
        months,
        priors=priors,
        seed=seed,
        backend=backend,
        predictive=False,
    )
    two = hb.fit(
        "eight_schools_noncentered",
        estimates,
        priors={"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"},
        seed=seed,
        backend=backend,
    )
    coef = one.posterior["coef"].sel(effect="decade")
    theta = two.posterior["theta"]
    over = ("chain", "draw")
    result = pd.DataFrame(
        {
            "months": np.bincount(months.rows()),
            "true": trends,
            "least squares": slopes,
            "error": errors,
            "slopes pooled": theta.mean(over).values,
            "sd": theta.std(over).values,
            "months at once": coef.mean(over).values,
            "sd ": coef.std(over).values,
            "printed pooled": [PRINTED[label][2] for label in months.labels],
            "printed true": [PRINTED[label][3] for label in months.labels],
        },
        index=months.labels,
    )
    result.attrs["mean trend"] = (
        float(two.posterior["mu"].mean()),
        float(one.posterior["beta"].mean()),
    )
    return result


def main() -> None:
    """Fit both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    table = two_roads(options.backend, options.seed)
    print(table.round(4).to_string())
    two, one = table.attrs["mean trend"]
    print(f"mean trend: slopes pooled {two:.4f}, months at once {one:.4f}, true 0.2000")
    spread = (table["sd"] + table["sd "]) / 2
    gap = (table["months at once"] - table["slopes pooled"]).abs() / spread
    print(f"largest gap between the roads: {gap.max():.2f} posterior sd")


if __name__ == "__main__":
    main()
