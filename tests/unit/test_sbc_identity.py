"""Digests: the same for the same code and values, in every process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hbstan.sbc.identity import digest


def scaled(factor: float) -> Callable[[float], float]:
    return lambda x: factor * x


def recursive(n: int) -> int:
    return 1 if n == 0 else n * recursive(n - 1)


class Stateful:
    def __init__(self, value: int) -> None:
        self.value = value

    def __call__(self) -> int:
        return self.value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, "1"),
        ([1, 2], [12]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        (np.arange(3), np.arange(3.0)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (scaled(2.0), scaled(3.0)),
        (lambda x: x + 1, lambda x: x - 1),
        (lambda x, k=1: x + k, lambda x, k=2: x + k),
        (Stateful(1), Stateful(2)),
        (np.sin, np.cos),
    ],
)
def test_different_things_have_different_digests(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({3, 1, 2}, {2, 3, 1}),
        (scaled(2.0), scaled(2.0)),
        (Stateful(1), Stateful(1)),
        (np.arange(3), np.arange(3)),
    ],
)
def test_equal_things_have_equal_digests(one: Any, other: Any) -> None:
    assert digest(one) == digest(other)


def test_a_function_that_calls_itself_has_a_digest() -> None:
    assert len(digest(recursive)) == 64


def test_the_digest_is_the_same_in_another_process(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import numpy as np
        from hbstan.sbc.identity import digest
        SCALE = 3.0
        def helper(x):
            return x * SCALE
        def generate(rng):
            mu = rng.normal()
            names = {"a", "b", "c"}
            return {"mu": helper(mu)}, {"y": [n for n in names]}
        if __name__ == "__main__":
            print(digest(generate), digest({"x": np.arange(4), "f": np.log}))
        """
    )
    (tmp_path / "gen.py").write_text(code)

    def run(seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "gen.py"],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert run("1") == run("2")
    before = run("1")
    (tmp_path / "gen.py").write_text(code.replace("SCALE = 3.0", "SCALE = 4.0"))
    assert run("1") != before  # a helper's constant counts as well
