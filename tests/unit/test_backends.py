"""What surrounds the engines: the choice, the console, CSV files and the fake."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from hbstan import backends
from hbstan.backends.console import iterations_as_progress
from hbstan.backends.fake import FakeBackend
from hbstan.backends.stan_csv import write_draws
from hbstan.backends.stanli import StanliBackend
from hbstan.errors import (
    NotSupportedError,
    SamplingError,
    SettingsError,
    ToolchainError,
)
from hbstan.types import (
    GeneratesQuantities,
    LogDensity,
    RawDraws,
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
    assert not isinstance(FakeBackend({}), GeneratesQuantities)


def test_stanli_has_no_standalone_generated_quantities() -> None:
    with pytest.raises(NotSupportedError) as caught:
        StanliBackend().generate_quantities(PROGRAM, {}, RawDraws({}, {}), seed=1)
    assert "stanli" in caught.value.message
    assert "backend='cmdstan'" in caught.value.remedy


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stanli", None)
    with pytest.raises(ToolchainError) as caught:
        StanliBackend().versions()
    assert "cannot be loaded" in caught.value.message
    assert "pip install stanli" in caught.value.remedy


def collect(text: str, chains: int, step: str = "sampling") -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []
    with iterations_as_progress(lambda *args: calls.append(args), chains, step) as show:
        assert show
        sys.stdout.write(text)
    return calls


def test_iterations_are_summed_over_the_chains() -> None:
    text = LINE.format(1, 100) + LINE.format(2, 50) + LINE.format(1, 200)
    assert collect(text, chains=2) == [
        ("sampling", 100, 400),
        ("sampling", 150, 400),
        ("sampling", 250, 400),
    ]


def test_a_single_chain_is_not_numbered() -> None:
    text = "Iteration:  10 / 200 [  5%]  (Sampling)\n"
    assert collect(text, chains=1, step="pilot") == [("pilot", 10, 200)]


def test_other_lines_are_no_progress() -> None:
    assert collect("Gradient evaluation took 1e-05 seconds\n\n", chains=1) == []


def test_the_terminal_sees_nothing_while_progress_is_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    collect("a line\n", chains=1)
    print("afterwards")
    assert capsys.readouterr().out == "afterwards\n"


def test_without_progress_nothing_is_caught(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with iterations_as_progress(None, 1) as show:
        assert not show
        print("a line")
    assert capsys.readouterr().out == "a line\n"


def test_standard_output_comes_back_after_an_error() -> None:
    before = sys.stdout

    def fail() -> None:
        with iterations_as_progress(lambda *_: None, 1):
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert sys.stdout is before


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
