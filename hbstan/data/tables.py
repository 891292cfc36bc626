"""Tables from files, DataFrames and mappings, before anything is checked."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbstan.data.checks import Column, Origin, first_shared
from hbstan.data.files import Stream, near, once, read_bytes
from hbstan.errors import DataError
from hbstan.text import decode, printable, unfit_character

__all__ = ["Table", "read_table"]

_CSV_SUFFIXES = {".csv": ",", ".tsv": "\t"}
_PARQUET_SUFFIXES = (".parquet", ".pq")
_LEGAL_SUFFIXES = ".csv, .tsv, .parquet, .pq"
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Table:
    """Named columns of equal standing, not yet checked.

    Parameters
    ----------
    names : tuple of str
        The columns' names in order; a name may occur twice.
    cells : tuple
        The columns' contents, as they came.
    origin : Origin
        Where the rows come from.
    source : str
        The source without its folder, to be kept with the data.
    stem : str
        A default name for the dataset.
    """

    names: tuple[str, ...]
    cells: tuple[Any, ...]
    origin: Origin
    source: str
    stem: str = "data"

    def column(self, role: str, name: str) -> Column:
        """Return the column that takes a role.

        Raises
        ------
        DataError
            If there is no such column, two of that name, or if it is not a
            one-dimensional sequence.
        """
        self.check_name(role, name)
        where = self.origin.source
        if name not in self.names:
            close = near(name, self.names)
            raise DataError(
                f"{where}: there is no column {name!r} for the {role}; the columns "
                f"are {self.listing()}.",
                remedy=f"Did you mean {close[0]!r}?"
                if close
                else f"Name the column that holds the {role}.",
            )
        if self.names.count(name) > 1:
            raise DataError(
                f"{where}: there are {self.names.count(name)} columns {name!r}; "
                f"legal: one of that name, for the {role}.",
                remedy="Rename or remove the others.",
            )
        return Column(name, _cells(where, name, self.cells[self.names.index(name)]))

    def check_name(self, role: str, name: Any) -> None:
        """Raise :class:`~hbstan.errors.DataError` unless a name is text."""
        if not isinstance(name, str):
            raise DataError(
                f"{role} is {name!r}; legal: the name of a column: {self.listing()}."
            )
        unfit = unfit_character(name)
        if unfit is not None:
            raise DataError(
                f"{self.origin.source}: the column {name!r} has the character {unfit}, "
                "which is no text.",
                remedy="Rename the column.",
            )

    def check_distinct(self, roles: Iterable[tuple[str, Any]]) -> None:
        """Raise :class:`~hbstan.errors.DataError` if a column has two roles.

        Parameters
        ----------
        roles : iterable of (role, column)
            The columns' names are checked as well; see :meth:`check_name`.
        """
        given = list(roles)
        for role, name in given:
            self.check_name(role, name)
        shared = first_shared(given)
        if shared is not None:
            name, first, second = shared
            raise DataError(
                f"column {name!r} is given for both {first} and {second}; legal: a "
                f"column of its own for each. The columns are {self.listing()}.",
                remedy=f"Name another column as {second}.",
            )

    def listing(self) -> str:
        """Return the columns' names, quoted and joined by commas."""
        return ", ".join(map(repr, self.names)) or "(none)"


def read_table(source: Any, *, suggestions: Sequence[str] = ()) -> Table:
    """Read a table from a path, a DataFrame or a mapping of columns.

    Parameters
    ----------
    source : str, Path, pandas.DataFrame or mapping
        A ``.csv``, ``.tsv``, ``.parquet`` or ``.pq`` file, or data in memory.
    suggestions : sequence of str
        Names besides those of files that a misspelled source may have meant.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the source cannot be read.
    """
    source = once(source)
    if isinstance(source, str | Path | Stream):
        return _read_file(source, suggestions)
    pandas = sys.modules.get("pandas")  # a DataFrame exists only once it is loaded
    if pandas is not None and isinstance(source, pandas.DataFrame):
        return _from_frame(source, Origin("DataFrame"), "DataFrame", "data")
    if isinstance(source, Mapping):
        names = tuple(str(name) for name in source)
        label = "mapping of columns"
        return Table(names, tuple(source.values()), Origin(label), label)
    raise DataError(
        f"the data are a {type(source).__name__}; legal: a pandas DataFrame, a "
        "mapping of columns, or the path of a CSV or Parquet file.",
        remedy="Convert other tables first, e.g. with their to_pandas().",
    )


def _read_file(source: str | Path | Stream, suggestions: Sequence[str]) -> Table:
    stream = source if isinstance(source, Stream) else None
    path = stream.path if stream else Path(str(source))
    data = read_bytes(stream or path, suggestions)
    suffix = path.suffix.lower()
    if stream and suffix not in (*_CSV_SUFFIXES, *_PARQUET_SUFFIXES):
        suffix = _suffix_of(stream)
    if suffix in _CSV_SUFFIXES:
        return _from_csv(path, decode(data, path), _CSV_SUFFIXES[suffix])
    if suffix in _PARQUET_SUFFIXES:
        return _from_parquet(path, data)
    raise DataError(
        f"{path}: the suffix is {suffix!r}; legal: {_LEGAL_SUFFIXES}.",
        remedy="Rename the file, or read it with pandas and pass the DataFrame.",
    )


def _suffix_of(stream: Stream) -> str:
    """Return the suffix that a file of a pipe's content would have."""
    if stream.content.startswith(_PARQUET_MAGIC):
        return _PARQUET_SUFFIXES[0]
    if stream.is_json:
        raise DataError(
            f"{stream.path} holds Stan JSON, which has no groups or columns; legal: a "
            "CSV or Parquet table.",
            remedy="Read it with hbstan.data.from_stan_json, for your own program.",
        )
    header = stream.content.partition(b"\n")[0]
    return ".tsv" if b"\t" in header and b"," not in header else ".csv"


def _from_csv(path: Path, text: str, delimiter: str) -> Table:
    # The csv module instead of pandas: pandas fills short rows silently, guesses
    # types (and so drops leading zeros), and forgets on which line a row began.
    rows, lines = _csv_rows(path, text, delimiter)
    header = [name.strip() for name in rows[0]]
    _check_delimiter(path, rows[0], delimiter)
    for row, (fields, line) in enumerate(zip(rows[1:], lines[1:], strict=True), 1):
        if len(fields) == len(header):
            continue
        few, last = len(fields) < len(header), row == len(rows) - 1
        raise DataError(
            f"{path}: row {row} (line {line}) has {len(fields)} fields; legal: "
            f"{len(header)}, as in the header ({', '.join(map(repr, header))}).",
            remedy=_FIELDS_REMEDY[few, few and last],
        )
    columns = list(zip(*rows[1:], strict=True)) or [()] * len(header)
    origin = Origin(str(path), lines=tuple(lines[1:]), text=True)
    return Table(tuple(header), tuple(columns), origin, *_names(path))


def _names(path: Path) -> tuple[str, str]:
    """Return the source to be kept with the data, and a name for them."""
    return printable(path.name), printable(path.stem) if path.suffix else "data"


#: By (too few fields, in the last row).
_FIELDS_REMEDY = {
    (True, True): "The file seems to be cut short: fetch or write it again.",
    (True, False): "Complete the row; an empty value still needs its comma.",
    (False, False): "Put text that contains the delimiter in double quotes, and "
    "write numbers without thousands separators.",
}


def _csv_rows(
    path: Path, text: str, delimiter: str
) -> tuple[list[list[str]], list[int]]:
    """Return all rows that are not blank, the header first, and their lines."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    start = 1
    try:
        for fields in reader:
            if len(fields) > 1 or any(field.strip() for field in fields):
                rows.append(fields)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as err:
        raise DataError(
            f"{path}: line {start}: {err}; legal: fields separated by "
            f"{delimiter!r}, quoted with '\"'.",
            remedy="Look for a quotation mark that is never closed; if there is "
            "none, the file seems to be cut short.",
        ) from None
    if not rows:
        raise DataError(
            f"{path} is empty; legal: a table with a header and rows.",
            remedy="Check how the file was written.",
        )
    return rows, lines


def _check_delimiter(path: Path, header: list[str], delimiter: str) -> None:
    """Say so if the header is plainly cut by another delimiter."""
    for other, name, remedy in (
        (";", "semicolons", "Save it with commas and with a point as decimal mark."),
        ("\t", "tabs", "Save it with commas, or give it the suffix .tsv."),
        (",", "commas", "Give it the suffix .csv."),
    ):
        if other != delimiter and len(header) == 1 and other in header[0]:
            raise DataError(
                f"{path}: the fields are separated by {name}; legal: {delimiter!r} "
                f"in a {path.suffix} file.",
                remedy=remedy,
            )


def _from_parquet(path: Path, data: bytes) -> Table:
    if not data.startswith(_PARQUET_MAGIC):
        raise DataError(
            f"{path} is not a Parquet file: it starts with {data[:4]!r}; legal: "
            f"{_PARQUET_MAGIC!r}.",
            remedy="Give the file the suffix of its format.",
        )
    if not data.endswith(_PARQUET_MAGIC) or len(data) < 12:
        raise DataError(
            f"{path} is cut short: it ends with {data[-4:]!r}; legal: "
            f"{_PARQUET_MAGIC!r}.",
            remedy="Fetch or write the file again.",
        )
    import pandas as pd

    try:
        frame = pd.read_parquet(io.BytesIO(data))
    # Whatever the engine raises on a damaged file, the user gets one typed error.
    except Exception as err:
        raise DataError(
            f"{path} cannot be read as Parquet: {type(err).__name__}: {err}",
            remedy="Write the file again; reading it needs the package pyarrow.",
        ) from err
    return _from_frame(frame, Origin(str(path)), *_names(path))


def _from_frame(frame: Any, origin: Origin, source: str, stem: str) -> Table:
    names = [str(name) for name in frame.columns]
    cells = [frame.iloc[:, position] for position in range(len(names))]
    # A named index counts as a column: group labels often live there.
    for level, name in enumerate(frame.index.names):
        if name is not None and str(name) not in names:
            names.append(str(name))
            cells.append(frame.index.get_level_values(level))
    return Table(tuple(names), tuple(cells), origin, source, stem)


def _cells(where: str, name: str, cells: Any) -> list[Any]:
    """Return a column as a new list, by position; an index is never aligned."""
    ndim = getattr(cells, "ndim", 1)
    whole = isinstance(cells, str | bytes | Mapping | set | frozenset)
    if whole or ndim != 1 or not hasattr(cells, "__len__"):
        shape = f"of {ndim} dimensions" if ndim != 1 else "as a column"
        raise DataError(
            f"{where}: column {name!r} is a {type(cells).__name__} {shape}; legal: a "
            "one-dimensional sequence with one value for each group.",
            remedy="Give a list, a NumPy array or a pandas Series.",
        )
    if hasattr(cells, "coords"):  # xarray's elements are arrays themselves
        cells = cells.to_numpy()
    return list(cells)
