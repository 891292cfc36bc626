"""Normal observations in groups: reading, refusing, describing, simulating."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hbstan as hb
from hbstan import models
from hbstan.data import NormalGroups, normal_groups
from hbstan.data.normal_groups_examples import omega_rows
from hbstan.data.system import SystemData
from hbstan.errors import DataError, ModelError
from hbstan.models.normal_groups import NORMAL_GROUPS, default_priors
from hbstan.plan import plan
from hbstan.priors import HalfCauchy, HalfNormal, Normal
from hbstan.simulate import normal_groups as simulator
from hbstan.simulate.systems import system_of

ROWS = {
    "diet": ["B", "A", "B", "A", "B", "C"],
    "time": [63, 62, 67, 60, 71, 5.5],
}
SUMMARIES = {
    "diet": ["B", "A", "C"],
    "n": [3, 2, 1],
    "mean": [67.0, 61.0, 5.5],
    "sd": [4.0, math.sqrt(2.0), None],
}


def rows(**changes: Any) -> NormalGroups:
    return normal_groups({**ROWS, **changes}, group="diet", value="time")


def summaries(**changes: Any) -> NormalGroups:
    table = {**SUMMARIES, **changes}
    return normal_groups(table, group="diet", n="n", mean="mean", sd="sd")


# --- reading


def test_raw_rows_are_summed_up_in_the_order_of_first_occurrence() -> None:
    data = rows()
    assert data.labels == ("B", "A", "C")
    assert data.n.tolist() == [3, 2, 1]
    assert data.y.tolist() == [67.0, 61.0, 5.5]
    assert data.ss.tolist() == [32.0, 2.0, 0.0]


def test_summaries_give_the_same_data() -> None:
    a, b = rows(), summaries()
    assert a.labels == b.labels
    np.testing.assert_array_equal(a.n, b.n)
    np.testing.assert_array_equal(a.y, b.y)
    np.testing.assert_allclose(a.ss, b.ss, rtol=1e-14)
    whole = summaries(sd=[4.0, 1.0, 0])
    assert whole.ss.tolist() == [32.0, 1.0, 0.0]
    assert whole == summaries(sd=[4.0, 1.0, float("nan")])


def test_sums_of_squares_are_those_of_numpy() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"g": rng.integers(0, 7, 60), "x": rng.normal(1e3, 2.0, 60)})
    data = normal_groups(frame, group="g", value="x")
    by_group = frame.groupby("g", sort=False)["x"]
    np.testing.assert_allclose(data.y, by_group.mean(), rtol=1e-14)
    np.testing.assert_allclose(data.sd(), by_group.std(), rtol=1e-11)
    squares = (frame["x"] - by_group.transform("mean")) ** 2
    assert data.pooled_sd() == pytest.approx(math.sqrt(squares.sum() / (60 - 7)))
    assert data.raw().tolist() == data.y.tolist()
    assert data.rows().tolist() == list(range(7))


def test_a_csv_file_is_read_like_a_table(tmp_path: Path) -> None:
    raw, summed = tmp_path / "raw.csv", tmp_path / "summed.csv"
    pd.DataFrame(ROWS).to_csv(raw, index=False)
    rows().to_frame().to_csv(summed, index=False)
    first = normal_groups(raw, group="diet", value="time")
    assert first == rows()
    assert first.name == "raw"
    second = normal_groups(summed, group="diet", n="n", mean="mean", sd="sd", name="s")
    np.testing.assert_allclose(second.ss, first.ss, rtol=1e-14)
    assert second.name == "s"


def test_the_frame_can_be_read_again_whatever_the_columns_are_called() -> None:
    table = {"n": ROWS["diet"], "v": ROWS["time"]}
    data = normal_groups(table, group="n", value="v")
    frame = data.to_frame()
    assert list(frame.columns) == ["group label", "n", "mean", "sd"]
    again = normal_groups(frame, group="group label", n="n", mean="mean", sd="sd")
    assert again.labels == data.labels
    np.testing.assert_allclose(again.ss, data.ss, rtol=1e-14)
    other = {"who": ["x", "y"], "size": [2, 3], "m": [1.0, 2.0], "s": [0.5, 1.0]}
    named = normal_groups(other, group="who", n="size", mean="m", sd="s")
    assert named.to_frame().to_dict("list") == other


def test_groups_can_be_numbered() -> None:
    table = {"n": [2, 3], "m": [1.0, 2.0], "s": [0.5, 1.0]}
    assert normal_groups(table, group=None, n="n", mean="m", sd="s").labels == (
        "1",
        "2",
    )


def test_equal_values_have_no_spread_whatever_their_mean_rounds_to() -> None:
    data = rows(diet=[*"AAABB", "B"], time=[0.1, 0.1, 0.1, 1.0, 2.0, 3.0])
    assert data.ss.tolist() == [0.0, 2.0]


def test_a_dataset_is_immutable_pickled_and_restored() -> None:
    data = rows()
    with pytest.raises(ValueError, match="read-only"):
        data.ss[0] = 1.0
    for other in (
        pickle.loads(pickle.dumps(data)),
        copy.deepcopy(data),
        NormalGroups.restore(data.to_stan(), data.coords, "again"),
    ):
        assert other == data
        assert not other.y.flags.writeable
    assert rows(time=[63, 62, 67, 60, 72, 5.5]) != data


def test_stan_data_and_overview() -> None:
    data = rows()
    assert set(data.to_stan()) == {"J", "n", "y", "ss"}
    assert isinstance(data, SystemData)
    figures = dict(data.overview())
    assert figures["observations"] == 6
    assert figures["largest group"] == 3
    assert figures["standard deviation within groups"] == pytest.approx(
        math.sqrt(34.0 / 3)
    )
    assert "6 observations" in repr(data)


# --- refusing, one thing at a time


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": [63, None, 67, 60, 71, 5.5]}, "row 2, group 'A', column 'time': the"),
        ({"time": [63, math.inf, 67, 60, 71, 5.5]}, "inf is infinite"),
        ({"time": [63, "62", 67, 60, 71, 5.5]}, "'62' is text, not a number"),
        ({"time": [63, True, 67, 60, 71, 5.5]}, "True is a boolean"),
        ({"diet": ["B", None, "B", "A", "B", "C"]}, "row 2, column 'diet': the label"),
        ({"diet": ["B", " ", "B", "A", "B", "C"]}, "the label is empty"),
        ({"time": [63, 62]}, "the columns differ in length: 'diet' has 6"),
        ({"diet": ["B"] * 6}, "there is 1 group; legal: at least 2"),
        ({"diet": list("ABCDEF")}, "no group has two observations"),
        ({"time": [1, 2, 1, 2, 1, 3]}, "the observations of each group are all equal"),
        ({"time": [1e200, 0, -1e200, 0, 0, 0]}, "beyond double precision"),
        ({"diet": [], "time": []}, "there are no rows"),
    ],
)
def test_bad_rows_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        rows(**changes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": [3, 0, 1]}, "row 2, group 'A', column 'n': 0 observations are no group"),
        ({"n": [3, -2, 1]}, "-2 is negative; legal: a whole number from 1 to"),
        ({"n": [3, 2.5, 1]}, "2.5 is fractional"),
        ({"n": [3, None, 1]}, "the value is missing"),
        ({"mean": [67.0, math.nan, 5.5]}, "column 'mean': the value is missing"),
        ({"sd": [4.0, -1.0, None]}, "-1 is negative; legal: a finite number of 0"),
        ({"sd": [4.0, None, None]}, "row 2, group 'A', column 'sd': the value is miss"),
        ({"sd": [4.0, 1.0, 0.5]}, "0.5 is the spread of one observation"),
        ({"sd": [0.0, 0.0, 0.0]}, "the observations of each group are all equal"),
        ({"sd": [1e200, 0.0, 0.0]}, "beyond double precision"),
        ({"diet": ["B", "A", "B"]}, "label 'B' is also that of row 1; legal: every"),
        ({"n": [1, 1, 1], "sd": [None] * 3}, "no group has two observations"),
    ],
)
def test_bad_summaries_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        summaries(**changes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"group": "diet"}, "legal: group and value, or group, n, mean and sd"),
        ({"group": "diet", "n": "time", "mean": "time"}, "the columns given are group"),
        ({"group": "diet", "value": "time", "n": "time"}, "legal: group and value, or"),
        ({"group": None, "value": "time"}, "raw rows need a column that says which"),
        ({"group": "diet", "value": "diet"}, "given for both group and value"),
        ({"group": "diet", "value": "tim"}, "Did you mean 'time'?"),
        ({"group": "diet", "value": 3}, "value is 3; legal: the name of a column"),
    ],
)
def test_bad_columns_are_refused(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        normal_groups(ROWS, **columns)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": [2, 0]}, "group 'b' has n = 0; legal: 1 or more"),
        ({"ss": [-1.0, 1.0]}, "group 'a' has ss = -1; legal: 0 or more"),
        ({"n": [1, 2]}, "group 'a' has ss = 1; legal: 0 for a group of one"),
        ({"y": [1.0, 2.0, 3.0]}, "y has shape (3,); legal: (2,)"),
        ({"y": [1.0, math.nan]}, "y has values that are missing or infinite"),
        ({"labels": ("a", "a")}, "the label 'a' occurs 2 times"),
    ],
)
def test_a_dataset_checks_itself(changes: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {"labels": ("a", "b"), "n": [2, 2], "y": [1.0, 2.0]}
    with pytest.raises(DataError) as caught:
        NormalGroups(**({**good, "ss": [1.0, 1.0]} | changes))
    assert words in str(caught.value)


# --- bundled data


def test_the_omega_grid_is_that_of_its_source() -> None:
    """Drawn one after the other, as the source's code does."""
    rng = np.random.default_rng(seed=41)
    values: list[float] = []
    for _ in range(5):
        effect = rng.normal(loc=2.0, scale=10.0)
        values += rng.normal(loc=effect, scale=0.75, size=20).tolist()
    table = omega_rows(groups=5, per_group=20, omega=10.0)
    assert table["observation"].tolist() == values
    assert table["group"].tolist() == np.repeat(range(5), 20).tolist()


@pytest.mark.parametrize("name", ["coagulation", "omega_small", "small_groups"])
def test_bundled_data_say_what_they_are(name: str) -> None:
    data, info = hb.datasets.load(name), hb.datasets.describe(name)
    assert isinstance(data, NormalGroups)
    assert info.default_model in models.names()
    for family in ("normal_groups", "normal_groups_sum_to_zero"):
        assert set(data.family_priors[family]) == {"mu", "tau", "sigma"}
    if info.truth:
        assert len(info.truth["theta"]) == data.J
        error = (data.y - info.truth["theta"]) * np.sqrt(data.n) / info.truth["sigma"]
        assert stats.kstest(error, "norm").pvalue > 0.01


def test_figures_of_the_bundled_data() -> None:
    """A random stream that changed would change them."""
    means = {"coagulation": (61.0, 61.0), "small_groups": (54.4510, 49.0732)}
    means["omega_small"] = (0.7186, 3.1290)
    for name, (first, last) in means.items():
        data = hb.datasets.load(name)
        assert (data.y[0], data.y[-1]) == pytest.approx((first, last), abs=1e-3)
    diets = hb.datasets.load("coagulation")
    assert diets.n.tolist() == [4, 6, 6, 8]
    assert diets.pooled_sd() ** 2 == pytest.approx(112 / 20)


# --- catalogue and plan


def test_entries_are_one_family_but_for_the_sum_to_zero_form() -> None:
    families = {model.name: model.family for model in NORMAL_GROUPS}
    assert set(families.values()) == {"normal_groups", "normal_groups_sum_to_zero"}
    for model in NORMAL_GROUPS:
        assert [p.name for p in model.top_level] == ["mu", "tau", "sigma"]
        assert model.program.file.is_file()
        assert system_of(model) is not None
        assert model.weighted == (model.name == "normal_groups_adaptive")


def test_default_priors_follow_the_unit() -> None:
    data = rows()
    small = rows(time=[x / 1000 for x in ROWS["time"]])
    ours, theirs = default_priors(data), default_priors(small)
    for name, (prior, reason) in ours.items():
        assert reason
        scaled = [x / 1000 for x in prior.args]
        assert list(theirs[name][0].args) == pytest.approx(scaled, rel=0.02)


def test_weights_of_centering_reach_the_program() -> None:
    def stan(model: str, data: str, weights: Any = None) -> dict[str, Any]:
        return plan(model, hb.data.load(data), None, None, False, weights).stan

    assert stan("normal_groups_adaptive", "coagulation")["w_centered"] == [0.0] * 4
    by_label = {"D": 1, "C": 0.5, "B": 0.25, "A": 0}
    for weights in (by_label, np.array([0, 0.25, 0.5, 1])):
        given = stan("normal_groups_adaptive", "coagulation", weights)
        assert given["w_centered"] == [0.0, 0.25, 0.5, 1.0]
    assert stan("logit_adaptive", "surgical")["w_centered"] == [0.0] * 12
    assert stan("eight_schools_adaptive", "eight_schools")["w_centered"] == [0.0] * 8
    assert "w_centered" not in stan("normal_groups_centered", "coagulation")
    with pytest.raises(ModelError, match="takes no weights of centering"):
        stan("normal_groups_centered", "coagulation", [1.0] * 4)
    for wrong in ([0.5] * 3, [0.5, 0.5, 0.5, 1.1], [0.5, 0.5, 0.5, math.nan], {"A": 1}):
        with pytest.raises(DataError, match="legal: "):
            stan("normal_groups_adaptive", "coagulation", wrong)


def test_a_program_of_the_users_gets_weights_if_it_declares_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.stan"
    path.write_text(models.get("normal_groups_adaptive").program.source())
    data = hb.data.load("coagulation")
    assert plan(path, data, None, None, False).stan["w_centered"] == [0.0] * 4
    other = tmp_path / "other.stan"
    other.write_text(models.get("normal_groups_centered").program.source())
    with pytest.raises(ModelError, match="takes no weights"):
        plan(other, data, None, None, False, [1.0] * 4)
    with pytest.raises(ModelError, match="weights needs a dataset"):
        plan(path, {"J": 1}, None, None, False, [1.0])


# --- simulator

PRIORS = {"mu": Normal(1, 2), "tau": HalfNormal(2), "sigma": HalfCauchy(1)}
DESIGN = {"J": 4, "n": np.array([1, 2, 5, 40])}


def test_parameters_come_from_the_priors() -> None:
    rng = np.random.default_rng(3)
    drawn = [simulator.POPULATION.parameters(PRIORS, DESIGN, rng) for _ in range(4000)]
    for name, prior in PRIORS.items():
        values = np.array([one[name] for one in drawn])
        law = prior.distribution()
        assert stats.kstest(values, law.cdf).pvalue > 1e-3
    for one in drawn[:5]:
        np.testing.assert_allclose(one["theta"], one["mu"] + one["tau"] * one["z"])
    z = np.array([one["z"] for one in drawn])
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3


def test_effects_that_sum_to_zero() -> None:
    rng = np.random.default_rng(4)
    drawn = [simulator.SUM_TO_ZERO.parameters(PRIORS, DESIGN, rng) for _ in range(9000)]
    z = np.array([one["z"] for one in drawn])
    np.testing.assert_allclose(z.sum(axis=1), 0.0, atol=1e-13)
    # Four standard errors of a covariance of 9000 draws.
    np.testing.assert_allclose(np.cov(z.T), np.eye(4) - 0.25, atol=4 / math.sqrt(9000))


def test_outcomes_are_means_and_sums_of_squares_of_observations() -> None:
    rng = np.random.default_rng(5)
    one = {"theta": np.array([0.0, 1.0, -2.0, 3.0]), "sigma": 2.0}
    drawn = [simulator.POPULATION.outcomes(one, DESIGN, rng) for _ in range(4000)]
    y, ss = (np.array([d[name] for d in drawn]) for name in ("y", "ss"))
    for j, n in enumerate(DESIGN["n"]):
        law = stats.norm(one["theta"][j], 2.0 / math.sqrt(n))
        assert stats.kstest(y[:, j], law.cdf).pvalue > 1e-3
        if n > 1:
            assert stats.kstest(ss[:, j] / 4, stats.chi2(n - 1).cdf).pvalue > 1e-3
    assert not ss[:, 0].any()


def test_the_log_likelihood_is_that_of_the_observations() -> None:
    rng = np.random.default_rng(6)
    values = [rng.normal(size=n) for n in DESIGN["n"]]
    stan = {
        "n": DESIGN["n"],
        "y": [v.mean() for v in values],
        "ss": [((v - v.mean()) ** 2).sum() for v in values],
    }
    draws = {"theta": rng.normal(size=(3, 4)), "sigma": np.array([0.5, 1.0, 3.0])}
    expected = [
        sum(
            stats.norm.logpdf(v, t, s).sum() for v, t in zip(values, theta, strict=True)
        )
        for theta, s in zip(draws["theta"], draws["sigma"], strict=True)
    ]
    found = simulator.POPULATION.log_likelihood(draws, stan)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
