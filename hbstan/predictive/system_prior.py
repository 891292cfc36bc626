"""Data of any shape, simulated from the priors of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.errors import ModelError
from hbstan.predictive.replicates import Replicates, outcomes_of
from hbstan.simulate.systems import system_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from hbstan.models import Model
    from hbstan.priors import Prior

__all__ = ["draw_system"]

#: Most outcomes that are simulated, in all data sets together, and fewest data sets.
_MOST, _FEWEST = 20_000_000, 500


def draw_system(
    model: Model,
    data: Any,
    priors: Mapping[str, Prior | str] | None,
    rng: np.random.Generator,
    draws: int,
) -> tuple[dict[str, Prior], dict[str, NDArray[Any]], Replicates, str]:
    """Simulate data sets of a dataset's shape from a model's priors.

    Parameters
    ----------
    model : Model
        With a simulator of its own.
    data : Dataset, str or pathlib.Path
    priors : mapping of str to Prior or str, optional
    rng : numpy.random.Generator
    draws : int
        Number of data sets; fewer are made of very large ones.

    Returns
    -------
    priors : dict of str to Prior
    parameters : dict of str to ndarray
        With a leading dimension of draws.
    replicates : Replicates
    name : str
        The data's.

    Raises
    ------
    ModelError
        If the data are of another kind, or the model has no simulator.
    """
    import numpy as np

    from hbstan.data import load

    known: Any = data if hasattr(data, "to_stan") else load(data)
    system = system_of(model)
    if system is None or known.kind != model.kind:
        raise ModelError(
            f"{model.name} is a model for {model.kind} data, but {known.name!r} holds "
            f"{known.kind} data."
        )
    chosen = {
        name: choice.prior
        for name, choice in models.resolve_priors(model, known, priors).items()
    }
    kind, labels, design, y = outcomes_of(known)
    count = max(_FEWEST, min(draws, _MOST // max(y.size, 1)))
    stan = {k: v for k, v in known.to_stan().items() if k not in known.outcomes}
    drawn, outcomes = [], []
    for _ in range(count):
        one = system.parameters(chosen, stan, rng)
        drawn.append({k: np.asarray(v) for k, v in one.items()})
        outcomes.append(np.asarray(system.outcomes(one, stan, rng)["y"]).ravel())
    parameters = {k: np.array([d[k] for d in drawn]) for k in drawn[0]}
    units = tuple(known.labels[i] for i in design["unit"]) if "unit" in design else ()
    made = Replicates(kind, labels, design, y, np.array(outcomes)[None], (), units)
    return chosen, parameters, made, str(known.name)
