"""What surrounds the engines: the choice, the console, CSV files and the fake."""

from __future__ import annotations

import csv
import errno
import sys
import time
import types
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import cloudpickle
import hypothesis
import numpy as np
import pandas as pd
import pytest
from cmdstanpy.utils import get_logger
from hypothesis import strategies as st
from scipy import stats

from hbstan import backends
from hbstan.backends import cmdstan_build
from hbstan.backends import cmdstan_run as run_module
from hbstan.backends.cmdstan_build import toolchain_identity
from hbstan.backends.cmdstan_repeat import header_and_rows, read_columns
from hbstan.backends.cmdstan_run import QUIET, ChainsEndedError, ended
from hbstan.backends.console import StepsOnly, iterations, program_lines
from hbstan.backends.fake import FakeBackend
from hbstan.backends.inits import plain_inits
from hbstan.backends.stan_csv import write_draws
from hbstan.backends.stan_data import in_plain_words, plain_data
from hbstan.backends.stanli import StanliBackend
from hbstan.backends.stanli_call import DeadlineError, model_class
from hbstan.doctor import usable_backend
from hbstan.errors import (
    DataError,
    NotSupportedError,
    SamplingError,
    ScratchError,
    SettingsError,
    TimeLimitError,
    ToolchainError,
)
from hbstan.results import Check, Checks, Outcome
from hbstan.toolchain.cache import locked, silent
from hbstan.toolchain.installation import Installation
from hbstan.types import (
    GeneratesQuantities,
    LogDensity,
    RawDraws,
    Repeats,
    SamplerSettings,
    StanProgram,
)

PROGRAM = StanProgram(Path("nowhere.stan"))
LINE = "Chain [{}] Iteration: {:4d} / 200 [ 50%]  (Warmup)\n"


def test_a_backend_object_is_taken_as_it_is() -> None:
    fake = FakeBackend({})
    assert backends.choose(fake) is fake


def test_stanli_is_chosen_by_name() -> None:
    assert backends.choose("stanli").name == "stanli"


@pytest.mark.parametrize("name", ["pystan", "", "Stanli", "fake"])
def test_an_unknown_backend(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        backends.choose(name)
    text = f"backend is {name!r}, but must be one of auto, cmdstan, stanli."
    assert str(caught.value) == text


def test_auto_is_stanli_where_there_is_no_cmdstan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hbstan.toolchain.find_cmdstan", lambda: None)
    assert backends.choose().name == "stanli"


def test_auto_is_cmdstan_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Stand:
        name = "cmdstan"

        def __init__(self) -> None:
            made.append(self)

    monkeypatch.setattr("hbstan.toolchain.find_cmdstan", lambda: Path("/opt/cmdstan"))
    monkeypatch.setattr("hbstan.backends.cmdstan.CmdStanBackend", Stand)
    assert [backends.choose()] == made


def test_capabilities_are_told_by_protocols() -> None:
    assert isinstance(StanliBackend(), LogDensity)
    assert not isinstance(FakeBackend({}), LogDensity)
    for backend in (StanliBackend(), FakeBackend({})):
        assert not isinstance(backend, GeneratesQuantities)


def test_generated_quantities_need_the_capability() -> None:
    with pytest.raises(NotSupportedError) as caught:
        backends.generate_quantities(
            StanliBackend(), PROGRAM, {}, RawDraws({}, {}), seed=1
        )
    assert "stanli" in caught.value.message
    assert "backend='cmdstan'" in (caught.value.remedy or "")


def test_generated_quantities_are_the_backends() -> None:
    class Able(FakeBackend):
        def generate_quantities(self, *args: Any, seed: int) -> dict[str, Any]:
            return {"args": args, "seed": seed}

    draws = RawDraws({}, {})
    got = backends.generate_quantities(Able({}), PROGRAM, {"N": 1}, draws, seed=4)
    assert got == {"args": (PROGRAM, {"N": 1}, draws), "seed": 4}


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stanli", None)
    with pytest.raises(ToolchainError) as caught:
        StanliBackend().versions()
    assert "cannot be loaded" in caught.value.message
    assert "pip install stanli" in caught.value.remedy


def heard(*texts: tuple[int, str], chains: int) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []
    listener = iterations(lambda *args: calls.append(args), chains)
    assert listener is not None
    for chain, text in texts:
        listener.read(chain, text)
    return calls


def test_iterations_are_summed_over_the_chains() -> None:
    one, two, more = (LINE.format(1, 100), LINE.format(2, 50), LINE.format(1, 200))
    assert heard((0, one), (1, two), (0, more), chains=2) == [
        ("sampling", 100, 400),
        ("sampling", 150, 400),
        ("sampling", 250, 400),
    ]


def test_other_lines_are_no_progress() -> None:
    text = "Gradient evaluation took 1e-05 seconds\n\n"
    assert heard((0, text), chains=1) == []


def test_nobody_is_told_of_iterations_who_does_not_want_to_hear() -> None:
    named: list[str] = []
    steps = StepsOnly(named.append)
    assert iterations(None, 1) is None
    assert iterations(steps, 1) is None
    for done in (0, 1):
        steps("compiling", done, 1)
    assert named == ["compiling"]


CONSOLE = """method = sample (Default)
  sample
    num_samples = 1000 (Default)
    save_warmup = false (Default)
data
  file = /tmp/x/data.json
stanc_version = stanc3 v2.35.0

Gradient evaluation took 1.1e-05 seconds
1000 transitions using 10 leapfrog steps per transition would take 0.11 seconds.
Adjust your expectations accordingly!

Iteration:    1 / 2000 [  0%]  (Warmup)
theta is too large: 3.1
Informational Message: The current Metropolis proposal is about to be rejected \
because of the following issue:
Exception: normal_lpdf: Scale parameter is 0, but must be positive! (in 'p.stan')
If this warning occurs sporadically, such as for highly constrained variable types
but if this warning occurs often then your model may be either severely ill-
theta is too large: 4.25e+10
 Elapsed Time: 0.006 seconds (Warm-up)
               0.02 seconds (Sampling)
"""


def test_what_the_program_said_is_told_from_what_cmdstan_always_writes() -> None:
    assert program_lines(CONSOLE) == [
        "theta is too large: 3.1 (2 times like this)",
        "Exception: normal_lpdf: Scale parameter is 0, but must be positive! "
        "(in 'p.stan')",
    ]


STANLI = """
import warnings
def _print_sample_progress(chain, done, total, warmup): print("line")
def _print_sample_reports(*args): print("reports")
class _InterruptWatch:
    def __init__(self): self.tripped = False
    def raise_interrupt(self): raise KeyboardInterrupt
_SamplePollCallback = staticmethod(lambda f: f)
class Model:
    def __init__(self, seed): warnings.warn("slow", RuntimeWarning)
    def sample(self, *, draws=2):
        watch = _InterruptWatch()
        for i in range(draws):
            _print_sample_progress(1, i + 1, draws, False)
            if hasattr(watch, "poll") and watch.poll(None):
                watch.raise_interrupt()
        _print_sample_reports()
        return draws
"""


def stanli_like() -> types.ModuleType:
    """Return a module like stanli: a class that prints and warns."""
    module = types.ModuleType("stanli_like")
    exec(STANLI, module.__dict__)
    return module


def test_an_engine_in_process_speaks_to_its_own_fit_alone(
    capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    module = stanli_like()
    calls: list[tuple[Any, ...]] = []
    said: list[str] = []
    listener = iterations(lambda *args: calls.append(args), 1)
    before = sys.stdout
    assert model_class(module, said, listener=listener)(seed=1).sample() == 2
    assert said == ["slow"]
    assert calls == [("sampling", 1, 2), ("sampling", 2, 2)]
    assert sys.stdout is before
    assert capsys.readouterr().out == ""
    assert len(recwarn) == 0
    with pytest.warns(RuntimeWarning, match="slow"):  # the module is as it was
        module.Model(seed=1).sample()
    assert capsys.readouterr().out == "line\nline\nreports\n"


def test_an_engine_in_process_stops_at_its_deadline() -> None:
    model = model_class(stanli_like(), [], until=time.monotonic() - 1)(seed=1)
    with pytest.raises(DeadlineError):
        model.sample()
    later = model_class(stanli_like(), [], until=time.monotonic() + 60)(seed=1)
    assert later.sample() == 2


def test_a_chain_that_was_killed_is_named_with_its_signal() -> None:
    error = ended("p", "/", ChainsEndedError({2: 9, 3: 11}), None, "console")
    assert isinstance(error, SamplingError)
    assert "chain 2 was ended by SIGKILL (as the system does when memory" in str(error)
    assert "chain 3 was ended by SIGSEGV (it crashed)" in str(error)
    assert error.console == "console"


def test_chains_at_their_deadline_are_a_failure_with_the_limit() -> None:
    error = ended("p", "/", run_module.DeadlineError(), 2.5)
    assert isinstance(error, TimeLimitError)
    assert "p: no result within 2.5 s" in str(error)


def test_a_full_temporary_folder_is_named(tmp_path: Path) -> None:
    error = ended("p", str(tmp_path), OSError(errno.ENOSPC, "No space left"), None)
    assert isinstance(error, ScratchError)
    assert repr(str(tmp_path.parent)) in str(error)
    assert "TMPDIR" in (error.remedy or "")
    assert ended("p", str(tmp_path), ValueError("bad"), None) is None


def read_csv(path: str) -> tuple[list[str], np.ndarray, str]:
    text = Path(path).read_text(encoding="ascii")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    names, *rows = csv.reader(lines)
    return names, np.array(rows, dtype=float), text


def example_draws() -> RawDraws:
    rng = np.random.default_rng(1)
    variables = {
        "mu": rng.standard_normal((2, 4)),
        "theta": rng.standard_normal((2, 4, 3)),
        "L": rng.standard_normal((2, 4, 2, 3)),
    }
    return RawDraws(variables, {"lp__": -rng.random((2, 4))})


def test_csv_files_name_the_first_index_fastest(tmp_path: Path) -> None:
    names, _, _ = read_csv(write_draws(tmp_path, "m", example_draws())[0])
    assert names == [
        *("lp__", "accept_stat__", "stepsize__", "treedepth__", "n_leapfrog__"),
        *("divergent__", "energy__", "mu", "theta.1", "theta.2", "theta.3"),
        *("L.1.1", "L.2.1", "L.1.2", "L.2.2", "L.1.3", "L.2.3"),
    ]


def test_csv_files_keep_every_digit(tmp_path: Path) -> None:
    draws = example_draws()
    files = write_draws(tmp_path, "m", draws)
    assert [Path(f).name for f in files] == ["m-draws_1.csv", "m-draws_2.csv"]
    for chain, file in enumerate(files):
        names, table, text = read_csv(file)
        column = {name: table[:, i] for i, name in enumerate(names)}
        assert np.array_equal(column["mu"], draws.variables["mu"][chain])
        for i in range(2):
            for j in range(3):
                want = draws.variables["L"][chain, :, i, j]
                assert np.array_equal(column[f"L.{i + 1}.{j + 1}"], want)
        assert np.array_equal(column["lp__"], draws.stats["lp__"][chain])
        assert (column["energy__"] == 0).all()
        assert f"# id = {chain + 1}\n" in text
        assert "num_samples = 4\n" in text


def settings(**kwargs: Any) -> SamplerSettings:
    return SamplerSettings(**{"seed": 5, "chains": 3, "iter_sampling": 500, **kwargs})


def scalar(rng: np.random.Generator, data: Any, n: int) -> np.ndarray:
    return rng.normal(data["centre"], 1.0, size=n)


def fake(**kwargs: Any) -> FakeBackend:
    return FakeBackend({"x": scalar}, stats={"lp__": scalar}, **kwargs)


def test_the_fake_draws_from_what_it_is_given() -> None:
    raw = fake().sample(PROGRAM, {"centre": 2.0}, settings())
    assert raw.variables["x"].shape == raw.stats["lp__"].shape == (3, 500)
    flat = raw.variables["x"].ravel()
    assert stats.kstest(flat, stats.norm(2.0, 1.0).cdf).pvalue > 1e-3
    assert stats.kstest(flat, stats.norm(2.3, 1.0).cdf).pvalue < 1e-6
    assert raw.versions == {"fake": "1"}


def test_the_fake_obeys_the_seed() -> None:
    first = fake().sample(PROGRAM, {"centre": 0}, settings())
    again = fake().sample(PROGRAM, {"centre": 0}, settings())
    other = fake().sample(PROGRAM, {"centre": 0}, settings(seed=6))
    assert np.array_equal(first.variables["x"], again.variables["x"])
    assert not np.array_equal(first.variables["x"], other.variables["x"])
    chains = first.variables["x"]
    assert len(np.unique(chains)) == chains.size


def test_the_fake_thins() -> None:
    raw = fake().sample(PROGRAM, {"centre": 0}, settings(thin=3))
    assert raw.variables["x"].shape == (3, 167)


def test_the_fake_fails_on_demand() -> None:
    with pytest.raises(SamplingError, match="boom") as caught:
        fake(fail_with="boom").sample(PROGRAM, {"centre": 0}, settings())
    assert caught.value.console == "boom"


def test_the_fake_compiles_nothing() -> None:
    assert fake().compile(PROGRAM) == "nowhere"


# Data and initial values


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (3, 3),
        (2.5, 2.5),
        (True, 1),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.array([True, False]), [1, 0]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.zeros((2, 0)), [[], []]),
        (np.array([1, 2.5], dtype=object), [1, 2.5]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series([1, 2], dtype="Int64"), [1, 2]),
        ((1, 2), [1, 2]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ([], []),
        (float("inf"), float("inf")),
        (1 + 2j, [1.0, 2.0]),
        ({"1": 2, "2": np.array([1.0])}, {"1": 2, "2": [1.0]}),
        (2**31 - 1, 2**31 - 1),
        (-(2**31), -(2**31)),
        (2.0**31, 2.0**31),
    ],
)
def test_data_become_plain(value: Any, plain: Any) -> None:
    got = plain_data("p", {"y": value})["y"]
    assert got == plain
    assert repr(got) == repr(plain)  # 1, True and 1.0 are equal


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "p: the datum 'y' is None; legal: a number"),
        ("1", "p: the datum 'y' is '1'"),
        ([1, None], "'y'[2] is None"),
        (np.array(["a"]), "'y'[1] is 'a'"),
        (pd.Series([1, None], dtype="Int64"), "'y'[2] is missing"),
        ([[1], [2, 3]], "'y' is ragged"),
        ([[[1], [2]], [[1], [2, 3]]], "'y'[2] is ragged"),
        ([1, [2]], "'y' is ragged"),
        (2**31, "'y' holds 2147483648; legal: integers from -2147483648 to"),
        (np.array([0, -(2**31) - 1]), "'y' holds -2147483649"),
        ({"a": 1}, "keys ['a']"),
        ({}, "keys []"),
        (object, "'y' is <class 'object'>"),
    ],
)
def test_what_no_program_can_take(value: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        plain_data("p", {"x": 1, "y": value})
    assert words in caught.value.message


@pytest.mark.parametrize("data", [{1: 2}, [1, 2], None])
def test_data_map_names_to_values(data: Any) -> None:
    with pytest.raises(DataError, match="name"):
        plain_data("p", data)


@pytest.mark.parametrize(
    "text",
    [
        "stanli prepare_data: unknown data variable y",
        "Exception: variable does not exist; processing stage=data initialization; "
        "variable name=y; base type=vector (in 'a.stan', line 3)",
    ],
)
def test_a_missing_variable_in_plain_words(text: str) -> None:
    lacking = "the data lack 'y', which the program declares"
    assert in_plain_words(text, {"x": 1}).removeprefix("Exception: ") == lacking


@pytest.mark.parametrize(
    "text",
    [
        "mismatch in dimensions declared and found in context; processing "
        "stage=data initialization; variable name=y; dims declared=(2)",
        "Iteration: 1 / 200",
    ],
)
def test_other_complaints_stay_as_they_are(text: str) -> None:
    assert in_plain_words(text, {"y": [1.0]}) == text


def test_initial_values_become_plain() -> None:
    start = {"a": np.array([1.0, 2.0]), "b": 3}
    plain = {"a": [1.0, 2.0], "b": 3}
    names = ("a", "b")
    assert plain_inits(None, names) is None
    assert plain_inits(2, names) == 2.0
    assert plain_inits(start, names, complete=True) == plain
    assert plain_inits([start, {"b": 1}], names) == [plain, {"b": 1}]
    assert plain_inits({"none": []}, names) == {"none": []}


@pytest.mark.parametrize(
    ("inits", "complete", "words"),
    [
        ({"c": 1}, False, "inits names 'c', but the program's parameters are: a, b"),
        ({"a": None}, False, "inits: the value of 'a' is None"),
        ([{"a": 1}, {"c": 1}], False, "inits[1] names 'c'"),
        ({"a": 1}, True, "inits lacks 'b'"),
        ("file.json", False, "inits is the text 'file.json'"),
        (["x", "y"], False, "inits[0] is 'x'"),
    ],
)
def test_wrong_initial_values(inits: Any, complete: bool, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        plain_inits(inits, ("a", "b"), complete=complete)
    assert words in caught.value.message


def test_a_program_without_parameters_has_no_initial_values() -> None:
    with pytest.raises(SettingsError, match="has no parameters"):
        plain_inits({"a": 1}, ())


# What compiled programs depend on


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that gives the identity in an environment."""
    compiler = f"{sys.executable}"
    installation = Installation(tmp_path, (2, 35, 0), "cmdstanpy")

    def of(**env: str) -> str:
        with monkeypatch.context() as patch:
            for name in ("STAN_THREADS", "O", "USER_HEADER", "MAKEFLAGS"):
                patch.delenv(name, raising=False)
            patch.setenv("CXX", compiler)
            for name, value in env.items():
                patch.setenv(name, value)
            return toolchain_identity(installation)

    return of


@pytest.mark.parametrize(
    "name",
    [
        *("STAN_THREADS", "STAN_NO_RANGE_CHECKS", "STAN_OPENCL", "STAN_MPI", "O"),
        *("STANCFLAGS", "STANC2", "O_STANC", "USER_HEADER", "CXXFLAGS", "CPATH"),
        *("PRECOMPILED_HEADERS", "CXXFLAGS_OPTIM", "STAN_CPP_OPTIMS", "LDLIBS"),
    ],
)
def test_what_make_takes_from_the_environment_counts(identity: Any, name: str) -> None:
    assert identity(**{name: "1"}) not in (identity(), identity(**{name: "2"}))


@pytest.mark.parametrize("name", ["STAN_NUM_THREADS", "OLDPWD", "HOME", "OMP_X"])
def test_other_variables_do_not_count(identity: Any, name: str) -> None:
    assert identity(**{name: "1"}) == identity()


def test_a_header_counts_by_content(identity: Any, tmp_path: Path) -> None:
    header = tmp_path / "h.hpp"
    header.write_text("one")
    before = identity(USER_HEADER=str(header))
    header.write_text("two")
    assert identity(USER_HEADER=str(header)) != before


def test_what_make_was_told_counts(identity: Any) -> None:
    plain = identity(MAKEFLAGS="w -j2 --jobserver-auth=3,4")
    assert plain == identity()
    assert identity(MAKEFLAGS="w -- STAN_THREADS=1") != plain


def test_a_lock_that_cannot_be_made_names_the_right_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "x"
    for cache, remedy in ((below, "HBSTAN_CACHE"), (tmp_path / "c", "--dir")):
        monkeypatch.setenv("HBSTAN_CACHE", str(cache))
        with pytest.raises(ToolchainError) as caught:
            with locked(below / "cmdstan.lock", "work", silent):
                pass
        assert remedy in (caught.value.remedy or "")


# The doctor's rule is that of choose


@pytest.mark.parametrize(
    ("cmdstan", "stanli", "taken"),
    [
        (Outcome.PASS, Outcome.PASS, "cmdstan"),
        (Outcome.PASS, Outcome.FAIL, "cmdstan"),
        (Outcome.NOT_RUN, Outcome.PASS, "stanli"),
        (Outcome.NOT_RUN, Outcome.FAIL, None),
        (Outcome.FAIL, Outcome.PASS, None),
    ],
)
def test_auto_takes_what_choose_takes(
    cmdstan: Outcome, stanli: Outcome, taken: str | None
) -> None:
    pairs = (("cmdstan", cmdstan), ("stanli", stanli))
    checks = Checks(tuple(Check(name, name, outcome) for name, outcome in pairs))
    assert usable_backend(checks) == taken


def test_auto_fails_where_cmdstan_is_no_cmdstan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMDSTAN", str(tmp_path))
    with pytest.raises(ToolchainError, match="CMDSTAN"):
        backends.choose("auto")
    assert backends.choose("stanli").name == "stanli"


# Many fits of one program


class _Prepared(FakeBackend):
    def repeat(self, program: StanProgram, variables: Any = None) -> Any:
        return lambda data, settings: (program, variables, data, settings)


def test_backends_that_repeat_are_told_by_a_protocol() -> None:
    assert isinstance(StanliBackend(), Repeats)
    assert isinstance(_Prepared({}), Repeats)
    assert not isinstance(FakeBackend({}), Repeats)


def test_a_backend_that_prepares_itself_is_asked_to() -> None:
    sampler = backends.repeated(_Prepared({}), PROGRAM, ("x",))
    assert sampler({"N": 1}, settings()) == (PROGRAM, ("x",), {"N": 1}, settings())


def test_any_other_backend_samples_again_and_again() -> None:
    sampler = backends.repeated(fake(), PROGRAM, ("x",))
    for centre in (0.0, 2.0):
        data = {"centre": centre}
        got, want = sampler(data, settings()), fake().sample(PROGRAM, data, settings())
        assert np.array_equal(got.variables["x"], want.variables["x"])
    with pytest.raises(SamplingError, match="boom"):
        backends.repeated(fake(fail_with="boom"), PROGRAM)({}, settings())


def test_a_fake_travels_to_workers() -> None:
    sent = cloudpickle.loads(cloudpickle.dumps(fake()))
    data = {"centre": 1.0}
    got, want = (b.sample(PROGRAM, data, settings()) for b in (sent, fake()))
    assert np.array_equal(got.variables["x"], want.variables["x"])


CSV = b"""\
# model = m
#   warm
lp__,x,theta.1
-1,0.5,1
# Adaptation terminated
# Step size = 0.5
-2,1.5,2
-3e-300,nan,-inf
#
#  Elapsed Time: 1 seconds
"""


@pytest.mark.parametrize("text", [CSV, CSV[: CSV.index(b"#\n#  El")]])
def test_draws_stand_between_comments(text: bytes) -> None:
    header, rows = header_and_rows(text)
    assert header == "lp__,x,theta.1"
    assert rows == b"-1,0.5,1\n-2,1.5,2\n-3e-300,nan,-inf\n"


def test_some_columns_are_read() -> None:
    header, rows = header_and_rows(CSV)
    got = read_columns(rows, header.split(","), ["theta.1", "lp__"])
    assert np.array_equal(got, [[1, 2, -np.inf], [-1, -2, -3e-300]])
    x = read_columns(rows, header.split(","), ["x"])
    assert np.array_equal(x, [[0.5, 1.5, np.nan]], equal_nan=True)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.floats()))
def test_numbers_are_those_that_python_reads(values: list[float]) -> None:
    for form in ("{:.10g}", "{:.17g}"):
        texts = [form.format(v) for v in [*values, 0.0]]
        got = read_columns("\n".join(texts).encode(), ["a"], ["a"])
        assert np.array_equal(got, [[float(t) for t in texts]], equal_nan=True)


@pytest.mark.parametrize(
    "rows", [b"", b"1,2\n3\n", b"1,2\n3,4,5\n", b"1,\n", b"1,x\n", b"1,NA\n"]
)
def test_rows_that_are_not_whole(rows: bytes) -> None:
    with pytest.raises(ValueError):
        read_columns(rows, ["a", "b"], ["a", "b"])


@pytest.mark.parametrize("before", [False, True])
def test_the_log_is_silent_while_anyone_is_inside(before: bool) -> None:
    """The first thread leaves while the second is still inside."""
    logger = get_logger()
    was, logger.disabled = logger.disabled, before
    inside, may_leave, seen = Barrier(2), Barrier(2), []

    def second() -> None:
        inside.wait(timeout=10)
        with QUIET:
            may_leave.wait(timeout=10)
            left.wait(timeout=10)
            seen.append(logger.disabled)

    left, thread = Event(), Thread(target=second)
    try:
        thread.start()
        with QUIET:
            inside.wait(timeout=10)
            may_leave.wait(timeout=10)
        left.set()
        thread.join(timeout=10)
        assert seen == [True]
        assert logger.disabled is before
    finally:
        logger.disabled = was


def test_silence_ends_with_an_error() -> None:
    logger = get_logger()
    before = logger.disabled
    with pytest.raises(KeyError), QUIET:
        raise KeyError
    assert logger.disabled == before


@pytest.mark.parametrize(
    ("console", "kind", "said"),
    [
        (
            "p.hpp:9:1: fatal error: error writing to /tmp/ccg.s: No space left on "
            "device",
            ScratchError,
            "/tmp/ccg.s",
        ),
        (
            "g++: fatal error: Killed signal terminated program cc1plus",
            ToolchainError,
            "memory",
        ),
    ],
)
def test_a_compiler_that_was_ended_from_outside(
    console: str, kind: type[Exception], said: str
) -> None:
    error = cmdstan_build._outside(console)
    assert type(error) is kind
    assert said in str(error)
    assert cmdstan_build._outside("p.hpp:9:1: error: no match for 'operator+'") is None
