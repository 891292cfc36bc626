"""Which prior each top-level parameter gets, where it comes from and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan import priors as pr
from hbstan.data.findings import ALONE
from hbstan.errors import DataError, PriorError

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.models.entry import Model, Parameter
    from hbstan.priors import Prior

__all__ = ["PriorChoice", "resolve_priors"]

#: A prior that is cut off below a minimum must have some mass above it.
_LEAST_ABOVE = 1e-6


@dataclass(frozen=True)
class PriorChoice:
    """A prior together with where it comes from and why.

    Parameters
    ----------
    prior : Prior
        The prior.
    origin : str
        ``"given"``, ``"source of the dataset"`` or ``"default"``.
    reason : str
        Why this prior, in words.
    """

    prior: Prior
    origin: str
    reason: str


def resolve_priors(
    model: Model, data: Dataset, given: Mapping[str, Prior | str] | None = None
) -> dict[str, PriorChoice]:
    """Decide each top-level parameter's prior.

    A prior given by the caller comes first, then the one named by the dataset's
    source for this family of models, then the model's weakly informative default.

    Parameters
    ----------
    model : Model
    data : Dataset
    given : mapping of str to Prior or str, optional
        Priors by parameter, as objects or as text such as ``"HalfCauchy(1)"``.

    Returns
    -------
    dict of str to PriorChoice
        In the program's order.

    Raises
    ------
    PriorError
        If a name is no top-level parameter, or a family has the wrong support.
    DataError
        If there is one group alone, and not every prior is given.
    """
    wanted = {name: pr.as_prior(name, prior) for name, prior in (given or {}).items()}
    legal = [p.name for p in model.top_level]
    for name in wanted:
        if name not in legal:
            raise PriorError(
                f"{model.name} has no parameter {name!r} with a prior; it has "
                f"{', '.join(legal)}."
            )
    sourced = data.family_priors.get(model.family, {})
    lacking = [n for n in legal if n not in wanted and n not in sourced]
    if lacking and any(found.detail == ALONE for found in data.findings()):
        raise _single(model, data, lacking)
    defaults = model.defaults(data) if lacking else {}
    chosen = {}
    for parameter in model.top_level:
        name = parameter.name
        if name in wanted:
            choice = PriorChoice(wanted[name], "given", "given by the caller")
        elif name in sourced:
            reason = f"the prior of the source of {data.name!r}"
            choice = PriorChoice(sourced[name], "source of the dataset", reason)
        else:
            prior, reason = defaults[name]
            choice = PriorChoice(prior, "default", reason)
        _check_support(model, parameter, choice.prior)
        chosen[name] = choice
    return chosen


def _single(model: Model, data: Dataset, lacking: list[str]) -> DataError:
    """Say that one group goes with no default prior."""
    example = " ".join(f"--prior '{name}=...'" for name in lacking)
    return DataError(
        f"{data.name}: there is 1 group; legal: at least 2, or 1 if all priors of "
        f"{model.name} are given; not given: {', '.join(lacking)}. The spread between "
        "groups, which a hierarchical model estimates, does not show in a single "
        "group.",
        remedy=f"Give the priors ({example}), or at least two groups.",
    )


def _check_support(model: Model, parameter: Parameter, prior: Any) -> None:
    if getattr(prior, "role", None) != parameter.role:
        fitting = [n for n, f in pr.FAMILIES.items() if f.role == parameter.role]
        raise PriorError(
            f"{model.name}: {prior} cannot be the prior of {parameter.name}, a "
            f"{parameter.role} with support {pr.SUPPORTS[parameter.role]}.",
            remedy=f"Choose one of {', '.join(fitting)}.",
        )
    if parameter.minimum is None:
        return
    above = float(prior.distribution().sf(parameter.minimum))
    if above < _LEAST_ABOVE:
        raise PriorError(
            f"{model.name}: {prior} gives {parameter.name} the probability "
            f"{above:.2g} above {parameter.minimum:g}, where it is cut off; at least "
            f"{_LEAST_ABOVE:g} is needed.",
            remedy=f"Choose a prior with most of its mass above {parameter.minimum:g}.",
        )
