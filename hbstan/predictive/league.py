"""The league table that a model of matches predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.predictive.arguments import check_probability, seed_or_fresh
from hbstan.predictive.summaries import tail_of
from hbstan.predictive.tables import records
from hbstan.refit import dataset_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.data import Matches
    from hbstan.fit import Fit

__all__ = ["LeagueTable", "league_table"]

_WIN, _DRAW = 3, 1


@dataclass(frozen=True)
class LeagueTable:
    """Points and places of the teams in simulated seasons.

    Parameters
    ----------
    model, data_name : str
    kept : bool
        Whether results of matches that were fitted stand, so that only the others
        are simulated.
    table : pandas.DataFrame
        Indexed by team, the most expected points first. ``points``, their mean, its
        ``sd``, and the equal-tailed interval's ``lower`` and ``upper``; ``scored``,
        ``conceded`` and ``place``, means; ``p_champion`` and ``p_last``,
        probabilities; ``observed``, the points of the matches that were fitted.
    places : pandas.DataFrame
        ``P(place = r)``: teams, in the same order, by places 1 to T. Rows and columns
        sum to 1.
    ci_prob : float
    """

    model: str
    data_name: str
    kept: bool
    table: pd.DataFrame
    places: pd.DataFrame
    ci_prob: float

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of teams."""
        return self.table.copy()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "kept": self.kept,
            "ci_prob": self.ci_prob,
            "teams": records(self.table),
            "places": self.places.to_numpy().tolist(),
        }

    def __repr__(self) -> str:
        first = self.table["p_champion"].idxmax()
        return (
            f"<LeagueTable of {len(self.table)} teams in {self.model} on "
            f"{self.data_name}: champion is {first} with probability "
            f"{self.table['p_champion'].max():.2f}>"
        )


def league_table(
    fit: Fit,
    seed: int | None = None,
    *,
    keep_results: bool = False,
    ci_prob: float = 0.94,
) -> LeagueTable:
    """Play the season again in every posterior draw and count points and places.

    A win is 3 points, a draw 1. Places go by points, goal difference, goals scored,
    and then by lot, which the seed decides. The model is that of Baio and Blangiardo
    (2010, doi:10.1080/02664760802684177).

    Parameters
    ----------
    fit : Fit
        Of ``football_poisson`` or a program like it, with ``y_rep``.
    seed : int, optional
        Of the lots, 0 to 4294967295; by default the fit's own.
    keep_results : bool
        Let the results of matches that the likelihood saw stand and simulate those
        held out: the rest of a season. Otherwise every match is simulated: another
        season of the same teams and fixtures.
    ci_prob : float
        Probability of the equal-tailed interval of points.

    Returns
    -------
    LeagueTable

    Raises
    ------
    FitError
        If the fit is not of matches, or has no replicates.
    SettingsError
        If the seed or ``ci_prob`` is illegal.
    """
    check_probability(ci_prob)
    seed = seed_or_fresh(int(fit.provenance["seed"]) if seed is None else seed)
    data = _matches(fit)
    goals = _goals(fit, data, keep_results)
    season = _season(goals, data)
    places = _places(season, seed)
    return _counted(fit, data, season, places, (keep_results, ci_prob))


def _matches(fit: Fit) -> Matches:
    from hbstan.data import Matches

    if fit.data_kind != Matches.kind:
        raise FitError(
            f"{fit.model} was not fitted to matches.",
            remedy='Fit hb.fit("football_poisson", hb.data.matches(...)).',
        )
    data = dataset_of(fit)
    if not isinstance(data, Matches):
        raise FitError(f"the data of {fit.model} are a {type(data).__name__}.")
    return data


def _goals(fit: Fit, data: Matches, keep: bool) -> NDArray[Any]:
    """Return goals by season, match and side."""
    import numpy as np

    if "posterior_predictive" not in fit.tree.children:
        raise FitError(
            f"the fit of {fit.model} has no replicated goals.",
            remedy="Fit again with predictive=True.",
        )
    replicated = fit.tree["posterior_predictive"]["y"]
    goals = replicated.transpose("chain", "draw", ...).values.reshape(-1, data.J, 2)
    if not keep:
        return np.asarray(goals)
    return np.asarray(np.where(_played(fit, data)[:, None], data.y, goals))


def _played(fit: Fit, data: Matches) -> NDArray[Any]:
    """Return which matches the likelihood saw; others may have no result yet."""
    import numpy as np

    held = set(fit.provenance.get("holdout", ()))
    return np.array([label not in held for label in data.labels])


def _season(
    goals: NDArray[Any], data: Matches, played: NDArray[Any] | None = None
) -> dict[str, NDArray[Any]]:
    """Return points, goals scored and goals conceded by season and team."""
    import numpy as np

    counts = np.ones(data.J) if played is None else played.astype(float)
    sides = tuple(
        np.eye(len(data.teams))[side - 1] * counts[:, None]
        for side in (data.home, data.away)
    )
    margin = np.sign(goals[..., 0] - goals[..., 1])
    drawn = _DRAW * (margin == 0)
    points = (drawn + _WIN * (margin > 0)) @ sides[0]
    points += (drawn + _WIN * (margin < 0)) @ sides[1]
    return {
        "points": points,
        "scored": goals[..., 0] @ sides[0] + goals[..., 1] @ sides[1],
        "conceded": goals[..., 1] @ sides[0] + goals[..., 0] @ sides[1],
    }


def _places(season: dict[str, NDArray[Any]], seed: int) -> NDArray[Any]:
    """Return places from 1 by season and team."""
    import numpy as np

    points, scored = season["points"], season["scored"]
    lots = np.random.default_rng(seed).random(points.shape)
    keys = (lots, scored, scored - season["conceded"], points)
    order = np.lexsort(keys, axis=-1)[..., ::-1]
    places = np.empty_like(order)
    ranks = np.broadcast_to(np.arange(1, points.shape[-1] + 1), order.shape)
    np.put_along_axis(places, order, ranks, axis=-1)
    return places


def _counted(
    fit: Fit,
    data: Matches,
    season: dict[str, NDArray[Any]],
    places: NDArray[Any],
    how: tuple[bool, float],
) -> LeagueTable:
    import numpy as np
    import pandas as pd

    kept, ci_prob = how
    season_so_far = _season(data.y[None], data, _played(fit, data))
    points, last = season["points"], places.shape[-1]
    tail = tail_of(ci_prob)
    index = pd.Index(data.teams, name="team")
    table = pd.DataFrame(
        {
            "points": points.mean(axis=0),
            "sd": points.std(axis=0, ddof=1),
            "lower": np.quantile(points, tail, axis=0, method="inverted_cdf"),
            "upper": np.quantile(points, 1.0 - tail, axis=0, method="inverted_cdf"),
            "scored": season["scored"].mean(axis=0),
            "conceded": season["conceded"].mean(axis=0),
            "place": places.mean(axis=0),
            "p_champion": (places == 1).mean(axis=0),
            "p_last": (places == last).mean(axis=0),
            "observed": season_so_far["points"][0].astype(int),
        },
        index=index,
    )
    table = table.sort_values(["points", "place"], ascending=[False, True])
    share = [(places == r).mean(axis=0) for r in range(1, last + 1)]
    columns = pd.Index(range(1, last + 1), name="place")
    matrix = pd.DataFrame(np.stack(share, axis=1), index=index, columns=columns)
    return LeagueTable(
        model=fit.model,
        data_name=data.name,
        kept=kept,
        table=table,
        places=matrix.loc[table.index],
        ci_prob=ci_prob,
    )
