"""The common pitfalls of Bayesian work, as checks of a fit and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hbstan.errors import HbstanError, SettingsError
from hbstan.fit import Fit
from hbstan.predictive import PriorPredictive, prior_predictive
from hbstan.priors import priors_from_records
from hbstan.refit import dataset_of
from hbstan.reported import check_reported
from hbstan.results import Check, Checks, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


__all__ = ["pitfalls"]

#: Data sets simulated to see what the priors expect.
_DRAWS = 4000
#: The central interval that widths are taken of.
_CENTRAL = 0.9
_NAMES = {
    "diffuse_priors": "The priors are not absurdly diffuse",
    "prior_predictive": "A prior predictive check was made, and passed",
    "divergences": "No divergence is ignored",
    "hierarchy": "Groups share a population, which is what the model's cost is for",
}


def pitfalls(
    fit: Fit,
    *,
    prior_checked: PriorPredictive | None = None,
    reported: pd.DataFrame | Mapping[str, Any] | str | None = None,
) -> Checks:
    """Check a fit, and what is made of it, for the common pitfalls.

    ``diffuse_priors``
        Data sets are simulated from the fit's priors. The check fails if they are
        absurd: for events, if more than a tenth of the simulated probabilities lie
        below 0.01 and more than a tenth above 0.99; for estimates, if their central
        90 % is more than 20 times as wide as the data's range and two median standard
        errors (``not_too_wide`` of
        :func:`hbstan.predictive.judge_prior.judge`). That many data overwhelm such a
        prior, so that the posterior contracts, is no excuse: how many times wider than
        the posterior each prior is (central 90 %) is told, the widest first. A wide
        prior that expects reasonable data passes.
    ``prior_predictive``
        Not run unless ``prior_checked`` is given; fails if it is of other priors,
        another model or other groups than the fit, or if one of its own checks fails.
    ``divergences``
        Fails if any transition after warmup diverged.
    ``point_estimate``
        Not run unless ``reported`` is given. A table passes if each row has a standard
        deviation (or standard error) above 0, or at least two columns of bounds, or a
        text with an interval; Monte Carlo errors do not count. A text passes if it
        has an interval, a standard deviation or a plus or minus.
    ``hierarchy``
        Fails if the model lets groups share nothing (no pooling) or all be alike
        (complete pooling): then the same estimates are had without it. Of a program
        that is like none of the catalogue it is not run.

    Parameters
    ----------
    fit : Fit
    prior_checked : PriorPredictive, optional
        What :func:`hbstan.predictive.prior_predictive` returned before the fit.
    reported : pandas.DataFrame, mapping or str, optional
        The table (or one row of it, by column) or the text that others will read.

    Returns
    -------
    Checks
        In the order above.

    Raises
    ------
    SettingsError
        If an argument is of another type: a mere claim proves nothing.
    """
    if not isinstance(fit, Fit):
        raise SettingsError(
            f"fit is {type(fit).__name__}; legal: what hb.fit returns.",
            remedy="Fit a model to the data first; hb.assess takes data.",
        )
    if prior_checked is not None and not isinstance(prior_checked, PriorPredictive):
        raise SettingsError(
            f"prior_checked is {prior_checked!r}; legal: what hb.prior_predictive "
            "returns.",
            remedy="Run hb.prior_predictive(model, data, priors=...) and pass it on.",
        )
    return Checks(
        (
            _diffuse(fit, prior_checked),
            _prior_checked(fit, prior_checked),
            replace(fit.diagnose()["divergences"], label=_NAMES["divergences"]),
            check_reported(reported),
            _hierarchy(fit),
        )
    )


def _check(name: str, outcome: Outcome, detail: str, advice: str, **more: Any) -> Check:
    return Check(name, _NAMES[name], outcome, detail=detail, advice=advice, **more)


def _diffuse(fit: Fit, given: PriorPredictive | None) -> Check:
    name = "diffuse_priors"
    try:
        simulated = given if given and not _differs(fit, given) else _simulate(fit)
    except HbstanError as err:
        advice = "Simulate data from the priors yourself, and look at them."
        return _check(name, Outcome.NOT_RUN, err.message, advice)
    wide = simulated.checks()["not_too_wide"]
    ratios = _ratios(fit)
    widest = ", ".join(f"{k} {v:.3g}" for k, v in list(ratios.items())[:3])
    detail = f"{wide.detail}; priors as multiples of posteriors: {widest}"
    failed = wide.outcome is Outcome.FAIL
    return _check(
        name,
        wide.outcome,
        detail,
        wide.advice,
        value=wide.value,
        threshold=wide.threshold,
        rule=wide.rule,
        subjects=tuple(ratios) if failed else (),
    )


def _simulate(fit: Fit) -> PriorPredictive:
    """Simulate from the fit's own priors, with its own seed."""
    from hbstan.errors import FitError

    if fit.like is None or fit.like.name != fit.model:
        raise FitError(
            f"{fit.model} is no model of the catalogue, so nothing can be simulated "
            "from its priors."
        )
    return prior_predictive(
        fit.like,
        dataset_of(fit),
        priors=priors_from_records(fit.priors),
        draws=_DRAWS,
        seed=int(fit.provenance["seed"]),
    )


def _ratios(fit: Fit) -> dict[str, float]:
    """Return the prior's width over the posterior's, the largest first.

    Of a parameter with several elements the median of the posterior widths counts.
    """
    import numpy as np

    tails = [(1.0 - _CENTRAL) / 2.0, (1.0 + _CENTRAL) / 2.0]
    found = {}
    for name, prior in priors_from_records(fit.priors).items():
        if name not in fit.posterior:  # a vector without elements
            continue
        draws = fit.posterior[name].values
        flat = draws.reshape(draws.shape[0] * draws.shape[1], -1)
        width = float(np.median(np.ptp(np.quantile(flat, tails, axis=0), axis=0)))
        low, high = prior.distribution().ppf(tails)
        found[name] = float(high - low) / width if width > 0 else float("inf")
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _differs(fit: Fit, given: PriorPredictive) -> str:
    """Say in what a prior predictive check is not that of the fit."""
    own = {k: str(v) for k, v in priors_from_records(fit.priors).items()}
    other = {k: str(v) for k, v in given.priors.items()}
    like = fit.like.name if fit.like else fit.model
    if given.model not in (fit.model, like):
        return f"it is of {given.model}, the fit of {fit.model}"
    changed = [k for k in own if own[k] != other.get(k)]
    if changed:
        k = changed[0]
        return f"it has {k} ~ {other.get(k)}, the fit {k} ~ {own[k]}"
    dims = fit.tree["observed_data"].to_dataset()["y"]
    labels = [str(x) for x in dims[dims.dims[0]].values] if dims.coords else []
    if labels and labels != [str(x) for x in given.replicates.labels]:
        return "it is of other groups than the fit"
    return ""


def _prior_checked(fit: Fit, given: PriorPredictive | None) -> Check:
    name = "prior_predictive"
    advice = "Run hb.prior_predictive with the model, data and priors of the fit."
    if given is None:
        why = "no prior predictive check was given"
        return _check(name, Outcome.NOT_RUN, why, advice)
    difference = _differs(fit, given)
    if difference:
        return _check(name, Outcome.FAIL, difference, advice)
    checks = given.checks()
    refused = checks.failed()
    detail = "; ".join(f"{c.name}: {c.detail}" for c in (refused or checks))
    advice = " ".join(dict.fromkeys(c.advice for c in refused))
    subjects = tuple(c.name for c in refused)
    return _check(name, checks.outcome, detail, advice, subjects=subjects)


def _hierarchy(fit: Fit) -> Check:
    name, like = "hierarchy", fit.like
    rule = "groups are partially pooled"
    if like is None:
        why = f"{fit.model} is like no model of the catalogue"
        advice = "Say which of its parameters is the spread of a population of groups."
        return _check(name, Outcome.NOT_RUN, why, advice, rule=rule)
    shares = like.pooling == "partial"
    advice = "" if shares else "Take a hierarchical model, or the simpler estimate."
    outcome = Outcome.PASS if shares else Outcome.FAIL
    return _check(name, outcome, f"{like.pooling} pooling", advice, rule=rule)
