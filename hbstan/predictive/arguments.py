"""Arguments that several checks take."""

from __future__ import annotations

import operator
import secrets
from typing import Any

from hbstan.errors import SettingsError
from hbstan.types import MAX_SEED

__all__ = ["check_probability", "probability", "seed_or_fresh"]


def seed_or_fresh(seed: Any) -> int:
    """Return the seed, or a fresh one for None.

    Raises
    ------
    SettingsError
        If it is no whole number from 0 to 2**32 - 1.
    """
    if seed is None:
        return secrets.randbits(31)
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_SEED:
        raise SettingsError(
            f"seed is {seed!r}, but must be a whole number from 0 to {MAX_SEED}."
        )
    return number


def probability(name: str, value: Any) -> float:
    """Return a probability strictly between 0 and 1.

    Raises
    ------
    SettingsError
        If it is anything else.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < 1:
        raise SettingsError(f"{name} is {value!r}, but must lie between 0 and 1.")
    return float(value)


def check_probability(ci_prob: float) -> None:
    """Raise SettingsError unless ``ci_prob`` lies between 0 and 1."""
    if not isinstance(ci_prob, int | float) or not 0 < ci_prob < 1:
        raise SettingsError(
            f"ci_prob is {ci_prob!r}; legal: a number between 0 and 1.",
            remedy="Take for instance ci_prob=0.94.",
        )
