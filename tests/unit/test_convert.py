"""Raw draws to labelled trees: one test for each row of the table of names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from hbstan.convert import SAMPLE_STATS, Labels, stored_data, to_tree
from hbstan.errors import ConvertError
from hbstan.program import Type
from hbstan.types import RawDraws

CHAINS, DRAWS, GROUPS = 2, 5, 3
LABELS = Labels(
    {"group": ("A", "مستشفى", "🏥")},
    {"theta": ["group"], "y": ["group"], "n": ["group"]},
    ("mu", "tau"),
)
DATA = {"J": GROUPS, "y": [0, 18, 8], "n": [47, 148, 119], "none": []}


def block(*shape: int, start: int = 0) -> np.ndarray:
    size = CHAINS * DRAWS * int(np.prod(shape))
    values = np.arange(start, start + size, dtype=float)
    return values.reshape(CHAINS, DRAWS, *shape)


def raw(**changes: Any) -> RawDraws:
    parts: dict[str, Any] = {
        "variables": {
            "mu": block(),
            "tau": block(start=100),
            "theta": block(GROUPS),
            "lprior": block(2),
            "y_rep": block(GROUPS, start=7),
            "log_lik": -block(GROUPS),
            "log_lik_group": -block(GROUPS, start=1),
        },
        "stats": {name: block() for name in SAMPLE_STATS},
    }
    return RawDraws(**(parts | changes))


def only(**variables: np.ndarray) -> RawDraws:
    return RawDraws(variables, {})


def tree(**changes: Any) -> xr.DataTree:
    return to_tree(raw(**changes), DATA, labels=LABELS, max_treedepth=10)


def test_parameters_and_derived_go_to_the_posterior() -> None:
    posterior = tree()["posterior"]
    assert set(posterior.data_vars) == {"mu", "tau", "theta"}
    assert posterior["theta"].dims == ("chain", "draw", "group")
    assert np.array_equal(posterior["theta"], block(GROUPS))
    assert np.array_equal(posterior["mu"], block())
    assert posterior["group"].values.tolist() == ["A", "مستشفى", "🏥"]


def test_replicates_go_to_the_posterior_predictive() -> None:
    predictive = tree()["posterior_predictive"]
    assert set(predictive.data_vars) == {"y"}
    assert predictive["y"].dims == ("chain", "draw", "group")
    assert np.array_equal(predictive["y"], block(GROUPS, start=7))


@pytest.mark.parametrize(("declared", "dtype"), [("int", int), ("real", float)])
@pytest.mark.parametrize("y", [[0, 1, 2], [0.0, 1.5, 2.0]])
def test_replicates_have_the_declared_type(
    declared: str, dtype: type, y: list[float]
) -> None:
    kinds = {"y_rep": Type(declared, ("J",))}
    got = to_tree(raw(), {**DATA, "y": y}, labels=LABELS, kinds=kinds)
    assert got["posterior_predictive"]["y"].dtype == dtype
    assert np.array_equal(got["posterior_predictive"]["y"], block(GROUPS, start=7))


def test_replicates_that_are_not_finite_stay_real() -> None:
    y_rep = block(GROUPS)
    y_rep[0, 0, 0] = np.nan
    kinds = {"y_rep": Type("int", ("J",))}
    got = to_tree(only(mu=block(), y_rep=y_rep), DATA, labels=LABELS, kinds=kinds)
    assert np.isnan(got["posterior_predictive"]["y"].values[0, 0, 0])


def test_a_replicate_of_nothing_is_a_derived_quantity() -> None:
    got = to_tree(only(x_rep=block()), DATA)
    assert set(got["posterior"].data_vars) == {"x_rep"}
    assert "posterior_predictive" not in got.children


def test_log_lik_goes_to_log_likelihood() -> None:
    group = tree()["log_likelihood"]
    assert set(group.data_vars) == {"y"}
    assert np.array_equal(group["y"], -block(GROUPS))
    assert group["y"].dims == ("chain", "draw", "group")


def test_log_lik_group_has_a_group_of_its_own() -> None:
    group = tree()["log_likelihood_group"]
    assert set(group.data_vars) == {"y"}
    assert np.array_equal(group["y"], -block(GROUPS, start=1))


def test_lprior_is_split_by_parameter() -> None:
    group = tree()["log_prior"]
    assert list(group.data_vars) == ["mu", "tau"]
    assert np.array_equal(group["mu"], block(2)[:, :, 0])
    assert np.array_equal(group["tau"], block(2)[:, :, 1])
    assert group["tau"].dims == ("chain", "draw")


@pytest.mark.parametrize("shape", [(), (2,)])
def test_lprior_of_a_users_program_stays_whole(shape: tuple[int, ...]) -> None:
    got = to_tree(only(mu=block(), lprior=block(*shape)), {})
    assert list(got["log_prior"].data_vars) == ["lprior"]
    assert got["log_prior"]["lprior"].shape == (CHAINS, DRAWS, *shape)


def test_lprior_of_another_length() -> None:
    with pytest.raises(ConvertError, match=r"3 elements for 2 priors \(mu, tau\)"):
        to_tree(only(mu=block(), lprior=block(3)), DATA, labels=LABELS)


def test_outcomes_go_to_the_observed_data() -> None:
    observed = tree()["observed_data"]
    assert set(observed.data_vars) == {"y"}
    assert observed["y"].dims == ("group",)
    assert observed["y"].values.tolist() == DATA["y"]


def test_other_data_go_to_the_constant_data() -> None:
    constant = tree()["constant_data"]
    assert set(constant.data_vars) == {"J", "n"}
    assert constant["n"].dims == ("group",)
    assert int(constant["J"]) == GROUPS


def test_outcomes_without_replicates_are_observed_all_the_same() -> None:
    got = to_tree(only(mu=block()), DATA, labels=LABELS)
    assert set(got["observed_data"].data_vars) == {"y"}


def test_replicates_tell_what_is_observed() -> None:
    data = {"y": [1.0, 2.0], "count": [3, 4]}
    got = to_tree(only(mu=block(), count_rep=block(2)), data)
    assert set(got["observed_data"].data_vars) == {"count"}
    assert set(got["constant_data"].data_vars) == {"y"}


def test_no_data_no_groups() -> None:
    got = to_tree(only(mu=block()), {})
    assert set(got.children) == {"posterior"}


@pytest.mark.parametrize(("stan", "arviz"), SAMPLE_STATS.items())
def test_sampler_statistics_get_arviz_names(stan: str, arviz: str) -> None:
    stats = tree()["sample_stats"]
    assert stan not in stats
    assert stats[arviz].dims == ("chain", "draw")
    assert np.array_equal(
        stats[arviz].astype(float), block().astype(stats[arviz].dtype)
    )


def test_sampler_statistics_have_fitting_types() -> None:
    stats = tree()["sample_stats"]
    kinds = {name: stats[name].dtype.kind for name in stats.data_vars}
    assert kinds["diverging"] == kinds["reached_max_treedepth"] == "b"
    assert kinds["tree_depth"] == kinds["n_steps"] == "i"
    assert kinds["lp"] == kinds["energy"] == kinds["acceptance_rate"] == "f"


def test_statistics_of_another_sampler_keep_their_names() -> None:
    got = to_tree(RawDraws({"mu": block()}, {"log_p__": block()}), {})
    assert set(got["sample_stats"].data_vars) == {"log_p"}


@pytest.mark.parametrize(("cap", "reached"), [(9, 1), (8, 2), (10, 0)])
def test_reached_max_treedepth(cap: int, reached: int) -> None:
    depth = np.zeros((CHAINS, DRAWS))
    depth[1, 3], depth[0, 0] = 9, 8
    got = to_tree(
        RawDraws({"mu": block()}, {"treedepth__": depth}), {}, max_treedepth=cap
    )
    flags = got["sample_stats"]["reached_max_treedepth"]
    assert int(flags.sum()) == reached
    assert np.array_equal(flags, depth >= cap)


def test_without_a_cap_nothing_is_said_of_it() -> None:
    got = to_tree(raw(), DATA, labels=LABELS)
    assert "reached_max_treedepth" not in got["sample_stats"]


def test_warmup_is_kept_apart() -> None:
    warm = {"mu": -np.ones((CHAINS, 9)), "y_rep": np.ones((CHAINS, 9, GROUPS))}
    got = tree(warmup_variables=warm, warmup_stats={"lp__": np.ones((CHAINS, 9))})
    assert got["posterior"].sizes["draw"] == DRAWS
    assert got["sample_stats"].sizes["draw"] == DRAWS
    assert set(got["warmup_posterior"].data_vars) == {"mu"}
    assert got["warmup_posterior"].sizes["draw"] == 9
    assert got["warmup_sample_stats"].sizes["draw"] == 9
    assert (got["posterior"]["mu"] >= 0).all()


def test_no_warmup_no_groups() -> None:
    assert not [name for name in tree().children if name.startswith("warmup")]


def test_the_whole_table() -> None:
    assert set(tree().children) == {
        "posterior",
        "posterior_predictive",
        "log_likelihood",
        "log_likelihood_group",
        "log_prior",
        "observed_data",
        "constant_data",
        "sample_stats",
    }


@pytest.mark.parametrize(
    ("variables", "data"),
    [
        ({"theta": block(GROUPS + 1)}, {}),
        ({"mu": block()}, {"y": [1, 2]}),
    ],
    ids=["length", "data"],
)
def test_draws_that_contradict_their_labels(
    variables: dict[str, np.ndarray], data: dict[str, Any]
) -> None:
    with pytest.raises(ConvertError):
        to_tree(RawDraws(variables, {}), data, labels=LABELS)


@pytest.mark.parametrize(
    "changes",
    [
        {"variables": {"mu": block(), "tau": block()[:, :3]}},
        {"variables": {"mu": block(), "tau": block()[:1]}},
        {"stats": {"lp__": block()[:, 1:]}},
        {"warmup_variables": {"mu": block()}, "warmup_stats": {"lp__": block()[:1]}},
    ],
    ids=["draws", "chains", "stats", "warmup"],
)
def test_draws_of_unequal_number(changes: dict[str, Any]) -> None:
    with pytest.raises(ConvertError, match=r"\(chains, draws\) \(\d, \d\), but '\w+'"):
        tree(**changes)


def test_tuples_are_taken_apart() -> None:
    pair = np.empty((CHAINS, DRAWS), dtype=object)
    for index in np.ndindex(pair.shape):
        pair[index] = (float(sum(index)), np.array([1.0, 2.0, 3.0]))
    posterior = to_tree(only(pair=pair), {})["posterior"]
    expected = np.add.outer(np.arange(CHAINS), np.arange(DRAWS))
    assert (posterior["pair.1"].values == expected).all()
    assert posterior["pair.2"].shape == (CHAINS, DRAWS, 3)
    assert (posterior["pair.2"].values == [1.0, 2.0, 3.0]).all()


def test_complex_numbers_are_taken_apart() -> None:
    values = np.full((CHAINS, DRAWS, 2), 1.5 - 2.5j)
    posterior = to_tree(only(c=values), {})["posterior"]
    assert (posterior["c.real"].values == 1.5).all()
    assert (posterior["c.imag"].values == -2.5).all()


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_a_guessed_label_gives_way_to_the_shape(shape: tuple[int, ...]) -> None:
    """Two groups: a theta of other shape is no theta per group."""
    guess = Labels({"group": ["a", "b"]}, {"theta": ["group"]}, binding=False)
    theta = np.zeros((CHAINS, DRAWS, *shape))
    found = to_tree(only(theta=theta), {}, labels=guess)["posterior"]["theta"]
    assert "group" not in found.dims
    fitting = np.zeros((CHAINS, DRAWS, 2))
    found = to_tree(only(theta=fitting), {}, labels=guess)["posterior"]["theta"]
    assert found.dims[2:] == ("group",)


def test_an_lprior_of_other_length_stays_whole() -> None:
    guess = Labels(priors=("mu", "tau"), binding=False)
    lprior = np.zeros((CHAINS, DRAWS, 3))
    assert list(to_tree(only(lprior=lprior), {}, labels=guess)["log_prior"]) == [
        "lprior"
    ]


def test_equal_draws_give_identical_trees() -> None:
    assert tree().identical(tree())
    assert all(not node.attrs for node in tree().children.values())


def test_unequal_draws_do_not() -> None:
    moved = {**raw().variables, "mu": block(start=1)}
    assert not tree(variables=moved).identical(tree())


def test_attributes_belong_to_the_root() -> None:
    got = to_tree(raw(), DATA, labels=LABELS, attrs={"model": "m", "seed": 1})
    assert got.attrs == {"model": "m", "seed": 1}


def test_without_labels_dimensions_are_automatic() -> None:
    got = to_tree(raw(), DATA)
    assert got["posterior"]["theta"].sizes["theta_dim_0"] == GROUPS


# Names that are dimensions too


@pytest.mark.parametrize("name", ["chain", "draw", "ci_bound", "group", "theta_dim_0"])
def test_a_variable_called_like_a_dimension_is_kept(name: str) -> None:
    data = {name: np.arange(4), "J": 3}
    variables = {name: block(start=3), "theta": block(2), "mu": block(3)}
    labels = Labels(coords=LABELS.coords, dims={"mu": ["group"]})
    got = to_tree(RawDraws(variables, {}), data, labels=labels)
    assert np.array_equal(got["posterior"][f"{name}__"], block(start=3))
    assert got["posterior"]["mu"].dims == ("chain", "draw", "group")
    assert got["posterior"]["theta"].dims == ("chain", "draw", "theta_dim_0")
    # And the data are read again under the program's names.
    stan, coords = stored_data(got)
    assert np.array_equal(stan[name], np.arange(4))
    assert coords["group"] == list(LABELS.coords["group"])


def test_other_names_stay_as_they_are() -> None:
    names = ("draws", "chain_", "x_dim_0", "theta_dim_a", "theta_dim_0x", "dim_0")
    variables = {**{name: block() for name in names}, "theta": block(2)}
    got = to_tree(RawDraws(variables, {}), {})
    assert set(got["posterior"].data_vars) == {*names, "theta"}
