"""Datasets from DataFrames, files and mappings, and every way to refuse one."""

from __future__ import annotations

import copy
import csv
import dataclasses
import datetime as dt
import hashlib
import json
import pickle
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import hbstan.data as data
from hbstan.errors import DataError
from hbstan.models import get, resolve_priors

if TYPE_CHECKING:
    from pathlib import Path

N = [10, 20, 30]
R = [1, 0, 30]
LABELS = ["a", "b", "c"]
Y = [1.5, -2.0, 0.25]
SE = [1.0, 2.0, 0.5]
HARD_LABELS = [
    "مستشفى",
    "בית חולים",
    "🏥👩‍👩‍👧",
    "<script>alert('x')</script>",
    'O\'Brien, "Mary"',
    "a/b\\c",
    "007",
    "7",
    "[bold]x[/bold]",
    "Ünï",
    "NA",
    "nan",
    "line\nbreak",
]


def binomial(table: Any, **roles: Any) -> data.GroupedBinomial:
    given_roles = {"group": "g", "trials": "n", "events": "r"} | roles
    return data.grouped_binomial(table, **given_roles)


def estimates(table: Any, **roles: Any) -> data.GroupEstimates:
    given_roles = {"group": "g", "estimate": "y", "se": "s"} | roles
    return data.group_estimates(table, **given_roles)


def counts(**columns: Any) -> dict[str, Any]:
    return {"g": LABELS, "n": N, "r": R} | columns


def effects(**columns: Any) -> dict[str, Any]:
    return {"g": LABELS, "y": Y, "s": SE} | columns


def refusal(build: Any, *args: Any, **kwargs: Any) -> str:
    """Return the whole text of the error that a call must raise."""
    with pytest.raises(DataError) as caught:
        build(*args, **kwargs)
    assert caught.value.exit_code == 2
    return str(caught.value)


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- what a dataset is -----------------------------------------------------------


def test_binomial_holds_what_it_was_given() -> None:
    d = binomial(counts(), name="wards")
    assert (d.kind, d.J, d.labels, d.name) == ("binomial", 3, tuple(LABELS), "wards")
    assert d.n.tolist() == N
    assert d.y.tolist() == R
    assert d.n.dtype == d.y.dtype == np.int64
    assert dict(d.columns) == {"group": "g", "trials": "n", "events": "r"}
    assert d.to_stan() == {"J": 3, "n": N, "y": R}
    assert len(d.priors) == 0
    assert d.source == "mapping of columns"


def test_estimates_hold_what_they_were_given() -> None:
    d = estimates(effects())
    assert (d.kind, d.J, d.name) == ("normal", 3, "data")
    assert d.y.tolist() == Y
    assert d.sigma.tolist() == SE
    assert d.y.dtype == d.sigma.dtype == np.float64
    assert d.to_stan() == {"J": 3, "y": Y, "sigma": SE}


def test_to_stan_holds_plain_python_numbers_that_json_takes() -> None:
    stan = binomial(pd.DataFrame(counts())).to_stan()
    assert all(type(v) is int for v in [stan["J"], *stan["n"], *stan["y"]])
    assert json.loads(json.dumps(stan)) == stan


def test_no_group_numbers_the_labels() -> None:
    assert binomial(counts(), group=None).labels == ("1", "2", "3")


def test_frame_and_back_is_the_same_dataset() -> None:
    d = binomial(counts(), name="x")
    assert binomial(d.to_frame()) == d
    assert list(d.to_frame().columns) == ["g", "n", "r"]
    d = estimates(effects(), group=None)
    assert estimates(d.to_frame(), group="group") == d


def test_label_heading_does_not_clash_with_a_column_called_group() -> None:
    d = binomial({"group": N, "r": R}, group=None, trials="group")
    assert list(d.to_frame().columns) == ["group label", "group", "r"]


def test_equality_is_about_kind_labels_and_values() -> None:
    d = binomial(counts())
    assert d == binomial(counts(), name="other")
    assert hash(d) == hash(binomial(counts()))
    assert d != binomial(counts(r=[1, 0, 29]))
    assert d != binomial(counts(n=[10, 20, 31]))
    assert d != binomial(counts(g=["a", "b", "d"]))
    assert d != binomial(counts(g=["b", "a", "c"]))
    assert d != "data"
    assert d != estimates(effects())


def test_hash_is_sha256_of_a_documented_record() -> None:
    record = (
        '{"kind":"binomial","labels":["a","\\u00e9"],"values":{"n":[1,2],"y":[0,1]}}'
    )
    d = binomial({"g": ["a", "é"], "n": [1, 2], "r": [0, 1]})
    assert d.hash == hashlib.sha256(record.encode()).hexdigest()


def test_hash_sees_the_last_bit_but_not_the_sign_of_zero() -> None:
    base = estimates(effects(y=[0.0, 0.1, 1.0]))
    assert base.hash == estimates(effects(y=[-0.0, 0.1, 1.0])).hash
    assert base.hash != estimates(effects(y=[0.0, np.nextafter(0.1, 1), 1.0])).hash


def test_hash_does_not_depend_on_path_or_format(tmp_path: Path) -> None:
    frame = pd.DataFrame(counts())
    frame.to_csv(tmp_path / "one.csv", index=False)
    frame.to_parquet(tmp_path / "two.parquet")
    hashes = {
        binomial(source).hash
        for source in (
            frame,
            counts(),
            tmp_path / "one.csv",
            str(tmp_path / "two.parquet"),
        )
    }
    assert len(hashes) == 1


def test_file_gives_name_and_source_without_folder(tmp_path: Path) -> None:
    d = binomial(write(tmp_path, "g,n,r\na,1,0\nb,2,1\n", "wards.csv"))
    assert (d.name, d.source) == ("wards", "wards.csv")


def test_repr_is_short_and_tells_the_size() -> None:
    assert repr(binomial(counts(), name="w")) == (
        "<GroupedBinomial 'w': 3 groups; 31 events in 60 trials; "
        "source: mapping of columns>"
    )
    text = repr(estimates(effects()))
    assert "estimates -2 to 1.5" in text
    assert "standard errors 0.5 to 2" in text


def test_dataset_cannot_be_changed() -> None:
    d = binomial(counts())
    with pytest.raises(dataclasses.FrozenInstanceError):
        d.labels = ("x",)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        d.n[0] = 5
    with pytest.raises(ValueError, match="WRITEABLE"):
        d.n.setflags(write=True)
    with pytest.raises(TypeError):
        d.columns["group"] = "x"  # type: ignore[index]
    with pytest.raises(TypeError):
        d.priors["mu"] = 1  # type: ignore[index]
    d.to_stan()["n"][0] = 99
    frame = d.to_frame()
    frame.loc[:, "n"] = 99
    assert d.n[0] == 10


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))]
)
def test_copies_are_equal_and_immutable_too(clone: Any) -> None:
    for d in (binomial(counts(), name="x"), estimates(effects())):
        twin = clone(d)
        assert twin == d
        assert twin is not d
        assert twin.name == d.name
        assert twin.columns == d.columns
        assert not twin.y.flags.writeable


def test_replace_checks_again() -> None:
    d = binomial(counts())
    assert dataclasses.replace(d, y=np.array([0, 0, 0])).y.tolist() == [0, 0, 0]
    text = refusal(dataclasses.replace, d, y=[0, 21, 0])
    assert "row 2, group 'b', column 'r': 21 events exceed 20 trials" in text


def test_constructor_checks_labels_name_and_types() -> None:
    build = data.GroupedBinomial
    assert build(labels=("a", "b"), n=[1, 2], y=[0, 1]).J == 2
    assert "differ in length" in refusal(build, labels=("a", "b"), n=[1], y=[0, 1])
    assert "'ab'" in refusal(build, labels="ab", n=[1, 1], y=[0, 1])
    assert "'n' is 3" in refusal(build, labels=("a", "b"), n=3, y=[0, 1])
    assert "' '" in refusal(build, labels=("a", "b"), n=[1, 1], y=[0, 1], name=" ")


def test_input_is_copied_and_never_changed() -> None:
    frame = pd.DataFrame(counts())
    before = frame.copy(deep=True)
    n = np.array(N)
    d, e = binomial(frame), binomial(counts(n=n))
    pd.testing.assert_frame_equal(frame, before)
    frame.loc[:, "n"] = 99
    n[:] = 99
    assert d.n.tolist() == e.n.tolist() == N


def test_both_kinds_are_datasets() -> None:
    assert isinstance(binomial(counts()), data.Dataset)
    assert isinstance(estimates(effects()), data.Dataset)


def test_import_loads_neither_numpy_nor_pandas() -> None:
    code = (
        "import sys, hbstan.data, hbstan.datasets\n"
        "print([m for m in ('numpy', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- what is accepted ------------------------------------------------------------

WAYS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "float array": lambda v: np.array(v, dtype=float),
    "float32": lambda v: np.array(v, dtype=np.float32),
    "uint16": lambda v: np.array(v, dtype=np.uint16),
    "longdouble": lambda v: np.array(v, dtype=np.longdouble),
    "object array": lambda v: np.array(v, dtype=object),
    "series, odd index": lambda v: pd.Series(v, index=[9, 9, 0]),
    "Int64": lambda v: pd.Series(v, dtype="Int64"),
    "Float64": lambda v: pd.Series(v, dtype="Float64"),
    "arrow int": lambda v: pd.Series(v, dtype="int64[pyarrow]"),
    "arrow double": lambda v: pd.Series(v, dtype="double[pyarrow]"),
    "categorical": lambda v: pd.Series(v).astype("category"),
    "Decimal": lambda v: [Decimal(x) for x in v],
    "Decimal with places": lambda v: [Decimal(x).quantize(Decimal("1.00")) for x in v],
    "Fraction": lambda v: [Fraction(x) for x in v],
    "Index": pd.Index,
    "masked, nothing masked": np.ma.masked_array,
    "xarray": lambda v: xr.DataArray(v, dims=["row"]),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_counts_come_in_many_forms(way: Any) -> None:
    table = counts(n=way(N), r=way(R))
    assert binomial(table) == binomial(counts())
    if not isinstance(table["n"], pd.Series | xr.DataArray):
        assert binomial(pd.DataFrame(table)) == binomial(counts())


def test_columns_are_taken_by_position_never_by_index() -> None:
    table = counts(n=pd.Series(N, index=[2, 1, 0]), r=pd.Series(R, index=[5, 6, 7]))
    assert binomial(table).n.tolist() == N
    frame = pd.DataFrame(counts(), index=[2, 2, 0])
    assert binomial(frame) == binomial(counts())


def test_a_named_index_serves_as_a_column() -> None:
    frame = pd.DataFrame(counts()).set_index("g")
    assert binomial(frame).labels == tuple(LABELS)


def test_columns_need_not_have_text_names() -> None:
    assert binomial(pd.DataFrame({0: LABELS, 1: N, 2: R}), group="0", trials="1",
                    events="2") == binomial(counts())  # fmt: skip


def test_zero_trials_are_legal() -> None:
    assert binomial(counts(n=[0, 20, 30], r=[0, 0, 1])).n[0] == 0


def test_the_largest_count_is_legal_and_the_next_is_not() -> None:
    assert binomial(counts(n=[2**31 - 1, 20, 30])).n[0] == 2147483647
    text = refusal(binomial, counts(n=[2**31, 20, 30]))
    assert "2147483648 does not fit into Stan's 32-bit integers" in text
    assert "row 1, group 'a', column 'n'" in text
    assert "from 0 to 2147483647" in text


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([3, 1, 2], ("3", "1", "2")),
        ([1.0, 2.5, 1e20], ("1", "2.5", "1e+20")),
        ([Decimal("1.50"), True, "x"], ("1.50", "True", "x")),
        (pd.to_datetime(["2024-01-02", "2024-01-03 04:05", "2024-02-01"],
                        format="ISO8601"),
         ("2024-01-02", "2024-01-03 04:05:00", "2024-02-01")),
        (np.array(["2024-01-02", "2023-01-02", "2022-01-02"], "M8[D]"),
         ("2024-01-02", "2023-01-02", "2022-01-02")),
        ([dt.date(2024, 1, 2), dt.time(3, 4),
          dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC)],
         ("2024-01-02", "03:04:00", "2024-01-02 03:00:00+00:00")),
        (pd.period_range("2024-01", periods=3, freq="M"),
         ("2024-01", "2024-02", "2024-03")),
        (pd.Categorical(["z", "y", "x"]), ("z", "y", "x")),
        (pd.Series(["007", "07", "7"], dtype="string[pyarrow]"), ("007", "07", "7")),
        (np.array(["x", "y", "z"]), ("x", "y", "z")),
        ([" x ", "y\t", "z"], ("x", "y", "z")),
    ],
)  # fmt: skip
def test_labels_become_plain_text_in_order(cells: Any, expected: tuple[str]) -> None:
    d = binomial(counts(g=cells))
    assert d.labels == expected
    assert all(type(label) is str for label in d.labels)


@pytest.mark.parametrize("form", ["mapping", "frame", "csv", "parquet"])
def test_hard_labels_survive_every_source(form: str, tmp_path: Path) -> None:
    J = len(HARD_LABELS)
    table: Any = {"g": HARD_LABELS, "n": [9] * J, "r": list(range(J - 4)) + [0] * 4}
    if form != "mapping":
        table = pd.DataFrame(table)
    if form == "csv":
        table.to_csv(tmp_path / "t.csv", index=False)
        table = tmp_path / "t.csv"
    if form == "parquet":
        table.to_parquet(tmp_path / "t.parquet")
        table = tmp_path / "t.parquet"
    assert binomial(table).labels == tuple(HARD_LABELS)


def test_csv_spellings(tmp_path: Path) -> None:
    text = '\ufeff g , n ,r\r\n007, 1e2 ,+3\r\n\r\n"a, b",47.0,4.\r\nNA,.5e1,0\r\n'
    d = binomial(write(tmp_path, text))
    assert d.labels == ("007", "a, b", "NA")
    assert d.to_stan() == {"J": 3, "n": [100, 47, 5], "y": [3, 4, 0]}


def test_tsv_and_upper_case_suffix(tmp_path: Path) -> None:
    assert binomial(write(tmp_path, "g\tn\tr\na\t1\t0\nb\t2\t1\n", "t.TSV")).J == 2


label_text = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1
).map(str.strip)
labels_st = st.lists(label_text.filter(bool), min_size=2, max_size=8, unique=True)
count_st = st.integers(0, 2**31 - 1)


@settings(deadline=None, max_examples=60)
@given(labels=labels_st, raw=st.data())
def test_round_trip_of_any_counts(
    labels: list[str], raw: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    n = raw.draw(st.lists(count_st, min_size=len(labels), max_size=len(labels)))
    y = [raw.draw(st.integers(0, most)) for most in n]
    d = binomial({"g": labels, "n": n, "r": y})
    assert (list(d.labels), d.n.tolist(), d.y.tolist()) == (labels, n, y)
    path = tmp_path_factory.mktemp("t") / "t.csv"
    # Quote all: pandas by itself leaves a lone carriage return without quotes.
    d.to_frame().to_csv(path, index=False, quoting=csv.QUOTE_ALL)
    assert binomial(path) == binomial(d.to_frame()) == d
    assert pickle.loads(pickle.dumps(d)) == d


finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(st.tuples(finite, positive), min_size=2, max_size=8))
def test_round_trip_of_any_estimates(
    rows: list[tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    y, s = (list(column) for column in zip(*rows, strict=True))
    d = data.group_estimates({"y": y, "s": s}, group=None, estimate="y", se="s")
    assert d.y.tolist() == y
    assert d.sigma.tolist() == s
    path = tmp_path_factory.mktemp("t") / "t.csv"
    d.to_frame().to_csv(path, index=False)
    assert estimates(path, group="group") == d


# --- bad cells -------------------------------------------------------------------

WHOLE = "legal: a whole number from 0 to 2147483647"
BAD_COUNTS = {
    "negative": (-3, "-3 is negative"),
    "fractional": (2.5, "2.5 is fractional"),
    "fractional Decimal": (Decimal("2.50"), "2.50 is fractional"),
    "fractional Fraction": (Fraction(5, 2), "5/2 is fractional"),
    "just not whole": (Decimal("47." + "0" * 20 + "1"), "1 is fractional"),
    "NaN": (float("nan"), "the value is missing"),
    "None": (None, "the value is missing"),
    "NA": (pd.NA, "the value is missing"),
    "NaT": (pd.NaT, "the value is missing"),
    "Decimal NaN": (Decimal("sNaN"), "the value is missing"),
    "infinite": (float("inf"), "inf is infinite"),
    "minus infinite": (-np.inf, "-inf is infinite"),
    "Decimal infinite": (Decimal("Infinity"), "Infinity is infinite"),
    "text": ("47", "'47' is text, not a number"),
    "NumPy text": (np.str_("x"), "'x' is text, not a number"),
    "boolean": (True, "True is a boolean"),
    "NumPy boolean": (np.bool_(False), "False is a boolean"),
    "complex": (1 + 2j, "(1+2j) is a complex, not a real number"),
    "object": ([1], "[1] is a list, not a real number"),
    "date": (dt.date(2024, 1, 2), "is a date, not a real number"),
    "bytes": (b"4", "b'4' is a bytes, not a real number"),
    "too large": (10**30, "does not fit into Stan's 32-bit integers"),
    "too large to spell": (10**5000, "does not fit into Stan's 32-bit integers"),
    "too large a float": (3e9, "3000000000.0 does not fit"),
}


@pytest.mark.parametrize(("value", "what"), BAD_COUNTS.values(), ids=BAD_COUNTS)
def test_bad_count_is_named(value: Any, what: str) -> None:
    for source in (counts(n=[10, value, 30]), pd.DataFrame(counts()).astype(object)):
        if isinstance(source, pd.DataFrame):
            source.iat[1, 1] = value
        text = refusal(binomial, source)
        assert "row 2, group 'b', column 'n': " in text
        assert what in text
        assert WHOLE in text
        assert len(text.splitlines()) == 2, "one sentence and one remedy"


BAD_TEXTS = {
    "empty": ("", "the value is missing;"),
    "NA": ("NA", "the value is missing (written 'NA')"),
    "nan": ("nan", "the value is missing (written 'nan')"),
    "dot": (".", "the value is missing (written '.')"),
    "infinite": ("-Inf", "'-Inf' is infinite"),
    "text": ("many", "'many' is text, not a number"),
    "hexadecimal": ("0x10", "'0x10' is text"),
    "underscore": ("1_000", "'1_000' is text (a thousands separator or"),
    "thousands": ('"1,234"', "'1,234' is text (a thousands separator or"),
    "thousands, space": ("1 234 567", "'1 234 567' is text (a thousands separator"),
    "decimal comma": ('"12,5"', "'12,5' is text (a thousands separator or a decimal"),
    "per cent": ("12%", "'12%' is text"),
    "other digits": ("٣", "'٣' is text"),
    "fractional": ("12.5", "12.5' is fractional"),
    "negative": ("-1", "-1' is negative"),
    "too large": ("2147483648", "does not fit into Stan's 32-bit integers"),
    "huge exponent": ("1e999999999", "does not fit into Stan's 32-bit integers"),
    "absurd exponent": ("1e" + "9" * 30, "is beyond double precision"),
}


@pytest.mark.parametrize(("cell", "what"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_bad_text_in_csv_is_named_with_its_line(
    cell: str, what: str, tmp_path: Path
) -> None:
    path = write(tmp_path, f'g,n,r\n\n"a\nb",10,1\nc,{cell},0\n')
    text = refusal(binomial, path)
    # The first row has a line break in its label and a blank line before it.
    assert f"{path}: row 2 (line 5), group 'c', column 'n': " in text
    assert what in text
    assert WHOLE in text


def test_boolean_and_complex_columns_are_refused() -> None:
    frame = pd.DataFrame(counts(r=[True, False, True]))
    text = refusal(binomial, frame)
    assert "True is a boolean" in text
    assert "3 bad values" in text
    assert "not a real number" in refusal(binomial, counts(n=np.array(N) + 0j))


def test_masked_cell_is_missing() -> None:
    n = np.ma.masked_array(N, mask=[False, True, False])
    assert "row 2, group 'b', column 'n': the value is missing" in refusal(
        binomial, counts(n=n)
    )


def test_missing_cell_of_xarray() -> None:
    n = xr.DataArray([10.0, np.nan, 30.0])
    assert "row 2, group 'b', column 'n': the value is missing" in refusal(
        binomial, counts(n=n)
    )


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "category"])
def test_missing_in_nullable_columns(dtype: str) -> None:
    r = pd.Series([1, None, 3], dtype="float" if dtype == "category" else dtype)
    text = refusal(binomial, pd.DataFrame(counts(r=r.astype(dtype))))
    assert "row 2, group 'b', column 'r': the value is missing" in text


def test_more_events_than_trials() -> None:
    text = refusal(binomial, counts(r=[1, 21, 0]))
    assert "row 2, group 'b', column 'r': 21 events exceed 20 trials" in text
    assert "legal: a whole number from 0 to the row's trials ('n' = 20)" in text
    assert "swapped" in text
    assert binomial(counts(r=[10, 20, 30])).y.tolist() == N


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (0, "0 is zero"),
        (-0.0, "-0.0 is zero"),
        (-1.5, "-1.5 is negative"),
        (np.nan, "the value is missing"),
        (np.inf, "inf is infinite"),
        ("1", "'1' is text"),
        (10**400, "is beyond double precision"),
    ],
)
def test_bad_standard_error(value: Any, what: str) -> None:
    text = refusal(estimates, effects(s=[1.0, 2.0, value]))
    assert "row 3, group 'c', column 's': " in text
    assert what in text
    assert "legal: a finite number greater than 0" in text


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "x", None, True, 1j])
def test_bad_estimate(value: Any) -> None:
    text = refusal(estimates, effects(y=[value, 0.0, 0.0]))
    assert "row 1, group 'a', column 'y': " in text
    assert "legal: a finite number." in text


def test_estimate_beyond_double_precision_in_csv(tmp_path: Path) -> None:
    text = refusal(estimates, write(tmp_path, "g,y,s\na,1e999,1\nb,1,1\n"))
    assert "row 1 (line 2), group 'a', column 'y': '1e999' is beyond" in text


def test_first_three_of_many_and_the_count() -> None:
    table = {"g": list("abcdef"), "n": [-1, 5, -3, -4, -5, -6], "r": [0, 6, 0, 0, 0, 0]}
    text = refusal(binomial, table)
    assert "6 bad values, the first 3 of them" in text
    assert "-1 is negative" in text
    assert "6 events exceed 5 trials" in text
    assert "-3 is negative" in text
    assert "-4" not in text
    assert "bad values, the first" not in refusal(binomial, counts(n=[-1, -2, 30]))


# --- bad labels ------------------------------------------------------------------


def test_duplicate_label_names_both_rows(tmp_path: Path) -> None:
    text = refusal(binomial, counts(g=["a", "b", "a "]))
    assert "row 3, group 'a', column 'g': label 'a' is also that of row 1" in text
    assert "legal: every label once" in text
    assert "Aggregate" in text
    text = refusal(estimates, write(tmp_path, "g,y,s\nx,1,1\n\nx,2,1\n"))
    assert "row 2 (line 4)" in text
    assert "label 'x' is also that of row 1 (line 2)" in text
    assert "1/se^2" in text


def test_numbers_that_read_alike_are_duplicates() -> None:
    assert "label '1' is also" in refusal(binomial, counts(g=[1, 2, "1"]))


@pytest.mark.parametrize(
    ("label", "what"),
    [
        ("", "the label is empty"),
        (" \t\u00a0", "the label is empty"),
        (None, "the label is missing"),
        (np.nan, "the label is missing"),
        (pd.NaT, "the label is missing"),
        (np.datetime64("NaT", "ns"), "the label is missing"),
        (["x"], "['x'] is a list, not a label"),
        (b"x", "b'x' is a bytes, not a label"),
        (1j, "1j is a complex, not a label"),
        ("\ud800", "has the character U+D800"),
    ],
)
def test_bad_label(label: Any, what: str) -> None:
    text = refusal(binomial, counts(g=["a", label, "c"]))
    assert f"row 2, column 'g': {what}" in text or "row 2, column 'g': '" in text
    assert what in text
    assert "legal: a text, number or date that is not blank" in text


# --- bad tables ------------------------------------------------------------------


def test_missing_column_lists_the_columns_and_a_near_match() -> None:
    text = refusal(binomial, {"Hospital": LABELS, "n": N, "r": R}, group="hospitl")
    assert "no column 'hospitl' for the group" in text
    assert "'Hospital', 'n', 'r'" in text
    assert "Did you mean 'Hospital'?" in text
    assert "Did you mean" not in refusal(binomial, counts(), group="xyz")
    assert "(none)" in refusal(binomial, pd.DataFrame())


@pytest.mark.parametrize("name", [None, 3, ["n"]])
def test_column_name_must_be_text(name: Any) -> None:
    text = refusal(binomial, counts(), trials=name)
    assert f"trials is {name!r}; legal: the name of a column: 'g', 'n', 'r'" in text
    if name is not None:
        text = refusal(data.load, counts(), trials=name)
        assert f"trials is {name!r}; legal: the name of a column" in text


def test_one_column_for_two_roles() -> None:
    text = refusal(binomial, counts(), events="n")
    assert "column 'n' is given for both trials and events" in text
    assert "both group and se" in refusal(estimates, effects(), se="g")


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    frame = pd.DataFrame([["a", 1, 1, 0]] * 2, columns=["g", "n", "n", "r"])
    assert "there are 2 columns 'n'" in refusal(binomial, frame)
    path = write(tmp_path, "g,n,n,r\na,1,1,0\nb,1,1,0\n")
    assert "there are 2 columns 'n'" in refusal(binomial, path)
    # Two columns that nobody asks for do no harm.
    assert binomial(write(tmp_path, "g,n,r,x,x\na,1,0,,\nb,1,0,,\n")).J == 2


def test_no_rows(tmp_path: Path) -> None:
    for source in (
        counts(g=[], n=[], r=[]),
        pd.DataFrame(counts()).head(0),
        write(tmp_path, "g,n,r\n"),
    ):
        text = refusal(binomial, source)
        assert "there are no rows; legal: at least 2" in text


def test_one_group() -> None:
    data = binomial(counts(g=["a"], n=[1], r=[0]))
    with pytest.raises(DataError, match=r"1 group; legal: at least 2.*: mu, tau\."):
        resolve_priors(get("logit_centered"), data)
    with pytest.raises(DataError, match=r"Give the priors \(--prior 'tau=\.\.\.'\)"):
        resolve_priors(get("logit_centered"), data, {"mu": "Normal(0, 1)"})
    given = {"mu": "Normal(0, 1)", "tau": "HalfNormal(1)"}
    chosen = resolve_priors(get("logit_centered"), data, given)
    assert {choice.origin for choice in chosen.values()} == {"given"}
    assert "tau (or kappa) is its prior" in data.findings()[-1].detail
    assert len(binomial(counts()).findings()) == 1


def test_columns_of_unequal_length() -> None:
    text = refusal(binomial, counts(r=[1, 0]))
    assert "'g' has 3, 'n' has 3, 'r' has 2 rows" in text


@pytest.mark.parametrize(
    "cells", ["abc", 3, np.zeros((3, 1)), {"x": 1}, {1, 2, 3}, np.array(3), b"abc"]
)
def test_column_must_be_a_sequence(cells: Any) -> None:
    text = refusal(binomial, counts(n=cells))
    assert "column 'n' is a" in text
    assert "one-dimensional" in text


@pytest.mark.parametrize("source", [None, 3, [1, 2], np.zeros(3), b"t.csv"])
def test_source_must_be_a_table(source: Any) -> None:
    text = refusal(binomial, source)
    assert f"the data are a {type(source).__name__}" in text
    assert "DataFrame" in text


# --- bad files -------------------------------------------------------------------


def test_missing_file_suggests_a_sibling(tmp_path: Path) -> None:
    write(tmp_path, "x", "hospitals.csv")
    path = tmp_path / "hospital.csv"
    text = refusal(binomial, path)
    assert f"{path} does not exist" in text
    assert "'hospitals.csv'?" in text
    assert "Check the spelling" in refusal(binomial, tmp_path / "no" / "zzz.csv")


def test_folder_and_unreadable_paths(tmp_path: Path) -> None:
    assert "is a folder; legal: a file" in refusal(binomial, tmp_path)
    assert "cannot be read" in refusal(binomial, "a\0b.csv")
    assert "cannot be read" in refusal(binomial, "x" * 5000 + ".csv")
    inside = write(tmp_path, "g,n,r\n") / "t.csv"
    assert "cannot be read: Not a directory" in refusal(binomial, inside)


def test_unknown_suffix(tmp_path: Path) -> None:
    text = refusal(binomial, write(tmp_path, "g,n,r\n", "t.xlsx"))
    assert "the suffix is '.xlsx'; legal: .csv, .tsv, .parquet, .pq" in text


@pytest.mark.parametrize(
    "content", [b"", b" \n\r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"]
)
@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_empty_file(content: bytes, name: str, tmp_path: Path) -> None:
    assert "is empty" in refusal(binomial, write(tmp_path, content, name))


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_latin_1_names_the_byte(bom: bytes, tmp_path: Path) -> None:
    content = bom + "g,n,r\nZürich,1,0\n".encode("latin-1")
    text = refusal(binomial, write(tmp_path, content))
    assert f"byte 0xfc at offset {len(bom) + 7} (line 2) is not UTF-8" in text
    assert "Save the file as UTF-8" in text


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]
)
def test_utf_16_is_recognised(encoding: str, tmp_path: Path) -> None:
    path = write(tmp_path, "g,n,r\na,1,0\nb,2,1\n".encode(encoding))
    assert "UTF-16 or UTF-32; legal: UTF-8" in refusal(binomial, path)


def test_csv_cut_short(tmp_path: Path) -> None:
    text = refusal(binomial, write(tmp_path, "g,n,r\na,1,0\nb,2"))
    assert "row 2 (line 3) has 2 fields; legal: 3, as in the header" in text
    assert "cut short" in text
    text = refusal(binomial, write(tmp_path, "g,n,r\na,1,0\nb,2\nc,3,1\n"))
    assert "row 2 (line 3) has 2 fields" in text
    assert "cut short" not in text


def test_csv_with_too_many_fields(tmp_path: Path) -> None:
    for rows in ("a,1,000,0\nb,2,1\n", "a,1,0,\nb,2,1,\n"):
        text = refusal(binomial, write(tmp_path, f"g,n,r\n{rows}"))
        assert "row 1 (line 2) has 4 fields; legal: 3" in text
        assert "double quotes" in text
        assert "thousands" in text


def test_csv_with_an_open_quote(tmp_path: Path) -> None:
    text = refusal(binomial, write(tmp_path, 'g,n,r\na,1,0\n"b,2,1\n'))
    assert "line 3" in text
    assert "quotation mark" in text
    assert "cut short" in text


def test_csv_with_a_giant_field(tmp_path: Path) -> None:
    text = refusal(binomial, write(tmp_path, f"g,n,r\n{'x' * 200_000},1,0\n"))
    assert "line 2: field larger than field limit" in text


@pytest.mark.parametrize(
    ("name", "delimiter", "word"),
    [("t.csv", ";", "semicolons"), ("t.csv", "\t", "tabs"), ("t.tsv", ",", "commas")],
)
def test_other_delimiters_are_named(
    name: str, delimiter: str, word: str, tmp_path: Path
) -> None:
    content = "g,n,r\na,1,0\nb,2,1\n".replace(",", delimiter)
    text = refusal(binomial, write(tmp_path, content, name))
    assert f"separated by {word}" in text


def test_semicolons_with_decimal_commas(tmp_path: Path) -> None:
    path = write(tmp_path, "g;y;s\na;1,5;2,5\nb;1,0;2,0\n")
    assert "separated by semicolons" in refusal(estimates, path)


def test_parquet_cut_short_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame(counts()).to_parquet(path)
    whole = path.read_bytes()
    assert binomial(path).labels == tuple(LABELS)
    assert "is cut short" in refusal(binomial, write(tmp_path, whole[:-100], "a.pq"))
    assert "is cut short" in refusal(binomial, write(tmp_path, b"PAR1", "a.pq"))
    broken = whole[:-60] + bytes(48) + whole[-12:]
    text = refusal(binomial, write(tmp_path, broken, "a.pq"))
    assert "cannot be read as Parquet" in text
    text = refusal(binomial, write(tmp_path, "g,n,r\n", "b.parquet"))
    assert "not a Parquet file: it starts with b'g,n,'" in text


# --- load: bundled names and columns by convention --------------------------------


def test_load_takes_named_columns_and_finds_the_group() -> None:
    d = data.load(counts(), trials="n", events="r", name="x")
    assert (d.kind, d.labels, d.name) == ("binomial", tuple(LABELS), "x")
    d = data.load(effects(), group="g", estimate="y", se="s")
    assert (d.kind, d.labels) == ("normal", tuple(LABELS))


@pytest.mark.parametrize(
    ("header", "kind", "roles"),
    [
        ("hospital,n,r", "binomial", ("hospital", "n", "r")),
        ("Ward,Trials,Events", "binomial", ("Ward", "Trials", "Events")),
        ("g,n,y", "binomial", ("g", "n", "y")),
        ("school,y,sigma", "normal", ("school", "y", "sigma")),
        ("study,effect,se", "normal", ("study", "effect", "se")),
        ("name,year,n,r", "binomial", ("name", "n", "r")),
    ],
)
def test_load_finds_conventional_columns(
    header: str, kind: str, roles: tuple[str, ...], tmp_path: Path
) -> None:
    width = header.count(",") - 2
    path = write(tmp_path, f"{header}\na{',7' * width},9,1\nb{',8' * width},8,2\n")
    d = data.load(str(path))
    assert d.kind == kind
    assert tuple(d.columns.values()) == roles
    assert d.labels == ("a", "b")


def test_load_numbers_groups_if_no_column_is_left() -> None:
    assert data.load({"n": N, "r": R}).labels == ("1", "2", "3")


@pytest.mark.parametrize(
    "columns", ["g,n,y,sigma", "g,n,r,y", "g,a,b", "g,n", "g,n,trials,r", "n,y,se"]
)
def test_load_refuses_to_guess(columns: str) -> None:
    names = columns.split(",")
    text = refusal(data.load, {name: [1, 2] for name in names})
    assert ", ".join(map(repr, names)) in text
    assert "--trials" in text
    assert "--estimate" in text


def test_load_refuses_to_guess_the_group() -> None:
    text = refusal(data.load, {"a": LABELS, "b": LABELS, "n": N, "r": R})
    assert "group labels is in doubt; the columns left are 'a', 'b'" in text
    assert "--group" in text


def test_load_settles_a_doubt_by_one_option() -> None:
    table = {"g": LABELS, "n": N, "y": R, "se": SE}
    assert data.load(table, group="g", trials="n").kind == "binomial"
    assert data.load(table, group="g", se="se").kind == "normal"


def test_load_refuses_columns_of_two_kinds() -> None:
    text = refusal(data.load, counts(), trials="n", se="s")
    assert "columns of two kinds of data are named: trials, se" in text


def test_load_knows_bundled_data_and_suggests_them(tmp_path: Path) -> None:
    assert data.load("surgical").J == 12
    text = refusal(data.load, "surgicl")
    assert "'surgical'?" in text
    assert "eight_schools" in text
    assert "takes no options; given: trials" in refusal(
        data.load, "surgical", trials="n"
    )


def test_load_sends_stan_json_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path, "{}", "t.json")
    assert "from_stan_json" in refusal(data.load, path)


# --- Stan JSON -------------------------------------------------------------------


def stan_json(folder: Path, text: str | bytes, **options: Any) -> dict[str, Any]:
    return data.from_stan_json(write(folder, text, "t.json"), **options)


def test_stan_json_values(tmp_path: Path) -> None:
    text = """\ufeff{"J": 2, "y": [1, 2.5], "m": [[1, 2], [3, 4]], "e": [],
      "top": "Inf", "low": [-Infinity, "-Infinity"], "t": {"1": 1, "2": [1.5]},
      "z": [[1, 0], [2, 0]], "_comment": "no data", "big": 3e9}"""
    got = stan_json(tmp_path, text)
    assert got == {
        "J": 2, "y": [1, 2.5], "m": [[1, 2], [3, 4]], "e": [], "top": np.inf,
        "low": [-np.inf, -np.inf], "t": {"1": 1, "2": [1.5]}, "z": [[1, 0], [2, 0]],
        "big": 3e9,
    }  # fmt: skip
    assert type(got["J"]) is int
    assert type(got["big"]) is float


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"J": 2, "J": 3}', "the key 'J' occurs twice"),
        ('{"t": {"1": 1, "1": 2}}', "the key '1' occurs twice"),
        ('{"y": [1, "NaN"]}', "variable 'y'[2] is NaN; legal: a number"),
        ('{"y": NaN}', "variable 'y' is NaN"),
        (
            '{"n": [[1], [2147483648]]}',
            "variable 'n'[2][1] holds 2147483648; legal: int",
        ),
        ('{"n": -2147483649}', "-2147483649; legal: integers from -2147483648"),
        ('{"n": ' + "9" * 5000 + "}", "legal: integers from -2147483648 to 2147483647"),
        ('{"n": true}', "variable 'n' is true"),
        ('{"n": [null]}', "variable 'n'[1] is null"),
        ('{"n": "many"}', "variable 'n' is 'many'"),
        ('{"m": [[1, 2], [3]]}', "variable 'm' is ragged"),
        ('{"m": [1, [2]]}', "variable 'm' is ragged"),
        ('{"m": [[], 1]}', "variable 'm' is ragged"),
        ('{"t": {"a": 1}}', "keys ['a']; legal: a tuple"),
        ('{"t": {}}', "legal: a tuple"),
        ("[1, 2]", "the file holds a list; legal: an object"),
        ('{"J": 2,\n "y": [1, 2', "line 2"),
        ("J <- 2", "legal: JSON"),
        ("", "is empty"),
        (b'{"\xfc": 1}', "byte 0xfc at offset 2"),
        ('{"y": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_stan_json(text: str | bytes, what: str, tmp_path: Path) -> None:
    assert what in refusal(stan_json, tmp_path, text)


def test_stan_json_limits_are_legal_and_nan_on_request(tmp_path: Path) -> None:
    text = '{"n": [2147483647, -2147483648]}'
    assert stan_json(tmp_path, text)["n"] == [2147483647, -2147483648]
    assert np.isnan(stan_json(tmp_path, '{"y": "NaN"}', allow_nan=True)["y"])
