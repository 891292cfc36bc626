"""Programs without their generated quantities, where ranks do not need them."""

from __future__ import annotations

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
    "block", [BLOCK, BLOCK.replace(" q", "\n  q"), BLOCK.replace(" {", "{")]
)
def test_the_block_is_left_out(tmp_path: Path, block: str) -> None:
    whole = program(tmp_path, HEAD + block)
    lean = without_generated_quantities(whole, ["mu"], tmp_path / "lean")
    assert lean.source() == HEAD
    assert lean.name == "own"
    assert lean.include_paths == (tmp_path / "functions", tmp_path)


def test_it_is_kept_where_it_is_needed(tmp_path: Path) -> None:
    whole = program(tmp_path, HEAD + BLOCK)
    for needed in (["twice"], ["mu", "twice"], ["unknown"]):
        assert without_generated_quantities(whole, needed, tmp_path / "x") is whole
    assert not (tmp_path / "x").exists()


def test_a_name_in_a_comment_is_no_variable(tmp_path: Path) -> None:
    whole = program(tmp_path, "// twice\n" + HEAD + BLOCK)
    assert without_generated_quantities(whole, ["twice"], tmp_path / "x") is whole


@pytest.mark.parametrize("text", [HEAD, HEAD + "#include quantities.stan\n"])
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


@pytest.mark.parametrize("name", models.names())
def test_the_catalogue_pays_for_no_generated_quantities(
    tmp_path: Path, name: str
) -> None:
    model = models.get(name)
    needed = [p.name for p in model.top_level] + ["theta"]
    lean = without_generated_quantities(model.program, needed, tmp_path)
    assert lean.source() == model.program.source().partition("generated quantities")[0]
