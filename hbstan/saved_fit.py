"""What a saved fit must hold before anything is made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.convert import stored_data
from hbstan.data.systems import kinds, restore
from hbstan.errors import FitError, HbstanError
from hbstan.storage import NO_FIT, whole_format

if TYPE_CHECKING:
    import xarray as xr

    from hbstan.data import Dataset

__all__ = ["FORMAT", "IN_JSON", "require_fit", "stored_dataset"]

#: Version of the attributes that a saved fit carries.
FORMAT = 1
_TEXTS = ("model", "backend", "data_name", "data_hash")
_OPTIONAL_TEXTS = ("like", "data_kind", "program_file", "program_hash", "created_at")


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_table(value: Any) -> bool:
    return _is_mapping(value) and all(_is_mapping(row) for row in value.values())


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_texts(value: Any) -> bool:
    return _is_list(value) and all(isinstance(text, str) for text in value)


#: NetCDF attributes are text or numbers: these travel as JSON text.
IN_JSON: Mapping[str, Callable[[Any], bool]] = {
    "priors": _is_table,
    "holdout": _is_list,
    "settings": _is_mapping,
    "versions": _is_mapping,
    "timings": _is_mapping,
    "sampled": _is_texts,
    "parameterization": _is_mapping,
    "constant": _is_texts,
    "renamed": _is_mapping,
}
#: Those that not every fit has.
_OPTIONAL = ("parameterization", "constant", "renamed")
#: Groups with a value for each draw of the posterior, and those with draws of warmup.
_DRAWN = (
    *("posterior", "posterior_predictive", "log_likelihood", "log_likelihood_group"),
    *("log_prior", "sample_stats"),
)
_WARMUP = ("warmup_posterior", "warmup_sample_stats")
_DATA = ("observed_data", "constant_data")
_OVER = ("chain", "draw")


def require_fit(tree: xr.DataTree, path: Path) -> None:
    """Refuse a tree that is no fit, or not a whole one.

    Parameters
    ----------
    tree : xarray.DataTree
    path : pathlib.Path
        Where it was read, for the message.

    Raises
    ------
    FitError
    """
    if "posterior" not in tree.children or "model" not in tree.attrs:
        raise FitError(
            f"{str(path)!r} is a netCDF file, but not a saved fit.", remedy=NO_FIT
        )
    whole_format(tree.attrs.get("format", 0), FORMAT, path)
    fault = _attributes(tree.attrs) or _groups(tree) or _data(tree)
    if fault:
        raise FitError(f"{str(path)!r} is no whole fit: {fault}.", remedy=NO_FIT)


def _attributes(attrs: Mapping[Any, Any]) -> str:
    """Return what is wrong with the provenance; nothing if it is right."""
    for name in _TEXTS:
        if not isinstance(attrs.get(name), str) or not attrs[name]:
            return f"its attribute {name} is {attrs.get(name)!r}, but must be a text"
    for name in _OPTIONAL_TEXTS:
        if not isinstance(attrs.get(name, ""), str):
            return f"its attribute {name} is {attrs[name]!r}, but must be a text"
    seed: Any = attrs.get("seed")
    if getattr(getattr(seed, "dtype", None), "kind", "") != "i" or seed < 0:
        return f"its attribute seed is {seed!r}, but must be a whole number from 0"
    return _known_names(attrs) or _json_attributes(attrs)


def _known_names(attrs: Mapping[Any, Any]) -> str:
    like, kind = attrs.get("like", ""), attrs.get("data_kind", "")
    if like and like not in models.names():
        return (
            f"it is of a model like {like!r}, but this hbstan has "
            f"{', '.join(models.names())}"
        )
    legal = ("", "binomial", "normal", *kinds())
    if kind not in legal:
        return f"its data are of the kind {kind!r}, but this hbstan has {legal[1:]}"
    if like and kind and models.get(like).kind != kind:
        return f"{like} is a model of {models.get(like).kind} data, not of {kind} data"
    return ""


def _json_attributes(attrs: Mapping[Any, Any]) -> str:
    for name, is_right in IN_JSON.items():
        if name not in attrs and name in _OPTIONAL:
            continue
        try:
            right = is_right(json.loads(attrs[name]))
        except (KeyError, ValueError, TypeError, RecursionError):
            right = False
        if not right:
            shown = str(attrs.get(name))[:60]
            return f"its attribute {name} is not the record it should be: {shown!r}"
    return ""


def _groups(tree: xr.DataTree) -> str:
    sizes = {d: tree["posterior"].to_dataset().sizes.get(d, 0) for d in _OVER}
    if 0 in sizes.values() or not tree["posterior"].to_dataset().data_vars:
        return "its posterior has no draws over chain and draw"
    for name in tree.children:
        fault = _group(tree[name].to_dataset(), sizes if name in _DRAWN else {})
        if fault and name in (*_DRAWN, *_WARMUP, *_DATA):
            return f"in {name}, {fault}"
    return _warmup(tree) or _labels(tree)


def _group(dataset: xr.Dataset, sizes: Mapping[str, int]) -> str:
    for name, array in dataset.data_vars.items():
        if array.dtype.kind not in "iufb":
            return f"{name} holds {array.dtype}, but must hold numbers"
        for dim, size in sizes.items():
            if array.sizes.get(dim) != size:
                return (
                    f"{name} has dims {dict(array.sizes)}, but must have {size} of "
                    f"{dim} as the posterior"
                )
    return ""


def _warmup(tree: xr.DataTree) -> str:
    for group in _WARMUP:
        if group in tree.children:
            for name, array in tree[group].to_dataset().data_vars.items():
                if not set(_OVER) <= set(array.dims):
                    return f"in {group}, {name} has no chain and draw"
    return ""


def _labels(tree: xr.DataTree) -> str:
    """Return which labels differ between groups; ArviZ's own dims have none."""
    known: dict[str, list[Any]] = {}
    for group in (*_DRAWN, *_DATA):
        if group not in tree.children:
            continue
        dataset = tree[group].to_dataset()
        for dim in map(str, dataset.dims):
            own = dim not in _OVER and "_dim_" not in dim and dim in dataset.coords
            if own:
                labels = dataset[dim].values.tolist()
                if known.setdefault(dim, labels) != labels:
                    return f"the labels of {dim} in {group} are not those before it"
    return ""


def stored_dataset(tree: xr.DataTree) -> Dataset:
    """Return the dataset that a tree of grouped data holds.

    Raises
    ------
    HbstanError, KeyError, ValueError, TypeError, IndexError
        If it holds no such dataset.
    """
    from hbstan.data import GroupedBinomial, GroupEstimates

    name, kind = str(tree.attrs["data_name"]), str(tree.attrs.get("data_kind", ""))
    if kind in kinds():
        return restore(kind, *stored_data(tree), name)
    constant = tree["constant_data"].to_dataset()
    y = tree["observed_data"].to_dataset()["y"]
    group = y[y.dims[0]] if y.dims[0] in y.coords else range(y.size)
    labels = tuple(str(getattr(label, "item", lambda v=label: v)()) for label in group)
    common: dict[str, Any] = {"labels": labels, "name": name}
    if "sigma" in constant:
        return GroupEstimates(y=y.values, sigma=constant["sigma"].values, **common)
    return GroupedBinomial(y=y.values, n=constant["n"].values, **common)


def _data(tree: xr.DataTree) -> str:
    """Hold the data of a catalogue program's fit against their hash."""
    attrs = tree.attrs
    if attrs.get("program_file", "") or not (
        attrs.get("like") and attrs.get("data_kind")
    ):
        return ""
    try:
        same = stored_dataset(tree).hash == attrs["data_hash"]
    except (HbstanError, KeyError, ValueError, TypeError, IndexError) as err:
        return f"its data cannot be read again: {str(err).partition(chr(10))[0]}"
    return "" if same else "its data are not those whose hash it has"
