"""fit() on the fake backend: what is decided, recorded, saved and read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import hbstan as hb
from hbstan import datasets, models
from hbstan.backends.fake import FakeBackend
from hbstan.errors import (
    DataError,
    EngineWarning,
    FitError,
    ModelError,
    PriorError,
    SamplingError,
    SettingsError,
)
from hbstan.fit import Fit, fit
from hbstan.types import RawDraws

HARD_LABELS = [
    "مستشفى",
    "בית חולים",
    "🏥👩‍👩‍👧",
    "<script>alert(1)</script>",
    "007",
    "a,b",
]
SMALL = {"chains": 2, "iter_sampling": 20}
PROGRAM = "parameters { real mu; } model { mu ~ std_normal(); }\n"


def per_group(scale: float = 1.0):
    def sampler(rng: np.random.Generator, data: Any, n: int) -> np.ndarray:
        return scale * rng.standard_normal((n, data["J"]))

    return sampler


def events(rng: np.random.Generator, data: Any, n: int) -> np.ndarray:
    return rng.binomial(data["n"], 0.5, size=(n, data["J"])).astype(float)


def scalar(rng: np.random.Generator, data: Any, n: int) -> np.ndarray:
    return rng.standard_normal(n)


def zeros(rng: np.random.Generator, data: Any, n: int) -> np.ndarray:
    return np.zeros(n)


def probabilities(rng: np.random.Generator, data: Any, n: int) -> np.ndarray:
    return rng.uniform(size=(n, data["J"]))


class Watching(FakeBackend):
    """The fake backend, remembering what it was asked."""

    def sample(self, program, data, settings, *, progress=None):
        self.seen = (program, dict(data), settings)
        return super().sample(program, data, settings, progress=progress)


def backend(**kwargs: Any) -> Watching:
    samplers = {
        "mu": scalar,
        "theta": per_group(),
        "p": probabilities,
        "y_rep": events,
        "log_lik": per_group(),
    }
    stats = {"lp__": scalar, "energy__": scalar, "divergent__": zeros}
    return Watching(samplers, stats={**stats, "treedepth__": zeros}, **kwargs)


def run(model: Any = "logit_noncentered", data: Any = "surgical", **kwargs: Any) -> Fit:
    return fit(model, data, **{"backend": backend(), "seed": 7, **SMALL, **kwargs})


def own(labels: list[str]) -> hb.data.Dataset:
    table = {"g": labels, "n": [10] * len(labels), "r": list(range(len(labels)))}
    return hb.data.grouped_binomial(table, group="g", trials="n", events="r")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "mine.stan"
    file.write_text(PROGRAM)
    return file


def test_draws_are_labelled_by_group() -> None:
    got = run(data=own(HARD_LABELS))
    assert got.posterior["theta"].dims == ("chain", "draw", "group")
    assert got.posterior["theta"].sizes == {"chain": 2, "draw": 20, "group": 6}
    assert got.posterior["group"].values.tolist() == HARD_LABELS
    assert got.tree["posterior_predictive"]["y"].dtype == np.int64
    assert got.tree["observed_data"]["y"].values.tolist() == list(range(6))


def test_provenance_says_what_was_fitted() -> None:
    got = run(adapt_delta=0.9, max_treedepth=8, thin=2)
    origin = got.provenance
    assert origin["model"] == got.model == "logit_noncentered"
    assert origin["backend"] == got.backend == "fake"
    assert origin["data_name"] == "surgical"
    assert origin["data_hash"] == datasets.load("surgical").hash
    assert origin["seed"] == 7
    assert origin["settings"]["adapt_delta"] == 0.9
    assert origin["settings"]["max_treedepth"] == 8
    assert origin["settings"]["chains"] == 2
    assert origin["versions"]["hbstan"] == hb.__version__
    assert origin["versions"]["fake"] == "1"
    assert origin["timings"] == {"total": 0.0}
    assert origin["created_at"].endswith("+00:00")
    assert len(origin["program_hash"]) == 64
    assert got.posterior.sizes["draw"] == 10
    assert json.loads(json.dumps(origin)) == origin


def test_the_programs_hash_tells_programs_apart(program: Path) -> None:
    hashes = [run(name).provenance["program_hash"] for name in models.names()[:2]]
    first = run(program, own(["a", "b"])).provenance["program_hash"]
    program.write_text(PROGRAM + "// edited\n")
    second = run(program, own(["a", "b"])).provenance["program_hash"]
    assert len({*hashes, first, second}) == 4


def test_priors_are_recorded_with_their_origin() -> None:
    got = run(priors={"tau": "HalfCauchy(2.5)"})
    tau, mu = got.priors["tau"], got.priors["mu"]
    assert tau["prior"] == "HalfCauchy(2.5)"
    assert (tau["family"], tau["args"]) == ("HalfCauchy", [2.5])
    assert tau["origin"] == "given"
    assert mu["origin"] == "source of the dataset"
    assert mu["args"] == [pytest.approx(np.log(0.075 / 0.925)), 1.0]
    assert "surgical" in mu["reason"]
    assert run(data=own(["a", "b"])).priors["mu"]["origin"] == "default"


def test_priors_reach_the_engine_as_data() -> None:
    engine = backend()
    run(priors={"tau": hb.HalfCauchy(2.5)}, backend=engine)
    _, data, _ = engine.seen
    assert data["prior_tau"] == 4
    assert data["prior_tau_args"] == [2.5, 0.0, 0.0]
    assert data["prior_mu"] == 1


@pytest.mark.parametrize(
    ("holdout", "mask"),
    [
        (None, [0, 0, 0]),
        ("all", [1, 1, 1]),
        (["b"], [0, 1, 0]),
        (("3", "a"), [1, 0, 1]),
        ([3], [0, 0, 1]),
        ([], [0, 0, 0]),
    ],
)
def test_holdout_becomes_a_mask(holdout: Any, mask: list[int]) -> None:
    engine = backend()
    got = run(data=own(["a", "b", "3"]), holdout=holdout, backend=engine)
    assert engine.seen[1]["holdout"] == mask
    assert got.tree["constant_data"]["holdout"].values.tolist() == mask


def test_a_text_is_one_label() -> None:
    engine = backend()
    run(data=own(["A", "B", "AB"]), holdout="AB", backend=engine)
    assert engine.seen[1]["holdout"] == [0, 0, 1]
    with pytest.raises(DataError, match=r"holdout names \['AB'\]"):
        run(data=own(["A", "B"]), holdout="AB")
    run(data=own(["all", "B"]), holdout=["all"], backend=engine)
    assert engine.seen[1]["holdout"] == [1, 0]


def test_holdout_of_an_unknown_group() -> None:
    with pytest.raises(DataError, match=r"holdout names \['c'\].*'a', 'b'"):
        run(data=own(["a", "b"]), holdout=["a", "c"])


@pytest.mark.parametrize("predictive", [True, False])
def test_predictive_is_a_switch(predictive: bool) -> None:
    engine = backend()
    run(predictive=predictive, backend=engine)
    assert engine.seen[1]["predictive"] == int(predictive)


def test_without_a_seed_a_fresh_one_is_recorded() -> None:
    first, second = run(seed=None), run(seed=None)
    seeds = [f.provenance["seed"] for f in (first, second)]
    assert seeds[0] != seeds[1]
    assert all(0 <= s < 2**31 for s in seeds)
    again = run(seed=seeds[0])
    assert again.posterior.identical(first.posterior)


def test_the_seed_decides_the_draws() -> None:
    assert run(seed=3).posterior.identical(run(seed=3).posterior)
    assert not run(seed=3).posterior.equals(run(seed=4).posterior)


def test_a_model_can_be_an_entry_of_the_catalogue() -> None:
    assert run(models.get("logit_centered")).model == "logit_centered"


def test_settings_are_checked_before_anything_runs() -> None:
    engine = backend()
    with pytest.raises(SettingsError, match="chains is 0"):
        run(chains=0, backend=engine)
    assert not hasattr(engine, "seen")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model": "logits"}, ModelError, "there is no model 'logits'"),
        ({"model": "eight_schools_centered"}, ModelError, "normal data"),
        ({"data": "eight_schools"}, ModelError, "binomial data"),
        ({"data": {"y": [1]}}, DataError, "takes a dataset, not dict"),
        ({"data": [1, 2]}, DataError, "takes a dataset, not list"),
        ({"data": "surgicl"}, DataError, "surgical"),
        ({"priors": {"tau": "Normal(0, 1)"}}, PriorError, "cannot be the prior"),
        ({"priors": {"theta": "Normal(0, 1)"}}, PriorError, "'theta'"),
        ({"seed": -1}, SettingsError, "seed is -1"),
        ({"backend": "jags"}, SettingsError, "backend is 'jags'"),
    ],
)
def test_what_does_not_fit_together(
    changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        run(**changes)
    assert words in str(caught.value)


def test_the_wrong_kind_of_data_names_the_models_that_take_it() -> None:
    with pytest.raises(ModelError) as caught:
        run("logit_noncentered", "eight_schools")
    text = str(caught.value)
    assert "'eight_schools' holds normal data" in text
    assert "eight_schools_noncentered, eight_schools_centered" in text


def test_a_failing_engine_is_heard() -> None:
    with pytest.raises(SamplingError, match="chain 2 exploded") as caught:
        run(backend=backend(fail_with="chain 2 exploded"))
    assert caught.value.console == "chain 2 exploded"


def test_a_program_of_ones_own(program: Path) -> None:
    engine = backend()
    declared = "data { int prior_mu; vector[3] prior_mu_args; }\n"
    program.write_text(declared + "parameters { real mu; }\n")
    data = {"J": 3, "n": [4, 5, 6], "y": [1, 2, 3]}
    got = run(program, data, priors={"mu": "Normal(0, 2)"}, backend=engine)
    seen, stan, _ = engine.seen
    assert got.model == "mine"
    assert seen.file == program.resolve()
    assert stan == {**data, "prior_mu": 1, "prior_mu_args": [0.0, 2.0, 0.0]}
    assert got.priors["mu"]["prior"] == "Normal(0, 2)"
    assert got.priors["mu"]["origin"] == "given"
    assert got.provenance["data_name"] == "mapping"
    assert got.posterior["theta"].dims == ("chain", "draw", "theta_dim_0")


def test_a_program_with_a_dataset_gets_its_labels(program: Path) -> None:
    got = run(str(program), own(HARD_LABELS))
    assert got.posterior["group"].values.tolist() == HARD_LABELS


def test_a_program_with_stan_json(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"J": 2, "n": [4, 5], "y": [1, 2]}')
    got = run(program, str(file))
    assert got.tree["observed_data"]["y"].values.tolist() == [1, 2]


def test_equal_mappings_have_equal_hashes(program: Path) -> None:
    def digest(data: dict[str, Any]) -> str:
        return run(program, data).provenance["data_hash"]

    base = {"J": 2, "n": [4, 5]}
    assert digest(base) == digest({"n": np.array([4, 5]), "J": 2})
    assert digest(base) != digest({"J": 2, "n": [5, 4]})
    assert digest(base) != digest({"J": 2, "n": [[4, 5]]})


def test_a_program_has_no_holdout(program: Path) -> None:
    with pytest.raises(ModelError, match="declares no holdout"):
        run(program, own(["a", "b"]), holdout="all")


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no file .*gone\.stan"):
        run(tmp_path / "gone.stan", {})


@pytest.mark.parametrize(
    ("name", "near"),
    [("logit_noncentred", "logit_noncentered"), ("beta_binomial.txt", "beta_binomial")],
)
def test_neither_a_program_nor_a_model(name: str, near: str) -> None:
    with pytest.raises(ModelError) as caught:
        run(name)
    assert f"Did you mean '{near}'?" in str(caught.value)
    assert "ending in .stan" in str(caught.value)


def test_unequal_shapes_are_no_tree() -> None:
    wrong = FakeBackend({"theta": lambda rng, data, n: rng.normal(size=(n, 2))})
    with pytest.raises(hb.HbstanError, match="do not fit their labels"):
        run(backend=wrong)


def test_a_fit_is_diagnosed() -> None:
    checks = run(iter_sampling=1000, chains=4).diagnose()
    assert checks["rhat"].passed
    assert checks["divergences"].passed
    strict = hb.Thresholds(rhat=1.0)
    assert not run(iter_sampling=100).diagnose(strict)["rhat"].passed


def test_a_summary_is_exact() -> None:
    got = run()
    table = got.summary(["mu"])
    draws = got.posterior["mu"].values
    assert float(table.loc["mu", "mean"]) == pytest.approx(draws.mean(), rel=1e-12)
    assert float(table.loc["mu", "sd"]) == pytest.approx(draws.std(ddof=1), rel=1e-12)


def test_a_summary_leaves_out_the_standardised_effects() -> None:
    engine = FakeBackend({"mu": scalar, "z": per_group()})
    got = run(backend=engine)
    assert list(got.summary().index) == ["mu"]
    assert len(got.summary(["z"])) == 12


def test_groups_stand_beside_their_raw_rates() -> None:
    table = run().groups(ci_prob=0.5)
    surgical = datasets.load("surgical")
    assert list(table.index) == list(surgical.labels)
    assert table["raw"].tolist() == (surgical.y / surgical.n).tolist()
    draws = run().posterior["p"]
    assert table["mean"].to_numpy() == pytest.approx(draws.mean(("chain", "draw")))
    flat = draws.values.reshape(-1, 12)
    assert table["lower"].to_numpy() == pytest.approx(np.quantile(flat, 0.25, axis=0))
    assert table["upper"].to_numpy() == pytest.approx(np.quantile(flat, 0.75, axis=0))


def test_groups_of_estimates_stand_beside_their_errors() -> None:
    engine = FakeBackend({"theta": per_group()})
    table = run("eight_schools_centered", "eight_schools", backend=engine).groups()
    assert table["sigma"].tolist() == [15, 10, 16, 11, 9, 11, 10, 18]
    assert table["raw"].tolist() == [28, 8, -3, 7, -1, 1, 18, 12]


def test_a_group_without_trials_has_no_raw_rate() -> None:
    table = {"g": ["a", "b"], "n": [0, 4], "r": [0, 1]}
    data = hb.data.grouped_binomial(table, group="g", trials="n", events="r")
    got = run(data=data).groups()
    assert np.isnan(got.loc["a", "raw"])
    assert got.loc["b", "raw"] == 0.25


def test_groups_of_a_users_program_are_unknown(program: Path) -> None:
    got = run(program, own(["a", "b"]))
    assert got.estimate is None
    with pytest.raises(FitError, match="mine is not like any model"):
        got.groups()


@pytest.mark.parametrize("labels", [HARD_LABELS, ["a", "b"]])
def test_save_and_load_is_exact(tmp_path: Path, labels: list[str]) -> None:
    got = run(data=own(labels), priors={"tau": "HalfNormal(0.1)"})
    path = tmp_path / "new folder" / "é fit.nc"
    assert got.save(path) == path
    again = Fit.load(path)
    assert again.tree.identical(got.tree)
    assert again.provenance == got.provenance
    assert again.posterior["group"].values.tolist() == labels
    for name, group in got.tree.children.items():
        for variable, values in group.data_vars.items():
            assert again.tree[name][variable].dtype == values.dtype
            assert np.array_equal(again.tree[name][variable], values)
    assert again.diagnose() == got.diagnose()
    assert again.save(tmp_path / "second.nc").is_file()


def test_the_equality_notices_the_last_bit(tmp_path: Path) -> None:
    got = run()
    again = Fit.load(got.save(tmp_path / "fit.nc"))
    again.tree["posterior"]["mu"].values[0, 0] *= 1 + 2**-52
    assert not again.tree.identical(got.tree)


def test_a_saved_fit_can_be_replaced_while_open(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    run(seed=1).save(path)
    loaded = Fit.load(str(path))
    run(seed=2).save(str(path))
    assert loaded.provenance["seed"] == 1
    assert Fit.load(path).provenance["seed"] == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, RuntimeError])
def test_an_interrupted_save_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    path = tmp_path / "fit.nc"
    run(seed=1).save(path)
    newer = run(seed=2)

    def explode(descriptor: int) -> None:
        raise error("cut off")

    monkeypatch.setattr(os, "fsync", explode)
    expected = FitError if error is OSError else error
    with pytest.raises(expected, match="cut off"):
        newer.save(path)
    assert Fit.load(path).provenance["seed"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path) -> None:
    """A limit on file sizes fails like a full disk, in a process of its own."""
    run(seed=1).save(tmp_path / "fit.nc")
    before = (tmp_path / "fit.nc").read_bytes()
    script = (
        "import resource, sys\n"
        "from hbstan.errors import FitError\n"
        "from hbstan.fit import Fit\n"
        "fit = Fit.load('fit.nc')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "try:\n"
        "    fit.save('fit.nc')\n"
        "except FitError as err:\n"
        "    sys.exit('cannot be written' not in str(err))\n"
        "sys.exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert (tmp_path / "fit.nc").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(FitError, match="cannot be written") as caught:
        run().save(tmp_path / "taken" / "fit.nc")
    assert "taken" in str(caught.value)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "fit.nc").mkdir()
    with pytest.raises(FitError, match="cannot be written"):
        run().save(tmp_path / "fit.nc")


@pytest.mark.parametrize(
    "content", [b"", b"group,n,r\na,1,0\n", b"\x89HDF\r\n\x1a\n", b"CDF\x01"]
)
def test_a_file_that_is_no_netcdf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.nc"
    path.write_bytes(content)
    with pytest.raises(FitError, match="is not a netCDF file"):
        Fit.load(path)


def test_a_truncated_fit(tmp_path: Path) -> None:
    path = run().save(tmp_path / "fit.nc")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FitError, match="is not a netCDF file"):
        Fit.load(path)


@pytest.mark.parametrize(
    ("group", "attrs"), [("/", {}), ("posterior", {}), ("prior", {"model": "m"})]
)
def test_a_foreign_netcdf_file(
    tmp_path: Path, group: str, attrs: dict[str, Any]
) -> None:
    path = tmp_path / "other.nc"
    data = xr.Dataset({"mu": (["chain", "draw"], np.zeros((1, 3)))})
    tree = xr.DataTree.from_dict({group: data})
    tree.attrs.update(attrs)
    tree.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FitError, match="not a saved fit"):
        Fit.load(path)


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FitError, match=r"there is no file .*gone\.nc") as caught:
        Fit.load(tmp_path / "gone.nc")
    assert "hbstan fit --out DIR" in str(caught.value)
    with pytest.raises(FitError, match="there is no file"):
        Fit.load(tmp_path)


def test_a_fit_says_what_it_is() -> None:
    assert repr(run()) == (
        "<Fit of logit_noncentered on surgical by fake: 2 chains x 20 draws>"
    )


def test_the_package_offers_the_function() -> None:
    assert hb.fit is fit
    assert hb.Fit is Fit
    assert callable(hb.compile)
    assert set(hb.__all__) <= set(dir(hb))
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        getattr(hb, "fitt")  # noqa: B009


def test_a_constant_quantity_raises_no_warning() -> None:
    """A group of one trial has overdispersion 1 in every draw."""
    engine = FakeBackend(
        {
            "mu": lambda rng, data, n: rng.standard_normal(n),
            "tau": lambda rng, data, n: rng.exponential(size=n),
            "overdispersion": lambda rng, data, n: np.ones((n, data["J"])),
        }
    )
    got = fit("logit_centered", "surgical", seed=1, backend=engine)
    assert got.summary().loc["overdispersion[A]", "mean"] == 1.0
    assert np.isfinite(got.summary().loc["mu", "r_hat"])


def test_numpy_integers_are_whole_numbers() -> None:
    got = run(seed=np.int64(3), chains=np.int32(2))
    assert got.provenance["seed"] == 3
    assert type(got.provenance["seed"]) is int


def test_a_frame_is_read_like_a_file() -> None:
    frame = datasets.load("surgical").to_frame()
    frame.columns = ["hospital", "n", "events"]
    frame = frame.rename(columns={"n": "trials"})
    assert run(data=frame).posterior["group"].values.tolist() == list("ABCDEFGHIJKL")


def test_held_out_groups_are_recorded() -> None:
    assert run(holdout=["B", "D"]).provenance["holdout"] == ["B", "D"]
    assert run().provenance["holdout"] == []


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: run(priors="tau=HalfNormal(1)"), PriorError, "must map parameters"),
        (lambda: run(priors={"tau": 3}), PriorError, "the prior of tau is 3"),
        (lambda: run(holdout=3), DataError, "holdout names"),
        (lambda: run(inits="x.json"), SettingsError, "inits is the text"),
        (lambda: run().summary(["nope"]), FitError, "no variable 'nope'"),
        (lambda: run().summary(ci_prob=1.5), FitError, "ci_prob is 1.5"),
        (lambda: run().groups(ci_prob=0), FitError, "ci_prob is 0"),
        (lambda: hb.Thresholds(rhat="1"), SettingsError, "rhat is '1'"),
        (lambda: hb.diagnose({"rhat": 1.1}), FitError, "dict cannot be diagnosed"),
    ],
)
def test_plausible_slips_get_typed_errors(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_a_fit_is_diagnosed_by_the_function_too() -> None:
    got = run()
    assert hb.diagnose(got) == got.diagnose()


def test_what_an_engine_said_is_kept_and_its_warnings_are_given(tmp_path: Path) -> None:
    said = "runs slowly\nmu is 3.1\nmu is 4\n Elapsed Time: 1 seconds (Warm-up)"

    class Talking(FakeBackend):
        def sample(self, *args: Any, **kwargs: Any) -> RawDraws:
            raw = super().sample(*args, **kwargs)
            return replace(raw, console=said, warned=("runs slowly",))

    program = tmp_path / "p.stan"
    program.write_text(PROGRAM)
    with pytest.warns(EngineWarning, match="p: runs slowly"):
        made = fit(program, {}, seed=1, backend=Talking({"mu": scalar}), **SMALL)
    assert made.console == "runs slowly\nmu is 3.1 (2 times like this)"
    made.save(tmp_path / "fit.nc")
    assert Fit.load(tmp_path / "fit.nc").console == made.console


def test_a_variable_called_like_a_dimension_is_kept_and_said(tmp_path: Path) -> None:
    program = tmp_path / "p.stan"
    program.write_text("parameters { real draw; } model { draw ~ std_normal(); }\n")
    with pytest.warns(EngineWarning, match="'draw' is called 'draw__' here"):
        made = fit(program, {}, seed=1, backend=FakeBackend({"draw": scalar}), **SMALL)
    assert list(made.posterior.data_vars) == ["draw__"]
    assert made.renamed == {"draw": "draw__"}
    assert "draw__" in made.summary().index
    made.save(tmp_path / "fit.nc")
    assert Fit.load(tmp_path / "fit.nc").renamed == made.renamed


def test_parameters_are_found_by_their_names_in_the_program() -> None:
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"draw__": (("draw", "chain"), np.ones((3, 2)))})}
    )
    tree.attrs |= {"sampled": '["draw", "gone"]', "renamed": '{"draw": "draw__"}'}
    assert {k: v.shape for k, v in Fit(tree).sampled.items()} == {"draw": (2, 3)}
