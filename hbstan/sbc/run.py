"""Run a calibration: from a problem to a result, by any number of workers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.backends import choose
from hbstan.backends.apart import last_words
from hbstan.errors import HbstanError, ModelError, SettingsError, TimeLimitError
from hbstan.files import scratch_folder
from hbstan.sbc.collect import collect
from hbstan.sbc.executors import Pool
from hbstan.sbc.generators import FunctionGenerator, StanGenerator, TestQuantity
from hbstan.sbc.problem import Problem, problem
from hbstan.sbc.ranks import Ranking
from hbstan.sbc.result import SBCResult
from hbstan.sbc.simulation import Task, labels_of, lean_program
from hbstan.sbc.store import key_of, open_store, saved_identity
from hbstan.sbc.time_limit import Note, TimeLimit, require_seconds
from hbstan.sbc.work import Tally, pack, work_through
from hbstan.types import MAX_SEED, Progress, SamplerSettings

if TYPE_CHECKING:
    from hbstan.models import Model
    from hbstan.priors import Prior
    from hbstan.types import Backend

__all__ = ["Options", "calibrate", "run_seed", "sbc"]

#: Simulations that are generated ahead, to see whether the generator works at all.
_TRIALS = 10
_MOST_SIMS = 10_000_000


@dataclass(frozen=True)
class Options:
    """How a calibration is run.

    Parameters
    ----------
    n_sims : int
        Number of simulations.
    seed : int, optional
        By default a fresh one, or that of the store which is gone on with.
    backend : str or Backend
        See :func:`hbstan.backends.choose`.
    executor : str or Executor, optional
        See :class:`hbstan.sbc.executors.Pool`.
    workers : int, optional
    store : str or pathlib.Path, optional
        Folder for one record per simulation. Without it, records are kept in memory.
    resume : bool
        Go on with the simulations that ``store`` lacks.
    ranking : Ranking
        How ranks are found.
    sampler : mapping
        Sampler settings by name, without the seed.
    progress : Progress, optional
    fit_timeout : float, optional
        Seconds that each simulation may take; see
        :class:`hbstan.sbc.time_limit.TimeLimit`.
    """

    n_sims: int
    seed: int | None = None
    backend: str | Backend = "auto"
    executor: str | Executor | None = None
    workers: int | None = None
    store: str | Path | None = None
    resume: bool = False
    ranking: Ranking = field(default_factory=Ranking)
    sampler: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    fit_timeout: float | None = None

    def __post_init__(self) -> None:
        require_seconds("fit_timeout", self.fit_timeout)
        whole = isinstance(self.n_sims, int) and not isinstance(self.n_sims, bool)
        if not whole or not 1 <= self.n_sims <= _MOST_SIMS:
            raise SettingsError(
                f"n_sims is {self.n_sims!r}, but must be a whole number from 1 to "
                f"{_MOST_SIMS}."
            )


def sbc(
    model: str | Path | Model,
    *,
    n_sims: int = 1000,
    seed: int | None = None,
    priors: Mapping[str, Prior | str] | None = None,
    design: Any = None,
    generator: Callable[..., Any] | str | Path | None = None,
    quantities: Mapping[str, TestQuantity] | None = None,
    backend: str | Backend = "auto",
    executor: str | Executor | None = None,
    workers: int | None = None,
    store: str | Path | None = None,
    resume: bool = False,
    max_rank: int = 119,
    ess_fraction: float = 0.5,
    chains: int = 1,
    iter_warmup: int = 500,
    iter_sampling: int = 500,
    adapt_delta: float = 0.95,
    max_treedepth: int = 10,
    metric: str = "diag_e",
    fit_timeout: float | None = None,
    progress: Progress | None = None,
) -> SBCResult:
    r"""Calibrate a program by simulation.

    For each simulation, parameters are drawn from the prior and data given them; the
    program is fitted to the data; and the rank of each drawn parameter among the
    posterior's draws is taken. If generator, program and sampler agree, every rank
    is uniform (Talts et al. 2018, arXiv:1804.06788), and so is that of any function
    of parameters and data (Modrak et al. 2023, doi:10.1214/23-BA1404).

    Parameters
    ----------
    model : str, pathlib.Path or Model
        A catalogue name, or the path of a ``.stan`` file. An edited copy of a
        catalogue program is held against the original's generator.
    n_sims : int
        Number of simulations. A store can later be gone on with to more.
    seed : int, optional
        By default a fresh one, which is recorded.
    priors : mapping of str to Prior or str, optional
        Priors by parameter; see :func:`hbstan.models.resolve_priors`.
    design : Dataset, mapping, str or pathlib.Path, optional
        The group sizes: a dataset or where to read one (outcomes are not used, but
        default priors may be scaled by them), ``{"n": ...}`` or ``{"sigma": ...}``.
        By default those of the bundled data. With a generator of your own: the
        program's constant data.
    generator : callable, str or pathlib.Path, optional
        ``f(rng) -> (parameters, data)``, or the path of a Stan program without
        parameters whose generated quantities are named like the fitted program's
        data and parameters.
    quantities : mapping of str to callable, optional
        Test quantities ``f(parameters, data) -> array (draws,)``; each parameter
        has a leading dimension of draws. A catalogue model has ``log_likelihood``
        and ``log_prior`` of its own.
    backend : str or Backend
        See :func:`hbstan.backends.choose`.
    executor : str or Executor, optional
        ``"processes"`` (default), ``"threads"``, ``"serial"`` or any
        :class:`concurrent.futures.Executor`. The results do not depend on it.
    workers : int, optional
        By default one per core.
    store : str or pathlib.Path, optional
        Folder for one record per simulation, which survives the process.
    resume : bool
        Go on with a store that holds simulations.
    max_rank : int
        Ranks go from 0 to this.
    ess_fraction : float
        Share of a quantity's effective sample size that its rank is found among;
        see :mod:`hbstan.sbc.ranks`.
    chains, iter_warmup, iter_sampling, adapt_delta, max_treedepth, metric
        See :class:`hbstan.types.SamplerSettings`.
    fit_timeout : float, optional
        Seconds that each simulation, data and fit, may take; one that takes longer is
        ended and has failed. By default half an hour while fewer than five have
        finished, and then 100 times the median of those, but at least a minute. Only
        a process can be ended wherever it stands: with a time that is given,
        ``"threads"`` and ``"serial"`` are processes too; in an executor of yours, and
        in theirs by default, CmdStan is killed, stanli stops between iterations, and
        a generator is waited for.
    progress : Progress, optional
        Called as ``progress(step, done, total)``.

    Returns
    -------
    SBCResult

    Raises
    ------
    HbstanError
        One of its children. A fit that fails is no error, but recorded.

    Examples
    --------
    >>> import hbstan as hb
    >>> result = hb.sbc(
    ...     "eight_schools_noncentered", n_sims=20, seed=1, backend="stanli",
    ...     executor="serial",
    ... )
    >>> result.checks()["power"].outcome  # twenty simulations decide nothing
    <Outcome.NOT_RUN: 'not_run'>
    """
    sampler = {
        "chains": chains,
        "iter_warmup": iter_warmup,
        "iter_sampling": iter_sampling,
        "adapt_delta": adapt_delta,
        "max_treedepth": max_treedepth,
        "metric": metric,
    }
    options = Options(
        n_sims=n_sims,
        seed=seed,
        backend=backend,
        executor=executor,
        workers=workers,
        store=store,
        resume=resume,
        ranking=Ranking(max_rank, ess_fraction),
        sampler=sampler,
        progress=progress,
        fit_timeout=fit_timeout,
    )
    decided = problem(
        model, priors=priors, design=design, generator=generator, quantities=quantities
    )
    return calibrate(decided, options)


def calibrate(decided: Problem, options: Options) -> SBCResult:
    """Run, or finish, the simulations of a problem.

    Raises
    ------
    HbstanError
        As :func:`sbc`.
    """
    folder = None if options.store is None else Path(options.store).expanduser()
    seed = run_seed(options)
    settings = SamplerSettings(seed=0, parallel_chains=1, **options.sampler)
    limit = TimeLimit(options.fit_timeout)
    engine = choose(options.backend)
    killable = options.fit_timeout is not None
    with Pool(options.executor, options.workers, killable=killable) as pool:
        names, labels = _first_ranked(decided, seed, pool, limit)
        # Before the workers start, or each would wait for the first one's compiler.
        engine.compile(lean_program(decided.program, names), progress=options.progress)
        backend = engine.name if isinstance(options.backend, str) else options.backend
        task = Task(decided, backend, settings, options.ranking, seed, labels)
        identity = _identity(task, dict(engine.versions()), engine.name)
        key = key_of(identity)
        with open_store(folder, identity, key, resume=options.resume) as store:
            wanted = range(options.n_sims)
            there = store.finished()
            missing = [i for i in wanted if i not in there]
            tally = Tally(options.n_sims, options.n_sims - len(missing), 0)
            tally.progress = options.progress
            if missing:
                work_through(task, key, missing, pool, store, tally, limit)
            dataset = collect(store, wanted, labels, decided.quantities)
    return SBCResult.build(dataset, identity)


def run_seed(options: Options) -> int:
    """Return the run's seed: given, of the store that is gone on with, or fresh."""
    seed = options.seed
    if seed is None and options.store is not None and options.resume:
        saved = saved_identity(Path(options.store).expanduser())
        seed = None if saved is None else saved.get("seed")
    if seed is None:
        return secrets.randbits(31)
    whole = isinstance(seed, int) and not isinstance(seed, bool)
    if not whole or not 0 <= seed <= MAX_SEED:
        raise SettingsError(
            f"seed is {seed!r}, but must be a whole number from 0 to {MAX_SEED}."
        )
    return seed


def _first_ranked(
    decided: Problem, seed: int, pool: Pool, limit: TimeLimit
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Learn what will be ranked, from a generator that may never return."""
    generator, seconds = decided.generator, limit.now()
    if isinstance(generator, StanGenerator):
        return _ranked(
            replace(decided, generator=replace(generator, timeout=seconds)), seed
        )
    if not isinstance(generator, FunctionGenerator) or not pool.own:
        return _ranked(decided, seed)
    with scratch_folder("notes-") as notes:
        path = Path(notes, "generator")
        payload = pack(decided)
        try:
            future = pool.submit(_ranked_apart, payload, seed, seconds, path)
            found: tuple[tuple[str, ...], tuple[str, ...]] = future.result()
            return found
        except HbstanError:
            raise
        except Exception as err:
            left = Note(path).left()
            pool.renew()
            if left is None:
                raise ModelError(
                    f"the generator does not return: {last_words(err)}."
                ) from err
            _, where = left
            late = TimeLimitError.after("the generator", seconds, where)
            raise late from err


def _ranked_apart(
    payload: bytes, seed: int, seconds: float, path: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Learn what will be ranked, in a worker that ends after ``seconds``."""
    import cloudpickle

    with Note(path).ending_after(seconds):
        return _ranked(cloudpickle.loads(payload), seed)


def _ranked(decided: Problem, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Generate until it works once, to learn what will be ranked.

    Returns the generator's parameters and the labels of all quantities.

    A generator that fails now and then is data; one that fails at once is an error.
    """
    import numpy as np

    error: Exception | None = None
    for sim_id in range(_TRIALS):
        sequence = np.random.SeedSequence(seed, spawn_key=(sim_id,)).spawn(3)[0]
        try:
            parameters, _ = decided.generator(np.random.default_rng(sequence))
        except HbstanError:
            raise
        except Exception as err:
            error = error or err
            continue
        labels = tuple(labels_of(decided, parameters))
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ModelError(
                f"{', '.join(twice)} is both a parameter and a test quantity.",
                remedy="Give the test quantity another name.",
            )
        return tuple(parameters), labels
    raise ModelError(
        f"the generator failed {_TRIALS} times in a row, first with "
        f"{type(error).__name__}: {error}",
        remedy="Call it with numpy.random.default_rng(1) to see where.",
    ) from error


def _identity(task: Task, versions: Mapping[str, str], backend: str) -> dict[str, Any]:
    """Return all that decides the results, as JSON-ready data."""
    import numpy as np
    import scipy

    from hbstan import __version__

    settings = task.settings.record()
    # The time that a fit may take decides only whether it has a result.
    for name in ("seed", "parallel_chains", "timeout"):
        settings.pop(name)
    return {
        "problem": task.problem.record(),
        "quantities": list(task.labels),
        "top_level": list(task.problem.top_level),
        "settings": settings,
        "ranking": task.ranking.record(),
        "seed": task.seed,
        "backend": backend,
        "versions": {
            "hbstan": __version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            **versions,
        },
    }
