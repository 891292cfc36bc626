"""The bundled data that were measured and published: surgical, eight schools."""

from __future__ import annotations

import math
from dataclasses import replace

from hbstan.data.dataset import GroupedBinomial, GroupEstimates
from hbstan.data.info import DatasetInfo, Entry
from hbstan.priors import Beta, Gamma, HalfCauchy, HalfNormal, Normal

__all__ = ["published"]

_RUBIN = (
    "Rubin DB (1981). Estimation in parallel randomized experiments. Journal of "
    "Educational Statistics 6(4), 377-401."
)
_RUBIN_DOI = "10.3102/10769986006004377"


def published() -> tuple[Entry, ...]:
    """Return the published datasets."""
    rounded = _eight_schools()
    return (_surgical(), rounded, _eight_schools_unrounded(rounded))


def _surgical() -> Entry:
    priors = {"mu": Normal(math.log(0.075 / 0.925), 1), "tau": HalfNormal(1)}
    beta_binomial = {"mu": Beta(2, 18), "kappa": Gamma(1.5, 0.5)}
    info = DatasetInfo(
        name="surgical",
        title="Deaths after cardiac surgery in babies, in 12 hospitals",
        kind="binomial",
        source=(
            "Spiegelhalter DJ, Thomas A, Best NG, Gilks WR (1996). BUGS 0.5 Examples "
            "Volume 1: Surgical: institutional ranking. MRC Biostatistics Unit, "
            "Cambridge."
        ),
        doi=None,
        note=(
            "208 deaths in 2,814 operations; hospital A had none in 47. The priors "
            "centre the log-odds on a mortality of 7.5 % and are weakly informative "
            "(for the beta-binomial: the mean on 10 %, the concentration on 3); "
            "BUGS itself uses vaguer ones (variance 10^6 for the mean)."
        ),
        priors=priors,
        default_model="logit_noncentered",
        family_priors={
            "logit": priors,
            "beta_binomial": beta_binomial,
            "binomial_pooled": {"mu": priors["mu"]},
            "logit_student_t": priors,
            "logit_mixture": {"mu_low": priors["mu"]},
        },
    )
    values = {
        "n": (47, 148, 119, 810, 211, 196, 148, 215, 207, 97, 256, 360),
        "y": (0, 18, 8, 46, 8, 13, 9, 31, 14, 8, 29, 24),
    }
    columns = {"group": "hospital", "trials": "n", "events": "r"}
    return Entry(info, GroupedBinomial, tuple("ABCDEFGHIJKL"), columns, values)


def _eight_schools() -> Entry:
    priors = {"mu": Normal(0, 5), "tau": HalfCauchy(5)}
    info = DatasetInfo(
        name="eight_schools",
        title="Effects of coaching on SAT-V scores, in 8 schools",
        kind="normal",
        source=_RUBIN,
        doi=_RUBIN_DOI,
        note=(
            "Estimates and standard errors in points of the test, rounded to whole "
            "points as they are usually quoted. The source gives effects and standard "
            "errors: a table with sample sizes in their place is something else."
        ),
        priors=priors,
        default_model="eight_schools_noncentered",
        family_priors={"eight_schools": priors, "normal_pooled": {"mu": priors["mu"]}},
    )
    values = {
        "y": (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0),
        "sigma": (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0),
    }
    columns = {"group": "school", "estimate": "y", "se": "sigma"}
    return Entry(info, GroupEstimates, tuple("ABCDEFGH"), columns, values)


def _eight_schools_unrounded(rounded: Entry) -> Entry:
    priors = {"mu": Normal(0, 20), "tau": HalfCauchy(10)}
    info = replace(
        rounded.info,
        name="eight_schools_unrounded",
        title="Effects of coaching on SAT-V scores, in 8 schools, not rounded",
        note=(
            "The figures of eight_schools before rounding: estimates to two decimals, "
            "standard errors to one. The priors are wider than those of "
            "eight_schools."
        ),
        priors=priors,
        family_priors={"eight_schools": priors, "normal_pooled": {"mu": priors["mu"]}},
    )
    values = {
        "y": (28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16),
        "sigma": (14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6),
    }
    return replace(rounded, info=info, values=values)
