"""The criteria that a workflow judges by: data, fixed before the first fit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from hbstan.errors import SettingsError
from hbstan.loo.ladder import RUNGS
from hbstan.predictive.statistics import statistics_for
from hbstan.text import read_text
from hbstan.workflow.rules import (
    Choice,
    Flag,
    Names,
    Number,
    faults_of,
    nearest,
    read_values,
    refuse,
    ruled,
)

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


#: The names of all statistics of the posterior predictive, of any kind of data.
_ALL = tuple(
    dict.fromkeys(
        (
            *_STATISTICS,
            *(
                one.name
                for kind in ("binomial", "normal", "real", "count", "binary")
                for one in statistics_for(kind)
            ),
        )
    )
)

_INF = float("inf")
_PROBABILITY = Number(0, 1, "between 0 and 1", open=True)
_SHARE = Number(0, 1, "from 0 to 1")
_ABOVE_0 = Number(0, _INF, "above 0", open=True)
_ABOVE_1 = Number(1, _INF, "above 1", open=True)
_FROM_0 = Number(0, _INF, "0 or more")
_COUNT = Number(0, 2**31 - 1, "0 or more", whole=True)
_COUNT_1 = Number(1, 2**31 - 1, "1 or more", whole=True)
_SECONDS = Number(1e-3, 1e9, "of seconds, or 0 for the default", or_zero=True)


class _Section:
    """Criteria of one stage: whole and legal, or not made at all."""

    def __post_init__(self) -> None:
        where = type(self).__name__
        given = {part.name: getattr(self, part.name) for part in fields(self)}  # type: ignore[arg-type]
        refuse(faults_of(where, type(self), given))
        values, _ = read_values(where, type(self), given)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @staticmethod
    def contradictions(values: Mapping[str, Any]) -> list[str]:
        """Return what legal values say against each other, without the section."""
        return []


@dataclass(frozen=True)
class DataCriteria(_Section):
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

    min_groups: int = ruled(3, _COUNT_1)
    alpha: float = ruled(0.01, _PROBABILITY)
    gates: tuple[str, ...] = ruled(
        ("groups", "information", "size_against_rate"),
        Names(("groups", "information", "size_against_rate", "trend", "separation")),
    )


@dataclass(frozen=True)
class PriorCriteria(_Section):
    """Of the prior predictive check; its limits are those of ``prior_predictive``.

    Parameters
    ----------
    draws : int
        Simulated data sets.
    gates : tuple of str
        The checks that must pass.
    """

    draws: int = ruled(10_000, Number(100, 10**7, "from 100 to 10000000", whole=True))
    gates: tuple[str, ...] = ruled(
        ("range_covered", "not_too_narrow"),
        Names(("range_covered", "not_too_narrow", "not_too_wide")),
    )


@dataclass(frozen=True)
class CalibrationCriteria(_Section):
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
    fit_timeout : float
        Seconds that each simulation may take; 0 for the rule of
        :func:`hbstan.sbc.run.sbc`.
    gates : tuple of str
        The checks that must pass.
    """

    n_sims: int = ruled(400, Number(1, 10**7, "from 1 to 10000000", whole=True))
    pilot: int = ruled(10, _COUNT)
    iter_warmup: int = ruled(500, _COUNT)
    iter_sampling: int = ruled(500, _COUNT_1)
    retry_iter_warmup: int = ruled(1000, _COUNT)
    retry_iter_sampling: int = ruled(2000, _COUNT)
    alpha: float = ruled(0.01, _PROBABILITY)
    power: float = ruled(0.8, _PROBABILITY)
    shift: float = ruled(0.3, _ABOVE_0)
    scale: float = ruled(1.5, _ABOVE_1)
    rhat: float = ruled(1.1, _ABOVE_1)
    ess: float = ruled(20.0, _FROM_0)
    failed_share: float = ruled(0.01, _SHARE)
    unconverged_share: float = ruled(0.05, _SHARE)
    fit_timeout: float = ruled(0.0, _SECONDS)
    gates: tuple[str, ...] = ruled(
        ("failures", "convergence", "divergences", "uniformity", "power"),
        Names(("failures", "convergence", "divergences", "uniformity", "power")),
    )

    @staticmethod
    def contradictions(values: Mapping[str, Any]) -> list[str]:
        """Return what legal values say against each other."""
        out = []
        if values["power"] <= values["alpha"]:
            out.append(
                f"power is {values['power']:g}, but must be above alpha "
                f"({values['alpha']:g}), which a test reaches by chance"
            )
        return out


@dataclass(frozen=True)
class FitCriteria(_Section):
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
    timeout : float
        Seconds that each fit of the data may take; 0 for as long as it takes.
    gates : tuple of str
        The checks that must pass.
    """

    rhat: float = ruled(1.01, _ABOVE_1)
    ess_per_chain: float = ruled(100.0, _FROM_0)
    divergences: int = ruled(0, _COUNT)
    saturated: int = ruled(0, _COUNT)
    bfmi: float = ruled(0.3, Number(0, 2, "from 0 to 2"))
    retry_adapt_delta: float = ruled(
        0.99, Number(0, 1, "between 0 and 1, or 0", open=True, or_zero=True)
    )
    retry_draws: int = ruled(2, Number(1, 1000, "from 1 to 1000", whole=True))
    retry_parameterization: bool = ruled(True, Flag())
    timeout: float = ruled(0.0, _SECONDS)
    gates: tuple[str, ...] = ruled(
        (
            *("draws", "rhat", "ess_bulk", "ess_tail", "divergences", "bfmi"),
            "agrees_with_exact",  # of models that have an exact form
        ),
        Names(
            (
                *("draws", "rhat", "ess_bulk", "ess_tail", "divergences", "bfmi"),
                *("treedepth", "agrees_with_exact"),
            )
        ),
    )


@dataclass(frozen=True)
class PosteriorCriteria(_Section):
    """Of the posterior predictive check.

    Parameters
    ----------
    alpha : float
        Limit of two-sided predictive p-values.
    gates : tuple of str
        The checks that must pass; a model has only those of its kind of data.
        Replicates of new groups are named with ``new_groups_`` before the statistic.
    """

    alpha: float = ruled(0.01, _PROBABILITY)
    gates: tuple[str, ...] = ruled(
        (
            *_STATISTICS,
            # Whether predictions of new groups are as wide as they should be is asked
            # by cross-validation, without letting a group predict itself.
            *(f"{_NEW}{name}" for name in _STATISTICS if name != "coverage"),
        ),
        Names((*_ALL, *(f"{_NEW}{name}" for name in _ALL))),
    )


@dataclass(frozen=True)
class CrossValidationCriteria(_Section):
    """Of cross-validation.

    Parameters
    ----------
    highest : str
        The dearest rung of the ladder that is allowed; see :func:`hbstan.loo.loo`.
    alpha : float
        Limit of the p-value of the leave-one-out PIT values.
    fit_timeout : float
        Seconds that each refit may take; 0 for the rule of :func:`hbstan.refit.refit`.
    gates : tuple of str
        The checks that must pass.
    """

    highest: str = ruled("exact", Choice(RUNGS))
    alpha: float = ruled(0.01, _PROBABILITY)
    fit_timeout: float = ruled(0.0, _SECONDS)
    gates: tuple[str, ...] = ruled(
        ("loo_draws", "pareto_k", "refits", "loo_pit"),
        Names(("loo_draws", "pareto_k", "refits", "loo_pit")),
    )


@dataclass(frozen=True)
class SensitivityCriteria(_Section):
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
    fit_timeout : float
        Seconds that each refit may take; 0 for the rule of :func:`hbstan.refit.refit`.
    gates : tuple of str
        The checks that must pass.
    """

    power_scaling: float = ruled(0.05, _ABOVE_0)
    swap: float = ruled(0.5, _ABOVE_0)
    swap_far: float = ruled(1.0, _ABOVE_0)
    influence: float = ruled(1.0, _ABOVE_0)
    influence_far: float = ruled(2.0, _ABOVE_0)
    max_left_out: int = ruled(20, _COUNT_1)
    fit_timeout: float = ruled(0.0, _SECONDS)
    gates: tuple[str, ...] = ruled(
        ("prior_decides", "group_decides"),
        Names(
            (
                *("prior_decides", "group_decides"),
                *("prior_sensitivity", "prior_swaps", "influence"),
            )
        ),
    )

    @staticmethod
    def contradictions(values: Mapping[str, Any]) -> list[str]:
        """Return what legal values say against each other."""
        return [
            f"{near}_far is {values[f'{near}_far']:g}, but must be at least {near} "
            f"({values[near]:g})"
            for near in ("swap", "influence")
            if values[f"{near}_far"] < values[near]
        ]


@dataclass(frozen=True)
class ComparisonCriteria(_Section):
    """Of the comparison of models; a single model is compared with nothing.

    Parameters
    ----------
    gates : tuple of str
        ``"predicts"``: no other model predicts clearly better, that is, by more than
        twice the standard error of the difference and more than 4 nats.
    """

    gates: tuple[str, ...] = ruled(("predicts",), Names(("predicts",)))


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
            If the file cannot be read, or names or values are illegal: all of them
            at once, with file, section and key.
        """
        if source is None:
            return cls()
        if isinstance(source, Criteria):
            return source
        if isinstance(source, Mapping):
            return cls.from_mapping(source)
        if not isinstance(source, str | Path):
            raise SettingsError(
                f"criteria is of type {type(source).__name__}, but must be Criteria, a "
                "mapping by stage, or the path of a TOML file."
            )
        return cls.from_mapping(_read_toml(Path(source)), source=repr(str(source)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, source: str = "") -> Criteria:
        """Return the defaults with what ``values`` gives, by stage and name.

        Parameters
        ----------
        values : mapping
        source : str
            The file that they stand in, for messages.

        Raises
        ------
        SettingsError
            If stages, names or values are illegal: the message lists all of them.
        """
        kinds = {k: v for k, v in get_type_hints(cls).items() if k in _stages(cls)}
        faults = []
        for name, given in values.items():
            if name not in kinds:
                faults.append(_no_section(name, kinds))
            elif not isinstance(given, kinds[name]):
                faults += faults_of(name, kinds[name], given)
        refuse(faults, source)
        return cls(
            **{
                name: given if isinstance(given, kinds[name]) else kinds[name](**given)
                for name, given in values.items()
            }
        )

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
        {"criterion": f"{part}.{name}", "from": old[part].get(name), "to": value}
        for part, values in new.items()
        for name, value in values.items()
        if old[part].get(name) != value
    ]


def _stages(kind: Any) -> tuple[str, ...]:
    return tuple(part.name for part in fields(kind))


def _no_section(name: str, kinds: Mapping[str, Any]) -> str:
    """Say that there is no such section; of a criterion, in which it belongs."""
    owners = [stage for stage, kind in kinds.items() if name in _stages(kind)]
    if owners:
        return f"{name!r} stands outside of a section, but belongs in [{owners[0]}]."
    close = nearest(name, kinds)
    return f"criteria has no section {name!r}{close}; legal: {', '.join(kinds)}."


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path, "the criteria", SettingsError))
    except tomllib.TOMLDecodeError as err:
        raise SettingsError(
            f"the criteria {str(path)!r} cannot be read: {err}.",
            remedy="Give a TOML file with tables such as [calibration].",
        ) from err
