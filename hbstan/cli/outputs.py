"""What commands that run a model share: priors, data, folders and figures."""

from __future__ import annotations

import csv
import re
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.cli.options import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from matplotlib.figure import Figure

    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = [
    "kind_of",
    "make_folder",
    "named_columns",
    "read_data",
    "read_priors",
    "write_figures",
]

#: matplotlib's warning of a character that its font cannot draw.
_GLYPH = re.compile(r"Glyph (?P<code>\d+) .*missing from (?:current )?font")


def read_priors(texts: list[str]) -> dict[str, Prior]:
    """Read the ``--prior`` options; each parameter may have one."""
    from hbstan.errors import PriorError
    from hbstan.priors import parse_assignment

    chosen: dict[str, Prior] = {}
    for text in texts:
        name, prior = parse_assignment(text)
        if name in chosen:
            raise PriorError(
                f"--prior is given twice for {name}: {chosen[name]} and {prior}; "
                "legal: once for each parameter.",
                remedy="Remove one of the two.",
            )
        chosen[name] = prior
    return chosen


def named_columns(
    texts: list[str] | None, **roles: str | None
) -> dict[str, str | list[str] | None]:
    """Join the ``--column`` options and those that name one role each.

    ``ROLE=`` names none: no covariates, or no groups where they can be left out.
    """
    from hbstan.errors import SettingsError

    found: dict[str, str | list[str] | None] = dict(roles)
    for text in texts or []:
        role, equals, names = text.partition("=")
        role = role.strip()
        if not equals or not role:
            raise SettingsError(
                f"--column is {text!r}, but must be ROLE=NAME or ROLE=NAME,NAME."
            )
        if found.get(role) is not None:
            raise SettingsError(
                f"--column names the role {role!r}, which is given already: "
                f"{found[role]}.",
                remedy="Name several columns of a role as ROLE=NAME,NAME.",
            )
        # As in a CSV file: a name with a comma is quoted.
        listed = next(csv.reader([names]), [])
        found[role] = listed[0] if len(listed) == 1 else listed
    return found


def kind_of(model: str) -> str:
    """Return the kind of data that a model or a family takes; empty if not known."""
    from hbstan import models

    own = [models.get(n) for n in models.names()]
    return next((m.kind for m in own if model in (m.name, m.family)), "")


def read_data(
    source: str,
    columns: Mapping[str, str | list[str] | None],
    *,
    own: bool,
    kind: str = "",
) -> Dataset | dict[str, Any]:
    """Read a table; for a program of the user's (``own``) also Stan data from JSON.

    ``kind`` is the kind of data wanted, if it is known.
    """
    from hbstan.data import from_stan_json
    from hbstan.data.files import Stream, once
    from hbstan.data.load import load_columns
    from hbstan.errors import SettingsError

    given: Any = once(source) if own else source
    is_json = (
        given.is_json if isinstance(given, Stream) else source.lower().endswith(".json")
    )
    if not (own and is_json):
        return load_columns(given, columns, kind=kind or None)
    named = [f"--{name}" for name, column in columns.items() if column is not None]
    if named:
        raise SettingsError(
            f"{', '.join(named)} cannot be used with {source}, which has no columns.",
            remedy="Leave the options out, or give a CSV or Parquet file.",
        )
    return from_stan_json(given)


def make_folder(folder: Path) -> None:
    """Make the folder for results, before minutes go into what could not be kept."""
    from hbstan.errors import SettingsError
    from hbstan.files import require_writable

    try:
        require_writable(folder)
    except OSError as err:
        raise SettingsError(
            f"--out is {str(folder)!r}, but must be a folder that can be written: "
            f"{err.strerror or err}.",
            remedy="Name another folder; it is created where there is none.",
        ) from err


def write_figures(
    folder: Path,
    figures: Mapping[str, Callable[[], Figure]],
    screen: Screen,
    *,
    wanted: bool,
) -> list[Path]:
    """Draw figures, if they are wanted, into files of their names.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    from hbstan.files import atomic_path
    from hbstan.plots.save import save

    files: list[Path] = []
    if not wanted:
        return files
    with _glyphs_noted(screen):
        for name, draw in figures.items():
            with atomic_path(folder / name) as partial:
                save(draw(), partial, dpi=150)
            files.append(folder / name)
    return files


@contextmanager
def _glyphs_noted(screen: Screen) -> Iterator[None]:
    """Say once which characters the figures' font lacks; they are drawn as boxes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    lacking: dict[str, None] = {}
    for warning in caught:
        glyph = _GLYPH.match(str(warning.message))
        if glyph:
            lacking[chr(int(glyph["code"]))] = None
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if lacking:
        screen.notes().print(
            f"The figures' font lacks {' '.join(lacking)}: drawn as boxes.",
            markup=False,
            emoji=False,
            soft_wrap=True,
        )
