"""How often the exact posterior cries wolf, and how often it finds a planted fault.

400 correct fits over ten regimes, each of data of its own, and programs with a fault
planted in them, each with several seeds. Writes scripts/exact_judge.md.

    python scripts/exact_judge.py [--fits 40] [--faulty 20] [--seed 2]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import hbstan as hb
from hbstan.agreement import BLIND

BACKEND = "stanli"


def _binomial(
    rng: np.random.Generator,
    groups: int,
    trials: tuple[int, int],
    mu: float,
    tau: float,
) -> Any:
    n = rng.integers(*trials, groups)
    p = 1.0 / (1.0 + np.exp(-(mu + tau * rng.normal(size=groups))))
    table = {"g": [f"g{i}" for i in range(groups)], "n": n, "y": rng.binomial(n, p)}
    return hb.data.grouped_binomial(table, group="g", trials="n", events="y")


def _estimates(rng: np.random.Generator, groups: int, tau: float) -> Any:
    se = np.exp(rng.normal(0.0, 0.4, groups))
    y = 1.0 + tau * rng.normal(size=groups) + se * rng.normal(size=groups)
    table = {"g": [f"g{i}" for i in range(groups)], "y": y, "se": se}
    return hb.data.group_estimates(table, group="g", estimate="y", se="se")


#: Model and a maker of data, by what is particular to the regime.
REGIMES: dict[str, tuple[str, Callable[[np.random.Generator], Any]]] = {
    "12 groups, tau 0.45": (
        "logit_noncentered",
        lambda r: _binomial(r, 12, (50, 300), -2.5, 0.45),
    ),
    "8 small groups, tau 0.1": (
        "logit_noncentered",
        lambda r: _binomial(r, 8, (10, 40), -1.0, 0.1),
    ),
    "30 groups, tau 1": (
        "logit_centered",
        lambda r: _binomial(r, 30, (100, 300), 0.0, 1.0),
    ),
    "20 groups of rare events": (
        "logit_noncentered",
        lambda r: _binomial(r, 20, (50, 200), -4.5, 0.5),
    ),
    "3 groups": ("logit_noncentered", lambda r: _binomial(r, 3, (20, 60), -1.0, 0.5)),
    "beta population": (
        "beta_binomial_marginal",
        lambda r: _binomial(r, 15, (30, 100), -1.5, 0.5),
    ),
    "estimates, tau 1": ("eight_schools_noncentered", lambda r: _estimates(r, 10, 1.0)),
    "estimates, tau 0": ("eight_schools_marginal", lambda r: _estimates(r, 8, 0.0)),
    "no pooling": ("binomial_unpooled", lambda r: _binomial(r, 6, (20, 60), -1.0, 0.7)),
    "complete pooling": ("normal_pooled", lambda r: _estimates(r, 8, 0.0)),
}

#: Faults: what is replaced by what in logit_noncentered.
FAULTS: dict[str, tuple[tuple[str, str], ...]] = {
    "no Jacobian of log(tau)": (
        ("  real<lower=0> tau;\n  vector[J] z;", "  real log_tau;\n  vector[J] z;"),
        (
            "  vector[J] theta = mu + tau * z;",
            "  real<lower=0> tau = exp(log_tau);\n  vector[J] theta = mu + tau * z;",
        ),
    ),
    "the last group is dropped": (
        (
            "y[observed] | n[observed], theta[observed])",
            "y[observed[1 : N - 1]] | n[observed[1 : N - 1]], "
            "theta[observed[1 : N - 1]])",
        ),
    ),
    "prior of tau on its square": (
        ("prior_lpdf(tau | prior_tau", "prior_lpdf(square(5 * tau) | prior_tau"),
    ),
    "prior of mu on the probability": (
        ("prior_lpdf(mu | prior_mu", "prior_lpdf(15 * inv_logit(mu) | prior_mu"),
    ),
    "z of sd 1.5": (("std_normal_lpdf(z)", "normal_lpdf(z | 0, 1.5)"),),
}


def _correct(fits: int, seed: int) -> Iterator[dict[str, Any]]:
    # One of each regime after the other, so that a run that is cut off has all.
    for i in range(fits):
        for k, (regime, (model, make)) in enumerate(REGIMES.items()):
            data = make(np.random.default_rng((seed, k, i)))
            own = 100_000 * seed + 1000 * k + i + 1
            fit = hb.fit(model, data, seed=own, backend=BACKEND)
            found = hb.agrees_with_exact(fit)
            yield {
                "case": regime,
                "model": model,
                "z": found.check().value,
                "alarm": not found.check().passed,
                "diagnosed": fit.diagnose().passed,
            }


def _faulty(fits: int) -> Iterator[dict[str, Any]]:
    text = hb.models.get("logit_noncentered").program.source()
    with tempfile.TemporaryDirectory() as folder:
        for fault, changes in FAULTS.items():
            wrong = text
            for old, new in changes:
                if wrong.count(old) != 1:
                    raise SystemExit(
                        f"{fault}: {old!r} occurs {wrong.count(old)} times"
                    )
                wrong = wrong.replace(old, new)
            file = Path(folder) / f"{fault.replace(' ', '_')}.stan"
            file.write_text(wrong)
            for i in range(fits):
                fit = hb.fit(str(file), "surgical", seed=i + 1, backend=BACKEND)
                found = hb.agrees_with_exact(fit, "logit_noncentered")
                mean = found.table[found.table["statistic"] == "mean"]
                exact = found.exact.summary()["sd"]
                sd = exact.loc[mean["quantity"]].to_numpy()
                moved = ((mean["fit"] - mean["exact"]).abs() / sd).max()
                yield {
                    "case": fault,
                    "z": found.check().value,
                    "alarm": not found.check().passed,
                    "moved": float(moved),
                }


def _page(correct: list[dict[str, Any]], faulty: list[dict[str, Any]]) -> str:
    def share(rows: list[dict[str, Any]], key: str = "alarm") -> str:
        return f"{sum(r[key] for r in rows)} of {len(rows)}"

    sound = [r for r in correct if r["diagnosed"]]
    lines = [
        "# The exact posterior as a judge: measured error rates",
        "",
        "Made by `scripts/exact_judge.py`. Each line is of single fits with default "
        f"settings, {BACKEND}; of correct fits each has data of its own.",
        "",
        f"False alarms: {share(correct)} correct fits; {share(sound)} of those that "
        "pass their diagnostics.",
        "",
        "| correct fits of | model | alarms | largest z | pass diagnostics |",
        "|---|---|---|---|---|",
    ]
    for case, (model, _) in REGIMES.items():
        rows = [r for r in correct if r["case"] == case]
        if rows:
            top = max(r["z"] for r in rows)
            passed = share(rows, "diagnosed")
            lines.append(f"| {case} | {model} | {share(rows)} | {top:.3g} | {passed} |")
    lines += [
        "",
        "| planted fault (surgical) | largest move of a mean, sd | found | least z |",
        "|---|---|---|---|",
    ]
    for case in FAULTS:
        rows = [r for r in faulty if r["case"] == case]
        if rows:
            moved = np.mean([r["moved"] for r in rows])
            least = min(r["z"] for r in rows)
            lines.append(f"| {case} | {moved:.2f} | {share(rows)} | {least:.1f} |")
    lines += ["", BLIND, ""]
    return "\n".join(lines)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=40, help="correct fits a regime")
    parser.add_argument("--faulty", type=int, default=20, help="fits of each fault")
    parser.add_argument("--seed", type=int, default=2, help="of the correct fits")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    started = time.time()
    faulty: list[dict[str, Any]] = []
    correct: list[dict[str, Any]] = []
    for rows, made in (
        (faulty, _faulty(options.faulty)),
        (correct, _correct(options.fits, options.seed)),
    ):
        for row in made:
            rows.append(row)
            print(json.dumps(row), f"{time.time() - started:.0f} s", file=sys.stderr)
            options.out.write_text(_page(correct, faulty))


if __name__ == "__main__":
    main()
