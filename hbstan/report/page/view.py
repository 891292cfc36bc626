"""What the page's template is given: the verdict's parts, in the page's order."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hbstan.errors import StoreError
from hbstan.report.page.cells import Column, columns_of
from hbstan.report.page.mathematics import header_comment, latex_of

__all__ = ["Image", "criteria_rows", "images", "model_views", "overview", "sections"]

_PIXELS_PER_POINT = 96 / 72


@dataclass(frozen=True)
class Image:
    """A figure as the page holds it.

    Parameters
    ----------
    uri : str
        The whole figure as a data URI.
    width, height : int or None
        In CSS pixels, where the figure tells.
    """

    uri: str
    width: int | None
    height: int | None


def images(figures: Mapping[str, bytes]) -> dict[str, Image]:
    """Return figures as data URIs.

    As images of their own they share no identifiers with each other or the page, and
    cannot run scripts.

    Parameters
    ----------
    figures : mapping of str to bytes
        Name to SVG.
    """
    out = {}
    for name, svg in figures.items():
        text = base64.b64encode(svg).decode("ascii")
        width, height = (_length(svg, side) for side in (b"width", b"height"))
        out[name] = Image(f"data:image/svg+xml;base64,{text}", width, height)
    return out


def _length(svg: bytes, side: bytes) -> int | None:
    """Return the figure's width or height in pixels."""
    start = svg.find(b"<svg")
    tag = svg[start : svg.find(b">", start)] if start >= 0 else b""
    found = re.search(rb'\s%s="([\d.]+)(pt|px)?"' % side, tag)
    if found is None:
        return None
    return round(float(found[1]) * (_PIXELS_PER_POINT if found[2] == b"pt" else 1))


def sections(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the stages in order, with all models' results of one stage together.

    Parameters
    ----------
    verdict : mapping
        See :func:`hbstan.report.page.render`.
    """
    out: dict[str, dict[str, Any]] = {}
    for record in verdict["stages"]:
        section = out.setdefault(
            record["stage"],
            {
                "anchor": f"stage-{record['stage']}",
                "number": record["number"],
                "title": record["title"],
                "results": [],
            },
        )
        anchor = f"{section['anchor']}-{len(section['results']) + 1}"
        section["results"].append({**record, "anchor": anchor})
    # Sorting is stable: stages of one number stay in the order they were run.
    return sorted(out.values(), key=lambda section: section["number"])


def overview(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row a stage with the outcome of each model.

    Parameters
    ----------
    verdict : mapping

    Returns
    -------
    list of dict
        ``section``; ``shared``, the result that concerns all models, or None; and
        ``cells``, one result a model, None where the model did not come so far.
    """
    names = [model["name"] for model in verdict["models"]]
    rows = []
    for section in sections(verdict):
        by_model = {result["model"]: result for result in section["results"]}
        rows.append(
            {
                "section": section,
                "shared": by_model.get(None),
                "cells": [by_model.get(name) for name in names],
            }
        )
    return rows


def table_columns(table: Mapping[str, Any]) -> list[Column]:
    """Return a recorded table's columns.

    Raises
    ------
    StoreError
        If a row has more or fewer cells than there are columns.
    """
    width = len(table["columns"])
    for place, row in enumerate(table["rows"]):
        if len(row) != width:
            raise StoreError(
                f"row {place} of the table {table['name']!r} has {len(row)} cells, "
                f"but the table has {width} columns.",
                remedy="Repeat the stage that the table belongs to.",
            )
    return columns_of(table["columns"], table["rows"])


def model_views(
    verdict: Mapping[str, Any], programs: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the models with their mathematics and programs.

    Parameters
    ----------
    verdict : mapping
    programs : mapping of str to str
        Model to Stan program; without one the page says so.
    """
    out = []
    for place, model in enumerate(verdict["models"], 1):
        source = programs.get(model["name"])
        given = model.get("latex") or ()
        latex = tuple(given) or latex_of(model.get("like", model["name"]), source)
        out.append(
            {
                **model,
                "anchor": f"model-{place}",
                "latex": latex,
                "source": source,
                "comment": "" if latex or source is None else header_comment(source),
                "retries": [_retry(one) for one in model["retries"]],
            }
        )
    return out


def _retry(record: Mapping[str, str]) -> str:
    """Return a second attempt in words."""
    why = f", because {record['why']}" if record.get("why") else ""
    return f"{record['stage']}: {record['what']}{why}"


def criteria_rows(verdict: Mapping[str, Any]) -> list[tuple[str, str, Any, str]]:
    """Return stage, criterion, value and what was changed about it, if anything.

    Parameters
    ----------
    verdict : mapping
    """
    changed: dict[str, list[Mapping[str, Any]]] = {}
    for one in verdict["criteria_changes"]:
        changed.setdefault(one["criterion"], []).append(one)
    rows = []
    for stage, rules in verdict["criteria"].items():
        for name, value in rules.items():
            ours = changed.get(f"{stage}.{name}", ())
            rows.append((stage, name, value, "; ".join(map(_change, ours))))
    return rows


def _change(one: Mapping[str, Any]) -> str:
    when = {
        "before": "before the first fit",
        "after": "after results had been seen",
    }[one["when"]]
    return f"changed from {listed(one['from'])} {when}"


def listed(value: Any) -> str:
    """Return a criterion's value as text; lists with commas."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)
