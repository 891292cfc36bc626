"""The bundled league: a simulated season of 14 teams."""

from __future__ import annotations

from functools import cache
from typing import Any

from hbstan.data.goals import Matches, matches
from hbstan.data.info import DatasetInfo
from hbstan.priors import HalfNormal, Normal

__all__ = ["league_data", "league_info"]

_SEED = 14
_MU, _ADVANTAGE, _SD_ATTACK, _SD_DEFENCE = 0.1, 0.3, 0.3, 0.25
_TEAMS = (
    *("Ashby", "Bramley", "Corfe", "Denton", "Elmet", "Farnley", "Gorton"),
    *("Harrow", "Ilkley", "Jesmond", "Kelham", "Louth", "Malton", "Norwood"),
)


def league_data() -> Matches:
    """Return the bundled dataset ``league``, without its name and priors."""
    return _simulated()[0]


@cache
def _simulated() -> tuple[Matches, dict[str, Any]]:
    """Return the season and the truth behind it; RandomState's streams never change."""
    import numpy as np

    rng = np.random.RandomState(_SEED)
    attack = _effects(rng, _SD_ATTACK)
    defence = _effects(rng, _SD_DEFENCE)
    pairs = [(h, a) for h in range(14) for a in range(14) if h != a]
    home, away = (np.array(side) for side in zip(*pairs, strict=True))
    # Rounded, as the last digit of an exponential is the machine's.
    at_home = np.round(np.exp(_MU + _ADVANTAGE + attack[home] - defence[away]), 6)
    as_guests = np.round(np.exp(_MU + attack[away] - defence[home]), 6)
    table = {
        "home": [_TEAMS[t] for t in home],
        "away": [_TEAMS[t] for t in away],
        "home_goals": rng.poisson(at_home),
        "away_goals": rng.poisson(as_guests),
    }
    columns = {role: role for role in table}
    truth: dict[str, Any] = {
        "mu": _MU,
        "advantage": _ADVANTAGE,
        "attack": tuple(attack.tolist()),
        "defence": tuple(defence.tolist()),
    }
    return matches(table, **columns, name="league"), truth


def _effects(rng: Any, sd: float) -> Any:
    """Draw effects that sum to zero and have exactly that standard deviation."""
    import numpy as np

    drawn = rng.normal(size=14)
    drawn = drawn - drawn.mean()
    effects = np.round(drawn * sd / drawn.std(ddof=1), 6)
    effects[-1] = np.round(-effects[:-1].sum(), 6)
    return effects


def league_info() -> DatasetInfo:
    """Return what is known about ``league``."""
    priors = {
        "mu": Normal(0, 0.5),
        "advantage": Normal(0, 0.5),
        "sd_attack": HalfNormal(0.5),
        "sd_defence": HalfNormal(0.5),
    }
    return DatasetInfo(
        name="league",
        title="Goals of a season of 14 teams, home and away (simulated)",
        kind="matches",
        source="Simulated: Poisson goals given attack, defence and home advantage.",
        doi=None,
        note=(
            "182 matches. Attack and defence sum to zero over the teams and are on "
            "the log scale: a team with attack 0.3 scores 1.35 times as often as the "
            "average one. Priors: an average team scores 0.37 to 2.7 goals away from "
            "home, and what is at home more or less of them is within a factor e."
        ),
        priors=priors,
        default_model="football_poisson",
        family_priors={"football_poisson": priors},
        truth=_simulated()[1],
    )
