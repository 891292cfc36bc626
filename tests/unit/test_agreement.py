"""The judge, on draws that are exact and on draws that are wrong on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

import hbstan as hb
from hbstan.agreement import exact_of_fit
from hbstan.cli.app import app
from hbstan.errors import ExactError
from hbstan.fit import Fit


@pytest.fixture(scope="module")
def exact() -> hb.ExactPosterior:
    return hb.exact("logit_noncentered", "surgical")


def moved(fit: Fit, name: str, change) -> Fit:
    """Return the fit with one variable changed."""
    tree = fit.tree.copy()
    posterior = tree["posterior"].to_dataset()
    tree["posterior"] = posterior.assign({name: change(posterior[name])})
    return Fit(tree)


def test_exact_draws_raise_no_alarm(exact: hb.ExactPosterior) -> None:
    found = [hb.agrees_with_exact(exact.draws(1000, seed)).check() for seed in range(4)]
    assert all(check.passed for check in found)
    assert max(check.value for check in found) > 1.0


@pytest.mark.parametrize("name", ["mu", "tau", "theta"])
def test_a_move_of_a_third_of_an_sd_is_found(
    exact: hb.ExactPosterior, name: str
) -> None:
    sd = exact.quantities()[name].sd
    fit = moved(exact.draws(1000, 1), name, lambda x: x + 0.3 * sd)
    check = hb.agrees_with_exact(fit).check()
    assert not check.passed
    assert check.subjects[0].startswith(name)
    assert "Jacobian" in check.advice


def test_another_spread_with_the_same_mean_is_found(exact: hb.ExactPosterior) -> None:
    fit = exact.draws(2000, 1)
    wide = moved(fit, "mu", lambda x: x.mean() + 1.25 * (x - x.mean()))
    assert not hb.agrees_with_exact(wide).check().passed


def test_both_posteriors_are_shown(exact: hb.ExactPosterior) -> None:
    found = hb.agrees_with_exact(exact.draws(500, 1))
    both = found.both()
    assert list(both.columns) == [
        *("mean, fit", "mean, exact", "sd, fit", "sd, exact"),
        "apart",
    ]
    assert both.loc["mu", "mean, exact"] == pytest.approx(
        exact.quantities()["mu"].mean[0]
    )
    assert "generated quantities" in found.record()["blind"]


def test_a_model_without_exact_form_is_not_judged(exact: hb.ExactPosterior) -> None:
    fit = exact.draws(100, 1)
    fit.tree.attrs["model"] = "logit_student_t"
    assert exact_of_fit(fit) is None
    with pytest.raises(ExactError, match="no exact posterior to compare"):
        hb.agrees_with_exact(fit)


def test_left_out_groups_are_integrated(exact: hb.ExactPosterior) -> None:
    found = hb.loo(exact.draws(500, 1), lowest="exact")
    assert found.elpd == pytest.approx(exact.loo()["elpd"].sum(), abs=1e-6)
    assert set(found.table["method"]) == {"exact"}
    assert found.checks()["refits"].passed
    folds = [["A", "B", "C"], list("DEFGHIJKL")]
    left = hb.kfold(exact.draws(500, 1), folds=folds)
    truth = exact.kfold(folds)["elpd"]
    assert np.allclose(left.table["elpd"].loc[truth.index], truth, atol=1e-6)


def test_the_command_prints_what_the_function_returns() -> None:
    run = CliRunner().invoke(app, ["exact", "eight_schools", "eight_schools", "--json"])
    assert run.exit_code == 0
    assert '"method": "exact: quadrature, no chains, no R-hat"' in run.output
    wrong = CliRunner().invoke(app, ["exact", "logit_mixture", "surgical"])
    assert isinstance(wrong.exception, ExactError)
