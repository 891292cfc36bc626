"""The catalogue's models of answers to items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models.entry import Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["RESPONSES", "irt_1pl", "irt_2pl"]

_ABILITY = "sd of ability"
_SLOPE = "log-odds per sd of ability"


def irt_1pl(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for items that differ in difficulty alone."""
    return {
        "mu_b": (
            pr.Normal(0.0, 1.0),
            "tests that most persons solve and tests that few solve",
        ),
        "sigma_b": (
            pr.Gamma(4.0, 4.0),
            "items differ about as much as persons do, and never not at all: at 0 the "
            "sampler could not move",
        ),
        "mu_a": (
            pr.Normal(0.0, 0.5),
            "one standard deviation of ability multiplies the odds of a correct "
            "answer by 1.7 to 6.7, with probability 0.8",
        ),
        "tau": (
            pr.HalfNormal(0.5),
            "countries differ less than persons within a country",
        ),
    }


def irt_2pl(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for items that differ in difficulty and discrimination."""
    common = irt_1pl(data)
    tau = common.pop("tau")
    slopes = (
        pr.HalfNormal(0.35),
        "items of which one discriminates twice as well as another are common, and "
        "four times rare",
    )
    return {**common, "sigma_a": slopes, "tau": tau}


_MU_B = Parameter("mu_b", "mean difficulty of the items", _ABILITY, "location")
_SIGMA_B = Parameter("sigma_b", "sd of the difficulties", _ABILITY, "concentration")
_TAU = Parameter("tau", "sd of the countries' mean abilities", _ABILITY, "scale")
_B = Parameter("b", "difficulty of each item", _ABILITY, dims=("item",))
_THETA = Parameter("theta", "ability of each person", _ABILITY, dims=("group",))
_MEANS = Parameter(
    "mu_country", "mean ability of each country", _ABILITY, dims=("country",)
)
_SCALED = (
    Parameter("b_scaled", "b times exp(mu_a)", "log-odds", dims=("item",)),
    Parameter("theta_scaled", "theta times exp(mu_a)", "log-odds", dims=("group",)),
)
_FREE = Parameter("z_country", "free coordinates of the countries' means", "tau")

_ONE_SLOPE = Model(
    "irt_1pl",
    "Answers to items: difficulties, one discrimination (Rasch)",
    "y_ji ~ bernoulli(inv_logit(a * (theta_j - b_i))); "
    "theta_j ~ normal(mu_country_c(j), 1); b_i ~ normal(mu_b, sigma_b); a = exp(mu_a)",
    "responses",
    (
        _MU_B,
        _SIGMA_B,
        Parameter("mu_a", "log discrimination of every item", "log", "location"),
        _TAU,
        _B,
        Parameter("a", "discrimination of every item", _SLOPE),
        _MEANS,
        _THETA,
        *_SCALED,
        _FREE,
    ),
    irt_1pl,
    "theta",
    "irt_1pl",
    "Rasch (1960), Probabilistic Models for Some Intelligence and Attainment Tests; "
    "Bock and Aitkin (1981), doi:10.1007/BF02293801",
    ranked=("mu_b", "sigma_b", "mu_a", "tau", "b", "mu_country"),
    example="pisa_like",
)
_MANY_SLOPES = Model(
    "irt_2pl",
    "Answers to items: difficulties and discriminations",
    "y_ji ~ bernoulli(inv_logit(a_i * (theta_j - b_i))); "
    "theta_j ~ normal(mu_country_c(j), 1); b_i ~ normal(mu_b, sigma_b); "
    "a_i = exp(mu_a + sigma_a * z_a_i)",
    "responses",
    (
        _MU_B,
        _SIGMA_B,
        Parameter("mu_a", "log discrimination of the median item", "log", "location"),
        Parameter("sigma_a", "sd of the log discriminations", "log", "scale"),
        _TAU,
        _B,
        Parameter("a", "discrimination of each item", _SLOPE, dims=("item",)),
        _MEANS,
        _THETA,
        *_SCALED,
        Parameter("z_a", "log discrimination, standardised", "sigma_a", dims=("item",)),
        _FREE,
    ),
    irt_2pl,
    "theta",
    "irt_2pl",
    "Birnbaum (1968), in Lord and Novick, Statistical Theories of Mental Test Scores; "
    "Bock and Aitkin (1981), doi:10.1007/BF02293801; Fox and Glas (2001), "
    "doi:10.1007/BF02294839",
    ranked=("mu_b", "sigma_b", "mu_a", "sigma_a", "tau", "b", "a", "mu_country"),
    example="pisa_like",
)

#: Both, the simpler one first.
RESPONSES = (_ONE_SLOPE, _MANY_SLOPES)
