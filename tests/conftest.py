"""Fixtures that all tests share."""

from __future__ import annotations

import matplotlib
import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_windows() -> None:
    matplotlib.use("agg")
