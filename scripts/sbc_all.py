"""Calibrate every model of the catalogue and write one summary page.

Each model gets a folder below ``--out`` with its simulations, ``sbc.nc``,
``summary.json`` and figures; ``summary.md`` has a row for each model, and says of
those that do not pass what failed and where in the prior. An interrupted run is gone
on with by the same command.

Some forms of a model cannot pass, and are in the catalogue for comparison: what fails
of them, and why, stands in ``KNOWN``. Of some thirty models at a level of 5 %, one or
two have ranks that look wrong by chance: a model of which nothing else fails is looked
at again, with ten times the simulations, and both looks are reported. Exits with 1 if
a model fails in any other way (or a known failure no longer shows), with 3 if one could
not be run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine

import hbstan as hb
from hbstan.errors import HbstanError
from hbstan.results import Outcome
from hbstan.sbc.limits import Limits, problems

#: Where the default of 500 + 500 is too short: with few trials worth of prior data
#: the groups' log-odds wander far, and chains of the beta-binomial move slowly.
#: Items that are alike, and surfaces of few points, have narrow places that take
#: smaller steps than those of 0.95.
SETTINGS: dict[str, dict[str, Any]] = {
    "beta_binomial": {"iter_warmup": 1000, "iter_sampling": 2000},
    "gp_regression": {"adapt_delta": 0.99},
    "irt_1pl": {"adapt_delta": 0.99},
    "irt_2pl": {"adapt_delta": 0.99},
}


def fewer_persons() -> Any:
    """Return every third person of the bundled answers: a third of the work."""
    data = hb.datasets.load("pisa_like")
    table = data.to_frame()
    kept = table[table["student"].isin(data.labels[::3])]
    columns = {"person": "student", "item": "item", "correct": "correct"}
    return hb.data.responses(kept, country="country", name="pisa_like/3", **columns)


#: Designs that are not the example's.
DESIGNS: dict[str, Callable[[], Any]] = {
    "irt_1pl": fewer_persons,
    "irt_2pl": fewer_persons,
}
#: Models that do not pass, the checks that may fail, and why.
KNOWN: dict[str, tuple[frozenset[str], str]] = {
    "logit_centered": (
        frozenset({"convergence", "divergences"}),
        "where groups are alike, theta is confined to the neck of a funnel",
    ),
    "eight_schools_centered": (
        frozenset({"convergence", "divergences", "uniformity"}),
        "most prior draws of tau give estimates that cannot tell the groups apart",
    ),
    "sv_centered": (
        frozenset({"convergence", "divergences"}),
        "where the shocks are small, the path is confined to the neck of a funnel",
    ),
    "logit_mixture": (
        frozenset({"convergence", "divergences"}),
        "two populations that cannot be told apart have two modes",
    ),
}
HEADER = (
    *("model", "sims", "iterations", "failed", "not converged", "divergent"),
    "smallest adjusted p",
    *("worst 90 % coverage", "detectable shift", "detectable sd factors"),
    *("seconds in fits", "verdict"),
)


@dataclass(frozen=True)
class Run:
    """A model with its result, or with why there is none."""

    model: str
    result: hb.SBCResult | None
    error: str = ""
    #: The first look, where there was a second one.
    first: hb.SBCResult | None = None

    @property
    def outcome(self) -> Outcome:
        """The joint outcome of the checks."""
        return Outcome.NOT_RUN if self.result is None else self.result.checks().outcome


def known(run: Run) -> bool:
    """Whether a model passes, or fails as it is known to."""
    if run.result is None or run.outcome is Outcome.PASS:
        return run.outcome is Outcome.PASS
    legal, _ = KNOWN.get(run.model, (frozenset(), ""))
    return {check.name for check in run.result.checks().failed()} <= legal


def calibrate(model: str, options: argparse.Namespace) -> Run:
    """Run a model, or the rest of it, and write its files."""
    folder = options.out / model
    print(f"{model} ...", file=sys.stderr, flush=True)
    first = None
    try:
        result = look(model, options.sims, folder / "store", options)
        failed = {check.name for check in result.checks().failed()}
        if failed == {"uniformity"} and model not in KNOWN:
            first, sims = result, 10 * options.sims
            result = look(model, sims, folder / "store_again", options)
        result.save(folder / "sbc.nc")
        result.save_summary(folder / "summary.json")
        if result.ok.any():
            for name, draw in hb.plots.SBC_FIGURES.items():
                draw(result).savefig(folder / f"{name}.png", dpi=150)
    except HbstanError as err:
        print(f"{model}: {err}", file=sys.stderr)
        return Run(model, None, err.message)
    return Run(model, result, first=first)


def look(
    model: str, sims: int, store: Path, options: argparse.Namespace
) -> hb.SBCResult:
    """Simulate so often, or what is left of it."""
    return hb.sbc(
        model,
        n_sims=sims,
        seed=options.seed,
        backend=options.backend,
        workers=options.workers,
        store=store,
        resume=True,
        design=DESIGNS[model]() if model in DESIGNS else None,
        **SETTINGS.get(model, {}),
    )


def row(run: Run) -> list[str]:
    """Return a model's row of the table."""
    if run.result is None:
        return [run.model, *[""] * (len(HEADER) - 2), f"not run: {run.error}"]
    result, record = run.result, run.result.record()
    kinds, settings = problems(result.dataset, Limits()), result.identity["settings"]
    unconverged = int((kinds["rhat"] | kinds["ess"]).sum())
    divergent = float(kinds["divergences"].mean())
    summary, coverage = result.summary(), result.coverage().xs(0.9, level="prob")
    error = (coverage["covered"] - coverage["nominal"]).abs()
    worst = error.sort_values(na_position="first").index[-1]
    least = summary.sort_values(["p_adjusted", "p_value"]).iloc[0]
    none = dict.fromkeys(("shift", "narrow", "wide"), "-")
    detectable = record["detectable"] or none
    return [
        run.model,
        str(result.n_sims),
        f"{settings['iter_warmup']} + {settings['iter_sampling']}",
        str(int(kinds["failed"].sum())),
        str(unconverged),
        f"{divergent:.1%}",
        f"{least['p_adjusted']:.2g} ({least.name})",
        f"{coverage.loc[worst, 'covered']:.1%} ({worst})",
        number(detectable["shift"]),
        f"{number(detectable['narrow'])}, {number(detectable['wide'])}",
        f"{float(result.dataset['seconds'].sum()):.0f}",
        record["verdict"],
    ]


def number(value: Any) -> str:
    """Return a number of a record, which may be the text of an infinity."""
    return value if isinstance(value, str) else f"{value:.3g}"


def markdown(header: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    """Return a table in Markdown."""
    lines = [list(header), ["---"] * len(header), *rows]
    return [
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    ]


def account(run: Run) -> list[str]:
    """Say of a model that does not pass what failed, and where in the prior."""
    if run.result is None:
        return [f"### {run.model}", "", run.error, ""]
    lines = [f"### {run.model}", ""]
    reason = KNOWN.get(run.model, (frozenset(), "not known"))[1]
    lines += [f"Why: {reason}.", ""]
    for check in run.result.checks().failed():
        subjects = f" ({', '.join(check.subjects)})" if check.subjects else ""
        lines.append(f"- {check.label}: {check.detail}{subjects}. {check.advice}")
    table = run.result.failures()
    if table.empty:
        return [*lines, ""]
    header = (
        *("parameter", "bad fits", "median if bad", "median if good", "p"),
        *(f"bad in fifth {i}" for i in range(1, 6)),
    )
    rows = [
        [
            str(name),
            str(int(entry["n_bad"])),
            *(f"{entry[c]:.3g}" for c in ("bad_q50", "good_q50", "p_value")),
            *(f"{entry[f'q{i}']:.1%}" for i in range(1, 6)),
        ]
        for name, entry in table.iterrows()
    ]
    text = "Simulated values of fits that failed, did not converge or diverged:"
    return [*lines, "", text, "", *markdown(header, rows), ""]


def page(runs: list[Run], options: argparse.Namespace) -> str:
    """Return the summary page."""
    results = [run.result for run in runs if run.result is not None]
    versions = results[0].identity["versions"] if results else {}
    backends = sorted({r.identity["backend"] for r in results})
    command = f"python scripts/sbc_all.py --sims {options.sims} "
    command += f"--seed {options.seed} --backend {' '.join(backends)} --out DIR"
    poor = [run for run in runs if run.outcome is not Outcome.PASS]
    twice = [run for run in runs if run.first is not None]
    lines = [
        "# Calibration of the catalogue",
        "",
        f"`{command}`",
        "",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"on {machine()}.",
        "",
        *markdown(HEADER, [row(run) for run in runs]),
        "",
    ]
    for run in twice:
        assert run.first is not None
        least = float(run.first.summary()["p_adjusted"].min())
        lines += [
            f"{run.model} was looked at twice: its ranks failed with "
            f"{run.first.n_sims} simulations (adjusted p {least:.2g}).",
            "",
        ]
    if poor:
        lines += ["## Models that do not pass", ""]
        for run in poor:
            lines += account(run)
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Run all models and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", nargs="+", choices=hb.models.names())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.models or hb.models.names()
    runs = [calibrate(name, options) for name in names]
    text = page(runs, options)
    (options.out / "summary.md").write_text(text, encoding="utf-8")
    print(text)
    if any(run.result is None for run in runs):
        return 3
    return 0 if all(map(known, runs)) else 1


if __name__ == "__main__":
    sys.exit(main())
