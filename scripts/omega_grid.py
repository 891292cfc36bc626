"""The omega grid: five forms of one model, nine datasets, default settings.

A discussion of Simpson's paradox in the PyMC forum fits groups of normal observations
whose spread between groups, omega, is 0.1, 1 or 10, with 5, 50 or 500 groups of 20, and
finds few effective draws, down to 5 of 4000 with R-hat 2.11. Here the same data, with
the same priors, are fitted in every form of the catalogue, with the sampler's default
settings. Writes ``omega_grid.md`` and ``omega_grid.svg`` into a folder, and every fit's
figures into ``omega_grid.json``, with which an interrupted run is gone on with.

The weights of ``normal_groups_adaptive`` come from ``hb.pooling.empirical_bayes``,
which takes milliseconds and serves as the pilot run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from machine import machine

import hbstan as hb
from hbstan.data.normal_groups_examples import OMEGA_PRIORS, omega_rows
from hbstan.fit import fit_plan
from hbstan.plan import plan
from hbstan.plots.style import ACCENT, CHAINS, GRID, MUTED
from hbstan.types import SamplerSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = ("marginal", "adaptive", "centered", "noncentered", "sum_to_zero")
GROUPS, PER_GROUP = (5, 50, 500), 20
THREAD = "the thread, PyMC"
#: What the discussion reports: least bulk and tail ESS and greatest R-hat of mu, omega
#: and sigma, by omega and number of groups.
REPORTED = {
    (0.1, 5): (883, 980, 1.01),
    (0.1, 50): (1266, 2026, 1.0),
    (0.1, 500): (1482, 1985, 1.0),
    (1.0, 5): (660, 841, 1.01),
    (1.0, 50): (501, 670, 1.01),
    (1.0, 500): (264, 665, 1.0),
    (10.0, 5): (594, 879, 1.01),
    (10.0, 50): (132, 127, 1.03),
    (10.0, 500): (5, 12, 2.11),
}
MOST_RHAT, LEAST_ESS = 1.01, 400


@dataclass(frozen=True)
class Row:
    """One fit, judged by the worst of all its parameters.

    Parameters
    ----------
    omega : float
    groups : int
    form : str
    rhat, ess_bulk, ess_tail : float
        The worst over every quantity of the posterior, effects included.
    divergences : int
    seconds : float
        Wall time of the fit, warmup included; NaN where it is not reported.
    """

    omega: float
    groups: int
    form: str
    rhat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the draws can be used."""
        ess = min(self.ess_bulk, self.ess_tail)
        return self.rhat < MOST_RHAT and ess > LEAST_ESS and self.divergences == 0

    @property
    def rate(self) -> float:
        """Least bulk effective draws a second."""
        return self.ess_bulk / self.seconds


def run(omega: float, groups: int, form: str, seed: int, backend: str) -> Row:
    """Fit one form to one cell."""
    rows = omega_rows(groups, PER_GROUP, omega)
    data = hb.data.normal_groups(rows, group="group", value="observation")
    weights = None
    if form == "adaptive":
        weights = hb.pooling.empirical_bayes(data).table["weight"].tolist()
    decided = plan(
        f"normal_groups_{form}", data, OMEGA_PRIORS, None, False, weights=weights
    )
    settings = SamplerSettings(seed=seed)
    fit = fit_plan(decided, settings, hb.backends.choose(backend))
    checks = {check.name: check.value or 0.0 for check in fit.diagnose()}
    return Row(
        omega,
        groups,
        form,
        float(checks["rhat"]),
        float(checks["ess_bulk"]),
        float(checks["ess_tail"]),
        int(checks["divergences"]),
        float(fit.provenance["timings"]["total"]),
    )


def table(rows: Iterable[Row]) -> str:
    """Return the fits and the thread's own figures as a Markdown table."""
    heads = ["omega", "groups", "form", "R-hat", "bulk ESS", "tail ESS", "divergences"]
    heads += ["seconds", "bulk ESS / s", "usable"]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    fits = list(rows)
    for (omega, groups), (bulk, tail, rhat) in REPORTED.items():
        cell = [row for row in fits if (row.omega, row.groups) == (omega, groups)]
        if not cell:
            continue
        for row in cell:
            cells = [f"{omega:g}", f"{groups}", row.form, f"{row.rhat:.3f}"]
            cells += [f"{row.ess_bulk:.0f}", f"{row.ess_tail:.0f}"]
            cells += [f"{row.divergences}", f"{row.seconds:.1f}", f"{row.rate:.1f}"]
            lines.append(
                "| " + " | ".join([*cells, "yes" if row.good else "no"]) + " |"
            )
        lines.append(
            f"| {omega:g} | {groups} | {THREAD} | {rhat:.2f} | {bulk} | {tail} "
            "| - | - | - | |"
        )
    return "\n".join(lines)


def picture(rows: Sequence[Row]) -> Figure:
    """Draw least effective draws, and those a second, by cell and form."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    cells = [cell for cell in REPORTED if any(_cell(row) == cell for row in rows)]
    _panel(top, rows, cells, "ess_bulk")
    _panel(bottom, rows, cells, "rate")
    reported = [REPORTED[cell][0] for cell in cells]
    top.plot(
        np.arange(len(cells)) + 0.3,
        reported,
        linestyle="none",
        marker="x",
        color=MUTED,
        label=THREAD,
    )
    top.axhline(LEAST_ESS, color=MUTED, linewidth=0.8, linestyle="--")
    top.text(1.0, LEAST_ESS, f" {LEAST_ESS}", transform=top.get_yaxis_transform())
    top.set_ylabel("least bulk ESS of 4000 draws")
    bottom.set_ylabel("least bulk ESS a second")
    bottom.set_xticks(
        range(len(cells)), [f"ω = {omega:g}\n{n} groups" for omega, n in cells]
    )
    figure.legend(*top.get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return figure


def _cell(row: Row) -> tuple[float, int]:
    return row.omega, row.groups


def _panel(axes: Axes, rows: Sequence[Row], cells: list[Any], what: str) -> None:
    """Draw one quantity; fits that cannot be used are hollow."""
    colours = dict(zip(FORMS, (ACCENT, *CHAINS[:1], *CHAINS[1:4]), strict=True))
    for place, form in enumerate(FORMS):
        for good in (True, False):
            own = [r for r in rows if r.form == form and r.good == good]
            axes.plot(
                [cells.index(_cell(r)) - 0.3 + 0.12 * place for r in own],
                [getattr(r, what) for r in own],
                linestyle="none",
                marker="o",
                color=colours[form],
                markerfacecolor=colours[form] if good else "white",
                label=form.replace("_", " ") if good else None,
            )
    for edge in range(len(cells) - 1):
        axes.axvline(edge + 0.5, color=GRID, linewidth=0.8)
    axes.set_yscale("log")
    axes.grid(axis="y", color=GRID)
    axes.spines[["top", "right"]].set_visible(False)


def report(rows: Sequence[Row], command: str) -> str:
    """Return the page: what was run, what came out."""
    own = {form: [row for row in rows if row.form == form] for form in FORMS}
    usable = "; ".join(
        f"{form} {sum(row.good for row in fits)} of {len(fits)}"
        for form, fits in own.items()
    )
    missing = len(REPORTED) * len(FORMS) - len(rows)
    lacking = f" {missing} fits of the grid have not been run." if missing else ""
    return f"""# The omega grid

`{command}`

hbstan {hb.__version__} on {machine()}. Four chains of 1000 + 1000 draws, default
settings, without predictions. R-hat and ESS are the worst over every quantity of the
posterior, effects included; the thread's are the worst of mu, omega and sigma. Seconds
include warmup. Usable: R-hat below {MOST_RHAT}, bulk and tail ESS above {LEAST_ESS}, no
divergence.

Usable cells: {usable}.{lacking}

![Least effective draws by form and cell; hollow: not usable](omega_grid.svg)

{table(rows)}
"""


def saved(path: Path, about: dict[str, Any]) -> list[Row]:
    """Return the fits that an interrupted run with the same settings has left."""
    if not path.exists():
        return []
    record = json.loads(path.read_text(encoding="utf-8"))
    same = all(record[name] == value for name, value in about.items())
    return [Row(**row) for row in record["rows"]] if same else []


def main() -> None:
    """Run what is missing, keep each fit, and write table and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", default="stanli")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--fresh", action="store_true", help="keep no earlier fit")
    parser.add_argument("--quick", action="store_true", help="no cells of 500 groups")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "omega_grid.json"
    about = {"seed": options.seed, "backend": options.backend}
    rows = [] if options.fresh else saved(path, about)
    done = {(*_cell(row), row.form) for row in rows}
    command = f"python scripts/omega_grid.py --seed {options.seed}"
    command += f" --backend {options.backend}"
    for form, (omega, groups) in itertools.product(FORMS, REPORTED):
        if (omega, groups, form) in done or (options.quick and groups == GROUPS[-1]):
            continue
        rows.append(run(omega, groups, form, options.seed, options.backend))
        print(rows[-1], file=sys.stderr, flush=True)
        record = {**about, "rows": [asdict(row) for row in rows]}
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    rows.sort(key=lambda row: (*_cell(row), FORMS.index(row.form)))
    page = options.out / "omega_grid.md"
    page.write_text(report(rows, command), encoding="utf-8")
    # Equal figures give equal files, and text stays text.
    mpl.rcParams |= {"svg.hashsalt": "hbstan", "svg.fonttype": "none"}
    picture(rows).savefig(options.out / "omega_grid.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
