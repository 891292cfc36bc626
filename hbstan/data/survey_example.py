"""The bundled survey: simulated answers, unevenly sampled from a simulated census."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from hbstan.data.info import DatasetInfo
from hbstan.data.survey import SurveyCells
from hbstan.data.survey_reader import mrp
from hbstan.priors import HalfNormal, Normal

if TYPE_CHECKING:
    import numpy as np

__all__ = ["survey_data", "survey_info"]

_SEED = 20
_RESPONDENTS = 1000
_ALPHA, _BETA, _TAU = -0.3, 0.35, (0.35, 0.5, 0.7)
_AGES = ("18-29", "30-44", "45-64", "65+")
_EDUCATIONS = ("school", "college", "degree")
# Effects of a level are given, not drawn: the young and the educated are in favour,
# and they answer more often.
_AGE_EFFECT = (0.6, 0.2, -0.2, -0.6)
_EDUCATION_EFFECT = (-0.7, 0.0, 0.7)
_ANSWERS = ((1.0, 1.7, 2.8), (0.7, 1.2, 2.0), (0.5, 0.8, 1.3), (0.3, 0.5, 0.8))
# fmt: off
_STATES = (
    "Aldermark", "Birchland", "Carrow", "Dunmere", "Eastvale", "Fennick", "Garrow",
    "Hollin", "Inverley", "Jarrod", "Kestrel", "Lomond", "Merrow", "Northam", "Orwick",
    "Penhale", "Quarry", "Rushden", "Selwyn", "Tarrant",
)
# fmt: on


def survey_data() -> SurveyCells:
    """Return the bundled dataset ``mrp_survey``, without its name and priors."""
    return _simulated()[0]


@cache
def _simulated() -> tuple[SurveyCells, dict[str, Any]]:
    """Return the data and the truth behind them.

    RandomState's streams never change. Probabilities are rounded before they are
    drawn from, as the last digit of a logarithm is the machine's.
    """
    import numpy as np

    rng = np.random.RandomState(_SEED)
    people, urban, effect = _population(rng)
    standard = (urban - urban.mean()) / np.repeat(urban, 12).std(ddof=1)
    groups = (
        effect[:, None, None],
        _column(_AGE_EFFECT, 1),
        _column(_EDUCATION_EFFECT),
    )
    log_odds = _ALPHA + _BETA * standard[:, None, None] + sum(groups)
    p = np.round(1.0 / (1.0 + np.exp(-log_odds)), 6)
    answering = people * np.array(_ANSWERS)
    share = np.round(answering / answering.sum(), 6).ravel()
    share[-1] = 1.0 - share[:-1].sum()
    n = rng.multinomial(_RESPONDENTS, share)
    y = rng.binomial(n, p.ravel())
    total = people.sum(axis=(1, 2))
    truth = {
        "alpha": _ALPHA,
        "beta": (_BETA,),
        "p": tuple(p.ravel().tolist()),
        "p_area": tuple(((people * p).sum(axis=(1, 2)) / total).tolist()),
        "p_population": float((people * p).sum() / people.sum()),
    }
    return _table(people, urban, n, y), truth


def _population(rng: np.random.RandomState) -> tuple[Any, Any, Any]:
    """Return people (state, age, education), urban share and effect of the states."""
    import numpy as np

    size = np.round(200 * np.exp(0.8 * rng.normal(size=20)))
    urban = np.round(rng.uniform(35, 95, size=20))
    effect = np.round(_TAU[0] * rng.normal(size=20), 3)
    # Towns are younger and better educated, each to its own degree.
    town = (urban - 65) / 30
    ages = _shares(np.array([0.0, 0.2, 0.3, 0.0]), town + 0.3 * rng.normal(size=20))
    school = _shares(np.array([0.7, 0.4, 0.0]), -town + 0.4 * rng.normal(size=20))
    people = size[:, None, None] * ages[:, :, None] * school[:, None, :]
    return np.round(1000 * people), urban, effect


def _shares(base: Any, tilt: Any) -> Any:
    """Return shares of levels by state, tilted towards the first ones."""
    import numpy as np

    slope = np.linspace(0.5, -0.5, len(base))
    weight = np.exp(base + tilt[:, None] * slope)
    return weight / weight.sum(axis=1, keepdims=True)


def _column(values: tuple[float, ...], axes_after: int = 0) -> Any:
    import numpy as np

    return np.array(values).reshape(-1, *[1] * axes_after)


def _table(people: Any, urban: Any, n: Any, y: Any) -> SurveyCells:
    import numpy as np

    cells = [(s, a, e) for s in _STATES for a in _AGES for e in _EDUCATIONS]
    state, age, education = zip(*cells, strict=True)
    table = {"state": state, "age": age, "education": education}
    counts = {"respondents": n, "in_favour": y, "people": people.ravel()}
    return mrp(
        {**table, **counts, "urban": np.repeat(urban, 12)},
        factors=list(table),
        trials="respondents",
        events="in_favour",
        count="people",
        covariates=["urban"],
        by="state",
        name="mrp_survey",
    )


def survey_info() -> DatasetInfo:
    """Return what is known about ``mrp_survey``."""
    priors = {
        "alpha": Normal(0, 1.5),
        "beta": Normal(0, 1),
        "tau": HalfNormal(1),
    }
    return DatasetInfo(
        name="mrp_survey",
        title="A survey of 1000 people in 20 states, with a census (simulated)",
        kind="mrp",
        source="Simulated: log-odds additive in states, ages and educations.",
        doi=None,
        note=(
            "240 cells of 20 states, 4 ages and 3 educations; `urban` is the share of "
            "a state's people in towns, per cent. The young and the educated answer "
            "up to nine times as often as others and are more in favour: the sample's "
            "raw share is far too high. The truth is exact: probabilities by "
            "cell, by state (p_area) and of all (p_population)."
        ),
        priors=priors,
        default_model="mrp_logit",
        family_priors={"mrp_logit": priors},
        truth=_simulated()[1],
    )
