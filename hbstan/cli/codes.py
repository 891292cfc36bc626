"""The command line's exit codes."""

from __future__ import annotations

__all__ = ["BAD_INPUT", "ENGINE_FAILED", "GATE_FAILED", "PASSED"]

PASSED = 0
GATE_FAILED = 1
BAD_INPUT = 2
ENGINE_FAILED = 3
