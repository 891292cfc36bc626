"""What a workflow is asked: data, models, priors, settings, all checked at once."""

from __future__ import annotations

import platform
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.errors import ModelError, PriorError, SettingsError
from hbstan.plan import Plan, plan
from hbstan.provenance import program_hash
from hbstan.types import MAX_SEED, SamplerSettings
from hbstan.workflow.rules import nearest

if TYPE_CHECKING:
    from hbstan.priors import Prior
    from hbstan.types import Backend, StanProgram

__all__ = ["Candidate", "Request", "default_models", "stage_seed"]

_LIBRARIES = ("numpy", "scipy", "xarray", "arviz-base", "arviz-stats")


@dataclass(frozen=True)
class Candidate:
    """A model that the workflow puts to the test.

    Parameters
    ----------
    name : str
        Its name in the results.
    model : str
        The catalogue's name, or the path of a program.
    like : str
        The catalogue's model that it is, or whose priors it declares; else empty.
    program : StanProgram
    priors : mapping of str to str
        As text, complete.
    given : mapping of str to str
        Those that the caller gave.
    program_hash : str
    """

    name: str
    model: str
    like: str
    program: StanProgram
    priors: Mapping[str, str]
    given: Mapping[str, str]
    program_hash: str

    def record(self) -> dict[str, Any]:
        """Return what identifies the model, as JSON-ready data."""
        return {
            "name": self.name,
            "program": self.program_hash,
            "priors": dict(self.priors),
        }


@dataclass(frozen=True)
class Request:
    """Everything that decides a workflow's results, apart from its criteria.

    Parameters
    ----------
    data : Dataset
    candidates : tuple of Candidate
    settings : mapping
        Sampler settings of the fits.
    seed : int
    engine : Backend
    keep_going : bool
    """

    data: Any
    candidates: tuple[Candidate, ...]
    settings: Mapping[str, Any]
    seed: int
    engine: Backend
    keep_going: bool

    def record(self) -> dict[str, Any]:
        """Return the request as JSON-ready data: equal ones have equal results."""
        return {
            "data": {"name": self.data.name, "hash": self.data.hash},
            "models": [one.record() for one in self.candidates],
            "settings": dict(self.settings),
            "seed": self.seed,
            "backend": self.engine.name,
            "keep_going": self.keep_going,
            "versions": self.versions(),
        }

    def versions(self) -> dict[str, str]:
        """Return the versions that results depend on."""
        from hbstan import __version__

        return {
            "hbstan": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _LIBRARIES},
            **self.engine.versions(),
        }


def default_models(kind: str) -> tuple[str, ...]:
    """Return the models that suit a kind of data if none are named."""
    if kind == "binomial":
        return ("logit_noncentered", "beta_binomial")
    if kind == "normal":
        return ("eight_schools_noncentered", "normal_pooled")
    return next((n,) for n in models.names() if models.get(n).kind == kind)


def read_data(data: Any, columns: Mapping[str, str | None]) -> Any:
    """Return a dataset from itself, a bundled one's name, a table or its file."""
    from hbstan import data as reader

    if isinstance(data, str | Path) or hasattr(data, "iloc"):
        return reader.load(data, **columns)
    given = [name for name, column in columns.items() if column is not None]
    if given or not hasattr(data, "to_stan"):
        what = f"columns ({', '.join(given)}) go with" if given else "data must be"
        raise SettingsError(
            f"data is of type {type(data).__name__}; {what} a table, a file or a "
            "bundled dataset's name.",
            remedy="Make a dataset with hb.data.load, or pass a DataFrame.",
        )
    return data


def candidates(
    data: Any,
    chosen: Sequence[str | Path] | str | Path | None,
    priors: Mapping[str, Any] | None,
) -> tuple[Candidate, ...]:
    """Return the models to be tested, each with its priors.

    Raises
    ------
    ModelError, PriorError, DataError
        If models, priors and data do not fit together.
    """
    if isinstance(chosen, str | Path):
        chosen = [chosen]
    asked = [str(m) for m in chosen] if chosen else list(default_models(data.kind))
    names = [Path(m).stem if m.endswith(".stan") else m for m in asked]
    twice = [n for n in dict.fromkeys(names) if names.count(n) > 1]
    if twice:
        raise ModelError(
            f"models names {twice[0]!r} more than once.",
            remedy="Give each model once; rename a program's file if need be.",
        )
    given = dict(priors or {})
    by_model = {k: v for k, v in given.items() if isinstance(v, Mapping)}
    strange = [k for k in by_model if k not in names]
    if strange:
        raise PriorError(
            f"priors are given for the model {strange[0]!r}, but the models are "
            f"{', '.join(names)}.",
        )
    common = {k: v for k, v in given.items() if k not in by_model}
    out, used = [], set()
    for name, model in zip(names, asked, strict=True):
        made = candidate(name, model, data, {**common, **by_model.get(name, {})})
        used |= set(made.given)
        out.append(made)
    idle = [k for k in common if k not in used]
    if idle:
        raise PriorError(
            f"priors names {idle[0]!r}, but no model has a top-level parameter of "
            "that name.",
            remedy="See 'hbstan models NAME' for a model's parameters.",
        )
    return tuple(out)


def candidate(
    name: str, model: str, data: Any, priors: Mapping[str, Prior | str]
) -> Candidate:
    """Return one model with the priors that concern it."""
    if model.endswith(".stan"):
        names = set(plan(model, data, None, None, True).priors)
    else:
        names = {p.name for p in models.get(model).top_level}
    own = {k: v for k, v in priors.items() if k in names}
    decided: Plan = plan(model, data, own, None, True)
    return Candidate(
        name=name,
        model=model,
        like=decided.like,
        program=decided.program,
        priors={k: str(choice.prior) for k, choice in decided.priors.items()},
        given={k: str(v) for k, v in own.items()},
        program_hash=program_hash(decided.program),
    )


def read_seed(seed: Any, saved: Mapping[str, Any] | None) -> int:
    """Return the seed given, that of a workflow to go on with, or a new one."""
    if seed is None:
        return int(saved["seed"]) if saved else secrets.randbits(31)
    whole = isinstance(seed, int) and not isinstance(seed, bool)
    if not whole or not 0 <= seed <= MAX_SEED:
        raise SettingsError(
            f"seed is {seed!r}, but must be a whole number from 0 to {MAX_SEED}."
        )
    return int(seed)


def read_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return sampler settings by name, complete and checked."""
    defaults: dict[str, Any] = {
        "chains": 4,
        "iter_warmup": 1000,
        "iter_sampling": 1000,
        "adapt_delta": 0.95,
        "max_treedepth": 10,
    }
    unknown = [name for name in given if name not in defaults]
    if unknown:
        raise SettingsError(
            f"workflow takes no setting {unknown[0]!r}"
            f"{nearest(unknown[0], defaults)}; legal: {', '.join(defaults)}."
        )
    settings = {**defaults, **given}
    SamplerSettings(seed=1, **settings)
    return settings


def stage_seed(seed: int, model: str, stage: str) -> int:
    """Return a stage's own seed, which other models and stages do not change."""
    import numpy as np

    place = zlib.crc32(f"{model}/{stage}".encode())
    words = np.random.SeedSequence([seed, place]).generate_state(1)
    return int(words[0]) & MAX_SEED
