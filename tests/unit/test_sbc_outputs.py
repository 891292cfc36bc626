"""Programs without their generated quantities, where ranks do not need them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from hbstan import models
from hbstan.sbc.outputs import without_generated_quantities
from hbstan.types import StanProgram

HEAD = """parameters {
  real mu; // generated quantities { in a comment
}
model {
  print("generated quantities {");
  /* generated quantities {
   */
  mu ~ std_normal();
}
"""
BLOCK = "generated quantities {\n  real twice = 2 * mu;\n}\n"


def program(folder: Path, text: str) -> StanProgram:
    path = folder / "own.stan"
    path.write_text(text, encoding="utf-8")
    return StanProgram(path, (folder / "functions",))


@pytest.mark.parametrize(
    "block",
    [
        BLOCK,
        BLOCK.replace(" q", "\n  q"),
        BLOCK.replace(" {", "{"),
        BLOCK.replace(" {", " // why not { here\n{"),
        BLOCK.replace(" {", "/* { */ {"),
        BLOCK + "// generated quantities {\n",
    ],
)
def test_the_block_is_left_out(tmp_path: Path, block: str) -> None:
    whole = program(tmp_path, HEAD + block)
    lean = without_generated_quantities(whole, ["mu"], tmp_path / "lean")
    assert lean.source() == HEAD
    assert lean.name == "own"
    assert lean.include_paths == (tmp_path / "functions", tmp_path)
    name = hashlib.sha256(HEAD.encode()).hexdigest()[:16]
    assert lean.file == tmp_path / "lean" / name / "own.stan"


def test_a_damaged_copy_is_written_again(tmp_path: Path) -> None:
    whole = program(tmp_path, HEAD + BLOCK)
    lean = without_generated_quantities(whole, ["mu"], tmp_path / "lean")
    lean.file.write_text("parameters { real other; }\n")
    again = without_generated_quantities(whole, ["mu"], tmp_path / "lean")
    assert again.source() == HEAD


def test_it_is_kept_where_it_is_needed(tmp_path: Path) -> None:
    whole = program(tmp_path, HEAD + BLOCK)
    for needed in (["twice"], ["mu", "twice"], ["unknown"]):
        assert without_generated_quantities(whole, needed, tmp_path / "x") is whole
    assert not (tmp_path / "x").exists()


def test_a_name_in_a_comment_is_no_variable(tmp_path: Path) -> None:
    whole = program(tmp_path, "// twice\n" + HEAD + BLOCK)
    assert without_generated_quantities(whole, ["twice"], tmp_path / "x") is whole


@pytest.mark.parametrize(
    "elsewhere",
    [
        "functions { real f(real twice) { return twice; } }\n",
        "functions { void parameters_of(real twice) { } }\n",
        "data { real more; }\n// parameters { real twice; }\n",
        'transformed data { print("parameters { real twice; }"); }\n',
        "transformed parameters { real a; { real twice = 2; a = twice; } }\n",
        "transformed parameters {\n#include twice.stan\n}\n",
        "model { real twice = 1; target += twice; }\n",
    ],
)
def test_a_name_of_something_else_is_no_variable(
    tmp_path: Path, elsewhere: str
) -> None:
    whole = program(tmp_path, elsewhere + HEAD + BLOCK)
    assert without_generated_quantities(whole, ["twice"], tmp_path / "x") is whole
    lean = without_generated_quantities(whole, ["mu"], tmp_path / "x")
    assert lean.source() == elsewhere + HEAD


@pytest.mark.parametrize(
    "declared",
    [
        "transformed  parameters\n{ real a = 1; { a = 2; } real twice = 2 * mu; }\n",
        "transformed parameters // {\n{ array[2] real a = {1, 2}, twice; }\n",
        'transformed parameters { print("}"); /* } */ vector<lower=0>[2] twice; }\n',
    ],
)
def test_a_transformed_parameter_is_seen(tmp_path: Path, declared: str) -> None:
    whole = program(tmp_path, HEAD + declared + BLOCK.replace("twice", "thrice"))
    for needed in (["twice"], ["mu", "twice"]):
        lean = without_generated_quantities(whole, needed, tmp_path / "x")
        assert lean.source() == HEAD + declared


def test_words_are_whole(tmp_path: Path) -> None:
    whole = program(tmp_path, HEAD.replace("mu", "mu_pop") + BLOCK)
    for needed in (["mu"], ["pop"]):
        assert without_generated_quantities(whole, needed, tmp_path / "x") is whole


def test_letters_of_any_language_in_comments_survive(tmp_path: Path) -> None:
    head = "// \u03bc, caf\u00e9 \U0001f600\n" + HEAD
    whole = program(tmp_path, head + BLOCK)
    assert without_generated_quantities(whole, ["mu"], tmp_path).source() == head


@pytest.mark.parametrize("text", ["", HEAD, HEAD + "#include quantities.stan\n"])
def test_a_program_without_the_block_is_left_alone(tmp_path: Path, text: str) -> None:
    whole = program(tmp_path, text)
    assert without_generated_quantities(whole, ["mu"], tmp_path / "x") is whole


def test_the_same_program_is_written_once(tmp_path: Path) -> None:
    whole = program(tmp_path, HEAD + BLOCK)
    one = without_generated_quantities(whole, ["mu"], tmp_path / "lean")
    before = one.file.stat().st_mtime_ns
    assert without_generated_quantities(whole, ["mu"], tmp_path / "lean") == one
    assert one.file.stat().st_mtime_ns == before
    other = program(tmp_path, HEAD.replace("std_normal()", "normal(0, 2)") + BLOCK)
    two = without_generated_quantities(other, ["mu"], tmp_path / "lean")
    assert two.file != one.file


WRITER = """
import sys
from pathlib import Path
from hbstan.sbc.outputs import without_generated_quantities
from hbstan.types import StanProgram
folder = Path(sys.argv[1])
sys.stdin.read()
for i in range(50):
    text = "parameters { real mu; } // %d\\n" % i
    file = folder / sys.argv[2] / "own.stan"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text + "generated quantities { real x = mu; }\\n")
    lean = without_generated_quantities(StanProgram(file), ["mu"], folder / "lean")
    assert lean.source() == text
"""


def test_two_processes_write_the_same(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(i)],
            stdin=subprocess.PIPE,
        )
        for i in range(2)
    ]
    for writer in writers:  # both wait for the end of their input
        assert writer.stdin is not None
        writer.stdin.close()
    for writer in writers:
        writer.wait(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    written = sorted((tmp_path / "lean").rglob("*.stan"))
    assert len(written) == 50
    assert sorted((tmp_path / "lean").rglob("*.*")) == written


def test_where_nothing_can_be_written_the_program_is_whole(tmp_path: Path) -> None:
    (tmp_path / "lean").write_text("a file")
    whole = program(tmp_path, HEAD + BLOCK)
    assert without_generated_quantities(whole, ["mu"], tmp_path / "lean") == whole


#: Programs that make some of what is ranked after sampling: groups that they integrate
#: out, or shares of a population.
LATE = {
    *("beta_binomial_marginal", "eight_schools_marginal", "normal_groups_marginal"),
    *("linear_regression", "logistic_regression", "mrp_logit"),
}


@pytest.mark.parametrize("name", models.names())
def test_the_catalogue_pays_for_no_generated_quantities(
    tmp_path: Path, name: str
) -> None:
    model = models.get(name)
    needed = [*(p.name for p in model.top_level), *(model.ranked or ("theta",))]
    lean = without_generated_quantities(model.program, needed, tmp_path)
    whole = model.program.source()
    expected = whole if name in LATE else whole.partition("generated quantities {")[0]
    assert lean.source() == expected
