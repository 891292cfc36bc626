"""Influence: leave a group out, fit again, and see what moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError, SettingsError
from hbstan.loo.refits import refits_table
from hbstan.predictive.tables import records
from hbstan.refit import Change, dataset_of, held_out, refit
from hbstan.results import Check, Checks, Outcome, json_number
from hbstan.sensitivity.moves import compared, judged
from hbstan.sensitivity.quantities import fault_of, of_predictions, quantities
from hbstan.sensitivity.swaps import base_table, check_threshold

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.fit import Fit

__all__ = ["Influence", "influence"]

_ADVICE = (
    "Conclusions rest on these groups alone: look at their data, and report the "
    "results with and without them."
)


@dataclass(frozen=True)
class Influence:
    """What moves when a group is left out.

    Parameters
    ----------
    model, data_name : str
    threshold : float
        In posterior standard deviations of the fit.
    base : pandas.DataFrame
        Indexed by quantity: ``mean`` and ``sd`` of the fit, in the quantity's unit.
    table : pandas.DataFrame
        Indexed by ``without`` (the group) and ``quantity``: ``mean`` and ``sd``
        without the group; ``move``, the change of the mean in posterior standard
        deviations of the fit, and ``sd_ratio``, with Monte Carlo errors ``move_mcse``
        and ``sd_ratio_mcse``; ``variable`` and ``group`` of the quantity; ``own``,
        whether it is of the group left out. NaN where a refit cannot be used.
    refits : pandas.DataFrame
        Indexed by group: diagnostics, ``seconds`` and ``fault``.
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
        """Return the moves alone, a row for each quantity, a column for each group."""
        wide = self.table["move"].unstack("without")
        return wide.loc[self.base.index, self.refits.index]

    def groups(self) -> pd.DataFrame:
        """Return what each group moves most, the most influential group first.

        Its own estimate, which is then a prediction, does not count.

        Returns
        -------
        pandas.DataFrame
            Indexed by group: ``move``, ``move_mcse`` and ``quantity``; NaN for a
            group whose refit cannot be used.
        """
        others = self.table.loc[~self.table["own"]].reset_index()
        others["size"] = others["move"].abs()
        order = others.sort_values("size", ascending=False, kind="stable")
        first: pd.DataFrame = order.groupby("without", sort=False).head(1)
        columns = ["move", "move_mcse", "quantity"]
        return first.set_index("without")[columns].rename_axis("group")

    @property
    def most_influential(self) -> str | None:
        """The group that moves a quantity of the others' most, if any is known."""
        table = self.groups()["move"].dropna()
        return str(table.index[0]) if len(table) else None

    def checks(self) -> Checks:
        """Return whether no group alone moves a quantity as far as the threshold.

        A move that far fails the check. A refit that failed or did not converge is
        named and leaves it not run at best, a fit that did not at any rate.
        """
        check = Check(
            "influence",
            "Posterior without each group",
            Outcome.NOT_RUN,
            threshold=self.threshold,
            rule=f"means move by less than {self.threshold:g} sd",
        )
        others = self.table.loc[~self.table["own"]]
        found = judged(check, others, self.refits, self.fault, _ADVICE, "without ")
        return Checks([found])

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
            "groups": records(self.groups()),
            "most_influential": self.most_influential,
            "refits": records(self.refits),
            "fault": self.fault,
            **self.checks().record(),
        }

    def __repr__(self) -> str:
        check = self.checks()[0]
        return (
            f"<Influence in {self.model} on {self.data_name}: {len(self.refits)} "
            f"groups left out, {check.outcome.value}, {check.detail}>"
        )


def influence(
    fit: Fit,
    groups: Iterable[str | int] | str | None = None,
    *,
    threshold: float = 1.0,
    var_names: Iterable[str] | None = None,
    **options: Any,
) -> Influence:
    """Refit without each group, by the mask, and compare what is of all the others.

    Parameters
    ----------
    fit : Fit
        A fit of a catalogue model, or of an edited copy of one.
    groups : iterable of labels, or str, optional
        The groups to leave out, one at a time; by default all in the likelihood.
    threshold : float
        A posterior mean of top-level parameters, population or other groups that
        moves this many posterior standard deviations fails.
    var_names : iterable of str, optional
        Variables to watch; by default top-level parameters, other scalars, and the
        groups' estimates.
    **options
        ``backend``, ``executor``, ``workers``, ``progress`` and sampler settings, as
        :func:`hbstan.refit.refit` takes them.

    Returns
    -------
    Influence
        Priors stay those of the fit, also where they were derived from the data.

    Raises
    ------
    SettingsError
        If a group is not in the likelihood, or a threshold or option is illegal.
    FitError
        If the fit cannot be made again, has no such variable, or one group alone.
    """
    check_threshold(threshold)
    watched = quantities(fit, var_names)
    out = held_out(fit)
    seen = [label for label in dataset_of(fit).labels if label not in out]
    if len(seen) == 1:
        raise FitError(
            f"the likelihood of {fit.model} has one group, {seen[0]!r}; left out, it "
            "leaves none that could move.",
            remedy="Fit data with at least 2 groups.",
        )
    changes = [Change(g, holdout=(*out, g)) for g in _chosen(fit, seen, groups)]
    made = refit(fit, changes, predictive=of_predictions(fit, watched), **options)
    table = compared(watched, made, "without")
    without = table.index.get_level_values("without")
    table["own"] = table["group"].to_numpy() == without.to_numpy()
    return Influence(
        model=fit.model,
        data_name=str(fit.tree.attrs["data_name"]),
        threshold=float(threshold),
        base=base_table(watched),
        table=table,
        refits=refits_table(made).rename_axis("group"),
        fault=fault_of(fit),
    )


def _chosen(
    fit: Fit, seen: list[str], groups: Iterable[str | int] | str | None
) -> list[str]:
    if groups is None:
        wanted = seen
    else:
        # A text is one label: its letters could be other groups' labels.
        given = [groups] if isinstance(groups, str | int) else groups
        wanted = list(dict.fromkeys(str(group) for group in given))
    unknown = [group for group in wanted if group not in seen]
    if unknown or not wanted:
        shown = ", ".join(seen[:8]) + (", ..." if len(seen) > 8 else "")
        raise SettingsError(
            f"groups names {', '.join(unknown) or 'nothing'}, but the likelihood of "
            f"the fit of {fit.model} has the groups {shown or 'of nobody'}.",
            remedy="Name groups that the fit has seen, or leave groups out.",
        )
    return wanted
