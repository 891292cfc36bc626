"""Measure every model of the catalogue on its example, on both backends.

For each model: seconds of a fit (4 x 1000 draws, compiled before), the smallest bulk
effective sample size over its top-level parameters and estimates, effective draws a
second, the largest R-hat and the number of divergent transitions. The backends take
turns within one run, so that their ratio is of the same minutes. ``--out`` also writes
the table as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from machine import machine

import hbstan as hb
from hbstan.errors import HbstanError

HEADER = (
    *("model", "data", "backend", "seconds", "least ESS", "ESS a second"),
    *("largest R-hat", "divergent"),
)


@dataclass(frozen=True)
class Row:
    """A fit's figures, or why there is none."""

    model: str
    data: str
    backend: str
    seconds: float = float("nan")
    ess: float = float("nan")
    rhat: float = float("nan")
    divergent: int = 0
    error: str = ""

    def cells(self) -> list[str]:
        """Return the row of the table."""
        if self.error:
            blank = [""] * (len(HEADER) - 4)
            return [self.model, self.data, self.backend, self.error, *blank]
        return [
            self.model,
            self.data,
            self.backend,
            f"{self.seconds:.2f}",
            f"{self.ess:.0f}",
            f"{self.ess / self.seconds:.0f}",
            f"{self.rhat:.3f}",
            str(self.divergent),
        ]


def measure(name: str, backend: str, seed: int) -> Row:
    """Fit a model to its example."""
    model = hb.models.get(name)
    data = model.example_data
    try:
        hb.compile(model.program.file, backend=backend)
        fit = hb.fit(name, data, seed=seed, backend=backend)
    except HbstanError as err:
        return Row(name, data, backend, error=err.message)
    wanted = [p.name for p in model.top_level] + [model.estimate]
    shown = [n for n in dict.fromkeys(wanted) if n in fit.posterior]
    table = fit.summary(shown)
    return Row(
        name,
        data,
        backend,
        float(fit.provenance["timings"]["total"]),
        float(table["ess_bulk"].min()),
        float(table["r_hat"].max()),
        int(fit.tree["sample_stats"]["diverging"].sum()),
    )


def page(rows: list[Row], seed: int) -> str:
    """Return the table in Markdown."""
    lines = [list(HEADER), ["---"] * len(HEADER), *(row.cells() for row in rows)]
    table = ["| " + " | ".join(line) + " |" for line in lines]
    head = [
        "# Fit times of the catalogue",
        "",
        f"`python scripts/bench_catalogue.py --seed {seed}`, hbstan {hb.__version__}, "
        f"on {machine()}. 4 chains of 1000 + 1000; compilation apart.",
        "",
    ]
    return "\n".join([*head, *table]) + "\n"


def main() -> int:
    """Measure all models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=hb.models.names())
    parser.add_argument("--backends", nargs="+", default=["stanli", "cmdstan"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.models or hb.models.names():
        for backend in options.backends:
            print(f"{name} on {backend} ...", file=sys.stderr, flush=True)
            rows.append(measure(name, backend, options.seed))
    text = page(rows, options.seed)
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    return 3 if any(row.error for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
