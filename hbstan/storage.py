"""Labelled trees as netCDF files, whole or not there."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from hbstan.errors import FitError
from hbstan.files import write_bytes

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NO_FIT", "load_tree", "save_tree"]

#: The remedy for a file that is no fit.
NO_FIT = "Give the path of a fit.nc that 'hbstan fit --out DIR' or Fit.save wrote."


def save_tree(tree: xr.DataTree, path: Path) -> None:
    """Write ``tree`` to ``path``, atomically.

    Raises
    ------
    FitError
        If the file cannot be written; an older one is left as it was.
    """
    # HDF5 does not survive a disk that fills up while it writes: it gets memory, and
    # the bytes are written by means that report failure.
    buffer = io.BytesIO()
    try:
        tree.to_netcdf(buffer, engine="h5netcdf")
        write_bytes(path, buffer.getvalue())
    except (OSError, ValueError) as err:
        raise FitError(
            f"{str(path)!r} cannot be written: {err}",
            remedy="Check free space and permissions, or choose another place.",
        ) from err


def load_tree(path: Path) -> xr.DataTree:
    """Read a tree into memory.

    Raises
    ------
    FitError
        If there is no such file, or it is no netCDF.
    """
    import xarray as xr

    if not path.is_file():
        raise FitError(f"there is no file {str(path)!r}.", remedy=NO_FIT)
    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            return opened.load()
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise FitError(
            f"{str(path)!r} is not a netCDF file: {err}", remedy=NO_FIT
        ) from err
