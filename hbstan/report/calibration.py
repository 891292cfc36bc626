"""Calibrations as Rich tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from hbstan.report.format import (
    STYLES,
    WORDS,
    decimals_of,
    empty_table,
    fixed,
    p_text,
)
from hbstan.results import Outcome

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

    from hbstan.sbc.result import SBCResult

__all__ = [
    "calibration_heading",
    "calibration_verdict",
    "coverage_table",
    "failures_table",
    "problems_line",
    "quantities_table",
    "regimes_table",
]

#: Elements of vectors that are listed.
_MOST_ELEMENTS = 12
#: Group sizes that the heading lists.
_MOST_SIZES = 16
_PROBLEMS = {
    "failed": "failed",
    "rhat": "beyond the limit of R-hat",
    "ess": "short of effective draws",
    "divergences": "with divergences",
    "treedepth": "with trajectories cut short (harmless)",
}


def calibration_heading(result: SBCResult, how: str, speed: str) -> str:
    """Return what was calibrated, by what means, how fast; as Rich markup.

    Parameters
    ----------
    result : SBCResult
    how : str
        Who did the work.
    speed : str
        How many simulations in what time.
    """
    record = result.identity
    what, settings = record["problem"], record["settings"]
    kind = "around the data at hand" if what["kind"] == "posterior" else "by simulation"
    priors = ", ".join(f"{k} ~ {_prior(v)}" for k, v in what["priors"].items())
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    chains = f"{settings['chains']} chain" + ("s" if settings["chains"] != 1 else "")
    draws = f"{settings['iter_sampling']} draws after {settings['iter_warmup']}"
    lines = [
        f"Calibration of [bold]{escape(result.model)}[/] {kind}",
        f"design: {escape(_design(what['design']))}" if what["design"] else "",
        f"priors: {escape(priors)}" if priors else "",
        f"backend [bold]{record['backend']}[/] · seed {record['seed']} · "
        f"{chains} x {draws} · {escape(how)}",
        escape(speed),
        f"[dim]{escape(versions)}[/]",
    ]
    return "\n".join(line for line in lines if line)


def _prior(record: Mapping[str, Any]) -> str:
    return f"{record['family']}({', '.join(f'{arg:.6g}' for arg in record['args'])})"


def _design(words: str) -> str:
    """Return the design, with the sizes of many groups left out."""
    sizes, semicolon, rest = words.partition(";")
    parts = sizes.split(", ")
    if len(parts) > _MOST_SIZES:
        sizes = ", ".join(parts[: _MOST_SIZES // 2])
        sizes += f", ... ({len(parts)} groups)"
    return sizes + semicolon + rest


def quantities_table(summary: pd.DataFrame, alpha: float) -> RenderableType:
    """Return the ranks' uniformity and the errors, scalars first.

    Of many elements those with the smallest p-values are listed, in their order.

    Parameters
    ----------
    summary : DataFrame
        See :func:`hbstan.sbc.tables.summary`.
    alpha : float
        Adjusted p-values below it are not uniform.
    """
    columns = ("rank", "p", "adjusted", "z mean", "z sd", "contraction", "bias")
    table = empty_table("Quantities", "quantity", *columns, numbers=len(columns))
    elements = summary[[_is_element(name) for name in summary.index]]
    scalars = summary.drop(index=elements.index)
    worst = elements["p_value"].nsmallest(_MOST_ELEMENTS, keep="first").index
    shown = elements[elements.index.isin(worst)]
    for name, row in [*scalars.iterrows(), *shown.iterrows()]:
        table.add_row(escape(str(name)), *_quantity_cells(row, alpha))
    left = elements.drop(index=shown.index)
    if left.empty:
        return table
    bad = int((left["p_adjusted"] < alpha).sum())
    verdict = f"{bad} of them not uniform" if bad else "all uniform"
    return Group(table, f"... and {len(left)} more, {verdict}")


def _quantity_cells(row: pd.Series[Any], alpha: float) -> list[str]:
    adjusted = p_text(row["p_adjusted"])
    if row["p_adjusted"] < alpha:
        adjusted = f"[bold red]{adjusted}[/]"
    places = 3 if math.isnan(row["bias_mcse"]) else decimals_of(row["bias_mcse"])
    return [
        fixed(row["rank_mean"], 3),
        p_text(row["p_value"]),
        adjusted,
        fixed(row["z_mean"], 2),
        fixed(row["z_sd"], 2),
        fixed(row["contraction"], 2),
        fixed(row["bias"], min(places, 4)),
    ]


def _is_element(label: Any) -> bool:
    return "[" in str(label)


def coverage_table(coverage: pd.DataFrame) -> Table | None:
    """Return how often central intervals hold the simulated value, in per cent.

    Parameters
    ----------
    coverage : DataFrame
        See :func:`hbstan.sbc.tables.coverage`.

    Returns
    -------
    Table or None
        A row for each scalar, a column for each nominal probability; None if there
        is no scalar.
    """
    rows = coverage.reset_index()
    rows = rows[[not _is_element(name) for name in rows["quantity"]]]
    if rows.empty:
        return None
    nominal = [f"{100 * x:.3g} %" for x in rows["nominal"].unique()]
    table = empty_table(
        "Coverage of central intervals in per cent, with 95 % confidence limits",
        *("quantity", *nominal),
        numbers=len(nominal),
    )
    for name, own in rows.groupby("quantity", sort=False):
        shares = 100 * own[["covered", "lower", "upper"]].to_numpy(dtype=float)
        cells = [f"{fixed(x, 1)} ({low:.0f}-{high:.0f})" for x, low, high in shares]
        table.add_row(escape(str(name)), *cells)
    return table


def regimes_table(regimes: pd.DataFrame, by: str) -> Table:
    """Return recovery of the scalar parameters by regions of one's simulated value.

    Parameters
    ----------
    regimes : DataFrame
        See :func:`hbstan.sbc.regions.regimes`.
    by : str
        The quantity that decides.
    """
    numbers = ("sims", "failed", "converged", "diverged")
    table = empty_table(
        f"Recovery by {escape(by)} (error: median relative; coverage in per cent)",
        *(escape(by), *numbers, "quantity", "bias", "error", "95 %"),
        numbers=3,
    )
    for column in table.columns[1:5]:
        column.justify, column.no_wrap = "right", True
    for _, part in regimes.reset_index().groupby("region", sort=False):
        for position, (_, row) in enumerate(part.iterrows()):
            first = _region_cells(row) if position == 0 else [""] * 5
            name = escape(str(row["quantity"]))
            table.add_row(*first, name, *_recovery_cells(row))
    return table


def _region_cells(row: pd.Series[Any]) -> list[str]:
    return [
        escape(str(row["interval"])),
        str(int(row["n_sims"])),
        str(int(row["failed"])),
        _percent(row["converged"]),
        _percent(row["with_divergences"]),
    ]


def _recovery_cells(row: pd.Series[Any]) -> list[str]:
    return [
        _short(float(row["bias"])),
        fixed(row["relative_error"], 2),
        fixed(100 * row["coverage_95"], 1),
    ]


def _short(number: float) -> str:
    """Format with two digits after leading zeros, three of larger numbers."""
    if math.isnan(number):
        return "-"
    return f"{number:.2g}" if abs(number) < 1 else f"{number:.3g}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def problems_line(counts: Mapping[str, int], n_sims: int) -> str:
    """Return how many simulations have which problem; empty if none has any.

    Parameters
    ----------
    counts : mapping of str to int
        By kind; see :func:`hbstan.sbc.limits.problems`.
    n_sims : int
    """
    found = [f"{n} {_PROBLEMS.get(kind, kind)}" for kind, n in counts.items() if n]
    return f"Of {n_sims} simulations: {', '.join(found)}." if found else ""


def failures_table(failures: pd.DataFrame) -> Table | None:
    """Return where in the prior bad fits lie, or None if there are none.

    Parameters
    ----------
    failures : DataFrame
        See :func:`hbstan.sbc.regions.failures`.
    """
    if failures.empty:
        return None
    fifths = ("q1", "q2", "q3", "q4", "q5")
    table = empty_table(
        "Bad fits (failed, not converged, divergent): median simulated value, and "
        "share in fifths of the values",
        *("parameter", "if bad", "if good", "p", "low", "", "middle", "", "high"),
        numbers=3 + len(fifths),
    )
    for name, row in failures.iterrows():
        table.add_row(
            escape(str(name)),
            f"{row['bad_q50']:.3g}",
            f"{row['good_q50']:.3g}",
            p_text(row["p_value"]),
            *(_percent(row[c]) for c in fifths),
        )
    return table


def calibration_verdict(record: Mapping[str, Any]) -> str:
    """Return what was decided, and what could have been found; as Rich markup.

    Parameters
    ----------
    record : mapping
        See :meth:`hbstan.sbc.SBCResult.record`.
    """
    outcome = Outcome(record["outcome"])
    lines = [f"[{STYLES[outcome]}]{escape(_decision(outcome, record))}[/]"]
    if record["detectable"] is not None:
        lines.append(_findable(record["detectable"]))
    kept = record["excluding_problems"]
    if kept["n"] and not kept["complete"]:
        word = WORDS[Outcome(kept["outcome"])]
        which = f" ({', '.join(kept['subjects'])})" if kept["subjects"] else ""
        text = f"Uniformity over the {kept['n']} converged fits alone: {word}{which}."
        lines.append(escape(text))
    return "\n".join(lines)


def _decision(outcome: Outcome, record: Mapping[str, Any]) -> str:
    """Tell a program that is wrong from a calibration that says nothing."""
    if outcome is Outcome.PASS:
        return "Calibrated: every check passed."
    reasons = str(record["verdict"]).partition(": ")[2]
    if outcome is Outcome.NOT_RUN:
        return f"Nothing was decided: {reasons}."
    ranks = {c["name"]: c["outcome"] for c in record["checks"]}["uniformity"]
    if ranks == Outcome.FAIL:
        return f"Not calibrated: {reasons}."
    also = "; the ranks are uniform" if ranks == Outcome.PASS else ""
    return f"Not accepted: {reasons}{also}."


def _findable(detectable: Mapping[str, Any]) -> str:
    """Say which miscalibrations would have been found; at the limits there is none."""
    shift, narrow, wide = (float(detectable[k]) for k in ("shift", "narrow", "wide"))
    parts = []
    if math.isfinite(shift):
        parts.append(f"a posterior mean off by {shift:.2g} sd")
    factors = ([f"{narrow:.2g}"] if narrow > 0 else []) + (
        [f"{wide:.3g}"] if math.isfinite(wide) else []
    )
    if factors:
        parts.append(f"a posterior sd of {' or '.join(factors)} times its due")
    chance = f"with probability {detectable['power']:g}"
    if not parts:
        return f"No miscalibration, however large, would have been found {chance}."
    return f"Would have been found {chance}: {', or '.join(parts)}."
