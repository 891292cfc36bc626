"""Priors as text, as records and as Stan data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hbstan.errors import PriorError
from hbstan.priors.families import FAMILIES, Prior

__all__ = [
    "as_prior",
    "parse_assignment",
    "parse_prior",
    "prior_from_record",
    "priors_from_records",
    "stan_data",
]

#: Length of the argument vector that every Stan program declares.
MAX_ARGS = 3

_CALL = re.compile(r"\s*(?P<family>\w+)\s*\((?P<args>[^()]*)\)\s*")


def parse_prior(text: str) -> Prior:
    """Read a prior such as ``"HalfCauchy(1)"`` or ``"normal(0, 2.5)"``.

    The family's name is matched without regard to case and underscores, so that
    Stan's spelling (``student_t``, ``half_normal``) works too.

    Parameters
    ----------
    text : str
        Family and arguments, by position.

    Returns
    -------
    Prior

    Raises
    ------
    PriorError
        If the text is no call, the family is unknown, or an argument is illegal.

    Examples
    --------
    >>> from hbstan.priors import parse_prior
    >>> print(parse_prior("half_cauchy(1)"))
    HalfCauchy(1)
    """
    match = _CALL.fullmatch(text)
    known = ", ".join(FAMILIES)
    if match is None:
        raise PriorError(
            f"{text!r} is not a prior.",
            remedy=f"Write FAMILY(ARGUMENTS), e.g. HalfNormal(1); families: {known}.",
        )
    wanted = match["family"].replace("_", "").lower()
    by_name = {name.lower(): cls for name, cls in FAMILIES.items()}
    if wanted not in by_name:
        raise PriorError(
            f"unknown prior family {match['family']!r} in {text!r}.",
            remedy=f"Choose one of {known}.",
        )
    pieces = [piece.strip() for piece in match["args"].split(",")]
    return _build(by_name[wanted], pieces, text)


def _build(cls: type[Prior], pieces: list[str], text: str) -> Prior:
    names = [f.name for f in fields(cls)]
    try:
        numbers = [float(piece) for piece in pieces]
    except ValueError:
        numbers = []
    if len(numbers) != len(names):
        raise PriorError(
            f"{text!r}: {cls.__name__} takes the numbers {', '.join(names)}.",
            remedy=f"Write {cls.__name__}({', '.join(names)}) with numbers.",
        )
    return cls(*numbers)


def as_prior(name: str, prior: Any) -> Prior:
    """Return the prior of ``name``, given as an object or as text.

    Raises
    ------
    PriorError
        If it is neither, or the text is no prior.
    """
    if isinstance(prior, str):
        return parse_prior(prior)
    if isinstance(prior, Prior):
        return prior
    raise PriorError(
        f"the prior of {name} is {prior!r}, but must be a prior or its text.",
        remedy="Write e.g. hb.HalfNormal(1) or 'HalfNormal(1)'.",
    )


def parse_assignment(text: str) -> tuple[str, Prior]:
    """Read ``"tau=HalfCauchy(1)"`` into the parameter's name and its prior.

    Raises
    ------
    PriorError
        If there is no ``=``, or the right-hand side is no prior.
    """
    name, sep, prior = text.partition("=")
    if not sep or not name.strip():
        raise PriorError(
            f"{text!r} does not assign a prior.",
            remedy="Write PARAMETER=FAMILY(ARGUMENTS), e.g. tau=HalfCauchy(1).",
        )
    return name.strip(), parse_prior(prior)


def prior_from_record(record: Mapping[str, Any]) -> Prior:
    """Rebuild a prior from :meth:`Prior.record`."""
    try:
        return FAMILIES[record["family"]](*record["args"])
    except (KeyError, TypeError) as err:
        raise PriorError(f"{dict(record)!r} is not the record of a prior.") from err


def priors_from_records(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Prior]:
    """Rebuild the priors of a fit exactly: their texts are rounded for people."""
    return {name: prior_from_record(record) for name, record in records.items()}


def stan_data(priors: Mapping[str, Prior]) -> dict[str, Any]:
    """Translate priors into the data that the Stan programs declare.

    Parameters
    ----------
    priors : mapping of str to Prior
        One prior for each top-level parameter.

    Returns
    -------
    dict
        ``prior_<name>`` (int) and ``prior_<name>_args`` (list of three floats).

    Examples
    --------
    >>> from hbstan.priors import HalfNormal, stan_data
    >>> stan_data({"tau": HalfNormal(1)})
    {'prior_tau': 3, 'prior_tau_args': [1.0, 0.0, 0.0]}
    """
    out: dict[str, Any] = {}
    for name, prior in priors.items():
        padding = [0.0] * (MAX_ARGS - len(prior.args))
        out[f"prior_{name}"] = prior.code
        out[f"prior_{name}_args"] = [*prior.args, *padding]
    return out
