"""Fits and checks as Rich tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table

from hbstan.report.format import (
    STYLES,
    WORDS,
    decimals_of,
    empty_table,
    fixed,
    p_text,
)
from hbstan.report.progress import progress_bars
from hbstan.report.tables import FittingTable, pairs_once
from hbstan.results import Check, Checks, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from rich.console import ConsoleOptions, RenderableType, RenderResult

    from hbstan.fit import Fit

__all__ = [
    "checks_table",
    "doctor_table",
    "findings_lines",
    "first_of",
    "fit_heading",
    "groups_table",
    "posterior_lines",
    "posterior_table",
    "priors_table",
    "progress_bars",
    "say_how_many",
    "verdict_line",
]

#: Wider than any screen: a table's natural width is measured in it.
_WIDEST = 1000
#: Longer tables are cut to their first rows.
_LONGEST, _FIRST = 60, 20
#: Variables of more elements are not in the posterior's table, but counted below it.
_MOST_ELEMENTS = 30
#: Labels named in a remark.
_NAMED = 12


def _value(check: Check) -> str:
    """Format a check's value: counts and effective sizes as whole numbers.

    An effective sample size is rounded down, lest 399.6 looks like the 400 that
    the rule asks for.
    """
    if check.value is None:
        return ""
    number = float(check.value)
    if not math.isfinite(number):
        return f"{number}"
    if check.name.startswith("ess"):
        number = math.floor(number)
    return fixed(number, 0) if number == int(number) else p_text(number)


@dataclass(frozen=True)
class _ChecksTable:
    """Checks as a table, what concerns the refused ones below it in full width.

    What was found has a column of its own where the screen is wide enough, and the
    rule where it is not too narrow.
    """

    checks: Checks
    title: str

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        table = self._table(with_detail=True)
        natural = Measurement.get(console, options.update(width=_WIDEST), table).maximum
        if natural > options.max_width:
            table = self._table(with_detail=False)
        if not table.is_whole(options.max_width):
            table.columns = [c for c in table.columns if c.header != "rule"]
        yield table
        for check in self.checks.failed():
            yield _remark(check)

    def _table(self, *, with_detail: bool) -> FittingTable:
        header = ("check", "value", "rule", "outcome")
        table = empty_table(self.title, *header, *(["found"] if with_detail else []))
        table.columns[1].justify = "right"
        for check in self.checks:
            style = STYLES[check.outcome]
            cells = [
                escape(check.label),
                _value(check),
                escape(check.rule),
                f"[{style}]{WORDS[check.outcome]}[/]",
            ]
            table.add_row(*cells, *([escape(check.detail)] if with_detail else []))
        return table


def _remark(check: Check, word: str = "") -> Padding:
    """Say what is wrong with a check that was refused, and what to do."""
    style, word = STYLES[check.outcome], word or WORDS[check.outcome]
    # Some details name the subjects already.
    last = check.subjects[-1] if check.subjects else ""
    named = check.detail.endswith(last) or repr(last) in check.detail
    subjects = "" if named else _few(check.subjects)
    found = ": ".join(t for t in (check.detail.rstrip("."), subjects) if t)
    text = f"[{style}]{word}[/] [bold]{escape(check.label)}[/]: {escape(found)}."
    if check.advice:
        text += f"\n{escape(check.advice)}"
    return Padding(text, (1, 0, 0, 0))


def _few(names: Sequence[str]) -> str:
    """Return the first names, and how many there are besides."""
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def checks_table(checks: Checks, title: str = "Diagnostics") -> RenderableType:
    """Return the checks with value, rule and outcome, and remarks on failures."""
    return _ChecksTable(checks, title)


def doctor_table(checks: Checks) -> Table:
    """Return what doctor found, with what to do where something is missing."""
    table = empty_table("hbstan doctor", "check", "outcome", "found")
    for check in checks:
        style = STYLES[check.outcome]
        found = ": ".join(t for t in (check.detail, ", ".join(check.subjects)) if t)
        advice = f"\n{check.advice}" if check.advice else ""
        table.add_row(
            escape(check.label),
            f"[{style}]{WORDS[check.outcome]}[/]",
            escape(found + advice),
        )
    return table


def verdict_line(checks: Checks) -> str:
    """Return the joint outcome in one sentence, as Rich markup."""
    style = STYLES[checks.outcome]
    text = {
        Outcome.PASS: "All checks passed: these draws can be used.",
        Outcome.FAIL: "At least one check failed: do not use these draws.",
        Outcome.NOT_RUN: "At least one check was not run: nothing vouches for "
        "these draws.",
    }[checks.outcome]
    return f"[{style}]{text}[/]"


def fit_heading(fit: Fit) -> str:
    """Return what was fitted to what, by which engine, with which seed."""
    record = fit.provenance
    sizes = fit.posterior.sizes
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    chains = f"{sizes['chain']} chain" + ("s" if sizes["chain"] != 1 else "")
    held = ", ".join(record.get("holdout", []))
    return (
        f"[bold]{escape(fit.model)}[/] on [bold]{escape(str(record['data_name']))}[/]\n"
        f"backend [bold]{fit.backend}[/] · seed {record['seed']} · "
        f"{chains} x {sizes['draw']} draws · "
        f"{record['timings']['total']:.1f} s\n[dim]{versions}[/]"
        + _form(fit)
        + (f"\nheld out of the likelihood: {escape(held)}" if held else "")
    )


def _form(fit: Fit) -> str:
    """Return the parameterisation, where one was chosen."""
    found = fit.parameterization
    if not found.get("asked"):
        return ""
    return f"\nform: [bold]{found['form'] or 'the only one'}[/] ({found['reason']})"


def priors_table(priors: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the priors used and where each comes from: defaults give a reason."""
    table = empty_table("Priors", "parameter", "prior", "from")
    for name, record in priors.items():
        origin = str(record["origin"])
        # Only a default needs a reason: the other origins are reasons themselves.
        if origin == "default":
            origin += f": {record['reason']}"
        table.add_row(escape(name), escape(str(record["prior"])), escape(origin))
    return table


def posterior_table(summary: pd.DataFrame, title: str = "Posterior") -> Table:
    """Return ArviZ's summary: mean, sd, interval, ESS and R-hat."""
    bounds = [c for c in summary.columns if str(c).startswith("eti")]
    columns = ["mean", "sd", *bounds, "ess_bulk", "ess_tail", "r_hat"]
    names = [
        str(c).replace("eti94_lb", "3%").replace("eti94_ub", "97%") for c in columns
    ]
    table = empty_table(title, "quantity", *names, numbers=len(columns))
    for name, row in summary.iterrows():
        decimals = decimals_of(_scale(row, bounds))
        cells = [_estimate(str(c), row[c], decimals) for c in columns]
        table.add_row(escape(str(name)), *cells)
    return table


def _scale(row: pd.Series[Any], bounds: Sequence[Any]) -> float:
    """Return the spread that decimals are for: heavy tails have an sd far above it."""
    sd = float(row["sd"])
    if len(bounds) != 2:
        return sd
    width = float(row[bounds[1]]) - float(row[bounds[0]])
    return min(sd, width / 3.0) if width > 0 else sd


def posterior_lines(fit: Fit, summary: pd.DataFrame) -> list[Table | str]:
    """Return the table of what is not one a group, and a word on what is left out.

    Variables of many elements are left out, as is what the groups' table shows.
    """
    summary = pairs_once(fit, summary)
    inner = {
        str(name): tuple(n for d, n in v.sizes.items() if d not in ("chain", "draw"))
        for name, v in fit.posterior.data_vars.items()
    }
    shown = [name for name, sizes in inner.items() if not sizes]
    if fit.like is not None:
        # What the catalogue has as a scalar, but has elements, has no labels.
        known = {p.name: p.dims for p in fit.like.parameters}
        shown = [
            name
            for name, sizes in inner.items()
            if not sizes
            or (
                known.get(name)
                and "group" not in known[name]
                and name != "z"
                and math.prod(sizes) <= _MOST_ELEMENTS
            )
        ]
    rows = [str(n) for n in summary.index if str(n).split("[")[0] in shown]
    table = posterior_table(summary.loc[rows] if rows else summary)
    left = [n for n in inner if n not in shown and n not in ("z", fit.estimate)]
    if not rows or not left:
        return [table]
    still = fit.provenance.get("constant", ())
    named = ", ".join(
        f"{name} ({'constant' if name in still else math.prod(inner[name])})"
        for name in left
    )
    return [table, f"[dim]not shown: {escape(named)}[/]"]


def _estimate(column: str, value: Any, decimals: int) -> str:
    if column.startswith("ess"):
        return fixed(value, 0)
    return fixed(value, 3 if column == "r_hat" else decimals)


def groups_table(groups: pd.DataFrame, title: str) -> Table:
    """Return raw and posterior estimates by group; of many the first."""
    counts = [c for c in ("events", "trials", "sigma") if c in groups]
    raw = ["raw"] if "raw" in groups else []
    columns = [*counts, *raw, "mean", "sd", "lower", "upper"]
    names = [c.replace("lower", "3%").replace("upper", "97%") for c in columns]
    table = empty_table(title, "group", *names, numbers=len(columns))
    decimals = decimals_of(float(groups["sd"].median()))
    places = {c: _places(groups[c], decimals) for c in columns}
    if "sigma" in counts:
        # Its smallest value sets the scale, lest it be printed as zero.
        own = decimals_of(float(groups["sigma"].min()))
        places["sigma"] = _places(groups["sigma"], own)
    for label, row in first_of(groups).iterrows():
        table.add_row(escape(str(label)), *(fixed(row[c], places[c]) for c in columns))
    say_how_many(table, len(groups))
    return table


def first_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are shown of a table: of a long one the first."""
    return frame if len(frame) <= _LONGEST else frame.head(_FIRST)


def say_how_many(table: Table, rows: int) -> None:
    """Say below a table that was cut how many rows there are."""
    if rows > _LONGEST:
        caption = f"... the first {_FIRST} of {rows:,} rows"
        table.caption, table.caption_justify = caption, "left"
        table.min_width = len(caption)


def _places(column: pd.Series[float], decimals: int) -> int:
    """Return 0 for a column of whole numbers, such as counts, else ``decimals``."""
    return 0 if (column.dropna() % 1 == 0).all() else decimals


def findings_lines(findings: Sequence[Check]) -> list[Padding]:
    """Return what the data cannot tell, as remarks."""
    return [_remark(check, "limitation") for check in findings if not check.passed]
