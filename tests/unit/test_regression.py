"""Rows with covariates in groups: reading, bad input, scale, simulators; no Stan."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

import hbstan as hb
from hbstan.data.regression_checks import condition_number, separation, standard_scale
from hbstan.data.regression_columns import Contrast, contrast_of, encode
from hbstan.data.regression_examples import REGIONS, climate_monthly, monthly_series
from hbstan.data.regressions import logistic, regression
from hbstan.data.systems import restore
from hbstan.data.tables import read_table
from hbstan.errors import DataError
from hbstan.priors import LKJ, Exponential, HalfNormal, Normal
from hbstan.simulate.regression import LINEAR, LOGISTIC, group_effects

RNG = np.random.default_rng(7)
N = 60


def table(**changes: Any) -> dict[str, Any]:
    """Sixty rows in three groups, with numbers and levels."""
    rng = np.random.default_rng(7)
    return {
        "y": rng.normal(size=N),
        "hit": rng.integers(0, 2, N),
        "age": rng.normal(55, 12, N),
        "dose": rng.normal(100, 30, N),
        "arm": rng.choice(["placebo", "low", "high"], N),
        "ward": rng.choice(["W2", "W1", "W3"], N),
    } | changes


def read(source: Any = None, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "outcome": "y",
        "covariates": ["age", "arm"],
        "group": "ward",
        "varying": ["age"],
    }
    return regression(table() if source is None else source, **(given | changes))


# --- reading


def test_levels_become_contrasts_with_the_first_as_reference() -> None:
    data = read()
    assert data.covariates == ("age", "arm: low vs high", "arm: placebo vs high")
    arms = table()["arm"]
    assert (data.X[:, 1] == (arms == "low")).all()
    assert (data.X[:, 2] == (arms == "placebo")).all()
    assert data.coords["effect"] == ["intercept", "age"]
    assert data.varying.tolist() == [0, 1]
    assert data.labels == tuple(dict.fromkeys(table()["ward"]))


def test_all_contrasts_of_a_varying_covariate_vary() -> None:
    assert read(varying=["arm"]).varying.tolist() == [0, 2, 3]
    assert read(varying=None).varying.tolist() == [0]


def test_without_groups_nothing_varies() -> None:
    data = read(group=None, varying=None)
    assert (data.J, data.to_stan()["V"], data.labels) == (1, 0, ("all",))
    assert read(covariates=[], group=None, varying=None).X.shape == (N, 0)


def test_scale_is_the_standard_deviation_or_the_distance_of_two_values() -> None:
    data = read(
        table(two=np.where(RNG.random(N) < 0.5, 3.0, 7.0)), covariates=["two", "age"]
    )
    center, scale = standard_scale(data.X)
    assert scale[0] == 4.0
    assert scale[1] == pytest.approx(np.std(table()["age"]))
    assert center == pytest.approx(data.X.mean(axis=0))
    assert data.to_stan()["scale"] == pytest.approx(scale)


def test_file_frame_copy_and_restored_data_are_equal(tmp_path: Path) -> None:
    for data in (read(), read(group=None, varying=None, covariates=[])):
        again = regression(
            data.to_frame(),
            outcome="y",
            covariates=["age", "arm"] if data.X.size else [],
            group="ward" if data.J > 1 else None,
            varying=["age"] if data.J > 1 else None,
        )
        assert again == data
        assert pickle.loads(pickle.dumps(data)) == data
        stan = {k: v for k, v in data.to_stan().items() if np.size(v)}
        assert restore(data.kind, stan, data.coords, "again") == data
    path = tmp_path / "rows.csv"
    read().to_frame().to_csv(path, index=False)
    assert read(path) == read()


def test_overview_says_what_the_rows_are() -> None:
    about = dict(read().overview())
    assert about["rows"] == N
    assert about["effects that vary by group"] == "intercept, age"
    hits = dict(
        logistic(table(), outcome="hit", covariates="age", group="ward").overview()
    )
    assert hits["outcomes of 1"] == int(table()["hit"].sum())
    assert hits["separation"] == "none"


def test_raw_is_the_mean_of_each_group() -> None:
    data = read()
    for j, label in enumerate(data.labels):
        rows = table()["ward"] == label
        assert data.raw()[j] == pytest.approx(table()["y"][rows].mean())
        assert (data.rows() == j).tolist() == rows.tolist()


def test_booleans_are_outcomes_of_a_logistic_regression() -> None:
    flags = table(hit=[bool(h) for h in table()["hit"]])
    kwargs: Any = {"outcome": "hit", "covariates": "age", "group": None}
    assert logistic(flags, **kwargs) == logistic(table(), **kwargs)


# --- bad input, met with words


def changed(column: str, value: Any) -> dict[str, Any]:
    cells = list(table()[column])
    cells[4] = value
    return table(**{column: cells})


@pytest.mark.parametrize(
    ("source", "changes", "words"),
    [
        (changed("y", None), {}, ["row 5", "'y'", "missing", "finite"]),
        (changed("y", np.inf), {}, ["row 5", "infinite"]),
        (changed("age", "old"), {}, ["row 5", "group", "'age'", "'old' is text"]),
        (changed("age", np.nan), {}, ["row 5", "'age'", "missing"]),
        (changed("arm", None), {}, ["row 5", "'arm'", "label is missing"]),
        (changed("ward", " "), {}, ["row 5", "'ward'", "label is empty"]),
        (table(age=["3"] * N), {}, ["'3' is text, not a number"]),
        (table(), {"outcome": "z"}, ["no column 'z'", "outcome"]),
        (
            table(),
            {"covariates": ["agee"], "varying": None},
            ["no column 'agee'", "Did you mean 'age'"],
        ),
        (
            table(),
            {"covariates": ["y"], "varying": None},
            ["'y' is given for both outcome and cov"],
        ),
        (table(), {"covariates": ["age", "age"]}, ["'age' 2 times"]),
        (table(), {"group": "arm"}, ["'arm' is given for both covariates and group"]),
        (table(), {"varying": ["dose"]}, ["'dose', which is not among the covariates"]),
        (table(), {"group": None}, ["no group by which"]),
        (table(ward=["W1"] * N), {}, ["one group, 'W1'", "group=None"]),
        (
            table(y=[1.5] * N),
            {},
            ["outcome 'y' is 1.5 in all 60", "nothing to explain"],
        ),
        (table(age=[3] * N), {}, ["covariate 'age' is 3 in all 60 rows"]),
        (table(arm=["low"] * N), {}, ["'arm' has one level, 'low'"]),
        (table(age=[1.0]), {}, ["differ in length", "'age' has 1"]),
        ({k: [] for k in table()}, {}, ["no rows"]),
        (
            table(arm=[f"a: {i % 3} vs b" for i in range(N)]),
            {},
            ["cannot be told from the label of a contrast", "Rename"],
        ),
    ],
)
def test_bad_input_is_named(
    source: Any, changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        read(source, **changes)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("bad", [2, -1, 0.5, "yes", None])
def test_outcomes_of_a_logistic_regression_are_0_or_1(bad: Any) -> None:
    with pytest.raises(DataError, match=r"row 5, .*'hit'.*legal: 0 or 1"):
        logistic(changed("hit", bad), outcome="hit", covariates="age", group="ward")
    with pytest.raises(DataError, match="in all 60 rows"):
        logistic(table(hit=[1] * N), outcome="hit", covariates="age", group=None)


def test_collinear_covariates_are_named_with_those_they_follow_from() -> None:
    doubled = table(months=12 * table()["age"] + 3)
    with pytest.raises(DataError, match="'months' follows from 'age' \\(condition"):
        read(doubled, covariates=["dose", "age", "months"], varying=None)
    both = table(total=table()["age"] + table()["dose"])
    with pytest.raises(DataError, match="'total' follows from 'age' and 'dose'"):
        read(both, covariates=["age", "dose", "total"])
    # Nearly so is legal: the prior decides what the data do not.
    near = table(months=12 * table()["age"] + RNG.normal(size=N))
    assert 100 < read(near, covariates=["age", "months"]).condition < 1e7


def test_more_coefficients_than_rows() -> None:
    few = {k: v[:3] for k, v in table(months=RNG.normal(size=N)).items()}
    with pytest.raises(DataError, match="3 rows for 4 coefficients"):
        read(few, covariates=["age", "dose", "months"], group=None, varying=None)


def test_a_group_with_one_row_is_fine() -> None:
    wards = ["W1"] * (N - 1) + ["W9"]
    assert read(table(ward=wards)).labels == ("W1", "W9")


def test_condition_number_of_known_correlation() -> None:
    """Two standardised covariates of correlation r: sqrt((1 + r) / (1 - r))."""
    x = RNG.normal(size=(500, 2))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    r = 0.96
    pair = np.column_stack([x[:, 0], r * x[:, 0] + np.sqrt(1 - r * r) * x[:, 1]])
    assert condition_number(pair) == pytest.approx(np.sqrt((1 + r) / (1 - r)))


# --- separation


def test_separation_complete_quasi_complete_and_none() -> None:
    x = np.column_stack([np.arange(8.0), [3, 1, 4, 1, 5, 9, 2, 6.0]])
    labels = ("x", "noise")
    complete = separation(x, [0, 0, 0, 0, 1, 1, 1, 1], labels)
    assert (complete.kind, complete.covariates) == ("complete", ("x",))
    assert "no maximum" in complete.message
    tied = np.column_stack([[0, 0, 0, 1, 1, 2, 2, 2.0], x[:, 1]])
    quasi = separation(tied, [0, 0, 0, 0, 1, 1, 1, 1], labels)
    assert quasi.kind == "complete" or quasi.found
    only = separation(tied[:, :1], [0, 0, 0, 0, 1, 1, 1, 1], ("x",))
    assert only.kind == "quasi-complete"
    none = separation(x, [0, 1, 0, 1, 0, 1, 0, 1], labels)
    assert not none.found


def test_separation_is_a_record_on_the_data_and_no_error() -> None:
    ages = table()["age"]
    data = logistic(
        table(hit=(ages > 55).astype(int)),
        outcome="hit",
        covariates=["dose", "age"],
        group="ward",
    )
    assert data.separation.covariates == ("age",)
    assert "priors" in data.separation.message


def test_separation_is_where_the_likelihood_comes_as_close_to_1_as_one_likes() -> None:
    rng = np.random.default_rng(3)
    kinds = set()
    for _ in range(30):
        x = rng.normal(size=(12, 2))
        y = (x[:, 0] + rng.normal(0, 0.6, 12) > 0).astype(int)
        if y.min() == y.max():
            continue
        signed = np.where(y == 1, 1.0, -1.0)[:, None] * np.column_stack(
            [np.ones(12), x]
        )

        def loss(b: Any, rows: Any = signed) -> Any:
            return np.logaddexp(0.0, -rows @ b).sum()

        least = optimize.minimize(loss, np.zeros(3), method="BFGS", tol=1e-8).fun
        found = separation(x, y, ("a", "b"))
        assert found.found == (least < 1e-2)
        kinds.add(found.kind)
    assert kinds == {"none", "complete"}


# --- covariates of other rows


def test_labels_of_contrasts_are_read_back() -> None:
    contrast = Contrast("arm", "low", "high")
    assert contrast_of(contrast.label) == contrast
    assert contrast_of("age") is None


def test_encode_gives_the_columns_of_the_fit() -> None:
    data = read()
    assert (encode(read_table(table()), data.covariates) == data.X).all()
    with pytest.raises(DataError, match="level 'none' was not among the rows"):
        encode(read_table(table(arm=["none"] * N)), data.covariates)
    with pytest.raises(DataError, match="no column 'age'"):
        encode(read_table({"arm": ["low"]}), data.covariates)
    with pytest.raises(DataError, match="differ in length"):
        encode(read_table({"arm": ["low"], "age": [1, 2]}), data.covariates)


# --- simulators


PRIORS: dict[str, Any] = {
    "intercept": Normal(1, 2),
    "slope": Normal(0, 1),
    "tau": HalfNormal(1),
    "Omega": LKJ(2),
    "sigma": Exponential(1),
}


def test_effects_have_the_covariance_of_the_population() -> None:
    tau, omega = np.array([0.5, 2.0]), np.array([[1, -0.6], [-0.6, 1]])
    z = np.random.default_rng(1).standard_normal((2, 40000))
    got = np.cov(group_effects(tau, omega, z))
    want = omega * np.outer(tau, tau)
    assert np.abs(got - want).max() < 5 * 4 * np.sqrt(2 / 40000)


def test_one_draw_has_all_parameters_and_outcomes_around_their_line() -> None:
    data = read()
    stan = data.to_stan()
    rng = np.random.default_rng(2)
    one = LINEAR.parameters(PRIORS, stan, rng)
    assert one["u"].shape == (2, 3)
    assert one["rho"] == pytest.approx([one["Omega"][1, 0]])
    x = (data.X - data.center) / data.scale
    mean = one["intercept"] + x @ one["slope"] + one["u"][0, data.rows()]
    mean = mean + one["u"][1, data.rows()] * x[:, 0]
    y = np.array([LINEAR.outcomes(one, stan, rng)["y"] for _ in range(2000)])
    scaled = (y - mean) / one["sigma"]
    assert stats.kstest(scaled.ravel(), "norm").pvalue > 1e-3
    p = 1 / (1 + np.exp(-mean))
    hits = np.array([LOGISTIC.outcomes(one, stan, rng)["y"] for _ in range(2000)])
    assert np.abs(hits.mean(axis=0) - p).max() < 5 * 0.5 / np.sqrt(2000)


def test_log_likelihoods_are_those_of_scipy() -> None:
    data = read()
    stan = data.to_stan()
    one = LINEAR.parameters(PRIORS, stan, np.random.default_rng(3))
    draws = {k: np.asarray(v)[None] for k, v in one.items()}
    x = (data.X - data.center) / data.scale
    mean = one["intercept"] + x @ one["slope"] + one["u"][0, data.rows()]
    mean = mean + one["u"][1, data.rows()] * x[:, 0]
    want = stats.norm.logpdf(data.y, mean, one["sigma"]).sum()
    assert LINEAR.log_likelihood(draws, stan)[0] == pytest.approx(want)
    hits = {**stan, "y": table()["hit"]}
    p = 1 / (1 + np.exp(-mean))
    want = stats.bernoulli.logpmf(table()["hit"], p).sum()
    assert LOGISTIC.log_likelihood(draws, hits)[0] == pytest.approx(want)


def test_without_groups_or_covariates_the_simulators_work_too() -> None:
    stan = read(covariates=[], group=None, varying=None).to_stan()
    rng = np.random.default_rng(4)
    one = LINEAR.parameters(PRIORS, stan, rng)
    assert (one["u"].shape, one["slope"].shape) == ((0, 1), (0,))
    assert LINEAR.outcomes(one, stan, rng)["y"].shape == (N,)


# --- bundled data


def test_the_bundled_rows_are_those_that_were_described() -> None:
    months = hb.datasets.load("climate_monthly")
    assert months.labels == tuple(REGIONS)
    assert np.bincount(months.rows()).tolist() == [12 * n for n in REGIONS.values()]
    assert months == climate_monthly()
    _, trends = monthly_series(np.random.RandomState(42))
    for j, trend in enumerate(trends):
        rows = months.rows() == j
        line = stats.linregress(months.X[rows, 0], months.y[rows])
        assert abs(line.slope - trend) < 4 * line.stderr
    clinics = hb.datasets.load("dosage")
    assert (clinics.J, len(clinics.y)) == (12, 204)
    assert not clinics.separation.found


def test_the_source_prints_trends_that_its_code_does_not_give() -> None:
    """Its first region: 0.2016 printed; default_rng(42) gives 0.2152."""
    _, trends = monthly_series(np.random.default_rng(42))
    assert trends[0] == pytest.approx(0.2152, abs=5e-5)
    assert abs(trends[0] - 0.2016) > 0.01
