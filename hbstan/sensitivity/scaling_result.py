"""The result of power-scaling, with its diagnosis in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.predictive.tables import records
from hbstan.results import Check, Checks, Outcome, json_number
from hbstan.sensitivity.weights import LIKELIHOOD, PRIORS, Component

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONFLICT", "K_LIMIT", "NONE", "STRONG", "PowerScaling", "diagnosed"]

#: Importance weights of a larger Pareto k are not to be trusted (Vehtari et al. 2024,
#: arXiv:1507.02646).
K_LIMIT = 0.7
#: The diagnoses.
CONFLICT = "prior-data conflict"
STRONG = "strong prior / weak likelihood"
NONE = "none"
_UNKNOWN = "unknown"
_SENSITIVE = "prior matters, likelihood unknown"
_ADVICE = {
    CONFLICT: "prior and data disagree: ask whether the prior is what you mean",
    STRONG: "the data say little here: report that the prior decides",
    _SENSITIVE: "fit with predictive=True to learn whether the data object",
}


@dataclass(frozen=True)
class PowerScaling:
    """Sensitivities of quantities to priors and likelihood.

    Parameters
    ----------
    model, data_name : str
    threshold : float
        From this on a sensitivity counts.
    alphas, refit_alphas : tuple of float
        Powers of the weights, and of refits.
    table : pandas.DataFrame
        Indexed by quantity: a column of sensitivities for each component (NaN where
        it is not known), ``diagnosis`` and ``sensitive_to``, the priors that reach
        the threshold, the largest first.
    components : pandas.DataFrame
        Indexed by component: ``kind``, ``method`` (``"weights"``, ``"refits"`` or
        ``"not_run"``), Pareto's ``k`` of the weights, ``noise`` (what refits would
        show by chance, the largest of the quantities) and ``reason``.
    refits : pandas.DataFrame, optional
        Diagnostics of the refits, if any were made.
    fault : str
        Why the fit itself cannot be trusted; empty if it can.
    """

    model: str
    data_name: str
    threshold: float
    alphas: tuple[float, float]
    refit_alphas: tuple[float, float]
    table: pd.DataFrame
    components: pd.DataFrame
    refits: pd.DataFrame | None
    fault: str

    def checks(self) -> Checks:
        """Return whether every quantity is insensitive to every prior.

        A sensitivity that reaches the threshold fails the check. One that is not
        known, or a fit without converged draws, leaves it not run.
        """
        label, rule = "Sensitivity to the priors", f"< {self.threshold:g}"
        priors = self.components.index[self.components["kind"] == "prior"]
        values = self.table[list(priors)]
        lacking = [name for name in priors if values[name].isna().any()]
        reasons = [f"{n}: {self.components.loc[n, 'reason']}" for n in lacking]
        reasons += [f"the fit: {self.fault}"] if self.fault else []
        largest = values.max(axis=1).dropna().sort_values(ascending=False)
        found = largest[largest >= self.threshold]
        outcome = Outcome.FAIL if len(found) else Outcome.PASS
        if self.fault or (reasons and not len(found)):
            outcome = Outcome.NOT_RUN
        counts = self.table["diagnosis"].value_counts()
        said = [f"{counts[word]} x {word}" for word in _ADVICE if word in counts]
        told = [f"{word}: {_ADVICE[word]}" for word in _ADVICE if word in counts]
        worst = f"largest: {largest.index[0]}" if len(largest) else ""
        check = Check(
            "prior_sensitivity",
            label,
            outcome,
            float(largest.iloc[0]) if len(largest) else None,
            self.threshold,
            rule,
            subjects=tuple(str(name) for name in found.index[:5]),
            detail="; ".join(filter(None, [worst, *said, *reasons])),
            advice="; ".join(told),
        )
        return Checks([check])

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of quantities."""
        return self.table.copy()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "threshold": json_number(self.threshold),
            "alphas": list(self.alphas),
            "refit_alphas": list(self.refit_alphas),
            "quantities": records(self.table),
            "components": records(self.components),
            "refits": [] if self.refits is None else records(self.refits),
            "fault": self.fault,
            **self.checks().record(),
        }

    def __repr__(self) -> str:
        check = self.checks()[0]
        return (
            f"<PowerScaling of {self.model} on {self.data_name}: "
            f"{check.outcome.value}, {check.detail}>"
        )


def diagnosed(
    labels: Sequence[str],
    columns: Mapping[str, Any],
    parts: Sequence[Component],
    threshold: float,
) -> pd.DataFrame:
    """Set sensitivities beside each other and say what they mean.

    Parameters
    ----------
    labels : sequence of str
        The quantities.
    columns : mapping of str to ndarray
        Sensitivities by component, of those that are known.
    parts : sequence of Component
        All components.
    threshold : float

    Returns
    -------
    pandas.DataFrame
        As :class:`PowerScaling` describes. The diagnosis is a conflict where a prior
        and the likelihood reach the threshold, a strong prior where only the former
        does, and unknown where the priors that are known do not, but others are not.
    """
    import numpy as np
    import pandas as pd

    index = pd.Index(labels, name="quantity")
    names = [part.name for part in parts]
    table = pd.DataFrame({n: columns.get(n, np.nan) for n in names}, index=index)
    priors = [part.name for part in parts if part.kind == "prior"]
    words, causes = [], []
    for _, row in table.iterrows():
        own = row[priors].sort_values(ascending=False, kind="stable")
        reached = [str(name) for name in own[own >= threshold].index]
        words.append(
            _word(
                bool(reached), bool(own.isna().any()), float(row[LIKELIHOOD]), threshold
            )
        )
        alone = [name for name in reached if name != PRIORS]
        causes.append(", ".join(alone or reached))
    return table.assign(diagnosis=words, sensitive_to=causes)


def _word(prior: bool, gaps: bool, likelihood: float, threshold: float) -> str:
    if not prior:
        return _UNKNOWN if gaps else NONE
    if likelihood != likelihood:
        return _SENSITIVE
    return CONFLICT if likelihood >= threshold else STRONG
