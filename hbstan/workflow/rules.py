"""What the fields of criteria may be, and all faults of given ones at once."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Protocol

from hbstan.errors import SettingsError

__all__ = [
    "Choice",
    "Flag",
    "Names",
    "Number",
    "Rule",
    "faults_of",
    "nearest",
    "read_values",
    "refuse",
    "ruled",
]


class Rule(Protocol):
    """What one field may be."""

    def read(self, value: Any) -> Any:
        """Return the value as the field keeps it.

        Raises
        ------
        ValueError
            What it must be, in words.
        """


@dataclass(frozen=True)
class Number:
    """A number in a range.

    Parameters
    ----------
    low, high : float
        The ends, which are legal themselves unless ``open``; none if infinite.
    words : str
        The range in words.
    whole : bool
    open : bool
    or_zero : bool
        Whether 0 is legal beside the range.
    """

    low: float
    high: float
    words: str
    whole: bool = False
    open: bool = False
    or_zero: bool = False

    def read(self, value: Any) -> Any:
        """Return the number as Python's own."""
        kind = numbers.Integral if self.whole else numbers.Real
        wanted = f"{'a whole number' if self.whole else 'a number'} {self.words}"
        if isinstance(value, str):
            raise ValueError(f"{wanted}, not a text: write it without quotes")
        if isinstance(value, bool) or not isinstance(value, kind):
            raise ValueError(wanted)
        plain: Any = value
        number: Any = int(plain) if self.whole else float(plain)
        if self.or_zero and number == 0:
            return number
        beyond = not math.isfinite(number) or not self.low <= number <= self.high
        if beyond or (self.open and number in (self.low, self.high)):
            raise ValueError(wanted)
        return number


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def read(self, value: Any) -> bool:
        """Return the value."""
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value


@dataclass(frozen=True)
class Choice:
    """One of some texts."""

    legal: tuple[str, ...]

    def read(self, value: Any) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise ValueError(f"a text, one of {', '.join(self.legal)}")
        if value not in self.legal:
            close = nearest(value, self.legal)
            raise ValueError(f"one of {', '.join(self.legal)}{close}")
        return value


@dataclass(frozen=True)
class Names:
    """A list of some texts, each once."""

    legal: tuple[str, ...]

    def read(self, value: Any) -> tuple[str, ...]:
        """Return the texts."""
        listed = isinstance(value, list | tuple)
        if not listed or not all(isinstance(text, str) for text in value):
            raise ValueError('a list of names, such as ["coverage"]')
        unknown = [text for text in value if text not in self.legal]
        if unknown:
            close = nearest(unknown[0], self.legal)
            raise ValueError(
                f"names of checks; {unknown[0]!r} is none{close}; legal: "
                f"{', '.join(self.legal)}"
            )
        twice = [text for text in dict.fromkeys(value) if value.count(text) > 1]
        if twice:
            raise ValueError(f"names of checks, each once; {twice[0]!r} is there twice")
        return tuple(value)


def ruled(default: Any, rule: Rule) -> Any:
    """Return a dataclass field with a default and a rule."""
    return field(default=default, metadata={"rule": rule})


def nearest(name: str, legal: Iterable[str]) -> str:
    """Return the closest legal name as a question in brackets; empty if none is."""
    found = difflib.get_close_matches(str(name), list(legal), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


def read_values(
    where: str, kind: Any, given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Read the fields of a dataclass with rules.

    Parameters
    ----------
    where : str
        The section, for messages.
    kind : type
        The dataclass.
    given : mapping

    Returns
    -------
    values : dict
        Those that are legal.
    faults : list of str
        What is wrong with the others, a sentence each.
    """
    known: dict[str, Field[Any]] = {part.name: part for part in fields(kind)}
    values, faults = {}, []
    for name, value in given.items():
        if name not in known:
            close = nearest(name, known)
            legal = ", ".join(known)
            faults.append(f"{where} has no {name!r}{close}; legal: {legal}.")
            continue
        try:
            values[name] = known[name].metadata["rule"].read(value)
        except ValueError as err:
            faults.append(f"{where}.{name} is {value!r}, but must be {err}.")
    return values, faults


def faults_of(where: str, kind: Any, given: Any) -> list[str]:
    """Return what is wrong with given fields: with each, and with all together."""
    if not isinstance(given, Mapping):
        return [f"{where} is {given!r}, but must be a table of names and values."]
    values, faults = read_values(where, kind, given)
    if not faults:
        whole = {part.name: part.default for part in fields(kind)} | values
        faults = [f"{where}.{text}." for text in kind.contradictions(whole)]
    return faults


def refuse(faults: list[str], source: str = "") -> None:
    """Raise all faults at once.

    Parameters
    ----------
    faults : list of str
    source : str
        The file that they stand in, if it is one.

    Raises
    ------
    SettingsError
        If there are any.
    """
    if not faults:
        return
    place = f" in {source}" if source else ""
    if len(faults) == 1:
        text = f"{faults[0]}" if not source else f"{source}: {faults[0]}"
    else:
        lines = "\n".join(f"  {fault}" for fault in faults)
        text = f"{len(faults)} criteria{place} are illegal:\n{lines}"
    raise SettingsError(text, remedy="Nothing has been fitted yet.")
