"""The catalogue's model of goals in matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models.entry import Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["FOOTBALL_POISSON"]


def _defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for logarithms of goals, around the mean of the away teams'."""
    import numpy as np

    goals = np.asarray(data.to_stan()["y"], dtype=float)
    # Half a goal more, so that a table without any has a logarithm.
    mean = (goals[:, 1].sum() + 0.5) / len(goals)
    return {
        "mu": (
            pr.Normal(round(float(np.log(mean)), 1), 0.5),
            "away teams' mean goals are within a factor e of those seen",
        ),
        "advantage": (
            pr.Normal(0.0, 0.5),
            "home teams score up to e times as often as away, or as seldom",
        ),
        "sd_attack": (
            pr.HalfNormal(0.5),
            "teams that score e times as often as the average are possible, but not "
            "expected",
        ),
        "sd_defence": (
            pr.HalfNormal(0.5),
            "teams that concede e times as often as the average are possible, but not "
            "expected",
        ),
    }


_TEAM = ("team",)

FOOTBALL_POISSON = Model(
    "football_poisson",
    "Goals in matches: attack, defence and home advantage, log-Poisson",
    "y_j1 ~ poisson(exp(mu + advantage + attack[home_j] - defence[away_j])); y_j2 ~ "
    "poisson(exp(mu + attack[away_j] - defence[home_j])); attack, defence normal, "
    "summing to zero",
    "matches",
    (
        Parameter("mu", "an average away team's goals", "log goals", "location"),
        Parameter("advantage", "what playing at home adds", "log goals", "location"),
        Parameter("sd_attack", "standard deviation of attack", "log goals", "scale"),
        Parameter("sd_defence", "standard deviation of defence", "log goals", "scale"),
        Parameter("attack", "what a team scores more", "log goals", dims=_TEAM),
        Parameter("defence", "what a team concedes less", "log goals", dims=_TEAM),
        Parameter("margin", "goals the home team wins by", "goals", dims=("group",)),
    ),
    _defaults,
    "margin",
    "football_poisson",
    "Maher (1982), doi:10.1111/j.1467-9574.1982.tb00782.x; Baio and Blangiardo (2010), "
    "doi:10.1080/02664760802684177",
    ranked=("mu", "advantage", "sd_attack", "sd_defence", "attack", "defence"),
    example="league",
)
