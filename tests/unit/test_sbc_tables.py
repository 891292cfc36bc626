"""Tables of calibrations, against values found by hand or by another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from sbc_datasets import MAX_RANK, SD, dataset, fail
from scipy.stats import binomtest, norm

from hbstan.errors import SettingsError
from hbstan.sbc import tables, uniformity
from hbstan.sbc.limits import Limits, converged
from hbstan.sbc.tables import coverage, distinct_columns, failures, regimes, summary

COLUMNS = [
    *("role", "n", "rank_mean", "p_value", "p_adjusted", "p_value_converged"),
    *("p_adjusted_converged", "outside_band", "bias", "bias_mcse", "rmse"),
    *("relative_error", "z_mean", "z_sd", "contraction", "coverage_95"),
    "rank_draws_min",
]


def small() -> xr.Dataset:
    """Four simulations, the last failed, with numbers that are easy to follow."""
    data = fail(dataset(4, ("mu", "tau"), tests=("ll",), max_rank=9), 3)
    data["simulated_value"].values[:, 0] = [1.0, 2.0, 4.0, 9.0]
    data["posterior_mean"].values[:3, 0] = [2.0, 2.0, 2.0]
    data["posterior_sd"].values[:3, 0] = [1.0, 2.0, 4.0]
    data["rank"].values[:3, 0] = [0, 5, 9]
    data["rank_draws"].values[:3, 0] = [90, 20, 250]
    quantile = data["posterior_quantile"].values
    quantile[:3, 0, 3], quantile[:3, 0, 5] = [0.0, 1.0, 2.0], [1.0, 3.0, 5.0]
    return data


# -- summary


def test_a_summary_by_hand() -> None:
    table = summary(small(), 9, Limits())
    assert list(table.columns) == COLUMNS
    assert table.index.name == "quantity"
    assert list(table.index) == ["mu", "tau", "ll"]
    assert list(table["role"]) == ["parameter", "parameter", "test_quantity"]
    row = table.loc["mu"]
    assert row["n"] == 3
    assert row["rank_mean"] == pytest.approx(14 / 27)
    # Errors are 1, 0 and -2.
    assert row["bias"] == pytest.approx(-1 / 3)
    variance = (16 + 1 + 25) / 9 / 2
    assert row["bias_mcse"] == pytest.approx((variance / 3) ** 0.5)
    assert row["rmse"] == pytest.approx((5 / 3) ** 0.5)
    assert row["relative_error"] == pytest.approx(0.5)
    # Scores are 1, 0 and -1/2; ranks 0, 5 and 9 of 0 to 9, none of which is cut off.
    assert row["z_mean"] == pytest.approx(1 / 6)
    assert row["z_sd"] == pytest.approx(np.std([1, 0, -0.5], ddof=1))
    assert row["coverage_95"] == 1.0
    # Simulated values 1, 2, 4 and 9: quartiles 1.75 and 5.25. Posterior ranges 1, 2, 3.
    assert row["contraction"] == pytest.approx(1 - (2 / 3.5) ** 2)
    assert row["rank_draws_min"] == 20


def test_a_normal_problem_has_its_known_summary() -> None:
    n = 4000
    table = summary(dataset(n), MAX_RANK, Limits())
    for label in ("mu", "tau"):
        row = table.loc[label]
        assert abs(row["rank_mean"] - 0.5) < 4 * (1 / 12 / n) ** 0.5
        assert abs(row["z_mean"]) < 4 / n**0.5
        assert abs(row["z_sd"] - 1) < 4 / (2 * n) ** 0.5
        assert abs(row["bias"]) < 4 * SD / n**0.5
        assert row["bias_mcse"] == pytest.approx(SD / n**0.5, rel=0.05)
        assert row["rmse"] == pytest.approx(SD, rel=0.05)
        # 1 - posterior variance over prior variance.
        assert row["contraction"] == pytest.approx(0.8, abs=0.03)
        assert abs(row["coverage_95"] - 0.95) < 4 * (0.95 * 0.05 / n) ** 0.5


def test_a_wrong_posterior_shows_in_every_column_it_should() -> None:
    wrong = summary(dataset(4000, shift={"mu": 0.5}), MAX_RANK, Limits()).loc["mu"]
    assert wrong["z_mean"] == pytest.approx(0.5, abs=4 / 4000**0.5)
    assert wrong["bias"] == pytest.approx(0.5 * SD, abs=4 * SD / 4000**0.5)
    assert wrong["rank_mean"] < 0.4
    assert wrong["outside_band"]
    assert wrong["p_adjusted"] < 1e-6
    narrow = summary(dataset(4000, scale={"mu": 0.5}), MAX_RANK, Limits()).loc["mu"]
    assert narrow["z_sd"] == pytest.approx(2.0, abs=8 / 8000**0.5)
    due = 2 * norm.cdf(0.5 * norm.ppf(0.975)) - 1
    assert narrow["coverage_95"] == pytest.approx(due, abs=4 * 0.5 / 4000**0.5)
    assert abs(narrow["rank_mean"] - 0.5) < 0.04


def test_p_values_of_a_summary_are_those_of_each_column() -> None:
    data = fail(dataset(150, ("a", "b", "c"), shift={"b": 0.4}), [3, 77])
    data["divergences"].values[100:] = 1
    table = summary(data, MAX_RANK, Limits())
    ranks = data["rank"].values
    ok, good = data["status"].values == "ok", converged(data, Limits())
    for position, label in enumerate(("a", "b", "c")):
        column = ranks[:, position]
        assert table.loc[label, "p_value"] == uniformity.p_value(column[ok], MAX_RANK)
        alone = uniformity.p_value(column[good], MAX_RANK)
        assert table.loc[label, "p_value_converged"] == alone
    adjusted = uniformity.holm(table["p_value"].to_numpy())
    np.testing.assert_array_equal(table["p_adjusted"], adjusted)


def test_leaving_the_band_agrees_with_the_curve_and_its_limits() -> None:
    seen = set()
    for seed in range(40):
        data = dataset(100, ("a",), shift={"a": 0.35}, seed=seed)
        ranks = data["rank"].values[:, 0]
        lower, upper = uniformity.band(100, MAX_RANK).difference()
        curve = uniformity.ecdf_difference(ranks, MAX_RANK)
        slack = 1e-9
        out = bool(((curve < lower - slack) | (curve > upper + slack)).any())
        assert summary(data, MAX_RANK, Limits()).loc["a", "outside_band"] == out
        seen.add(out)
    assert seen == {True, False}


def test_equal_and_mirrored_ranks_are_one_quantity() -> None:
    a, b = np.array([0, 3, 9]), np.array([9, 6, 1])
    ranks = np.array([a, b, 9 - b, a, 9 - a, [1, 8, 0]]).T
    # The last is b mirrored by hand, but for its second place.
    assert distinct_columns(ranks, 9).tolist() == [0, 1, 1, 0, 0, 5]
    data = dataset(60, ("a", "b", "c"))
    values = data["rank"].values
    values[:, 1] = MAX_RANK - values[:, 0]
    table = summary(data, MAX_RANK, Limits())
    assert table.loc["a", "p_value"] == pytest.approx(table.loc["b", "p_value"])
    p = table.loc[["a", "c"], "p_value"].to_numpy()
    expected = uniformity.holm(p)[[0, 0, 1]]
    np.testing.assert_array_equal(table["p_adjusted"], expected)


def test_quantities_without_scale_or_value_have_no_number_there() -> None:
    data = dataset(20)
    data["posterior_sd"].values[:, 0] = 0.0
    data["simulated_value"].values[:, 0] = 0.0
    table = summary(data, MAX_RANK, Limits())
    assert (
        table.loc["mu", ["z_mean", "z_sd", "relative_error", "contraction"]]
        .isna()
        .all()
    )
    assert table.loc["tau"].notna().all()


def test_huge_and_infinite_values_give_no_warning() -> None:
    data = dataset(20)
    data["simulated_value"].values[:, 0] = 1e200
    data["simulated_value"].values[:12, 1] = np.inf
    data["posterior_mean"].values[0, 1] = np.inf
    table = summary(data, MAX_RANK, Limits())
    assert np.isinf(table.loc["mu", "rmse"])
    assert regimes(data, "tau", (0.3,)).index.names == ["region", "quantity"]
    data["divergences"].values[:3] = 1
    assert len(failures(data, Limits())) == 2


@pytest.mark.parametrize("early", [True, False])
def test_without_a_posterior_all_tables_are_empty_of_numbers(early: bool) -> None:
    data = fail(dataset(5, tests=("ll",)), slice(None), early=early)
    table = summary(data, MAX_RANK, Limits())
    assert list(table.columns) == COLUMNS
    assert (table["n"] == 0).all()
    assert (table["rank_draws_min"] == -1).all()
    assert not table["outside_band"].any()
    others = [c for c in COLUMNS if c not in ("role", "n", "rank_draws_min")]
    assert table[others].drop(columns="outside_band").isna().all(axis=None)
    covered = coverage(data, MAX_RANK)
    assert covered["covered"].isna().all()
    assert (covered["lower"] == 0).all()
    assert (covered["upper"] == 1).all()
    where = failures(data, Limits())
    assert (where["n_bad"] == (0 if early else 5)).all()
    assert where["p_value"].isna().all()
    parts = regimes(data, "tau", (0.3, 0.5))
    assert parts.loc["overall", "failed"].tolist() == [5, 5]
    assert parts[["bias", "relative_error", "coverage_95"]].isna().all(axis=None)
    known = parts.loc[["low", "medium", "high"], "n_sims"].groupby("quantity").sum()
    assert (known == (0 if early else 5)).all()


def test_one_simulation_has_means_but_no_spread() -> None:
    table = summary(dataset(1, ("mu",)), MAX_RANK, Limits())
    assert np.isfinite(
        table.loc["mu", ["bias", "rmse", "z_mean"]].to_numpy(float)
    ).all()
    assert table.loc["mu", ["bias_mcse", "z_sd", "contraction"]].isna().all()


# -- coverage


def test_coverage_by_hand() -> None:
    data = dataset(120, ("mu",))
    data["rank"].values[:, 0] = np.arange(120)
    table = coverage(data, MAX_RANK)
    assert table.index.names == ["quantity", "prob"]
    assert list(table.columns) == ["nominal", "covered", "lower", "upper", "n"]
    rows = table.loc["mu"]
    # Each rank once: the shares are the probabilities, exactly.
    assert rows["nominal"].tolist() == [0.5, 0.8, 0.9, 0.95]
    assert rows["covered"].tolist() == [0.5, 0.8, 0.9, 0.95]
    for prob, row in rows.iterrows():
        exact = binomtest(round(120 * prob), 120).proportion_ci(0.95, method="exact")
        assert (row["lower"], row["upper"]) == pytest.approx(tuple(exact))
    data["rank"].values[:, 0] = np.where(np.arange(120) < 60, 2, 117)
    wrong = coverage(data, MAX_RANK).loc["mu"]
    assert wrong["covered"].tolist() == [0, 0, 0, 0]
    data["rank"].values[:, 0] = np.where(np.arange(120) < 60, 3, 116)
    edge = coverage(data, MAX_RANK).loc["mu"]
    assert edge["covered"].tolist() == [0, 0, 0, 1]
    assert edge.loc[0.95, "upper"] == 1
    assert edge.loc[0.5, "lower"] == 0


@pytest.mark.parametrize("max_rank", [1, 2, 3, 9, 10, 99, 119, 1000])
def test_the_nominal_probability_is_that_of_uniform_ranks(max_rank: int) -> None:
    data = dataset(max_rank + 1, ("mu",), max_rank=max_rank)
    data["rank"].values[:, 0] = np.arange(max_rank + 1)
    table = coverage(data, max_rank).loc["mu"]
    np.testing.assert_allclose(table["covered"], table["nominal"], rtol=1e-12)
    assert (np.diff(table["nominal"]) >= 0).all()
    nearest = np.abs(table["nominal"] - table.index.to_numpy())
    assert (nearest <= 1 / (max_rank + 1) + 1e-12).all()


def test_failed_simulations_are_not_covered_nor_missed() -> None:
    data = dataset(50)
    part = fail(data, slice(10, 20))
    rest = data.isel(sim_id=np.r_[0:10, 20:50])
    assert coverage(part, MAX_RANK).equals(coverage(rest, MAX_RANK))


# -- regimes


def region_data() -> xr.Dataset:
    data = dataset(6, ("mu", "tau", "theta[1]"), tests=("ll",))
    value = data["simulated_value"].values
    value[:, 1] = [0.1, 0.3, 0.4, 0.5, 2.0, 8.0]
    value[:, 0] = [1.0, 1.0, -2.0, 0.0, 4.0, 4.0]
    data["posterior_mean"].values[:, 0] = [1.5, 2.0, -1.0, 1.0, 4.0, 2.0]
    low, high = data["posterior_quantile"].values[:, 0, [0, 8]].T
    low[:], high[:] = 0.0, 3.0
    data["posterior_quantile"].values[:, 0, 0] = [0, 0, 0, 0, 0, 0]
    data["posterior_quantile"].values[:, 0, 8] = [3, 3, 3, 3, 3, 3]
    data["divergences"].values[2] = 4
    data["rhat"].values[3, 2] = 1.2
    return fail(data, 5)


def test_regimes_by_hand() -> None:
    table = regimes(region_data(), "tau", (0.3, 0.5))
    regions = table.index.get_level_values("region").unique().tolist()
    assert regions == ["low", "medium", "high", "overall"]
    # Scalar parameters only: no elements, no test quantities.
    assert set(table.index.get_level_values("quantity")) == {"mu", "tau"}
    mu = table.xs("mu", level="quantity")
    assert mu["interval"].tolist() == ["below 0.3", "0.3 to 0.5", "0.5 or more", "all"]
    assert mu["n_sims"].tolist() == [1, 2, 3, 6]
    assert mu["failed"].tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(mu["converged"], [1, 1 / 2, 1 / 3, 3 / 6])
    np.testing.assert_allclose(mu["with_divergences"], [0, 1 / 2, 0, 1 / 6])
    np.testing.assert_allclose(mu["bias"], [0.5, 1.0, 0.5, 3.5 / 5])
    # The value 0 has no relative error.
    np.testing.assert_allclose(mu["relative_error"], [0.5, 0.75, 0.0, 0.5])
    np.testing.assert_allclose(mu["mean_relative_error"], [0.5, 0.75, 0.0, 0.5])
    np.testing.assert_allclose(mu["coverage_95"], [1, 1 / 2, 1 / 2, 3 / 5])


def test_regions_are_named_by_their_number() -> None:
    def names(*cuts: float) -> list[str]:
        table = regimes(region_data(), "tau", cuts)
        return table.index.get_level_values("region").unique().tolist()

    assert names(1) == ["low", "high", "overall"]
    assert names(0.25, 1, 10) == [
        *("below 0.25", "0.25 to 1", "1 to 10", "10 or more", "overall")
    ]


def test_limits_decide_which_fits_converged() -> None:
    wide = Limits(rhat=1.5, divergences=4)
    mu = regimes(region_data(), "tau", (0.3, 0.5), wide).xs("mu", level="quantity")
    np.testing.assert_allclose(mu["converged"], [1, 1, 2 / 3, 5 / 6])
    np.testing.assert_allclose(mu["with_divergences"], 0)


def test_a_simulation_without_value_is_in_overall_alone() -> None:
    data = fail(region_data(), 0, early=True)
    mu = regimes(data, "tau", (0.3, 0.5)).xs("mu", level="quantity")
    assert mu["n_sims"].tolist() == [0, 2, 3, 6]
    assert np.isnan(mu.loc["low", "converged"])


@pytest.mark.parametrize(
    ("by", "cuts", "words"),
    [
        (
            "sigma",
            (0.3, 0.5),
            r"by is 'sigma', but must be one of mu, tau, theta\[1\], ll",
        ),
        ("tau", (0.5, 0.3), r"cuts is \(0.5, 0.3\)"),
        ("tau", (0.5, 0.5), "each above"),
        ("tau", (), "one or more"),
        ("tau", (0.3, float("nan")), "finite"),
        ("tau", (0.3, float("inf")), "finite"),
        ("tau", ("a",), "finite"),
        ("tau", "12", "cuts is '12'"),
        ("tau", 0.3, "cuts is 0.3"),
    ],
)
def test_unknown_regions_are_refused(by: str, cuts: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        regimes(region_data(), by, cuts)


def test_regions_may_be_of_any_quantity() -> None:
    table = regimes(region_data(), "ll", (0.0,))
    assert table.xs("mu", level="quantity")["n_sims"].tolist()[-1] == 6


def test_without_a_scalar_parameter_there_are_no_rows() -> None:
    data = dataset(10, ("x[1]", "x[2]"))
    data["divergences"].values[0] = 1
    assert regimes(data, "x[1]", (0.0,)).empty
    assert failures(data, Limits()).empty


# -- failures


FAILURE_COLUMNS = [
    *("n_bad", "share", "bad_q10", "bad_q50", "bad_q90"),
    *("good_q10", "good_q50", "good_q90", "superiority", "p_value"),
    *("q1", "q2", "q3", "q4", "q5"),
]


def test_without_bad_fits_the_table_has_columns_and_no_rows() -> None:
    table = failures(dataset(10), Limits())
    assert table.empty
    assert list(table.columns) == FAILURE_COLUMNS
    assert table.index.name == "quantity"
    assert table["n_bad"].dtype.kind == "i"
    others = table.drop(columns="n_bad").dtypes
    assert all(dtype == np.dtype(float) for dtype in others)


def test_failures_by_hand() -> None:
    data = dataset(10, ("mu", "tau", "theta[1]"), tests=("ll",))
    data["simulated_value"].values[:, 0] = [5, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    data["simulated_value"].values[:, 1] = np.arange(1.0, 11.0)
    data["rhat"].values[0, 3] = 2.0
    data["divergences"].values[1] = 1
    data = fail(data, 2)
    table = failures(data, Limits())
    assert list(table.columns) == FAILURE_COLUMNS
    # Bad are tau 1, 2 and 3, the lowest, and mu 5, 1 and 2: tau tells more.
    assert list(table.index) == ["tau", "mu"]
    tau, mu = table.loc["tau"], table.loc["mu"]
    assert tau["n_bad"] == mu["n_bad"] == 3
    assert tau["share"] == pytest.approx(0.3)
    assert tau["superiority"] == 0.0
    # 2 of the 120 ways to choose three of ten are as extreme.
    assert tau["p_value"] == pytest.approx(2 / 120)
    # 5 is above 3 and 4; no other pair.
    assert mu["superiority"] == pytest.approx(2 / 21)
    assert tau[["bad_q10", "bad_q50", "bad_q90"]].tolist() == [1, 2, 3]
    assert tau[["good_q10", "good_q50", "good_q90"]].tolist() == [4, 7, 10]
    assert tau[["q1", "q2", "q3", "q4", "q5"]].tolist() == [1, 0.5, 0, 0, 0]
    assert mu[["q1", "q2", "q3", "q4", "q5"]].tolist() == [1, 0, 0.5, 0, 0]


def test_failures_in_a_region_are_found_and_others_are_not() -> None:
    data = dataset(1000, seed=4)
    value = data["simulated_value"].values[:, 1]
    rng = np.random.default_rng(5)
    data["divergences"].values[:] = rng.uniform(size=1000) < norm.cdf(-1.5 - value)
    table = failures(data, Limits())
    assert table.index[0] == "tau"
    assert table.loc["tau", "p_value"] < 1e-10
    assert table.loc["tau", "superiority"] < 0.3
    assert table.loc["tau", "q1"] > 5 * table.loc["tau", "q4"]
    assert table.loc["mu", "p_value"] > 0.001


def test_early_failures_have_no_value_to_place() -> None:
    data = fail(dataset(20), slice(0, 4), early=True)
    data["divergences"].values[10:12] = 1
    table = failures(data, Limits())
    assert (table["n_bad"] == 2).all()
    np.testing.assert_allclose(table["share"], 2 / 16)


def test_a_constant_parameter_tells_nothing() -> None:
    data = dataset(20)
    data["simulated_value"].values[:, 0] = 3.0
    data["divergences"].values[:5] = 1
    row = failures(data, Limits()).loc["mu"]
    assert row["superiority"] == 0.5
    assert row["p_value"] == 1.0
    # All are in the middle fifth, and none is elsewhere.
    assert row["q3"] == 0.25
    assert row[["q1", "q2", "q4", "q5"]].isna().all()


def test_the_module_hands_out_all_tables() -> None:
    for name in ("coverage", "failures", "regimes", "summary"):
        assert name in tables.__all__
