"""Bundled groups with covariates, simulated: hospitals of different kinds."""

from __future__ import annotations

from collections.abc import Callable

from hbstan.data.group_covariates import BinomialCovariates, binomial_covariates
from hbstan.data.info import DatasetInfo

__all__ = ["hospitals"]

_HOSPITALS = 30
_SEED = 41
_INTERCEPT, _VOLUME, _EMERGENCY, _TAU = -2.6, -0.12, 0.02, 0.25


def hospitals() -> tuple[DatasetInfo, Callable[[], BinomialCovariates]]:
    """Return what is known of the dataset, and the function that computes it."""
    info = DatasetInfo(
        name="hospitals",
        title="Deaths after an operation in 30 hospitals with covariates (simulated)",
        kind="binomial_covariates",
        source=(
            "Simulated: log-odds -2.6 - 0.12 volume + 0.02 emergency + "
            "Normal(0, 0.25), deaths binomial."
        ),
        doi=None,
        note=(
            f"From NumPy's RandomState({_SEED}). volume: operations of all kinds a "
            "year, in hundreds; emergency: admissions as emergencies, in per cent, "
            "fewer where volume is high; n: the operations looked at, 40 to 400."
        ),
        priors={},
        default_model="logit_covariates",
        family_priors={},
        truth={
            "intercept": _INTERCEPT,
            "beta": (_VOLUME, _EMERGENCY),
            "tau": _TAU,
        },
    )
    return info, _hospitals


def _hospitals() -> BinomialCovariates:
    import numpy as np

    rng = np.random.RandomState(_SEED)
    volume = np.round(rng.uniform(1.0, 9.0, _HOSPITALS), 1)
    emergency = np.round(45.0 - 2.0 * volume + rng.normal(0.0, 8.0, _HOSPITALS), 0)
    effect = rng.normal(0.0, _TAU, _HOSPITALS)
    theta = _INTERCEPT + _VOLUME * volume + _EMERGENCY * emergency + effect
    n = rng.randint(40, 401, _HOSPITALS)
    deaths = rng.binomial(n, 1.0 / (1.0 + np.exp(-theta)))
    table = {
        "hospital": [f"H{j + 1:02d}" for j in range(_HOSPITALS)],
        "operations": n,
        "deaths": deaths,
        "volume": volume,
        "emergency": emergency,
    }
    return binomial_covariates(
        table,
        group="hospital",
        trials="operations",
        events="deaths",
        covariates=("volume", "emergency"),
    )
