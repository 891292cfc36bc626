"""What a fit was made from, as attributes that travel with its draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.backends.console import program_lines
from hbstan.convert import Labels, kept_as
from hbstan.includes import source_hash
from hbstan.saved_fit import FORMAT, IN_JSON
from hbstan.text import escaped

if TYPE_CHECKING:
    from hbstan.plan import Plan
    from hbstan.program import Type
    from hbstan.types import RawDraws, SamplerSettings, StanProgram

__all__ = ["attributes", "program_hash", "renaming"]


def attributes(
    decided: Plan,
    settings: SamplerSettings,
    backend: str,
    raw: RawDraws,
    kinds: Mapping[str, Type],
    started: float,
) -> dict[str, Any]:
    """Return the root's attributes of a fit's tree, as text and numbers.

    Parameters
    ----------
    decided : Plan
    settings : SamplerSettings
    backend : str
        Name of what made the draws.
    raw : RawDraws
    kinds : mapping of str to Type
        The declared types of the program's variables.
    started : float
        Seconds since the epoch.
    """
    from hbstan import __version__

    priors = {
        name: {
            "prior": str(choice.prior),
            **choice.prior.record(),
            "origin": choice.origin,
            "reason": choice.reason,
        }
        for name, choice in decided.priors.items()
    }
    renamed = _renamed(raw, decided.labels)
    in_catalogue = decided.name in models.names() and (
        decided.program.file == models.get(decided.name).program.file
    )
    values = {
        "format": FORMAT,
        "model": decided.name,
        "program_hash": program_hash(decided.program),
        # Where to find a program that is not the catalogue's, to fit it again.
        "program_file": "" if in_catalogue else escaped(decided.program.file),
        "like": decided.like,
        "data_kind": decided.data_kind,
        "data_name": decided.data_name,
        "data_hash": decided.data_hash,
        "priors": priors,
        "holdout": decided.held_out(),
        "seed": settings.seed,
        "settings": settings.record(),
        "backend": backend,
        "versions": {"hbstan": __version__, **raw.versions},
        "timings": dict(raw.timings),
        "created_at": datetime.fromtimestamp(started, UTC).isoformat(),
        "sampled": list(raw.sampled),
        "console": "\n".join([*program_lines(raw.console), *renaming(renamed)]),
        "constant": _constant(raw, kinds),
        "renamed": renamed,
    }
    return {
        name: json.dumps(value, default=_plain) if name in IN_JSON else value
        for name, value in values.items()
    }


def renaming(names: Mapping[str, str]) -> tuple[str, ...]:
    """Say which variables of the program are kept under which other names."""
    return tuple(
        f"the variable {name!r} is called {kept!r} here: its own name is that of a "
        "dimension"
        for name, kept in names.items()
    )


def _constant(raw: RawDraws, kinds: Mapping[str, Type]) -> list[str]:
    """Return the parameters whose declarations leave them no choice."""
    return [
        name
        for name in raw.sampled
        if name in kinds
        and name in raw.variables
        and kinds[name].constant(raw.variables[name].shape[2:]).all()
    ]


def _renamed(raw: RawDraws, labels: Labels) -> dict[str, str]:
    """Return the names in the tree of variables that could not keep theirs."""
    names = {name: kept_as(name, raw.variables, labels) for name in raw.variables}
    return {name: kept for name, kept in names.items() if kept != name}


def program_hash(program: StanProgram) -> str:
    """Return the SHA-256 of a program and of everything it includes."""
    return source_hash(program.file, program.include_paths)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
