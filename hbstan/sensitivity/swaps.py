"""Other priors, one at a time, and how far every quantity moves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import PriorError, SettingsError
from hbstan.loo.refits import refits_table
from hbstan.predictive.tables import records
from hbstan.priors import as_prior
from hbstan.refit import Change, refit
from hbstan.results import Check, Checks, Outcome, json_number
from hbstan.sensitivity.alternatives import default_swaps
from hbstan.sensitivity.moves import compared, judged
from hbstan.sensitivity.quantities import fault_of, of_predictions, quantities

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.fit import Fit
    from hbstan.priors import Prior

__all__ = ["PriorSwaps", "check_threshold", "swap_priors"]

_ADVICE = (
    "Conclusions on these quantities depend on the prior: report them under each, or "
    "argue for one."
)


@dataclass(frozen=True)
class PriorSwaps:
    """How the posterior moves under other priors.

    Parameters
    ----------
    model, data_name : str
    threshold : float
        In posterior standard deviations of the fit.
    base : pandas.DataFrame
        Indexed by quantity: ``mean`` and ``sd`` of the fit, in the quantity's unit.
    table : pandas.DataFrame
        Indexed by ``swap`` (``"tau ~ HalfCauchy(1)"``) and ``quantity``: ``mean`` and
        ``sd`` under the swap; ``move``, the change of the mean in posterior standard
        deviations of the fit, and ``sd_ratio``, with Monte Carlo errors ``move_mcse``
        and ``sd_ratio_mcse``; ``parameter`` and ``prior`` that were swapped,
        ``variable`` and ``group`` of the quantity. NaN where a refit cannot be used.
    refits : pandas.DataFrame
        Indexed by swap: diagnostics, ``seconds`` and ``fault``.
    fault : str
        Why the fit itself cannot be trusted; empty if it can.
    """

    model: str
    data_name: str
    threshold: float
    base: pd.DataFrame
    table: pd.DataFrame
    refits: pd.DataFrame
    fault: str

    def moves(self) -> pd.DataFrame:
        """Return the moves alone, a row for each quantity, a column for each swap."""
        wide = self.table["move"].unstack("swap")
        return wide.loc[self.base.index, self.refits.index]

    def checks(self) -> Checks:
        """Return whether no quantity moves as far as the threshold.

        A move that far fails the check. A refit that failed or did not converge is
        named and leaves it not run at best, a fit that did not at any rate.
        """
        check = Check(
            "prior_swaps",
            "Posterior under other priors",
            Outcome.NOT_RUN,
            threshold=self.threshold,
            rule=f"means move by less than {self.threshold:g} sd",
        )
        return Checks([judged(check, self.table, self.refits, self.fault, _ADVICE)])

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of moves."""
        return self.table.copy()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "threshold": json_number(self.threshold),
            "base": records(self.base),
            "moves": records(self.table),
            "refits": records(self.refits),
            "fault": self.fault,
            **self.checks().record(),
        }

    def __repr__(self) -> str:
        check = self.checks()[0]
        return (
            f"<PriorSwaps of {self.model} on {self.data_name}: {len(self.refits)} "
            f"swaps, {check.outcome.value}, {check.detail}>"
        )


def swap_priors(
    fit: Fit,
    swaps: Mapping[str, Prior | str | Sequence[Prior | str]] | None = None,
    *,
    threshold: float = 0.5,
    var_names: Iterable[str] | None = None,
    **options: Any,
) -> PriorSwaps:
    """Refit with other priors, one at a time, on the same compiled program.

    Parameters
    ----------
    fit : Fit
        A fit of a catalogue model, or of an edited copy of one.
    swaps : mapping of str to priors, optional
        The priors to try, by parameter; by default those of
        :func:`hbstan.sensitivity.default_swaps`.
    threshold : float
        A posterior mean that moves this many posterior standard deviations fails.
    var_names : iterable of str, optional
        Variables to watch; by default top-level parameters, other scalars, and the
        groups' estimates.
    **options
        ``backend``, ``executor``, ``workers``, ``progress`` and sampler settings, as
        :func:`hbstan.refit.refit` takes them.

    Returns
    -------
    PriorSwaps

    Raises
    ------
    PriorError
        For a parameter without a prior, a prior that cannot be one, or no swaps.
    SettingsError
        For an illegal threshold or option.
    FitError
        If the fit cannot be made again, or has no such variable.
    """
    check_threshold(threshold)
    watched = quantities(fit, var_names)
    labelled = _labelled(default_swaps(fit) if swaps is None else swaps)
    changes = [
        Change(label, priors={name: prior}) for label, (name, prior) in labelled.items()
    ]
    made = refit(fit, changes, predictive=of_predictions(fit, watched), **options)
    table = compared(watched, made, "swap")
    place = table.index.get_level_values("swap")
    table.insert(0, "parameter", [labelled[label][0] for label in place])
    table.insert(1, "prior", [str(labelled[label][1]) for label in place])
    return PriorSwaps(
        model=fit.model,
        data_name=str(fit.tree.attrs["data_name"]),
        threshold=float(threshold),
        base=base_table(watched),
        table=table,
        refits=refits_table(made).rename_axis("swap"),
        fault=fault_of(fit),
    )


def base_table(watched: Sequence[Any]) -> pd.DataFrame:
    """Return mean and sd of the fit's quantities."""
    import pandas as pd

    rows = {q.label: (q.draws.mean(), q.draws.std(ddof=1)) for q in watched}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "sd"])
    return table.rename_axis("quantity")


def check_threshold(threshold: Any) -> None:
    """Raise SettingsError unless the threshold is a positive number."""
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not number or not 0 < threshold < math.inf:
        raise SettingsError(
            f"threshold is {threshold!r}, but must be a number of posterior standard "
            "deviations greater than 0.",
            remedy="Take for instance 0.5.",
        )


def _labelled(
    swaps: Mapping[str, Prior | str | Sequence[Prior | str]],
) -> dict[str, tuple[str, Prior]]:
    """Return parameter and prior by label, each swap once."""
    from hbstan.priors import Prior

    found = {}
    for name, given in swaps.items():
        for one in [given] if isinstance(given, str | Prior) else given:
            prior = as_prior(name, one)
            found[f"{name} ~ {prior}"] = (name, prior)
    if not found:
        raise PriorError(
            "there are no priors to try.",
            remedy="Name some: swaps={'tau': ['HalfCauchy(1)', 'Exponential(1)']}.",
        )
    return found
