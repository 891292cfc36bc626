"""The conjugate program's data and closed forms, shared by the conformance tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

PROGRAMS = Path(__file__).parent / "programs"
CONJUGATE = PROGRAMS / "conjugate.stan"
FAILING = PROGRAMS / "failing.stan"

#: Short runs: what is tested is the interface, not the sampler.
QUICK: dict[str, Any] = {
    "chains": 2,
    "seed": 20,
    "iter_warmup": 200,
    "iter_sampling": 100,
    "show_progress": False,
}


@dataclass(frozen=True)
class Conjugate:
    """Data of ``conjugate.stan``: 7 of 20 successes, five normal observations."""

    n: int = 20
    r: int = 7
    y: tuple[float, ...] = (1.2, 0.4, 2.1, 1.7, 0.9)

    @property
    def data(self) -> dict[str, Any]:
        """Return the data as Stan wants them."""
        return {"n": self.n, "r": self.r, "N": len(self.y), "y": list(self.y)}

    @property
    def theta(self) -> Any:
        """Return the posterior of theta, beta(2 + r, 3 + n - r)."""
        return stats.beta(2 + self.r, 3 + self.n - self.r)

    @property
    def mu(self) -> Any:
        """Return the posterior of mu, normal with precision N + 1/100."""
        precision = len(self.y) + 0.01
        return stats.norm(sum(self.y) / precision, precision**-0.5)

    def mode_theta(self, *, jacobian: bool) -> float:
        """Return where the density of theta, or of logit(theta), is highest."""
        a, b = 2 + self.r, 3 + self.n - self.r
        return a / (a + b) if jacobian else (a - 1) / (a + b - 2)


TRUTH = Conjugate()


def agrees(
    draws: np.ndarray, expected: float, *, size: float | None = None, width: float = 5
) -> bool:
    """Tell whether a mean of draws agrees with the truth within Monte Carlo error.

    The error is ``sd / sqrt(size)``; ``size`` is the effective number of draws, all
    of them unless stated.
    """
    error = np.std(draws, ddof=1) / np.sqrt(len(draws) if size is None else size)
    return bool(abs(np.mean(draws) - expected) < width * error)


def run(exe: str | Path, words: Sequence[str], cwd: Path) -> tuple[int, str]:
    """Run a compiled program directly; return its exit code and all its messages."""
    process = subprocess.run(
        [str(exe), *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return process.returncode, process.stdout


def copy_program(name: str, folder: Path) -> Path:
    """Copy a program, so that compiling it leaves the repository clean."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(PROGRAMS / name, folder))
