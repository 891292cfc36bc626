"""The exact posterior of a model: what a fit estimates, by sums."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hbstan import models
from hbstan.errors import ExactError, SettingsError
from hbstan.exact.forms import Solved, solve
from hbstan.exact.quantities import Quantity
from hbstan.models import Model
from hbstan.plan import Plan, plan, read
from hbstan.results import json_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.data import Dataset
    from hbstan.fit import Fit
    from hbstan.priors import Prior

__all__ = ["ExactPosterior", "exact", "exact_of_plan"]

#: Accuracy of the log evidence, and of means and sds in units of the sd.
TOLERANCE = 1e-5
_FOLDS = 6


@dataclass(frozen=True)
class ExactPosterior:
    """A posterior by quadrature: no chains, no draws, so no R-hat.

    Parameters
    ----------
    plan : Plan
        Data, labels and priors, as a fit's.
    form : Model
        The catalogue's model whose exact form was integrated.
    solved : Solved
        The integral.
    tolerance : float
        The accuracy that was asked for.
    seconds : float
        What it took.
    """

    plan: Plan
    form: Model
    solved: Solved
    tolerance: float
    seconds: float
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.plan.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups."""
        return tuple(str(label) for label in self.plan.labels.coords["group"])

    @property
    def priors(self) -> dict[str, dict[str, Any]]:
        """The priors used, each with ``prior``, ``origin`` and ``reason``."""
        return {
            name: {
                **choice.prior.record(),
                "prior": str(choice.prior),
                "origin": choice.origin,
                "reason": choice.reason,
            }
            for name, choice in self.plan.priors.items()
        }

    @property
    def log_evidence(self) -> float:
        """Log of the prior predictive density of all data in the likelihood."""
        return float(self.solved.solution.log_evidence)

    @property
    def error(self) -> float:
        """Estimated error of the log evidence, and of means and sds in sd."""
        s = self.solved.solution
        return float(s.lattice_error + s.inner_error)

    def quantities(self, probabilities: Sequence[float] = ()) -> dict[str, Quantity]:
        """Return means, sds and quantiles under the program's names.

        Parameters
        ----------
        probabilities : sequence of float
            Of the quantiles.
        """
        key = tuple(float(q) for q in probabilities)
        if key not in self._cache:
            self._cache[key] = self._quantities(key)
        found: dict[str, Quantity] = self._cache[key]
        return found

    def _quantities(self, probabilities: tuple[float, ...]) -> dict[str, Quantity]:
        solution, item = self.solved.solution, self.solved.item
        own = {k: q.of(item) for k, q in solution.quantities(probabilities).items()}
        form = self.form.exact
        assert form is not None
        out = dict(own)
        for name, source in form.names.items():
            out[name] = self._for_groups(name, own[source])
        for name, source, function in form.derived:
            found = solution.derived(source, function, probabilities)  # type: ignore[union-attr]
            out[name] = self._for_groups(name, found)
        order = [p.name for p in self.form.parameters if p.name in out]
        return {
            name: out[name] for name in [*order, *(k for k in out if k not in order)]
        }

    def _for_groups(self, name: str, q: Quantity) -> Quantity:
        """Repeat a quantity where the program has one a group."""
        if list(self.form.dims.get(name, ())) != ["group"] or q.per_group:
            return q
        once = np.zeros(len(self.labels), np.int64)
        return Quantity(q.mean, q.sd, q.quantiles, q.error, True).of(once)

    def summary(
        self, var_names: Iterable[str] | None = None, ci_prob: float = 0.94
    ) -> pd.DataFrame:
        """Return a table of the posterior, a row a quantity.

        Parameters
        ----------
        var_names : iterable of str, optional
            By default all.
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame
            ``mean``, ``sd``, ``lower``, ``median``, ``upper`` and ``error``, the
            estimated error of mean and sd in units of the sd. NaN where a heavy tail
            leaves no mean or sd, and for quantiles of what is no monotone function of
            one hyperparameter.
        """
        tail = _tail(ci_prob)
        found = self.quantities((tail, 0.5, 1.0 - tail))
        names = list(found) if var_names is None else [*var_names]
        self._refuse_unknown(names, found)
        rows, labels = {}, self.labels
        for name in names:
            q = found[name]
            for i, mean in enumerate(q.mean):
                label = f"{name}[{labels[i]}]" if q.per_group else name
                low, middle, high = q.quantiles[:, i]
                rows[label] = (mean, q.sd[i], low, middle, high, q.error[i])
        columns = ["mean", "sd", "lower", "median", "upper", "error"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def _refuse_unknown(self, names: Iterable[str], known: Mapping[str, Any]) -> None:
        for name in names:
            if name not in known:
                raise ExactError(
                    f"the exact posterior has no {name!r}; it has {', '.join(known)}."
                )

    def groups(self, ci_prob: float = 0.94) -> pd.DataFrame:
        """Return each group's estimate, as :meth:`hbstan.fit.Fit.groups` does."""
        tail = _tail(ci_prob)
        q = self.quantities((tail, 1.0 - tail))[self.form.estimate]
        stan = self.plan.stan
        if "n" in stan and "ss" not in stan:
            trials, events = np.asarray(stan["n"]), np.asarray(stan["y"])
            with np.errstate(invalid="ignore"):
                raw = {"raw": events / trials, "trials": trials, "events": events}
        else:
            raw = {"raw": np.asarray(stan["y"])}
            raw |= {"sigma": np.asarray(stan["sigma"])} if "sigma" in stan else {}
        columns = {
            **raw,
            "mean": q.mean,
            "sd": q.sd,
            "lower": q.quantiles[0],
            "upper": q.quantiles[1],
        }
        return pd.DataFrame(columns, index=pd.Index(self.labels, name="group"))

    def loo(self) -> pd.DataFrame:
        """Return each group's log density given the other groups.

        Returns
        -------
        pandas.DataFrame
            ``elpd`` and ``error`` by group, without those that were held out.
        """
        if "loo" not in self._cache:
            elpd, error = self.solved.solution.left_out()
            item, labels = self.solved.item, pd.Index(self.labels, name="group")
            self._cache["loo"] = pd.DataFrame(
                {"elpd": elpd[item], "error": error[item]}, index=labels
            )
        table: pd.DataFrame = self._cache["loo"]
        return table[self.seen]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """The groups of the likelihood."""
        return np.asarray(np.asarray(self.plan.stan["holdout"]) == 0)

    def kfold(
        self, folds: int | Sequence[Sequence[str]] = _FOLDS, seed: int = 1
    ) -> pd.DataFrame:
        """Return each group's log density given the groups of other folds.

        Parameters
        ----------
        folds : int or sequence of sequences of str
            How many, dealt at random, or the groups of each.
        seed : int
            Of the dealing.

        Returns
        -------
        pandas.DataFrame
            ``elpd``, ``error`` and ``fold`` by group.
        """
        used = [label for label, s in zip(self.labels, self.seen, strict=True) if s]
        if isinstance(folds, int):
            if not 2 <= folds <= len(used):
                raise SettingsError(
                    f"folds is {folds}, but must be from 2 to {len(used)}, the groups "
                    "in the likelihood."
                )
            order = np.random.default_rng(seed).permutation(used)
            folds = [[str(x) for x in order[k::folds]] for k in range(folds)]
        if sorted(x for fold in folds for x in fold) != sorted(used):
            raise SettingsError(
                f"the folds are {[list(fold) for fold in folds]}, but must hold each "
                f"of {', '.join(used)} once."
            )
        parts = []
        for number, fold in enumerate(folds):
            left = self._without(fold)
            elpd, error = left.solution.left_out()
            place = [self.labels.index(label) for label in fold]
            item = left.item[place]
            columns = {"elpd": elpd[item], "error": error[item], "fold": number}
            parts.append(pd.DataFrame(columns, index=pd.Index(fold, name="group")))
        return pd.concat(parts).loc[used]

    def _without(self, labels: Iterable[str]) -> Solved:
        out = set(labels)
        seen = self.seen & np.array([label not in out for label in self.labels])
        return _solved(self.plan, self.form, seen, self.tolerance)

    def cdf(self, values: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        """Return the posterior probability of lying below given values.

        Parameters
        ----------
        values : mapping of str to float or array
            By parameter; one a group where the parameter is a group's.

        Returns
        -------
        dict of str to ndarray
        """
        form, out = self.form.exact, {}
        assert form is not None
        functions = {name: rest for name, *rest in form.derived}
        self._refuse_unknown(values, self.quantities())
        for name, value in values.items():
            x = np.asarray(value, dtype=float)
            source, function = functions.get(
                name, (form.names.get(name, name), "identity")
            )
            if function != "identity" or source == "p":
                raise ExactError(
                    f"the distribution function of {name} is that of another quantity.",
                    remedy=f"Give the value of {source if source != 'p' else 'theta'}.",
                )
            out[name] = self._below(source, x)
        return out

    def _below(self, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if name != "theta":
            return np.atleast_1d(self.solved.solution.below(name, x))
        item = self.solved.item
        x = np.broadcast_to(x, item.shape)
        # Groups of one outcome may be asked for different values: as many rounds.
        out, todo = np.full(item.shape, np.nan), np.ones(item.shape, bool)
        while todo.any():
            groups = np.flatnonzero(todo)
            items, first = np.unique(item[groups], return_index=True)
            given = np.zeros(int(item.max()) + 1)
            given[items] = x[groups[first]]
            found = self.solved.solution.below("theta", given)
            out[groups[first]] = found[items]
            todo[groups[first]] = False
        return out

    def draws(self, draws: int = 4000, seed: int = 1) -> Fit:
        """Return independent draws as a fit, for everything that works on one.

        Parameters
        ----------
        draws : int
            In one chain: there is no more than one, and no sampler.
        seed : int

        Returns
        -------
        Fit
        """
        from hbstan.exact.draws import tree
        from hbstan.fit import Fit

        return Fit(tree(self, draws, seed))

    def record(self) -> dict[str, Any]:
        """Return what was found as JSON-ready data."""
        table, left = self.summary(), self.loo()
        return {
            "method": "exact: quadrature, no chains, no R-hat",
            "model": self.model,
            "data_name": self.plan.data_name,
            "data_hash": self.plan.data_hash,
            "priors": self.priors,
            "log_evidence": json_number(self.log_evidence),
            "error": json_number(self.error),
            "seconds": self.seconds,
            "posterior": {
                str(name): {str(k): json_number(v) for k, v in row.items()}
                for name, row in table.iterrows()
            },
            "loo": {
                "elpd": json_number(float(left["elpd"].sum())),
                "groups": {str(k): json_number(v) for k, v in left["elpd"].items()},
            },
        }

    def __repr__(self) -> str:
        return (
            f"<Exact posterior of {self.model} on {self.plan.data_name}: quadrature, "
            f"error {self.error:.1g}>"
        )


def _tail(ci_prob: float) -> float:
    if not 0.0 < ci_prob < 1.0:
        raise SettingsError(f"ci_prob is {ci_prob!r}, but must lie between 0 and 1.")
    return (1.0 - ci_prob) / 2.0


def exact(
    model: str | Model,
    data: Dataset | Mapping[str, Any] | str | Path,
    *,
    priors: Mapping[str, Prior | str] | None = None,
    holdout: Iterable[str | int] | str | None = None,
    tolerance: float = TOLERANCE,
) -> ExactPosterior:
    """Integrate a model's posterior instead of sampling from it.

    Parameters
    ----------
    model : str or Model
        A model of the catalogue, or a family such as ``"logit"``.
    data : Dataset, str or pathlib.Path
        As for :func:`hbstan.fit.fit`.
    priors : mapping of str to Prior or str, optional
    holdout : iterable of labels, ``"all"``, optional
        Groups that the likelihood does not see.
    tolerance : float
        Accuracy of the log evidence, and of means and sds in units of the sd.

    Returns
    -------
    ExactPosterior

    Raises
    ------
    ExactError
        If the model has no exact form, or the tolerance cannot be reached.

    Examples
    --------
    >>> import hbstan as hb
    >>> found = hb.exact("logit", "surgical")
    >>> round(float(found.quantities()["mu"].mean[0]), 2)
    -2.56
    """
    if not 0.0 < tolerance < 1.0:
        raise SettingsError(
            f"tolerance is {tolerance!r}, but must lie between 0 and 1."
        )
    entry = _entry(model)
    decided = plan(entry, read(data), priors, holdout, False)
    return exact_of_plan(decided, entry, tolerance=tolerance)


def exact_of_plan(
    decided: Plan, form: Model, *, tolerance: float = TOLERANCE
) -> ExactPosterior:
    """Integrate the posterior of what has been decided; see :func:`exact`."""
    started = time.perf_counter()
    seen = np.asarray(decided.stan["holdout"]) == 0
    solved = _solved(decided, form, seen, tolerance)
    seconds = time.perf_counter() - started
    return ExactPosterior(decided, form, solved, tolerance, seconds)


def _solved(
    decided: Plan, form: Model, seen: NDArray[np.bool_], tolerance: float
) -> Solved:
    own = form.exact
    if own is None:
        raise _no_form(form.name)
    arrays = {
        name: np.asarray(decided.stan[stan], dtype=float)
        for name, stan in own.data.items()
    }
    priors = {name: choice.prior for name, choice in decided.priors.items()}
    return solve(own.family, arrays, priors, seen, tolerance)


def _entry(model: str | Model) -> Model:
    """Return the catalogue's entry; of a family, the first with an exact form."""
    if isinstance(model, Model):
        return model
    entries = [models.get(name) for name in models.names()]
    for entry in entries:
        if entry.family == str(model) and entry.exact is not None:
            return entry
    found = models.get(str(model))
    if found.exact is None:
        raise _no_form(found.name)
    return found


def _no_form(name: str) -> ExactError:
    every = [n for n in models.names() if models.get(n).exact is not None]
    return ExactError(
        f"{name} has no exact form; these have: {', '.join(every)}.",
        remedy="Sample from it with hb.fit.",
    )
