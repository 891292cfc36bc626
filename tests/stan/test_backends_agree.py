"""The two real backends check each other, and the cmdstan backend the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from surgical import assert_long_run

import hbstan as hb
from hbstan import data as reader
from hbstan import models, simulate
from hbstan.backends import generate_quantities
from hbstan.backends.cmdstan import CmdStanBackend
from hbstan.backends.stanli import StanliBackend
from hbstan.errors import CompileError, DataError, SamplingError, SettingsError
from hbstan.plan import plan
from hbstan.types import RawDraws, SamplerSettings, StanProgram

DATA = {"binomial": "surgical", "normal": "eight_schools"}
GROUPED = [name for name in models.names() if models.get(name).kind in DATA]
SYSTEMS = [name for name in models.names() if name not in GROUPED]
#: Compiling a program takes half a minute to one: all but two are compared where a
#: change concerns programs or engines. scripts/bench_catalogue.py has them all as well.
COMPARED = ("logit_noncentered", "eight_schools_noncentered")
EXHAUSTIVE = pytest.mark.exhaustive(
    *("stan", "hbstan/backends", "hbstan/toolchain", "pyproject.toml")
)
ON_BOTH = [
    n if n in COMPARED else pytest.param(n, marks=EXHAUSTIVE) for n in models.names()
]
POINTS = 20
DRAWS = 50
#: Of a few hundred effective draws: enough to tell two posteriors apart.
QUICK = {"chains": 2, "iter_warmup": 400, "iter_sampling": 300}
RELATIVE = 1e-8


@pytest.fixture(scope="module")
def engine(cmdstan: Path) -> CmdStanBackend:
    return CmdStanBackend()


@pytest.fixture(scope="module")
def surgical_fit(engine: CmdStanBackend) -> hb.Fit:
    return hb.fit("logit_noncentered", "surgical", seed=42, backend=engine)


def random_points(name: str, seed: int) -> list[dict[str, Any]]:
    """Constrained parameter values spread over the prior and beyond it."""
    model = models.get(name)
    if name in SYSTEMS or name not in simulated():
        return posterior_points(name, seed)
    dataset = reader.load(DATA[model.kind])
    chosen = models.resolve_priors(model, dataset)
    priors = {key: choice.prior for key, choice in chosen.items()}
    rng = np.random.default_rng(seed)
    draws = simulate.draw_prior(model, priors, dataset.J, rng, POINTS)
    declared = declared_parameters(name)
    return [{key: draws[key][i].tolist() for key in declared} for i in range(POINTS)]


def simulated() -> list[str]:
    """Models whose sampled parameters the simulator draws under their own names."""
    return [n for n in GROUPED if not n.endswith(("_adaptive", "_marginal"))]


#: Parameters without elements, which no draws hold.
EMPTY = {"logistic_regression": {"L": np.zeros((0, 0))}}


def posterior_points(name: str, seed: int) -> list[dict[str, Any]]:
    """What a chain visits that has hardly left where it starts."""
    fit = hb.fit(
        name,
        models.get(name).example_data,
        chains=1,
        iter_warmup=50,
        iter_sampling=DRAWS,
        predictive=False,
        seed=seed,
        backend="stanli",
    )
    sampled = fit.provenance["sampled"]
    return [
        {key: fit.posterior[key].values[0, i].tolist() for key in sampled}
        | EMPTY.get(name, {})
        for i in range(0, DRAWS, 5)
    ]


def declared_parameters(name: str) -> tuple[str, ...]:
    model = models.get(name)
    top = tuple(p.name for p in model.top_level)
    if model.pooling != "partial":
        return top
    group = "z" if "z" in {p.name for p in model.parameters} else "theta"
    return (*top, group)


def relative_difference(a: Any, b: Any) -> float:
    a, b = np.asarray(a), np.asarray(b)
    return float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b))))


@pytest.mark.parametrize("name", ON_BOTH)
def test_both_backends_agree(name: str, engine: CmdStanBackend) -> None:
    """One test, so that no two workers wait for the same compilation."""
    assert_same_density(name, engine)
    assert_same_tree_and_posterior(name, engine)


def assert_same_density(name: str, engine: CmdStanBackend) -> None:
    model = models.get(name)
    work = plan(model, reader.load(model.example_data), None, None, True)
    other = StanliBackend()
    for seed_point in random_points(name, seed=7):
        ours = engine.log_density(work.program, work.stan, seed_point)
        theirs = other.log_density(work.program, work.stan, seed_point)
        assert relative_difference(ours[0], theirs[0]) < RELATIVE
        assert relative_difference(ours[1], theirs[1]) < RELATIVE


def assert_same_tree_and_posterior(name: str, engine: CmdStanBackend) -> None:
    data = models.get(name).example_data
    settings: Mapping[str, Any] = {"seed": 5, "adapt_delta": 0.99}
    if name in SYSTEMS:
        settings = {**QUICK, "seed": 5}
    ours = hb.fit(name, data, backend=engine, **settings)
    theirs = hb.fit(name, data, backend="stanli", **settings)
    assert set(ours.tree.children) == set(theirs.tree.children)
    for group in ours.tree.children:
        left, right = ours.tree[group].to_dataset(), theirs.tree[group].to_dataset()
        assert left.sizes == right.sizes
        assert list(left.data_vars) == list(right.data_vars)
        for variable in left.data_vars:
            assert left[variable].dims == right[variable].dims
            assert left[variable].dtype == right[variable].dtype
    shown = [p.name for p in models.get(name).top_level] + ["theta"]
    names = [n for n in dict.fromkeys(shown) if n in ours.posterior]
    left, right = ours.summary(names), theirs.summary(names)
    error = np.hypot(left["mcse_mean"], right["mcse_mean"])
    # A correlation matrix has ones on its diagonal, without an error.
    assert (np.abs(left["mean"] - right["mean"]) <= 4.5 * error.fillna(0)).all()
    if models.get(name).exact is not None:
        for fit in (ours, theirs):
            check = hb.agrees_with_exact(fit).check()
            assert check.passed, check


def test_a_different_density_is_seen(engine: CmdStanBackend) -> None:
    """The comparison above can fail: another prior is another density."""
    model = models.get("eight_schools_noncentered")
    dataset = reader.load("eight_schools")
    work = plan(model, dataset, None, None, True)
    other = plan(model, dataset, {"tau": "HalfCauchy(6)"}, None, True)
    point = random_points(model.name, seed=7)[0]
    ours = engine.log_density(work.program, work.stan, point)
    theirs = StanliBackend().log_density(other.program, other.stan, point)
    assert relative_difference(ours[0], theirs[0]) > 1e-4


def test_surgical_reproduces_the_long_run(surgical_fit: hb.Fit) -> None:
    assert_long_run(surgical_fit)
    assert surgical_fit.diagnose().passed


def test_same_seed_same_draws(surgical_fit: hb.Fit, engine: CmdStanBackend) -> None:
    again = hb.fit("logit_noncentered", "surgical", seed=42, backend=engine)
    for group in surgical_fit.tree.children:
        ours, theirs = surgical_fit.tree[group], again.tree[group]
        assert ours.to_dataset().identical(theirs.to_dataset()), group
    other = hb.fit("logit_noncentered", "surgical", seed=43, backend=engine)
    assert not other.posterior["mu"].equals(surgical_fit.posterior["mu"])


def test_warmup_is_kept_apart(engine: CmdStanBackend) -> None:
    fit = hb.fit(
        "eight_schools_noncentered",
        "eight_schools",
        seed=1,
        chains=2,
        iter_warmup=200,
        iter_sampling=150,
        thin=2,
        save_warmup=True,
        backend=engine,
    )
    assert fit.posterior.sizes["draw"] == 75
    assert fit.tree["sample_stats"].sizes["draw"] == 75
    assert fit.tree["warmup_posterior"].sizes["draw"] == 100
    assert fit.tree["warmup_sample_stats"].sizes["draw"] == 100


def test_initial_values_reach_cmdstan(engine: CmdStanBackend) -> None:
    """Without warmup and with a tiny step, the chain stays where it starts."""
    start = {"mu": 3.0, "tau": 2.0, "z": [0.5] * 8}
    fit = hb.fit(
        "eight_schools_noncentered",
        "eight_schools",
        seed=1,
        chains=2,
        iter_warmup=0,
        iter_sampling=2,
        step_size=1e-8,
        max_treedepth=1,
        inits=start,
        backend=engine,
    )
    assert np.allclose(fit.posterior["mu"], 3.0, atol=1e-5)
    assert np.allclose(fit.posterior["tau"], 2.0, atol=1e-5)


def test_generated_quantities_on_new_data(
    surgical_fit: hb.Fit, engine: CmdStanBackend
) -> None:
    """New trials, old draws: y_rep follows p and the new n."""
    work = plan("logit_noncentered", reader.load("surgical"), None, None, True)
    posterior = surgical_fit.posterior
    draws = RawDraws(
        {k: posterior[k].transpose("chain", "draw", ...).values for k in ("mu", "tau")}
        | {"z": posterior["z"].values},
        {},
    )
    trials = [10_000] * 12
    new = {**work.stan, "n": trials, "y": [0] * 12}
    out = generate_quantities(engine, work.program, new, draws, seed=3)
    assert out["y_rep"].shape == (4, 1000, 12)
    assert np.allclose(out["p"], posterior["p"].values, rtol=1e-8)
    p = posterior["p"].values
    error = (out["y_rep"] - 1e4 * p) / np.sqrt(1e4 * p * (1 - p))
    assert abs(error.mean()) < 4.5 / np.sqrt(error.size)
    assert abs(error.std() - 1) < 4.5 / np.sqrt(2 * error.size)


def test_progress_is_reported(engine: CmdStanBackend) -> None:
    calls: list[tuple[str, int, int]] = []
    hb.fit(
        "eight_schools_noncentered",
        "eight_schools",
        seed=1,
        backend=engine,
        progress=lambda step, done, total: calls.append((step, done, total)),
    )
    sampling = [(done, total) for step, done, total in calls if step == "sampling"]
    counts = [done for done, _ in sampling]
    assert counts == sorted(counts)
    assert sampling[-1] == (8000, 8000)


OWN = """\
functions {
#include unless_rejected.stanfunctions
}
data { int<lower=0> N; vector[N] y; real<upper=5> bound; }
transformed data { if (N > 5) reject("N is large"); }
parameters { real m; real<lower=0> s; }
model {
  target += unless_rejected(bound, 0);
  m ~ std_normal();
  s ~ std_normal();
  y ~ normal(m, 1);
}
"""
INCLUDED = """\
real unless_rejected(real bound, real x) {
  if (bound < 0) reject("the bound is negative: ", bound);
  return x;
}
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], StanProgram]:
    def write(text: str) -> StanProgram:
        path = tmp_path / "own program é.stan"
        path.write_text(text, encoding="utf-8")
        path.with_name("unless_rejected.stanfunctions").write_text(INCLUDED)
        return StanProgram(path)

    return write


def test_own_program_end_to_end(
    program: Callable[[str], StanProgram], engine: CmdStanBackend
) -> None:
    """A conjugate posterior: y ~ normal(m, 1), m ~ normal(0, 1), N = 4, sum 8."""
    own = program(OWN)
    data = {"N": 4, "y": [1.0, 2.0, 2.0, 3.0], "bound": 1.0}
    fit = hb.fit(own.file, data, seed=1, backend=engine)
    row = fit.summary(["m"]).loc["m"]
    assert abs(row["mean"] - 8 / 5) < 4.5 * row["mcse_mean"]
    assert abs(row["sd"] - np.sqrt(1 / 5)) < 4.5 * row["mcse_sd"]
    with pytest.raises(DataError, match="bound"):
        hb.fit(own.file, {**data, "bound": 6.0}, seed=1, backend=engine)
    with pytest.raises(DataError, match="N"):
        hb.fit(own.file, {"y": data["y"], "bound": 1}, seed=1, backend=engine)
    with pytest.raises(SamplingError, match="the bound is negative") as caught:
        hb.fit(own.file, {**data, "bound": -1.0}, seed=1, backend=engine)
    assert "the bound is negative" in caught.value.console


def test_compile_error_names_file_and_line(
    program: Callable[[str], StanProgram], engine: CmdStanBackend
) -> None:
    own = program("parameters { real m; }\nmodel {\n  m ~ normal(0, 1)\n}\n")
    with pytest.raises(CompileError) as caught:
        engine.compile(own)
    assert caught.value.line == 3 or caught.value.line == 4
    assert "own program é.stan" in str(caught.value)


SHORT = SamplerSettings(seed=1, chains=2, iter_warmup=100, iter_sampling=100)


def test_initial_values_by_name(
    program: Callable[[str], StanProgram], engine: CmdStanBackend
) -> None:
    own, data = program(OWN), {"N": 1, "y": [1.0], "bound": 1.0}
    still = replace(
        SHORT, iter_warmup=0, iter_sampling=1, step_size=1e-8, max_treedepth=1
    )
    # What is not given is drawn at random, for each chain anew.
    raw = engine.sample(own, data, replace(still, inits={"m": 2.5}))
    assert np.allclose(raw.variables["m"], 2.5, atol=1e-5)
    assert np.ptp(raw.variables["s"]) > 1e-3
    for inits, words in (
        ({"mu": 1.0}, "names 'mu', but the program's parameters are: m, s"),
        ({"m": "1"}, "the value of 'm' is '1'"),
        ("ab", "is the text 'ab'"),
    ):
        with pytest.raises(SettingsError) as caught:
            engine.sample(own, data, replace(SHORT, inits=inits))
        assert words in caught.value.message


@pytest.mark.parametrize("value", [None, "a", [[1.0], [2.0, 3.0]], 2**31])
def test_bad_data_never_reach_the_engine(
    value: Any, program: Callable[[str], StanProgram], engine: CmdStanBackend
) -> None:
    own = program(OWN)
    with pytest.raises(DataError, match="'y'"):
        engine.sample(own, {"y": value}, SHORT)
    with pytest.raises(DataError, match="'y'"):
        engine.log_density(own, {"y": value}, {})


def test_a_missing_datum_is_named(
    program: Callable[[str], StanProgram], engine: CmdStanBackend
) -> None:
    own = program(OWN)
    for data, name in (({"N": 1}, "y"), ({"y": [1.0]}, "N")):
        with pytest.raises(DataError, match=f"the data lack '{name}', which the"):
            engine.sample(own, {**data, "bound": 1.0}, SHORT)
    with pytest.raises(DataError, match=r"'y' has shape \(2,\), but") as caught:
        engine.sample(own, {"N": 1, "y": [1.0, 2.0], "bound": 1.0}, SHORT)
    assert "lack" not in caught.value.message


def test_messages_name_the_users_own_files(
    program: Callable[[str], StanProgram], engine: CmdStanBackend
) -> None:
    own, data = program(OWN), {"N": 1, "y": [1.0], "bound": -1.0}
    include = own.file.with_name("unless_rejected.stanfunctions")
    with pytest.raises(SamplingError) as failed:
        engine.sample(own, data, SHORT)
    assert f"(in '{include}', line 2" in failed.value.message
    assert f"(in '{own.file}', line 8" in failed.value.message
    with pytest.raises(DataError) as refused:
        engine.sample(own, {"N": 6, "y": [0.0] * 6, "bound": 1.0}, SHORT)
    assert f"N is large (in '{own.file}', line 5" in refused.value.message
    for text in (failed.value.console, refused.value.message):
        assert "own_program__.stan" not in text
        assert ".build" not in text
