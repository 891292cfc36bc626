"""Whole calibrations on the fake backend: order, workers, resuming, verdicts."""

from __future__ import annotations

import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sbc_conjugate as conjugate
from scipy import stats

import hbstan as hb
from hbstan.backends.apart import last_words
from hbstan.errors import ModelError, SettingsError, StoreError, TimeLimitError
from hbstan.sbc import SBCResult
from hbstan.sbc.executors import Pool
from hbstan.sbc.time_limit import TimeLimit
from hbstan.sealed import FileWarning

QUANTITIES = {"log_likelihood": conjugate.log_likelihood}


def run(folder: Path, n_sims: int, **given: Any) -> SBCResult:
    options = {
        "seed": 1,
        "generator": conjugate.generate,
        "quantities": QUANTITIES,
        "backend": conjugate.backend(),
        "executor": "serial",
        "iter_sampling": 200,
        **given,
    }
    return hb.sbc(conjugate.program(folder), n_sims=n_sims, **options)


def summary(result: SBCResult, folder: Path) -> bytes:
    return result.save_summary(folder / "summary.json").read_bytes()


def expected_cells(kept: np.ndarray, shift: float, scale: float, cells: int) -> Any:
    """Exact probabilities of the common rank, from quadrature over the normal.

    Given u = P(draw < value), the rank among n draws is binomial(n, u); a rank r is
    then spread evenly over [r, r + 1) / (n + 1).
    """
    z, weights = np.polynomial.hermite_e.hermegauss(200)
    u = stats.norm.cdf((z - shift) / scale)
    edges = np.linspace(0, 1, cells + 1)
    total = np.zeros(cells)
    for n, times in zip(*np.unique(kept, return_counts=True), strict=True):
        rank = np.arange(n + 1)
        mass = stats.binom.pmf(rank[:, None], n, u) @ (weights / weights.sum())
        below = np.interp(edges * (n + 1), np.arange(n + 2), [0, *np.cumsum(mass)])
        total += times * np.diff(below)
    return total


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.0, 0.6)])
def test_ranks_have_exactly_the_expected_distribution(
    tmp_path: Path, shift: float, scale: float
) -> None:
    right = (shift, scale) == (0.0, 1.0)
    n_sims = 600 if right else 400
    result = run(tmp_path, n_sims, backend=conjugate.backend(shift, scale))
    ranks = result.dataset["rank"].sel(quantity="mu").values
    kept = result.dataset["rank_draws"].sel(quantity="mu").values
    expected = expected_cells(kept, shift, scale, 20)
    counts = np.bincount(ranks // 6, minlength=20)
    assert stats.chisquare(counts, expected).pvalue > 0.01
    if right:
        assert stats.chisquare(counts).pvalue > 0.01
        assert result.checks().passed, result.checks().to_frame()
    else:
        assert stats.chisquare(counts).pvalue < 1e-10
        assert result.checks()["uniformity"].outcome == "fail"


def test_ignored_data_are_seen_by_the_likelihood_alone(tmp_path: Path) -> None:
    result = run(tmp_path, 500, backend=conjugate.prior_only())
    p = result.summary()["p_value"]
    assert p["mu"] > 0.01
    assert p["log_likelihood"] < 1e-6
    check = result.checks()["uniformity"]
    assert check.outcome == "fail"
    assert check.subjects == ("log_likelihood",)


@pytest.mark.parametrize(
    ("executor", "workers"), [("threads", 1), ("threads", 3), ("processes", 2)]
)
def test_workers_do_not_change_a_result(
    tmp_path: Path, executor: str, workers: int
) -> None:
    alone = run(tmp_path, 40)
    many = run(tmp_path, 40, executor=executor, workers=workers)
    assert summary(alone, tmp_path) == summary(many, tmp_path)
    same = [name for name in alone.dataset if name != "seconds"]
    assert alone.dataset[same].equals(many.dataset[same])


def test_any_executor_will_do(tmp_path: Path) -> None:
    alone = summary(run(tmp_path, 40), tmp_path)
    with ThreadPoolExecutor(2) as threads:
        assert summary(run(tmp_path, 40, executor=threads), tmp_path) == alone
        assert threads.submit(int, "1").result() == 1  # ours to use, not to close
    with ProcessPoolExecutor(2) as processes:
        assert summary(run(tmp_path, 40, executor=processes), tmp_path) == alone


def test_another_seed_gives_another_result(tmp_path: Path) -> None:
    assert summary(run(tmp_path, 20), tmp_path) != summary(
        run(tmp_path, 20, seed=2), tmp_path
    )


def test_resuming_completes_to_the_same_bytes(tmp_path: Path) -> None:
    store = tmp_path / "store"
    whole = summary(run(tmp_path, 40), tmp_path)
    run(tmp_path, 15, store=store)
    assert len(list(store.glob("simulations/*/*.json"))) == 15
    rest = run(tmp_path, 40, store=store, resume=True, seed=None)
    assert summary(rest, tmp_path) == whole
    again = run(tmp_path, 40, store=store, resume=True)
    assert summary(again, tmp_path) == whole


def test_a_damaged_record_is_computed_anew(tmp_path: Path) -> None:
    store = tmp_path / "store"
    whole = summary(run(tmp_path, 10, store=store), tmp_path)
    path = store / "simulations" / "0000" / "0000003.json"
    good = path.read_bytes()
    path.write_bytes(good[:100])
    with pytest.warns(FileWarning, match=r"0000003\.json' is damaged"):
        again = run(tmp_path, 10, store=store, resume=True)
    assert summary(again, tmp_path) == whole
    assert path.read_bytes() != good[:100]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"seed": 2}, "seed is 1 there and 2 here"),
        ({"max_rank": 99}, "max_rank is 119 there and 99 here"),
        ({"adapt_delta": 0.8}, "adapt_delta"),
        ({"generator": conjugate.generate_or_fail}, "generator"),
        ({"quantities": {}}, "quantities"),
        ({"iter_sampling": 100}, "iter_sampling"),
    ],
)
def test_a_store_of_another_run_is_refused(
    tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    run(tmp_path, 3, store=tmp_path / "store")
    with pytest.raises(StoreError, match=text):
        run(tmp_path, 3, store=tmp_path / "store", resume=True, **change)


def test_another_program_is_refused(tmp_path: Path) -> None:
    run(tmp_path, 3, store=tmp_path / "store")
    other = tmp_path / "other"
    other.mkdir()
    (other / "conjugate.stan").write_text(conjugate.PROGRAM + "\n// edited")
    with pytest.raises(StoreError, match="program is"):
        hb.sbc(
            other / "conjugate.stan",
            n_sims=3,
            seed=1,
            generator=conjugate.generate,
            quantities=QUANTITIES,
            backend=conjugate.backend(),
            executor="serial",
            iter_sampling=200,
            store=tmp_path / "store",
            resume=True,
        )


def test_failures_are_data(tmp_path: Path) -> None:
    result = run(tmp_path, 60, generator=conjugate.generate_or_fail)
    failed = ~result.ok
    assert 0 < failed.sum() < 30
    errors = result.dataset["error"].values[failed]
    assert all(text.startswith("ValueError: mu is") for text in errors)
    assert (result.dataset["rank"].values[failed] == -1).all()
    check = result.checks()["failures"]
    assert check.outcome == "fail"
    assert check.value == pytest.approx(failed.mean())


@pytest.mark.parametrize("given", [False, True])
def test_a_worker_that_dies_takes_nothing_with_it(tmp_path: Path, given: bool) -> None:
    """Those that kill workers are recorded as failed, all others have their ranks."""
    good = run(tmp_path, 5, seed=3)
    bad = good.dataset["simulated_value"].sel(quantity="mu").values > 1
    # Every death costs a new worker, which takes most of a second to start.
    assert bad.sum() == 1
    executor: Any = ProcessPoolExecutor(2) if given else "processes"
    options: Any = {"executor": executor, "workers": 1, "seed": 3}
    died = run(tmp_path, 5, generator=conjugate.generate_or_die, **options)
    assert (~died.ok == bad).all()
    assert "its worker died 2 times" in str(died.dataset["error"].values[bad][0])
    ranks = died.dataset["rank"].values[~bad]
    assert (ranks == good.dataset["rank"].values[~bad]).all()


def test_what_never_returns_is_ended_recorded_and_located(tmp_path: Path) -> None:
    """One of these simulations loops; the others are as without it."""
    good = run(tmp_path, 5, seed=3)
    mu = good.dataset["simulated_value"].sel(quantity="mu").values
    stays = mu > 1.2
    assert stays.sum() == 1
    options: Any = {
        "generator": conjugate.generate_or_stay,
        "fit_timeout": 1.0,
        "seed": 3,
    }
    store = tmp_path / "store"
    found = run(tmp_path, 5, store=store, **options)
    assert (~found.ok == stays).all()
    error = str(found.dataset["error"].values[stays][0])
    assert error.startswith("conjugate: no result within 1 s; it was ended.")
    assert "generate_or_stay" in str(found.dataset["console"].values[stays][0])
    ranks = [d.dataset["rank"].values[~stays] for d in (found, good)]
    assert (ranks[0] == ranks[1]).all()
    again = run(tmp_path, 5, store=store, resume=True, **options)
    assert summary(again, tmp_path) == summary(found, tmp_path)


def never(rng: np.random.Generator) -> tuple[Any, Any]:
    while True:
        time.sleep(0.01)


def test_a_generator_that_never_returns_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TimeLimitError, match="the generator: no result within"):
        run(tmp_path, 5, generator=never, fit_timeout=0.2)


@pytest.mark.parametrize("value", [0, -1, "5", True, float("inf"), float("nan")])
def test_an_illegal_time_limit_is_named(tmp_path: Path, value: Any) -> None:
    with pytest.raises(SettingsError, match="fit_timeout is"):
        run(tmp_path, 5, fit_timeout=value)


def test_the_default_limit_follows_the_fits_that_have_finished() -> None:
    limit = TimeLimit()
    assert limit.now() == 1800
    for seconds in (0.01, 0.02, 0.03, 0.02, 0.02):
        limit.saw(seconds)
    assert limit.now() == 60
    for _ in range(20):
        limit.saw(3.0)
    assert limit.now() == pytest.approx(300)
    assert TimeLimit(7.0).now() == 7.0
    assert TimeLimit.of_refit(None, 4.0) == 400
    assert TimeLimit.of_refit(None, 0.1) == 60
    assert TimeLimit.of_refit(2.0, 4.0) == 2.0


def test_how_a_worker_ended_is_said_in_words() -> None:
    text = "A worker process ...\n\nThe exit codes of the workers are {%s}"
    killed = last_words(RuntimeError(text % "SIGKILL(-9)"))
    assert "killed (SIGKILL), most likely for lack of memory" in killed
    assert "crashed" in last_words(RuntimeError(text % "SIGSEGV(-11)"))
    assert last_words(ValueError("bad\nmore")) == "ValueError: bad"


def give_up(kind: str, futures: list[Future[Any]]) -> None:
    """Begin more work than workers take at once, and be interrupted."""
    with Pool(kind, 2) as pool:
        futures += [pool.submit(time.sleep, 0.2) for _ in range(20)]
        futures[0].result()
        pool.drop(futures)
        raise KeyboardInterrupt


@pytest.mark.parametrize(("kind", "left"), [("processes", 0), ("threads", 10)])
def test_work_is_given_up_without_a_word(
    kind: str, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    futures: list[Future[Any]] = []
    with pytest.raises(KeyboardInterrupt):
        give_up(kind, futures)
    wait(futures, timeout=20)
    assert sum(future.cancelled() for future in futures) >= left
    ends = [None if f.cancelled() else f.exception() for f in futures]
    ended = {type(error).__name__ for error in ends if error is not None}
    assert ended == ({"ShutdownExecutorError"} if kind == "processes" else set())
    assert caplog.records == []


def test_an_engine_that_fails_is_recorded_with_its_console(tmp_path: Path) -> None:
    from hbstan.backends.fake import FakeBackend

    broken = FakeBackend({}, fail_with="no initial value was found")
    result = run(tmp_path, 5, backend=broken)
    assert not result.ok.any()
    assert set(result.dataset["console"].values) == {"no initial value was found"}
    values = result.dataset["simulated_value"].sel(quantity="mu").values
    assert np.isfinite(values).all()  # where in the prior it failed is known
    assert result.checks().outcome == "fail"


def test_progress_tells_how_many_failed(tmp_path: Path) -> None:
    said: list[tuple[str, int, int]] = []
    run(
        tmp_path,
        30,
        generator=conjugate.generate_or_fail,
        progress=lambda step, done, total: said.append((step, done, total)),
    )
    assert said[0] == ("simulations", 0, 30)
    step, done, total = said[-1]
    assert (done, total) == (30, 30)
    assert step.endswith("failed")


def returns_one(rng: np.random.Generator) -> Any:
    return {"mu": 0.0}


def returns_nothing(rng: np.random.Generator) -> Any:
    return {}, {}


def returns_unknown(rng: np.random.Generator) -> Any:
    return {"nu": 0.0}, {"y": [0.0]}


def returns_a_vector(rng: np.random.Generator) -> Any:
    return {"mu": [0.0, 1.0]}, {"y": [0.0]}


def changes_its_mind(rng: np.random.Generator) -> Any:
    parameters, data = conjugate.generate(rng)
    return {**parameters, **({"nu": 1.0} if parameters["mu"] > 0.5 else {})}, data


def always_raises(rng: np.random.Generator) -> Any:
    raise KeyError("sigma")


@pytest.mark.parametrize(
    ("generator", "text"),
    [
        (returns_one, "must return two mappings"),
        (returns_nothing, "no parameters"),
        (returns_unknown, "a parameter 'nu'"),
        (returns_a_vector, r"shape \(2,\)"),
        (changes_its_mind, "in one simulation and"),
        (always_raises, "failed 10 times in a row, first with KeyError: 'sigma'"),
    ],
)
def test_a_wrong_generator_is_an_error_not_a_thousand_failures(
    tmp_path: Path, generator: Any, text: str
) -> None:
    with pytest.raises(ModelError, match=text):
        run(tmp_path, 5, generator=generator, quantities={})


@pytest.mark.parametrize(
    ("quantities", "text"),
    [
        ({"bad": lambda p, d: 1.0}, r"shape \(\)"),
        ({"bad": lambda p, d: np.zeros(7)}, r"shape \(7,\)"),
        ({"mu": conjugate.log_likelihood}, "both a parameter and a test quantity"),
        (["mu"], "must map names"),
        ({"bad": 3}, "must map names"),
    ],
)
def test_a_wrong_quantity_is_an_error(
    tmp_path: Path, quantities: Any, text: str
) -> None:
    with pytest.raises(ModelError, match=text):
        run(tmp_path, 5, quantities=quantities)


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("seed", -1, "seed is -1"),
        ("seed", 1.5, "seed is 1.5"),
        ("executor", "gpu", "executor is 'gpu'"),
        ("workers", 0, "workers is 0"),
        ("max_rank", 0, "max_rank is 0"),
        ("ess_fraction", 0, "ess_fraction is 0"),
        ("chains", 0, "chains is 0"),
    ],
)
def test_illegal_options_are_named(
    tmp_path: Path, option: str, value: Any, text: str
) -> None:
    with pytest.raises(SettingsError, match=text):
        run(tmp_path, 5, **{option: value})


@pytest.mark.parametrize("n_sims", [0, -5, 1.5, True, "100"])
def test_an_illegal_number_of_simulations_is_named(tmp_path: Path, n_sims: Any) -> None:
    with pytest.raises(SettingsError, match="n_sims is"):
        run(tmp_path, n_sims)


def test_a_function_that_cannot_travel_is_an_error(tmp_path: Path) -> None:
    import threading

    lock = threading.Lock()

    def generate(rng: np.random.Generator) -> Any:
        with lock:
            return conjugate.generate(rng)

    with pytest.raises(SettingsError, match="cannot be sent to a worker"):
        run(tmp_path, 3, generator=generate, executor="processes")


def test_a_result_is_saved_and_loaded(tmp_path: Path) -> None:
    result = run(tmp_path, 12, generator=conjugate.generate_or_fail)
    loaded = SBCResult.load(result.save(tmp_path / "sbc.nc"))
    assert loaded.dataset.identical(result.dataset)
    assert loaded.record() == result.record()
    assert loaded.dataset["rank"].dims == ("sim_id", "quantity")
    assert "12 simulations" in repr(loaded)
