"""The notebooks, kept as text, run as notebooks: in a kernel, in an empty folder."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import hbstan as hb

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
RUNNER = Path(__file__).with_name("notebook.py")
SECONDS = 600
#: What a notebook may import besides the standard library.
LIBRARIES = {"arviz", "hbstan", "matplotlib", "numpy", "scipy"}
HEADER = "# ---\n# jupyter:\n#   jupytext:\n"
STORED = re.compile(r"outputs|execution_count|image/png|base64")

#: Run by every test: of those without hundreds of simulations the one that shows most.
#: What the others call has tests, and CI runs them where the package or they are
#: touched.
FIRST = ("eight_schools",)
EXHAUSTIVE = pytest.mark.exhaustive("notebooks", "hbstan", "stan")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@dataclass(frozen=True)
class Executed:
    """A notebook that ran, or as far as it ran."""

    code: int
    err: str
    notebook: Any

    def images(self) -> int:
        """Return the number of pictures that it shows."""
        return sum("image/png" in out.get("data", {}) for out in self.outputs())

    def complaints(self) -> str:
        """Return what the cells wrote to standard error."""
        return "".join(o["text"] for o in self.outputs() if o.get("name") == "stderr")

    def outputs(self) -> list[Any]:
        cells = self.notebook["cells"]
        return [out for cell in cells for out in cell.get("outputs", [])]


def execute(path: Path, folder: Path, env: Mapping[str, str]) -> Executed:
    """Run a notebook's text in an empty folder, without the user's settings."""
    import nbformat

    work, target = folder / "work", folder / "work" / "executed.ipynb"
    work.mkdir()
    own = {name: str(folder / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(path), str(target)],
        env={k: v for k, v in env.items() if k != "MPLBACKEND"} | own,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert target.is_file(), done.stderr
    return Executed(done.returncode, done.stderr, nbformat.read(target, as_version=4))


def cells(path: Path) -> list[Any]:
    import jupytext

    listed: list[Any] = jupytext.read(path).cells
    return listed


def imported(tree: ast.AST) -> list[str]:
    """Return the modules that a program imports, with the names from hbstan's."""
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "a notebook has no package to import from"
            out.append(node.module)
            if node.module.split(".")[0] == "hbstan":
                out += [f"{node.module}.{alias.name}" for alias in node.names]
    return out


def not_public(text: str) -> list[str]:
    """Return what a notebook uses besides the public interface."""
    tree = ast.parse(text)
    wrong = []
    for name in imported(tree):
        top = name.split(".")[0]
        if top not in LIBRARIES | sys.stdlib_module_names or (
            top == "hbstan" and name != "hbstan"
        ):
            wrong.append(name)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        of_package = isinstance(node.value, ast.Name) and node.value.id == "hb"
        if node.attr.startswith("_") or (of_package and node.attr not in hb.__all__):
            wrong.append(node.attr)
    return wrong


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=() if path.stem in FIRST else EXHAUSTIVE)
        for path in NOTEBOOKS
    ],
    ids=lambda path: path.stem,
)
def test_a_notebook_runs(path: Path, tmp_path: Path, bare_env: dict[str, str]) -> None:
    done = execute(path, tmp_path, bare_env)
    assert done.code == 0, done.err
    assert done.images(), "no picture"
    assert not done.complaints()
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["executed.ipynb"]


@each
def test_a_notebook_is_text_without_outputs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(HEADER)
    assert not STORED.search(text)
    assert not list(FOLDER.glob("*.ipynb"))


@each
def test_a_notebook_begins_with_its_title(path: Path) -> None:
    first = cells(path)[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S", first.source)


@each
def test_a_notebook_uses_the_public_interface_alone(path: Path) -> None:
    assert not_public(path.read_text(encoding="utf-8")) == []


@each
def test_the_list_of_notebooks_has_it(path: Path) -> None:
    assert path.name in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import hbstan.fit", "hbstan.fit"),
        ("from hbstan import plan", "hbstan.plan"),
        ("import cmdstanpy", "cmdstanpy"),
        ("import hbstan as hb\nhb.plan", "plan"),
        ("import hbstan as hb\nhb.fit._check", "_check"),
    ],
)
def test_what_is_not_public_is_found(text: str, found: str) -> None:
    assert found in not_public(text)


def test_a_wrong_claim_is_an_error(tmp_path: Path, bare_env: dict[str, str]) -> None:
    """A notebook whose text claims what its numbers do not show must not pass."""
    path = tmp_path / "wrong.py"
    path.write_text("# %% [markdown]\n# # Sums\n\n# %%\nassert 1 + 1 == 3\n")
    done = execute(path, tmp_path, bare_env)
    assert done.code == 1
    assert "1 + 1 == 3" in done.err
    assert done.images() == 0


def test_the_kernel_is_this_interpreter(
    tmp_path: Path, bare_env: dict[str, str]
) -> None:
    """Another kernel of the same name, installed by the user, is not taken."""
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        '{"argv": ["false"], "display_name": "other", "language": "python"}'
    )
    path = tmp_path / "where.py"
    path.write_text(
        "# %%\nimport sys\nimport hbstan\nprint(sys.executable, hbstan.__file__)\n"
    )
    env = {**bare_env, "JUPYTER_PATH": str(tmp_path / "jupyter")}
    done = execute(path, tmp_path, env)
    assert done.code == 0, done.err
    assert done.outputs()[0]["text"].split() == [sys.executable, hb.__file__]
