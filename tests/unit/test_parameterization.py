"""The rule that chooses a model's form, with pilot runs that are made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hbstan import datasets, models
from hbstan.errors import ModelError
from hbstan.parameterization import FORMS, choose_form, forms_of, shrinkage_weights

SURGICAL = datasets.load("surgical")


def pilot(tau: float, theta: float = 0.0) -> Callable[[str], xr.Dataset]:
    """A pilot whose posterior is a point."""

    def run(name: str) -> xr.Dataset:
        assert name == "logit_noncentered"
        over = ("chain", "draw")
        return xr.Dataset(
            {
                "tau": (over, np.full((2, 5), tau)),
                "theta": ((*over, "group"), np.full((2, 5, SURGICAL.J), theta)),
            }
        )

    return run


def no_pilot(name: str) -> Any:
    raise AssertionError(f"{name} needs no pilot")


def test_forms_are_found_by_family_and_by_model() -> None:
    logit = {
        "centered": "logit_centered",
        "noncentered": "logit_noncentered",
        "partial": "logit_adaptive",
    }
    assert forms_of("logit") == logit
    assert forms_of("logit_centered") == logit
    assert forms_of("beta_binomial") == {
        "centered": "beta_binomial",
        "marginal": "beta_binomial_marginal",
    }
    assert set(forms_of("eight_schools")) == set(FORMS)
    assert set(forms_of("normal_groups")) == set(FORMS)
    assert forms_of("binomial_pooled") == {}
    assert forms_of("no such family") == {}


def test_a_program_that_is_named_is_taken() -> None:
    for name in ("logit_centered", "beta_binomial", "binomial_pooled"):
        found = choose_form(name, None, SURGICAL, no_pilot)
        assert found.model == name
        assert found.asked == ""
    own = choose_form("folder/mine.stan", None, SURGICAL, no_pilot)
    assert own.model == "folder/mine.stan"
    assert choose_form(models.get("logit_centered"), None, SURGICAL, no_pilot).form == (
        "centered"
    )


def test_a_form_asked_for_overrides() -> None:
    found = choose_form("logit", "centered", SURGICAL, no_pilot)
    assert (found.model, found.form) == ("logit_centered", "centered")
    found = choose_form("logit_noncentered", "centered", SURGICAL, no_pilot)
    assert found.model == "logit_centered"
    found = choose_form("beta_binomial", "centered", SURGICAL, no_pilot)
    assert found.model == "beta_binomial"


def test_what_can_be_integrated_out_is() -> None:
    for family in ("eight_schools", "normal_groups", "beta_binomial"):
        found = choose_form(family, "auto", SURGICAL, no_pilot)
        assert found.form == "marginal"
        assert found.model == f"{family}_marginal"


@pytest.mark.parametrize(
    ("tau", "form", "model"),
    [
        (0.005, "noncentered", "logit_noncentered"),
        (0.4, "partial", "logit_adaptive"),
        (9.0, "centered", "logit_centered"),
    ],
)
def test_else_the_shrinkage_weights_decide(tau: float, form: str, model: str) -> None:
    found = choose_form("logit", None, SURGICAL, pilot(tau))
    assert (found.asked, found.form, found.model) == ("auto", form, model)
    # At log-odds of 0 the precision is n / 4.
    precision = SURGICAL.n / 4
    weights = precision / (precision + tau**-2)
    assert f"{weights.min():.2f} to {weights.max():.2f}" in found.reason
    if form == "partial":
        assert found.weights is not None
        assert list(found.weights.values()) == pytest.approx(weights.tolist())
        assert list(found.weights) == list(SURGICAL.labels)
    else:
        assert found.weights is None
    assert found.record()["form"] == form


def test_asking_for_the_partial_form_gets_it_with_weights() -> None:
    found = choose_form("logit", "partial", SURGICAL, pilot(9.0))
    assert found.model == "logit_adaptive"
    assert found.weights is not None
    assert min(found.weights.values()) > 0.9


def test_weights_of_each_kind_of_data() -> None:
    tau = np.array([[0.5, 2.0]])
    schools = datasets.load("eight_schools")
    posterior = xr.Dataset({"tau": (("chain", "draw"), tau)})
    found = shrinkage_weights(posterior, schools)
    each = [t**2 / (t**2 + schools.sigma**2) for t in (0.5, 2.0)]
    assert found == pytest.approx(np.mean(each, axis=0))
    rows = datasets.load("coagulation")
    posterior["sigma"] = ("chain", "draw"), np.array([[1.0, 3.0]])
    found = shrinkage_weights(posterior, rows)
    each = [rows.n / (rows.n + s**2 / t**2) for s, t in ((1.0, 0.5), (3.0, 2.0))]
    assert found == pytest.approx(np.mean(each, axis=0))


def test_no_spread_gives_no_weight() -> None:
    posterior = xr.Dataset({"tau": (("chain", "draw"), np.zeros((1, 3)))})
    found = shrinkage_weights(posterior, datasets.load("eight_schools"))
    assert found.tolist() == [0.0] * 8


@pytest.mark.parametrize(
    ("model", "form", "words"),
    [
        ("logit", "marginal", "auto, centered, noncentered, partial"),
        ("logit", "sideways", "sideways"),
        ("binomial_pooled", "centered", "one form alone"),
        ("mine.stan", "centered", "one form alone"),
    ],
)
def test_a_form_that_is_not_there_is_refused(model: str, form: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        choose_form(model, form, SURGICAL, no_pilot)


def test_without_a_form_between_the_two_the_safer_one_is_taken() -> None:
    found = choose_form("sv", None, datasets.load("volatility_short"), no_pilot)
    assert (found.model, found.form) == ("sv_noncentered", "noncentered")
