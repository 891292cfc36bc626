"""The bundled example data: values, sources, and the priors that go with them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hbstan.data.dataset import Dataset, GroupedBinomial, GroupEstimates, ReadOnlyMap
from hbstan.data.files import near
from hbstan.errors import DataError
from hbstan.priors import Beta, Gamma, HalfCauchy, HalfNormal, Normal, Prior

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DatasetInfo", "describe", "load", "names"]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a bundled dataset.

    Parameters
    ----------
    name : str
        The name under which it is loaded.
    title : str
        One line on what was measured.
    kind : str
        ``"binomial"`` or ``"normal"``.
    source : str
        The citation.
    doi : str or None
        The source's digital object identifier, if it has one.
    note : str
        What a reader should know about the figures and the priors.
    priors : mapping of str to Prior
        A prior for each top-level parameter of the default model.
    default_model : str
        The catalogue's model that suits the data.
    family_priors : mapping of str to mapping
        The priors by family of models, ``priors`` among them.
    """

    name: str
    title: str
    kind: str
    source: str
    doi: str | None
    note: str
    priors: Mapping[str, Prior]
    default_model: str
    family_priors: Mapping[str, Mapping[str, Prior]]


@dataclass(frozen=True)
class _Entry:
    info: DatasetInfo
    data: type[Dataset]
    columns: Mapping[str, str]
    values: Mapping[str, tuple[float, ...]]


_RUBIN = (
    "Rubin DB (1981). Estimation in parallel randomized experiments. Journal of "
    "Educational Statistics 6(4), 377-401."
)
_RUBIN_DOI = "10.3102/10769986006004377"


def names() -> tuple[str, ...]:
    """Return the names of the bundled datasets, in alphabetical order."""
    return tuple(sorted(entry.info.name for entry in _entries()))


def describe(name: str) -> DatasetInfo:
    """Return what is known about a bundled dataset.

    Raises
    ------
    DataError
        If there is no dataset of that name.
    """
    return _entry(name).info


def load(name: str) -> Dataset:
    """Return a bundled dataset.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    GroupedBinomial or GroupEstimates
        With the priors that go with it in ``priors``.

    Raises
    ------
    DataError
        If there is no dataset of that name.

    Examples
    --------
    >>> from hbstan import datasets
    >>> datasets.load("surgical").J
    12
    """
    entry = _entry(name)
    values: dict[str, Any] = dict(entry.values)
    first = next(iter(entry.values.values()))
    return entry.data(
        labels=tuple("ABCDEFGHIJKL"[: len(first)]),
        name=name,
        source=entry.info.source,
        columns=entry.columns,
        priors=entry.info.priors,
        family_priors=entry.info.family_priors,
        **values,
    )


def _entry(name: str) -> _Entry:
    entries = {entry.info.name: entry for entry in _entries()}
    if name not in entries:
        known = ", ".join(sorted(entries))
        close = near(name, list(entries)) if isinstance(name, str) else []
        raise DataError(
            f"there is no bundled dataset {name!r}; legal: {known}.",
            remedy=f"Did you mean {close[0]!r}?" if close else None,
        )
    return entries[name]


def _entries() -> tuple[_Entry, ...]:
    rounded = _eight_schools()
    return (_surgical(), rounded, _eight_schools_unrounded(rounded))


def _surgical() -> _Entry:
    priors = {"mu": Normal(math.log(0.075 / 0.925), 1), "tau": HalfNormal(1)}
    beta_binomial = {"mu": Beta(2, 18), "kappa": Gamma(1.5, 0.5)}
    info = DatasetInfo(
        name="surgical",
        title="Deaths after cardiac surgery in babies, in 12 hospitals",
        kind="binomial",
        source=(
            "Spiegelhalter DJ, Thomas A, Best NG, Gilks WR (1996). BUGS 0.5 Examples "
            "Volume 1: Surgical: institutional ranking. MRC Biostatistics Unit, "
            "Cambridge."
        ),
        doi=None,
        note=(
            "208 deaths in 2,814 operations; hospital A had none in 47. The priors "
            "centre the log-odds on a mortality of 7.5 % and are weakly informative "
            "(for the beta-binomial: the mean on 10 %, the concentration on 3); "
            "BUGS itself uses vaguer ones (variance 10^6 for the mean)."
        ),
        priors=ReadOnlyMap(priors),
        default_model="logit_noncentered",
        family_priors=ReadOnlyMap(
            {
                "logit": priors,
                "beta_binomial": beta_binomial,
                "binomial_pooled": {"mu": priors["mu"]},
                "logit_student_t": priors,
                "logit_mixture": {"mu_low": priors["mu"]},
            }
        ),
    )
    values = {
        "n": (47, 148, 119, 810, 211, 196, 148, 215, 207, 97, 256, 360),
        "y": (0, 18, 8, 46, 8, 13, 9, 31, 14, 8, 29, 24),
    }
    columns = {"group": "hospital", "trials": "n", "events": "r"}
    return _Entry(info, GroupedBinomial, columns, values)


def _eight_schools() -> _Entry:
    priors = {"mu": Normal(0, 5), "tau": HalfCauchy(5)}
    info = DatasetInfo(
        name="eight_schools",
        title="Effects of coaching on SAT-V scores, in 8 schools",
        kind="normal",
        source=_RUBIN,
        doi=_RUBIN_DOI,
        note=(
            "Estimates and standard errors in points of the test, rounded to whole "
            "points as they are usually quoted. The source gives effects and standard "
            "errors: a table with sample sizes in their place is something else."
        ),
        priors=ReadOnlyMap(priors),
        default_model="eight_schools_noncentered",
        family_priors=ReadOnlyMap(
            {"eight_schools": priors, "normal_pooled": {"mu": priors["mu"]}}
        ),
    )
    values = {
        "y": (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0),
        "sigma": (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0),
    }
    columns = {"group": "school", "estimate": "y", "se": "sigma"}
    return _Entry(info, GroupEstimates, columns, values)


def _eight_schools_unrounded(rounded: _Entry) -> _Entry:
    priors = {"mu": Normal(0, 20), "tau": HalfCauchy(10)}
    info = replace(
        rounded.info,
        name="eight_schools_unrounded",
        title="Effects of coaching on SAT-V scores, in 8 schools, not rounded",
        note=(
            "The figures of eight_schools before rounding: estimates to two decimals, "
            "standard errors to one. The priors are wider than those of "
            "eight_schools."
        ),
        priors=ReadOnlyMap(priors),
        family_priors=ReadOnlyMap(
            {"eight_schools": priors, "normal_pooled": {"mu": priors["mu"]}}
        ),
    )
    values = {
        "y": (28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16),
        "sigma": (14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6),
    }
    return replace(rounded, info=info, values=values)
