"""Diagnostics of trees built by hand, whose verdict is known."""

from __future__ import annotations

import json
import math
from typing import Any

import arviz_stats
import numpy as np
import pytest
import xarray as xr

from hbstan.diagnostics import Thresholds, diagnose
from hbstan.errors import FitError, SettingsError
from hbstan.results import Outcome

NAMES = [
    "draws",
    "rhat",
    "ess_bulk",
    "ess_tail",
    "divergences",
    "treedepth",
    "bfmi",
]
GROUPS = ["A", "مستشفى", "בית חולים", "🏥👩‍👩‍👧", "<script>", "x, y]"]


def normal(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def good_stats(chains: int = 4, draws: int = 1000) -> dict[str, np.ndarray]:
    return {
        "diverging": np.zeros((chains, draws), dtype=bool),
        "reached_max_treedepth": np.zeros((chains, draws), dtype=bool),
        "energy": normal(chains, draws, seed=2),
    }


def dataset(variables: dict[str, np.ndarray]) -> xr.Dataset:
    arrays = {}
    for name, values in variables.items():
        dims = ["group", "other"][: values.ndim - 2]
        arrays[name] = (["chain", "draw", *dims], values)
    sizes = {d: n for d, v in arrays.values() for d, n in zip(d, v.shape, strict=True)}
    coords: dict[str, Any] = {d: range(n) for d, n in sizes.items()}
    if "group" in sizes:
        coords["group"] = (GROUPS * 9)[: sizes["group"]]
    return xr.Dataset(arrays, coords)


def tree(
    posterior: dict[str, np.ndarray],
    stats: dict[str, np.ndarray] | None = None,
    sampled: list[str] | None = None,
) -> xr.DataTree:
    first = next(iter(posterior.values()))
    chosen = good_stats(*first.shape[:2]) if stats is None else stats
    groups = {"posterior": dataset(posterior)}
    if chosen:
        groups["sample_stats"] = dataset(chosen)
    out = xr.DataTree.from_dict(groups)
    if sampled is not None:
        out.attrs["sampled"] = json.dumps(sampled)
    return out


def autoregressive(coefficient: float, chains: int = 4, draws: int = 1000):
    noise = normal(chains, draws, seed=3)
    out = np.empty_like(noise)
    out[:, 0] = noise[:, 0]
    for t in range(1, draws):
        step = math.sqrt(1 - coefficient**2) * noise[:, t]
        out[:, t] = coefficient * out[:, t - 1] + step
    return out


def test_independent_draws_pass() -> None:
    checks = diagnose(tree({"mu": normal(4, 1000)}))
    assert [c.name for c in checks] == NAMES
    assert {c.outcome for c in checks} == {Outcome.PASS}
    assert checks.passed
    assert checks["rhat"].value == pytest.approx(1.0, abs=0.005)
    assert 3000 < checks["ess_bulk"].value < 5000
    assert all(c.advice == "" for c in checks)


def test_a_shifted_chain_fails_rhat() -> None:
    draws = normal(4, 1000)
    draws[3] += 0.5
    checks = diagnose(tree({"mu": draws, "fine": normal(4, 1000, seed=9)}))
    assert checks["rhat"].outcome is Outcome.FAIL
    assert checks["rhat"].value > 1.01
    assert checks["rhat"].subjects == ("mu",)
    assert checks["rhat"].detail == "1 of 2 quantities"
    assert "parameterisation" in checks["rhat"].advice
    assert not checks.passed


def test_a_chain_of_another_scale_fails_rhat() -> None:
    # Equal means: only the folded statistic sees it.
    draws = normal(4, 1000)
    draws[2] *= 3
    assert diagnose(tree({"mu": draws}))["rhat"].outcome is Outcome.FAIL


def test_slow_chains_fail_ess() -> None:
    checks = diagnose(tree({"mu": autoregressive(0.99)}))
    assert checks["ess_bulk"].outcome is Outcome.FAIL
    assert checks["ess_tail"].outcome is Outcome.FAIL
    assert checks["ess_bulk"].value < 100
    assert checks["ess_bulk"].threshold == 400
    assert "iter_sampling" in checks["ess_bulk"].advice


def test_ess_is_near_its_closed_form() -> None:
    # n (1 - r) / (1 + r) for an autoregressive chain.
    r = 0.5
    value = diagnose(tree({"mu": autoregressive(r)}))["ess_bulk"].value
    assert value == pytest.approx(4000 * (1 - r) / (1 + r), rel=0.15)


def test_one_chain_has_no_rhat() -> None:
    checks = diagnose(tree({"mu": normal(1, 1000)}))
    assert checks["rhat"].outcome is Outcome.NOT_RUN
    assert checks["rhat"].value is None
    assert "1 chain" in checks["rhat"].detail
    assert "2 chains" in checks["rhat"].advice
    assert checks["ess_bulk"].outcome is Outcome.PASS
    assert checks.outcome is Outcome.NOT_RUN
    assert not checks.passed


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_draws_that_are_not_finite_fail(bad: float) -> None:
    draws = normal(4, 1000, 2)
    draws[1, 7, 1] = bad
    checks = diagnose(tree({"theta": draws}))
    assert checks["draws"].outcome is Outcome.FAIL
    assert checks["draws"].subjects == (f"theta[{GROUPS[1]}]",)
    assert checks["draws"].detail == "1 not finite"
    assert not checks.passed


def test_nothing_but_nan_is_no_pass_of_convergence() -> None:
    checks = diagnose(tree({"mu": np.full((4, 100), np.nan)}))
    assert checks["draws"].outcome is Outcome.FAIL
    for name in ("rhat", "ess_bulk", "ess_tail"):
        assert checks[name].outcome is Outcome.NOT_RUN


def test_a_stuck_chain_fails() -> None:
    draws = normal(4, 1000)
    draws[2] = 0.25
    checks = diagnose(tree({"mu": draws}))
    assert checks["draws"].outcome is Outcome.FAIL
    assert checks["draws"].subjects == ("mu",)
    assert checks["draws"].detail == "1 standing still"
    assert not checks.passed


def test_chains_stuck_at_different_values_fail() -> None:
    draws = np.repeat(np.arange(4.0)[:, None], 100, axis=1)
    assert diagnose(tree({"mu": draws}))["draws"].outcome is Outcome.FAIL


def test_a_constant_derived_quantity_is_no_offence() -> None:
    posterior = {"mu": normal(4, 1000), "bound": np.full((4, 1000), 3.0)}
    checks = diagnose(tree(posterior, sampled=["mu"]))
    assert checks.passed
    assert "constant by construction: bound" in checks["draws"].detail


def test_a_constant_element_of_a_sampled_variable_is_no_offence() -> None:
    cholesky = normal(4, 1000, 2, 2)
    cholesky[..., 0, 0], cholesky[..., 0, 1] = 1.0, 0.0
    assert diagnose(tree({"L": cholesky}, sampled=["L"])).passed


@pytest.mark.parametrize("sampled", [["mu", "tau"], None, []])
def test_a_constant_sampled_variable_fails(sampled: list[str] | None) -> None:
    posterior = {"mu": normal(4, 1000), "tau": np.full((4, 1000), 3.0)}
    checks = diagnose(tree(posterior, sampled=sampled))
    assert checks["draws"].outcome is Outcome.FAIL
    assert checks["draws"].subjects == ("tau",)


def test_one_divergence_fails() -> None:
    stats = good_stats()
    stats["diverging"][2, 500] = True
    checks = diagnose(tree({"mu": normal(4, 1000)}, stats))
    assert checks["divergences"].outcome is Outcome.FAIL
    assert checks["divergences"].value == 1
    assert checks["divergences"].subjects == ("chain 2",)
    assert "non-centered" in checks["divergences"].advice
    assert [c.name for c in checks.failed()] == ["divergences"]


def test_a_saturated_trajectory_fails() -> None:
    stats = good_stats()
    stats["reached_max_treedepth"][0, :3] = True
    checks = diagnose(tree({"mu": normal(4, 1000)}, stats))
    assert checks["treedepth"].outcome is Outcome.FAIL
    assert checks["treedepth"].value == 3
    assert "max_treedepth" in checks["treedepth"].advice
    assert [c.name for c in checks.failed()] == ["treedepth"]


def test_energy_that_walks_at_random_fails() -> None:
    stats = good_stats()
    stats["energy"][1] = np.cumsum(stats["energy"][1])
    checks = diagnose(tree({"mu": normal(4, 1000)}, stats))
    assert checks["bfmi"].outcome is Outcome.FAIL
    assert checks["bfmi"].value < 0.1
    assert checks["bfmi"].subjects == ("chain 1",)
    assert [c.name for c in checks.failed()] == ["bfmi"]


def test_bfmi_equals_its_definition() -> None:
    # Mean squared change of the energy over its variance; the worst chain counts.
    energy = good_stats()["energy"]
    moved = np.square(np.diff(energy, axis=1)).mean(axis=1) / energy.var(axis=1)
    value = diagnose(tree({"mu": normal(4, 1000)}))["bfmi"].value
    assert value == pytest.approx(moved.min(), rel=2e-3)


@pytest.mark.parametrize("constant", [0.0, 12.5])
def test_energy_that_stands_still_fails(constant: float) -> None:
    stats = good_stats()
    stats["energy"][3] = constant
    check = diagnose(tree({"mu": normal(4, 1000)}, stats))["bfmi"]
    assert check.outcome is Outcome.FAIL
    assert check.subjects == ("chain 3",)
    assert math.isnan(check.value)


@pytest.mark.parametrize(
    "missing", ["all", "diverging", "reached_max_treedepth", "energy"]
)
def test_missing_statistics_are_not_run(missing: str) -> None:
    stats = {k: v for k, v in good_stats().items() if missing not in (k, "all")}
    checks = diagnose(tree({"mu": normal(4, 1000)}, stats))
    owner = {
        "diverging": "divergences",
        "reached_max_treedepth": "treedepth",
        "energy": "bfmi",
    }
    lacking = set(owner.values()) if missing == "all" else {owner[missing]}
    for name in owner.values():
        expected = Outcome.NOT_RUN if name in lacking else Outcome.PASS
        assert checks[name].outcome is expected
        assert ("missing" in checks[name].detail) == (name in lacking)
    assert checks.outcome is Outcome.NOT_RUN
    assert not checks.passed


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_too_few_draws_are_not_run(draws: int) -> None:
    checks = diagnose(tree({"mu": normal(4, draws)}))
    for name in ("rhat", "ess_bulk", "ess_tail", "bfmi"):
        assert checks[name].outcome is Outcome.NOT_RUN
    assert not checks.passed


def test_four_draws_are_assessed() -> None:
    checks = diagnose(tree({"mu": normal(4, 4)}))
    assert checks["rhat"].outcome is not Outcome.NOT_RUN
    assert checks["ess_bulk"].outcome is Outcome.FAIL


def test_no_posterior() -> None:
    empty = xr.DataTree.from_dict({"prior": dataset({"mu": normal(2, 5)})})
    with pytest.raises(FitError, match=r"no posterior group.*prior"):
        diagnose(empty)
    with pytest.raises(FitError, match="none"):
        diagnose(xr.DataTree())


def test_an_empty_posterior_fails() -> None:
    checks = diagnose(xr.DataTree.from_dict({"posterior": xr.Dataset()}))
    assert checks["draws"].outcome is Outcome.FAIL
    assert not checks.passed


def outcome_at(name: str, threshold: str, limit: float) -> Outcome:
    draws = autoregressive(0.9)
    posterior = tree({"mu": draws})
    posterior["sample_stats"]["energy"].values[:] = autoregressive(0.7)
    posterior["sample_stats"]["diverging"].values[0, :5] = True
    posterior["sample_stats"]["reached_max_treedepth"].values[0, :5] = True
    if limit is None:
        return diagnose(posterior)[name]
    return diagnose(posterior, Thresholds(**{threshold: limit}))[name].outcome


@pytest.mark.parametrize(
    ("name", "threshold", "per", "at", "below"),
    [
        ("rhat", "rhat", 1, Outcome.FAIL, Outcome.FAIL),
        ("ess_bulk", "ess_per_chain", 4, Outcome.PASS, Outcome.PASS),
        ("ess_tail", "ess_per_chain", 4, Outcome.PASS, Outcome.PASS),
        ("bfmi", "bfmi", 1, Outcome.PASS, Outcome.PASS),
        ("divergences", "divergences", 1, Outcome.PASS, Outcome.FAIL),
        ("treedepth", "saturated", 1, Outcome.PASS, Outcome.FAIL),
    ],
)
def test_values_exactly_at_the_threshold(
    name: str, threshold: str, per: int, at: Outcome, below: Outcome
) -> None:
    value = outcome_at(name, threshold, None).value / per
    flip = {Outcome.PASS: Outcome.FAIL, Outcome.FAIL: Outcome.PASS}
    assert outcome_at(name, threshold, value) is at
    assert outcome_at(name, threshold, np.nextafter(value, 0)) is below
    above = outcome_at(name, threshold, np.nextafter(value, np.inf))
    assert above is (flip[at] if at is below else at)


@pytest.mark.parametrize("name", ["rhat", "bfmi", "divergences", "ess_per_chain"])
@pytest.mark.parametrize("bad", [-1, math.nan])
def test_thresholds_have_a_legal_range(name: str, bad: float) -> None:
    with pytest.raises(SettingsError, match=f"{name} is {bad!r}.*at least 0"):
        Thresholds(**{name: bad})


def test_statistics_agree_with_arviz() -> None:
    slow = autoregressive(0.8)
    theta = np.stack([slow * (j + 1) + normal(4, 1000, seed=j) for j in range(6)], -1)
    built = tree({"mu": normal(4, 1000), "theta": theta})
    table = arviz_stats.summary(built, round_to="none", ci_kind="eti")
    # ArviZ's tail ESS follows the interval it prints; ours is that of the paper.
    tail = arviz_stats.ess(built, method="tail", prob=(0.05, 0.95))
    assert_worst(built, "rhat", table["r_hat"].astype(float).idxmax(), table["r_hat"])
    bulk = table["ess_bulk"].astype(float)
    assert_worst(built, "ess_bulk", bulk.idxmin(), bulk)
    worst = int(tail["theta"].values.argmin())
    label = f"theta[{GROUPS[worst]}]"
    assert_worst(built, "ess_tail", label, {label: float(tail["theta"][worst])})


def assert_worst(built: xr.DataTree, name: str, label: str, values: Any) -> None:
    check = diagnose(built)[name]
    assert check.value == pytest.approx(float(values[label]), rel=1e-12)
    assert label == (check.subjects[0] if check.subjects else check.detail[7:])


def test_subjects_are_labels_worst_first() -> None:
    theta = normal(4, 1000, 6)
    for j in range(6):
        theta[0, :, j] += 1 + j
    check = diagnose(tree({"theta": theta}))["rhat"]
    assert check.detail == "6 of 6 quantities"
    assert check.subjects == tuple(f"theta[{g}]" for g in reversed(GROUPS[1:]))


def test_dimensions_without_labels_count_from_zero() -> None:
    arrays = {"x": (["chain", "draw", "d"], normal(4, 100, 2))}
    arrays["x"][1][0, 0, 1] = np.nan
    built = xr.DataTree.from_dict({"posterior": xr.Dataset(arrays)})
    assert diagnose(built)["draws"].subjects == ("x[1]",)


def test_the_order_of_dimensions_does_not_matter() -> None:
    built = tree({"theta": autoregressive(0.9)[..., None] + normal(4, 1000, 2)})
    turned = xr.DataTree.from_dict(
        {k: v.to_dataset().transpose(..., "draw", "chain") for k, v in built.items()}
    )
    assert diagnose(turned) == diagnose(built)


@pytest.mark.parametrize("bad", [False, True])
def test_a_verdict_is_plain_json(bad: bool) -> None:
    draws = normal(4, 1000, 3)
    stats = good_stats()
    if bad:
        draws[0, 0, 0] = np.nan
        stats["energy"][0] = 1.0
        stats["diverging"][:] = True
    record = diagnose(tree({"theta": draws}, stats)).record()
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text)["outcome"] == ("fail" if bad else "pass")


def test_the_tree_is_left_as_it_was() -> None:
    built = tree({"mu": normal(4, 100)})
    before = built.copy(deep=True)
    diagnose(built)
    assert built.identical(before)
