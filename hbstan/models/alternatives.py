"""The catalogue's alternatives to a normal population of groups."""

from __future__ import annotations

from hbstan.models import defaults
from hbstan.models.entry import ExactForm, Model, Parameter

__all__ = ["ALTERNATIVES"]

_GROUP = ("group",)
_THETA = Parameter("theta", "log-odds of each group", "log-odds", dims=_GROUP)
_P = Parameter("p", "event probability of each group", "probability", dims=_GROUP)
_MEAN_P = Parameter("p_pop_mean", "probability averaged over groups", "probability")
_MEDIAN_P = Parameter("p_pop_median", "probability of the median group", "probability")
_LOGIT = "y_j ~ binomial(n_j, inv_logit(theta_j))"
_NORMAL = "y_j ~ normal(theta_j, sigma_j)"
_BDA = "Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., chapter 5"
_RUBIN = "Rubin (1981), doi:10.3102/10769986006004377"

_BINOMIAL_POOLED = Model(
    "binomial_pooled",
    "Events in groups: one probability for all, complete pooling",
    "y_j ~ binomial(n_j, inv_logit(mu))",
    "binomial",
    (
        Parameter("mu", "log-odds of an event in every group", "log-odds", "location"),
        _THETA,
        _P,
        Parameter("p_pop_mean", "probability of an event", "probability"),
    ),
    defaults.binomial_pooled,
    "p",
    "binomial_pooled",
    _BDA,
    "complete",
    exact=ExactForm(
        "binomial_pooled",
        {"y": "y", "n": "n"},
        {"theta": "mu"},
        (("p", "mu", "inv_logit"), ("p_pop_mean", "mu", "inv_logit")),
    ),
)
_BINOMIAL_UNPOOLED = Model(
    "binomial_unpooled",
    "Events in groups: each group on its own, no pooling",
    f"{_LOGIT}; theta_j from its prior, independently",
    "binomial",
    (
        Parameter("theta", "log-odds of each group", "log-odds", "location", _GROUP),
        _P,
    ),
    defaults.binomial_unpooled,
    "p",
    "binomial_unpooled",
    _BDA,
    "none",
    exact=ExactForm("unpooled", {"y": "y", "n": "n"}),
)
_NORMAL_POOLED = Model(
    "normal_pooled",
    "Estimates with standard errors: one effect for all, complete pooling",
    "y_j ~ normal(mu, sigma_j)",
    "normal",
    (
        Parameter("mu", "effect in every group", "unit of y", "location"),
        Parameter("theta", "effect of each group", "unit of y", dims=_GROUP),
    ),
    defaults.normal_pooled,
    "theta",
    "normal_pooled",
    f"{_RUBIN}; {_BDA}",
    "complete",
    exact=ExactForm("normal", {"y": "y", "error": "sigma"}, {"theta": "mu"}),
)
_NORMAL_UNPOOLED = Model(
    "normal_unpooled",
    "Estimates with standard errors: each group on its own, no pooling",
    f"{_NORMAL}; theta_j from its prior, independently",
    "normal",
    (Parameter("theta", "effect of each group", "unit of y", "location", _GROUP),),
    defaults.normal_unpooled,
    "theta",
    "normal_unpooled",
    f"{_RUBIN}; {_BDA}",
    "none",
    exact=ExactForm("unpooled", {"y": "y", "error": "sigma"}),
)
_STUDENT_T = Model(
    "logit_student_t",
    "Events in groups: heavy-tailed effects on the log-odds, non-centered",
    f"{_LOGIT}; theta_j = mu + tau * z_j; z_j ~ student_t(nu, 0, 1)",
    "binomial",
    (
        Parameter("mu", "log-odds of the median group", "log-odds", "location"),
        Parameter("tau", "scale of the groups", "log-odds", "scale"),
        Parameter(
            "nu",
            "degrees of freedom: small for tails where groups stand out",
            "none",
            "concentration",
            minimum=1.0,
        ),
        Parameter("z", "standardised group effect", "tau", dims=_GROUP),
        _THETA,
        _P,
        _MEDIAN_P,
        _MEAN_P,
    ),
    defaults.logit_student_t,
    "p",
    "logit_student_t",
    "Juarez and Steel (2010), doi:10.1198/jbes.2009.07145; Lee and Thompson (2008), "
    "doi:10.1002/sim.2897",
)
_MIXTURE = Model(
    "logit_mixture",
    "Events in groups: two populations of log-odds",
    f"{_LOGIT}; theta_j ~ lambda * normal(mu_low + gap, tau) + (1 - lambda) * "
    "normal(mu_low, tau)",
    "binomial",
    (
        Parameter(
            "mu_low", "median log-odds, lower population", "log-odds", "location"
        ),
        Parameter("gap", "distance of the populations", "log-odds", "scale"),
        # Its prior has to vanish at 0, as those of concentrations do.
        Parameter("tau", "standard deviation within each", "log-odds", "concentration"),
        Parameter("lambda", "share of the upper one", "proportion", "probability"),
        Parameter("mu_high", "median log-odds, upper population", "log-odds"),
        Parameter("sd_all", "standard deviation of all groups", "log-odds"),
        Parameter("z", "standardised group effect", "sd of all groups", dims=_GROUP),
        _THETA,
        _P,
        Parameter(
            "p_upper", "probability of the upper population", "probability", dims=_GROUP
        ),
        Parameter("p_low", "probability, lower population's median", "probability"),
        Parameter("p_high", "probability, upper population's median", "probability"),
        _MEAN_P,
    ),
    defaults.logit_mixture,
    "p",
    "logit_mixture",
    "Fruehwirth-Schnatter (2006), Finite Mixture and Markov Switching Models, "
    "doi:10.1007/978-0-387-35768-3",
)

#: All of them, the simple ones first.
ALTERNATIVES = (
    _BINOMIAL_POOLED,
    _BINOMIAL_UNPOOLED,
    _NORMAL_POOLED,
    _NORMAL_UNPOOLED,
    _STUDENT_T,
    _MIXTURE,
)
