"""What is to be fitted: program, Stan data, labels and priors, all validated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.convert import Labels
from hbstan.errors import DataError, ModelError
from hbstan.priors import parse_prior, stan_data
from hbstan.types import StanProgram

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.models import Model, PriorChoice
    from hbstan.priors import Prior

__all__ = ["Plan", "plan"]


@dataclass(frozen=True)
class Plan:
    """Everything a fit needs, decided before the backend starts.

    Parameters
    ----------
    name : str
        Name of the model or program.
    program : StanProgram
    stan : dict
        The Stan data, complete.
    labels : Labels
        Coordinates and dimensions of the variables.
    data_name, data_hash : str
        Identity of the data.
    priors : mapping of str to PriorChoice
        The catalogue model's priors; empty for a user's own program.
    """

    name: str
    program: StanProgram
    stan: dict[str, Any]
    labels: Labels
    data_name: str
    data_hash: str
    priors: Mapping[str, PriorChoice] = field(default_factory=dict)


def plan(
    model: str | Path | Model,
    data: Any,
    priors: Mapping[str, Prior | str] | None,
    holdout: Iterable[str | int] | str | None,
    predictive: bool,
) -> Plan:
    """Decide what to fit; see :func:`hbstan.fit.fit` for the parameters.

    Raises
    ------
    DataError, ModelError, PriorError
        If the pieces do not fit together.
    """
    if isinstance(data, str | Path):
        from hbstan import data as reader

        is_json = str(data).endswith(".json")
        data = reader.from_stan_json(data) if is_json else reader.load(data)
    if isinstance(model, models.Model):
        entry = model
    elif str(model).endswith(".stan"):
        return _plan_program(models.program_from_file(model), data, priors, holdout)
    else:
        entry = models.get(str(model))
    return _plan_catalogue(entry, data, priors, holdout, predictive)


def _plan_catalogue(
    model: Model,
    data: Dataset,
    priors: Mapping[str, Prior | str] | None,
    holdout: Iterable[str | int] | str | None,
    predictive: bool,
) -> Plan:
    if isinstance(data, Mapping) or not hasattr(data, "to_stan"):
        raise DataError(
            f"{model.name} takes a dataset, not {type(data).__name__}.",
            remedy="Make one with hb.data.grouped_binomial or hb.data.group_estimates.",
        )
    if data.kind != model.kind:
        fitting = [n for n in models.names() if models.get(n).kind == data.kind]
        raise ModelError(
            f"{model.name} is a model for {model.kind} data, but {data.name!r} holds "
            f"{data.kind} data.",
            remedy=f"Choose one of {', '.join(fitting)}.",
        )
    chosen = models.resolve_priors(model, data, priors)
    stan = {
        **data.to_stan(),
        "holdout": _mask(data, holdout),
        "predictive": int(predictive),
        **stan_data({name: choice.prior for name, choice in chosen.items()}),
    }
    dims = {**model.dims, "y": ["group"], "n": ["group"], "sigma": ["group"]}
    dims |= {"holdout": ["group"]}
    dims |= {f"prior_{name}_args": ["prior_arg"] for name in chosen}
    coords: dict[str, list[Any]] = {
        "group": list(data.labels),
        "prior_arg": [1, 2, 3],
    }
    return Plan(
        model.name,
        model.program,
        stan,
        Labels(coords, dims, tuple(chosen)),
        data.name,
        data.hash,
        chosen,
    )


def _plan_program(
    program: StanProgram,
    data: Any,
    priors: Mapping[str, Prior | str] | None,
    holdout: Iterable[str | int] | str | None,
) -> Plan:
    if holdout is not None:
        raise ModelError(
            "holdout is for the catalogue's models.",
            remedy="Pass your program's own mask among its data.",
        )
    given = dict(data.to_stan()) if hasattr(data, "to_stan") else dict(data)
    labels, name = Labels(), "mapping"
    if hasattr(data, "to_stan"):
        labels, name = _labels_of_dataset(data), data.name
    if priors:
        objects = {
            k: parse_prior(v) if isinstance(v, str) else v for k, v in priors.items()
        }
        given |= stan_data(objects)
    return Plan(program.name, program, given, labels, name, _hash(given))


def _labels_of_dataset(data: Dataset) -> Labels:
    """Group labels for whatever a user's program declares under common names."""
    by_group = ("theta", "p", "z", "y", "n", "sigma", "log_lik", "y_rep")
    return Labels({"group": list(data.labels)}, {name: ["group"] for name in by_group})


def _mask(data: Dataset, holdout: Iterable[str | int] | str | None) -> list[int]:
    if holdout is None:
        return [0] * data.J
    if holdout == "all":
        return [1] * data.J
    # A text is one label: its letters could be other groups' labels.
    labels = (holdout,) if isinstance(holdout, str) else holdout
    wanted = {str(label) for label in labels}
    unknown = wanted - set(data.labels)
    if unknown:
        raise DataError(
            f"holdout names {sorted(unknown)!r}, but the groups are "
            f"{', '.join(data.labels)}."
        )
    return [int(label in wanted) for label in data.labels]


def _hash(data: Mapping[str, Any]) -> str:
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(data):
        array = np.asarray(data[name])
        digest.update(f"{name}|{array.dtype.kind}|{array.shape}|".encode())
        digest.update(json.dumps(array.tolist()).encode())
    return digest.hexdigest()
