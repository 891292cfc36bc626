"""The command line: the composition root.

Exit codes: 0 all gates passed, 1 ran but a gate failed, 2 bad input or usage,
3 the engine failed. With ``--json`` standard output carries JSON alone, and
everything else goes to standard error.
"""

from __future__ import annotations

from hbstan.cli.app import app, main

__all__ = ["app", "main"]
