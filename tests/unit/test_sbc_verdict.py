"""Verdicts of calibrations whose posteriors are right, or wrong in a known way."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sbc_datasets import MAX_RANK, dataset, fail
from scipy.stats import binom

from hbstan.errors import SettingsError
from hbstan.results import Outcome
from hbstan.sbc import detection, power, tables, uniformity, verdict
from hbstan.sbc.verdict import Limits, converged, judge, problems, record

PASS, FAIL, NOT_RUN = Outcome.PASS, Outcome.FAIL, Outcome.NOT_RUN
NAMES = ["failures", "convergence", "divergences", "uniformity", "power"]
LABELS = ("mu", "tau", "theta[A]", "theta[B]")


def outcomes(data: xr.Dataset, limits: Limits | None = None) -> dict[str, Outcome]:
    checks = judge(data, MAX_RANK, limits or Limits())
    assert [check.name for check in checks] == NAMES
    return {check.name: check.outcome for check in checks}


def changed(data: xr.Dataset, name: str, where: Any, value: float) -> xr.Dataset:
    out = data.copy(deep=True)
    out[name].values[where] = value
    return out


# -- the whole


def test_a_calibrated_program_passes() -> None:
    data = dataset(500, LABELS, tests=("log_likelihood",))
    checks = judge(data, MAX_RANK, Limits())
    assert checks.outcome is PASS
    assert checks.passed
    assert all(check.advice == "" for check in checks)
    assert record(data, MAX_RANK, Limits())["verdict"] == "pass"


def test_twenty_simulations_never_pass() -> None:
    for seed in range(20):
        checks = judge(dataset(20, seed=seed), MAX_RANK, Limits())
        assert checks.outcome is not PASS
        assert checks["power"].outcome is NOT_RUN
    data = dataset(20)
    checks = judge(data, MAX_RANK, Limits())
    assert checks.outcome is NOT_RUN
    assert checks["power"].detail.startswith("underpowered: shift ")
    assert record(data, MAX_RANK, Limits())["verdict"] == "not_run: underpowered"


def test_twenty_simulations_can_fail() -> None:
    data = dataset(20, shift={"tau": 5.0})
    checks = judge(data, MAX_RANK, Limits())
    assert checks.outcome is FAIL
    assert checks["power"].outcome is NOT_RUN
    assert record(data, MAX_RANK, Limits())["verdict"] == "fail: tau"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"shift": {"tau": 0.6}}, "too low on average .* biased upward"),
        ({"shift": {"tau": -0.6}}, "too high on average .* biased downward"),
        ({"scale": {"tau": 0.5}}, "too many extreme ranks: .* too narrow"),
        ({"scale": {"tau": 2.0}}, "too few extreme ranks: .* too wide"),
    ],
)
def test_one_wrong_quantity_is_named_with_its_direction(
    wrong: Mapping[str, Mapping[str, float]], words: str
) -> None:
    data = dataset(500, LABELS, **wrong)
    check = judge(data, MAX_RANK, Limits())["uniformity"]
    assert check.outcome is FAIL
    assert check.subjects == ("tau",)
    assert check.value < 0.05
    assert re.search(f"; tau: .*{words}", check.detail)
    # One fault alone: the posterior is not also said to be wrong in another way.
    assert len(check.detail.split("; tau: ")[1].split(";")) == 1
    assert check.advice
    assert record(data, MAX_RANK, Limits())["verdict"] == "fail: tau"


def test_two_faults_are_both_named_and_the_worst_quantity_comes_first() -> None:
    data = dataset(
        300, LABELS, shift={"mu": 0.6, "theta[B]": 0.6}, scale={"theta[B]": 0.6}
    )
    check = judge(data, MAX_RANK, Limits())["uniformity"]
    assert check.subjects == ("theta[B]", "mu")
    assert "too narrow" in check.detail
    assert "biased upward" in check.detail


def test_ranks_wrong_in_neither_mean_nor_spread_are_described_as_such() -> None:
    data = dataset(600)
    # Two lumps, where the normal scores have mean 0 and variance 1.
    data["rank"].values[:, 0] = np.tile([19, 100], 300)
    check = judge(data, MAX_RANK, Limits())["uniformity"]
    assert check.subjects == ("mu",)
    assert "not on average nor in spread" in check.detail


def test_two_ranks_have_a_mean_but_no_spread() -> None:
    data = dataset(400, max_rank=1, shift={"mu": 1.0})
    check = judge(data, 1, Limits())["uniformity"]
    assert check.subjects == ("mu",)
    assert check.detail.endswith("biased upward")


# -- failed simulations and fits with problems


def test_the_share_of_failed_simulations_is_held_against_its_limit() -> None:
    data = dataset(500)
    few, many = fail(data, slice(0, 5)), fail(data, slice(0, 6), "overflow\nat line 3")
    assert judge(few, MAX_RANK, Limits())["failures"].outcome is PASS
    check = judge(many, MAX_RANK, Limits())["failures"]
    assert check.outcome is FAIL
    assert check.value == 6 / 500
    assert check.detail == "6 of 500 simulations; most often: overflow"
    assert outcomes(many, Limits(failed_share=0.012))["failures"] is PASS
    assert record(many, MAX_RANK, Limits())["verdict"] == "fail: failures"


def test_failed_simulations_do_not_disturb_the_ranks() -> None:
    data = dataset(500, shift={"tau": 1.0})
    part = fail(data, np.arange(500) % 10 == 0)
    check = judge(part, MAX_RANK, Limits())["uniformity"]
    rest = data.isel(sim_id=np.arange(500) % 10 != 0)
    assert check == judge(rest, MAX_RANK, Limits())["uniformity"]


@pytest.mark.parametrize("early", [False, True])
def test_without_a_posterior_ranks_are_not_judged(early: bool) -> None:
    data = fail(dataset(30, tests=("ll",)), slice(None), "no compiler", early=early)
    found = outcomes(data)
    assert found.pop("failures") is FAIL
    assert set(found.values()) == {NOT_RUN}
    check = judge(data, MAX_RANK, Limits())["power"]
    assert check.detail.startswith("underpowered: nothing")
    assert check.value is None
    made = record(data, MAX_RANK, Limits())
    assert made["verdict"] == "fail: failures"
    assert made["detectable"] is None
    assert made["excluding_problems"]["outcome"] == "not_run"
    assert made["excluding_problems"]["detail"] == "no fit converged"
    json.dumps(made, allow_nan=False)


def test_fits_that_do_not_converge_fail_the_gate() -> None:
    data = dataset(500, LABELS)
    bad = changed(data, "rhat", (slice(0, 20), 1), 1.1)
    bad = changed(bad, "ess_tail", (slice(15, 25), 2), 19.9)
    assert outcomes(bad)["convergence"] is PASS
    bad = changed(bad, "ess_bulk", (25, 2), 10.0)
    check = judge(bad, MAX_RANK, Limits())["convergence"]
    assert check.outcome is FAIL
    assert check.value == 26 / 500
    assert check.subjects == ("tau", "theta[A]")
    assert check.detail == (
        "26 of 500 fits: 20 with R-hat of 1.1 or more, 11 with ESS below 20; "
        "worst R-hat 1.1, worst ESS 10"
    )
    assert record(bad, MAX_RANK, Limits())["verdict"] == "fail: convergence"
    assert outcomes(bad, Limits(unconverged_share=0.06))["convergence"] is PASS


def test_fits_with_divergences_fail_the_gate() -> None:
    data = dataset(500)
    few = changed(data, "divergences", slice(0, 25), 1)
    many = changed(data, "divergences", slice(0, 26), 1)
    assert outcomes(few)["divergences"] is PASS
    assert outcomes(many)["divergences"] is FAIL
    assert outcomes(many, Limits(divergences=1))["divergences"] is PASS
    assert outcomes(many)["convergence"] is PASS


def test_converged_by_each_limit() -> None:
    data = dataset(9)
    cases = [
        ("rhat", (0, 1), 1.1),
        ("ess_bulk", (1, 0), 19.0),
        ("ess_tail", (2, 0), 19.0),
        ("divergences", 3, 1),
        ("rhat", (4, 0), np.inf),
        ("treedepth_hits", 5, 7),
        ("rhat", (6, 0), np.nan),
        ("ess_bulk", (6, 0), np.nan),
        ("ess_tail", (6, 0), np.nan),
        ("rhat", (7, slice(None)), np.nan),
    ]
    for case in cases:
        data = changed(data, *case)
    data = fail(data, 8)
    good = converged(data, Limits())
    # Too many tree depths, or one constant quantity, are no lack of convergence.
    assert good.tolist() == [False] * 5 + [True, True, False, False]
    found = {k: np.flatnonzero(v).tolist() for k, v in problems(data, Limits()).items()}
    assert found == {
        "failed": [8],
        "rhat": [0, 4, 7],
        "ess": [1, 2],
        "divergences": [3],
        "treedepth": [5],
    }
    bad = [v for k, v in problems(data, Limits()).items() if k != "treedepth"]
    assert (np.any(bad, axis=0) == ~good).all()
    wider = Limits(rhat=1.2, ess=10, divergences=1)
    assert converged(data, wider).tolist() == [True] * 4 + [False, True, True] + [
        False,
        False,
    ]


def test_uniformity_without_the_problems_is_reported_and_not_a_gate() -> None:
    data = dataset(600, seed=2)
    wrong = dataset(600, shift={"mu": 3.0}, seed=2)
    bad = slice(0, 150)
    data["rank"].values[bad] = wrong["rank"].values[bad]
    data["rhat"].values[bad] = 1.3
    made = record(data, MAX_RANK, Limits())
    assert made["verdict"] == "fail: convergence, mu"
    without = made["excluding_problems"]
    assert without["n"] == 450
    assert without["complete"] is False
    assert without["outcome"] == "pass"
    part = tables.summary(data.isel(sim_id=slice(150, None)), MAX_RANK, Limits())
    for label, (plain, adjusted) in without["p_values"].items():
        assert plain == part.loc[label, "p_value"]
        assert adjusted == part.loc[label, "p_adjusted"]


def test_if_all_fits_converge_nothing_is_excluded() -> None:
    data = fail(dataset(300), slice(0, 3))
    without = record(data, MAX_RANK, Limits())["excluding_problems"]
    assert without["complete"] is True
    assert without["detail"].startswith("all fits converged; ")
    assert without["n"] == 297
    assert record(data, MAX_RANK, Limits())["problems"]["failed"] == 3


def test_problem_fits_alone_can_hide_a_wrong_program_from_no_one() -> None:
    data = dataset(600, shift={"mu": 1.0})
    data["divergences"].values[::2] = 1
    without = record(data, MAX_RANK, Limits())["excluding_problems"]
    assert without["outcome"] == "fail"
    assert without["subjects"] == ["mu"]


# -- uniformity over several quantities


def test_the_false_alarm_rate_is_that_of_alpha() -> None:
    rng = np.random.default_rng(20)
    runs, alpha, alarms = 500, 0.05, 0
    for _ in range(runs):
        ranks = rng.integers(0, MAX_RANK + 1, (int(rng.integers(100, 201)), 4))
        p = uniformity.holm(uniformity.p_values(ranks, MAX_RANK))
        alarms += p.min() < alpha
    low, high = binom.interval(0.99, runs, alpha)
    assert low <= alarms <= high


def test_the_check_is_that_of_the_adjusted_p_values() -> None:
    for seed in range(15):
        data = dataset(200, LABELS, shift={"mu": 0.2}, seed=seed)
        p = uniformity.holm(uniformity.p_values(data["rank"].values, MAX_RANK))
        check = judge(data, MAX_RANK, Limits())["uniformity"]
        assert check.value == p.min()
        assert (check.outcome is FAIL) == (p.min() < 0.05)


def test_the_same_ranks_count_once() -> None:
    data = dataset(300, ("mu", "exp_mu", "minus_mu", "tau"))
    ranks = data["rank"].values
    ranks[:, 1] = ranks[:, 0]
    ranks[:, 2] = MAX_RANK - ranks[:, 0]
    alone = judge(data.isel(quantity=[0, 3]), MAX_RANK, Limits())
    all_four = judge(data, MAX_RANK, Limits())
    assert all_four["uniformity"].value == alone["uniformity"].value
    assert "4 quantities (2 distinct)" in all_four["uniformity"].detail
    assert all_four["power"] == alone["power"]
    # Ranks that differ in one simulation are another quantity.
    ranks[0, 1] = (ranks[0, 1] + 1) % (MAX_RANK + 1)
    three = judge(data, MAX_RANK, Limits())
    assert "(3 distinct)" in three["uniformity"].detail
    assert three["power"].value > alone["power"].value


def test_a_rank_out_of_range_is_an_error() -> None:
    data = changed(dataset(20), "rank", (3, 0), 120)
    with pytest.raises(SettingsError, match="120"):
        judge(data, MAX_RANK, Limits())


# -- power


def test_power_names_what_could_have_been_found() -> None:
    data = dataset(100, LABELS)
    found = detection.detectable(100, MAX_RANK, 0.05 / 4, 0.8)
    check = judge(data, MAX_RANK, Limits())["power"]
    assert check.value == found.shift
    for number in (found.shift, found.narrow, found.wide):
        assert f"{number:.3g}" in check.detail
    made = record(data, MAX_RANK, Limits())["detectable"]
    assert made == {
        "shift": found.shift,
        "narrow": found.narrow,
        "wide": found.wide,
        "power": 0.8,
        "alpha": 0.05,
        "distinct_quantities": 4,
    }


@pytest.mark.parametrize(
    "limits", [Limits(), Limits(shift=0.2), Limits(scale=1.2), Limits(power=0.95)]
)
def test_the_advised_number_of_simulations_suffices_and_hardly_exceeds(
    limits: Limits,
) -> None:
    check = judge(dataset(20, LABELS), MAX_RANK, limits)["power"]
    assert check.outcome is NOT_RUN
    advised = int(re.search(r"at least (\d+)", check.advice)[1])
    assert judge(dataset(advised, LABELS), MAX_RANK, limits)["power"].outcome is PASS
    fewer = dataset(int(0.88 * advised), LABELS)
    assert judge(fewer, MAX_RANK, limits)["power"].outcome is NOT_RUN


def test_each_kind_of_miscalibration_counts_towards_power() -> None:
    data = dataset(300)
    found = detection.detectable(300, MAX_RANK, 0.025, 0.8)
    factor = max(found.wide, 1 / found.narrow)
    enough = Limits(shift=found.shift + 0.001, scale=factor + 0.001)
    assert outcomes(data, enough)["power"] is PASS
    less = Limits(shift=found.shift - 0.001, scale=factor + 0.001)
    assert outcomes(data, less)["power"] is NOT_RUN
    less = Limits(shift=found.shift + 0.001, scale=factor - 0.001)
    assert outcomes(data, less)["power"] is NOT_RUN


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ((0.3, 1 / 1.5, 1.5), PASS),
        ((0.31, 0.9, 1.1), NOT_RUN),
        ((0.1, 0.66, 1.1), NOT_RUN),
        ((0.1, 0.9, 1.51), NOT_RUN),
    ],
)
def test_power_needs_shift_and_both_factors(
    found: tuple[float, float, float], outcome: Outcome
) -> None:
    smallest = detection.Detectable(*found)
    check = power.power_check(smallest, 100, MAX_RANK, 1, Limits())
    assert check.outcome is outcome


def test_what_no_number_of_simulations_finds_is_said() -> None:
    # Two ranks cannot tell a wide posterior from a right one.
    assert power.needed_sims(1, 1, Limits()) is None
    check = judge(dataset(50, max_rank=1), 1, Limits())["power"]
    assert check.outcome is NOT_RUN
    assert "no smaller sd, no larger sd" in check.detail
    assert "raise max_rank" in check.advice
    made = record(dataset(50, max_rank=1), 1, Limits())["detectable"]
    assert (made["narrow"], made["wide"]) == (0.0, "inf")


def test_the_advice_goes_beyond_what_did_not_suffice() -> None:
    assert power.needed_sims(MAX_RANK, 4, Limits(), above=1000) > 1000


# -- limits and record


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rhat", 1.0, "above 1"),
        ("rhat", "1.1", "above 1"),
        ("ess", -1.0, "0 or more"),
        ("ess", float("nan"), "0 or more"),
        ("divergences", 0.5, "whole number"),
        ("divergences", -1, "whole number"),
        ("divergences", True, "whole number"),
        ("failed_share", 1.5, "from 0 to 1"),
        ("unconverged_share", -0.1, "from 0 to 1"),
        ("alpha", 0.0, "between 0 and 1"),
        ("alpha", True, "between 0 and 1"),
        ("power", 1.0, "between 0 and 1"),
        ("power", 0.04, "above alpha"),
        ("shift", 0.0, "above 0"),
        ("scale", 1.0, "above 1"),
    ],
)
def test_limits_out_of_range_are_refused(name: str, value: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        Limits(**{name: value})
    assert f"{name} is {value!r}" in str(caught.value)


def test_limits_at_the_ends_of_their_ranges_are_legal() -> None:
    Limits(ess=0, failed_share=0, unconverged_share=1, divergences=0)


def test_a_record_survives_json_and_does_not_change() -> None:
    data = fail(dataset(200, LABELS, tests=("ll",)), slice(0, 4), early=True)
    data["divergences"].values[50:60] = 2
    data["simulated_value"].values[7, 0] = np.inf
    made = record(data, MAX_RANK, Limits())
    text = json.dumps(made, allow_nan=False)
    assert json.loads(text) == made
    later = data.copy(deep=True)
    later["seconds"].values[:] = 99.0
    later["console"].values[:] = "other"
    assert json.dumps(record(later, MAX_RANK, Limits()), allow_nan=False) == text
    other = changed(data, "rank", (100, 0), 0)
    assert json.dumps(record(other, MAX_RANK, Limits()), allow_nan=False) != text
    assert list(made) == [
        *("outcome", "verdict", "checks", "limits", "problems", "quantities"),
        *("coverage", "detectable", "excluding_problems", "failures", "regimes"),
    ]
    assert made["outcome"] == made["verdict"].partition(":")[0]
    assert made["limits"] == Limits().record()
    assert [row["quantity"] for row in made["quantities"]] == [*LABELS, "ll"]
    assert {row["prob"] for row in made["coverage"]} == {0.5, 0.8, 0.9, 0.95}
    assert {row["quantity"] for row in made["failures"]} == {"mu", "tau"}
    assert made["regimes"]["by"] == "tau"
    assert {row["region"] for row in made["regimes"]["rows"]} == {
        *("low", "medium", "high", "overall")
    }


def test_without_tau_there_are_no_regimes() -> None:
    for labels in (("mu",), ("mu", "tau[1]")):
        assert record(dataset(30, labels), MAX_RANK, Limits())["regimes"] is None
    data = dataset(30, ("mu",), tests=("tau",))
    assert record(data, MAX_RANK, Limits())["regimes"] is None


def test_one_simulation_of_one_quantity() -> None:
    made = record(dataset(1, ("mu",)), MAX_RANK, Limits())
    assert made["outcome"] == "not_run"
    json.dumps(made, allow_nan=False)


def test_many_failing_quantities_are_counted_in_the_sentence() -> None:
    labels = tuple(f"x[{i}]" for i in range(8))
    data = dataset(100, labels, shift=dict.fromkeys(labels, 3.0))
    sentence = record(data, MAX_RANK, Limits())["verdict"]
    assert sentence.startswith("fail: x[")
    assert sentence.endswith(", and 3 more, underpowered") is False
    assert sentence.endswith(", and 3 more")
    assert len(judge(data, MAX_RANK, Limits())["uniformity"].subjects) == 8


def test_the_module_hands_out_what_results_need() -> None:
    for name in ("Limits", "converged", "judge", "problems", "record"):
        assert name in verdict.__all__
