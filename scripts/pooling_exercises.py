"""Four exercises on partial pooling, with tables and pictures.

1. How far partial pooling shrinks as groups become more alike. 2. How far groups of
very different size shrink. 3. Mean squared error with and without pooling over many
simulations, beside the closed form. 4. The eight schools by empirical and by full
Bayes. Prints the tables of ``pooling.md`` in Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from markdown import percent, table
from matplotlib.figure import Figure

import hbstan as hb
from hbstan.plots.style import ACCENT, BASE, MUTED
from hbstan.pooling import risk

#: Sizes and means as the source tabulates them, and its within-group deviation.
SIZES = np.array([28, 8, 23, 20, 12, 44, 6, 11])
MEANS = np.array([28.4, 7.9, -2.8, 6.8, -0.6, 0.6, 18.0, 12.2])
SIGMA = 15.0
#: Its partially pooled estimates, by school.
PRINTED = {"A": 19.2, "B": 8.5, "G": 12.1, "F": 2.8}
MU = 8.0
Arrays = dict[str, Any]


def simulate(sizes: Any, tau: float, count: int, seed: int) -> list[Arrays]:
    """Return the laboratory's findings of ``count`` simulated data sets."""
    rng = np.random.default_rng(seed)
    errors = SIGMA / np.sqrt(sizes)
    labels = tuple(f"{i + 1}" for i in range(len(sizes)))
    found = []
    for _ in range(count):
        theta = rng.normal(MU, tau, len(sizes))
        y = rng.normal(theta, errors)
        data = hb.data.GroupEstimates(
            labels=labels, y=y, sigma=errors, name="simulated"
        )
        lab = hb.pooling_lab(data, theta.tolist())
        parts = {s: lab.of(s) for s in ("none", "complete", "partial")}
        found.append(
            {
                "y": y,
                "partial": parts["partial"]["estimate"].to_numpy(),
                "covered": parts["partial"]["covered"].to_numpy(),
                **{f"se_{s}": p["error"].to_numpy() ** 2 for s, p in parts.items()},
            }
        )
    return found


def mean_of(found: list[Arrays], name: str) -> Any:
    """Return the mean over data sets, by group."""
    return np.mean([one[name] for one in found], axis=0)


def heterogeneity(count: int) -> tuple[str, Figure]:
    """Exercise 1: how estimates change as the groups become more or less similar."""
    taus = (0.0, 2.0, 5.0, 10.0, 30.0)
    v = SIGMA**2 / SIZES
    rows, figure = [], Figure(figsize=(11, 3.4), layout="constrained")
    panels = figure.subplots(1, len(taus), sharey=True)
    for tau, axes in zip(taus, panels, strict=True):
        found = simulate(SIZES, tau, count, seed=11)
        none, complete, partial = (
            mean_of(found, f"se_{s}").mean() for s in ("none", "complete", "partial")
        )
        kept = np.mean([np.std(o["partial"]) / np.std(o["y"]) for o in found])
        expected = risk(v, tau)
        rows.append(
            (
                f"{tau:g}",
                expected.weight.mean(),
                kept,
                none,
                complete,
                partial,
                expected.partial.mean(),
                percent(1 - partial / none),
            )
        )
        _moves(axes, found[0], f"tau = {tau:g}")
    head = (
        *("tau", "mean weight, tau known", "spread kept", "MSE none", "MSE complete"),
        *("MSE partial", "predicted", "gain"),
    )
    return table(head, rows), figure


def _moves(axes: Any, one: Arrays, title: str) -> None:
    """Draw raw estimates on the left, partially pooled ones on the right."""
    for raw, pooled in zip(one["y"], one["partial"], strict=True):
        axes.plot([0, 1], [raw, pooled], color=MUTED, linewidth=0.8)
    axes.scatter(np.zeros(len(one["y"])), one["y"], color=ACCENT, zorder=3)
    axes.scatter(np.ones(len(one["y"])), one["partial"], color=BASE, zorder=3)
    axes.set_xticks([0, 1], ["none", "partial"])
    axes.set_xlim(-0.3, 1.3)
    axes.set_title(title, fontsize=10)


def sizes(count: int) -> tuple[str, Figure]:
    """Exercise 2: groups of 5, 50 and 500, of which small ones shrink more."""
    tau, kinds = 4.0, (5, 50, 500)
    each = np.repeat(kinds, 4)
    found = simulate(each, tau, count, seed=12)
    expected = risk(SIGMA**2 / each, tau)
    rows = []
    for size in kinds:
        here = each == size
        # The slope of pooled on raw: the share of a group's own estimate that is kept.
        raw = np.concatenate([o["y"][here] - o["y"].mean() for o in found])
        pooled = np.concatenate([o["partial"][here] - o["y"].mean() for o in found])
        none, partial = (
            mean_of(found, f"se_{s}")[here].mean() for s in ("none", "partial")
        )
        rows.append(
            (
                f"{size}",
                size / (size + SIGMA**2 / tau**2),
                float(raw @ pooled / (raw @ raw)),
                none,
                partial,
                expected.partial[here].mean(),
                percent(1 - partial / none),
                percent(float(mean_of(found, "covered")[here].mean())),
            )
        )
    head = (
        *("n", "n / (n + sigma^2 / tau^2)", "weight found", "MSE none", "MSE partial"),
        *("predicted", "gain", "coverage of 94 % intervals"),
    )
    return table(head, rows), _sizes_figure(each, found[0])


def _sizes_figure(each: Any, one: Arrays) -> Figure:
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(each))
    axes.vlines(at, one["y"], one["partial"], color=MUTED, linewidth=1)
    axes.scatter(at, one["y"], color=ACCENT, label="no pooling", zorder=3)
    axes.scatter(at, one["partial"], color=BASE, label="partial pooling", zorder=3)
    axes.axhline(MU, color=MUTED, linestyle="--", linewidth=1, label="population")
    axes.set_xticks(at, [str(n) for n in each])
    axes.set_xlabel("size of the group")
    axes.set_ylabel("estimate")
    axes.legend(frameon=False)
    return figure


def comparison(count: int) -> tuple[str, Figure]:
    """Exercise 3: who wins, over many simulations."""
    rows, figure = [], Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for tau, color in ((3.0, BASE), (10.0, ACCENT)):
        found = simulate(SIZES, tau, count, seed=13)
        none = np.array([o["se_none"].mean() for o in found])
        partial = np.array([o["se_partial"].mean() for o in found])
        error = (none - partial).std(ddof=1) / np.sqrt(count)
        rows.append(
            (
                f"{tau:g}",
                none.mean(),
                partial.mean(),
                risk(SIGMA**2 / SIZES, tau).partial.mean(),
                f"{(none - partial).mean():.3g} ({error:.2g})",
                percent(float((partial < none).mean())),
            )
        )
        axes.scatter(none, partial, s=8, color=color, label=f"tau = {tau:g}")
    ends = [0, axes.get_xlim()[1]]
    axes.plot(ends, ends, color=MUTED, linewidth=1)
    axes.set_xlabel("mean squared error without pooling")
    axes.set_ylabel("with partial pooling")
    axes.legend(frameon=False)
    head = (
        *(
            "tau",
            "MSE none",
            "MSE partial",
            "predicted",
            "difference (Monte Carlo error)",
        ),
        "simulations won",
    )
    return table(head, rows), figure


def eight_schools(backend: str) -> tuple[str, str, Figure]:
    """Exercise 4: full Bayes beside empirical Bayes, and the source's formula."""
    data: Any = hb.datasets.load("eight_schools")
    wide = {"partial": {"mu": "Normal(0, 20)", "tau": "HalfCauchy(10)"}}
    bayes = hb.pooling_lab(
        data,
        method="bayes",
        priors=wide,
        backend=backend,
        seed=1,
        iter_sampling=2000,
    )
    checks = bayes.fits["partial"].diagnose()
    closed = hb.pooling_lab(data).of("partial")
    full = bayes.of("partial")
    rows = [
        (
            label,
            f"{y:g} ({sigma:g})",
            closed.loc[label, "estimate"],
            f"{closed.loc[label, 'lower']:.1f} to {closed.loc[label, 'upper']:.1f}",
            full.loc[label, "estimate"],
            f"{full.loc[label, 'lower']:.1f} to {full.loc[label, 'upper']:.1f}",
        )
        for label, y, sigma in zip(data.labels, data.y, data.sigma, strict=True)
    ]
    head = (
        *("school", "effect (se)", "empirical Bayes", "94 %", "full Bayes", "94 % "),
    )
    title = f"Diagnostics of the fit: {checks.outcome.value}.\n\n"
    picture = hb.plots.pooling_lab(bayes)
    return title + table(head, rows), _printed(), picture


def _printed() -> str:
    """Return the source's printed estimates beside those of its own code."""
    tau = MEANS.std()
    weight = SIZES / (SIZES + SIGMA**2 / tau**2)
    computed = weight * MEANS + (1 - weight) * MEANS.mean()
    rows = []
    for label, printed in PRINTED.items():
        j = "ABCDEFGH".index(label)
        implied = (printed - MEANS.mean()) / (MEANS[j] - MEANS.mean())
        rows.append(
            (label, f"{SIZES[j]}", MEANS[j], printed, computed[j], weight[j], implied)
        )
    head = (
        *("school", "n", "raw", "printed", "the code's", "its weight"),
        "weight that the printed one implies",
    )
    return table(head, rows)


def main() -> None:
    """Print the tables and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write pictures to this folder")
    parser.add_argument("--quick", action="store_true", help="fewer simulations")
    parser.add_argument("--backend", default="auto")
    options = parser.parse_args()
    count = 40 if options.quick else 400
    pictures = {}
    text, pictures["exercise_1.png"] = heterogeneity(count)
    print(f"### Exercise 1: heterogeneity ({count} simulations each)\n\n{text}\n")
    text, pictures["exercise_2.png"] = sizes(count)
    print(f"### Exercise 2: sizes ({count} simulations, tau 4)\n\n{text}\n")
    text, pictures["exercise_3.png"] = comparison(count)
    print(f"### Exercise 3: mean squared error ({count} simulations)\n\n{text}\n")
    text, printed, pictures["exercise_4.png"] = eight_schools(options.backend)
    print(f"### Exercise 4: eight schools\n\n{text}\n\n{printed}\n")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, figure in pictures.items():
            figure.savefig(options.out / name, dpi=150)


if __name__ == "__main__":
    main()
