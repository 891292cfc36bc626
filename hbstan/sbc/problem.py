"""What is to be calibrated: a program, a generator of data, and what is ranked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.errors import DataError, ModelError, PriorError
from hbstan.models import PriorChoice
from hbstan.plan import Plan, plan
from hbstan.priors import as_prior, stan_data
from hbstan.sbc.generators import (
    CatalogueGenerator,
    FunctionGenerator,
    Generator,
    JointLogLikelihood,
    JointLogPrior,
    TestQuantity,
    stan_generator,
)
from hbstan.sbc.identity import digest
from hbstan.simulate.systems import system_of

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.models import Model
    from hbstan.priors import Prior
    from hbstan.types import StanProgram

__all__ = ["Problem", "problem"]

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """A program with everything that its calibration needs.

    Parameters
    ----------
    name : str
        Name of the model or program.
    program : StanProgram
        The program to fit.
    generator : Generator
        Where parameters and data come from.
    constants : mapping
        Stan data that are the same in every simulation; what the generator returns
        comes on top.
    quantities : mapping of str to callable
        Test quantities of (parameters, data), besides the parameters themselves.
    coords : mapping of str to tuple of str
        Labels of the elements, by parameter; others are counted from 1.
    top_level : tuple of str
        The parameters that have priors.
    priors : mapping of str to PriorChoice
    design : str
        The design in words.
    kind : str
        ``"prior"`` or ``"posterior"``: what parameters are drawn from.
    """

    name: str
    program: StanProgram
    generator: Generator
    constants: Mapping[str, Any]
    quantities: Mapping[str, TestQuantity] = field(default_factory=dict)
    coords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    top_level: tuple[str, ...] = ()
    priors: Mapping[str, PriorChoice] = field(default_factory=dict)
    design: str = ""
    kind: str = "prior"

    def record(self) -> dict[str, Any]:
        """Return what identifies the problem, as JSON-ready data."""
        from hbstan.compile import source_hash

        program = self.program
        return {
            "model": self.name,
            "program": source_hash(program.file, program.include_paths),
            "generator": self.generator.record(),
            "priors": {k: c.prior.record() for k, c in self.priors.items()},
            "design": self.design,
            "constants": digest(dict(self.constants)),
            "quantities": {k: digest(f) for k, f in self.quantities.items()},
            "kind": self.kind,
        }


def problem(
    model: str | Path | Model,
    *,
    priors: Mapping[str, Prior | str] | None = None,
    design: Any = None,
    generator: Callable[..., Any] | str | Path | None = None,
    quantities: Mapping[str, TestQuantity] | None = None,
) -> Problem:
    """Decide what to calibrate; see :func:`hbstan.sbc.run.sbc` for the parameters.

    Raises
    ------
    DataError, ModelError, PriorError
        If the pieces do not fit together.
    """
    _check_quantities(quantities)
    if generator is None:
        return _catalogue_problem(model, priors, design, dict(quantities or {}))
    return _own_problem(model, priors, design, generator, dict(quantities or {}))


def _check_quantities(quantities: Any) -> None:
    if quantities is None:
        return
    if not isinstance(quantities, Mapping) or not all(
        isinstance(k, str) and callable(f) for k, f in quantities.items()
    ):
        raise ModelError(
            f"quantities is {quantities!r}, but must map names to functions of "
            "(parameters, data).",
            remedy="Write e.g. quantities={'range': lambda p, d: np.ptp(p['theta'], "
            "axis=1)}.",
        )


def _catalogue_problem(
    model: str | Path | Model,
    priors: Mapping[str, Prior | str] | None,
    design: Any,
    quantities: dict[str, TestQuantity],
) -> Problem:
    """Take generator, priors and design from the catalogue.

    An edited copy of a catalogue program is held against the original's generator.
    """
    data, words = _design(model, design, priors)
    decided = plan(model, data, priors, None, predictive=False)
    if not decided.like:
        raise ModelError(
            f"{decided.name} is not like any model of the catalogue, so there is no "
            "generator for it.",
            remedy="Give one: generator=f with f(rng) -> (parameters, data), or the "
            "path of a Stan generator program (--generator).",
        )
    like = models.get(decided.like)
    chosen = {name: choice.prior for name, choice in decided.priors.items()}
    # Every simulation has outcomes of its own.
    outcomes = getattr(data, "outcomes", ("y",))
    constants = {k: v for k, v in decided.stan.items() if k not in outcomes}
    names = like.ranked or _ranked_names(like, decided)
    generator = CatalogueGenerator(like.name, chosen, constants, names)
    own: dict[str, TestQuantity] = {}
    if system_of(like) is not None:
        own["log_likelihood"] = JointLogLikelihood(like.name)
    elif "theta" in names or like.pooling == "complete":
        own["log_likelihood"] = JointLogLikelihood(like.name)
        own["log_prior"] = JointLogPrior(like.name, chosen)
    return Problem(
        decided.name,
        decided.program,
        generator,
        constants,
        {**own, **quantities},
        _element_labels(data, like),
        tuple(p.name for p in like.top_level),
        decided.priors,
        words,
    )


def _element_labels(data: Dataset, like: Model) -> dict[str, tuple[str, ...]]:
    """Return the labels of the elements of parameters with one dimension."""
    known = data.coords
    dims = {**{name: ["group"] for name in ("theta", "z", "p")}, **like.dims}
    return {
        name: tuple(map(str, known[own[0]]))
        for name, own in dims.items()
        if len(own) == 1 and own[0] in known
    }


def _ranked_names(like: Model, decided: Plan) -> tuple[str, ...]:
    """Return the parameters that generator and program both have.

    Probabilities are left out where their log-odds are ranked: a monotone function
    has the same ranks.
    """
    text = _COMMENT.sub(" ", decided.program.source())
    candidates = [p.name for p in like.top_level]
    if like.pooling != "complete":
        # Elsewhere theta is mu again, once for each group.
        candidates += [n for n in ("theta", "z") if n not in candidates]
    if like.family == "beta_binomial":
        candidates.remove("z")
    names = [n for n in candidates if re.search(rf"\b{n}\b", text)]
    if decided.name == like.name:
        declared = {p.name for p in like.parameters}
        names = [n for n in names if n in declared]
    return tuple(names)


def _design(
    model: str | Path | Model, design: Any, priors: Mapping[str, Any] | None
) -> tuple[Dataset, str]:
    """Return a dataset whose group sizes are the design, and the design in words."""
    from hbstan import data as reader
    from hbstan.data import Dataset
    from hbstan.data.system import SystemData

    if design is None:
        design = _example(model)
    if isinstance(design, Mapping):
        dataset = _from_sizes(design, priors)
    elif isinstance(design, Dataset):
        dataset = design
    else:
        dataset = reader.load(design)
    if isinstance(dataset, SystemData):
        return dataset, f"{dataset.name}: {dataset.J} {dataset.units}"
    stan = dataset.to_stan()
    sizes = "n" if "n" in stan else "sigma"
    words = ", ".join(f"{value:g}" for value in stan[sizes])
    return dataset, f"{sizes} = {words}"


def _example(model: str | Path | Model) -> str:
    """Return the bundled dataset whose shape is a model's design."""
    if isinstance(model, models.Model):
        return model.example_data
    if not str(model).endswith(".stan"):
        return models.get(str(model)).example_data
    text = _COMMENT.sub(" ", models.program_from_file(model).source())
    if re.search(r"\bsigma\s*;", text):
        return "eight_schools"
    if re.search(r"\bn\s*;", text):
        return "surgical"
    raise ModelError(
        f"{model} declares neither trials n nor standard errors sigma, so no design of "
        "the catalogue fits it.",
        remedy="Give a design, or a generator of your own.",
    )


def _from_sizes(design: Mapping[str, Any], priors: Mapping[str, Any] | None) -> Dataset:
    """Make a dataset of given group sizes; its outcomes are never looked at."""
    from hbstan.data import GroupedBinomial, GroupEstimates

    if len(design) != 1 or next(iter(design)) not in ("n", "sigma"):
        raise DataError(
            f"design has {', '.join(map(str, design)) or 'nothing'}, but must be a "
            "dataset, {'n': trials by group} or {'sigma': standard errors by group}.",
        )
    ((name, values),) = design.items()
    values = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(values, int | float) or not hasattr(values, "__len__"):
        raise DataError(
            f"design {name} is {values!r}, but must have one number per group."
        )
    values = list(values)
    labels = tuple(str(j + 1) for j in range(len(values)))
    zeros: Any = [0] * len(values)
    if name == "n":
        trials: Any = values
        return GroupedBinomial(labels=labels, n=trials, y=zeros, name="design")
    if not priors or not {"mu", "tau"} <= set(priors):
        raise PriorError(
            "a design of standard errors alone says nothing of where the estimates "
            "lie, so there are no default priors.",
            remedy="Give both, e.g. priors={'mu': 'Normal(0, 5)', 'tau': "
            "'HalfNormal(5)'}.",
        )
    errors: Any = values
    return GroupEstimates(labels=labels, y=zeros, sigma=errors, name="design")


def _own_problem(
    model: str | Path | Model,
    priors: Mapping[str, Prior | str] | None,
    design: Any,
    generator: Callable[..., Any] | str | Path,
    quantities: dict[str, TestQuantity],
) -> Problem:
    """Hold a program against a generator of the user's."""
    if isinstance(model, models.Model):
        program, name = model.program, model.name
    elif str(model).endswith(".stan"):
        program = models.program_from_file(model)
        name = program.name
    else:
        program, name = models.get(str(model)).program, str(model)
    given = _constants(design)
    chosen = {
        key: PriorChoice(as_prior(key, prior), "given", "given by the caller")
        for key, prior in (priors or {}).items()
    }
    constants = {**given, **stan_data({k: c.prior for k, c in chosen.items()})}
    text = _COMMENT.sub(" ", program.source())
    if "predictive" not in constants and re.search(r"\bpredictive\s*;", text):
        constants["predictive"] = 0
    made: Generator
    if isinstance(generator, str | Path):
        made = stan_generator(generator, program, constants)
    elif callable(generator):
        made = FunctionGenerator(generator)
    else:
        raise ModelError(
            f"generator is {generator!r}, but must be a function (rng) -> "
            "(parameters, data) or the path of a Stan program."
        )
    words = f"{len(given)} constant data" if given else ""
    return Problem(
        name, program, made, constants, quantities, priors=chosen, design=words
    )


def _constants(design: Any) -> dict[str, Any]:
    from hbstan import data as reader
    from hbstan.data import Dataset

    if design is None:
        return {}
    if isinstance(design, Mapping):
        return dict(design)
    if isinstance(design, Dataset):
        return design.to_stan()
    if str(design).lower().endswith(".json"):
        return dict(reader.from_stan_json(design))
    return reader.load(design).to_stan()
