"""Rows that are the total of others are pointed out, and others are not."""

from __future__ import annotations

import numpy as np
import pytest

from hbstan import data, datasets
from hbstan.data.findings import no_pooled_row, no_total_row
from hbstan.results import Outcome
from hbstan.workflow import describe_data

A = (("a", 10, 2), ("b", 20, 5), ("c", 30, 3))


def _check(*rows: tuple[str, int, int]):
    return no_total_row(*zip(*rows, strict=True))


@pytest.mark.parametrize(
    ("rows", "subjects"),
    {
        "last": ((*A, ("Total", 60, 10)), ("Total",)),
        "first": ((("All", 60, 10), *A), ("All",)),
        "without a name": ((A[0], ("x", 60, 10), A[1], A[2]), ("x",)),
        "of two": ((*A[:2], ("Gesamt", 30, 7)), ("Gesamt",)),
        "of one": ((A[0], ("Total", 10, 2)), ("Total",)),
        "no events": ((("a", 5, 0), ("b", 7, 0), ("total", 12, 0)), ("total",)),
        "subtotals": (
            (
                *A[:2],
                ("Subtotal north", 30, 7),
                ("d", 4, 1),
                ("e", 8, 0),
                ("Subtotal south", 12, 1),
                ("Grand total", 42, 8),
            ),
            ("Subtotal north", "Subtotal south", "Grand total"),
        ),
        "subtotals and a total without a name": (
            (*A[:2], ("Summe", 30, 7), ("d", 40, 9), ("e", 80, 9), ("x", 150, 25)),
            ("Summe", "x"),
        ),
    }.values(),
)
def test_a_total_is_found(rows, subjects) -> None:
    found = _check(*rows)
    assert found.outcome is Outcome.FAIL
    assert found.subjects == subjects
    assert all(repr(name) in found.detail for name in subjects)
    assert "count twice" in found.advice


@pytest.mark.parametrize(
    "rows",
    {
        "none": A,
        "only the trials": (*A, ("Total", 60, 11)),
        "only the events": (*A, ("Total", 61, 10)),
        "three groups, by chance": (("a", 10, 1), ("b", 20, 2), ("c", 30, 3)),
        "rare events, by chance": (
            ("a", 5, 0),
            ("b", 5, 0),
            ("c", 5, 1),
            ("d", 15, 1),
        ),
        "nothing": (("a", 0, 0), ("b", 0, 0), ("c", 0, 0), ("d", 0, 0)),
        "a name alone": (("All Saints", 10, 2), ("b", 20, 5), ("c", 31, 3)),
        "a block without a name": (*A[:2], ("c", 30, 7), ("d", 9, 1)),
        "one": (("Total", 10, 2),),
    }.values(),
)
def test_groups_are_no_total(rows) -> None:
    found = _check(*rows)
    assert found.outcome is Outcome.PASS
    assert found.detail == found.advice == ""


def test_chance_seldom_looks_like_a_total() -> None:
    rng = np.random.default_rng(1)
    flagged = 0
    for _ in range(2000):
        n = 10 * rng.integers(1, 13, size=rng.integers(3, 13))
        y = rng.binomial(n, 0.1)
        labels = [f"clinic {j}" for j in range(len(n))]
        flagged += no_total_row(labels, n, y).outcome is Outcome.FAIL
    assert flagged <= 10  # 0.5 %


ESTIMATES = ((0.2, 0.3, 0.5), (0.1, 0.2, 0.15))


def _pooled(digits: int) -> tuple[float, float]:
    y, se = map(np.asarray, ESTIMATES)
    mean = (y / se**2).sum() / (se**-2.0).sum()
    return round(float(mean), digits), round(float((se**-2.0).sum() ** -0.5), digits)


@pytest.mark.parametrize("digits", [3, 6])
def test_a_pooled_estimate_is_found(digits: int) -> None:
    mean, error = _pooled(digits)
    y, se = (*ESTIMATES[0], mean), (*ESTIMATES[1], error)
    assert no_pooled_row("abcd", y, se).subjects == ("d",)
    assert no_pooled_row("abcd", (*y[:3], mean + 0.02), se).passed
    assert no_pooled_row("abcd", y, (*se[:3], error * 1.05)).passed


@pytest.mark.parametrize("name", datasets.names())
def test_no_bundled_dataset_has_a_total(name: str) -> None:
    assert not [
        c for c in datasets.load(name).findings() if c.name == "total" if not c.passed
    ]


def test_datasets_find_it_and_the_first_stage_names_it() -> None:
    rows = (*A, ("d", 25, 4), ("Total", 85, 14))
    labels, n, y = map(list, zip(*rows, strict=True))
    table = {"g": labels, "n": n, "y": y, "age": [50.0, 40.0, 45.0, 61.0, 49.0]}
    own = data.grouped_binomial(table, group="g", trials="n", events="y")
    with_covariate = data.binomial_covariates(
        table, group="g", trials="n", events="y", covariates="age"
    )
    for known in (own, with_covariate):
        stage = describe_data(known)
        assert stage.checks["total"].subjects == ("Total",)
        assert "total" not in stage.gates


def test_estimates_find_it() -> None:
    mean, error = _pooled(6)
    table = {"y": [*ESTIMATES[0], mean], "se": [*ESTIMATES[1], error]}
    for known in (
        data.group_estimates(table, group=None, estimate="y", se="se"),
        data.studies(table, study=None, estimate="y", se="se"),
    ):
        assert known.findings()[0].subjects == ("4",)
