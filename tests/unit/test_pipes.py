"""Data that come through a pipe are read once; what is no file is refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from hbstan.cli.outputs import named_columns, read_data
from hbstan.data import from_stan_json, load
from hbstan.errors import DataError

CSV = b"group,n,r\na,10,2\nb,20,3\n"
JSON = b'\n{"N": 2, "x": [1, 2]}'

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")


@contextmanager
def _pipe(path: Path, content: bytes) -> Iterator[str]:
    """Yield a named pipe into which something is written once."""
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    yield str(path)
    writer.join(timeout=10)
    assert not writer.is_alive()


def _parquet(folder: Path) -> bytes:
    frame = pd.DataFrame({"group": ["a", "b"], "n": [10, 20], "r": [2, 3]})
    frame.to_parquet(folder / "x.parquet")
    return (folder / "x.parquet").read_bytes()


@pytest.mark.parametrize("name", ["p", "p.csv", "63"])
def test_a_table_may_come_through_a_pipe(tmp_path: Path, name: str) -> None:
    with _pipe(tmp_path / name, CSV) as source:
        data = load(source)
    assert data.to_stan() == {"J": 2, "n": [10, 20], "y": [2, 3]}
    assert data.name == ("p" if name == "p.csv" else "data")


def test_the_format_is_seen_where_no_suffix_tells(tmp_path: Path) -> None:
    for name, content in {
        "tab": CSV.replace(b",", b"\t"),
        "parquet": _parquet(tmp_path),
    }.items():
        with _pipe(tmp_path / name, content) as source:
            assert load(source).labels == ("a", "b"), name


def test_readers_of_other_kinds_read_it_once(tmp_path: Path) -> None:
    columns = named_columns(["outcome=n", "covariates=r", "group=group"])
    rows = CSV + b"a,11,4\nb,19,9\na,3,1\nb,5,7\n"
    with _pipe(tmp_path / "p", rows) as source:
        data = read_data(source, columns, own=False, kind="linear_regression")
    assert data.to_stan()["N"] == 6


def test_a_program_of_ones_own_takes_a_table_or_json(tmp_path: Path) -> None:
    with _pipe(tmp_path / "a", JSON) as source:
        assert read_data(source, {}, own=True) == {"N": 2, "x": [1, 2]}
    with _pipe(tmp_path / "b", JSON) as source:
        assert from_stan_json(source) == {"N": 2, "x": [1, 2]}
    with _pipe(tmp_path / "c", CSV) as source:
        assert read_data(source, {}, own=True).labels == ("a", "b")
    with (
        _pipe(tmp_path / "d", JSON) as source,
        pytest.raises(DataError, match="holds Stan JSON, which has no groups"),
    ):
        load(source)


def test_an_empty_pipe_is_said_to_be_empty(tmp_path: Path) -> None:
    with (
        _pipe(tmp_path / "p", b"") as source,
        pytest.raises(DataError, match="p is empty"),
    ):
        load(source)


@pytest.mark.parametrize(
    ("path", "words"),
    [("/dev/null", "is empty"), ("/dev/zero", "is a device; legal: a file or a pipe")],
)
@pytest.mark.parametrize("read", [load, from_stan_json])
def test_devices_are_refused(path: str, words: str, read) -> None:
    with pytest.raises(DataError, match=words):
        read(path)


@pytest.mark.parametrize("role", ["kind", "source", "name", "path", "self", "columns"])
@pytest.mark.parametrize("kind", ["", "binomial_covariates"])
def test_a_role_that_is_none_is_refused_with_the_legal_ones(
    tmp_path: Path, role: str, kind: str
) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(CSV)
    columns = named_columns([f"{role}=n"])
    with pytest.raises(DataError, match=f"{role}.*legal: group, trials, events"):
        read_data(str(file), columns, own=False, kind=kind)
