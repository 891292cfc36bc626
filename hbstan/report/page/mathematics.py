"""The catalogue's models in mathematics, as MathML that browsers draw by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["LATEX", "header_comment", "latex_of", "mathml"]

_BINOMIAL = (
    r"y_j \mid \theta_j \sim \text{Binomial}\left(n_j, \text{logit}^{-1}(\theta_j)"
    r"\right), \quad j = 1, \dots, J"
)
_NORMAL = (
    r"y_j \mid \theta_j \sim \text{Normal}(\theta_j, \sigma_j), \quad j = 1, \dots, J"
)
_CENTERED = r"\theta_j \mid \mu, \tau \sim \text{Normal}(\mu, \tau)"
_NONCENTERED = r"\theta_j = \mu + \tau z_j, \quad z_j \sim \text{Normal}(0, 1)"
_PRIORS_MU_TAU = r"\mu \sim p(\mu), \quad \tau \sim p(\tau), \quad \tau > 0"
_RATE = r"p_j = \text{logit}^{-1}(\theta_j)"

#: Model to its lines of LaTeX; p(...) stands for a prior, which the data carry.
LATEX: Mapping[str, tuple[str, ...]] = {
    "logit_noncentered": (_BINOMIAL, _NONCENTERED, _PRIORS_MU_TAU, _RATE),
    "logit_centered": (_BINOMIAL, _CENTERED, _PRIORS_MU_TAU, _RATE),
    "beta_binomial": (
        r"y_j \mid p_j \sim \text{Binomial}(n_j, p_j), \quad j = 1, \dots, J",
        r"p_j \mid \mu, \kappa \sim \text{Beta}\left(\mu \kappa, (1 - \mu) \kappa"
        r"\right)",
        r"\mu \sim p(\mu), \quad \kappa \sim p(\kappa), \quad 0 < \mu < 1, \quad "
        r"\kappa > 0",
        r"\theta_j = \text{logit}(p_j)",
    ),
    "eight_schools_noncentered": (_NORMAL, _NONCENTERED, _PRIORS_MU_TAU),
    "eight_schools_centered": (_NORMAL, _CENTERED, _PRIORS_MU_TAU),
    "binomial_pooled": (
        r"y_j \mid \mu \sim \text{Binomial}\left(n_j, \text{logit}^{-1}(\mu)\right), "
        r"\quad j = 1, \dots, J",
        r"\mu \sim p(\mu)",
        r"\theta_1 = \dots = \theta_J = \mu, \quad " + _RATE,
    ),
    "binomial_unpooled": (
        _BINOMIAL,
        r"\theta_j \sim p(\theta) \text{ independently}",
        _RATE,
    ),
    "normal_pooled": (
        r"y_j \mid \mu \sim \text{Normal}(\mu, \sigma_j), \quad j = 1, \dots, J",
        r"\mu \sim p(\mu)",
        r"\theta_1 = \dots = \theta_J = \mu",
    ),
    "normal_unpooled": (
        _NORMAL,
        r"\theta_j \sim p(\theta) \text{ independently}",
        r"\sigma_j \text{ known}",
    ),
    "logit_student_t": (
        _BINOMIAL,
        r"\theta_j = \mu + \tau z_j, \quad z_j \mid \nu \sim \text{Student-}t_{\nu}"
        r"(0, 1)",
        _PRIORS_MU_TAU,
        r"\nu \sim p(\nu \mid \nu > 1)",
        _RATE,
    ),
    "logit_mixture": (
        _BINOMIAL,
        r"\theta_j \sim (1 - \lambda) \, \text{Normal}(\mu_{\text{low}}, \tau) + "
        r"\lambda \, \text{Normal}(\mu_{\text{low}} + \text{gap}, \tau)",
        r"\mu_{\text{low}} \sim p(\mu_{\text{low}}), \quad \text{gap} \sim "
        r"p(\text{gap}), \quad \text{gap} > 0",
        r"\tau \sim p(\tau), \quad \tau > 0",
        r"\lambda \sim p(\lambda), \quad 0 < \lambda < 1",
        _RATE,
    ),
}
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
