"""Keep a cross-validation in a file, and read it again with every bit."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError, StoreError
from hbstan.loo.result import LooResult, Step, Waic
from hbstan.sealed import read_document, write_document

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_loo", "save_loo"]

_FORMAT = 1
_TEXTS = ("model", "data_name", "data_hash", "method", "target", "fault")


def save_loo(result: LooResult, path: str | Path) -> Path:
    """Write a result as JSON with a checksum, atomically.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    path = Path(path)
    record: dict[str, Any] = {
        "format": _FORMAT,
        **{name: getattr(result, name) for name in _TEXTS},
        "good_k": result.good_k,
        "steps": [asdict(step) for step in result.steps],
        "table": _frame_record(result.table),
        "waic": None if result.waic is None else _frame_record(result.waic.table),
        "refits": None if result.refits is None else _frame_record(result.refits),
        "covariance": None
        if result.covariance is None
        else _frame_record(result.covariance),
    }
    write_document(path, record)
    return path


def load_loo(path: str | Path) -> LooResult:
    """Read what :func:`save_loo` wrote.

    Raises
    ------
    FitError
        If there is no such file, or it is no cross-validation.
    """
    try:
        record = read_document(Path(path))
    except StoreError as err:
        raise FitError(err.message, remedy=err.remedy) from err
    if record is None or record.get("format") != _FORMAT:
        found = "is not there" if record is None else f"has {record.get('format')!r}"
        raise FitError(
            f"{str(path)!r} is no saved cross-validation of format {_FORMAT}: it "
            f"{found}.",
            remedy="Cross-validate again.",
        )
    try:
        return _result(record)
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise FitError(
            f"{str(path)!r} is no saved cross-validation: {err}.",
            remedy="Cross-validate again.",
        ) from err


def _result(record: dict[str, Any]) -> LooResult:
    frames = {
        name: None if record[name] is None else _frame(record[name])
        for name in ("table", "waic", "refits", "covariance")
    }
    if frames["table"] is None:
        raise ValueError("it has no table")
    waic = frames["waic"]
    return LooResult(
        table=frames["table"],
        good_k=float(record["good_k"]),
        steps=tuple(_step(step) for step in record["steps"]),
        waic=None if waic is None else Waic(waic),
        refits=frames["refits"],
        covariance=frames["covariance"],
        **{name: str(record[name]) for name in _TEXTS},
    )


def _step(record: dict[str, Any]) -> Step:
    lists = {name: tuple(record[name]) for name in ("groups", "bad")}
    return Step(**{**record, **lists})


def _frame_record(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame as JSON: repr of a float is exact, NaN is Python's own."""
    return {
        "index": [str(label) for label in frame.index],
        "index_name": frame.index.name,
        "columns": {str(name): _cells(frame[name]) for name in frame.columns},
        "dtypes": {str(name): str(frame[name].dtype) for name in frame.columns},
    }


def _cells(column: Any) -> list[Any]:
    return [
        cell if not isinstance(cell, float) or math.isfinite(cell) else repr(cell)
        for cell in column.tolist()
    ]


def _frame(record: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    index = pd.Index(record["index"], name=record["index_name"])
    columns = {}
    for name, cells in record["columns"].items():
        dtype = record["dtypes"][name]
        values = [float(c) for c in cells] if dtype.startswith("float") else cells
        kept = dtype if dtype.startswith(("float", "int", "bool")) else None
        columns[name] = pd.Series(values, index=index, dtype=kept)
    return pd.DataFrame(columns, index=index)
