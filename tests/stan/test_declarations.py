"""The declarations that hbstan reads, against those that Stan's compiler reads."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from programs import EVERY, FUNCTIONS

from hbstan import models
from hbstan.program import Declaration, Type, declared
from hbstan.types import StanProgram

BLOCKS = {
    "data": "inputs",
    "parameters": "parameters",
    "transformed_parameters": "transformed parameters",
    "generated_quantities": "generated quantities",
}
VECTORS = ("vector", "row_vector", "simplex", "unit_vector", "ordered")
SQUARES = ("cov_matrix", "corr_matrix", "cholesky_factor_corr", "cholesky_factor_cov")
#: Spaces, comments and line ends that may stand between any two words.
GAPS = (" ", " ", "\n  ", " // } int no;\n", " /* { real no; */ ")


def account(cmdstan: Path, file: Path) -> dict[str, Any]:
    stanc = [str(cmdstan / "bin" / "stanc"), "--info", str(file)]
    options = [f"--include-paths={FUNCTIONS}"]
    done = subprocess.run([*stanc, *options], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def as_stanc(kind: Type) -> dict[str, Any]:
    """A type in stanc's words."""
    sizes = len(kind.shape({}))
    if kind.name == "tuple":
        return {"type": [as_stanc(part) for part in kind.parts], "dimensions": sizes}
    name = "int" if kind.whole else "complex" if kind.complex else "real"
    return {"type": name, "dimensions": sizes}


def assert_as_stanc_says(cmdstan: Path, program: StanProgram) -> None:
    told, found = account(cmdstan, program.file), declared(program)
    for block, word in BLOCKS.items():
        own: tuple[Declaration, ...] = getattr(found, block)
        assert {d.name: as_stanc(d.type) for d in own} == told[word], block


@pytest.mark.parametrize("name", EVERY)
def test_declarations_of_the_catalogue(cmdstan: Path, name: str) -> None:
    assert_as_stanc_says(cmdstan, models.get(name).program)


def _type(rng: random.Random, *, tuples: bool) -> str:
    gap = rng.choice(GAPS)
    size = rng.choice(["N", "2 * N + 1", "(N)", "max({N, 2})", "N %/% 2", "size(k)"])
    bound = rng.choice(["", "<lower=0>", f"<lower={gap}0, upper=(N + 1)>"])
    affine = rng.choice(["", "<offset=1>", "<multiplier=2, offset=(N)>"])
    simple = [
        f"int{bound}",
        f"real{bound}",
        f"real{affine}",
        f"vector{bound}{gap}[{size}]",
        f"matrix{affine}[N, {gap}{size}]",
        "complex",
        f"complex_vector[{size}]",
        f"cholesky_factor_cov[N + 2, {gap}N]",
        f"{rng.choice(VECTORS)}[{size}]",
        f"{rng.choice(SQUARES)}[{size}]",
    ]
    kind = rng.choice(simple)
    if tuples and rng.random() < 0.2:
        parts = [_type(rng, tuples=True) for _ in range(rng.randint(2, 3))]
        kind = f"tuple({f',{gap}'.join(parts)})"
    if rng.random() < 0.4:
        return f"array{gap}[{size}{rng.choice(['', ', 2', f',{gap}N'])}] {kind}"
    return kind


def test_generated_declarations(cmdstan: Path, tmp_path: Path) -> None:
    rng = random.Random(20260)
    statements = ['print("} int no; {");', "{ real no; }", 'profile("p") { int no; }']
    data = [f"{_type(rng, tuples=True)} d{i};" for i in range(150)]
    made = []
    for i in range(150):
        names = f"g{i}" if rng.random() < 0.7 else f"g{i}, h{i}"
        made.append(f"{_type(rng, tuples=True)}{rng.choice(GAPS)}{names};")
        made.append(rng.choice([*statements, "", "a[1] = {1, 2}[1];"]))
    text = "\n".join(
        [
            "data { int N; array[N] int k;",
            *data,
            "} parameters { real mu; } model { real no; mu ~ std_normal(); }",
            "generated quantities { array[2] int a = {1,",
            "2};",
            *made,
            "for (i in 1:2) { int no; } }",
        ]
    )
    (tmp_path / "generated.stan").write_text(text)
    program = StanProgram(tmp_path / "generated.stan")
    assert_as_stanc_says(cmdstan, program)
    assert len(declared(program).data) == 152
