"""The catalogue's forms that adapt to the data: partly centered, and marginal.

Parameters, priors and posteriors are those of their families; the sampler moves
otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hbstan.models.entry import Model, Parameter

__all__ = ["adaptive_forms"]

_XI = "partly centered effect"
_PARTLY = (
    "theta_j = mu + tau^(1 - v_j) * (xi_j - v_j * mu); "
    "xi_j ~ normal(v_j * mu, tau^v_j), v = w_centered"
)


def adaptive_forms(known: Mapping[str, Model]) -> tuple[Model, ...]:
    """Return the adaptive and marginal forms of the catalogue's families.

    Parameters
    ----------
    known : mapping of str to Model
        The catalogue's models that sample the effects themselves, by name.

    Returns
    -------
    tuple of Model
        ``logit_adaptive``, ``beta_binomial_marginal``, ``eight_schools_adaptive`` and
        ``eight_schools_marginal``.
    """
    logit, normal = known["logit_centered"], known["eight_schools_centered"]
    beta = known["beta_binomial"]
    return (
        _adaptive(logit, "logit_adaptive", "log-odds^w_centered"),
        replace(
            beta,
            name="beta_binomial_marginal",
            title=f"{beta.title}, integrated out",
            formula="y_j ~ beta_binomial(n_j, mu * kappa, (1 - mu) * kappa); "
            "p_j ~ beta(mu * kappa + y_j, (1 - mu) * kappa + n_j - y_j)",
        ),
        _adaptive(normal, "eight_schools_adaptive", "unit of y^w_centered"),
        replace(
            normal,
            name="eight_schools_marginal",
            title=normal.title.replace("centered", "integrated out"),
            formula="y_j ~ normal(mu, sqrt(tau^2 + sigma_j^2)); "
            "theta_j drawn given mu and tau",
        ),
    )


def _adaptive(centered: Model, name: str, unit: str) -> Model:
    """Return the partly centered form of a family from its centered one."""
    likelihood = centered.formula.split("; ")[0]
    xi = Parameter("xi", _XI, unit, dims=("group",))
    return replace(
        centered,
        name=name,
        title=centered.title.replace("centered", "centered as the data call for"),
        formula=f"{likelihood}; {_PARTLY}",
        parameters=(*centered.parameters, xi),
        weighted=True,
    )
