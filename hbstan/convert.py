"""Raw draws to a labelled tree: the one place where Stan's and ArviZ's names meet.

====================  =======================  ==================================
Stan                  ArviZ group              variable
====================  =======================  ==================================
parameters, derived   posterior                as in the program
y_rep                 posterior_predictive     y
log_lik               log_likelihood           y
log_lik_group         log_likelihood_group     y
lprior                log_prior                one per top-level parameter
y                     observed_data            y
other data            constant_data            as in the program
lp__, energy__, ...   sample_stats             lp, energy, ...
====================  =======================  ==================================

A variable whose name is that of a dimension, such as a parameter called ``draw``, is
kept with two underscores behind its name, with which no Stan name can end.

``log_likelihood_group``, the likelihood with the group's own parameter integrated
out, has a group of its own because ArviZ's functions sum what they find in
``log_likelihood``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hbstan.errors import ConvertError
from hbstan.types import RawDraws, StanData

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.program import Type

__all__ = ["SAMPLE_STATS", "Labels", "kept_as", "stored_data", "to_tree"]

#: Stan's sampler columns under ArviZ's names.
SAMPLE_STATS = {
    "lp__": "lp",
    "accept_stat__": "acceptance_rate",
    "stepsize__": "step_size",
    "treedepth__": "tree_depth",
    "n_leapfrog__": "n_steps",
    "divergent__": "diverging",
    "energy__": "energy",
}
_INTEGER_STATS = ("tree_depth", "n_steps")
_LOG_LIKELIHOODS = {
    "log_lik": "log_likelihood",
    "log_lik_group": "log_likelihood_group",
}
_REP = "_rep"
#: Dimensions that sampled variables have, or get in ArviZ's functions.
_TAKEN = ("chain", "draw", "sample", "ci_bound", "summary", "column", "plot_axis")
#: What stands behind a name that is also a dimension's.
_BESIDE = "__"


@dataclass(frozen=True)
class Labels:
    """How variables are labelled.

    Parameters
    ----------
    coords : mapping of str to sequence
        Coordinate values by dimension, e.g. ``{"group": ("A", "B")}``.
    dims : mapping of str to list of str
        Dimensions by variable, e.g. ``{"theta": ["group"]}``.
    priors : tuple of str
        The parameters whose log prior densities are the elements of ``lprior``.
    binding : bool
        Whether draws that do not fit are an error. Labels that are only a guess, for
        a program of the user's, are dropped instead.
    """

    coords: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    dims: Mapping[str, list[str]] = field(default_factory=dict)
    priors: tuple[str, ...] = ()
    binding: bool = True


def to_tree(
    raw: RawDraws,
    data: StanData,
    *,
    labels: Labels | None = None,
    kinds: Mapping[str, Type] | None = None,
    max_treedepth: int | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.DataTree:
    """Label raw draws and sort them into ArviZ's groups.

    Parameters
    ----------
    raw : RawDraws
        What the backend gave.
    data : mapping
        The Stan data the program was run with.
    labels : Labels, optional
        Coordinates and dimensions; by default ArviZ's automatic ones.
    kinds : mapping of str to Type, optional
        The declared types of the variables: replicates that are declared as ``int``
        are whole numbers.
    max_treedepth : int, optional
        The cap, from which ``reached_max_treedepth`` is computed.
    attrs : mapping, optional
        Attributes of the root, as strings and numbers.

    Returns
    -------
    xarray.DataTree

    Raises
    ------
    ConvertError
        If the draws contradict each other or their labels.
    """
    import xarray as xr

    labels = labels or Labels()
    kinds = kinds or {}
    _check_sizes({**raw.variables, **raw.stats})
    _check_sizes({**raw.warmup_variables, **raw.warmup_stats})
    groups = _sorted_into_groups(raw.variables, data, labels, kinds)
    groups["sample_stats"] = _sample_stats(raw.stats, max_treedepth)
    if raw.warmup_variables:
        warm = _sorted_into_groups(raw.warmup_variables, data, labels, kinds)
        groups["warmup_posterior"] = warm["posterior"]
        groups["warmup_sample_stats"] = _sample_stats(raw.warmup_stats, max_treedepth)
    observed, constant = _data_groups(raw.variables, data)
    # The log prior of a parameter is one number, also where it is one a group.
    unlabelled = replace(labels, dims={})
    # Likelihoods are one a group, also where the outcomes are not.
    by_group = replace(labels, dims=_likelihood_dims(labels))
    own = {
        "log_prior": unlabelled,
        **dict.fromkeys(_LOG_LIKELIHOODS.values(), by_group),
    }
    datasets = {
        name: _dataset(variables, own.get(name, labels), sampled=True)
        for name, variables in groups.items()
        if variables
    }
    for name, values in (("observed_data", observed), ("constant_data", constant)):
        if values:
            datasets[name] = _dataset(values, labels, sampled=False)
    tree = xr.DataTree.from_dict(datasets)
    tree.attrs.update(attrs or {})
    return tree


def stored_data(tree: xr.DataTree) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return the Stan data and the labels that a tree holds.

    Parameters
    ----------
    tree : xarray.DataTree
        As :func:`to_tree` made it. Arrays without elements are not in it.

    Returns
    -------
    stan : dict
    coords : dict of str to list
        Labels by dimension.
    """
    stan: dict[str, Any] = {}
    coords: dict[str, list[Any]] = {}
    # The draws too: not every labelled dimension is one of the data.
    for group in ("posterior", "constant_data", "observed_data"):
        if group in tree.children:
            dataset = tree[group].to_dataset()
            if group != "posterior":
                stan |= {
                    str(k).removesuffix(_BESIDE): v.values
                    for k, v in dataset.data_vars.items()
                }
            coords |= {str(k): v.values.tolist() for k, v in dataset.coords.items()}
    return stan, coords


def kept_as(name: str, variables: Mapping[str, NDArray[Any]], labels: Labels) -> str:
    """Return the name under which a tree keeps a variable of the program.

    Parameters
    ----------
    name : str
        The name in the program.
    variables : mapping of str to ndarray
        Those that stand beside it, of which each may have dimensions named after it.
    labels : Labels
        Whose dimensions have names.
    """
    of, found, number = name.rpartition("_dim_")
    automatic = bool(found) and of in variables and number.isdecimal()
    taken = name in _TAKEN or name in labels.coords or automatic
    return name + _BESIDE if taken else name


def _likelihood_dims(labels: Labels) -> dict[str, list[str]]:
    dims = labels.dims.get("log_lik", labels.dims.get("y"))
    return {} if dims is None else {"y": list(dims)}


def _check_sizes(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse draws of unequal number, which xarray would pad with NaN."""
    sizes = {name: values.shape[:2] for name, values in arrays.items()}
    for name, size in sizes.items():
        first = next(iter(sizes))
        if size != sizes[first]:
            raise ConvertError(
                f"{name!r} has (chains, draws) {size}, but {first!r} has "
                f"{sizes[first]}."
            )


def _sorted_into_groups(
    variables: Mapping[str, NDArray[Any]],
    data: StanData,
    labels: Labels,
    kinds: Mapping[str, Type],
) -> dict[str, dict[str, NDArray[Any]]]:
    import numpy as np

    groups: dict[str, dict[str, NDArray[Any]]] = {
        "posterior": {},
        "posterior_predictive": {},
        "log_likelihood": {},
        "log_likelihood_group": {},
        "log_prior": {},
    }
    for name, values in _real_parts(variables):
        if name in _LOG_LIKELIHOODS:
            groups[_LOG_LIKELIHOODS[name]]["y"] = values
        elif name == "lprior":
            groups["log_prior"].update(_log_prior(values, labels))
        elif _replicates(name, data):
            whole = name in kinds and kinds[name].whole and np.isfinite(values).all()
            groups["posterior_predictive"][name.removesuffix(_REP)] = (
                values.astype(np.int64) if whole else values
            )
        else:
            groups["posterior"][name] = values
    return groups


def _real_parts(
    variables: Mapping[str, NDArray[Any]],
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield real variables; take tuples and complex numbers apart.

    The parts of a tuple ``t`` are ``t.1``, ``t.2``, ..., as in Stan; those of a complex
    ``c`` are ``c.real`` and ``c.imag``.
    """
    import numpy as np

    for name, values in variables.items():
        if values.dtype == object:
            width = len(values.flat[0])
            parts = {
                f"{name}.{k + 1}": np.array([t[k] for t in values.flat])
                for k in range(width)
            }
            shaped = {
                part: array.reshape(values.shape + array.shape[1:])
                for part, array in parts.items()
            }
            yield from _real_parts(shaped)
        elif np.iscomplexobj(values):
            yield f"{name}.real", values.real
            yield f"{name}.imag", values.imag
        else:
            yield name, values


def _replicates(name: str, data: StanData) -> bool:
    return name.endswith(_REP) and name.removesuffix(_REP) in data


def _log_prior(values: NDArray[Any], labels: Labels) -> dict[str, NDArray[Any]]:
    priors = labels.priors
    fits = values.ndim == 3 and values.shape[2] == len(priors)
    if fits:
        return {name: values[:, :, i] for i, name in enumerate(priors)}
    if values.ndim == 3 and priors and labels.binding:
        raise ConvertError(
            f"lprior has {values.shape[2]} elements for {len(priors)} priors "
            f"({', '.join(priors)})."
        )
    return {"lprior": values}


def _sample_stats(
    stats: Mapping[str, NDArray[Any]], max_treedepth: int | None
) -> dict[str, NDArray[Any]]:
    import numpy as np

    out = {
        SAMPLE_STATS.get(name, name.rstrip("_")): values
        for name, values in stats.items()
    }
    for name in _INTEGER_STATS:
        if name in out:
            out[name] = out[name].astype(np.int64)
    if "diverging" in out:
        out["diverging"] = out["diverging"].astype(bool)
    if "tree_depth" in out and max_treedepth is not None:
        out["reached_max_treedepth"] = out["tree_depth"] >= max_treedepth
    return out


def _data_groups(
    variables: Mapping[str, NDArray[Any]], data: StanData
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Split the data into what the model describes and what it conditions on."""
    import numpy as np

    observed_names = {n.removesuffix(_REP) for n in variables if _replicates(n, data)}
    if "y" in data and not observed_names:
        observed_names = {"y"}
    observed: dict[str, NDArray[Any]] = {}
    constant: dict[str, NDArray[Any]] = {}
    for name, value in data.items():
        array = np.asarray(value)
        if array.dtype.kind not in "iufb" or array.size == 0:
            continue
        (observed if name in observed_names else constant)[name] = array
    return observed, constant


def _dataset(
    variables: Mapping[str, NDArray[Any]], labels: Labels, *, sampled: bool
) -> xr.Dataset:
    import numpy as np
    from arviz_base import dict_to_dataset

    variables = {kept_as(n, variables, labels): v for n, v in variables.items()}
    dims: dict[Any, Any] = {
        name: names
        for name, names in labels.dims.items()
        if name in variables
        and (labels.binding or _fits(variables[name], names, labels, sampled))
    }
    used = {d for names in dims.values() for d in names}
    coords: dict[Any, Any] = {
        k: np.asarray(v) for k, v in labels.coords.items() if k in used
    }
    try:
        dataset = dict_to_dataset(
            variables,
            coords=coords,
            dims=dims,
            sample_dims=["chain", "draw"] if sampled else [],
            check_conventions=False,
        )
    except (ValueError, KeyError) as err:
        raise ConvertError(f"the draws do not fit their labels: {err}") from err
    # ArviZ stamps each group with the time; equal draws shall give equal trees.
    dataset.attrs.clear()
    return dataset


def _fits(values: NDArray[Any], dims: list[str], labels: Labels, sampled: bool) -> bool:
    """Whether ``values`` has one entry per label of each dimension."""
    sizes = tuple(len(labels.coords[d]) for d in dims if d in labels.coords)
    return values.shape[2 if sampled else 0 :] == sizes
