"""Is a hierarchical model worth it? The source's three cases, verdicts, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hbstan as hb
from hbstan.assess import VERDICTS, Assessment, assess
from hbstan.data import GroupedBinomial, GroupEstimates
from hbstan.errors import DataError, SettingsError
from hbstan.pooling.measured import evidence
from hbstan.pooling.squared_error import risk


def estimates(y: list[float], sigma: list[float]) -> GroupEstimates:
    labels = tuple(f"g{i}" for i in range(len(y)))
    return GroupEstimates(labels=labels, y=np.array(y), sigma=np.array(sigma))


def events(y: list[int], n: list[int]) -> GroupedBinomial:
    labels = tuple(f"g{i}" for i in range(len(y)))
    return GroupedBinomial(labels=labels, y=np.array(y), n=np.array(n))


def ab_test() -> GroupedBinomial:
    """The source's third case: two groups of 500,000; it has no counts of events."""
    return events([50_000, 50_450], [500_000, 500_000])


#: Case, the source's points of 10 and its decision, what is measured here.
CASES = {
    "streamrec": (7, "strong case", "not worth it", (0.02, 0.07)),
    "pharma": (7, "strong case", "probably worth it", (0.09, 0.45)),
    "ab_test": (0, "weak case", "not worth it", (-2.0, 0.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_cases_of_the_source(name: str) -> None:
    """Points call StreamRec a strong case; its categories are too large to gain."""
    _, _, verdict, (least, most) = CASES[name]
    found = assess(ab_test() if name == "ab_test" else name)
    assert found.verdict == verdict
    assert found.spread["gain"].between(least, most).all()
    assert found.gain == pytest.approx(found.spread.loc["estimate", "gain"])


def test_streamrec_gains_only_where_categories_are_small() -> None:
    found = assess("streamrec").groups
    assert found["gain"].idxmax() == "Classic"
    assert found.loc["Classic", "gain"] == pytest.approx(0.064, abs=0.001)
    assert found.loc["Comedy", "gain"] < 1e-4
    assert found["gain"].is_monotonic_increasing  # as the table is by falling size


def test_two_groups_cannot_tell_tau() -> None:
    found = assess(ab_test())
    assert found.simpler == "no pooling"
    assert any("too few to learn tau" in s for s in found.sentences)
    assert found.sentences[0] == "2 groups with 500,000 trials."
    assert (found.groups["se"] < 0.0005).all()


def test_table_is_the_closed_form() -> None:
    found = assess("pharma")
    source = evidence(hb.datasets.load("pharma"))
    one = risk(source.variances, source.tau)
    table = found.groups
    n = hb.datasets.describe("pharma").extra["n"]
    tau = found.tau
    expected = np.array(n) / (np.array(n) + 15.0**2 / tau**2)
    # The printed standard errors, 15 / sqrt(n), are rounded to two decimals.
    assert table["weight"].to_numpy() == pytest.approx(expected, abs=0.002)
    assert table["shrinkage"].to_numpy() == pytest.approx(1 - one.weight)
    for column in ("none", "complete", "partial"):
        assert table[column].to_numpy() == pytest.approx(getattr(one, column))
    assert table["more_data"].to_numpy() == pytest.approx(one.none / one.partial - 1)
    assert found.spread.loc["estimate", "partial"] == pytest.approx(one.partial.mean())


def test_shrinkage_agrees_with_the_fit_where_tau_does() -> None:
    """The weights of partial pooling are those that hb.shrinkage has in closed form."""
    found = assess("pharma")
    sigma = hb.datasets.load("pharma").sigma
    weight = found.tau**2 / (found.tau**2 + sigma**2)
    assert found.groups["weight"].to_numpy() == pytest.approx(weight)


# Verdicts

ALIKE = estimates([0.01, -0.02, 0.03, 0.0, -0.01, 0.02, 0.0, 0.01] * 5, [1.0] * 40)
APART = estimates([-30.0, -10.0, 0.0, 10.0, 20.0, 40.0], [0.5] * 6)


def test_alike_groups_need_one_estimate() -> None:
    found = assess(ALIKE, ci_prob=0.5)
    assert found.simpler == "complete pooling"
    assert found.verdict == "not worth it"


def test_distant_groups_need_no_pooling() -> None:
    found = assess(APART)
    assert found.simpler == "no pooling"
    assert found.verdict == "not worth it"
    assert found.gain < 0.01


def test_what_is_not_relevant_is_not_worth_it() -> None:
    assert assess("surgical").verdict == "worth it"
    found = assess("surgical", relevant=0.05)
    assert found.verdict == "not worth it"
    assert found.simpler == "no pooling"
    assert "below 0.05" in found.sentences[-1]
    # Hospital A, of 47 operations, has a standard error of 0.039.
    assert assess("surgical", relevant=0.03).verdict == "worth it"


@pytest.mark.parametrize(
    ("least", "verdict"),
    [(0.05, 0), (0.2, 1), (0.3, 2), (0.6, 3)],
)
def test_least_gain_orders_the_verdicts(least: float, verdict: int) -> None:
    """pharma gains 43 % to 10 %, and 25 % at the estimate."""
    assert assess("pharma", least_gain=least).verdict == VERDICTS[verdict]


def test_alike_is_not_refuted_but_risky() -> None:
    found = assess("eight_schools")
    assert found.tau == 0
    assert found.verdict == "worth it"
    assert any("not refuted" in s for s in found.sentences)


def test_a_group_without_trials_is_named_and_not_averaged() -> None:
    with_empty = assess(events([0, 18, 8, 46, 0], [47, 148, 119, 810, 0]))
    without = assess(events([0, 18, 8, 46], [47, 148, 119, 810]))
    assert with_empty.gain == pytest.approx(without.gain)
    assert with_empty.groups.loc["g4", "none"] == np.inf
    assert with_empty.groups.loc["g4", "gain"] == 1.0
    assert "1 without data" in " ".join(with_empty.sentences)


def test_scale() -> None:
    found = assess("surgical", scale="log-odds")
    assert found.scale == "log-odds"
    assert found.tau == pytest.approx(0.38, abs=0.05)
    assert any("log-odds" in s for s in found.sentences)


# Output


def test_record_is_json() -> None:
    found = assess(events([0, 18, 8, 0], [47, 148, 119, 0]))
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert record["verdict"] in VERDICTS
    assert len(record["groups"]) == 4
    assert record["spread"][1]["tau"] == pytest.approx(found.tau)


def test_repr_and_frame() -> None:
    found = assess("surgical")
    assert repr(found) == (
        "<Assessment of surgical: worth it; mean squared error 35% lower than without "
        "pooling (13% lower to 57% lower)>"
    )
    frame = found.to_frame()
    frame["gain"] = 0.0
    assert (found.groups["gain"] > 0).all()


def test_sentences_quote_the_tables() -> None:
    found = assess("pharma")
    text = " ".join(found.sentences)
    assert "12 groups with standard errors of 0.66 to 1.94" in text
    assert f"{found.tau:.3g}" in text
    assert f"{found.gain:.0%} lower" in text
    assert found.verdict in text
    best = found.groups["gain"].idxmax()
    assert f"{best} {found.groups['gain'].max():.0%}" in text


def test_the_public_face() -> None:
    assert hb.assess is assess
    assert hb.Assessment is Assessment


def test_tables_are_read() -> None:
    table = {"ward": ["A", "B", "C"], "n": [10, 20, 30], "r": [1, 0, 9]}
    assert assess(table).groups.index.tolist() == ["A", "B", "C"]


# Bad input


@pytest.mark.parametrize("value", [0, 1, -0.1, float("nan"), True, "0.1", None])
def test_least_gain_is_a_share(value: object) -> None:
    with pytest.raises(SettingsError, match="least_gain is"):
        assess("surgical", least_gain=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), False, "x"])
def test_relevant_is_positive(value: object) -> None:
    with pytest.raises(SettingsError, match="relevant is"):
        assess("surgical", relevant=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, 1, 2, "x"])
def test_ci_prob(value: object) -> None:
    with pytest.raises(SettingsError, match="ci_prob is"):
        assess("surgical", ci_prob=value)  # type: ignore[arg-type]


def test_unreadable_data() -> None:
    with pytest.raises(DataError):
        assess("no_such_dataset")
    with pytest.raises(DataError, match="1 of 2 groups"):
        assess(events([1, 0], [3, 0]))


def test_equal_estimates_prove_nothing() -> None:
    found = assess({"group": list("abcde"), "y": [0.2] * 5, "se": [0.1] * 5})
    assert found.tau_interval == (0.0, 0.0)
    assert any("no proof that the groups are alike" in text for text in found.sentences)
    # Groups that differ have an interval, and no such sentence.
    other = assess("pharma")
    assert not any("no proof" in text for text in other.sentences)


def test_a_loss_is_not_called_a_gain() -> None:
    found = assess({"group": list("abc"), "n": [20, 30, 9], "y": [0, 1, 0]})
    assert "11% higher than without pooling" in repr(found)
    (named,) = (text for text in found.sentences if "Most is gained" in text)
    gains = found.groups["gain"].to_dict()
    assert {g for g in gains if f"{g} " in named} == {g for g in gains if gains[g] > 0}
