"""From a verdict, its figures and programs to one HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import StoreError
from hbstan.files import write_bytes
from hbstan.report.page import view
from hbstan.report.page.cells import breakable, duration, figure, prose
from hbstan.report.page.mathematics import mathml
from hbstan.sealed import read_document

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["SCHEMA", "render", "write_report"]

SCHEMA = "hbstan.verdict/1"
_TEMPLATES = Path(__file__).parent / "templates"
_AGAIN = "Run the workflow again in the same folder: finished stages are not repeated."


def render(
    verdict: Mapping[str, Any],
    figures: Mapping[str, bytes],
    programs: Mapping[str, str],
) -> str:
    """Return a workflow's report as one self-contained HTML page.

    Nothing is computed: every number shown is in the verdict, with fewer digits and
    the exact value beside it. The page loads nothing, and its own policy forbids it to.

    Parameters
    ----------
    verdict : mapping
        The content of ``verdict.json``.
    figures : mapping of str to bytes
        SVG files by the names that the verdict's pictures give.
    programs : mapping of str to str
        Stan programs by the models' names.

    Returns
    -------
    str

    Raises
    ------
    StoreError
        If the verdict is of another format or not whole, or a figure is missing.
    """
    from jinja2 import UndefinedError

    if verdict.get("schema") != SCHEMA:
        raise StoreError(
            f"the verdict has schema {verdict.get('schema')!r}, but this hbstan shows "
            f"{SCHEMA!r}.",
            remedy="Use the hbstan that wrote it, or run the workflow again.",
        )
    style, script = _text("style.css"), _text("page.js")
    pictures = view.images(figures)
    try:
        return (
            _environment(pictures)
            .get_template("page.html.j2")
            .render(
                v=verdict,
                sections=view.sections(verdict),
                overview=view.overview(verdict),
                models=view.model_views(verdict, programs),
                criteria=view.criteria_rows(verdict),
                style=style,
                script=script,
                policy=_policy(style, script),
            )
        )
    except (KeyError, UndefinedError) as err:
        raise StoreError(
            f"the verdict is not whole: {err} is missing.", remedy=_AGAIN
        ) from err


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a workflow's folder and return its path.

    Parameters
    ----------
    folder : pathlib.Path
        With ``verdict.json``, ``figures/*.svg`` and ``models/*.stan``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    StoreError
        If the verdict is missing or damaged, or a figure is missing.
    OSError
        If the report cannot be written; an older one is then left as it was.
    """
    verdict = _read_verdict(folder / "verdict.json")
    figures = {
        f"figures/{file.name}": file.read_bytes()
        for file in sorted((folder / "figures").glob("*.svg"))
    }
    programs = {
        file.stem: file.read_text(encoding="utf-8-sig", errors="replace")
        for file in sorted((folder / "models").glob("*.stan"))
    }
    page = folder / "report.html"
    write_bytes(page, render(verdict, figures, programs).encode("utf-8", "replace"))
    return page


def _read_verdict(file: Path) -> dict[str, Any]:
    verdict = read_document(file, _AGAIN)
    if verdict is None:
        raise StoreError(f"there is no verdict at {str(file)!r}.", remedy=_AGAIN)
    return verdict


def _environment(pictures: Mapping[str, view.Image]) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        figure=figure,
        duration=duration,
        prose=prose,
        mathml=mathml,
        breakable=breakable,
        columns=view.table_columns,
        listed=view.listed,
        words=lambda text: str(text).replace("_", " "),
    )
    environment.globals["image"] = partial(_image, pictures)
    return environment


def _image(pictures: Mapping[str, view.Image], file: str) -> view.Image:
    if file not in pictures:
        raise StoreError(
            f"the figure {file!r} is missing; there are {len(pictures)} others.",
            remedy=_AGAIN,
        )
    return pictures[file]


def _text(name: str) -> Any:
    """Return one of the page's own files, to be written as it is."""
    from markupsafe import Markup

    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that allows this style and script alone."""
    hashes = (
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for text in (style, script)
    )
    own_style, own_script = (f"'sha256-{text}'" for text in hashes)
    return (
        f"default-src 'none'; img-src data:; style-src {own_style}; "
        f"script-src {own_script}; base-uri 'none'; form-action 'none'"
    )
