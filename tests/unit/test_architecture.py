"""The rules of the architecture, read off the source text of every module.

Each rule is a pure function from source texts to a list of offences, and each is
also shown to find the offence in a small wrong text.
"""

from __future__ import annotations

import ast
import functools
import importlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "hbstan"

#: Lowest first. A module imports from lower tiers, its own package or its own tier;
#: TYPE_CHECKING imports and imports inside functions count as well.
TIERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("docless", "text", "files", "types", "results", "priors", "sealed", "storage"),
    ("data", "datasets", "models", "simulate"),
    ("includes", "program", "compile", "staging", "backends", "toolchain"),
    ("convert", "plan", "parameterization", "saved_fit", "provenance"),
    ("mixing",),
    ("diagnostics", "summaries"),
    ("fit", "exact"),
    (
        *("predictive", "refit", "loo", "compare", "sensitivity", "pooling", "sbc"),
        *("surrogate", "agreement"),
    ),
    ("assess", "pitfalls", "reported"),
    ("plots",),
    ("doctor",),
    ("report",),
    ("workflow",),
    ("cli", "__main__"),
)
#: Imports that the order forbids and that are accepted all the same.
ACCEPTED: Mapping[tuple[str, str], str] = {
    ("hbstan.provenance", "hbstan.__version__"): "a fit records the package's version",
    ("hbstan.sbc.run", "hbstan.__version__"): "a store is of one version",
    ("hbstan.cli.app", "hbstan.__version__"): "--version prints it",
    ("hbstan.workflow.request", "hbstan.__version__"): "a folder is of one version",
    ("hbstan.compile", "hbstan.backends"): (
        "compile() asks the chosen backend, which keeps its programs by compile's keys"
    ),
}
#: The public face: it hands out names of all tiers, lazily.
FACE = "hbstan"

ENGINES = frozenset({"cmdstanpy", "stanli"})
ENGINE_PARTS = frozenset({"backends", "toolchain"})
VOICES = frozenset({"report", "cli", "__main__"})
HEAVY = ENGINES | {
    *("numpy", "pandas", "scipy", "xarray", "matplotlib", "pyarrow", "h5py"),
    *("arviz", "arviz_base", "arviz_stats", "arviz_plots", "h5netcdf"),
    *("rich", "typer", "jinja2", "pymare", "sympy", "lark"),
}
#: What may be imported with the module all the same: the command line's own tools.
LIGHT_FOR: Mapping[str, frozenset[str]] = {
    "cli": frozenset({"typer", "rich"}),
    "report": frozenset({"rich", "jinja2"}),
    # Nothing loads it before an exact posterior is asked for.
    "exact": frozenset({"numpy", "scipy", "pandas"}),
}
#: Limits without docstrings, and for functions without signatures: neither the
#: documentation nor a command's list of options makes code too large.
MOST_MODULE_LINES = 350
MOST_BODY_LINES = 50

Sources = Mapping[str, str]


@dataclass(frozen=True)
class Import:
    """One import: dotted target, imported name if any, and where it stands."""

    module: str
    name: str
    line: int
    typing_only: bool
    at_import: bool


def read_sources(root: Path) -> dict[str, str]:
    """Dotted name to text, of every module of the package; packages end in "."."""
    out = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[-1] == "__init__":
            out[".".join(parts[:-1]) + "."] = path.read_text(encoding="utf-8")
        else:
            out[".".join(parts)] = path.read_text(encoding="utf-8")
    return out


def part(module: str) -> str:
    """The tier's word for a module: the first name below the package."""
    pieces = module.rstrip(".").split(".")
    return pieces[1] if len(pieces) > 1 else ""


@functools.cache
def parsed(text: str) -> ast.Module:
    """Parse a module; each is parsed once for all rules."""
    return ast.parse(text)


@functools.cache
def imports_of(module: str, text: str) -> tuple[Import, ...]:
    """Return the imports of a module in the order of its text."""
    found: list[Import] = []
    function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

    def visit(node: ast.AST, typing_only: bool, at_import: bool) -> None:
        found.extend(_imports_at(node, module, typing_only, at_import))
        inner = (typing_only, at_import and not isinstance(node, function))
        guarded: list[ast.stmt] = []
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            guarded = node.body
        for child in ast.iter_child_nodes(node):
            visit(child, *((True, False) if child in guarded else inner))

    visit(parsed(text), False, True)
    return tuple(found)


def _imports_at(
    node: ast.AST, module: str, typing_only: bool, at_import: bool
) -> Iterator[Import]:
    def found(target: str, name: str = "") -> Import:
        return Import(target, name, node.lineno, typing_only, at_import)

    if isinstance(node, ast.Import):
        for alias in node.names:
            yield found(alias.name)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            own = module.rstrip(".").split(".")
            up = node.level - module.endswith(".")
            base = ".".join([*own[: len(own) - up], *([base] if base else [])])
        for alias in node.names:
            yield found(base, alias.name)
    elif isinstance(node, ast.Call) and node.args:
        name, first = _last_name(node.func), node.args[0]
        if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
            yield found(str(first.value))


def edges(sources: Sources) -> Iterator[tuple[str, str, Import]]:
    """(module, imported module of the package, the import), names resolved."""
    known = {name.rstrip(".") for name in sources}
    for name, text in sources.items():
        for imported in imports_of(name, text):
            if imported.module.split(".")[0] != PACKAGE:
                continue
            full = f"{imported.module}.{imported.name}".rstrip(".")
            if full in known or imported.module == PACKAGE:
                target = full
            else:
                target = imported.module
            yield name.rstrip("."), target, imported


def _level(module: str) -> int | None:
    word = part(module)
    return next((i for i, tier in enumerate(TIERS) if word in tier), None)


def unplaced(sources: Sources) -> list[str]:
    """Modules that no tier names."""
    return [m for m in sources if m.rstrip(".") != FACE and _level(m) is None]


def upward_imports(sources: Sources) -> list[str]:
    """Imports that point to a higher tier, or to the public face."""
    out = []
    for module, target, imported in edges(sources):
        if module == FACE or (module, target) in ACCEPTED:
            continue
        own, other = _level(module), _level(target)
        if other is None or own is None or other > own:
            out.append(f"{module}:{imported.line} imports {target}")
    return out


def import_cycles(sources: Sources) -> list[str]:
    """Cycles of modules; what only a type checker sees does not count here."""
    graph: dict[str, set[str]] = {}
    for module, target, imported in edges(sources):
        skip = imported.typing_only or (module, target) in ACCEPTED
        if not skip and FACE not in (module, target) and module != target:
            graph.setdefault(module, set()).add(target)
    found: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for target in sorted(graph.get(module, ())):
                visit(target, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())
    return found


def engine_imports(sources: Sources) -> list[str]:
    """Imports of a Stan engine outside the parts that may talk to one."""
    return [
        f"{module}:{i.line} imports {i.module}"
        for module, text in sources.items()
        for i in imports_of(module, text)
        if i.module.split(".")[0] in ENGINES and part(module) not in ENGINE_PARTS
    ]


_SPEAKERS = ("print", "write")


def _last_name(called: ast.expr) -> str:
    return str(getattr(called, "attr", getattr(called, "id", "")))


def spoken_words(sources: Sources) -> list[str]:
    """Calls of print, writes to the terminal and imports of rich in mute modules."""
    out = []
    for module, text in sources.items():
        if part(module) in VOICES:
            continue
        out += [
            f"{module}:{i.line} imports {i.module}"
            for i in imports_of(module, text)
            if i.module.split(".")[0] == "rich"
        ]
        for node in ast.walk(parsed(text)):
            if isinstance(node, ast.Call) and _last_name(node.func) in _SPEAKERS:
                called = ast.unparse(node.func)
                if called in ("print", "sys.stdout.write", "sys.stderr.write"):
                    out.append(f"{module}:{node.lineno} calls {called}")
    return out


def missing_exports(sources: Sources) -> list[str]:
    """Public modules without ``__all__``, and names in it that nothing binds."""
    out = []
    for module, text in sources.items():
        if part(module) == "__main__":
            continue
        bound = set(_bound(parsed(text).body))
        exported = _exported(text)
        if exported is None:
            if not any(p.startswith("_") for p in module.split(".") if p):
                out.append(f"{module} has no __all__")
        elif "__getattr__" not in bound:
            out += [f"{module} lacks {n}" for n in exported if n not in bound]
    return out


def _exported(text: str) -> list[str] | None:
    for node in parsed(text).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if ast.unparse(target) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (a.asname or a.name.split(".")[0] for a in node.names)
        elif isinstance(node, ast.Assign):
            yield from (ast.unparse(target) for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target)
        elif isinstance(node, ast.Try):
            yield from _bound(node.body)


def oversized(sources: Sources) -> list[str]:
    """Modules and functions with more lines, docstrings aside, than the limits."""
    out = []
    for module, text in sources.items():
        tree = parsed(text)
        size = len(text.splitlines()) - sum(map(_docstring_lines, ast.walk(tree)))
        if size > MOST_MODULE_LINES:
            out.append(f"{module} has {size} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = _body_lines(node)
                if size > MOST_BODY_LINES:
                    out.append(f"{module}.{node.name} has {size} lines")
    return out


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first, last = node.body[0], node.body[-1]
    end = last.end_lineno or last.lineno
    return end - first.lineno + 1 - _docstring_lines(node)


def _docstring_lines(node: ast.AST) -> int:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    if not isinstance(node, documented) or ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def heavy_imports(sources: Sources) -> list[str]:
    """Imports of slow libraries that happen when a module is imported."""
    return [
        f"{module}:{i.line} imports {i.module}"
        for module, text in sources.items()
        for i in imports_of(module, text)
        if i.at_import
        and i.module.split(".")[0] in HEAVY - LIGHT_FOR.get(part(module), frozenset())
    ]


RULES = (
    unplaced,
    upward_imports,
    import_cycles,
    engine_imports,
    spoken_words,
    missing_exports,
    oversized,
    heavy_imports,
)
_ALL = "__all__ = []\n"
_TYPING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
_LAZY = "def f():\n    "
WRONG: tuple[tuple[str, dict[str, str], str], ...] = (
    ("unplaced", {"hbstan.misc": ""}, "hbstan.misc"),
    ("upward_imports", {"hbstan.errors": "import hbstan.fit"}, "hbstan.fit"),
    (
        "upward_imports",
        {"hbstan.types": "from hbstan import fit", "hbstan.fit": ""},
        "hbstan.types:1 imports hbstan.fit",
    ),
    (
        "upward_imports",
        {"hbstan.data.": _TYPING + "from hbstan.fit import Fit"},
        "hbstan.data:3 imports hbstan.fit",
    ),
    (
        "upward_imports",
        {"hbstan.convert": _LAZY + "from hbstan.cli import app"},
        "hbstan.convert:2 imports hbstan.cli",
    ),
    (
        "upward_imports",
        {"hbstan.data.load": "from ..plots import forest"},
        "hbstan.data.load:1 imports hbstan.plots",
    ),
    (
        "upward_imports",
        {"hbstan.data.": "from ..plots import forest"},
        "hbstan.data:1 imports hbstan.plots",
    ),
    (
        "upward_imports",
        {"hbstan.types": _LAZY + "import_module('hbstan.report')"},
        "hbstan.report",
    ),
    ("upward_imports", {"hbstan.types": "from hbstan import Fit"}, "hbstan.Fit"),
    (
        "import_cycles",
        {
            "hbstan.files": "from hbstan import types",
            "hbstan.types": _LAZY + "from hbstan.files import x",
        },
        "hbstan.files -> hbstan.types -> hbstan.files",
    ),
    ("engine_imports", {"hbstan.fit": _LAZY + "import cmdstanpy.utils"}, "cmdstanpy"),
    ("engine_imports", {"hbstan.cli.app": "from stanli import Model"}, "stanli"),
    ("spoken_words", {"hbstan.fit": "def f():\n    print('x')"}, "print"),
    ("spoken_words", {"hbstan.fit": _LAZY + "from rich.table import T"}, "rich"),
    ("spoken_words", {"hbstan.fit": "import sys\nsys.stderr.write('x')"}, "stderr"),
    ("missing_exports", {"hbstan.fit": "x = 1"}, "no __all__"),
    ("missing_exports", {"hbstan.fit": "__all__ = ['gone']"}, "lacks gone"),
    ("oversized", {"hbstan.fit": "x = 1\n" * 351}, "351 lines"),
    ("oversized", {"hbstan.fit": "def f():\n" + "    x = 1\n" * 51}, "f has 51 lines"),
    ("heavy_imports", {"hbstan.fit": "import numpy as np"}, "numpy"),
    ("heavy_imports", {"hbstan.fit": "class A:\n    import scipy.stats"}, "scipy"),
    ("heavy_imports", {"hbstan.fit": "try:\n    import rich\nexcept E: ..."}, "rich"),
    (
        "heavy_imports",
        {"hbstan.fit": "if TYPE_CHECKING:\n    x: int\nelse:\n    import pandas"},
        "pandas",
    ),
)
RIGHT: tuple[tuple[str, dict[str, str]], ...] = (
    ("upward_imports", {"hbstan.fit": "from hbstan import errors\n" + _ALL}),
    ("upward_imports", {"hbstan.data.load": "from hbstan.data import checks"}),
    (
        "import_cycles",
        {
            "hbstan.files": _TYPING + "from hbstan import types",
            "hbstan.types": "from hbstan import files",
        },
    ),
    ("engine_imports", {"hbstan.backends.stanli": _LAZY + "import stanli"}),
    ("spoken_words", {"hbstan.report.console": "from rich import x\nprint(1)"}),
    ("missing_exports", {"hbstan.fit": "__all__ = ['f']\ndef f(): ..."}),
    ("missing_exports", {"hbstan._hidden": "x = 1"}),
    ("missing_exports", {"hbstan.report.": "__all__: list[str] = []"}),
    ("oversized", {"hbstan.fit": '"""' + "words\n" * 400 + '"""\n'}),
    ("oversized", {"hbstan.fit": "def f(" + "\n" * 60 + "): ..."}),
    ("oversized", {"hbstan.fit": "def f():\n" + "    x = 1\n" * 50}),
    ("heavy_imports", {"hbstan.fit": _TYPING + "import numpy as np"}),
    ("heavy_imports", {"hbstan.fit": _LAZY + "import numpy as np"}),
    ("heavy_imports", {"hbstan.cli.app": "import typer"}),
)


def _rule(name: str):
    return next(rule for rule in RULES if rule.__name__ == name)


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    found = read_sources(ROOT)
    assert "hbstan.fit" in found
    assert "hbstan." in found
    assert len(found) > 30
    return found


def test_the_package_obeys(sources: dict[str, str]) -> None:
    """One test: reading the package takes longer than the rules do."""
    offences = {rule.__name__: rule(sources) for rule in RULES}
    assert {name: found for name, found in offences.items() if found} == {}
    made = {(module, target) for module, target, _ in edges(sources)}
    assert set(ACCEPTED) <= made, "what is accepted is not imported any more"


@pytest.mark.parametrize(("name", "wrong", "offence"), WRONG)
def test_the_rule_finds_an_offence(
    name: str, wrong: dict[str, str], offence: str
) -> None:
    found = _rule(name)(wrong)
    assert len(found) == 1
    assert offence in found[0]


@pytest.mark.parametrize(("name", "right"), RIGHT)
def test_the_rule_lets_legal_text_pass(name: str, right: dict[str, str]) -> None:
    assert _rule(name)(right) == []


def test_every_rule_has_a_wrong_text() -> None:
    assert {name for name, _, _ in WRONG} == {rule.__name__ for rule in RULES}


def test_exported_names_exist(sources: dict[str, str]) -> None:
    for name in sources:
        if part(name) == "__main__":
            continue
        module = importlib.import_module(name.rstrip("."))
        exported = getattr(module, "__all__", ())
        absent = [n for n in exported if not hasattr(module, n)]
        assert absent == [], name


def _loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*{{m.split('.')[0] for m in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_importing_the_package_is_light() -> None:
    loaded = _loaded_after("import hbstan")
    assert "hbstan" in loaded
    assert loaded & HEAVY == set()


def test_the_lightness_test_sees_a_heavy_import() -> None:
    assert "numpy" in _loaded_after("import numpy") & HEAVY


def repeated(paths: list[Path]) -> list[str]:
    """Names that several files have; pytest imports test files by name alone."""
    names = [path.name for path in paths if path.name != "conftest.py"]
    return sorted({name for name in names if names.count(name) > 1})


def test_test_files_have_names_of_their_own() -> None:
    assert repeated(sorted((ROOT / "tests").rglob("*.py"))) == []


def test_a_name_given_twice_is_found() -> None:
    assert repeated([Path("a/test_x.py"), Path("b/test_x.py"), Path("b/y.py")]) == [
        "test_x.py"
    ]
