"""Which of the exhaustive tests a change concerns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def concerned(test: Path, sources: Sequence[str], touched: Sequence[str]) -> bool:
    """Tell whether a change concerns an exhaustive test.

    It does if it touches the test's own file, or a file whose path begins with one of
    those that ``pytest.mark.exhaustive("PATH", ...)`` names.
    """
    absent = [path for path in sources if not (ROOT / path).exists()]
    if absent or not sources:
        raise ValueError(f"{test.name} is exhaustive of what is not there: {absent}")
    own = test.relative_to(ROOT).as_posix()
    return any(path.startswith((own, *sources)) for path in touched)
