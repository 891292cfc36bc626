"""The catalogue's models in mathematics, as MathML that browsers draw by themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hbstan.report.page.latex import LATEX

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["header_comment", "latex_of", "mathml"]

#: latex2mathml writes relations that it does not know as names, without space.
_TILDE = re.compile(r"<mi>(?:&#x0007E;|~)</mi>")
_COMMENT = re.compile(r"\s*/\*(.*?)\*/", re.DOTALL)


def latex_of(like: str, source: str | None) -> tuple[str, ...]:
    """Return a model's lines of LaTeX, or none for a program of the user's own.

    A program that was edited is no longer the catalogue's, and what the catalogue
    says of it might be wrong.

    Parameters
    ----------
    like : str
        Name of the catalogue's model that it is said to be; may be empty.
    source : str or None
        The program's text.
    """
    from hbstan import models

    if like not in LATEX or source is None:
        return ()
    own = models.get(like).program.file.read_text(encoding="utf-8")
    return LATEX[like] if own == source else ()


def mathml(latex: str) -> Markup:
    """Return a line of LaTeX as a MathML element, set as a display.

    Parameters
    ----------
    latex : str
    """
    from latex2mathml.converter import convert
    from markupsafe import Markup

    return Markup(_TILDE.sub("<mo>&#x0223C;</mo>", convert(latex, display="block")))


def header_comment(source: str) -> str:
    """Return the comment that a Stan program begins with, or nothing.

    Parameters
    ----------
    source : str
        The program's text.
    """
    found = _COMMENT.match(source)
    if found is None:
        return ""
    lines = [re.sub(r"^\s?\*? ?", "", line) for line in found[1].splitlines()]
    return "\n".join(line.rstrip() for line in lines).strip("\n")
