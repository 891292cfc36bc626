"""Give every reader of saved fits files that are none, and see that each is refused.

Each file is made from a good fit: bytes cut, HDF5 with links in circles, sizes beyond
any memory, groups, variables and attributes that are missing or of another kind. Those
made by xarray are tried twice: as another program would write them, and with a right
checksum. Every reader must end in a typed error, in the command line with exit code
2, and soon. Prints a table; exits with 1 if a reader did anything else.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pickle
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

import hbstan as hb
from hbstan.cli.app import main as command_line
from hbstan.errors import HbstanError
from hbstan.fit import Fit
from hbstan.sbc.result import SBCResult
from hbstan.sealed import seal
from hbstan.storage import save_tree

__all__ = ["Trial", "hostile_files", "make", "try_file"]

#: No reader may take longer, in seconds.
MOST_SECONDS = 20.0
HUGE = 10**12
Tree = xr.DataTree


@dataclass(frozen=True)
class Trial:
    """What a reader made of a file."""

    file: str
    reader: str
    outcome: str
    seconds: float
    message: str

    @property
    def good(self) -> bool:
        """Whether the reader refused the file, and soon."""
        return self.outcome == "typed error" and self.seconds < MOST_SECONDS


# Bytes ---------------------------------------------------------------------------


def _cut(share: float) -> Callable[[bytes], bytes]:
    return lambda raw: raw[: int(share * len(raw))]


def _flipped(seed: int) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        bent = bytearray(raw)
        for place in np.random.default_rng(seed).integers(0, len(raw), 20):
            bent[place] ^= 1 << int(place % 8)
        return bytes(bent)

    return change


def _zeroed(raw: bytes) -> bytes:
    half = len(raw) // 2
    return raw[:half] + bytes(len(raw) - half)


BYTES: Mapping[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "text": lambda raw: b"group,n,r\na,1,0\n",
    "HDF5's first bytes alone": lambda raw: raw[:8],
    "netCDF 3": lambda raw: b"CDF\x01" + bytes(100),
    "a pickle": lambda raw: pickle.dumps({"posterior": [1, 2, 3]}),
    "JSON": lambda raw: b'{"posterior": {}}',
    "cut at a tenth": _cut(0.1),
    "cut at a half": _cut(0.5),
    "cut at 99 %": _cut(0.99),
    "without its last line": lambda raw: raw[:-66],
    "with bytes appended": lambda raw: raw + b"more",
    "the second half zeros": _zeroed,
    "20 bits flipped": _flipped(1),
    "20 bits flipped, unsealed": lambda raw: _flipped(2)(raw[:-66]),
    "20 bits flipped, sealed again": lambda raw: seal(_flipped(3)(raw[:-66])),
    "text with a right checksum": lambda raw: seal(b"not HDF5"),
}


# HDF5 ----------------------------------------------------------------------------


def _circle(file: h5py.File) -> None:
    file["posterior/again"] = file["posterior"]


def _circle_at_root(file: h5py.File) -> None:
    file["posterior/root"] = file["/"]


def _soft(file: h5py.File) -> None:
    file["sample"] = h5py.SoftLink("/sample")


def _external(file: h5py.File) -> None:
    file["other"] = h5py.ExternalLink("/etc/passwd", "/")


def _replace(file: h5py.File, **how: Any) -> None:
    dims = [scale[0] if len(scale) else None for scale in file["posterior/mu"].dims]
    del file["posterior/mu"]
    made = file["posterior"].create_dataset("mu", **how)
    for axis, scale in enumerate(dims[: len(made.shape or ())]):
        if scale is not None:
            made.dims[axis].attach_scale(scale)


def _huge(file: h5py.File) -> None:
    _replace(file, shape=(4, HUGE // 4), dtype="f8", chunks=(1, 1024))


def _huge_compressed(file: h5py.File) -> None:
    how = {"dtype": "f8", "chunks": (1, 1 << 16), "compression": "gzip"}
    _replace(file, shape=(2, 1 << 33), **how)


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(2, 100), dtype="f8")
    layout[:] = h5py.VirtualSource("/nowhere.h5", "x", shape=(2, 100))
    del file["posterior/mu"]
    file["posterior"].create_virtual_dataset("mu", layout)


def _outside(file: h5py.File) -> None:
    _replace(file, shape=(2, 100), dtype="f8", external=[("/etc/passwd", 0, 1600)])


def _compound(file: h5py.File) -> None:
    _replace(file, shape=(2, 100), dtype=np.dtype([("a", "f8"), ("b", "i4")]))


def _references(file: h5py.File) -> None:
    _replace(file, shape=(2, 100), dtype=h5py.ref_dtype)


def _bytes_of_any_length(file: h5py.File) -> None:
    _replace(file, shape=(2, 100), dtype=h5py.vlen_dtype(np.dtype("u1")))


def _null(file: h5py.File) -> None:
    _replace(file, data=h5py.Empty("f8"))


def _no_posterior(file: h5py.File) -> None:
    del file["posterior"]


def _posterior_is_a_variable(file: h5py.File) -> None:
    del file["posterior"]
    file["posterior"] = np.zeros((2, 100))


def _array_for_model(file: h5py.File) -> None:
    file.attrs["model"] = np.arange(5)


def _empty_model(file: h5py.File) -> None:
    file.attrs["model"] = h5py.Empty("S1")


HDF5: Mapping[str, Callable[[h5py.File], None]] = {
    "a group within itself": _circle,
    "the root within a group": _circle_at_root,
    "a soft link to itself": _soft,
    "a link to another file": _external,
    "10^12 draws claimed": _huge,
    "2^34 draws claimed, compressed": _huge_compressed,
    "a virtual variable": _virtual,
    "a variable outside the file": _outside,
    "a compound variable": _compound,
    "a variable of references": _references,
    "a variable of bytes": _bytes_of_any_length,
    "a null variable": _null,
    "no posterior, by h5py": _no_posterior,
    "a posterior that is a variable": _posterior_is_a_variable,
    "model an array": _array_for_model,
    "model empty": _empty_model,
}


# Trees ---------------------------------------------------------------------------


def _attr(**values: Any) -> Callable[[Tree], Tree]:
    """Set attributes of the root; None removes one."""

    def change(tree: Tree) -> Tree:
        for name, value in values.items():
            tree.attrs.pop(name, None)
            if value is not None:
                tree.attrs[name] = value
        return tree

    return change


def _group(name: str, edit: Callable[[xr.Dataset], xr.Dataset]) -> Any:
    """Change a group."""

    def change(tree: Tree) -> Tree:
        groups = {k: child.to_dataset() for k, child in tree.children.items()}
        groups[name] = edit(groups[name])
        made = Tree.from_dict(groups)
        made.attrs.update(tree.attrs)
        return made

    return change


def _without(name: str) -> Callable[[Tree], Tree]:
    def change(tree: Tree) -> Tree:
        groups = {k: c.to_dataset() for k, c in tree.children.items() if k != name}
        made = Tree.from_dict(groups)
        made.attrs.update(tree.attrs)
        return made

    return change


def _as(dtype: str) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda d: d.assign(mu=d["mu"].astype(dtype))


def _dates(d: xr.Dataset) -> xr.Dataset:
    return d.assign(mu=(("chain", "draw"), np.zeros(d["mu"].shape, "M8[ns]")))


def _only(tree: Tree) -> Tree:
    return Tree(xr.Dataset({"mu": ("draw", np.zeros(10))}))


def _data_alone(tree: Tree) -> Tree:
    return Tree(tree["observed_data"].to_dataset())


_NESTED = "[" * 100_000
TREES: Mapping[str, Callable[[Tree], Tree]] = {
    "no groups": _only,
    "nothing at all": lambda tree: Tree(),
    "the data alone": _data_alone,
    "no posterior": _without("posterior"),
    "no observed data": _without("observed_data"),
    "no constant data": _without("constant_data"),
    "no attributes": lambda tree: Tree.from_dict(
        {k: c.to_dataset() for k, c in tree.children.items()}
    ),
    "no data hash": _attr(data_hash=None),
    "no data name": _attr(data_name=None),
    "no backend": _attr(backend=None),
    "no seed": _attr(seed=None),
    "no priors": _attr(priors=None),
    "no settings": _attr(settings=None),
    "model a number": _attr(model=3.5),
    "model NaN": _attr(model=np.nan),
    "seed NaN": _attr(seed=np.nan),
    "seed a text": _attr(seed="one"),
    "seed below 0": _attr(seed=-1),
    "format a text": _attr(format="one"),
    "format NaN": _attr(format=np.nan),
    "format 99": _attr(format=99),
    "priors no JSON": _attr(priors="{"),
    "priors a list": _attr(priors="[1, 2]"),
    "priors of another shape": _attr(priors='{"mu": 3}'),
    "priors nested without end": _attr(priors=_NESTED),
    "settings a number": _attr(settings="3"),
    "sampled a mapping": _attr(sampled='{"mu": 1}'),
    "sampled of numbers": _attr(sampled="[1, 2]"),
    "timings null": _attr(timings="null"),
    "holdout a text": _attr(holdout='"a"'),
    "like an unknown model": _attr(like="no_such_model"),
    "data of an unknown kind": _attr(data_kind="no_such_kind"),
    "data kind of another model": _attr(data_kind="normal"),
    "data hash of other data": _attr(data_hash="0" * 64),
    "like another model": _attr(like="eight_schools_centered"),
    "no chain": _group("posterior", lambda d: d.isel(chain=0, drop=True)),
    "no draw": _group("posterior", lambda d: d.isel(draw=0, drop=True)),
    "zero draws": _group("posterior", lambda d: d.isel(draw=slice(0, 0))),
    "zero chains": _group("posterior", lambda d: d.isel(chain=slice(0, 0))),
    "no variables": _group("posterior", lambda d: d.drop_vars([*d.data_vars])),
    "a variable without draws": _group("posterior", lambda d: d.assign(x=1.0)),
    "draws renamed": _group("posterior", lambda d: d.rename(draw="iteration")),
    "draws of texts": _group("posterior", _as("U8")),
    "draws of dates": _group("posterior", _dates),
    "complex draws": _group("posterior", _as("c16")),
    "other labels": _group(
        "posterior", lambda d: d.assign_coords(group=[*d["group"].values[::-1]])
    ),
    "theta for half the groups": _group(
        "posterior", lambda d: d.isel(group=slice(0, len(d["group"]) // 2))
    ),
    "fewer likelihoods": _group("log_likelihood", lambda d: d.isel(draw=slice(0, 9))),
    "likelihoods of texts": _group("log_likelihood", lambda d: d.astype("U9")),
    "statistics without draws": _group("sample_stats", lambda d: d.mean("draw")),
    "statistics of texts": _group("sample_stats", lambda d: d.astype("U9")),
    "observed texts": _group("observed_data", lambda d: d.astype("U9")),
    "observed NaN": _group("observed_data", lambda d: d * np.nan),
    "half the groups observed": _group(
        "observed_data", lambda d: d.isel({next(iter(d.dims)): slice(0, 3)})
    ),
    "no trials": _group("constant_data", lambda d: d.drop_vars("n")),
    "negative trials": _group("constant_data", lambda d: d.assign(n=-d["n"])),
}


# Making and trying -----------------------------------------------------------------


def hostile_files() -> list[str]:
    """Return the names of all files."""
    sealed = [f"{name} (sealed)" for name in TREES]
    return [*BYTES, *HDF5, *TREES, *sealed, "a folder"]


def make(name: str, good: Path, path: Path) -> None:
    """Write the hostile file of that name.

    Parameters
    ----------
    name : str
        One of :func:`hostile_files`.
    good : pathlib.Path
        A saved fit.
    path : pathlib.Path
        Where to write.
    """
    if name == "a folder":
        path.mkdir()
    elif name in BYTES:
        path.write_bytes(BYTES[name](good.read_bytes()))
    elif name in HDF5:
        _plain(Fit.load(good).tree, path)
        with h5py.File(path, "r+") as file:
            HDF5[name](file)
    else:
        tree = TREES[name.removesuffix(" (sealed)")](Fit.load(good).tree)
        (save_tree if name.endswith(" (sealed)") else _plain)(tree, path)


def _plain(tree: Tree, path: Path) -> None:
    """Write a tree as another program would, without a checksum."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are writing invalid netcdf")
        tree.to_netcdf(path, engine="h5netcdf", invalid_netcdf=True)


def try_file(name: str, path: Path, good: Path) -> Iterator[Trial]:
    """Give a file to every reader."""
    readers: Mapping[str, Callable[[], None]] = {
        "Fit.load": lambda: _used(Fit.load(path)),
        "SBCResult.load": lambda: _used(SBCResult.load(path)),
        "hbstan check": lambda: _command("check", str(path), "--quiet"),
        "hbstan compare": lambda: _command("compare", str(path), str(good), "--quiet"),
    }
    for reader, read in readers.items():
        began = time.perf_counter()
        outcome, message = _outcome(read)
        yield Trial(name, reader, outcome, time.perf_counter() - began, message)


def _tried(name: str, path: Path, good: Path) -> Iterator[Trial]:
    """Make a file and give it to every reader, unless saving it is refused."""
    began = time.perf_counter()
    try:
        make(name, good, path)
    except HbstanError as err:
        seconds = time.perf_counter() - began
        yield Trial(name, "Fit.save", "typed error", seconds, str(err))
        return
    yield from try_file(name, path, good)


class _AcceptedError(Exception):
    """The exit code of a command, and what it said."""


def _used(result: Any) -> None:
    """Let a file that is loaded say what it is."""
    repr(result)
    raise _AcceptedError(f"it was read: {result!r}")


def _command(*args: str) -> None:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            command_line([*args])
            code: Any = 0
        except SystemExit as err:
            code = err.code
    text = said.getvalue()
    if code == 2 and "unexpected" not in text and "Traceback" not in text:
        raise HbstanError(text)
    raise _AcceptedError(f"exit code {code}: {text}")


def _outcome(read: Callable[[], None]) -> tuple[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read()
    except HbstanError as err:
        return "typed error", str(err).partition("\n")[0]
    except _AcceptedError as err:
        return "accepted or not typed", str(err)[-600:]
    except BaseException as err:
        return f"{type(err).__name__}", str(err)[:300]
    return "accepted", ""


def good_fit(folder: Path, backend: str, seed: int) -> Path:
    """Make the fit that the hostile files are made from."""
    small: dict[str, Any] = {"chains": 2, "iter_warmup": 200, "iter_sampling": 100}
    fit = hb.fit("logit_noncentered", "surgical", seed=seed, backend=backend, **small)
    return fit.save(folder / "good.nc")


def main() -> int:
    """Try the files and return 0 if each was refused by each reader, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--seed", type=int, default=1, help="of the good fit")
    parser.add_argument("--only", help="files whose names hold this text")
    parser.add_argument("--json", type=Path, help="write every trial to this file")
    options = parser.parse_args()
    trials: list[Trial] = []
    names = [n for n in hostile_files() if (options.only or "") in n]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        good = good_fit(folder, options.backend, options.seed)
        for number, name in enumerate(names):
            path = folder / f"{number}.nc"
            found = list(_tried(name, path, good))
            trials += found
            for trial in found:
                if not trial.good:
                    print(
                        f"{name}: {trial.reader}: {trial.outcome} "
                        f"({trial.seconds:.1f} s): {trial.message}",
                        flush=True,
                    )
    if options.json:
        options.json.write_text(json.dumps([vars(t) for t in trials], indent=1))
    bad = [trial for trial in trials if not trial.good]
    print(f"\n{len(names)} hostile files, seed {options.seed}")
    print("| reader | files | typed errors | else | slowest |\n|---|---|---|---|---|")
    for reader in dict.fromkeys(trial.reader for trial in trials):
        own = [trial for trial in trials if trial.reader == reader]
        count = Counter(trial.good for trial in own)
        slowest = max(trial.seconds for trial in own)
        print(
            f"| {reader} | {len(own)} | {count[True]} | {count[False]} | "
            f"{slowest:.1f} s |"
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
