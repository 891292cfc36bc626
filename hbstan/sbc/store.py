"""One record per simulation, each whole or not there, of one run and no other.

A store is a folder: ``manifest.json`` says what was run, ``simulations/`` holds a
file per simulation with a checksum, ``lock`` keeps a second process out while one
works. Whatever kills a process, the records it wrote stay, and a later one goes on.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hbstan.errors import StoreError
from hbstan.files import alone_in, atomic_path, write_bytes
from hbstan.sealed import FileWarning, damaged, read_file, seal, unseal

__all__ = [
    "FolderStore",
    "MemoryStore",
    "Store",
    "decode",
    "difference",
    "encode",
    "key_of",
    "open_store",
    "saved_identity",
]

#: Version of the layout and of the records.
FORMAT = 1
_OTHER = "Use another folder, or repeat the run with the settings of the first."
_REPEAT = "Run again with resume: damaged records are computed anew."
_REMOVE = (
    "Remove it and run again with resume and the seed of the first run: the "
    "simulations say of which run they are, and are kept."
)


class Store(Protocol):
    """Where records are kept."""

    def finished(self) -> set[int]:
        """Return the simulations that need not be run any more."""

    def write(self, sim_id: int, record: bytes) -> None:
        """Keep an encoded record; it is whole or not there."""

    def read(self, sim_id: int) -> dict[str, Any]:
        """Return a record."""


@dataclass(frozen=True)
class MemoryStore:
    """Records in memory, for runs that need not survive their process."""

    records: dict[int, bytes] = field(default_factory=dict)

    def finished(self) -> set[int]:
        """Return the simulations that need not be run any more."""
        return set(self.records)

    def write(self, sim_id: int, record: bytes) -> None:
        """Keep an encoded record."""
        self.records[sim_id] = record

    def read(self, sim_id: int) -> dict[str, Any]:
        """Return a record."""
        return decode(self.records[sim_id], "memory")


def encode(record: Mapping[str, Any], key: str) -> bytes:
    """Return a record of the run ``key`` as bytes: a line of JSON and its SHA-256."""
    body = json.dumps({"format": FORMAT, "key": key, **record}, ensure_ascii=False)
    raw = body.encode("utf-8", "backslashreplace")
    return seal(raw)


def decode(raw: bytes, where: str | Path) -> dict[str, Any]:
    """Return the record in ``raw``.

    Raises
    ------
    StoreError
        If the bytes are not those that were written.
    """
    body = unseal(raw, where, _REPEAT)
    try:
        record = json.loads(body)
    except ValueError as err:
        raise damaged(where, str(err), _REPEAT) from err
    if not isinstance(record, dict):
        raise damaged(where, f"it holds a {type(record).__name__}", _REPEAT)
    return record


def key_of(identity: Mapping[str, Any]) -> str:
    """Return the hash of what a run is: its key."""
    plain = json.loads(json.dumps(identity))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


class FolderStore:
    """Records in a folder.

    Open one with :func:`open_store`.

    Parameters
    ----------
    folder : pathlib.Path
    key : str
        The run's key.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = key
        self.damaged: tuple[int, ...] = ()

    def _path(self, sim_id: int) -> Path:
        # A thousand to a folder, so that a million records can be listed.
        return self._records / f"{sim_id // 1000:04d}" / f"{sim_id:07d}.json"

    @property
    def _records(self) -> Path:
        return self._folder / "simulations"

    def finished(self) -> set[int]:
        """Return the simulations whose records are whole.

        Damaged records are named in a warning, listed in ``damaged``, and count as
        not there.

        Raises
        ------
        StoreError
            If a record is of another run, or of another version of the format.
        """
        found, broken = set(), []
        for path in sorted(self._records.glob("*/*.json")):
            if path.name.startswith("."):
                continue  # left by a process that was killed while it wrote
            number = int(path.stem) if path.stem.isdecimal() else -1
            if path != self._path(number) or not path.is_file():
                raise StoreError(
                    f"{str(path)!r} is no record of a simulation.",
                    remedy="Remove the file: it does not belong to the store.",
                )
            try:
                record = decode(read_file(path) or b"", path)
            except StoreError as err:
                told = f"{err.message} It is computed anew."
                warnings.warn(told, FileWarning, stacklevel=2)
                broken.append(number)
                continue
            self._require_own(record, path)
            found.add(number)
        self.damaged = tuple(broken)
        return found

    def _require_own(self, record: Mapping[str, Any], path: Path) -> None:
        saved = record.get("format")
        if saved != FORMAT:
            raise StoreError(
                f"{str(path)!r} has format {saved!r}, but this hbstan writes {FORMAT}.",
                remedy=_OTHER,
            )
        own = record.get("key") == self._key
        if not own or record.get("sim_id") != int(path.stem):
            raise StoreError(
                f"{str(path)!r} is a record of another run or another simulation.",
                remedy="Remove the file, and run again with resume. If there are "
                "many such files, use the settings and the seed of the first run.",
            )

    def write(self, sim_id: int, record: bytes) -> None:
        """Keep an encoded record; it is whole or not there."""
        # Not forced down to the disk: a record that a power failure damages is
        # found by its checksum and computed anew.
        with atomic_path(self._path(sim_id)) as partial:
            partial.write_bytes(record)

    def read(self, sim_id: int) -> dict[str, Any]:
        """Return a record.

        Raises
        ------
        StoreError
            If it is damaged or missing.
        """
        path = self._path(sim_id)
        raw = read_file(path, _REPEAT)
        if raw is None:
            raise StoreError(f"there is no record {str(path)!r}.", remedy=_REPEAT)
        return decode(raw, path)


@contextmanager
def open_store(
    folder: Path | None, identity: Mapping[str, Any], key: str, *, resume: bool
) -> Iterator[MemoryStore | FolderStore]:
    """Open the store of a run, alone, while the body runs.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Without one, records are kept in memory.
    identity : mapping
        What the run is, as JSON-ready data; kept in the manifest.
    key : str
        Its hash.
    resume : bool
        Whether a store that holds records may be gone on with.

    Raises
    ------
    StoreError
        If another process works on the store, it belongs to another run, it holds
        records and ``resume`` is false, or it cannot be written.
    """
    if folder is None:
        yield MemoryStore()
        return
    with alone_in(folder, "store"):
        _claim(folder, identity, key, resume)
        yield FolderStore(folder, key)


def saved_identity(folder: Path) -> dict[str, Any] | None:
    """Return what a store's manifest says of its run; None where there is none.

    Raises
    ------
    StoreError
        If the manifest cannot be read, or has another format.
    """
    path = folder / "manifest.json"
    raw = read_file(path, _REMOVE)
    if raw is None:
        return None
    try:
        manifest = json.loads(raw)
        saved, identity = manifest["format"], manifest["identity"]
        whole = manifest["key"] == key_of(identity)
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise damaged(path, f"or no manifest of a store ({err})", _REMOVE) from err
    if saved != FORMAT:
        raise StoreError(
            f"{str(path)!r} has format {saved!r}, but this hbstan reads {FORMAT}.",
            remedy=_OTHER,
        )
    if not whole or not isinstance(identity, dict):
        raise damaged(path, "its key does not belong to its content", _REMOVE)
    return identity


def _claim(folder: Path, identity: Mapping[str, Any], key: str, resume: bool) -> None:
    """Make the store this run's, or see that it is."""
    saved = saved_identity(folder)
    records = folder / "simulations"
    used = records.is_dir() and any(records.iterdir())
    if saved is not None and saved != json.loads(json.dumps(identity)):
        raise StoreError(
            f"the store {str(folder)!r} is of another run: "
            f"{difference(saved, identity)}.",
            remedy=_OTHER,
        )
    if used and not resume:
        raise StoreError(
            f"the store {str(folder)!r} holds simulations already.",
            remedy="Go on with resume=True (--resume), or use another folder.",
        )
    if saved is None:
        if used:  # a manifest that is lost is written again, if it was this run's
            FolderStore(folder, key).finished()
        manifest = {"format": FORMAT, "key": key, "identity": identity}
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        write_bytes(folder / "manifest.json", text.encode("utf-8", "backslashreplace"))


def difference(saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Name what differs between two identities, with both values if short."""
    wanted = json.loads(json.dumps(wanted))
    parts = []
    for name in dict.fromkeys([*saved, *wanted]):
        old, new = saved.get(name), wanted.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            parts.append(f"{name} ({difference(old, new)})")
        else:
            parts.append(f"{name} is {_short(old)} there and {_short(new)} here")
    return "; ".join(parts)


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else text[:12] + "…"
