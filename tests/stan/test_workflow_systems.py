"""What a workflow asks of a model works for data of any shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from shared import Shared

import hbstan as hb
from hbstan import models, plots
from hbstan.predictive.replicates import has_population, of_fit
from hbstan.refit import Change, dataset_of, refit
from hbstan.sensitivity.alternatives import default_swaps
from hbstan.workflow import check_prior, conclude, describe_data
from hbstan.workflow.criteria import PriorCriteria

SYSTEMS = [
    name
    for name in models.names()
    if models.get(name).kind not in ("binomial", "normal")
]
Fits = Callable[[str], hb.Fit]
#: One of each kind of data; the other forms have the same data.
KINDS = [
    *("normal_groups_marginal", "logit_covariates", "meta_regression", "mrp_logit"),
    *("linear_regression", "logistic_regression", "irt_1pl", "sv_noncentered"),
    *("football_poisson", "gp_regression"),
]
SHORT: dict[str, Any] = {
    "chains": 2,
    "iter_warmup": 400,
    "iter_sampling": 300,
    "seed": 1,
    "backend": "stanli",
}


@pytest.fixture(scope="module")
def fits(shared: Shared) -> Fits:
    """Return ``fits(name)``: each is made once, for all workers."""
    return lambda name: shared(hb.fit, name, models.get(name).example_data, **SHORT)


def test_there_is_one_of_each_kind() -> None:
    kinds = {models.get(name).kind for name in SYSTEMS}
    assert {models.get(name).kind for name in KINDS} == kinds
    assert len(KINDS) == len(kinds)


@pytest.mark.parametrize("name", KINDS)
def test_a_fit_knows_its_data(name: str, fits: Fits) -> None:
    data = hb.datasets.load(models.get(name).example_data)
    assert dataset_of(fits(name)) == data
    r = of_fit(fits(name), "same_groups", 1)
    assert r.y is not None
    assert r.y_rep.shape == (2, 300, np.size(data.to_stan()["y"]))
    assert r.by_unit().labels == data.labels


@pytest.mark.parametrize("name", KINDS)
def test_predictions_and_their_pictures(name: str, fits: Fits) -> None:
    check = hb.posterior_predictive(fits(name), seed=1)
    assert check.checks().passed, check.table()
    assert len(hb.residuals(fits(name), seed=1)) == check.replicates.y_rep.shape[2]
    assert hb.accuracy(fits(name)).loc["observed", "coverage_95"] > 0.85
    for figure in (
        plots.predictive_statistics(check),
        plots.predictive_intervals(check),
        plots.residuals(hb.residuals(fits(name), seed=1)),
        plots.forest(fits(name)),
        plots.trace(fits(name)),
    ):
        assert figure.axes


@pytest.mark.parametrize("name", KINDS)
def test_pit_values_are_uniform_by_unit(name: str, fits: Fits) -> None:
    pit = hb.loo_pit(fits(name), seed=1)
    data = hb.datasets.load(models.get(name).example_data)
    assert set(pit.table.index) <= set(data.labels)
    assert pit.p_value > 0.001


@pytest.mark.parametrize("name", KINDS)
def test_replicates_of_new_groups_have_the_populations_spread(
    name: str, fits: Fits
) -> None:
    fit = fits(name)
    if not has_population(fit):
        with pytest.raises(hb.errors.FitError, match="new groups"):
            of_fit(fit, "new_groups", 1)
        return
    same, new = (of_fit(fit, r, 1).flat for r in ("same_groups", "new_groups"))
    # A group whose parameter is not known is predicted less sharply.
    assert np.median(new.std(axis=0) / same.std(axis=0)) > 1.05
    assert hb.posterior_predictive(fit, replicate="new_groups", seed=1).checks().passed


@pytest.mark.parametrize("name", KINDS)
def test_the_prior_expects_the_data(name: str) -> None:
    rules = PriorCriteria(draws=1000)
    stage = check_prior(name, models.get(name).example_data, criteria=rules, seed=1)
    assert stage.checks["range_covered"].passed
    assert stage.checks["not_too_narrow"].passed
    assert stage.pictures[0].draw().axes


@pytest.mark.parametrize("name", KINDS)
def test_the_data_are_described(name: str) -> None:
    stage = describe_data(models.get(name).example_data)
    assert stage.checks["groups"].passed
    assert stage.checks["information"].passed
    assert stage.tables[0].rows
    assert stage.pictures[0].draw().axes


@pytest.mark.parametrize("name", KINDS)
def test_priors_are_scaled_and_have_alternatives(name: str, fits: Fits) -> None:
    swaps = default_swaps(fits(name))
    assert set(swaps) == {p.name for p in models.get(name).top_level}
    assert all(swaps.values())
    scaled = hb.power_scaling(fits(name), refit_when_unreliable=False)
    assert len(scaled.table)
    assert scaled.table["all priors"].notna().any()


@pytest.mark.parametrize("name", KINDS)
def test_conclusions_are_sentences(name: str, fits: Fits) -> None:
    stage = conclude(fits(name))
    assert "about" in stage.answer
    assert "nan" not in stage.answer
    assert stage.tables[0].rows
    assert stage.pictures[0].draw().axes


def test_refits_leave_out_units(fits: Fits) -> None:
    fit = fits("meta_regression")
    label = str(fit.posterior["group"].values[0])
    (one,) = refit(fit, [Change(f"without {label}", holdout=(label,))])
    assert one.fit is not None
    assert one.fit.provenance["holdout"] == [label]
    moved = one.fit.posterior["theta"].sel(group=label)
    assert float(moved.std()) > float(fit.posterior["theta"].sel(group=label).std())


def test_a_wrong_dataset_is_noticed(fits: Fits) -> None:
    tree = fits("meta_regression").tree.copy()
    constant = tree["constant_data"].to_dataset()
    tree["constant_data"] = xr.DataTree(constant.assign(sigma=constant["sigma"] * 2))
    with pytest.raises(hb.errors.FitError, match="not those"):
        dataset_of(hb.Fit(tree))


@pytest.mark.usefixtures("sketched")
def test_a_whole_workflow_on_studies(tmp_path: Path) -> None:
    few = {
        "calibration": {"n_sims": 10, "pilot": 0, "retry_iter_sampling": 0},
        "sensitivity": {"max_left_out": 1},
    }
    found = hb.workflow(
        "bcg",
        "meta_regression",
        criteria=few,
        keep_going=True,
        seed=4,
        backend="stanli",
        out=tmp_path / "bcg",
    )
    stages = {s["stage"]: s["outcome"] for s in found.document["stages"]}
    # Ten simulations decide nothing; everything else does.
    assert stages.pop("calibration") == "not_run"
    assert set(stages.values()) == {"pass"}
    assert found.verdict.value == "inconclusive"
    assert "13 studies" in found.document["title"]
    text = found.report.read_text(encoding="utf-8")
    assert "--column covariates=latitude" in text
    assert "Aronson 1948" in text


def test_what_has_no_meaning_is_refused_in_words(fits: Fits) -> None:
    with pytest.raises(hb.errors.FitError, match="new studies data"):
        hb.predict(fits("meta_regression"), "bcg")
    with pytest.raises(hb.errors.ModelError, match="groups with one outcome each"):
        hb.posterior_sbc("meta_regression", "bcg", n_sims=5, backend="stanli")
    with pytest.raises(hb.errors.FitError, match="no population of groups"):
        hb.heterogeneity(fits("normal_groups_marginal"))
