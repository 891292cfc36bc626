"""What is to be fitted: program, Stan data, labels and priors, all validated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.backends.stan_data import plain_data
from hbstan.convert import Labels
from hbstan.data.faults import text_of
from hbstan.errors import DataError, ModelError, PriorError
from hbstan.models import PriorChoice
from hbstan.priors import as_prior, stan_data
from hbstan.program import Declared, declared, matched
from hbstan.text import printable
from hbstan.types import StanProgram

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.models import Model
    from hbstan.priors import Prior

__all__ = ["Plan", "plan", "read"]


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
        The priors by parameter; empty for a program that takes none as data.
    like : str
        The catalogue's model that the program is, or declares the same priors as.
    data_kind : str
        The kind of a dataset; empty for a mapping.
    """

    name: str
    program: StanProgram
    stan: dict[str, Any]
    labels: Labels
    data_name: str
    data_hash: str
    priors: Mapping[str, PriorChoice] = field(default_factory=dict)
    like: str = ""
    data_kind: str = ""

    def held_out(self) -> list[str]:
        """Return the labels of the groups that the likelihood does not see."""
        mask, labels = self.stan.get("holdout"), self.labels.coords.get("group")
        if mask is None or labels is None:
            return []
        return [str(x) for x, out in zip(labels, mask, strict=True) if out]


def plan(
    model: str | Path | Model,
    data: Any,
    priors: Mapping[str, Prior | str] | None,
    holdout: Iterable[str | int] | str | None,
    predictive: bool,
    weights: Mapping[str, float] | Sequence[float] | None = None,
) -> Plan:
    """Decide what to fit; see :func:`hbstan.fit.fit` for the other parameters.

    Parameters
    ----------
    model, data, priors, holdout, predictive
        As for :func:`hbstan.fit.fit`.
    weights : mapping of str to float, or sequence of float, optional
        How far each group is centered, from 0 (not at all) to 1 (fully), by label or
        in the order of the data, for a program that declares ``w_centered``. By
        default 0. They change how well the sampler moves, not the posterior.

    Raises
    ------
    DataError, ModelError, PriorError
        If the pieces do not fit together.
    """
    if priors is not None and not isinstance(priors, Mapping):
        raise PriorError(
            f"priors is {priors!r}, but must map parameters to priors.",
            remedy="Write e.g. priors={'tau': 'HalfNormal(1)'}.",
        )
    name = _name(data)
    data = read(data)
    name = getattr(data, "name", name)
    if isinstance(model, models.Model):
        entry = model
    elif str(model).endswith(".stan"):
        program = models.program_from_file(model)
        return _plan_program(program, data, name, priors, holdout, predictive, weights)
    else:
        entry = models.get(str(model))
    return _plan_catalogue(entry, data, priors, holdout, predictive, weights)


def read(data: Any) -> Any:
    """Return a dataset from its name or file; what is in memory is left as it is.

    Parameters
    ----------
    data : Dataset, mapping, pandas.DataFrame, str or pathlib.Path
        A file that ends in ``.json`` holds Stan data.
    """
    if not isinstance(data, str | Path) and not hasattr(data, "iloc"):
        return data
    from hbstan import data as reader

    is_json = str(data).lower().endswith(".json")
    return reader.from_stan_json(data) if is_json else reader.load(data)


def _name(data: Any) -> str:
    """Return what data without a name of their own are called."""
    if isinstance(data, str | Path):
        return printable(Path(data).stem)
    return "data" if hasattr(data, "iloc") else "mapping"


def _plan_catalogue(
    model: Model,
    data: Dataset,
    priors: Mapping[str, Prior | str] | None,
    holdout: Iterable[str | int] | str | None,
    predictive: bool,
    weights: Mapping[str, float] | Sequence[float] | None,
) -> Plan:
    if isinstance(data, Mapping) or not hasattr(data, "to_stan"):
        raise DataError(
            f"{model.name} takes a dataset, not {type(data).__name__}.",
            remedy="Make one with a function of hb.data, such as "
            "hb.data.grouped_binomial or hb.data.group_estimates.",
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
        **_weights(model.name, model.weighted, data, weights),
    }
    labels = _labels(data, model.dims, tuple(chosen))
    return Plan(
        model.name,
        model.program,
        stan,
        labels,
        data.name,
        data.hash,
        chosen,
        model.name,
        data.kind,
    )


def _plan_program(
    program: StanProgram,
    data: Any,
    name: str,
    priors: Mapping[str, Prior | str] | None,
    holdout: Iterable[str | int] | str | None,
    predictive: bool,
    weights: Mapping[str, float] | Sequence[float] | None,
) -> Plan:
    """Plan a program of the user's.

    With a dataset, whatever the program declares of the catalogue's contract
    (``holdout``, ``predictive``, ``w_centered``, priors as data) is supplied, so that
    an edited copy of a catalogue program runs like the original.
    """
    known = _declared(program)
    if not hasattr(data, "to_stan"):
        for what, given in (("holdout", holdout), ("weights", weights)):
            if given is not None:
                raise ModelError(
                    f"{what} needs a dataset, whose groups have labels.",
                    remedy=f"Pass your program's own {what} among its data.",
                )
        _refuse_undeclared(program, priors or {}, known)
        chosen = {
            key: PriorChoice(as_prior(key, prior), "given", "given by the caller")
            for key, prior in (priors or {}).items()
        }
        plain = plain_data(program.name, data)
        given = plain | stan_data({k: c.prior for k, c in chosen.items()})
        stan = matched(program.name, known, given)
        labels = Labels(priors=known.priors, binding=False)
        return Plan(program.name, program, stan, labels, name, _hash(stan), chosen)
    model = _like(data, known)
    chosen = {}
    _refuse_undeclared(program, priors or {}, known)
    if model is not None:
        chosen = models.resolve_priors(model, data, priors)
    elif known.priors:
        raise PriorError(
            f"{program.name} declares priors for {', '.join(known.priors)}, which "
            f"match no model of the catalogue for {data.kind} data.",
            remedy="Pass the program's data as a mapping, priors included.",
        )
    stan = dict(data.to_stan())
    if "holdout" in known.inputs:
        stan["holdout"] = _mask(data, holdout)
    elif holdout is not None:
        raise ModelError(f"{program.name} declares no holdout mask.")
    if "predictive" in known.inputs:
        stan["predictive"] = int(predictive)
    stan |= _weights(program.name, "w_centered" in known.inputs, data, weights)
    stan |= stan_data({key: choice.prior for key, choice in chosen.items()})
    # Before the program is compiled, which takes longer.
    matched(program.name, known, plain_data(program.name, stan))
    dims = {} if model is None else model.dims
    labels = _labels(data, dims, tuple(chosen), binding=False)
    like = "" if model is None else model.name
    return Plan(
        program.name, program, stan, labels, name, data.hash, chosen, like, data.kind
    )


def _declared(program: StanProgram) -> Declared:
    """Return what a program declares: nothing that is read, if it does not compile."""
    try:
        return declared(program)
    except ModelError:  # its compiler says where and why
        return Declared()


def _like(data: Dataset, known: Declared) -> Model | None:
    """Find the catalogue's model of this kind of data that has the same priors."""
    for name in models.names():
        model = models.get(name)
        top_level = {p.name for p in model.top_level}
        if model.kind == data.kind and top_level == set(known.priors):
            return model
    return None


def _refuse_undeclared(
    program: StanProgram, priors: Mapping[str, Any], known: Declared
) -> None:
    for name in priors:
        if name not in known.priors:
            raise PriorError(
                f"{program.name} takes no prior for {name!r}: it declares no data "
                f"prior_{name} and prior_{name}_args.",
                remedy="Declare them (see stan/functions/priors.stanfunctions), or "
                "edit the prior in the program.",
            )


def _labels(
    data: Dataset,
    dims: Mapping[str, list[str]],
    priors: tuple[str, ...],
    *,
    binding: bool = True,
) -> Labels:
    """Label by group what the model, or common usage, has one of per group."""
    per_group = ["theta", "p", "z", "y", "n", "sigma", "holdout", "log_lik", "y_rep"]
    per_group += ["w_centered"]
    coords = {**data.coords, "prior_arg": [1, 2, 3]}
    every = {name: ["group"] for name in per_group}
    every |= {name: list(own) for name, own in data.dims.items()} | dict(dims)
    every |= {f"prior_{name}_args": ["prior_arg"] for name in priors}
    return Labels(coords, every, priors, binding)


def _mask(data: Dataset, holdout: Iterable[str | int] | str | None) -> list[int]:
    if holdout is None:
        return [0] * data.J
    if holdout == "all":
        return [1] * data.J
    # A text is one label: its letters could be other groups' labels.
    labels = (holdout,) if isinstance(holdout, str | int) else holdout
    wanted = {str(label) for label in labels}
    unknown = wanted - set(data.labels)
    if unknown:
        raise DataError(
            f"holdout names {sorted(unknown)!r}, but the groups are "
            f"{text_of(data.labels, 12)}."
        )
    return [int(label in wanted) for label in data.labels]


def _weights(
    name: str,
    declared: bool,
    data: Dataset,
    weights: Mapping[str, float] | Sequence[float] | None,
) -> dict[str, list[float]]:
    """Return the weights of centering of a program that takes them, by group."""
    if not declared:
        if weights is not None:
            raise ModelError(f"{name} takes no weights of centering: no w_centered.")
        return {}
    if weights is None:
        return {"w_centered": [0.0] * data.J}
    if isinstance(weights, Mapping):
        if set(map(str, weights)) != set(data.labels):
            raise DataError(
                f"weights are given for {', '.join(map(str, weights)) or 'no group'}; "
                f"legal: one for each of {', '.join(data.labels)}."
            )
        by_label = {str(label): weight for label, weight in weights.items()}
        weights = [by_label[label] for label in data.labels]
    try:
        values = [float(weight) for weight in weights]
    except (TypeError, ValueError):
        raise DataError(
            f"weights are {weights!r}; legal: {data.J} numbers from 0 to 1, one a "
            "group."
        ) from None
    if len(values) != data.J or not all(0.0 <= v <= 1.0 for v in values):
        raise DataError(
            f"weights are {values}; legal: {data.J} numbers from 0 to 1, one a group."
        )
    return {"w_centered": values}


def _hash(data: Mapping[str, Any]) -> str:
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(data):
        array = np.asarray(data[name])
        digest.update(f"{name}|{array.dtype.kind}|{array.shape}|".encode())
        digest.update(json.dumps(array.tolist()).encode())
    return digest.hexdigest()
