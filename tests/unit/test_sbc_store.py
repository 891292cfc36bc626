"""The store: records whole or not there, of one run and no other."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from hbstan.errors import StoreError
from hbstan.sbc.store import (
    FolderStore,
    MemoryStore,
    decode,
    encode,
    key_of,
    open_store,
    saved_identity,
)
from hbstan.sealed import FileWarning

IDENTITY: dict[str, Any] = {"seed": 1, "versions": {"numpy": "2.0"}}
KEY = key_of(IDENTITY)


def fill(folder: Path, ids: range = range(3)) -> None:
    with open_store(folder, IDENTITY, KEY, resume=True) as store:
        for i in ids:
            store.write(i, encode({"sim_id": i, "status": "ok", "rank": [i, 7]}, KEY))


def record(folder: Path, sim_id: int) -> Path:
    return folder / "simulations" / "0000" / f"{sim_id:07d}.json"


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        assert store.finished() == {0, 1, 2}
        assert store.read(2)["rank"] == [2, 7]
        with pytest.raises(StoreError, match="no record"):
            store.read(5)


def test_memory_store_keeps_records() -> None:
    store = MemoryStore()
    store.write(3, encode({"sim_id": 3}, KEY))
    assert store.finished() == {3}
    assert store.read(3)["sim_id"] == 3


@pytest.mark.parametrize("cut", [0, 1, 40, -1, -70])
def test_a_truncated_record_is_found_and_not_counted(tmp_path: Path, cut: int) -> None:
    fill(tmp_path)
    path = record(tmp_path, 1)
    raw = path.read_bytes()
    path.write_bytes(raw[: cut if cut >= 0 else len(raw) + cut])
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        assert isinstance(store, FolderStore)
        whole = raw.rstrip(b"\n") == path.read_bytes()  # only the newline is missing
        with nullcontext() if whole else pytest.warns(FileWarning, match="0001.json"):
            assert store.finished() == ({0, 1, 2} if whole else {0, 2})
        assert store.damaged == (() if whole else (1,))


def test_a_changed_byte_is_found() -> None:
    raw = encode({"sim_id": 1, "rank": [5]}, KEY)
    assert decode(raw, "x")["rank"] == [5]
    with pytest.raises(StoreError, match="damaged"):
        decode(raw.replace(b"[5]", b"[6]"), "x")


def test_a_record_of_another_run_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    record(tmp_path, 1).write_bytes(encode({"sim_id": 1, "rank": [1]}, "other"))
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        with pytest.raises(StoreError, match="another run"):
            store.finished()


def test_a_record_of_another_simulation_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    record(tmp_path, 1).write_bytes(record(tmp_path, 2).read_bytes())
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        with pytest.raises(StoreError, match="another simulation"):
            store.finished()


def test_a_record_of_an_older_version_is_refused(tmp_path: Path) -> None:
    import hashlib

    fill(tmp_path)
    body = json.dumps({"format": 0, "key": KEY, "sim_id": 1}).encode()
    digest = hashlib.sha256(body).hexdigest().encode()
    record(tmp_path, 1).write_bytes(body + b"\n" + digest)
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        with pytest.raises(StoreError, match="format 0"):
            store.finished()


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "simulations" / "0000" / "notes.json").write_text("{}")
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        with pytest.raises(StoreError, match=r"notes\.json"):
            store.finished()


def test_what_a_killed_writer_left_is_ignored(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "simulations" / "0000" / ".abc.partial.json").write_text("{")
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        assert store.finished() == {0, 1, 2}


def test_another_run_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    fill(tmp_path)
    other = {"seed": 2, "versions": {"numpy": "2.1"}}
    with pytest.raises(StoreError) as caught:
        with open_store(tmp_path, other, "other", resume=True):
            pass
    assert "seed is 1 there and 2 here" in str(caught.value)
    assert "numpy is 2.0 there and 2.1 here" in str(caught.value)


def test_a_used_store_wants_resume(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(StoreError, match="--resume"):
        with open_store(tmp_path, IDENTITY, KEY, resume=False):
            pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"identity": {}}', '{"format": 1}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    fill(tmp_path)
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match="manifest"):
        with open_store(tmp_path, IDENTITY, KEY, resume=True):
            pass


def test_a_manifest_of_an_older_version_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    text = json.dumps({"format": 0, "key": KEY, "identity": IDENTITY})
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match="format 0"):
        saved_identity(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"seed": 1', '"seed": 2'), ('"key": "', '"key": "0'), ("2.0", "2.1")],
)
def test_a_manifest_is_held_against_its_key(tmp_path: Path, old: str, new: str) -> None:
    fill(tmp_path)
    file = tmp_path / "manifest.json"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(StoreError, match=r"manifest\.json.* is damaged"):
        saved_identity(tmp_path)
    file.unlink()  # what the message advises
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        assert store.finished() == {0, 1, 2}
    assert saved_identity(tmp_path) == IDENTITY


def test_simulations_without_a_manifest_stay_with_their_run(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "manifest.json").unlink()
    other = {**IDENTITY, "seed": 2}
    with pytest.raises(StoreError, match="another run"):
        with open_store(tmp_path, other, key_of(other), resume=True):
            pass
    assert saved_identity(tmp_path) is None
    with pytest.raises(StoreError, match="--resume"):
        with open_store(tmp_path, IDENTITY, KEY, resume=False):
            pass


def test_a_record_in_the_wrong_place_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    place = tmp_path / "simulations" / "0001" / "0000001.json"
    place.parent.mkdir()
    record(tmp_path, 1).rename(place)
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        with pytest.raises(StoreError, match=r"0001\.json.* is no record"):
            store.finished()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="must be a folder"):
        with open_store(tmp_path / "file", IDENTITY, KEY, resume=False):
            pass


def _hold(folder: Path, ready: Any) -> None:
    with open_store(folder, IDENTITY, KEY, resume=True):
        ready.set()
        signal.pause()


def test_two_processes_exclude_each_other_until_one_is_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    other = context.Process(target=_hold, args=(tmp_path, ready))
    other.start()
    try:
        assert ready.wait(30)
        with pytest.raises(StoreError, match="another process"):
            with open_store(tmp_path, IDENTITY, KEY, resume=True):
                pass
    finally:
        assert other.pid is not None
        os.kill(other.pid, signal.SIGKILL)
        other.join()
    with open_store(tmp_path, IDENTITY, KEY, resume=True) as store:
        assert store.finished() == set()
