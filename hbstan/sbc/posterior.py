"""Posterior SBC: calibration around the data at hand.

The prior may range over worlds that the data have already ruled out. Here the
parameters are drawn from the posterior given the data ``y``, replicated data
``y_new`` are simulated from them, and the program is fitted to both together: as
``(parameters, y_new)`` is a draw from their joint distribution given ``y``, the
ranks of the parameters in the posterior given ``y`` and ``y_new`` are uniform
(Saeilynoja, Schmitt, Buerkner and Vehtari 2025, arXiv:2502.03279).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.errors import FitError, ModelError, SettingsError
from hbstan.fit import fit
from hbstan.sbc.generators import TestQuantity
from hbstan.sbc.identity import digest
from hbstan.sbc.problem import Problem, problem
from hbstan.sbc.ranks import Ranking
from hbstan.sbc.run import Options, calibrate, run_seed
from hbstan.simulate import draw_data, draw_groups
from hbstan.simulate.systems import system_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy as np
    from numpy.typing import NDArray

    from hbstan.fit import Fit
    from hbstan.models import Model
    from hbstan.priors import Prior
    from hbstan.sbc.result import SBCResult
    from hbstan.types import Backend, Progress

__all__ = ["REPLICATES", "PosteriorGenerator", "posterior_sbc"]

#: What replicated data can be: as many new groups of the same sizes, or as many new
#: trials (or estimates) in the same groups.
REPLICATES = ("groups", "trials")
#: Child of the run's seed sequence that the fit at hand takes; simulations have the
#: numbers below it.
_FIT_CHILD = 2**31
#: Draws of the fit at hand for each simulation, and the fewest. The mean of its draws
#: is off by the Monte Carlo error, by which all simulations are off together: the fit
#: must be far longer than the run, or a long run finds out the fit, not the program.
_DRAWS_PER_SIMULATION = 40
_FEWEST_DRAWS = 4000
_CHAINS = 4
#: Checks of the fit at hand without which its draws are not its posterior.
_NEEDED = ("draws", "rhat", "ess_bulk")


@dataclass(frozen=True)
class PosteriorGenerator:
    """Draws from a fitted posterior, with replicated data appended to the data.

    Parameters
    ----------
    model : str
        The catalogue's model.
    draws : mapping of str to ndarray
        Posterior draws of the parameters, each of shape ``(n_draws, ...)``.
    data : mapping
        ``J``, ``y`` and ``n`` or ``sigma``.
    replicate : {"groups", "trials"}
        What is appended.
    priors : mapping of str to Prior
        Where the new groups of a model without pooling come from.
    """

    model: str
    draws: Mapping[str, NDArray[Any]]
    data: Mapping[str, Any]
    replicate: str
    priors: Mapping[str, Prior] = field(default_factory=dict)

    def __call__(
        self, rng: np.random.Generator
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Take a posterior draw at random and replicate the data given it."""
        size = len(next(iter(self.draws.values())))
        row = int(rng.integers(size))
        drawn = {name: values[row] for name, values in self.draws.items()}
        add = self._add_groups if self.replicate == "groups" else self._add_trials
        return add(drawn, rng)

    def _add_groups(
        self, drawn: dict[str, Any], rng: np.random.Generator
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        import numpy as np

        model, sizes = models.get(self.model), self._sizes
        shared = [p.name for p in model.top_level if not p.dims]
        top = {name: np.atleast_1d(drawn[name]) for name in shared}
        count = int(self.data["J"])
        new = draw_groups(model, top, count, rng, priors=self.priors, size=1)
        y_new = draw_data(model, {**top, **new}, self.data, rng)[0]
        parameters = {
            name: np.concatenate([value, new[name][0]]) if np.ndim(value) else value
            for name, value in drawn.items()
        }
        both = 2 * int(self.data["J"])
        data = {
            "J": both,
            sizes: np.tile(np.asarray(self.data[sizes]), 2),
            "y": np.concatenate([np.asarray(self.data["y"]), y_new]),
            "holdout": [0] * both,
        }
        return parameters, data

    def _add_trials(
        self, drawn: dict[str, Any], rng: np.random.Generator
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        import numpy as np
        from scipy.special import expit

        model, sizes = models.get(self.model), self._sizes
        # Groups that are all alike have no theta of their own.
        own = (
            drawn["theta"]
            if "theta" in drawn
            else np.repeat(drawn["mu"], self.data["J"])
        )
        theta = np.asarray(own)[None]
        y_new = draw_data(
            model, {"theta": theta, "p": np.asarray(expit(theta))}, self.data, rng
        )[0]
        y, size = np.asarray(self.data["y"]), np.asarray(self.data[sizes])
        if sizes == "n":
            return drawn, {"n": 2 * size, "y": y + y_new}
        # Two estimates of one effect with the same error: their mean.
        return drawn, {"sigma": size / np.sqrt(2.0), "y": (y + y_new) / 2.0}

    @property
    def _sizes(self) -> str:
        return "n" if "n" in self.data else "sigma"

    def record(self) -> dict[str, Any]:
        """Return what identifies the generator: model, data and posterior draws."""
        return {
            "kind": "posterior",
            "model": self.model,
            "replicate": self.replicate,
            "data": digest(dict(self.data)),
            "draws": digest(dict(self.draws)),
        }


def posterior_sbc(
    model: str | Path | Model,
    data: Any,
    *,
    replicate: str = "groups",
    n_sims: int = 500,
    seed: int | None = None,
    priors: Mapping[str, Prior | str] | None = None,
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
    """Calibrate a catalogue model, or an edited copy of one, around data at hand.

    Fit the data with four chains and 40 draws for each simulation to come (4000 at
    least); in each simulation take one of these draws at random, replicate the data
    given it, append the replicates, refit, and rank the draw among the new
    posterior's draws.

    Parameters
    ----------
    model : str, pathlib.Path or Model
        As in :func:`hbstan.sbc.run.sbc`.
    data : Dataset, str or pathlib.Path
        The data at hand.
    replicate : {"groups", "trials"}
        Append as many new groups of the same sizes, drawn from the population, or
        as many new trials (estimates) in the same groups.
    n_sims, seed, priors, quantities, backend, executor, workers, store, resume, \
max_rank, ess_fraction, chains, iter_warmup, iter_sampling, adapt_delta, \
max_treedepth, metric, fit_timeout, progress
        As in :func:`hbstan.sbc.run.sbc`.

    Returns
    -------
    SBCResult

    Raises
    ------
    FitError
        If the fit to the data at hand does not converge.
    HbstanError
        As :func:`hbstan.sbc.run.sbc`.
    """
    if replicate not in REPLICATES:
        raise SettingsError(
            f"replicate is {replicate!r}, but must be one of {', '.join(REPLICATES)}."
        )
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
    options = replace(options, seed=run_seed(options))
    prior_problem = problem(model, priors=priors, design=data, quantities=quantities)
    _require_grouped(prior_problem)
    return calibrate(_around(prior_problem, model, data, options, replicate), options)


def _require_grouped(prior: Problem) -> None:
    """Refuse data whose groups have more than one outcome, or none of their own."""
    name = prior.generator.record().get("model", "")
    if name and system_of(models.get(name)) is not None:
        raise ModelError(
            f"posterior SBC replicates groups with one outcome each; {prior.name} is a "
            f"model for {models.get(name).kind} data.",
            remedy="Calibrate it over its prior: hb.sbc, or no --around-data.",
        )


def _around(
    prior: Problem,
    model: str | Path | Model,
    data: Any,
    options: Options,
    replicate: str,
) -> Problem:
    """Return the problem whose parameters come from the posterior given ``data``."""
    import numpy as np

    given = {name: choice.prior for name, choice in prior.priors.items()}
    child = np.random.SeedSequence(options.seed, spawn_key=(_FIT_CHILD,))
    at_hand = fit(
        model,
        data,
        priors=given,
        predictive=False,
        seed=int(child.generate_state(1)[0]),
        chains=_CHAINS,
        iter_sampling=_draws_at_hand(options.n_sims) // _CHAINS,
        adapt_delta=options.sampler["adapt_delta"],
        max_treedepth=options.sampler["max_treedepth"],
        metric=options.sampler["metric"],
        backend=options.backend,
        progress=options.progress,
    )
    _require_converged(at_hand)
    like, names = at_hand.like, prior.generator.record().get("names", [])
    if like is None:
        raise ModelError(f"{prior.name} is not like any model of the catalogue.")
    draws = {name: _flat(at_hand, name) for name in names}
    own = {k: v for k, v in _own_data(at_hand).items() if k in ("J", "n", "sigma", "y")}
    labels = next(iter(prior.coords.values()))
    if replicate == "groups":
        labels = (*labels, *(f"{label} (new)" for label in labels))
    return replace(
        prior,
        generator=PosteriorGenerator(like.name, draws, own, replicate, given),
        coords=dict.fromkeys(prior.coords, labels),
        design=f"{prior.design}; as many {replicate} replicated",
        kind="posterior",
    )


def _draws_at_hand(n_sims: int) -> int:
    """Return how many draws of the fit at hand a run of ``n_sims`` asks for."""
    return max(_FEWEST_DRAWS, _DRAWS_PER_SIMULATION * n_sims)


def _require_converged(at_hand: Fit) -> None:
    checks = at_hand.diagnose()
    bad = [name for name in _NEEDED if not checks[name].passed]
    if bad:
        raise FitError(
            f"the fit of {at_hand.model} to the data at hand failed its checks "
            f"{', '.join(bad)}, so there is no posterior to draw from.",
            remedy="Raise adapt_delta, or use another parameterisation.",
        )


def _flat(at_hand: Fit, name: str) -> NDArray[Any]:
    """Return all chains' draws of a variable in a row, ``(n_draws, ...)``."""
    values = at_hand.posterior[name].transpose("chain", "draw", ...).values
    flat: NDArray[Any] = values.reshape(-1, *values.shape[2:])
    return flat


def _own_data(at_hand: Fit) -> dict[str, Any]:
    """Return the data that were fitted, from the tree."""
    constant = at_hand.tree["constant_data"].to_dataset()
    data: dict[str, Any] = {str(k): v.values for k, v in constant.data_vars.items()}
    data["y"] = at_hand.tree["observed_data"].to_dataset()["y"].values
    data["J"] = len(data["y"])
    return data
