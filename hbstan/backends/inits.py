"""Initial values as both engines take them: by name, for one chain or for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hbstan.backends.stan_data import plain_values
from hbstan.errors import SettingsError
from hbstan.program import Type, fitted
from hbstan.types import Inits, StanData

__all__ = ["PlainInits", "plain_inits"]

#: Initial values in plain types: None, a radius, one dict, or one dict per chain.
PlainInits = float | dict[str, Any] | list[dict[str, Any]] | None

_LEGAL = (
    "None, a radius, a mapping of parameters to values, or one such mapping per chain"
)


def plain_inits(
    inits: Inits | str,
    parameters: Iterable[str],
    *,
    complete: bool = False,
    kinds: Mapping[str, Type] | None = None,
    data: StanData | None = None,
) -> PlainInits:
    """Return initial values in plain types, checked against the program.

    Parameters
    ----------
    inits : Inits
        As the user gave them. Text, which CmdStanPy takes as a file's name, is
        refused.
    parameters : iterable of str
        The program's parameters. An empty value passes under any name: a parameter
        without elements need not be among them.
    complete : bool
        Whether every parameter must be given.
    kinds : mapping of str to Type, optional
        The types of variables, whose shapes the values must have.
    data : mapping, optional
        The data in plain types, of which sizes may speak.

    Returns
    -------
    None, float, dict or list of dict

    Raises
    ------
    SettingsError
        If a name is no parameter, a parameter is missing where all must be given, or
        a value is no number or of another shape.
    """
    if inits is None:
        return None
    names = tuple(parameters)

    def start_of(where: str, start: Any) -> dict[str, Any]:
        values = _plain_start(where, start, names, complete)
        return {
            name: fitted(
                f"{where}: {name!r}", value, kinds[name], data or {}, SettingsError
            )
            if kinds and name in kinds
            else value
            for name, value in values.items()
        }

    if isinstance(inits, Mapping):
        return start_of("inits", inits)
    if isinstance(inits, str):
        raise SettingsError(
            f"inits is the text {inits!r}, but must be {_LEGAL}.",
            remedy="Read the file and pass its content as a mapping.",
        )
    if isinstance(inits, Sequence):
        return [start_of(f"inits[{i}]", start) for i, start in enumerate(inits)]
    return float(inits)


def _plain_start(
    where: str, start: Any, names: tuple[str, ...], complete: bool
) -> dict[str, Any]:
    if not isinstance(start, Mapping):
        raise SettingsError(f"{where} is {start!r}; inits must be {_LEGAL}.")
    values = plain_values(f"{where}: the value of", start, SettingsError)
    unknown = [k for k, value in values.items() if k not in names and value != []]
    legal = ", ".join(names) or "none, for the program has no parameters"
    if unknown:
        raise SettingsError(
            f"{where} names {', '.join(map(repr, unknown))}, but the program's "
            f"parameters are: {legal}."
        )
    missing = [name for name in names if name not in values]
    if complete and missing:
        raise SettingsError(
            f"{where} lacks {', '.join(map(repr, missing))}: with stanli, initial "
            f"values must be given for all parameters: {legal}.",
            remedy="Add what is missing, or use backend='cmdstan', which draws it "
            "at random.",
        )
    return values
