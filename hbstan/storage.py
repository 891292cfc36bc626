"""Labelled trees as netCDF files, whole or not there."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.files import write_bytes
from hbstan.sealed import AGAIN, FileWarning, Seal, file_seal, seal

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NO_FIT", "is_sealed", "load_tree", "save_tree", "whole_format"]

#: The remedy for a file that is no fit.
NO_FIT = "Give the path of a fit.nc that 'hbstan fit --out DIR' or Fit.save wrote."
#: Root attribute of a file that ends in a checksum: so a lost one is missed.
_MARK = "checksum"
_TOLD = "SHA-256 of all bytes before the file's last line"
_REWRITTEN = (
    "Restore the file. If a program that you trust has rewritten it, read it by "
    "xarray.open_datatree and save it again, e.g. by hb.Fit(tree).save."
)
#: Deflate cannot shrink by more, and nothing that is worth keeping shrinks so far.
_MOST_SHRUNK = 200
_SMALL = 1 << 20
_PLACEHOLDER = b"This is a netCDF dimension but not a netCDF variable"


def save_tree(tree: xr.DataTree, path: Path) -> None:
    """Write ``tree`` to ``path`` with a checksum, atomically.

    Raises
    ------
    FitError
        If the file cannot be written; an older one is left as it was.
    """
    # HDF5 does not survive a disk that fills up while it writes: it gets memory, and
    # the bytes are written by means that report failure.
    buffer = io.BytesIO()
    marked = tree.copy(deep=False)
    marked.attrs = {**tree.attrs, _MARK: _TOLD}
    try:
        marked.to_netcdf(buffer, engine="h5netcdf")
        write_bytes(path, seal(buffer.getvalue()))
    except (OSError, ValueError, TypeError) as err:
        raise FitError(
            f"{str(path)!r} cannot be written: {err}",
            remedy="Check free space and permissions, or choose another place.",
        ) from err


def is_sealed(path: Path) -> bool:
    """Whether a file ends in a checksum that belongs to its content."""
    try:
        return file_seal(path) is Seal.WHOLE
    except OSError:
        return False


def load_tree(
    path: Path, require: Callable[[xr.DataTree, Path], None], *, remedy: str = NO_FIT
) -> xr.DataTree:
    """Read a tree into memory, and verify its checksum.

    A file without one, of an older hbstan or of another program, is read with a
    warning.

    Parameters
    ----------
    path : pathlib.Path
    require : callable
        Raises FitError if the tree is not what is looked for.
    remedy : str
        What helps if the file is something else.

    Raises
    ------
    FitError
        If there is no such file, it is damaged, or it is no netCDF.
    """
    if not path.is_file():
        raise FitError(f"there is no file {str(path)!r}.", remedy=remedy)
    try:
        found = file_seal(path)
    except OSError as err:
        raise FitError(
            f"{str(path)!r} cannot be read: {err.strerror}.",
            remedy="Check the file's permissions.",
        ) from err
    if found is Seal.DAMAGED:
        raise FitError(
            f"{str(path)!r} is damaged: its checksum does not belong to its content.",
            remedy=AGAIN,
        )
    tree = _read(path, remedy)
    if tree.attrs.pop(_MARK, None) is not None and found is Seal.ABSENT:
        raise FitError(
            f"{str(path)!r} was written with a checksum, which is missing: it is "
            "damaged, or another program has rewritten it.",
            remedy=_REWRITTEN,
        )
    require(tree, path)
    if found is Seal.ABSENT:
        warnings.warn(
            f"{str(path)!r} has no checksum: an older hbstan or another program wrote "
            "it, and damage cannot be noticed. Save it again to give it one.",
            FileWarning,
            stacklevel=3,
        )
    return tree


def _read(path: Path, remedy: str) -> xr.DataTree:
    import xarray as xr

    try:
        _refuse_strange(path)
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load()
        for node in tree.subtree:
            node.to_dataset()  # whose dims may contradict each other
        return tree
    except Exception as err:  # whatever a file can make the libraries do
        raise FitError(
            f"{str(path)!r} is not a netCDF file, or a damaged one: {_short(err)}",
            remedy=remedy,
        ) from err


def _short(err: Exception) -> str:
    text = str(err).partition("\n")[0] or type(err).__name__
    return text if len(text) <= 200 else text[:200] + "…"


def _refuse_strange(path: Path) -> None:
    """Refuse links that lead elsewhere or in circles, and sizes without content.

    Raises
    ------
    ValueError
    """
    import h5py

    with h5py.File(path, "r") as file:
        groups: list[Any] = [file]
        seen = {h5py.h5o.get_info(file.id).addr}
        claimed = stored = 0
        while groups:
            group = groups.pop()
            for name in group:
                where = f"{group.name.rstrip('/')}/{name}"
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ValueError(f"{where} is a link to something else")
                item = group[name]
                if isinstance(item, h5py.Group):
                    address = h5py.h5o.get_info(item.id).addr
                    if address in seen:
                        raise ValueError(f"{where} is a group that is there already")
                    seen.add(address)
                    groups.append(item)
                elif isinstance(item, h5py.Dataset) and not _is_placeholder(item):
                    _refuse_foreign(item, where)
                    claimed += item.size * item.dtype.itemsize if item.shape else 0
                    stored += item.id.get_storage_size()
        if claimed > _MOST_SHRUNK * stored + _SMALL:
            raise ValueError(
                f"it claims {claimed:,} bytes of data, but holds {stored:,}"
            )


def _refuse_foreign(item: Any, where: str) -> None:
    if item.is_virtual or item.external:
        raise ValueError(f"{where} has its content in another file")


def _is_placeholder(item: Any) -> bool:
    """Whether it stands for the length of a dimension alone, and is never read."""
    name = item.attrs.get("NAME", b"")
    return isinstance(name, bytes) and name.startswith(_PLACEHOLDER)


def whole_format(found: Any, known: int, path: Path) -> None:
    """Refuse a format that is no whole number, or newer than ``known``.

    Raises
    ------
    FitError
    """
    import numpy as np

    if isinstance(found, bool) or not isinstance(found, int | np.integer) or found < 0:
        raise FitError(
            f"{str(path)!r} has format {found!r}, but must have a whole number.",
            remedy=NO_FIT,
        )
    if found > known:
        raise FitError(
            f"{str(path)!r} has format {found}, but this hbstan reads up to {known}.",
            remedy="Update hbstan.",
        )
