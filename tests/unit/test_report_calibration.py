"""What a calibration looks like on a terminal."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console

from hbstan.report import calibration as report
from hbstan.sbc.result import SBCResult

IDENTITY: dict[str, Any] = {
    "problem": {
        "model": "logit[x]",
        "kind": "prior",
        "design": "n = 47, 148",
        "priors": {
            "mu": {"family": "Normal", "args": [-2.5, 1.0]},
            "tau": {"family": "HalfCauchy", "args": [1.0]},
        },
    },
    "settings": {"chains": 1, "iter_warmup": 500, "iter_sampling": 400},
    "seed": 7,
    "backend": "stanli",
    "versions": {"hbstan": "1.2.3"},
}


def text_of(renderable: Any, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


def rows_of(renderable: Any) -> dict[str, list[str]]:
    """Return the words of each line, by the first."""
    lines = [line.split() for line in text_of(renderable).splitlines() if line.strip()]
    return {words[0]: words[1:] for words in lines}


def heading(**changes: Any) -> str:
    problem = {**IDENTITY["problem"], **changes}
    result = SBCResult.build(xr.Dataset(), {**IDENTITY, "problem": problem})
    return text_of(report.calibration_heading(result, "2 processes", "5 simulations"))


def test_the_heading_says_what_was_run() -> None:
    text = heading()
    assert "Calibration of logit[x] by simulation\n" in text
    assert "priors: mu ~ Normal(-2.5, 1), tau ~ HalfCauchy(1)\n" in text
    assert "backend stanli · seed 7 · 1 chain x 400 draws after 500" in text
    assert "design: n = 47, 148\n" in text
    assert "hbstan 1.2.3" in text


def test_the_heading_of_a_program_of_ones_own() -> None:
    text = heading(design="", priors={}, kind="posterior")
    assert "around the data at hand" in text
    assert "design" not in text
    assert "priors" not in text


def test_many_group_sizes_are_counted() -> None:
    sizes = ", ".join(str(n) for n in range(100, 600))
    text = heading(design=f"n = {sizes}; as many groups replicated")
    flat = " ".join(text.split())
    assert "n = 100, 101, 102, 103, 104, 105, 106, 107, ... (500 groups)" in flat
    assert "; as many groups replicated" in flat
    assert "599" not in text


def summary(n_elements: int, **columns: Any) -> pd.DataFrame:
    names = [f"theta[{j}]" for j in range(n_elements)] + ["tau", "log_likelihood"]
    values: dict[str, Any] = {
        "rank_mean": 0.5,
        "p_value": np.linspace(0.9, 0.1, len(names)),
        "p_adjusted": 1.0,
        "z_mean": 0.012,
        "z_sd": 1.02,
        "contraction": 0.75,
        "bias": -0.0123,
        "bias_mcse": 0.004,
    }
    return pd.DataFrame({**values, **columns}, index=pd.Index(names, name="quantity"))


def test_scalars_come_first_then_elements_in_their_order() -> None:
    text = text_of(report.quantities_table(summary(3), 0.05))
    names = [line.split()[0] for line in text.splitlines()[2:]]
    assert names == ["tau", "log_likelihood", "theta[0]", "theta[1]", "theta[2]"]
    assert text.splitlines()[2].split()[1:] == (
        ["0.500", "0.300", "1.000", "0.01", "1.02", "0.75", "-0.0123"]
    )


def test_of_many_elements_the_least_uniform_are_listed() -> None:
    text = text_of(report.quantities_table(summary(32), 0.05))
    listed = re.findall(r"theta\[(\d+)\]", text)
    assert listed == [str(j) for j in range(20, 32)]  # the p-values fall
    assert text.splitlines()[-1] == "... and 20 more, all uniform"


def test_elements_that_are_not_uniform_are_counted_even_if_not_listed() -> None:
    table = summary(32, p_adjusted=0.001, p_value=1e-5)
    text = text_of(report.quantities_table(table, 0.05))
    assert text.splitlines()[-1] == "... and 20 more, 20 of them not uniform"


def test_what_is_not_uniform_stands_out() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    table = summary(0, p_adjusted=[0.5, 1e-6])
    console.print(report.quantities_table(table, 0.05))
    tau, likelihood = console.file.getvalue().splitlines()[2:]  # type: ignore[attr-defined]
    assert "\x1b" not in tau
    assert "\x1b[1;31m1e-06" in likelihood


def test_without_simulations_there_are_dashes() -> None:
    nothing = dict.fromkeys(summary(0).columns, np.nan)
    rows = rows_of(report.quantities_table(summary(0, **nothing), 0.05))
    assert rows["tau"] == ["-"] * 7


def coverage(names: list[str], covered: float) -> pd.DataFrame:
    index = pd.MultiIndex.from_product(
        [names, (0.5, 0.8, 0.9, 0.95)], names=["quantity", "prob"]
    )
    nominal = np.tile([0.5, 0.8, 0.9, 0.95], len(names))
    columns = {"nominal": nominal, "covered": covered, "lower": 0.412, "upper": 0.555}
    return pd.DataFrame(columns, index=index)


def test_coverage_is_in_per_cent_and_of_scalars() -> None:
    table = report.coverage_table(coverage(["tau", "z[1]"], 0.4814))
    assert table is not None
    rows = rows_of(table)
    assert rows["quantity"] == ["50", "%", "80", "%", "90", "%", "95", "%"]
    assert rows["tau"] == ["48.1", "(41-56)"] * 4
    assert "z[1]" not in rows
    assert report.coverage_table(coverage(["z[1]"], 0.5)) is None


def regions() -> pd.DataFrame:
    index = pd.MultiIndex.from_product(
        [["low", "high", "overall"], ["mu", "tau"]], names=["region", "quantity"]
    )
    columns = {
        "interval": np.repeat(["below 0.3", "0.3 or more", "all"], 2),
        "n_sims": np.repeat([0, 40, 40], 2),
        "failed": np.repeat([0, 1, 1], 2),
        "converged": np.repeat([np.nan, 0.975, 0.975], 2),
        "with_divergences": np.repeat([np.nan, 0.05, 0.05], 2),
        "bias": [np.nan, np.nan, 0.0123, -294.893, 0.01, 0.02],
        "relative_error": [np.nan, np.nan, 0.5, 0.25, 0.5, 0.25],
        "coverage_95": [np.nan, np.nan, 0.95, 0.9, 0.95, 0.9],
    }
    return pd.DataFrame(columns, index=index)


def test_regions_name_their_counts_once() -> None:
    text = text_of(report.regimes_table(regions(), "tau"))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "below 0.3 0 0 - - mu - - -" in lines
    assert "0.3 or more 40 1 97.5 % 5.0 % mu 0.012 0.50 95.0" in lines
    assert "tau -295 0.25 90.0" in lines


def test_problems_are_counted_if_there_are_any() -> None:
    kinds = {"failed": 3, "rhat": 0, "ess": 0, "divergences": 12, "treedepth": 0}
    line = report.problems_line(kinds, 1000)
    assert line == "Of 1000 simulations: 3 failed, 12 with divergences."
    assert report.problems_line(dict.fromkeys(kinds, 0), 1000) == ""


def test_where_fits_fail() -> None:
    row = {"bad_q50": 0.05, "good_q50": 1.2, "p_value": 1e-9}
    row |= {f"q{i}": share for i, share in enumerate([0.3, 0.1, 0, 0, 0], 1)}
    frame = pd.DataFrame([row], index=["tau"])
    table = report.failures_table(frame)
    assert table is not None
    shares = ["30.0", "%", "10.0", "%", *(["0.0", "%"] * 3)]
    assert rows_of(table)["tau"] == ["0.05", "1.2", "1e-09", *shares]
    assert report.failures_table(frame.iloc[:0]) is None


def record(outcome: str, reasons: str, ranks: str, **changes: Any) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "verdict": f"{outcome}: {reasons}" if reasons else outcome,
        "checks": [{"name": "uniformity", "outcome": ranks}],
        "detectable": {"shift": 0.12, "narrow": 0.88, "wide": 1.15, "power": 0.8},
        "excluding_problems": {
            "n": 990,
            "complete": True,
            "outcome": "pass",
            "subjects": [],
        },
        **changes,
    }


FOUND = "a posterior mean off by 0.12 sd, or a posterior sd of 0.88 or 1.15 times"


@pytest.mark.parametrize(
    ("args", "first"),
    [
        (("pass", "", "pass"), "Calibrated: every check passed."),
        (("fail", "tau, z[1]", "fail"), "Not calibrated: tau, z[1]."),
        (
            ("fail", "divergences", "pass"),
            "Not accepted: divergences; the ranks are uniform.",
        ),
        (("fail", "failures", "not_run"), "Not accepted: failures."),
        (("not_run", "underpowered", "pass"), "Nothing was decided: underpowered."),
    ],
)
def test_the_verdict_is_one_sentence(args: tuple[str, str, str], first: str) -> None:
    lines = text_of(report.calibration_verdict(record(*args)), 200).splitlines()
    assert lines[0] == first
    assert FOUND in lines[1]
    assert len(lines) == 2


def test_the_verdict_tells_of_converged_fits_alone() -> None:
    kept = {"n": 940, "complete": False, "outcome": "fail", "subjects": ["mu"]}
    args = record("fail", "mu", "fail", excluding_problems=kept)
    text = text_of(report.calibration_verdict(args), 200)
    assert "Uniformity over the 940 converged fits alone: FAIL (mu)." in text


def test_what_cannot_be_found_is_not_promised() -> None:
    never = {"shift": "inf", "narrow": 0.0, "wide": "inf", "power": 0.8}
    args = record("not_run", "underpowered", "pass", detectable=never)
    text = text_of(report.calibration_verdict(args), 200)
    assert "No miscalibration, however large, would have been found" in text
    args = record("fail", "failures", "not_run", detectable=None)
    assert "found" not in text_of(report.calibration_verdict(args), 200)
