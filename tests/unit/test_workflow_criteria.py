"""Criteria: read, refused, and compared."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from hbstan.errors import SettingsError
from hbstan.workflow.criteria import (
    CalibrationCriteria,
    Criteria,
    DataCriteria,
    changes,
)


def test_what_is_not_given_is_the_default() -> None:
    got = Criteria.from_mapping({"fit": {"rhat": 1.005}, "data": {"min_groups": 5}})
    assert got.fit.rhat == 1.005
    assert got.data.min_groups == 5
    assert got.calibration == Criteria().calibration
    assert Criteria.read(None) == Criteria()
    assert Criteria.read(got) is got


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "criteria.toml"
    file.write_text('[posterior]\nalpha = 0.05\ngates = ["coverage"]\n')
    got = Criteria.read(file)
    assert got.posterior.alpha == 0.05
    assert got.posterior.gates == ("coverage",)
    assert Criteria.read({"posterior": {"alpha": 0.05, "gates": ["coverage"]}}) == got


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"posteriors": {}}, "posteriors"),
        ({"fit": {"rhats": 1.1}}, "rhats"),
        ({"fit": {"rhat": "small"}}, "fit.rhat is 'small'"),
        ({"fit": {"rhat": -1}}, "fit.rhat is -1"),
        ({"fit": {"rhat": float("nan")}}, "fit.rhat is nan"),
        ({"fit": {"divergences": 0.5}}, "fit.divergences is 0.5"),
        ({"fit": {"retry_parameterization": 1}}, "true or false"),
        ({"calibration": {"n_sims": True}}, "calibration.n_sims is True"),
        ({"data": {"gates": "groups"}}, "data.gates is 'groups'"),
        ({"data": 3}, "data is 3"),
    ],
)
def test_illegal_criteria_are_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said.replace(".", r"\.")):
        Criteria.from_mapping(given)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no\.toml"):
        Criteria.read(tmp_path / "no.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[fit\n")
    with pytest.raises(SettingsError, match=r"broken\.toml"):
        Criteria.read(broken)


def test_changes_are_listed_with_both_values() -> None:
    new = Criteria.from_mapping({"fit": {"rhat": 1.1}, "prior": {"draws": 500}})
    assert changes(Criteria().record(), new.record()) == [
        {"criterion": "prior.draws", "from": 10_000, "to": 500},
        {"criterion": "fit.rhat", "from": 1.01, "to": 1.1},
    ]
    assert changes(new.record(), new.record()) == []


def test_every_stage_has_gates() -> None:
    for part in fields(Criteria):
        assert getattr(Criteria(), part.name).gates, part.name


ALL_WRONG = """
n_sims = 5
[data]
alpha = 2
min_groups = true
[calibration]
iter_samplings = 100
rhat = "1.01"
ess = inf
gates = ["convergance"]
[fit]
retry_adapt_delta = 1.5
[cross_validation]
highest = "exakt"
[posterior]
gates = ["coverage", "coverage"]
[comparision]
"""


def test_all_faults_of_a_file_are_listed_at_once(tmp_path: Path) -> None:
    file = tmp_path / "criteria.toml"
    file.write_text(ALL_WRONG)
    with pytest.raises(SettingsError) as caught:
        Criteria.read(file)
    text = str(caught.value)
    for said in (
        f"11 criteria in {str(file)!r}",
        "'n_sims' stands outside of a section, but belongs in [calibration]",
        "data.alpha is 2, but must be a number between 0 and 1",
        "data.min_groups is True",
        "calibration has no 'iter_samplings' (did you mean 'iter_sampling'?)",
        "calibration.rhat is '1.01', but must be a number above 1, not a text",
        "calibration.ess is inf",
        "'convergance' is none (did you mean 'convergence'?)",
        "fit.retry_adapt_delta is 1.5",
        "cross_validation.highest is 'exakt'",
        "(did you mean 'exact'?)",
        "posterior.gates is ['coverage', 'coverage'], but must be names of checks",
        "criteria has no section 'comparision' (did you mean 'comparison'?)",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"calibration": {"alpha": 0.5, "power": 0.4}}, "power is 0.4"),
        ({"sensitivity": {"swap": 2}}, "swap_far is 1, but must be at least swap (2)"),
        ({"sensitivity": {"influence_far": 0.5}}, "at least influence (1)"),
        ({"calibration": {"fit_timeout": -1}}, "fit_timeout is -1"),
        ({"fit": {"timeout": float("inf")}}, "fit.timeout is inf"),
    ],
)
def test_contradictions_are_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Criteria.read(given)
    assert said in str(caught.value)


def test_criteria_made_in_python_are_as_strict() -> None:
    with pytest.raises(SettingsError, match=r"DataCriteria\.alpha is 2"):
        DataCriteria(alpha=2)
    assert DataCriteria(gates=["groups"]).gates == ("groups",)
    assert CalibrationCriteria(n_sims=np.int64(30)).n_sims == 30


def test_defaults_are_legal_and_their_gates_known() -> None:
    assert Criteria.from_mapping(Criteria().record()) == Criteria()


def test_a_file_that_is_not_utf8_is_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "latin1.toml"
    file.write_bytes("[fit]\n# Schätzung\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"\(line 2\) is not UTF-8") as caught:
        Criteria.read(file)
    assert "latin1.toml" in str(caught.value)
    file.write_bytes(b"\xef\xbb\xbf[fit]\nrhat = 1.05\n")
    assert Criteria.read(file).fit.rhat == 1.05


def test_criteria_that_older_records_lack_are_changes() -> None:
    old = Criteria().record()
    del old["fit"]["timeout"]
    found = changes(old, Criteria().record())
    assert found == [{"criterion": "fit.timeout", "from": None, "to": 0.0}]
