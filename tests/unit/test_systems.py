"""What holds of every kind of data that is more than one outcome a group."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from catalogue import SYSTEMS

from hbstan import data, datasets, models
from hbstan.data.system import SystemData
from hbstan.data.systems import kinds, restore
from hbstan.errors import DataError
from hbstan.plan import plan
from hbstan.simulate.systems import system_of

BUNDLED = tuple(
    name for name in datasets.names() if datasets.describe(name).kind in kinds()
)


def load(name: str) -> Any:
    return datasets.load(name)


def test_every_kind_has_a_model_and_an_example() -> None:
    shown = {datasets.describe(name).kind for name in BUNDLED}
    modelled = {models.get(name).kind for name in SYSTEMS}
    assert shown == modelled == set(kinds())


@pytest.mark.parametrize("name", BUNDLED)
def test_a_table_is_read_again(name: str) -> None:
    d = load(name)
    again: Any = data.load(d.to_frame(), kind=d.kind, **d.reading())
    assert type(again) is type(d)
    assert again.labels == d.labels
    for array in d.arrays:
        if array == "new_x":  # candidates are no part of the table of outcomes
            continue
        np.testing.assert_allclose(
            getattr(again, array), getattr(d, array), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("name", BUNDLED)
def test_stan_data_and_labels_give_the_dataset_back(name: str) -> None:
    d = load(name)
    back = restore(d.kind, d.to_stan(), d.coords, d.name)
    assert back == d
    assert back.hash == d.hash


@pytest.mark.parametrize("name", BUNDLED)
def test_datasets_cannot_be_changed_but_copied(name: str) -> None:
    d = load(name)
    for other in (pickle.loads(pickle.dumps(d)), copy.deepcopy(d)):
        assert other == d
        array = next(iter(d.arrays))
        values = getattr(other, array)
        if np.size(values):
            with pytest.raises(ValueError, match="read-only"):
                values[...] = 0


@pytest.mark.parametrize("name", BUNDLED)
def test_what_people_are_shown(name: str) -> None:
    d, info = load(name), datasets.describe(name)
    assert d.overview()
    assert info.title
    assert info.note
    assert models.get(info.default_model).kind == d.kind
    assert len(d.to_frame()) > 3
    rows = d.rows()
    assert rows.shape == (np.size(d.to_stan()["y"]),)
    assert set(rows.tolist()) <= set(range(d.J))


@pytest.mark.parametrize("name", SYSTEMS)
def test_simulated_data_have_the_shape_of_the_data(name: str) -> None:
    model = models.get(name)
    d = load(model.example_data)
    decided = plan(name, d, None, None, False)
    system = system_of(model)
    assert system is not None
    priors = {k: c.prior for k, c in decided.priors.items()}
    rng = np.random.default_rng(4)
    one = system.parameters(priors, decided.stan, rng)
    outcomes = system.outcomes(one, decided.stan, rng)
    assert set(outcomes) == set(d.outcomes)
    for key, value in outcomes.items():
        assert np.shape(value) == np.shape(decided.stan[key])
    assert set(model.ranked) <= set(one)
    batch = {k: np.asarray(v)[None] for k, v in one.items()}
    density = system.log_likelihood(batch, {**decided.stan, **outcomes})
    assert density.shape == (1,)
    assert np.isfinite(density).all()


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_same_seed_gives_the_same_data(name: str) -> None:
    model = models.get(name)
    d = load(model.example_data)
    decided = plan(name, d, None, None, False)
    system = system_of(model)
    assert system is not None
    priors = {k: c.prior for k, c in decided.priors.items()}

    def draw(seed: int) -> Any:
        rng = np.random.default_rng(seed)
        one = system.parameters(priors, decided.stan, rng)
        return system.outcomes(one, decided.stan, rng)["y"]

    np.testing.assert_array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))


def test_roles_are_checked() -> None:
    frame = load("bcg").to_frame()
    with pytest.raises(DataError, match="'altitude' is no role"):
        data.load(frame, kind="studies", altitude="latitude")
    with pytest.raises(DataError, match="no column is named for the role 'se'"):
        data.load(frame, kind="studies", study="trial", estimate="log risk ratio")


def test_equal_values_of_another_kind_are_other_data() -> None:
    d = load("bcg")
    assert isinstance(d, SystemData)
    assert d != load("hospitals")
    assert d.hash != load("hospitals").hash
