"""The criteria that a workflow judges by: data, fixed before the first fit."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from hbstan.errors import SettingsError

__all__ = [
    "CalibrationCriteria",
    "ComparisonCriteria",
    "Criteria",
    "CrossValidationCriteria",
    "DataCriteria",
    "FitCriteria",
    "PosteriorCriteria",
    "PriorCriteria",
    "SensitivityCriteria",
    "changes",
]

#: The prefix of statistics of new groups, as checks of the posterior predictive.
_NEW = "new_groups_"
_STATISTICS = (
    *("total", "mean", "between_group_variance", "variance", "max", "min"),
    *("sd", "zeros", "between"),
    "coverage",
)


@dataclass(frozen=True)
class DataCriteria:
    """Of the description of the data.

    Parameters
    ----------
    min_groups : int
        Fewer groups say next to nothing about how groups differ.
    alpha : float
        Limit of the p-values of exchangeability.
    gates : tuple of str
        The checks that must pass.
    """

    min_groups: int = 3
    alpha: float = 0.01
    gates: tuple[str, ...] = ("groups", "information", "size_against_rate")


@dataclass(frozen=True)
class PriorCriteria:
    """Of the prior predictive check; its limits are those of ``prior_predictive``.

    Parameters
    ----------
    draws : int
        Simulated data sets.
    gates : tuple of str
        The checks that must pass.
    """

    draws: int = 10_000
    gates: tuple[str, ...] = ("range_covered", "not_too_narrow")


@dataclass(frozen=True)
class CalibrationCriteria:
    """Of simulation-based calibration; see :class:`hbstan.sbc.limits.Limits`.

    Parameters
    ----------
    n_sims : int
        Number of simulations.
    pilot : int
        After so many, and after five and ten times as many, the calibration stops if
        it cannot pass any more; 0 for no such look.
    iter_warmup, iter_sampling : int
        Of each simulation's one chain.
    retry_iter_warmup, retry_iter_sampling : int
        If fits do not converge, the calibration is repeated once with so many, unless
        most trajectories were cut short, which more of them cannot mend; 0 for no such
        second attempt.
    alpha, power, shift, scale, rhat, ess, failed_share, unconverged_share : float
        See :class:`hbstan.sbc.limits.Limits`.
    gates : tuple of str
        The checks that must pass.
    """

    n_sims: int = 400
    pilot: int = 10
    iter_warmup: int = 500
    iter_sampling: int = 500
    retry_iter_warmup: int = 1000
    retry_iter_sampling: int = 2000
    alpha: float = 0.01
    power: float = 0.8
    shift: float = 0.3
    scale: float = 1.5
    rhat: float = 1.1
    ess: float = 20.0
    failed_share: float = 0.01
    unconverged_share: float = 0.05
    gates: tuple[str, ...] = (
        "failures",
        "convergence",
        "divergences",
        "uniformity",
        "power",
    )


@dataclass(frozen=True)
class FitCriteria:
    """Of the fit's diagnostics; see :class:`hbstan.diagnostics.Thresholds`.

    Parameters
    ----------
    rhat, ess_per_chain, bfmi : float
    divergences, saturated : int
        See :class:`hbstan.diagnostics.Thresholds`.
    retry_adapt_delta : float
        After divergent transitions the fit is repeated once with this adapt_delta;
        0 for no such attempt.
    retry_draws : int
        After a failure of R-hat, ESS or treedepth the fit is repeated once with so
        many times the draws and a treedepth larger by 2; 1 for no such attempt.
    retry_parameterization : bool
        If fits or calibration fail in sampling, the other parameterisation of the
        same model is put through the workflow as well.
    gates : tuple of str
        The checks that must pass.
    """

    rhat: float = 1.01
    ess_per_chain: float = 100.0
    divergences: int = 0
    saturated: int = 0
    bfmi: float = 0.3
    retry_adapt_delta: float = 0.99
    retry_draws: int = 2
    retry_parameterization: bool = True
    gates: tuple[str, ...] = (
        "draws",
        "rhat",
        "ess_bulk",
        "ess_tail",
        "divergences",
        "bfmi",
    )


@dataclass(frozen=True)
class PosteriorCriteria:
    """Of the posterior predictive check.

    Parameters
    ----------
    alpha : float
        Limit of two-sided predictive p-values.
    gates : tuple of str
        The checks that must pass; a model has only those of its kind of data.
        Replicates of new groups are named with ``new_groups_`` before the statistic.
    """

    alpha: float = 0.01
    gates: tuple[str, ...] = (
        *_STATISTICS,
        # Whether predictions of new groups are as wide as they should be is asked by
        # cross-validation, without letting a group predict itself.
        *(f"{_NEW}{name}" for name in _STATISTICS if name != "coverage"),
    )


@dataclass(frozen=True)
class CrossValidationCriteria:
    """Of cross-validation.

    Parameters
    ----------
    highest : str
        The dearest rung of the ladder that is allowed; see :func:`hbstan.loo.loo`.
    alpha : float
        Limit of the p-value of the leave-one-out PIT values.
    gates : tuple of str
        The checks that must pass.
    """

    highest: str = "exact"
    alpha: float = 0.01
    gates: tuple[str, ...] = ("loo_draws", "pareto_k", "refits", "loo_pit")


@dataclass(frozen=True)
class SensitivityCriteria:
    """Of sensitivity and influence; moves are in posterior standard deviations.

    Parameters
    ----------
    power_scaling : float
        From this sensitivity on, a prior is named as a limitation.
    swap, swap_far : float
        A mean that moves so far under another prior is a limitation; and the second
        decides the check ``prior_decides``.
    influence, influence_far : float
        The same for leaving out a group; the second decides ``group_decides``.
    max_left_out : int
        Of more groups, only so many are left out: the most extreme ones.
    gates : tuple of str
        The checks that must pass.
    """

    power_scaling: float = 0.05
    swap: float = 0.5
    swap_far: float = 1.0
    influence: float = 1.0
    influence_far: float = 2.0
    max_left_out: int = 20
    gates: tuple[str, ...] = ("prior_decides", "group_decides")


@dataclass(frozen=True)
class ComparisonCriteria:
    """Of the comparison of models; a single model is compared with nothing.

    Parameters
    ----------
    gates : tuple of str
        ``"predicts"``: no other model predicts clearly better, that is, by more than
        twice the standard error of the difference and more than 4 nats.
    """

    gates: tuple[str, ...] = ("predicts",)


@dataclass(frozen=True)
class Criteria:
    """What every stage is judged by.

    Parameters
    ----------
    data, prior, calibration, fit, posterior, cross_validation, sensitivity, comparison
        The criteria of each stage.

    Examples
    --------
    >>> from hbstan.workflow import Criteria
    >>> strict = Criteria.from_mapping({"calibration": {"n_sims": 2000}})
    >>> strict.calibration.n_sims
    2000
    """

    data: DataCriteria = field(default_factory=DataCriteria)
    prior: PriorCriteria = field(default_factory=PriorCriteria)
    calibration: CalibrationCriteria = field(default_factory=CalibrationCriteria)
    fit: FitCriteria = field(default_factory=FitCriteria)
    posterior: PosteriorCriteria = field(default_factory=PosteriorCriteria)
    cross_validation: CrossValidationCriteria = field(
        default_factory=CrossValidationCriteria
    )
    sensitivity: SensitivityCriteria = field(default_factory=SensitivityCriteria)
    comparison: ComparisonCriteria = field(default_factory=ComparisonCriteria)

    @classmethod
    def read(cls, source: Criteria | Mapping[str, Any] | str | Path | None) -> Criteria:
        """Return criteria from themselves, a mapping, a TOML file, or the defaults.

        Raises
        ------
        SettingsError
            If the file cannot be read, or names or values are illegal.
        """
        if source is None:
            return cls()
        if isinstance(source, Criteria):
            return source
        if isinstance(source, Mapping):
            return cls.from_mapping(source)
        try:
            with Path(source).open("rb") as file:
                return cls.from_mapping(tomllib.load(file))
        except (OSError, tomllib.TOMLDecodeError) as err:
            raise SettingsError(
                f"the criteria {str(source)!r} cannot be read: {err}.",
                remedy="Give a TOML file with tables such as [calibration].",
            ) from err

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Criteria:
        """Return the defaults with what ``values`` gives, by stage and name.

        Raises
        ------
        SettingsError
            If a stage, a name or a value is illegal.
        """
        parts = {part.name: part for part in fields(cls)}
        _refuse_unknown("criteria", values, parts)
        types = get_type_hints(cls)
        return cls(**{name: _part(name, types[name], values[name]) for name in values})

    def record(self) -> dict[str, Any]:
        """Return the criteria as JSON-ready data."""
        return {
            part: {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
            for part, values in asdict(self).items()
        }


def changes(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what differs between two records of criteria.

    Parameters
    ----------
    old, new : mapping
        As :meth:`Criteria.record` returns them.

    Returns
    -------
    list of dict
        ``criterion`` (``"calibration.n_sims"``), ``from`` and ``to``.
    """
    return [
        {"criterion": f"{part}.{name}", "from": old[part][name], "to": value}
        for part, values in new.items()
        for name, value in values.items()
        if old[part][name] != value
    ]


def _refuse_unknown(where: str, given: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(given, Mapping):
        raise SettingsError(
            f"{where} is {given!r}, but must be a table of names and values."
        )
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SettingsError(
            f"{where} has no {unknown[0]!r}; legal: {', '.join(known)}.",
        )


def _part(stage: str, kind: Any, given: Any) -> Any:
    """Return the criteria of one stage."""
    if isinstance(given, kind):
        return given
    defaults = kind()
    _refuse_unknown(stage, given, asdict(defaults))
    return kind(
        **{
            name: _value(f"{stage}.{name}", value, getattr(defaults, name))
            for name, value in given.items()
        }
    )


def _value(name: str, value: Any, default: Any) -> Any:
    """Return a value of the default's type."""
    if isinstance(default, tuple):
        texts = isinstance(value, list | tuple)
        if texts and all(isinstance(text, str) for text in value):
            return tuple(value)
        raise SettingsError(f"{name} is {value!r}, but must be a list of names.")
    if isinstance(default, bool | str):
        if isinstance(value, type(default)):
            return value
        kind = "true or false" if isinstance(default, bool) else "a text"
        raise SettingsError(f"{name} is {value!r}, but must be {kind}.")
    whole = isinstance(default, int)
    legal = isinstance(value, int if whole else int | float)
    if isinstance(value, bool) or not legal or not 0 <= value < math.inf:
        kind = "a whole number" if whole else "a number"
        raise SettingsError(f"{name} is {value!r}, but must be {kind}, 0 or more.")
    return value if whole else float(value)
