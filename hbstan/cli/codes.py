"""The command line's exit codes."""

from __future__ import annotations

import signal

__all__ = ["BAD_INPUT", "ENGINE_FAILED", "GATE_FAILED", "INTERRUPTED", "PASSED"]

PASSED = 0
GATE_FAILED = 1
BAD_INPUT = 2
ENGINE_FAILED = 3
#: Ctrl-C ended the command, as shells have it.
INTERRUPTED = 128 + signal.SIGINT
