"""Many fits of one program: the draws and the errors of single fits, at less cost."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmdstanpy_helpers import CONJUGATE, FAILING, PROGRAMS, TRUTH

from hbstan.backends import choose, cmdstan_repeat, repeated
from hbstan.errors import (
    CompileError,
    DataError,
    HbstanError,
    NotSupportedError,
    SamplingError,
    SettingsError,
)
from hbstan.types import RawDraws, Repeats, SamplerSettings, StanProgram

BASE = SamplerSettings(seed=11, chains=1, iter_warmup=200, iter_sampling=100)
SETTINGS = {
    "plain": BASE,
    "chains": replace(BASE, chains=2, parallel_chains=1),
    "warmup": replace(BASE, chains=2, save_warmup=True, thin=3),
    "no warmup": replace(BASE, iter_warmup=0, step_size=0.5, save_warmup=True),
    "dense": replace(BASE, metric="dense_e", adapt_delta=0.8, max_treedepth=5),
    "starts": replace(BASE, inits={"theta": 0.9, "mu": 3.0}),
    "radius": replace(BASE, inits=0.1),
}
SIZED = """\
data { int<lower=0> N; vector[N] y; }
parameters { vector[N] m; real<lower=0> s; }
model { m ~ std_normal(); s ~ std_normal(); y ~ normal(m, 1); }
generated quantities {
  matrix[2, N] both = [m', -m'];
  array[N] int<lower=0> count;
  for (i in 1 : N) count[i] = poisson_rng(s);
%s}
"""
#: What stanli has no values for.
KINDS = """\
  complex c = to_complex(s, 1);
  tuple(real, vector[2]) t = (s, [s, 2]');
"""


@pytest.fixture(scope="module", params=["stanli", "cmdstan"])
def engine(request: pytest.FixtureRequest) -> Any:
    if request.param == "cmdstan":
        request.getfixturevalue("cmdstan")
    return choose(request.param)


@pytest.fixture(scope="module")
def reference(cmdstan: Path) -> Any:
    """Return the backend of which some tests look at the inner workings."""
    return choose("cmdstan")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., StanProgram]:
    def write(text: str, name: str = "own") -> StanProgram:
        path = tmp_path_factory.mktemp("programs") / f"{name}.stan"
        path.write_text(text)
        return StanProgram(path)

    return write


@pytest.fixture(scope="module")
def sized(program: Callable[..., StanProgram]) -> Callable[[Any], StanProgram]:
    """Return the sized program of an engine, with all kinds of values it has."""
    kinds = {"stanli": "", "cmdstan": KINDS}
    return lambda engine: program(SIZED % kinds[engine.name], "sized")


def same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Tell whether all arrays are equal to the last bit, and in the same order."""
    return list(ours) == list(theirs) and all(
        ours[k].dtype == theirs[k].dtype and equal(ours[k], theirs[k]) for k in ours
    )


def equal(ours: Any, theirs: Any) -> bool:
    """Tell whether two arrays are equal, of numbers or of tuples."""
    if ours.dtype != object:
        return np.array_equal(ours, theirs)
    pairs = zip(ours.flat, theirs.flat, strict=True)
    return all(np.array_equal(np.hstack(a), np.hstack(b)) for a, b in pairs)


def assert_same_draws(ours: RawDraws, theirs: RawDraws) -> None:
    for part in ("variables", "stats", "warmup_variables", "warmup_stats"):
        assert same(getattr(ours, part), getattr(theirs, part)), part
    assert ours.sampled == theirs.sampled
    assert ours.versions == theirs.versions
    assert ours.timings["total"] > 0


def test_the_engines_repeat(engine: Any) -> None:
    assert isinstance(engine, Repeats)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_the_same_draws_as_of_single_fits(
    engine: Any, settings: SamplerSettings
) -> None:
    conjugate = StanProgram(CONJUGATE)
    sampler = repeated(engine, conjugate)
    single = engine.sample(conjugate, TRUTH.data, settings)
    assert_same_draws(sampler(TRUTH.data, settings), single)
    assert_same_draws(sampler(TRUTH.data, settings), single)
    other = sampler(TRUTH.data, replace(settings, seed=12))
    assert not same(other.variables, single.variables)
    others = sampler({**TRUTH.data, "r": 8}, settings)
    assert not same(others.variables, single.variables)


def test_data_may_change_their_size(
    engine: Any, sized: Callable[[Any], StanProgram]
) -> None:
    own = sized(engine)
    sampler = repeated(engine, own)
    for y in ([1.0, 2.0, 3.0], [0.5], np.array([1.0, -1.0]), [1.0, 2.0, 3.0], []):
        data = {"N": len(y), "y": y}
        raw = sampler(data, BASE)
        assert_same_draws(raw, engine.sample(own, data, BASE))
        if len(y):
            assert raw.variables["both"].shape == (1, 100, 2, len(y))
        else:
            assert "m" not in raw.variables


def test_only_what_is_wanted(engine: Any, sized: Callable[[Any], StanProgram]) -> None:
    own, data = sized(engine), {"N": 2, "y": [1.0, 2.0]}
    single = engine.sample(own, data, BASE)
    for names in (["both", "s"], iter(["m", "nowhere"]), []):
        wanted = list(names)
        raw = repeated(engine, own, iter(wanted))(data, BASE)
        left = {k: v for k, v in single.variables.items() if k in wanted}
        assert same(raw.variables, left)
        assert same(raw.stats, single.stats)


def error_of(call: Callable[[], Any]) -> HbstanError:
    with pytest.raises(HbstanError) as caught:
        call()
    return caught.value


FAILURES: dict[str, tuple[dict[str, Any], type[HbstanError], str]] = {
    "transformed data": ({"where": 1}, DataError, "failure in transformed data"),
    "initial values": ({"where": 2}, SamplingError, "every initial value"),
    "bound": ({"where": 7}, DataError, "where is 7"),
    "missing": ({}, DataError, "the data lack 'where'"),
    "no number": ({"where": None}, DataError, "'where' is None"),
}


@pytest.mark.parametrize("case", FAILURES.values(), ids=list(FAILURES))
def test_the_same_errors_as_of_single_fits(
    engine: Any, case: tuple[dict[str, Any], type[HbstanError], str]
) -> None:
    data, kind, words = case
    failing = StanProgram(FAILING)
    sampler = repeated(engine, failing)
    ours = error_of(lambda: sampler(data, BASE))
    theirs = error_of(lambda: engine.sample(failing, data, BASE))
    assert type(ours) is type(theirs) is kind
    assert ours.message == theirs.message
    assert words in ours.message or (kind is DataError and "where" in ours.message)
    assert ours.remedy == theirs.remedy
    if isinstance(ours, SamplingError):
        assert words in ours.console
    # Its failures leave a sampler as it was.
    good = {"where": 0}
    assert_same_draws(sampler(good, BASE), engine.sample(failing, good, BASE))


@pytest.mark.parametrize("where", [3, 4])
def test_a_chain_that_dies_on_its_way(reference: Any, where: int) -> None:
    failing, data = StanProgram(FAILING), {"where": where}
    ours = error_of(lambda: repeated(reference, failing)(data, BASE))
    theirs = error_of(lambda: reference.sample(failing, data, BASE))
    assert type(ours) is type(theirs) is SamplingError
    assert ours.message == theirs.message
    assert "deliberate fatal error" in ours.message
    assert "deliberate fatal error" in ours.console


def test_wrong_initial_values(engine: Any) -> None:
    sampler = repeated(engine, StanProgram(CONJUGATE))
    with pytest.raises(SettingsError, match="names 'nu'"):
        sampler(TRUTH.data, replace(BASE, inits={"nu": 1.0}))


def test_what_does_not_compile_is_said_at_once(
    engine: Any, program: Callable[..., StanProgram]
) -> None:
    with pytest.raises(CompileError, match=r"wrong\.stan"):
        repeated(engine, program("parameters { real m }", "wrong"))


def test_threads_share_a_sampler(
    engine: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    conjugate = StanProgram(CONJUGATE)
    data = [{**TRUTH.data, "r": r} for r in range(12)]
    single = [engine.sample(conjugate, d, BASE) for d in data]
    log = logging.getLogger("cmdstanpy")
    before = (list(warnings.filters), warnings.showwarning, log.disabled)
    capfd.readouterr()
    sampler = repeated(engine, conjugate)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda d: sampler(d, BASE), data))
    for ours, theirs in zip(together, single, strict=True):
        assert_same_draws(ours, theirs)
    assert not same(single[0].variables, single[1].variables)
    assert before == (list(warnings.filters), warnings.showwarning, log.disabled)
    assert capfd.readouterr() == ("", "")


# How cmdstan saves


def test_nothing_is_left_behind(
    reference: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = repeated(reference, StanProgram(FAILING))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sampler({"where": 0}, BASE)
    with pytest.raises(SamplingError):
        sampler({"where": 2}, BASE)
    assert list(tmp_path.iterdir()) == []


def test_the_executable_is_asked_about_itself_once(
    reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cmdstanpy.model

    asked = []
    genuine = cmdstanpy.model.do_command

    def counting(cmd: list[str], **kwargs: Any) -> None:
        asked.append(cmd[1])
        genuine(cmd, **kwargs)

    monkeypatch.setattr(cmdstanpy.model, "do_command", counting)
    conjugate = StanProgram(CONJUGATE)
    sampler = repeated(reference, conjugate)
    for seed in (1, 2, 3):
        sampler(TRUTH.data, replace(BASE, seed=seed))
    assert asked == ["info"]
    for seed in (1, 2):
        reference.sample(conjugate, TRUTH.data, replace(BASE, seed=seed))
    assert asked == ["info"] * 3


def test_draws_are_read_once(reference: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """CmdStanPy's own reading is not reached, and would do no harm."""
    import cmdstanpy.model

    conjugate = StanProgram(CONJUGATE)
    single = reference.sample(conjugate, TRUTH.data, BASE)
    sampler = repeated(reference, conjugate)
    lean, exe = sampler._model, sampler._model.exe_file
    sampler._model = cmdstanpy.CmdStanModel(exe_file=exe)
    assert_same_draws(sampler(TRUTH.data, BASE), single)

    def read(_: Any) -> None:
        raise RuntimeError("read by CmdStanPy")

    monkeypatch.setattr(cmdstanpy.model, "CmdStanMCMC", read)
    with pytest.raises(SamplingError, match="read by CmdStanPy"):
        sampler(TRUTH.data, BASE)
    sampler._model = lean
    assert_same_draws(sampler(TRUTH.data, BASE), single)


def test_draws_that_are_missing_are_missed(
    reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = repeated(reference, StanProgram(CONJUGATE))
    genuine = cmdstan_repeat.header_and_rows

    def cut_short(text: bytes) -> tuple[str, bytes]:
        header, rows = genuine(text)
        return header, b"\n".join(rows.splitlines()[:-1])

    monkeypatch.setattr(cmdstan_repeat, "header_and_rows", cut_short)
    with pytest.raises(SamplingError, match="99 draws per chain instead of 100"):
        sampler(TRUTH.data, BASE)


def test_tuples_and_complex_numbers(
    reference: Any, sized: Callable[[Any], StanProgram]
) -> None:
    own, data = sized(reference), {"N": 1, "y": [1.0]}
    single = reference.sample(own, data, BASE)
    raw = repeated(reference, own)(data, BASE)
    s = raw.variables["s"]
    assert np.array_equal(raw.variables["c"], single.variables["c"])
    assert np.array_equal(raw.variables["c"], s + 1j)
    ours, theirs = raw.variables["t"], single.variables["t"]
    assert ours.shape == theirs.shape == (1, 100)
    assert ours[0, 7][0] == theirs[0, 7][0] == s[0, 7]
    assert np.array_equal(ours[0, 7][1], theirs[0, 7][1])
    some = repeated(reference, own, ["t"])(data, BASE).variables
    assert list(some) == ["t"]
    assert some["t"][0, 7][0] == s[0, 7]


def test_a_program_without_parameters(reference: Any) -> None:
    own, data = StanProgram(PROGRAMS / "generator.stan"), {"N": 2}
    raw = repeated(reference, own)(data, BASE)
    assert_same_draws(raw, reference.sample(own, data, BASE))
    assert raw.sampled == ()
    rate = raw.variables["rate"]
    assert abs(rate.mean() - 2) < 4.5 * np.sqrt(2 / rate.size)
    with pytest.raises(NotSupportedError, match="has no parameters"):
        repeated(choose("stanli"), own)(data, BASE)


# What stanli warns of


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stanli warn of data that have ``N`` above 1."""
    import stanli

    class Talkative(stanli.Model):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            if kwargs["data"]["N"] > 1:
                warnings.warn("a part runs far slower", RuntimeWarning, stacklevel=2)

    monkeypatch.setattr(stanli, "Model", Talkative)


@pytest.mark.usefixtures("talkative")
def test_warnings_are_for_the_console(sized: Callable[[Any], StanProgram]) -> None:
    """Here every warning that comes through is an error."""
    sampler = repeated(choose("stanli"), sized(choose("stanli")))
    one, two = {"N": 1, "y": [1.0]}, {"N": 2, "y": [1.0, 2.0]}
    said = [sampler(data, BASE).console for data in (two, one, one, two, two, one)]
    slow = "a part runs far slower"
    assert said == [slow, "", "", slow, slow, ""]


def test_what_stanli_cannot_compute_is_refused(
    program: Callable[..., StanProgram],
) -> None:
    own = program(
        "parameters { real mu; } model { mu ~ std_normal(); }\n"
        "generated quantities { complex c = to_complex(mu, 1); }\n",
        "complex",
    )
    sampler = repeated(choose("stanli"), own)
    for _ in range(2):
        with pytest.raises(NotSupportedError, match="complex c, and stanli has"):
            sampler({}, BASE)
