"""What a saved fit must hold before anything is made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.data.systems import kinds
from hbstan.errors import FitError
from hbstan.storage import NO_FIT, whole_format

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FORMAT", "IN_JSON", "require_fit"]

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
    fault = _attributes(tree.attrs) or _groups(tree)
    if fault:
        raise FitError(f"{str(path)!r} is no whole fit: {fault}.", remedy=NO_FIT)


def _attributes(attrs: Mapping[Any, Any]) -> str:
    """Return what is wrong with the provenance; nothing if it is right."""
    for name in _TEXTS:
        if not isinstance(attrs.get(name), str):
            return f"its attribute {name} is {attrs.get(name)!r}, but must be a text"
    for name in _OPTIONAL_TEXTS:
        if not isinstance(attrs.get(name, ""), str):
            return f"its attribute {name} is {attrs[name]!r}, but must be a text"
    seed = attrs.get("seed")
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
    return _warmup(tree)


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
