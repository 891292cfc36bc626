"""Criteria: read, refused, and compared."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from hbstan.errors import SettingsError
from hbstan.workflow.criteria import Criteria, changes


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
