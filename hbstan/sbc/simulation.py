"""One simulation: draw, simulate data, fit, rank.

Everything that is random in a simulation comes from its own child of the run's seed
sequence, so that the order of work, its distribution over workers and interruptions
cannot change a result.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hbstan.backends import choose, repeated
from hbstan.errors import (
    BackendError,
    DataError,
    HbstanError,
    ModelError,
    TimeLimitError,
)
from hbstan.mixing import mixing
from hbstan.sbc.generators import StanGenerator
from hbstan.sbc.outputs import without_generated_quantities
from hbstan.sbc.ranks import Ranking, rank_all
from hbstan.sbc.time_limit import Note

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.sbc.problem import Problem
    from hbstan.types import Backend, RawDraws, SamplerSettings, StanProgram

__all__ = ["PROBS", "Simulator", "Task", "labels_of", "lean_program"]

#: The quantiles of the posterior that a record keeps.
PROBS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
#: Lines of a failed fit's console that are kept.
_CONSOLE_LINES = 40


@dataclass(frozen=True)
class Task:
    """What every worker needs to know.

    Parameters
    ----------
    problem : Problem
    backend : str or Backend
        A name is resolved in the worker, for engines do not travel.
    settings : SamplerSettings
        Its seed is replaced by each simulation's own.
    ranking : Ranking
    seed : int
        The run's seed.
    labels : tuple of str
        What is ranked, in order.
    """

    problem: Problem
    backend: str | Backend
    settings: SamplerSettings
    ranking: Ranking
    seed: int
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _Drawn:
    """Simulated parameters and data, flattened parameters with their labels."""

    parameters: Mapping[str, Any]
    data: Mapping[str, Any]


class Simulator:
    """Runs single simulations of a task; one per worker.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._problem = task.problem
        self._engine = choose(task.backend)
        self._engine.versions()  # loads it
        self._sampler: Any = None

    def __call__(
        self, sim_id: int, limit: float | None = None, note: Note | None = None
    ) -> dict[str, Any]:
        """Run simulation ``sim_id`` and return its record; failures are data.

        Parameters
        ----------
        sim_id : int
        limit : float, optional
            Seconds that it may take, fit and simulated data together.
        note : Note, optional
            Receives what is known before the fit.

        Raises
        ------
        HbstanError
            For what is wrong with the set-up, and so with every simulation: a
            program that does not compile, names that do not match.
        """
        import numpy as np

        started = time.perf_counter()
        record: dict[str, Any] = {"sim_id": sim_id, "status": "ok", "error": ""}
        sequences = np.random.SeedSequence(self._task.seed, spawn_key=(sim_id,)).spawn(
            3
        )
        generating, ranking = (np.random.default_rng(sequences[i]) for i in (0, 2))
        seed = int(sequences[1].generate_state(1)[0]) or 1
        try:
            drawn = self.draw(generating, limit)
            values = self._simulated_values(drawn)
            record["simulated_value"] = values.tolist()
            if note is not None:
                note.keep({"simulated_value": record["simulated_value"]})
            spent = time.perf_counter() - started
            raw = self._fit(drawn, seed, limit, spent)
            record |= self._rank(drawn, raw, ranking)
        except (BackendError, DataError) as err:
            if err.exit_code == 3 and not hasattr(err, "console"):
                raise  # no compiler, no such capability: not this simulation's fault
            record |= _failure(str(err), getattr(err, "console", ""))
        except HbstanError:
            raise
        except Exception as err:
            text = f"{type(err).__name__}: {err}"
            record |= _failure(text, traceback.format_exc())
        record["seconds"] = time.perf_counter() - started
        return record

    def draw(self, rng: np.random.Generator, limit: float | None = None) -> _Drawn:
        """Draw parameters and simulate data."""
        generator = self._problem.generator
        if isinstance(generator, StanGenerator):
            generator = replace(generator, timeout=limit)
        parameters, data = generator(rng)
        return _Drawn(parameters, {**self._problem.constants, **data})

    def _fit(
        self, drawn: _Drawn, seed: int, limit: float | None, spent: float
    ) -> RawDraws:
        if self._sampler is None:
            names = tuple(drawn.parameters)
            program = lean_program(self._problem.program, names)
            self._sampler = repeated(self._engine, program, names)
        left = None if limit is None else max(limit - spent, 1e-3)
        settings = replace(self._task.settings, seed=seed, timeout=left)
        try:
            raw: RawDraws = self._sampler(drawn.data, settings)
        except TimeLimitError as err:  # in words that do not depend on the clock
            name = self._problem.name
            raise TimeLimitError.after(name, limit, err.console) from err
        return raw

    def _rank(
        self, drawn: _Drawn, raw: RawDraws, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Rank parameters and test quantities among the draws."""
        import numpy as np

        draws = _posterior(self._problem.name, drawn.parameters, raw)
        values = self._simulated_values(drawn)
        shape = next(iter(draws.values())).shape[:2]
        columns = [d.reshape(*shape, -1) for d in draws.values()]
        stacked = _stacked(drawn.parameters, draws)
        extra = [
            self._evaluate(name, drawn, stacked, shape)
            for name in self._problem.quantities
        ]
        matrix = np.concatenate([*columns, *(d[:, :, None] for _, d in extra)], axis=2)
        values = np.concatenate([values, [v for v, _ in extra]])
        _require_numbers(self._task.labels, values, matrix)
        mixed = mixing(matrix)
        ess = np.fmin(mixed.ess_bulk, mixed.ess_tail)
        ranks = rank_all(values, matrix, ess, self._task.ranking, rng)
        flat = matrix.reshape(-1, matrix.shape[2])
        return {
            "simulated_value": values.tolist(),
            "rank": ranks.rank.tolist(),
            "rank_draws": ranks.kept.tolist(),
            "posterior_mean": flat.mean(axis=0).tolist(),
            "posterior_sd": flat.std(axis=0, ddof=1).tolist(),
            "posterior_quantile": np.quantile(flat, PROBS, axis=0).T.tolist(),
            "rhat": mixed.rhat.tolist(),
            "ess_bulk": mixed.ess_bulk.tolist(),
            "ess_tail": mixed.ess_tail.tolist(),
            **_sampler_counts(raw, self._task.settings.max_treedepth),
        }

    def _simulated_values(self, drawn: _Drawn) -> NDArray[Any]:
        """Return the simulated parameters in a row, once their shapes are checked."""
        values, _ = _flatten(drawn.parameters, self._problem.coords)
        labels = tuple(labels_of(self._problem, drawn.parameters))
        if labels != self._task.labels:
            raise ModelError(
                f"the generator returned {', '.join(labels)} in one simulation and "
                f"{', '.join(self._task.labels)} in another.",
                remedy="Let it return the same names and shapes each time.",
            )
        return values

    def _evaluate(
        self,
        name: str,
        drawn: _Drawn,
        stacked: Mapping[str, NDArray[Any]],
        shape: tuple[int, ...],
    ) -> tuple[float, NDArray[Any]]:
        """Evaluate a test quantity at the simulated values and at the draws."""
        import numpy as np

        function = self._problem.quantities[name]
        size = math.prod(shape)
        out = np.asarray(function(stacked, drawn.data), dtype=float)
        if out.shape != (size + 1,):
            raise ModelError(
                f"the test quantity {name!r} returned an array of shape {out.shape} "
                f"for {size + 1} values of the parameters, but must return one number "
                f"for each: shape ({size + 1},).",
                remedy="Its parameters come with a leading dimension of draws.",
            )
        return float(out[0]), out[1:].reshape(shape)


def labels_of(problem: Problem, parameters: Mapping[str, Any]) -> list[str]:
    """Return the labels of everything that is ranked, in order."""
    return [*_flatten(parameters, problem.coords)[1], *problem.quantities]


def lean_program(program: StanProgram, names: Iterable[str]) -> StanProgram:
    """Return the program without generated quantities, unless a name needs them."""
    from hbstan.toolchain import cache_dir

    return without_generated_quantities(program, names, cache_dir() / "sbc-programs")


def _flatten(
    parameters: Mapping[str, Any], coords: Mapping[str, tuple[str, ...]]
) -> tuple[NDArray[Any], list[str]]:
    """Return all elements in a row, and their labels."""
    import numpy as np

    parts, labels = [], []
    for name, value in parameters.items():
        array = np.asarray(value, dtype=float)
        parts.append(array.reshape(-1))
        own = coords.get(name)
        if array.ndim == 0:
            labels.append(name)
        elif own is not None and array.shape == (len(own),):
            labels += [f"{name}[{label}]" for label in own]
        else:
            labels += [
                f"{name}[{','.join(str(i + 1) for i in index)}]"
                for index in np.ndindex(array.shape)
            ]
    return np.concatenate(parts), labels


def _posterior(
    name: str, parameters: Mapping[str, Any], raw: RawDraws
) -> dict[str, NDArray[Any]]:
    """Return the draws of the generator's parameters, in its order."""
    import numpy as np

    draws = {}
    for key, value in parameters.items():
        shape = np.shape(value)
        if key not in raw.variables:
            if math.prod(shape) == 0:
                continue
            raise ModelError(
                f"the generator returns a parameter {key!r}, which {name} does not "
                f"have; its variables are {', '.join(raw.variables)}.",
                remedy="Name the generator's parameters as the program does.",
            )
        found = raw.variables[key].shape[2:]
        if found != shape:
            raise ModelError(
                f"the generator's {key} has shape {shape}, but {name} declares {found}."
            )
        draws[key] = np.asarray(raw.variables[key], dtype=float)
    return draws


def _stacked(
    parameters: Mapping[str, Any], draws: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return simulated values with all draws behind them, ``(1 + draws, *shape)``.

    A test quantity is so called once: what surrounds it takes longer than itself.
    """
    import numpy as np

    return {
        name: np.concatenate(
            [np.asarray(parameters[name])[None], values.reshape(-1, *values.shape[2:])]
        )
        for name, values in draws.items()
    }


def _require_numbers(
    labels: tuple[str, ...], values: NDArray[Any], matrix: NDArray[Any]
) -> None:
    """Fail a simulation in which something is not a number."""
    import numpy as np

    bad = np.isnan(values) | np.isnan(matrix).any(axis=(0, 1))
    if bad.any():
        names = ", ".join(label for label, b in zip(labels, bad, strict=True) if b)
        raise ArithmeticError(f"not a number: {names}")


def _sampler_counts(raw: RawDraws, max_treedepth: int) -> dict[str, int]:
    def count(name: str, test: Any) -> int:
        return int(test(raw.stats[name]).sum()) if name in raw.stats else 0

    return {
        "divergences": count("divergent__", lambda x: x > 0),
        "treedepth_hits": count("treedepth__", lambda x: x >= max_treedepth),
    }


def _failure(error: str, console: str) -> dict[str, Any]:
    tail = "\n".join(console.splitlines()[-_CONSOLE_LINES:])
    return {"status": "failed", "error": error, "console": tail}
