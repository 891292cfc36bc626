"""One finished workflow: made by the command, for all workers, and copied by tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Few simulations, whose number alone is then no reason to stop.
QUICK: dict[str, dict[str, Any]] = {
    "calibration": {
        "n_sims": 20,
        "pilot": 0,
        "iter_warmup": 300,
        "iter_sampling": 300,
        "retry_iter_sampling": 0,
        "gates": ["failures", "uniformity"],
    },
    "fit": {"retry_parameterization": False},
    "sensitivity": {"max_left_out": 2},
}
#: The same as a file of criteria.
TOML = "\n".join(
    f"[{stage}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items())
    for stage, values in QUICK.items()
)
RUN = ("workflow", "surgical", "--model", "logit_noncentered", "--backend", "stanli")
RUN += ("--seed", "1", "--criteria", "criteria.toml")
#: Variables of the caller that would change what the command finds or prints.
FOREIGN = ("CMDSTAN", "COLUMNS", "HBSTAN_CACHE", "FORCE_COLOR", "NO_COLOR")


@dataclass(frozen=True)
class Finished:
    """The folder of a workflow that ran in a process of its own; not to be changed."""

    folder: Path
    seconds: float
    out: str
    err: str


def finished(root: str) -> Finished:
    """Lead the surgical data to a verdict by the command, in the folder ``root``."""
    home = Path(root)
    home.mkdir()
    (home / "criteria.toml").write_text(TOML, encoding="utf-8")
    env = {k: v for k, v in os.environ.items() if k not in FOREIGN}
    env |= {"HBSTAN_CACHE": str(home / "cache"), "PYTHONIOENCODING": "utf-8"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "hbstan", *RUN, "--out", "whole"],
        cwd=home,
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done
    seconds = time.monotonic() - began
    return Finished(home / "whole", seconds, done.stdout, done.stderr)
