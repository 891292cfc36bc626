"""What the tests share with each other: results, and what a change concerns."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from shared import Shared
from touched import ROOT, concerned


def test_what_is_shared_is_made_once_and_copied(tmp_path: Path) -> None:
    calls: list[str] = []

    def make(name: str, size: int) -> list[str]:
        calls.append(name)
        return [name] * size

    shared = Shared(tmp_path / "shared")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: shared(make, "a", size=2), range(8)))
    assert calls == ["a"]
    found[0].append("mine")
    assert found[1:] == [["a", "a"]] * 7
    assert shared(make, "a", size=1) == ["a"]
    assert shared(make, "b", size=2) == ["b", "b"]
    assert calls == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("touched", "found"),
    [
        ("tests/stan/test_repeat.py", True),
        ("hbstan/sbc/run.py", True),
        ("stan/models/logit_centered.stan", True),
        ("hbstan/fit.py", False),
        ("tests/stan/test_forms.py", False),
    ],
)
def test_a_change_concerns_the_file_and_the_paths_named(
    touched: str, found: bool
) -> None:
    test = ROOT / "tests" / "stan" / "test_repeat.py"
    assert concerned(test, ("hbstan/sbc", "stan"), ["README.md", touched]) is found


@pytest.mark.parametrize("sources", [(), ("hbstan/sbc", "hbstan/gone")])
def test_an_exhaustive_test_names_paths_that_are_there(sources: tuple[str]) -> None:
    with pytest.raises(ValueError, match="not there"):
        concerned(Path(__file__), sources, ["README.md"])
