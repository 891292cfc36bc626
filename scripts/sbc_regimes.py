"""Recompute, with enough simulations, the regime tables of the source documents.

The documents judge the logit and the beta-binomial model of the surgical data by 20
simulations each, in regimes of the simulated heterogeneity. Here both are calibrated
with the documents' priors, thousands of times, and cut into the same regimes. Prints
tables in Markdown.
"""

from __future__ import annotations

import argparse
import math

import hbstan as hb

LOGIT = {"mu": "Normal(-2.512306, 1)", "tau": "HalfNormal(1)"}
BETA = {"mu": "Beta(2, 18)", "kappa": "Gamma(1.5, 0.5)"}
RUNS = (
    ("logit_noncentered", LOGIT, "tau", (0.1, 0.3, 0.5, 1.0)),
    ("logit_centered", LOGIT, "tau", (0.1, 0.3, 0.5, 1.0)),
    ("beta_binomial", BETA, "kappa", (1.0, 3.0)),
)
COLUMNS = ["n_sims", "converged", "with_divergences", "bias", "relative_error"]
COLUMNS += ["mean_relative_error", "coverage_95"]


def table(result: hb.SBCResult, by: str, cuts: tuple[float, ...]) -> str:
    """Return the regimes as a Markdown table."""
    rows = result.regimes(by, cuts).reset_index().to_dict("records")
    lines = [
        f"| {by} | parameter | " + " | ".join(c.replace("_", " ") for c in COLUMNS),
        "|---" * (2 + len(COLUMNS)) + "|",
    ]
    for row in rows:
        cells = [str(row["interval"]), str(row["quantity"])]
        cells += [_cell(name, float(row[name])) for name in COLUMNS]
        lines.append("| " + " | ".join(cells))
    return "\n".join(line.rstrip("|").rstrip() + " |" for line in lines)


def _cell(name: str, value: float) -> str:
    if name == "n_sims":
        return f"{int(value)}"
    if math.isnan(value):
        return "-"
    return f"{value:+.3f}" if name == "bias" else f"{100 * value:.1f} %"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", default="stanli")
    options = parser.parse_args()
    for model, priors, by, cuts in RUNS:
        result = hb.sbc(
            model,
            n_sims=options.sims,
            seed=options.seed,
            priors=priors,
            design="surgical",
            backend=options.backend,
        )
        print(f"\n### {model}: {', '.join(f'{k} ~ {v}' for k, v in priors.items())}\n")
        print(table(result, by, cuts))
        record = result.record()
        print(f"\n{options.sims} simulations, seed {options.seed}: {record['verdict']}")


if __name__ == "__main__":
    main()
