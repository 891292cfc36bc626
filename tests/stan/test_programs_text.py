"""The Stan sources as text: width, header, format and stanc's warnings."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cases import LEGAL, is_normal
from programs import APART, EVERY, FUNCTIONS, MODELS, PROGRAMS

from hbstan import models
from hbstan.toolchain import find_cmdstan

SOURCES = [*sorted(MODELS.glob("*.stan")), *sorted(FUNCTIONS.glob("*.stanfunctions"))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_source_is_at_most_80_columns_of_ascii(path: Path) -> None:
    text = path.read_text(encoding="ascii")
    assert max(len(line) for line in text.splitlines()) <= 80
    assert all(line == line.rstrip() for line in text.splitlines())
    assert text.startswith("/*")
    assert text.endswith("}\n")


@pytest.mark.parametrize("name", PROGRAMS)
def test_header_names_every_datum_parameter_and_source(name: str) -> None:
    header = (MODELS / f"{name}.stan").read_text().split("*/")[0]
    words = ["Model", "Data", "Parameters", "Prior", "Sibling", "Sources"]
    words += ["J ", "y[j]", "holdout[j]", "predictive", "prior_X"]
    words += ["theta[j]  " if k == "theta" else f"{k} " for k in LEGAL[name]]
    words.append("sigma[j]" if is_normal(name) else "n[j]")
    assert [word for word in words if word not in header] == []


@pytest.mark.parametrize("name", sorted(APART))
def test_headers_of_the_others_name_what_all_programs_have(name: str) -> None:
    header = (MODELS / f"{name}.stan").read_text().split("*/")[0]
    words = ["Model", "Data", "Parameters", "Prior", "Source"]
    words += ["J ", "holdout[j]", "predictive", "prior_X"]
    words += [p.name for p in models.get(name).top_level]
    assert [word for word in words if word not in header] == []


def test_every_program_is_tested_and_in_the_catalogue() -> None:
    assert set(EVERY) == set(models.names())
    assert set(LEGAL) == set(PROGRAMS)
    for name, file in APART.items():
        text = (Path(__file__).parent / f"test_{file}.py").read_text()
        assert name in text or name.rpartition("_")[2] in text, name


def find_stanc() -> str | None:
    """Return the stanc of the CmdStan that hbstan finds, or one on the PATH."""
    installation = find_cmdstan()
    if installation is not None:
        return str(installation.path / "bin" / "stanc")
    return shutil.which("stanc")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_source_is_formatted_and_warns_of_nothing_unexplained(path: Path) -> None:
    stanc = find_stanc()
    if stanc is None:
        pytest.skip("no CmdStan installed and no stanc on the PATH")
    command = [stanc, f"--include-paths={FUNCTIONS}", "--max-line-length=80"]
    formatted = subprocess.run(
        [*command, "--auto-format", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert formatted.returncode == 0, formatted.stderr
    assert formatted.stdout.strip() == path.read_text().strip()
    if path.suffix == ".stan":
        pedantic = subprocess.run(
            [*command, "--warn-pedantic", "--o", os.devnull, str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert pedantic.returncode == 0, pedantic.stderr
        warnings = [w for w in pedantic.stderr.split("Warning") if w.strip()]
        assert [w for w in warnings if "has no priors" not in w] == []
