"""Run the command line with ``python -m hbstan``."""

from __future__ import annotations

from hbstan.cli import main

main()
