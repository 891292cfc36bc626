"""Click-through rates of 50 categories: three ways of pooling, over many data sets.

Runs the code that the source prints, with its seed; then many data sets of the same
kind, for what is true on average; then full Bayes on one. Prints tables of
``pooling.md`` in Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from markdown import percent, table
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

import hbstan as hb
from hbstan.plots.style import ACCENT, BASE, MUTED, THIRD
from hbstan.pooling import risk

COUNT, MEAN, KAPPA = 50, 0.30, 20.0
SIZES, SHARES = [10, 20, 50, 100, 500, 1000], [0.25, 0.25, 0.20, 0.15, 0.10, 0.05]
#: Mean squared errors as the source prints them.
PRINTED = {"complete": 0.009832, "none": 0.003714, "partial": 0.002150}
STRATEGIES = ("complete", "none", "partial", "source's partial")


def simulate(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return rates, impressions and clicks, drawn in the source's order."""
    rates = rng.beta(MEAN * KAPPA, (1 - MEAN) * KAPPA, size=COUNT)
    sizes = rng.choice(SIZES, size=COUNT, p=SHARES)
    return rates, sizes, rng.binomial(sizes, rates)


def source_partial(sizes: Any, clicks: Any) -> Any:
    """Return the source's empirical Bayes estimates.

    Its population variance is that of the raw rates, sampling error included.
    """
    rates = clicks / sizes
    mean = np.average(rates, weights=sizes)
    variance = np.average((rates - mean) ** 2, weights=sizes)
    common = mean * (1 - mean) / variance - 1
    a, b = max(mean * common, 0.5), max((1 - mean) * common, 0.5)
    return (a + clicks) / (a + b + sizes)


def dataset(sizes: Any, clicks: Any) -> Any:
    """Return the categories as a dataset."""
    labels = tuple(f"category {i + 1}" for i in range(COUNT))
    return hb.data.GroupedBinomial(labels=labels, n=sizes, y=clicks, name="categories")


def squared_errors(rates: Any, sizes: Any, clicks: Any) -> dict[str, Any]:
    """Return the squared errors of every strategy, by category."""
    lab = hb.pooling_lab(dataset(sizes, clicks), rates.tolist())
    found = {s: lab.of(s)["error"].to_numpy() ** 2 for s in STRATEGIES[:3]}
    found[STRATEGIES[3]] = (source_partial(sizes, clicks) - rates) ** 2
    return found


def over_seeds(count: int) -> tuple[str, str, Figure]:
    """Return mean errors over many data sets, overall and by size, and a picture."""
    rng = np.random.default_rng(2024)
    rows: list[dict[str, Any]] = []
    for _ in range(count):
        rates, sizes, clicks = simulate(rng)
        rows.append({"n": sizes, **squared_errors(rates, sizes, clicks)})
    means = {s: np.array([r[s].mean() for r in rows]) for s in STRATEGIES}
    ratio = means["partial"] / means["none"]
    overall = [
        (s, f"{m.mean():.6f} ({m.std(ddof=1) / np.sqrt(count):.1g})", f"{m.std():.6f}")
        for s, m in means.items()
    ]
    low, high = np.quantile(1 - ratio, [0.05, 0.95])
    overall.append(
        (
            "gain of partial over none",
            percent(1 - means["partial"].mean() / means["none"].mean()),
            f"90 % of data sets: {percent(low)} to {percent(high)}",
        )
    )
    text = table(("", "mean (Monte Carlo error)", "sd of a data set"), overall)
    return text, _by_size(rows), _figure(rows)


def _by_size(rows: list[dict[str, Any]]) -> str:
    """Return the errors by size, beside the closed form with mu and tau known."""
    n = np.concatenate([r["n"] for r in rows])
    errors = {s: np.concatenate([r[s] for r in rows]) for s in STRATEGIES}
    tau2 = MEAN * (1 - MEAN) / (KAPPA + 1)
    sigma2 = MEAN * (1 - MEAN) - tau2
    lines = []
    for size in SIZES:
        here = n == size
        none, partial = errors["none"][here].mean(), errors["partial"][here].mean()
        known = sigma2 / (size + KAPPA)
        lines.append(
            (
                f"{size}",
                *(errors[s][here].mean() for s in STRATEGIES),
                sigma2 / size,
                known,
                percent(1 - partial / none),
            )
        )
    head = ("n", *STRATEGIES, "expected none", "expected partial", "gain")
    return table(head, lines)


def _figure(rows: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    n = np.concatenate([r["n"] for r in rows])
    colors = (MUTED, ACCENT, BASE, THIRD)
    for strategy, color in zip(STRATEGIES, colors, strict=True):
        errors = np.concatenate([r[strategy] for r in rows])
        means = [np.sqrt(errors[n == size].mean()) for size in SIZES]
        axes.plot(SIZES, means, marker="o", color=color, label=strategy)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("impressions of the category")
    axes.set_ylabel("root mean squared error of its rate")
    axes.legend(frameon=False)
    return figure


def seed_42(backend: str) -> tuple[str, str, Figure]:
    """Return the source's own data set: printed, computed, and by full Bayes."""
    rates, sizes, clicks = simulate(np.random.default_rng(42))
    found = squared_errors(rates, sizes, clicks)
    data = dataset(sizes, clicks)
    bayes = hb.pooling_lab(
        data,
        rates.tolist(),
        method="bayes",
        models={"partial": "beta_binomial"},
        backend=backend,
        seed=1,
    )
    fitted = bayes.scores()["mse"].unstack().loc["all"]
    rows = []
    for strategy in STRATEGIES:
        key = "partial" if strategy == STRATEGIES[3] else strategy
        printed = f"{PRINTED[key]:.6f}" if key != strategy or key != "partial" else ""
        full = f"{fitted[key]:.6f}" if key == strategy else ""
        rows.append((strategy, printed, f"{found[strategy].mean():.6f}", full))
    gains = [
        1 - PRINTED["partial"] / PRINTED["none"],
        1 - found[STRATEGIES[3]].mean() / found["none"].mean(),
        1 - fitted["partial"] / found["none"].mean(),
    ]
    printed, computed, full = map(percent, gains)
    rows.append(("gain", printed, computed, full))
    head = ("mean squared error", "printed", "computed, seed 42", "full Bayes")
    predicted = hb.assess(data)
    tau2 = MEAN * (1 - MEAN) / (KAPPA + 1)
    expected = risk((MEAN * (1 - MEAN) - tau2) / sizes, tau2**0.5)
    means = {s: getattr(expected, s).mean() for s in ("complete", "none", "known")}
    words = (
        "The gains are over the raw rates: the model without pooling has a prior of "
        "its own, which helps. With mu and tau known, these sizes are expected to have "
        f"mean squared errors of {means['complete']:.6f} (complete), "
        f"{means['none']:.6f} (none) and {means['known']:.6f} (partial).\n\n"
        f"`hb.assess` of the data, without the truth: {predicted.verdict}, expected "
        f"gain {percent(predicted.gain)}; tau {predicted.tau:.3f} "
        f"({predicted.tau_interval[0]:.3f} to {predicted.tau_interval[1]:.3f}), "
        f"where the truth is {tau2**0.5:.3f}."
    )
    return table(head, rows), words, hb.plots.pooling_lab(bayes)


def main() -> None:
    """Print the tables and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write pictures to this folder")
    parser.add_argument("--quick", action="store_true", help="fewer simulations")
    parser.add_argument("--backend", default="auto")
    options = parser.parse_args()
    count = 30 if options.quick else 500
    text, words, picture = seed_42(options.backend)
    print(f"### The source's data set\n\n{text}\n\n{words}\n")
    overall, by_size, errors = over_seeds(count)
    print(f"### {count} data sets of the same kind\n\n{overall}\n\n{by_size}\n")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        picture.savefig(options.out / "fifty_categories.png", dpi=150)
        errors.savefig(options.out / "fifty_categories_errors.png", dpi=150)


if __name__ == "__main__":
    main()
