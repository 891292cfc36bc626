"""Forms of a model on real fits: chosen, recorded, kept in refits, overridden."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hbstan as hb
from hbstan.errors import ModelError
from hbstan.refit import Change, refit

MEAN = ("chain", "draw")


@pytest.fixture(scope="module")
def chosen() -> hb.Fit:
    return hb.fit("logit", "surgical", seed=3, backend="stanli")


def test_the_choice_is_recorded_and_saved(chosen: hb.Fit, tmp_path) -> None:
    fit = chosen
    assert fit.model == "logit_adaptive"
    record = fit.parameterization
    assert record["asked"] == "auto"
    assert record["form"] == "partial"
    assert (
        0.2 < min(record["weights"].values()) < max(record["weights"].values()) < 0.95
    )
    again = hb.Fit.load(fit.save(tmp_path / "fit.nc"))
    assert again.parameterization == record
    used = fit.tree["constant_data"]["w_centered"].values
    assert used.tolist() == pytest.approx(list(record["weights"].values()))


def test_forms_agree_within_monte_carlo_error(chosen: hb.Fit) -> None:
    fits = {"auto": chosen} | {
        form: hb.fit(
            "logit", "surgical", parameterization=form, seed=5, backend="stanli"
        )
        for form in ("centered", "noncentered")
    }
    auto = fits["auto"].summary()
    for form in ("centered", "noncentered"):
        other = fits[form].summary()
        rows = [r for r in auto.index if r in other.index and not r.startswith("z")]
        error = np.hypot(auto.loc[rows, "mcse_mean"], other.loc[rows, "mcse_mean"])
        distance = abs(auto.loc[rows, "mean"] - other.loc[rows, "mean"]) / error
        # The largest of several dozen correlated normal distances.
        assert distance.max() < 4.5, (form, distance.idxmax())


@pytest.mark.exhaustive("hbstan/parameterization.py", "hbstan/pooling", "stan")
def test_auto_is_no_worse_than_either_plain_form() -> None:
    found = {}
    for form in ("auto", "centered", "noncentered"):
        short = {"chains": 2, "iter_warmup": 500, "iter_sampling": 500}
        fit = hb.fit(
            *("logit", "streamrec"),
            **{"parameterization": form, "predictive": False, **short},
            **{"seed": 1, "backend": "stanli"},
        )
        table = fit.summary(["mu", "tau", "p"])
        found[form] = float(table["ess_bulk"].min())
    assert found["auto"] > 0.7 * max(found.values())
    # The wrong form is far worse here, or the comparison would show nothing.
    assert min(found.values()) < 0.5 * found["auto"]


def test_a_refit_keeps_the_weights(chosen: hb.Fit) -> None:
    fit = chosen
    (one,) = refit(fit, [Change("without A", holdout=("A",))])
    assert one.fit is not None
    kept = one.fit.tree["constant_data"]["w_centered"].values
    assert kept.tolist() == fit.tree["constant_data"]["w_centered"].values.tolist()


def test_weights_can_be_given() -> None:
    weights = np.linspace(0, 1, 12).tolist()
    fit = hb.fit(
        "logit_adaptive", "surgical", weights=weights, seed=1, backend="stanli"
    )
    assert fit.tree["constant_data"]["w_centered"].values.tolist() == weights
    assert math.isclose(float(fit.posterior["mu"].mean()), -2.56, abs_tol=0.05)


def test_a_program_without_weights_refuses_them() -> None:
    with pytest.raises(ModelError, match="w_centered"):
        hb.fit("logit_centered", "surgical", weights=[0.5] * 12, backend="stanli")
