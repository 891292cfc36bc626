"""Checksums: what is read is what was written, or is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hbstan.errors import StoreError
from hbstan.sealed import (
    Seal,
    digest_of,
    file_seal,
    read_document,
    seal,
    unseal,
    write_document,
)

BODY = '{"rank": [5, 6], "name": "é"}'.encode()
RECORD: dict[str, Any] = {"name": "é \ud800", "values": [0.1, None, "nan"], "n": 3}


def bent(raw: bytes) -> Iterator[bytes]:
    """Every way to flip one bit."""
    for place in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)


def test_bytes_come_back() -> None:
    assert unseal(seal(BODY), "x") == BODY
    assert unseal(seal(b""), "x") == b""
    assert unseal(seal(seal(BODY)), "x") == seal(BODY)


def test_every_flipped_bit_is_found_in_bytes() -> None:
    for raw in bent(seal(BODY)):
        with pytest.raises(StoreError, match="'x' is damaged"):
            unseal(raw, "x")


@pytest.mark.parametrize("left", [0, 1, 20, len(BODY), len(BODY) + 30])
def test_bytes_that_are_cut_are_found(left: int) -> None:
    with pytest.raises(StoreError, match="checksum is missing"):
        unseal(seal(BODY)[:left], "x")


def test_a_document_comes_back_and_is_json(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "x.json"
    write_document(file, RECORD)
    found = read_document(file)
    assert found is not None
    assert json.loads(file.read_bytes()) == found
    assert found.pop("checksum")
    assert found == RECORD
    write_document(file, {**RECORD, "checksum": "of before"})
    assert read_document(file) == json.loads(file.read_bytes())


def test_flipped_bits_are_found_in_a_document(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    write_document(file, RECORD)
    for raw in [*bent(file.read_bytes())][::7]:
        file.write_bytes(raw)
        with pytest.raises(StoreError, match=r"x\.json' is damaged"):
            read_document(file)


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{\n  "name": 3\n}\n'])
def test_a_document_without_a_checksum_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(StoreError, match="checksum is missing") as caught:
        read_document(file)
    assert "Remove it and repeat" in str(caught.value)


def test_no_document_is_no_error_but_a_folder_is(tmp_path: Path) -> None:
    assert read_document(tmp_path / "x.json") is None
    with pytest.raises(StoreError, match="cannot be read"):
        read_document(tmp_path)


def test_a_file_is_whole_damaged_or_without_a_checksum(tmp_path: Path) -> None:
    file = tmp_path / "x"
    for body in (BODY, b"", bytes(3_000_000)):
        file.write_bytes(seal(body))
        assert file_seal(file) is Seal.WHOLE
        file.write_bytes(seal(body)[1:])
        assert file_seal(file) is (Seal.DAMAGED if body else Seal.ABSENT)
        file.write_bytes(body)
        assert file_seal(file) is Seal.ABSENT


def test_a_digest_tells_files_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "a")
    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "b")
