"""Shares of a population from the cells of a survey, by any factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError, SettingsError
from hbstan.predictive.arguments import check_probability
from hbstan.predictive.summaries import summarise
from hbstan.predictive.tables import records
from hbstan.refit import dataset_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.data import SurveyCells
    from hbstan.fit import Fit

__all__ = ["Poststratified", "poststratify"]


@dataclass(frozen=True)
class Poststratified:
    """Shares with the event in parts of a population.

    Parameters
    ----------
    model, data_name : str
    by : tuple of str
        The factors whose levels make up a part; empty for the whole population.
    table : pandas.DataFrame
        Indexed by part. ``mean``, ``sd``, ``lower`` and ``upper`` describe the
        posterior of the share, a probability, and ``mcse`` is the Monte Carlo error
        of the mean; ``people`` (census), ``respondents``, ``events`` and ``raw``, the
        respondents' own share; ``unadjusted``, the posterior mean with the cells
        weighted as they responded. The last two are NaN without respondents.
    ci_prob : float
        Probability of the equal-tailed interval.
    """

    model: str
    data_name: str
    by: tuple[str, ...]
    table: pd.DataFrame
    ci_prob: float

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "by": list(self.by),
            "ci_prob": self.ci_prob,
            "parts": records(self.table),
        }

    def __repr__(self) -> str:
        parts = " by ".join(["shares", ", ".join(self.by)]) if self.by else "the share"
        low, high = self.table["mean"].min(), self.table["mean"].max()
        return (
            f"<Poststratified: {parts} in {self.model} on {self.data_name}: "
            f"{low:.3f} to {high:.3f}>"
        )


def poststratify(
    fit: Fit, *, by: str | Sequence[str] | None = None, ci_prob: float = 0.94
) -> Poststratified:
    r"""Average the cells' probabilities over the census, in each part of it.

    In every draw the share of part S is
    :math:`\sum_{j \in S} N_j p_j / \sum_{j \in S} N_j` with people N from the census.

    Parameters
    ----------
    fit : Fit
        Of a model for survey and census, such as ``mrp_logit``.
    by : str or sequence of str, optional
        One factor or several, whose combinations of levels are the parts. By default
        the whole population is the one part.
    ci_prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    Poststratified
        Parts without people are left out.

    Raises
    ------
    FitError
        If the fit is not of such a model.
    SettingsError
        If ``by`` names no factor, or ``ci_prob`` is no probability.

    References
    ----------
    Gelman and Little (1997), Survey Methodology 23, 127-135.
    """
    check_probability(ci_prob)
    data = _survey(fit)
    factors = _factors(data, by)
    labels, part = _parts(data, factors)
    table = _table(fit.posterior["p"], data, part, labels, ci_prob)
    table.index.name = ", ".join(factors) or "part"
    return Poststratified(fit.model, data.name, factors, table, ci_prob)


def _survey(fit: Fit) -> SurveyCells:
    from hbstan.data import SurveyCells

    kind = fit.data_kind
    if kind != SurveyCells.kind or "p" not in fit.posterior:
        raise FitError(
            f"{fit.model} was not fitted to a survey with a census, or keeps no "
            "probabilities p of its cells.",
            remedy='Fit hb.fit("mrp_logit", hb.data.mrp(...)).',
        )
    data = dataset_of(fit)
    if not isinstance(data, SurveyCells):
        raise FitError(f"the data of {fit.model} are a {type(data).__name__}.")
    return data


def _factors(data: SurveyCells, by: str | Sequence[str] | None) -> tuple[str, ...]:
    names = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    for name in names:
        if name not in data.factors or names.count(name) > 1:
            raise SettingsError(
                f"by has {name!r}; legal: each once of "
                f"{', '.join(map(repr, data.factors))}."
            )
    return names


def _parts(
    data: SurveyCells, factors: tuple[str, ...]
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the parts' labels, and each cell's part as a position among them."""
    import numpy as np

    if not factors:
        return ["population"], np.zeros(data.J, dtype=np.int64)
    levels = {name: data.levels(name) for name in factors}
    own = np.stack([data.cells(name) for name in factors], axis=1)
    found, part = np.unique(own, axis=0, return_inverse=True)
    labels = [
        ", ".join(levels[name][i] for name, i in zip(factors, row, strict=True))
        for row in found
    ]
    return labels, np.asarray(part, dtype=np.int64).reshape(-1)


def _table(
    p: xr.DataArray,
    data: SurveyCells,
    part: NDArray[np.int64],
    labels: list[str],
    ci_prob: float,
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    from arviz_stats.base import array_stats

    draws = p.transpose("chain", "draw", ...).values
    member = (part[:, None] == np.arange(len(labels))).astype(float)
    people, respondents = data.N @ member, data.n @ member
    kept = people > 0
    with np.errstate(invalid="ignore"):
        shares = (draws * data.N) @ member / people
        unadjusted = (draws.mean(axis=(0, 1)) * data.n) @ member / respondents
        raw = data.y @ member / respondents
    columns = {
        **summarise(shares[..., kept], ci_prob),
        "mcse": [float(array_stats.mcse(shares[..., s])) for s in np.flatnonzero(kept)],
        "people": people[kept],
        "respondents": respondents[kept].astype(int),
        "events": (data.y @ member)[kept].astype(int),
        "raw": raw[kept],
        "unadjusted": unadjusted[kept],
    }
    return pd.DataFrame(columns, index=pd.Index(np.array(labels, dtype=object)[kept]))
