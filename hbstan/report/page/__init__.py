"""A workflow's report: one HTML file that needs nothing beside itself."""

from __future__ import annotations

from hbstan.report.page.render import render, write_report

__all__ = ["render", "write_report"]
