"""What a measurement was made on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["CORES", "machine"]

#: Cores that this process may use.
CORES = len(os.sched_getaffinity(0))


def machine() -> str:
    """Describe the machine in a line."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [x.split(":")[1].strip() for x in lines if x.startswith("model name")]
    cpu = names[0] if names else platform.processor()
    return f"{CORES} cores ({cpu}), Python {platform.python_version()}"
