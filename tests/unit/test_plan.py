"""What is decided before a backend starts, for programs of the user's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from catalogue import example

from hbstan import data as reader
from hbstan import models
from hbstan.errors import DataError, ModelError, PriorError
from hbstan.plan import plan

OWN = """\
data { int J; array[J] int n; array[J] int y; }
/* a mask named holdout; would be declared here, and prior_mu_args; too */
parameters { real mu; }
model { y ~ binomial_logit(n, mu); }
"""


def edited(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "mine.stan"
    path.write_text(models.get(name).program.source(), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", models.names())
def test_an_edited_copy_gets_what_the_original_gets(name: str, tmp_path: Path) -> None:
    dataset = example(name)
    out = [dataset.labels[0], dataset.labels[2]]
    original = plan(name, dataset, None, out, False)
    copy = plan(edited(tmp_path, name), dataset, None, out, False)
    assert copy.stan.keys() == original.stan.keys()
    for key, value in original.stan.items():
        np.testing.assert_array_equal(copy.stan[key], value)
    assert copy.priors == original.priors
    assert copy.like in models.names()
    assert copy.name == "mine"
    assert copy.labels.coords["group"] == list(dataset.labels)


def test_a_given_prior_reaches_an_edited_copy(tmp_path: Path) -> None:
    path = edited(tmp_path, "logit_centered")
    copy = plan(path, "surgical", {"tau": "Exponential(2)"}, None, True)
    assert copy.stan["prior_tau"] == 6
    assert copy.stan["prior_tau_args"] == [2.0, 0.0, 0.0]
    assert copy.priors["tau"].origin == "given"


def test_a_plain_program_gets_the_data_alone(tmp_path: Path) -> None:
    path = tmp_path / "plain.stan"
    path.write_text(OWN, encoding="utf-8")
    plain = plan(path, "surgical", None, None, True)
    assert set(plain.stan) == {"J", "n", "y"}
    assert plain.like == ""
    with pytest.raises(ModelError, match="declares no holdout"):
        plan(path, "surgical", None, ["A"], True)


@pytest.mark.parametrize("data", ["surgical", {"J": 1, "n": [3], "y": [1]}])
def test_an_undeclared_prior_is_refused(data: object, tmp_path: Path) -> None:
    path = tmp_path / "plain.stan"
    path.write_text(OWN, encoding="utf-8")
    with pytest.raises(PriorError, match="prior_mu and prior_mu_args"):
        plan(path, data, {"mu": "Normal(0, 1)"}, None, True)


def test_priors_that_match_no_model_are_named(tmp_path: Path) -> None:
    path = edited(tmp_path, "logit_centered")
    text = path.read_text(encoding="utf-8").replace("prior_tau", "prior_omega")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PriorError, match="mu, omega"):
        plan(path, "surgical", None, None, True)


def test_json_data_are_named_by_their_file(tmp_path: Path) -> None:
    path, data = tmp_path / "plain.stan", tmp_path / "wards.json"
    path.write_text(OWN, encoding="utf-8")
    data.write_text(json.dumps({"J": 2, "n": [3, 4], "y": [1, 0]}), encoding="utf-8")
    planned = plan(path, data, None, None, True)
    assert planned.data_name == "wards"
    assert planned.stan == {"J": 2, "n": [3, 4], "y": [1, 0]}
    assert planned.data_hash == plan(path, str(data), None, None, True).data_hash


def test_a_dataset_object_keeps_its_name(tmp_path: Path) -> None:
    dataset = reader.load("surgical")
    assert plan("beta_binomial", dataset, None, None, True).data_name == "surgical"


@pytest.mark.parametrize("bad", [None, "text", [[1], [2, 3]]])
def test_data_that_stan_cannot_take_are_refused(bad: object, tmp_path: Path) -> None:
    path = tmp_path / "plain.stan"
    path.write_text(OWN, encoding="utf-8")
    with pytest.raises(DataError, match="y"):
        plan(path, {"J": 2, "n": [1, 2], "y": bad}, None, None, True)
