"""The catalogue, its programs on disk, and the choice of priors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catalogue import GROUPED, SYSTEMS
from catalogue import example as bundled

import hbstan.priors as pr
from hbstan import data, datasets, models
from hbstan.errors import ModelError, PriorError
from hbstan.types import StanProgram

LOGIT = ("logit_noncentered", "logit_centered")
SCHOOLS = ("eight_schools_noncentered", "eight_schools_centered")
#: What groups have to do with each other.
ALTERNATIVES = {
    "binomial_pooled": "complete",
    "binomial_unpooled": "none",
    "normal_pooled": "complete",
    "normal_unpooled": "none",
    "logit_student_t": "partial",
    "logit_mixture": "partial",
}


def binomial(n: list[int], y: list[int]) -> data.Dataset:
    return data.grouped_binomial({"n": n, "y": y}, group=None, trials="n", events="y")


def estimates(y: list[float], se: list[float]) -> data.Dataset:
    return data.group_estimates({"y": y, "s": se}, group=None, estimate="y", se="s")


def example(model: models.Model) -> data.Dataset:
    if model.kind == "binomial":
        return binomial([10, 20, 30], [1, 2, 3])
    return estimates([1.0, 2.0, 4.0], [1.0, 1.0, 2.0])


def declared(program: str, block: str) -> set[str]:
    """Names that a block of a Stan program declares."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", program, flags=re.S)
    start = re.search(rf"(?m)^{block} \{{", text)
    assert start is not None, block
    body = text[start.end() : text.index("\n}", start.end())]
    types = "int|real|vector|row_vector|matrix|corr_matrix|cholesky_factor_corr"
    kind = rf"(?:array\[.*?\]\s*)?(?:{types})(?:<.*?>)?(?:\[[^\]]*\])?"
    return set(re.findall(rf"(?m)^  {kind}\s+(\w+)", body))


def test_the_catalogue() -> None:
    assert set(GROUPED) == {
        *(*LOGIT, "logit_adaptive"),
        *(*SCHOOLS, "eight_schools_adaptive", "eight_schools_marginal"),
        *("beta_binomial", "beta_binomial_marginal"),
        *ALTERNATIVES,
    }
    forms = ("marginal", "centered", "noncentered", "adaptive", "sum_to_zero")
    assert set(SYSTEMS) == {
        *(f"normal_groups_{form}" for form in forms),
        *("logit_covariates", "meta_regression", "mrp_logit"),
        *("linear_regression", "logistic_regression", "irt_1pl", "irt_2pl"),
        *("sv_noncentered", "sv_centered", "football_poisson", "gp_regression"),
    }
    for name in models.names():
        assert models.get(name).name == name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("logit_centred", "logit_centered"),
        ("betabinomial", "beta_binomial"),
        ("eight_schools", "eight_schools"),
    ],
)
def test_an_unknown_model_offers_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ModelError) as caught:
        models.get(name)
    text = str(caught.value)
    assert repr(name) in text
    assert f"Did you mean '{near}" in text
    assert all(known in text for known in models.names())


def test_a_name_like_nothing_offers_nothing() -> None:
    with pytest.raises(ModelError) as caught:
        models.get("zzzz")
    assert "Did you mean" not in str(caught.value)
    assert ".stan" in str(caught.value)


@pytest.mark.parametrize("name", models.names())
def test_a_model_describes_its_program(name: str) -> None:
    model = models.get(name)
    text = model.program.source()
    parameters = declared(text, "parameters")
    everything = parameters | declared(text, "transformed parameters")
    everything |= declared(text, "generated quantities")
    top = {p.name for p in model.top_level}
    known = {p.name for p in model.parameters}
    # A program may sample another parameter, from which a top-level one follows.
    assert top <= everything
    if name in SYSTEMS:
        assert known <= everything
        assert model.estimate in known
        return
    assert top <= parameters <= known
    outcomes = getattr(bundled(name), "outcomes", ("y",))
    hidden = {"lprior", "log_lik", "log_lik_group", *(f"{y}_rep" for y in outcomes)}
    assert everything - hidden == known
    assert model.estimate in known


@pytest.mark.parametrize("name", models.names())
def test_the_data_are_those_that_the_program_declares(name: str) -> None:
    model = models.get(name)
    wanted = declared(model.program.source(), "data")
    stan = (example(model) if name in GROUPED else bundled(name)).to_stan()
    priors = {p.name: pr.Normal(0, 1) for p in model.top_level}
    given = {*stan, "holdout", "predictive", *pr.stan_data(priors)}
    given |= {"w_centered"} if model.weighted else set()
    assert given == wanted


@pytest.mark.parametrize("name", models.names())
def test_a_record_is_plain_json(name: str) -> None:
    model = models.get(name)
    record = json.loads(json.dumps(model.record()))
    assert record["name"] == name
    assert Path(record["program"]).is_file()
    assert len(record["parameters"]) == len(model.parameters)


@pytest.mark.parametrize("name", GROUPED)
def test_labelled_dimensions(name: str) -> None:
    model = models.get(name)
    assert model.dims["theta"] == ["group"]
    assert "mu" not in model.dims
    assert {p.name for p in model.parameters if p.dims} == set(model.dims)


@pytest.mark.parametrize("name", GROUPED)
def test_pooling_says_where_groups_come_from(name: str) -> None:
    model = models.get(name)
    assert model.pooling == ALTERNATIVES.get(name, "partial")
    assert model.record()["pooling"] == model.pooling
    by_group = [p.name for p in model.top_level if p.dims]
    assert by_group == (["theta"] if model.pooling == "none" else [])


def test_priors_of_the_alternatives() -> None:
    surgical, schools = datasets.load("surgical"), datasets.load("eight_schools")
    for name in ("binomial_pooled", "logit_student_t", "logit_mixture"):
        chosen = models.resolve_priors(models.get(name), surgical)
        first = next(iter(chosen.values()))
        assert first.prior.args == pytest.approx((np.log(0.075 / 0.925), 1))
        assert first.origin == "source of the dataset"
        assert {c.origin for c in list(chosen.values())[2:]} <= {"default"}
    unpooled = models.resolve_priors(models.get("binomial_unpooled"), surgical)
    assert unpooled["theta"].prior == pr.Normal(0, 1.5)
    pooled = models.resolve_priors(models.get("normal_pooled"), schools)
    assert pooled["mu"].prior == pr.Normal(0, 5)
    alone = models.resolve_priors(models.get("normal_unpooled"), schools)
    assert alone["theta"].prior.scale > 2 * 15


def test_siblings_share_their_parameters() -> None:
    for non_centered, centered in (LOGIT, SCHOOLS):
        ours = {p.name for p in models.get(non_centered).parameters}
        theirs = {p.name for p in models.get(centered).parameters}
        assert ours - theirs == {"z"}
        assert models.get(non_centered).family == models.get(centered).family


def test_programs_of_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    functions = tmp_path / "functions"
    folder.mkdir()
    functions.mkdir()
    file = folder / "mine.stan"
    file.write_text("parameters { real x; }")
    program = models.program_from_file(str(file))
    assert program == StanProgram(
        file.resolve(), (folder, functions, models.stan_root() / "functions")
    )


def test_folders_that_do_not_exist_are_not_searched(tmp_path: Path) -> None:
    file = tmp_path / "mine.stan"
    file.write_text("")
    paths = models.program_from_file(file).include_paths
    assert paths == (tmp_path, models.stan_root() / "functions")


@pytest.mark.parametrize(
    ("name", "words"),
    [("gone.stan", "there is no file"), ("prog.txt", "must end in .stan")],
)
def test_paths_that_are_no_program(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "prog.txt").write_text("")
    with pytest.raises(ModelError, match=words) as caught:
        models.program_from_file(tmp_path / name)
    assert name in str(caught.value)


def test_a_folder_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "folder.stan").mkdir()
    with pytest.raises(ModelError, match="there is no file"):
        models.program_from_file(tmp_path / "folder.stan")


def test_given_priors_come_before_the_source_before_the_default() -> None:
    model = models.get("logit_noncentered")
    chosen = models.resolve_priors(
        model, datasets.load("surgical"), {"tau": "HalfCauchy(2)"}
    )
    assert list(chosen) == ["mu", "tau"]
    assert chosen["tau"].prior == pr.HalfCauchy(2)
    assert chosen["tau"].origin == "given"
    assert chosen["mu"].origin == "source of the dataset"
    assert chosen["mu"].prior.args == pytest.approx((np.log(0.075 / 0.925), 1))
    assert "surgical" in chosen["mu"].reason


def test_own_data_get_defaults_with_reasons() -> None:
    model = models.get("logit_noncentered")
    chosen = models.resolve_priors(model, example(model))
    assert chosen["mu"].prior == pr.Normal(0, 1.5)
    assert chosen["tau"].prior == pr.HalfNormal(1)
    assert {c.origin for c in chosen.values()} == {"default"}
    assert all(c.reason for c in chosen.values())


def test_sourced_priors_belong_to_a_family() -> None:
    surgical = datasets.load("surgical")
    chosen = models.resolve_priors(models.get("beta_binomial"), surgical)
    assert chosen["mu"].prior == pr.Beta(2, 18)
    assert chosen["kappa"].prior == pr.Gamma(1.5, 0.5)
    assert {c.origin for c in chosen.values()} == {"source of the dataset"}


def test_default_priors_of_probabilities() -> None:
    model = models.get("beta_binomial")
    chosen = models.resolve_priors(model, example(model))
    assert chosen["mu"].prior == pr.Beta(2, 2)
    assert chosen["kappa"].prior == pr.Pareto(1, 1.5)


def test_default_priors_of_estimates_follow_their_spread() -> None:
    model = models.get("eight_schools_noncentered")
    y = [10.0, 20.0, 60.0]
    chosen = models.resolve_priors(model, estimates(y, [1.0, 1.0, 1.0]))
    # Variance of the estimates 700, of their errors 1; sqrt(701) = 26.5.
    assert chosen["mu"].prior == pr.Normal(20, 65)
    assert chosen["tau"].prior == pr.HalfNormal(26)


def test_default_priors_leave_the_data_to_speak_where_groups_agree() -> None:
    """Estimates that agree by chance must not make the priors sharp."""
    model = models.get("eight_schools_noncentered")
    y, se = [1.0, 1.01, 0.99], [1.0, 1.0, 1.0]
    chosen = models.resolve_priors(model, estimates(y, se))
    pooled = 1 / np.sqrt(3)
    assert chosen["mu"].prior.scale > 4 * pooled
    assert chosen["tau"].prior.scale >= 1.0


def test_default_priors_of_equal_estimates_follow_their_errors() -> None:
    model = models.get("eight_schools_noncentered")
    chosen = models.resolve_priors(model, estimates([3.0, 3.0], [0.5, 0.5]))
    assert chosen["tau"].prior == pr.HalfNormal(0.5)
    assert chosen["mu"].prior == pr.Normal(3, 1.2)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_default_priors_scale_with_the_unit(scale: float) -> None:
    model = models.get("eight_schools_noncentered")
    y, se = np.array([10.0, 20.0, 60.0]), np.ones(3)
    base = models.resolve_priors(model, estimates(y.tolist(), se.tolist()))
    scaled = models.resolve_priors(
        model, estimates((scale * y).tolist(), (scale * se).tolist())
    )
    for name in ("mu", "tau"):
        want = [scale * a for a in base[name].prior.args]
        assert list(scaled[name].prior.args) == pytest.approx(want, rel=1e-9)


def _resolve(name: str, given: dict[str, Any]) -> dict[str, models.PriorChoice]:
    model = models.get(name)
    return models.resolve_priors(model, example(model), given)


@pytest.mark.parametrize("name", ["theta", "sigma", "z", "Mu", ""])
def test_priors_for_what_has_none(name: str) -> None:
    with pytest.raises(PriorError) as caught:
        _resolve("logit_noncentered", {name: pr.Normal(0, 1)})
    assert repr(name) in str(caught.value)
    assert "mu, tau" in str(caught.value)


@pytest.mark.parametrize(
    ("model", "parameter", "wrong", "remedy"),
    [
        ("logit_noncentered", "tau", "Normal(0, 1)", "HalfNormal, HalfCauchy"),
        ("logit_noncentered", "mu", "HalfNormal(1)", "Normal, StudentT"),
        ("logit_noncentered", "tau", "Gamma(2, 1)", "Exponential"),
        ("beta_binomial", "mu", "Normal(0, 1)", "Beta"),
        ("beta_binomial", "kappa", "HalfNormal(1)", "Gamma, Pareto"),
        ("eight_schools_centered", "mu", "Beta(1, 1)", "Normal, StudentT"),
    ],
)
def test_priors_with_the_wrong_support(
    model: str, parameter: str, wrong: str, remedy: str
) -> None:
    with pytest.raises(PriorError) as caught:
        _resolve(model, {parameter: wrong})
    text = str(caught.value)
    assert f"{wrong} cannot be the prior of {parameter}" in text
    assert "support" in text
    assert remedy in text


@pytest.mark.parametrize("wrong", [1.0, None, ("Normal", 0, 1)])
def test_things_that_are_no_prior(wrong: object) -> None:
    with pytest.raises(PriorError, match="the prior of tau is"):
        _resolve("logit_noncentered", {"tau": wrong})


def test_text_that_is_no_prior() -> None:
    with pytest.raises(PriorError, match="unknown prior family 'Cauchy'"):
        _resolve("logit_noncentered", {"tau": "Cauchy(1)"})


@pytest.mark.parametrize("name", models.names())
def test_the_programs_accept_every_fitting_family(name: str) -> None:
    text = models.get(name).program.source()
    for parameter in models.get(name).top_level:
        found = re.search(
            rf"int<lower=(\d+), upper=(\d+)> prior_{parameter.name};", text
        )
        assert found is not None
        low, high = map(int, found.groups())
        codes = {f.code for f in pr.FAMILIES.values() if f.role == parameter.role}
        assert codes == set(range(low, high + 1))
