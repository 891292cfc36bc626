"""Stage 0: the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hbstan as hb
from hbstan.results import Outcome
from hbstan.workflow import describe_data
from hbstan.workflow.criteria import DataCriteria


def binomial(n: list[int], y: list[int]) -> hb.data.GroupedBinomial:
    labels = [f"g{i}" for i in range(len(n))]
    frame = pd.DataFrame({"group": labels, "n": n, "y": y})
    return hb.data.load(frame, group="group", trials="n", events="y", name="made")


def test_the_surgical_data() -> None:
    got = describe_data("surgical")
    assert got.outcome is Outcome.PASS
    rows = dict(got.tables[0].rows)
    assert rows["trials"], rows["events"] == (2814, 208)
    assert rows["groups without events"] == 1
    data = hb.datasets.load("surgical")
    table = np.array([data.y, data.n - data.y])
    expected = stats.chi2_contingency(table, correction=False)
    assert rows["dispersion (1 by chance)"] == pytest.approx(expected.statistic / 11)
    assert rows["its p-value"] == pytest.approx(expected.pvalue)


def test_estimates() -> None:
    got = describe_data("eight_schools")
    assert got.outcome is Outcome.PASS
    rows = dict(got.tables[0].rows)
    y, sigma = (28, 8, -3, 7, -1, 1, 18, 12), (15, 10, 16, 11, 9, 11, 10, 18)
    mean = np.average(y, weights=np.power(sigma, -2.0))
    q = np.sum(((np.array(y) - mean) / sigma) ** 2)
    assert rows["dispersion (1 by chance)"] == pytest.approx(q / 7)
    assert rows["its p-value"] == pytest.approx(stats.chi2(7).sf(q))


def test_too_few_groups_fail() -> None:
    got = describe_data(binomial([50, 60], [5, 9]))
    assert got.checks["groups"].outcome is Outcome.FAIL
    assert got.outcome is Outcome.FAIL
    assert describe_data(binomial([50, 60], [5, 9]), DataCriteria(2)).outcome == "pass"


@pytest.mark.parametrize("y", [[0, 0, 0, 0], [40, 50, 60, 70]])
def test_no_contrast_fails(y: list[int]) -> None:
    got = describe_data(binomial([40, 50, 60, 70], y))
    assert got.checks["information"].outcome is Outcome.FAIL


def test_groups_without_trials_do_not_count() -> None:
    got = describe_data(binomial([40, 0, 60, 0], [4, 0, 9, 0]))
    assert got.checks["groups"].value == 2
    assert got.outcome is Outcome.FAIL


def test_a_rate_that_falls_with_size_fails() -> None:
    n = [40, 60, 80, 110, 150, 200, 260, 330, 410, 500, 600, 720]
    y = np.round(np.array(n) * np.linspace(0.2, 0.05, 12)).astype(int).tolist()
    got = describe_data(binomial(n, y))
    assert got.checks["size_against_rate"].outcome is Outcome.FAIL
    # In another order of the groups only the trend is gone.
    order = np.random.default_rng(1).permutation(12)
    shuffled = describe_data(binomial([n[i] for i in order], [y[i] for i in order]))
    assert shuffled.checks["size_against_rate"].outcome is Outcome.FAIL
    assert shuffled.checks["trend"].outcome is Outcome.PASS


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        n = rng.integers(30, 500, 12)
        y = rng.binomial(n, 0.1)
        got = describe_data(binomial(n.tolist(), y.tolist()), DataCriteria(alpha=0.05))
        alarms += got.checks["size_against_rate"].outcome is Outcome.FAIL
    assert stats.binomtest(alarms, 300, 0.05).pvalue > 0.01


def test_groups_of_one_size_show_no_trend() -> None:
    got = describe_data(binomial([100] * 6, [5, 9, 7, 12, 3, 8]))
    assert got.checks["size_against_rate"].passed


def test_the_funnels_limits_are_the_binomials() -> None:
    got = describe_data("surgical")
    figure = got.pictures[0].draw()
    assert figure.axes[0].get_xlabel() == "trials"
    assert "12 groups" in got.pictures[0].alt
