"""Matches between teams: who played whom, and the goals of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.data.checks import first_shared
from hbstan.data.faults import Faults, text_of
from hbstan.data.system import SystemData
from hbstan.data.tables import read_table
from hbstan.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Matches", "matches"]

#: With two teams attack and defence cannot be told apart.
_FEWEST_TEAMS = 3


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Matches(SystemData):
    """Goals in J matches between T teams; build one with :func:`matches`.

    See :class:`~hbstan.data.system.SystemData` for the attributes that are not listed.

    Attributes
    ----------
    home, away : ndarray of int64, shape (J,)
        The teams of each match, from 1 to T in the order of ``axes["team"]``.
    y : ndarray of int64, shape (J, 2)
        Goals of the home team and of the away team.

    Raises
    ------
    DataError
        If there are fewer than three teams, a team plays itself or never, goals are
        negative, or the teams fall into parts that never meet.
    """

    kind: ClassVar[str] = "matches"
    arrays: ClassVar[Mapping[str, str]] = {
        "home": "int64",
        "away": "int64",
        "y": "int64",
    }
    dims: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "home": ("group",),
        "away": ("group",),
        "games": ("team",),
    }
    named: ClassVar[tuple[str, ...]] = ("team",)
    outcome: ClassVar[str] = "count"
    unit: ClassVar[str] = "game"

    home: NDArray[np.int64]
    away: NDArray[np.int64]
    y: NDArray[np.int64]

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams' labels."""
        return tuple(self.axes["team"])

    def derived(self) -> dict[str, Any]:
        """Return ``T``, the number of teams, and ``games``, each team's matches."""
        return {"T": len(self.teams), "games": self._games()}

    def rows(self) -> NDArray[np.int64]:
        """Return the match of each element of ``y``, from 0, as ``y`` is flattened."""
        import numpy as np

        return np.repeat(np.arange(self.J), 2)

    def raw(self) -> NDArray[np.float64]:
        """Return the goals that the home team won by, negative where it lost."""
        return (self.y[:, 0] - self.y[:, 1]).astype(float)

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame, one row a match, that :func:`matches` reads.

        Returns
        -------
        pandas.DataFrame
            Columns ``home`` and ``away`` (labels), ``home_goals`` and ``away_goals``,
            under the original names.
        """
        import pandas as pd

        teams = self.teams
        data = {
            "home": [teams[t - 1] for t in self.home],
            "away": [teams[t - 1] for t in self.away],
            "home_goals": self.y[:, 0],
            "away_goals": self.y[:, 1],
        }
        return pd.DataFrame({self.columns.get(k, k): v for k, v in data.items()})

    def overview(self) -> list[tuple[str, Any]]:
        """Return figures that describe the data."""
        home, away = self.y.mean(axis=0)
        margin = self.raw()
        return [
            ("teams", len(self.teams)),
            ("matches", self.J),
            ("goals a match, home team", float(home)),
            ("goals a match, away team", float(away)),
            ("matches won by the home team", int((margin > 0).sum())),
            ("matches drawn", int((margin == 0).sum())),
            ("matches won by the away team", int((margin < 0).sum())),
        ]

    def _games(self) -> NDArray[np.int64]:
        import numpy as np

        played = np.concatenate([self.home, self.away])
        return np.bincount(played, minlength=len(self.teams) + 1)[1:].astype("int64")

    def _validate(self) -> None:
        self._check_teams()
        self._check_shapes()
        if (self.y < 0).any():
            bad = int((self.y < 0).any(axis=1).argmax())
            raise DataError(
                f"{self.name}: match {self.labels[bad]!r} has goals "
                f"{self.y[bad].tolist()}; legal: counts from 0."
            )
        self_play = self.home == self.away
        if self_play.any():
            bad = int(self_play.argmax())
            raise DataError(
                f"{self.name}: in match {self.labels[bad]!r} a team plays itself; "
                "legal: two teams.",
                remedy="Correct the row.",
            )
        idle = [t for t, n in zip(self.teams, self._games(), strict=True) if n == 0]
        if idle:
            raise DataError(
                f"{self.name}: {text_of(idle)} never play; legal: every team at least "
                "once.",
                remedy="Leave them out: nothing is known about them.",
            )
        self._check_connected()

    def _check_teams(self) -> None:
        teams = self.teams if "team" in self.axes else ()
        if len(teams) < _FEWEST_TEAMS:
            raise DataError(
                f"{self.name}: there are {len(teams)} teams; legal: at least "
                f"{_FEWEST_TEAMS}. With two, one's attack cannot be told from the "
                "other's defence."
            )
        if len(set(teams)) < len(teams):
            raise DataError(f"{self.name}: a team's label occurs twice.")

    def _check_shapes(self) -> None:
        count = (self.J,)
        self._require_shapes({"home": count, "away": count, "y": (self.J, 2)})
        for name in ("home", "away"):
            values = getattr(self, name)
            if ((values < 1) | (values > len(self.teams))).any():
                raise DataError(
                    f"{self.name}: {name} has values from {values.min()} to "
                    f"{values.max()}; legal: from 1 to {len(self.teams)}."
                )

    def _check_connected(self) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count, shape = len(self.teams), (len(self.teams),) * 2
        pairs = (self.home - 1, self.away - 1)
        meets = coo_array(([1] * self.J, pairs), shape=shape)
        parts, which = connected_components(meets, directed=False)
        if parts > 1:
            sizes = [(which == part).sum() for part in range(parts)]
            few = int(min(range(parts), key=lambda part: sizes[part]))
            names = [self.teams[t] for t in range(count) if which[t] == few]
            raise DataError(
                f"{self.name}: the teams fall into {parts} parts that never meet; "
                f"legal: one. {text_of(names)} meet none of the others, so nothing "
                "compares them.",
                remedy="Analyse each part by itself.",
            )

    def _summary(self) -> str:
        return f"{int(self.y.sum())} goals, {len(self.teams)} teams"


def matches(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    home: str,
    away: str,
    home_goals: str,
    away_goals: str,
    name: str | None = None,
) -> Matches:
    """Build a dataset of matches with the goals of both teams.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row a match; see :func:`hbstan.data.grouped_binomial`.
    home, away : str
        The columns of the teams' labels. Teams are ordered by label.
    home_goals, away_goals : str
        The columns of goals, counts. A match that is still to be played has no
        goals: give it those of a typical match, such as 1, and name it in ``holdout``
        when fitting. The likelihood does not see them, but the default prior of
        ``mu`` and posterior predictive checks look at all rows.
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.

    Returns
    -------
    Matches
        Each match's label is ``"<home> v <away>"``, with ``" (2)"`` and so on where
        the same match is played again.

    Raises
    ------
    DataError
        If the table cannot be read, a column is missing, a value is illegal, a team
        plays itself, or the teams fall into parts that never meet.

    Examples
    --------
    >>> import hbstan.data
    >>> table = {"h": ["A", "B", "C"], "a": ["B", "C", "A"], "x": [2, 0, 1]}
    >>> goals = {"home_goals": "x", "away_goals": "y"}
    >>> data = hbstan.data.matches(
    ...     {**table, "y": [1, 0, 3]}, home="h", away="a", **goals
    ... )
    >>> data.labels
    ('A v B', 'B v C', 'C v A')
    """
    columns = {
        "home": home,
        "away": away,
        "home_goals": home_goals,
        "away_goals": away_goals,
    }
    table = read_table(df)
    for role, column in columns.items():
        table.check_name(role, column)
    _distinct(table.origin.source, columns)
    faults = Faults(table)
    hosts, guests = faults.labels("home", home), faults.labels("away", away)
    goals = [faults.counts(k, columns[k]) for k in ("home_goals", "away_goals")]
    for row, (host, guest) in enumerate(zip(hosts, guests, strict=True)):
        if host is not None and host == guest:
            what = f"{guest!r} plays itself"
            faults.add(row, away, what, "another team", "Correct the row.")
    faults.settle()
    teams = tuple(sorted({*hosts, *guests}))
    number = {team: t for t, team in enumerate(teams, 1)}
    values: dict[str, Any] = {
        "home": [number[team] for team in hosts],
        "away": [number[team] for team in guests],
        "y": list(zip(*goals, strict=True)),
    }
    return Matches(
        labels=_match_labels(hosts, guests),
        axes={"team": teams},
        name=table.stem if name is None else name,
        source=table.source,
        columns=columns,
        **values,
    )


def _distinct(source: str, columns: Mapping[str, str]) -> None:
    shared = first_shared(columns.items())
    if shared is not None:
        column, first, second = shared
        raise DataError(
            f"{source}: column {column!r} is given for both {first} and {second}; "
            "legal: a column of its own for each."
        )


def _match_labels(hosts: list[str], guests: list[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    labels = []
    for host, guest in zip(hosts, guests, strict=True):
        label = f"{host} v {guest}"
        seen[label] = seen.get(label, 0) + 1
        labels.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return tuple(labels)
