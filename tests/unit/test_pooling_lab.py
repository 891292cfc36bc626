"""The pooling laboratory: closed forms, coverage, truth, settings; no Stan."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

import hbstan as hb
from hbstan.data import GroupedBinomial, GroupEstimates
from hbstan.errors import DataError, SettingsError
from hbstan.pooling.laboratory import STRATEGIES, PoolingLab, pooling_lab
from hbstan.pooling.measured import evidence

Q = stats.norm.ppf(0.97)


def events(y: object, n: object, name: str = "made") -> GroupedBinomial:
    labels = tuple(f"g{i}" for i in range(len(np.asarray(y))))
    return GroupedBinomial(labels=labels, y=np.asarray(y), n=np.asarray(n), name=name)


def test_normal_strategies_are_the_closed_forms() -> None:
    data = hb.datasets.load("pharma")
    found, spread = pooling_lab(data), evidence(data)
    y, v = data.y, data.sigma**2
    assert found.of("none")["estimate"].to_numpy() == pytest.approx(y)
    assert found.of("none")["lower"].to_numpy() == pytest.approx(y - Q * data.sigma)
    mean = np.average(y, weights=1 / v)
    everyone = found.of("complete")
    assert everyone["estimate"].to_numpy() == pytest.approx(mean)
    assert everyone["upper"].to_numpy() == pytest.approx(
        mean + Q / np.sqrt((1 / v).sum())
    )
    w = spread.tau**2 / (spread.tau**2 + v)
    mu = np.average(y, weights=1 / (v + spread.tau**2))
    assert found.of("partial")["estimate"].to_numpy() == pytest.approx(
        w * y + (1 - w) * mu
    )


def test_binomial_partial_pooling_is_the_beta_posterior() -> None:
    """Of the same mean; a little wider, as mu and tau are estimated."""
    data = hb.datasets.load("surgical")
    found, spread = pooling_lab(data), evidence(data)
    assert spread.within is not None
    kappa = spread.within / spread.tau**2
    table = found.of("partial")
    weighted = np.average(
        data.y / data.n, weights=1 / (spread.variances + spread.tau**2)
    )
    mean = (weighted * kappa + data.y) / (kappa + data.n)
    assert table["estimate"].to_numpy() == pytest.approx(mean)
    exact = stats.beta(
        weighted * kappa + data.y, (1 - weighted) * kappa + data.n - data.y
    )
    lower, upper = exact.ppf(0.03), exact.ppf(0.97)
    width = (table["upper"] - table["lower"]).to_numpy()
    assert (width > (upper - lower)).all()
    assert width == pytest.approx(upper - lower, rel=0.3)


def test_binomial_simple_strategies() -> None:
    data = hb.datasets.load("surgical")
    found = pooling_lab(data)
    own = found.of("none")
    assert own["estimate"].to_numpy() == pytest.approx(data.y / data.n)
    lower = stats.beta.ppf(0.03, data.y + 0.5, data.n - data.y + 0.5)
    assert own["lower"].to_numpy() == pytest.approx(np.where(data.y > 0, lower, 0))
    everyone = found.of("complete")["estimate"].to_numpy()
    assert everyone == pytest.approx(208 / 2814)


@pytest.mark.parametrize(
    ("y", "n"),
    [
        ([0, 0, 0], [9, 20, 3]),
        ([9, 20], [9, 20]),
        ([0, 3], [3, 3]),
        ([0, 20, 0, 20], [20] * 4),
        ([0, 1, 19, 20], [20] * 4),
    ],
)
def test_extreme_counts_have_legal_intervals(y: list[int], n: list[int]) -> None:
    table = pooling_lab(events(y, n)).estimates
    columns = table[["lower", "estimate", "upper"]]
    assert columns.ge(0).all().all()
    assert columns.le(1).all().all()
    assert (table["lower"] <= table["estimate"]).all()
    assert (table["estimate"] <= table["upper"]).all()
    # No group of twenty trials is known to a tenth of a percent.
    assert (table["upper"] - table["lower"] > 1e-3).all()


def test_a_group_without_trials() -> None:
    data = events([1, 8, 5, 0], [10, 20, 30, 0])
    found = pooling_lab(data, truth=[0.1, 0.3, 0.2, 0.2])
    assert np.isnan(
        found.of("none").loc["g3", ["estimate", "lower"]].astype(float)
    ).all()
    assert found.of("partial").loc["g3", "estimate"] == pytest.approx(0.22, abs=0.1)
    assert found.scores().loc[("all", "none"), "groups"] == 3
    assert found.scores().loc[("all", "partial"), "groups"] == 4


# Against the truth


@pytest.fixture(scope="module")
def many() -> PoolingLab:
    rng = np.random.default_rng(5)
    p = rng.beta(6.0, 14.0, 600)
    n = rng.choice([10, 20, 50, 100, 500], 600)
    return pooling_lab(events(rng.binomial(n, p), n), truth=p.tolist())


def test_coverage_is_nominal(many: PoolingLab) -> None:
    scores = many.scores().loc["all"]
    mcse = np.sqrt(0.94 * 0.06 / 600)
    for strategy in ("none", "partial"):
        assert scores.loc[strategy, "coverage"] == pytest.approx(0.94, abs=4 * mcse)
    assert scores.loc["complete", "coverage"] < 0.3


def test_partial_pooling_wins_where_groups_are_small(many: PoolingLab) -> None:
    scores = many.scores([50, 500])
    gain = scores["gain"].unstack().loc[:, "partial"]
    assert gain["below 50"] > 0.3
    assert gain["below 50"] > gain["50 to 500"] > gain["500 or more"] - 0.05
    assert scores.loc[("all", "complete"), "gain"] < 0


def test_scores_are_plain_averages(many: PoolingLab) -> None:
    table = many.of("partial")
    small = table[table["size"] < 50]
    row = many.scores([50]).loc[("below 50", "partial")]
    assert row["mse"] == pytest.approx((small["error"] ** 2).mean())
    assert row["rmse"] == pytest.approx(np.sqrt(row["mse"]))
    assert row["bias"] == pytest.approx(small["error"].mean())
    assert row["width"] == pytest.approx((small["upper"] - small["lower"]).mean())
    assert row["groups"] == len(small)


def test_predicted_error_is_the_one_that_is_made(many: PoolingLab) -> None:
    """What was predicted without the truth is what the truth then says."""
    table = many.of("none")
    n = table["size"].to_numpy(dtype=int)
    y = np.rint(table["estimate"].to_numpy() * n).astype(int)
    predicted = hb.assess(events(y, n)).spread.loc["estimate"]
    for strategy in ("none", "partial"):
        squared = many.of(strategy)["error"] ** 2
        mcse = squared.std() / np.sqrt(len(squared))
        assert squared.mean() == pytest.approx(predicted[strategy], abs=4 * mcse)


def test_truth_of_bundled_data_is_known() -> None:
    assert pooling_lab("streamrec").known
    assert not pooling_lab("surgical").known
    changed = events([5, 6], [10, 12], name="streamrec")
    assert not pooling_lab(changed).known


def test_streamrec_by_size_is_what_the_data_table_says() -> None:
    """Mean squared errors of the raw rates, as computed from the printed table."""
    scores = pooling_lab("streamrec").scores([2000, 10000])
    raw = scores["mse"].unstack()["none"]
    assert raw["all"] == pytest.approx(4.60e-4, rel=0.005)
    assert raw["below 2000"] == pytest.approx(1.41e-3, rel=0.005)
    assert raw["10000 or more"] == pytest.approx(7.64e-6, rel=0.005)


def test_truth_by_label_in_any_order() -> None:
    data = events([1, 8], [10, 20])
    by_label = pooling_lab(data, {"g1": 0.3, "g0": 0.1})
    in_order = pooling_lab(data, [0.1, 0.3])
    assert by_label.estimates.equals(in_order.estimates)


# Output


def test_record_and_repr() -> None:
    found = pooling_lab("streamrec")
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert len(record["estimates"]) == 75
    assert record["scores"][0]["strategy"] == "none"
    assert repr(found).startswith("<PoolingLab of streamrec: 25 groups, empirical; mse")
    assert json.loads(json.dumps(pooling_lab("surgical").record()))["scores"] == []
    assert repr(pooling_lab("surgical")) == (
        "<PoolingLab of surgical: 12 groups, empirical>"
    )


def test_frame_is_a_copy() -> None:
    found = pooling_lab("surgical")
    frame = found.to_frame()
    frame["estimate"] = 0.0
    assert (found.of("complete")["estimate"] > 0).all()
    assert set(found.estimates.index.get_level_values("strategy")) == set(STRATEGIES)


# Bad input


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ([0.1], r"must be 2 finite numbers.*\(1,\)"),
        ([0.1, float("nan")], "must be 2 finite numbers"),
        (["a", "b"], "must be 2 finite numbers"),
        ([0.1, 1.2], "ranges from 0.1 to 1.2"),
        ({"g0": 0.1}, "missing: g1"),
        ({"g0": 0.1, "g1": 0.2, "g2": 0.3}, "truth has 3 groups"),
    ],
)
def test_wrong_truth(truth: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        pooling_lab(events([1, 2], [10, 20]), truth)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method is 'magic'"),
        ({"seed": 1}, "seed belong to fits"),
        ({"models": {}}, "models belong to fits"),
        ({"method": "bayes", "models": {"some": "x"}}, "models names 'some'"),
        ({"method": "bayes", "priors": {"all": {}}}, "priors names 'all'"),
        ({"ci_prob": 2}, "ci_prob is 2"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        pooling_lab("surgical", **options)  # type: ignore[arg-type]


def test_unknown_strategy_and_no_truth() -> None:
    found = pooling_lab("surgical")
    with pytest.raises(SettingsError, match="strategy is 'some'"):
        found.of("some")
    with pytest.raises(SettingsError, match="truth is not known"):
        found.scores()
    with pytest.raises(SettingsError, match="must ascend"):
        pooling_lab("streamrec").scores([5, 2])


def test_bayes_needs_models_of_that_kind() -> None:
    class Means:
        kind, name, labels, J = "measurements", "means", ("a", "b"), 2
        y, n, ss = np.array([1.0, 2.0]), np.array([5, 6]), np.array([4.0, 5.0])

        def to_stan(self) -> None: ...

    with pytest.raises(DataError, match="no models for the three strategies"):
        pooling_lab(Means(), method="bayes")  # type: ignore[arg-type]
    assert pooling_lab(Means()).of("none")["estimate"].tolist() == [1.0, 2.0]  # type: ignore[arg-type]


def test_normal_truth_may_be_any_number() -> None:
    data = GroupEstimates(labels=("a", "b"), y=np.zeros(2), sigma=np.ones(2))
    assert pooling_lab(data, [-3.0, 40.0]).known
