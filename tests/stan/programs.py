"""Small helpers that build a Stan program and evaluate it at chosen points."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import stanli
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "stan" / "models"
FUNCTIONS = ROOT / "stan" / "functions"
EVERY = sorted(path.stem for path in MODELS.glob("*.stan"))
#: Programs with tests of their own, in the files named after "test_".
APART = {
    "beta_binomial_marginal": "forms",
    "eight_schools_adaptive": "forms",
    "eight_schools_marginal": "forms",
    "football_poisson": "football_poisson",
    "gp_regression": "gp_regression",
    "irt_1pl": "irt",
    "irt_2pl": "irt",
    "linear_regression": "regression_programs",
    "logistic_regression": "regression_programs",
    "logit_adaptive": "forms",
    "logit_covariates": "logit_covariates",
    "meta_regression": "studies_programs",
    "mrp_logit": "mrp_logit",
    "normal_groups_adaptive": "normal_groups_programs",
    "normal_groups_centered": "normal_groups_programs",
    "normal_groups_marginal": "normal_groups_programs",
    "normal_groups_noncentered": "normal_groups_programs",
    "normal_groups_sum_to_zero": "normal_groups_programs",
    "sv_centered": "returns_programs",
    "sv_noncentered": "returns_programs",
}
#: Those that the tests of all grouped data go through.
PROGRAMS = [name for name in EVERY if name not in APART]

#: A step this small leaves the sampler where it starts, to the last bit.
_NO_MOVE = 1e-300


def build(name: str, data: Mapping[str, Any], root: Path | None = None) -> stanli.Model:
    """Return the program ``name`` with its data, from ``root`` or the repository."""
    models = MODELS if root is None else root / "models"
    functions = FUNCTIONS if root is None else root / "functions"
    text = (models / f"{name}.stan").read_text()
    return stanli.Model(mir=translated(text, functions), data=dict(data))


@cache
def translated(text: str, functions: Path) -> str:
    """Translate a program: what takes time, and is the same for all data."""
    return str(stanli.stan_to_mir(text, include_paths=[str(functions)]))


def altered(root: Path, file: str, old: str, new: str) -> Path:
    """Copy the Stan sources to ``root`` with one replacement; return the copy.

    Raises
    ------
    ValueError
        If ``old`` does not occur exactly once in ``file``: a control that changes
        nothing would prove nothing.
    """
    shutil.copytree(MODELS, root / "models")
    shutil.copytree(FUNCTIONS, root / "functions")
    path = root / file
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{old!r} occurs {text.count(old)} times in {file}, not once")
    path.write_text(text.replace(old, new))
    return root


def values_at(
    model: stanli.Model,
    points: Sequence[Sequence[float]] | NDArray[np.float64],
    samples: int = 1,
    seed: int = 1,
) -> dict[str, NDArray[np.float64]]:
    """Evaluate all output variables of a program at unconstrained points.

    One chain starts at each point and its steps are too small to leave it, so
    that each draw holds the transformed parameters and generated quantities of
    the point itself.

    Returns
    -------
    dict
        Variable name to an array of shape (points, samples, *shape).
    """
    fit = model.sample(
        chains=len(points),
        seed=seed,
        warmup=0,
        samples=samples,
        max_depth=1,
        inits=np.asarray(points, dtype=float),
        adapt_engaged=False,
        step_size=_NO_MOVE,
        parallel_chains=1,
        refresh=0,
    )
    return {name: fit.draws(name) for name in fit.variables}


@cache
def function(name: str, file: str) -> stanli.Function:
    """Return one function of a functions file as a Python callable."""
    source = (FUNCTIONS / file).read_text()
    return stanli.Function(name, stan_code="functions {\n" + source + "}\n")
