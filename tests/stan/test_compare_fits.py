"""Comparison of real fits: one model in two forms, and different data."""

from __future__ import annotations

import numpy as np
import pytest
from shared import Shared

import hbstan as hb
from hbstan.compare import average, compare
from hbstan.errors import DataError
from hbstan.fit import Fit

SETTINGS = {"seed": 1, "backend": "stanli"}


@pytest.fixture(scope="module")
def fits(shared: Shared) -> dict[str, Fit]:
    names = ("logit_noncentered", "logit_centered", "beta_binomial")
    return {n: shared(hb.fit, n, "surgical", **SETTINGS) for n in names}


def test_two_forms_of_one_model_cannot_be_told_apart(fits: dict[str, Fit]) -> None:
    forms = {n: fits[n] for n in ("logit_noncentered", "logit_centered")}
    found = compare(forms, seed=1)
    row = found.table.iloc[1]
    assert found.checks().passed
    assert row["verdict"] == "indistinguishable"
    assert abs(row["elpd_diff"]) < 3 * row["mcse"]
    assert "With 12 groups" in found.reading(str(found.table.index[1]))
    # What must not be so: another model differs by more than chance.
    other = compare(fits, seed=1).table
    far = other.loc["beta_binomial"]
    assert other.index[0] != "beta_binomial"
    assert abs(far["elpd_diff"]) > 10 * far["mcse"]


def test_averages_lie_between_the_models(fits: dict[str, Fit]) -> None:
    pair = {n: fits[n] for n in ("logit_noncentered", "beta_binomial")}
    mixed = average(pair, {"logit_noncentered": 0.5, "beta_binomial": 0.5}, seed=1)
    means = [fit.groups()["mean"].to_numpy() for fit in pair.values()]
    sd = mixed["estimate"].std("sample").values / np.sqrt(4000)
    middle = (means[0] + means[1]) / 2
    assert (abs(mixed["estimate"].mean("sample").values - middle) < 4 * sd).all()
    assert (abs(means[0] - means[1]) > 8 * sd).any()


def test_folds_of_one_seed_can_be_compared(fits: dict[str, Fit]) -> None:
    pair = {n: fits[n] for n in ("logit_noncentered", "beta_binomial")}
    folded = {n: hb.kfold(fit, 3, seed=4) for n, fit in pair.items()}
    found = compare(folded, seed=1)
    assert found.target == "3-fold by groups"
    assert found.best == "logit_noncentered"


def test_different_data_are_refused(fits: dict[str, Fit], shared: Shared) -> None:
    schools = shared(hb.fit, "eight_schools_noncentered", "eight_schools", **SETTINGS)
    with pytest.raises(DataError, match=r"surgical.*eight_schools"):
        compare({"surgical": fits["logit_noncentered"], "schools": schools})
    with pytest.raises(DataError, match=r"surgical.*eight_schools"):
        average(
            {"surgical": fits["logit_noncentered"], "schools": schools},
            {"surgical": 0.5, "schools": 0.5},
        )
