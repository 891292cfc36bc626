"""Click rates of StreamRec's 25 categories: error by size against the raw rates.

The bundled table and its printed truth; then many data sets of the same population and
sizes, for what pooling gains on average. Prints tables of ``pooling.md`` in Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from markdown import percent, table

import hbstan as hb

CUTS = (2000, 10_000)
_RANGES = {
    "all": (0, np.inf),
    "below 2000": (0, CUTS[0]),
    "2000 to 10000": CUTS,
    "10000 or more": (CUTS[1], np.inf),
}
#: The population that the source simulates from: beta(3, 7).
MU, KAPPA = 0.3, 10.0
#: Mean squared errors as the source prints them: raw rates, hierarchical estimates.
PRINTED = {
    "all": (2.1476e-4, 0.9832e-4),
    "below 2000": (9.4312e-4, 3.8120e-4),
    "10000 or more": (2.18e-6, 1.95e-6),
}


def bundled(backend: str) -> tuple[str, str, Any]:
    """Return printed and computed errors, what was to be expected, and a picture."""
    lab = hb.pooling_lab(
        "streamrec",
        method="bayes",
        models={"partial": "beta_binomial"},
        backend=backend,
        seed=1,
    )
    closed = hb.pooling_lab("streamrec").scores(CUTS)["mse"].unstack()
    fitted, raw = lab.scores(CUTS)["mse"].unstack(), closed["none"]
    data: Any = hb.datasets.load("streamrec")
    p = np.asarray(hb.datasets.describe("streamrec").truth["p"])
    variance = p * (1 - p) / data.n
    masks = {name: _mask(name, data.n) for name in _RANGES}
    rows = []
    for name, mask in masks.items():
        printed = PRINTED.get(name, (float("nan"),) * 2)
        gain = 1 - fitted["partial"][name] / raw[name]
        rows.append(
            (
                name,
                *(f"{x:.3g}" if x == x else "" for x in printed),
                percent(1 - printed[1] / printed[0])
                if printed[0] == printed[0]
                else "",
                *(
                    f"{x[name]:.3g}"
                    for x in (raw, fitted["partial"], closed["partial"])
                ),
                percent(gain),
                f"{variance[mask].mean():.3g}",
            )
        )
    head = (
        *("impressions", "raw, printed", "hierarchical, printed", "gain, printed"),
        *("raw, computed", "hierarchical", "empirical Bayes", "gain"),
        "raw, expected of the printed truth",
    )
    z = (data.y / data.n - p) / np.sqrt(variance)
    small = masks["below 2000"]
    checks = lab.fits["partial"].diagnose()
    found = hb.assess("streamrec")
    words = (
        f"Diagnostics of the fit: {checks.outcome.value}. Chi-square of the printed "
        f"rates against the printed truth: {z @ z:.1f} on {len(z)} degrees of freedom, "
        f"{z[small] @ z[small]:.1f} on {int(small.sum())} in the small categories. "
        f"`hb.assess`, without the truth: {found.verdict}, expected gain "
        f"{percent(found.gain)}."
    )
    return table(head, rows), words, hb.plots.pooling_lab(lab)


def replicated(count: int) -> str:
    """Return mean errors over many data sets of the population and these sizes."""
    rng = np.random.default_rng(7)
    data: Any = hb.datasets.load("streamrec")
    found = []
    for _ in range(count):
        p = rng.beta(MU * KAPPA, (1 - MU) * KAPPA, data.J)
        again = hb.data.GroupedBinomial(
            labels=data.labels, n=data.n, y=rng.binomial(data.n, p), name="replicate"
        )
        scores = hb.pooling_lab(again, p.tolist()).scores(CUTS)
        found.append(scores[["mse", "coverage"]].unstack())
    sigma2 = MU * (1 - MU) * KAPPA / (KAPPA + 1)
    rows = []
    for name in _RANGES:
        none, partial = (
            np.array([f["mse"][s][name] for f in found]) for s in ("none", "partial")
        )
        error = (none - partial).std(ddof=1) / np.sqrt(count) / none.mean()
        covered = np.mean([f["coverage"]["partial"][name] for f in found])
        mask = _mask(name, data.n)
        known = 1 - np.mean(sigma2 / (data.n[mask] + KAPPA)) / np.mean(
            sigma2 / data.n[mask]
        )
        rows.append(
            (
                name,
                f"{none.mean():.3g}",
                f"{partial.mean():.3g}",
                f"{1 - partial.mean() / none.mean():.1%} ({error:.1%})",
                f"{known:.1%}",
                percent(float(covered)),
            )
        )
    head = (
        *("impressions", "raw", "empirical Bayes", "gain (Monte Carlo error)"),
        *("gain expected", "coverage of 94 % intervals"),
    )
    return table(head, rows)


def _mask(name: str, n: Any) -> Any:
    low, high = _RANGES[name]
    return (n >= low) & (n < high)


def main() -> None:
    """Print the tables and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write the picture to this folder")
    parser.add_argument("--quick", action="store_true", help="fewer simulations")
    parser.add_argument("--backend", default="auto")
    options = parser.parse_args()
    count = 30 if options.quick else 500
    text, words, picture = bundled(options.backend)
    print(f"### The bundled table\n\n{text}\n\n{words}\n")
    print(f"### {count} data sets of its population and sizes\n\n{replicated(count)}\n")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        picture.savefig(options.out / "click_rates.png", dpi=150)


if __name__ == "__main__":
    main()
