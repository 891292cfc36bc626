"""What a program declares, and data held against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hbstan.backends.stan_data import matched_data, plain_data
from hbstan.errors import DataError, ModelError
from hbstan.program import Declared, Type, declared
from hbstan.program.sizes import size_of
from hbstan.types import StanProgram

#: Everything that looks like a declaration and is none, and the other way round.
TEXT = """functions {
  real f(data real x, array[,] int y) { int no; reject("in f ", x); return x; }
}
#include sizes.stanfunctions
/* data { int no; } */
data {
  int<lower=0, upper=(1 > 0) ? 3 : 2> N; // int no;
  array[(N), 2 * N + (1)] vector<lower=0>
    [size({1, 2})] x;
  tuple(real<lower=0>, array[2] vector[N]) t;
}
transformed data {
  int M = N;
  array[M] int z = {1,
    2};
  print("} int no; {");
}
parameters {
  real<offset=1, multiplier=2> a, b;
  corr_matrix [N] R;
  cholesky_factor_cov[3, N] L;
}
model {
  real local;
  if (a < b) { reject("one ", a, " two"); } else a ~ normal(0, 1);
}
generated quantities {
  real q = f({1, 2}', 3)[1], r;
  profile("int no;") { real no; } { real no; }
  for (i in 1:N) { int no; }
  array[N] int y_rep;
  complex c = 2i;
}
"""


@pytest.fixture
def program(tmp_path: Path) -> StanProgram:
    (tmp_path / "own.stan").write_text(TEXT)
    (tmp_path / "sizes.stanfunctions").write_text("// nothing\n// int no;\n")
    return StanProgram(tmp_path / "own.stan")


def of(tmp_path: Path, text: str) -> StanProgram:
    (tmp_path / "p.stan").write_text(text)
    return StanProgram(tmp_path / "p.stan")


# Declarations


def test_declarations_by_block(program: StanProgram) -> None:
    found = declared(program)
    assert [str(d) for d in found.data] == [
        "int N",
        "array[(N), 2 * N + (1)] vector[size({1, 2})] x",
        "tuple(real, array[2] vector[N]) t",
    ]
    assert [str(d) for d in found.transformed_data] == ["int M", "array[M] int z"]
    assert list(found.outputs) == ["a", "b", "R", "L", "q", "r", "y_rep", "c"]
    assert found.inputs["x"].constraint == "lower=0"
    assert found.inputs["N"].constraint == "lower=0, upper=(1 > 0) ? 3 : 2"
    assert found.outputs["y_rep"].whole
    assert not found.outputs["q"].whole
    assert found.outputs["c"].complex


def test_places_are_those_of_the_file(program: StanProgram) -> None:
    found = declared(program)
    lines = TEXT.splitlines()
    for declaration in (*found.data, *found.parameters, *found.generated_quantities):
        file, line = declaration.place
        assert file == str(program.file)
        assert declaration.name in lines[line - 1]


def test_a_rejection_is_found_by_its_texts(program: StanProgram) -> None:
    found = declared(program)
    file = str(program.file)
    assert found.where("first error: one 3.5 two") == (file, 25)
    assert found.where("in f 2") == (file, 2)
    assert found.where("check: N is -1, but must be at least 0") == (file, 7)
    assert found.where("x[1, 2] is -1, but must be ...") == (file, 9)
    assert found.where("one 3.5") is None
    assert found.where("something else") is None


def test_the_rest_of_a_program_ends_before_its_generated_quantities(
    program: StanProgram,
) -> None:
    rest = declared(program).without_generated_quantities
    assert rest == TEXT.partition("generated quantities")[0].replace(
        "#include sizes.stanfunctions", "// nothing\n// int no;\n"
    )


def test_priors_as_data(tmp_path: Path) -> None:
    text = "data { vector[3] prior_mu_args; int prior_mu; real prior_tau; }"
    assert declared(of(tmp_path, text)).priors == ("mu",)


def test_what_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"p\.stan cannot be read: line 2") as caught:
        declared(of(tmp_path, "data {\n } } int N;"))
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", "// nothing", "model { }", "data { }"])
def test_programs_without_declarations(tmp_path: Path, text: str) -> None:
    found = declared(of(tmp_path, text))
    assert not found.inputs
    assert not found.outputs


# Sizes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("7", 7),
        ("N", 3),
        ("N + 1", 4),
        ("N * (N - 1) / 2", 3),
        ("-N %/% 2", -1),
        ("N % 2", 1),
        ("2 - -N", 5),
        ("size(x)", 2),
        ("cols(x) * rows(x)", 6),
        ("num_elements(x)", 6),
        ("x[2, 1]", 4),
        ("x[1][3]", 3),
        ("max(x)", 6),
        ("sum(x[1])", 6),
        ("min(N, 2)", 2),
        ("choose(N, 2)", 3),
        ("whole", 2),
        ("N // a remark\n + 1", 4),
    ],
)
def test_sizes(text: str, size: int) -> None:
    values = {"N": 3, "x": [[1, 2, 3], [4, 5, 6]], "whole": 2.0}
    assert size_of(text, values) == size


@pytest.mark.parametrize(
    "text", ["M", "own(N)", "x[0]", "x[9]", "N / 0", "N ? 1 : 2", "half", "x", "1.5"]
)
def test_sizes_that_only_the_program_knows(text: str) -> None:
    assert size_of(text, {"N": 3, "x": [1, 2], "half": 0.5}) is None


# Data


SHAPES = """
data {
  int N; vector[N] y; matrix[2, 3] M; array[2] vector[3] av; array[N] int k;
  array[N - 3, 2] real none; cov_matrix[2] S; complex c; tuple(int, vector[2]) t;
  array[2] tuple(real, real) at; vector[own(N)] unknown;
}
"""
DATA: dict[str, Any] = {
    "N": 3,
    "y": [1, 2, 3],
    "M": [[1, 2, 3], [4, 5, 6]],
    "av": [[1, 2, 3], [4, 5, 6]],
    "k": [1.0, 2.0, 3.0],
    "none": [],
    "S": [[1, 0], [0, 1]],
    "c": 1 + 2j,
    "t": {"1": 1.0, "2": [1, 2]},
    "at": [{"1": 1, "2": 2}, {"1": 1, "2": 2}],
    "unknown": [1, 2, 3, 4],
    "other": 5,
}


def test_data_of_the_declared_shapes(tmp_path: Path) -> None:
    got = matched_data(of(tmp_path, SHAPES), DATA)
    assert repr(got["k"]) == "[1, 2, 3]"  # 1 and 1.0 are equal
    assert repr(got["t"]) == "{'1': 1, '2': [1, 2]}"
    assert repr(got["y"]) == "[1, 2, 3]"
    assert got["other"] == 5
    assert matched_data(of(tmp_path, SHAPES), {**DATA, "none": np.zeros((0, 2))})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("M", [[1, 2], [3, 4], [5, 6]], "has shape (3, 2), but the program declares"),
        ("M", [1, 2, 3, 4, 5, 6], "matrix[2, 3], which has shape (2, 3)"),
        ("av", [[1, 2], [3, 4], [5, 6]], "array[2] vector[3]"),
        ("y", [[1, 2, 3]], "shape (1, 3)"),
        ("y", [1, 2], "shape (2,)"),
        ("y", 1, "no dimensions (a single number)"),
        ("y", [], "shape (0,)"),
        ("N", [3], "int, which has no dimensions"),
        ("none", [[1, 2]], "which has shape (0, 2)"),
        ("S", [1, 0, 0, 1], "cov_matrix[2], which has shape (2, 2)"),
        ("c", 1.0, "complex, which has shape (2,)"),
        ("k", [1, 2.5, 3], "'k'[2] is 2.5; legal: a whole number"),
        ("k", [1, float("nan"), 3], "'k'[2] is nan"),
        ("N", 2.5, "the datum 'N' is 2.5"),
        ("k", [1, 3e10, 3], "does not fit into Stan's 32-bit integers"),
        ("t", {"1": 1}, "no tuple of 2 parts"),
        ("t", {"1": 1, "2": [1]}, "'t'.2 has shape (1,)"),
        ("t", [1, [1, 2]], "is ragged"),
        ("at", [{"1": 1, "2": [2]}, {"1": 1, "2": [2]}], "'at'[1].2 has shape (1,)"),
    ],
)
def test_data_of_other_shapes(
    tmp_path: Path, name: str, value: Any, words: str
) -> None:
    with pytest.raises(DataError) as caught:
        matched_data(of(tmp_path, SHAPES), {**DATA, name: value})
    assert f"p: the datum {name!r}" in caught.value.message
    assert words in caught.value.message
    assert caught.value.remedy


def test_missing_data_are_named_together(tmp_path: Path) -> None:
    given = {k: v for k, v in DATA.items() if k not in ("y", "M", "none", "unknown")}
    with pytest.raises(DataError, match="the data lack 'y', 'M', which"):
        matched_data(of(tmp_path, SHAPES), given)


@pytest.mark.parametrize(
    "value",
    [
        np.ma.array([1, 2, 1000.0], mask=[0, 0, 1]),
        pd.Series([1.0, 2.0, None]),
        pd.Series([1, 2, None], dtype="Int64"),
        pd.Series([1, 2, None], dtype="float64[pyarrow]"),
        pd.array([1, 2, None], dtype="Float64"),
        xr.DataArray([1.0, 2.0, np.nan]),
        [1, 2, np.ma.masked],
        [1, 2, pd.NA],
        [1, 2, None],
    ],
)
def test_missing_values_have_a_place(value: Any) -> None:
    with pytest.raises(DataError, match=r"the datum 'y'\[3\] is"):
        plain_data("p", {"y": value})


@pytest.mark.parametrize(
    "value",
    [
        np.ma.array([1.0, 2.0], mask=[0, 0]),
        pd.Series([1.0, 2.0]),
        pd.array([1.0, 2.0], dtype="Float64"),
        xr.DataArray([1.0, 2.0]),
    ],
)
def test_whole_arrays_of_every_library(value: Any) -> None:
    assert plain_data("p", {"y": value}) == {"y": [1.0, 2.0]}


def test_a_table_is_a_matrix() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert plain_data("p", {"y": frame}) == {"y": [[1.0, 3.0], [2.0, 4.0]]}


# What cannot move


@pytest.mark.parametrize(
    ("name", "shape", "fixed"),
    [
        ("simplex", (1,), [True]),
        ("simplex", (2,), [False, False]),
        ("simplex", (3, 1), [[True]] * 3),
        ("sum_to_zero_vector", (1,), [True]),
        ("column_stochastic_matrix", (1, 2), [[True, True]]),
        ("column_stochastic_matrix", (2, 1), [[False], [False]]),
        ("row_stochastic_matrix", (2, 1), [[True], [True]]),
        ("corr_matrix", (2, 2), [[True, False], [False, True]]),
        ("cholesky_factor_corr", (2, 2), [[True, True], [False, False]]),
        ("cholesky_factor_cov", (2, 2), [[False, True], [False, False]]),
        ("cholesky_factor_cov", (3, 2), [[False, True], [False] * 2, [False] * 2]),
        ("cov_matrix", (1, 1), [[False]]),
        ("ordered", (1,), [False]),
        ("real", (), False),
    ],
)
def test_constant_by_declaration(name: str, shape: Any, fixed: Any) -> None:
    assert Type(name).constant(shape).tolist() == fixed


def test_nothing_declared() -> None:
    assert Declared().where("x is 1") is None
