"""Fit: model, data and backend in, a labelled posterior with provenance out."""

from __future__ import annotations

import json
import secrets
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.convert import stored_data, to_tree
from hbstan.data.systems import kinds, restore
from hbstan.diagnostics import Thresholds, columns_of, diagnose
from hbstan.errors import EngineWarning, FitError
from hbstan.parameterization import PILOT, choose_form
from hbstan.plan import Plan, plan, read
from hbstan.program import declared
from hbstan.provenance import attributes, renaming
from hbstan.saved_fit import IN_JSON, require_fit
from hbstan.storage import load_tree, save_tree
from hbstan.summaries import summarise
from hbstan.types import Inits, Progress, SamplerSettings

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hbstan.data import Dataset
    from hbstan.models import Model
    from hbstan.priors import Prior
    from hbstan.results import Checks
    from hbstan.types import Backend

__all__ = ["Fit", "fit", "fit_plan"]


@dataclass(frozen=True)
class Fit:
    """A fitted model: a labelled tree of draws and how it came about.

    Parameters
    ----------
    tree : xarray.DataTree
        ArviZ's groups: ``posterior``, ``posterior_predictive``, ``log_likelihood``,
        ``log_likelihood_group``, ``log_prior``, ``sample_stats``,
        ``observed_data``, ``constant_data``, and the warmup's groups if saved. The
        provenance is in the root's attributes.
    warned : tuple of str
        What was warned of when this was fitted; :attr:`console` keeps it.
    """

    tree: xr.DataTree
    warned: tuple[str, ...] = ()

    @property
    def provenance(self) -> dict[str, Any]:
        """What the fit was made from: hashes, priors, seed, backend, versions."""
        return {
            str(name): json.loads(value)
            if name in IN_JSON
            else getattr(value, "item", lambda v=value: v)()
            for name, value in self.tree.attrs.items()
        }

    @property
    def console(self) -> str:
        """What engine and program said beside what an engine always says."""
        return str(self.tree.attrs.get("console", ""))

    @property
    def model(self) -> str:
        """Name of the model or program."""
        return str(self.tree.attrs["model"])

    @property
    def backend(self) -> str:
        """Name of the backend that sampled."""
        return str(self.tree.attrs["backend"])

    @property
    def data_kind(self) -> str:
        """Kind of the data: ``binomial``, ``normal``, one of ``hb.data``, or empty."""
        return str(self.tree.attrs.get("data_kind", ""))

    @property
    def priors(self) -> dict[str, dict[str, Any]]:
        """The priors used, each with ``prior``, ``origin`` and ``reason``."""
        record: dict[str, dict[str, Any]] = self.provenance["priors"]
        return record

    @property
    def parameterization(self) -> dict[str, Any]:
        """The form that the sampler moved in, and why it was chosen.

        ``asked``, ``form``, ``reason`` and ``weights``, as
        :mod:`hbstan.parameterization` describes them.
        """
        record: dict[str, Any] = self.provenance.get("parameterization", {})
        return record

    @property
    def renamed(self) -> dict[str, str]:
        """Variables of the program that the tree keeps under another name.

        A parameter called ``draw``, say, is ``draw__``, as ``draw`` is a dimension.
        """
        names: dict[str, str] = self.provenance.get("renamed", {})
        return names

    @property
    def sampled(self) -> dict[str, xr.DataArray]:
        """Draws of the program's parameters, dims (chain, draw, ...), by Stan's name.

        Empty if the backend did not tell which variables they are.
        """
        posterior, renamed = self.posterior, self.renamed
        return {
            name: posterior[renamed.get(name, name)].transpose("chain", "draw", ...)
            for name in self.provenance.get("sampled", ())
            if renamed.get(name, name) in posterior
        }

    @property
    def posterior(self) -> xr.Dataset:
        """The posterior group as a dataset."""
        return self.tree["posterior"].to_dataset()

    def diagnose(self, thresholds: Thresholds | None = None) -> Checks:
        """Check whether the draws can be trusted; see :mod:`hbstan.diagnostics`."""
        return diagnose(self.tree, thresholds)

    def summary(
        self, var_names: Iterable[str] | None = None, ci_prob: float = 0.94
    ) -> pd.DataFrame:
        """Summarise the posterior.

        Parameters
        ----------
        var_names : iterable of str, optional
            Variables; by default the model's own, without the standardised ``z``.
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame
            Mean, sd, interval bounds, bulk and tail ESS, R-hat and MCSE, unrounded.
            The tail ESS is that of :meth:`diagnose`, for the 5 % and 95 %
            quantiles.
        """
        _check_probability(ci_prob)
        known = [str(v) for v in self.posterior.data_vars]
        wanted = [v for v in known if v != "z"] if var_names is None else [*var_names]
        for name in wanted:
            if name not in known:
                raise FitError(
                    f"the posterior has no variable {name!r}; it has "
                    f"{', '.join(known)}."
                )
        return summarise([*columns_of(self.posterior[wanted])], ci_prob)

    def groups(self, ci_prob: float = 0.94) -> pd.DataFrame:
        """Set each group's estimate beside its raw one.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame
            Indexed by group label (or that of what the model estimates: teams,
            items): ``raw`` (the events per trial, or the estimate; NaN for a group
            without trials; absent where a group has no raw estimate), ``mean``,
            ``sd``, ``lower`` and ``upper`` of the posterior on the same scale,
            ``trials`` and ``events`` for binomial data, ``sigma`` for estimates.

        Raises
        ------
        FitError
            If the fit is not of a catalogue model with groups.
        """
        import pandas as pd

        _check_probability(ci_prob)
        variable = self.estimate
        if variable is None:
            raise FitError(
                f"{self.model} is not like any model of the catalogue, so its group "
                "estimates are not known by name.",
                remedy="Use fit.summary or fit.posterior.",
            )
        draws = self.posterior[variable]
        over = ("chain", "draw")
        tail = (1.0 - ci_prob) / 2.0
        bounds = draws.quantile([tail, 1.0 - tail], dim=over).values
        columns = {
            **self._raw(draws),
            "mean": draws.mean(over).values,
            "sd": draws.std(over, ddof=1).values,
            "lower": bounds[0],
            "upper": bounds[1],
        }
        (dim,) = (d for d in draws.dims if d not in over)
        return pd.DataFrame(columns, index=pd.Index(draws[dim].values, name="group"))

    def _raw(self, draws: xr.DataArray) -> dict[str, Any]:
        """Return raw estimates of the groups, and their sizes, as far as they exist."""
        import numpy as np

        stan, coords = stored_data(self.tree)
        if "group" not in draws.dims:
            return {}
        if self.data_kind in kinds():
            raw = restore(self.data_kind, stan, coords, self.model).raw()
            return {} if raw is None else {"raw": raw}
        if "n" in stan:
            with np.errstate(invalid="ignore"):
                raw = stan["y"] / stan["n"]
            return {"raw": raw, "trials": stan["n"], "events": stan["y"]}
        return {"raw": stan["y"], "sigma": stan["sigma"]}

    @property
    def estimate(self) -> str | None:
        """The variable on the scale of the raw group estimates, if known."""
        if self.like is None or self.like.estimate not in self.posterior:
            return None
        return self.like.estimate

    @property
    def like(self) -> Model | None:
        """The catalogue's model that was fitted, or edited into what was fitted."""
        name = str(self.tree.attrs.get("like", ""))
        return models.get(name) if name in models.names() else None

    def save(self, path: str | Path) -> Path:
        """Write the fit to a netCDF file with a checksum, atomically.

        Parameters
        ----------
        path : str or pathlib.Path
            Usually ending in ``.nc``. An existing file is replaced once the new one
            is complete.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        FitError
            If the file cannot be written.
        """
        path = Path(path)
        save_tree(self.tree, path)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Fit:
        """Read a fit that :meth:`save` wrote.

        Its checksum is verified. A file without one, of an older hbstan or written
        by another program, is read with a warning that damage cannot be noticed.

        Raises
        ------
        FitError
            If there is no such file, it is damaged, or it is no fit.
        """
        return cls(load_tree(Path(path), require_fit))

    def __repr__(self) -> str:
        sizes = self.posterior.sizes
        return (
            f"<Fit of {self.model} on {self.tree.attrs['data_name']} by "
            f"{self.backend}: {sizes['chain']} chains x {sizes['draw']} draws>"
        )


def fit(
    model: str | Path | Model,
    data: Dataset | Mapping[str, Any] | str | Path,
    *,
    priors: Mapping[str, Prior | str] | None = None,
    holdout: Iterable[str | int] | str | None = None,
    predictive: bool = True,
    parameterization: str | None = None,
    weights: Mapping[str, float] | Sequence[float] | None = None,
    seed: int | None = None,
    chains: int = 4,
    iter_warmup: int = 1000,
    iter_sampling: int = 1000,
    adapt_delta: float = 0.95,
    max_treedepth: int = 10,
    thin: int = 1,
    save_warmup: bool = False,
    metric: str = "diag_e",
    step_size: float | None = None,
    inits: Inits = None,
    parallel_chains: int | None = None,
    timeout: float | None = None,
    backend: str | Backend = "auto",
    progress: Progress | None = None,
) -> Fit:
    """Fit a model of the catalogue, or a Stan program of your own.

    Parameters
    ----------
    model : str, pathlib.Path or Model
        A catalogue name such as ``"logit_noncentered"``, a family of models such as
        ``"logit"``, whose form is then chosen, or the path of a ``.stan`` file.
    data : Dataset, mapping, str or pathlib.Path
        A dataset (:mod:`hbstan.data`), the name of a bundled one, or, for a program
        of your own, its Stan data as a mapping.
    priors : mapping of str to Prior or str, optional
        Priors by parameter; see :func:`hbstan.models.resolve_priors`.
    holdout : iterable of labels, ``"all"``, optional
        Groups that the likelihood does not see; ``"all"`` samples the prior.
    predictive : bool
        Compute ``y_rep`` and the pointwise log likelihoods.
    parameterization : str, optional
        ``"auto"``, ``"centered"``, ``"noncentered"``, ``"partial"`` or ``"marginal"``:
        the form of the model, see :mod:`hbstan.parameterization`. By default
        ``"auto"`` for a family. What was chosen is in ``fit.parameterization``.
    weights : mapping of str to float, or sequence of float, optional
        How far each group is centered, from 0 to 1, for programs that take it as data;
        by default as the form was chosen, or 0.
    seed : int, optional
        By default a fresh one, which is recorded.
    chains, iter_warmup, iter_sampling, adapt_delta, max_treedepth, thin, \
save_warmup, metric, step_size, inits, parallel_chains, timeout
        See :class:`hbstan.types.SamplerSettings`.
    backend : str or Backend
        ``"auto"``, ``"cmdstan"`` or ``"stanli"``; see
        :func:`hbstan.backends.choose`.
    progress : Progress, optional
        Called as ``progress(step, done, total)``.

    Returns
    -------
    Fit

    Raises
    ------
    HbstanError
        One of its children: bad data, priors or settings, an engine's failure.

    Warns
    -----
    EngineWarning
        Of what the engine warns, for instance that parts of the program run slowly,
        and of variables that cannot keep their names.
        What else engine and program said is in ``fit.console``.

    Examples
    --------
    >>> import hbstan as hb
    >>> fit = hb.fit("logit_noncentered", "surgical", seed=42, backend="stanli")
    >>> round(float(fit.posterior["mu"].mean()), 1)
    -2.6
    """
    from hbstan.backends import choose

    settings = SamplerSettings(
        seed=secrets.randbits(31) if seed is None else seed,
        chains=chains,
        iter_warmup=iter_warmup,
        iter_sampling=iter_sampling,
        adapt_delta=adapt_delta,
        max_treedepth=max_treedepth,
        thin=thin,
        save_warmup=save_warmup,
        metric=metric,
        step_size=step_size,
        inits=inits,
        parallel_chains=parallel_chains,
        timeout=timeout,
    )
    engine, data = choose(backend), read(data)

    def pilot(name: str) -> xr.Dataset:
        short = replace(settings, **PILOT, thin=1, save_warmup=False, inits=None)
        decided = plan(name, data, priors, holdout, False)
        made = fit_plan(decided, short, engine, progress=progress, apart=True)
        return made.posterior

    form = choose_form(model, parameterization, data, pilot)
    own = form.weights if weights is None else weights
    decided = plan(form.model, data, priors, holdout, predictive, own)
    made = fit_plan(decided, settings, engine, progress=progress, apart=True)
    made.tree.attrs["parameterization"] = json.dumps(form.record())
    for text in made.warned:
        warnings.warn(f"{made.model}: {text}", EngineWarning, stacklevel=2)
    return made


def fit_plan(
    decided: Plan,
    settings: SamplerSettings,
    engine: Backend,
    *,
    progress: Progress | None = None,
    apart: bool = False,
) -> Fit:
    """Fit what has been decided.

    Parameters
    ----------
    decided : Plan
        Program, data, labels and priors.
    settings : SamplerSettings
    engine : Backend
    progress : Progress, optional
        Called as ``progress(step, done, total)``.
    apart : bool
        If there is a time limit, fit where no engine escapes it: what works in this
        process gets one of its own.

    Returns
    -------
    Fit

    Raises
    ------
    HbstanError
        What the engine raises.
    """
    from hbstan.backends.apart import sampler

    started = time.time()
    sample = sampler(engine, settings) if apart else engine.sample
    raw = sample(decided.program, decided.stan, settings, progress=progress)
    kinds = declared(decided.program).outputs
    attrs = attributes(decided, settings, engine.name, raw, kinds, started)
    tree = to_tree(
        raw,
        decided.stan,
        labels=decided.labels,
        kinds=kinds,
        max_treedepth=settings.max_treedepth,
        attrs=attrs,
    )
    made = Fit(tree)
    return replace(made, warned=(*raw.warned, *renaming(made.renamed)))


def _check_probability(ci_prob: float) -> None:
    if not isinstance(ci_prob, int | float) or not 0 < ci_prob < 1:
        raise FitError(f"ci_prob is {ci_prob!r}, but must lie between 0 and 1.")
