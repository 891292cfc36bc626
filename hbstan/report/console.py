"""Results as Rich tables, and progress as bars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hbstan.results import Checks, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from hbstan.data import Dataset
    from hbstan.fit import Fit
    from hbstan.models import Model
    from hbstan.types import Progress

__all__ = [
    "checks_table",
    "dataset_lines",
    "fit_heading",
    "groups_table",
    "list_table",
    "model_lines",
    "posterior_table",
    "priors_table",
    "progress_bars",
    "verdict_line",
]

_STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.NOT_RUN: "yellow"}
_WORDS = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.NOT_RUN: "not run"}


def _table(title: str, *columns: str, numbers: int = 0) -> Table:
    """Make an empty table whose last ``numbers`` columns are set flush right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.pad_edge = False
    for position, column in enumerate(columns):
        flush = "right" if position >= len(columns) - numbers else "left"
        table.add_column(column, justify=flush)  # type: ignore[arg-type]
    return table


def _number(value: Any, digits: int = 3) -> str:
    if value is None:
        return ""
    number = float(value)
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number)}"
    return f"{number:.{digits}f}" if abs(number) < 1e4 else f"{number:.4g}"


def checks_table(checks: Checks, title: str = "Diagnostics") -> Table:
    """Return the checks with value, rule, outcome, and what concerns failures."""
    table = _table(title, "check", "rule", "value", "outcome", "detail")
    for check in checks:
        style = _STYLES[check.outcome]
        detail = check.detail
        if check.subjects and not check.passed:
            detail += f": {', '.join(check.subjects)}"
        if check.advice and not check.passed:
            detail += f"\n{check.advice}"
        table.add_row(
            escape(check.label),
            escape(check.rule),
            _number(check.value),
            f"[{style}]{_WORDS[check.outcome]}[/]",
            escape(detail),
        )
    return table


def verdict_line(checks: Checks) -> str:
    """Return the joint outcome in one sentence, as Rich markup."""
    style = _STYLES[checks.outcome]
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
    return (
        f"[bold]{escape(fit.model)}[/] on [bold]{escape(str(record['data_name']))}[/]"
        f" · backend [bold]{fit.backend}[/] ({versions}) · seed {record['seed']} · "
        f"{sizes['chain']} chains x {sizes['draw']} draws · "
        f"{record['timings']['total']:.1f} s"
    )


def priors_table(priors: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the priors used, where each comes from and why."""
    table = _table("Priors", "parameter", "prior", "from", "because")
    for name, record in priors.items():
        table.add_row(
            name, str(record["prior"]), str(record["origin"]), str(record["reason"])
        )
    return table


def posterior_table(summary: pd.DataFrame, title: str = "Posterior") -> Table:
    """Return ArviZ's summary: mean, sd, interval, ESS and R-hat."""
    bounds = [c for c in summary.columns if str(c).startswith("eti")]
    columns = ["mean", "sd", *bounds, "ess_bulk", "ess_tail", "r_hat"]
    names = [
        str(c).replace("eti94_lb", "3%").replace("eti94_ub", "97%") for c in columns
    ]
    table = _table(title, "quantity", *names, numbers=len(columns))
    for name, row in summary.iterrows():
        cells = [
            f"{row[c]:.0f}" if str(c).startswith("ess") else f"{row[c]:.3f}"
            for c in columns
        ]
        table.add_row(escape(str(name)), *cells)
    return table


def groups_table(groups: pd.DataFrame, title: str) -> Table:
    """Return raw and posterior estimates by group."""
    counts = [c for c in ("events", "trials", "sigma") if c in groups]
    columns = [*counts, "raw", "mean", "sd", "lower", "upper"]
    names = [c.replace("lower", "3%").replace("upper", "97%") for c in columns]
    table = _table(title, "group", *names, numbers=len(columns))
    for label, row in groups.iterrows():
        cells = [
            f"{int(row[c])}" if c in ("events", "trials") else f"{row[c]:.3f}"
            for c in columns
        ]
        table.add_row(escape(str(label)), *(c.replace("nan", "-") for c in cells))
    return table


def list_table(
    title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> Table:
    """Return plain rows under a header."""
    table = _table(title, *header)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def model_lines(model: Model) -> list[str | Table]:
    """Return a model's page: mathematics, parameters, priors, program text."""
    parameters = list_table(
        "Quantities",
        ("name", "meaning", "unit", "shape", "prior"),
        [
            (p.name, p.meaning, p.unit, ", ".join(p.dims) or "scalar", p.role or "-")
            for p in model.parameters
        ],
    )
    return [
        f"[bold]{model.name}[/]: {escape(model.title)}",
        escape(model.formula),
        f"Data: {model.kind}. Source: {escape(model.reference)}",
        parameters,
        f"Program: {escape(str(model.program.file))}",
        escape(_header_comment(model.program.source())),
    ]


def _header_comment(source: str) -> str:
    end = source.find("*/")
    return source[: end + 2] if end >= 0 else ""


def dataset_lines(dataset: Dataset, about: Mapping[str, str]) -> list[str | Table]:
    """Return a dataset's page: what it is and its rows."""
    frame = dataset.to_frame()
    rows = [tuple(str(cell) for cell in row) for row in frame.itertuples(index=False)]
    header = tuple(str(c) for c in frame.columns)
    lines: list[str | Table] = [
        f"[bold]{escape(key)}[/]: {escape(text)}" for key, text in about.items() if text
    ]
    return [*lines, list_table("", header, rows)]


@contextmanager
def progress_bars(console: Console, *, enabled: bool) -> Iterator[Progress | None]:
    """Show a bar per step while the body runs; yield the callback, or None.

    Where the console is no terminal nothing is drawn.
    """
    if not enabled or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    tasks: dict[str, Any] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=console,
    ) as bars:

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(escape(step), total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield report
