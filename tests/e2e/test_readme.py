"""The README's and the docstrings' examples run, its commands exist."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from command import inside
from shared import Shared

import hbstan
from hbstan.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.M | re.S)


def blocks(kind: str) -> list[str]:
    """Return the bodies of the README's fenced blocks of a kind, in order."""
    return [m["body"] for m in FENCE.finditer(README) if m["kind"] == kind]


def console_lines(program: str) -> list[list[str]]:
    """Return the arguments of each console line that calls a program."""
    lines = "".join(blocks("console")).replace("\\\n", " ").splitlines()
    calls = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] for words in calls if words and words[0] == program]


def parse(args: list[str]) -> None:
    """Parse a command line as the command does, without running anything."""
    name, *rest = args
    # ``[NAME]`` and such stand for an argument.
    typer.main.get_command(app).commands[name].make_context(name, rest)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _fits_of_names_are_shared(monkeypatch: pytest.MonkeyPatch, shared: Shared) -> None:
    """Let the first example that asks for a fit make it, for the others as well."""
    genuine = hbstan.fit

    def fit(*args: Any, **given: Any) -> Any:
        named = all(isinstance(value, str | int) for value in (*args, *given.values()))
        make: Any = shared if named else lambda make, *a, **g: make(*a, **g)
        return make(genuine, *args, **given)

    monkeypatch.setattr(hbstan, "fit", fit)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda b: b.split("\n")[0])
def test_python_block_runs(
    block: str, tmp_path: Path, bare_env: dict[str, str]
) -> None:
    # What is shown is that it runs; few simulations show it as well.
    program = compile(block.replace("n_sims=300", "n_sims=12"), "README.md", "exec")
    with inside(tmp_path, bare_env) as said:
        exec(program, {"__name__": "__main__"})
        _, err = said()
    assert not err
    for name in re.findall(r'(?:save|savefig)\("([^"]+)"\)', block):
        assert (tmp_path / name).stat().st_size > 1000


def test_there_are_blocks_to_run() -> None:
    assert blocks("python")
    assert len(console_lines("hbstan")) >= 5


@pytest.mark.parametrize("args", console_lines("hbstan"), ids=" ".join)
def test_console_line_parses(args: list[str]) -> None:
    parse(args)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fit logit_noncentered surgical --nope", "No such option"),
        ("fit logit_noncentered", "Missing argument"),
        ("fit logit_noncentered surgical --chains many", "--chains"),
        ("nope", "nope"),
    ],
)
def test_wrong_lines_do_not_parse(line: str, words: str) -> None:
    with pytest.raises(Exception) as caught:
        parse(line.split())
    error = caught.value
    assert words in getattr(error, "format_message", error.__str__)()


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {args[0] for args in console_lines("make")}
    named |= set(re.findall(r"`make ([a-z]+)", README))
    assert {"demo", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_models_in_the_readme_are_those_of_the_catalogue() -> None:
    table = README.partition("## Models")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\|(.*?)\|", table, re.M))
    found = {name for cell in named for name in re.findall(r"`(\w+)`", cell)}
    assert found == set(hbstan.models.names())


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def documented() -> list[doctest.DocTest]:
    """Return the docstrings with examples of all modules."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = [m.name for m in pkgutil.walk_packages(hbstan.__path__, "hbstan.")]
    modules = [importlib.import_module(n) for n in names if not n.endswith("__main__")]
    found = [test for m in (hbstan, *modules) for test in finder.find(m)]
    return [test for test in found if test.examples]


@pytest.mark.parametrize("example", documented(), ids=lambda test: test.name)
def test_docstring_examples(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
    assert result.attempted > 0
    assert result.failed == 0


def test_a_wrong_docstring_fails() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(wrong).failed == 1
