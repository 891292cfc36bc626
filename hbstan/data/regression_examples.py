"""Bundled rows in groups: monthly temperatures in regions, patients in clinics.

Both are simulated when they are loaded, from NumPy's legacy generator, whose streams
never change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.data.info import DatasetInfo
from hbstan.data.regressions import logistic, regression
from hbstan.priors import LKJ, Exponential, HalfNormal, Normal

if TYPE_CHECKING:
    import numpy as np

    from hbstan.data.regression_rows import LinearRows, LogisticRows

__all__ = [
    "REGIONS",
    "climate_info",
    "climate_monthly",
    "dosage",
    "dosage_info",
    "monthly_series",
]

#: Regions of the climate example and the years of their series.
REGIONS = {
    "Northeast": 65,
    "Southeast": 50,
    "Midwest": 70,
    "Southwest": 40,
    "Northwest": 30,
    "Central": 55,
    "Coastal": 45,
    "Mountain": 25,
}
_TREND, _TREND_SD, _NOISE = 0.20, 0.05, 0.8
_CHAPTER = "chapter 21, Bayesian Modeling in Practice"
_CLINICS, _CLINIC_SD = 12, 0.6
_SEED = 42


def monthly_series(
    rng: np.random.Generator | np.random.RandomState,
) -> tuple[dict[str, Any], tuple[float, ...]]:
    """Simulate monthly temperature anomalies of the regions.

    Parameters
    ----------
    rng : numpy.random.Generator or numpy.random.RandomState
        Trends are drawn first, then the months, region after region.

    Returns
    -------
    table : dict of str to list
        ``region``, ``decade`` (time since the region's first month, in decades) and
        ``anomaly`` (degrees C).
    trends : tuple of float
        The regions' own, in degrees C per decade: ``normal(0.20, 0.05)``.
    """
    import numpy as np

    trends = rng.normal(_TREND, _TREND_SD, size=len(REGIONS))
    regions: list[str] = []
    decades, anomalies = [], []
    for trend, (region, years) in zip(trends, REGIONS.items(), strict=True):
        t = np.arange(12 * years) / 120.0
        regions += [region] * len(t)
        decades.append(t)
        anomalies.append(trend * t + rng.normal(0.0, _NOISE, size=len(t)))
    table = {
        "region": regions,
        "decade": np.concatenate(decades),
        "anomaly": np.concatenate(anomalies),
    }
    return table, tuple(map(float, trends))


def climate_monthly() -> LinearRows:
    """Return the monthly series of 8 regions."""
    import numpy as np

    table, _ = monthly_series(np.random.RandomState(_SEED))
    return regression(
        table,
        outcome="anomaly",
        covariates=["decade"],
        group="region",
        varying=["decade"],
    )


def _patients() -> dict[str, Any]:
    import numpy as np

    rng = np.random.RandomState(_SEED)
    effects = rng.normal(0.0, _CLINIC_SD, size=_CLINICS)
    sizes = np.arange(6, 6 + 2 * _CLINICS, 2)
    clinic = np.repeat(np.arange(_CLINICS), sizes)
    age = rng.normal(55.0, 12.0, size=len(clinic))
    dosage = rng.normal(100.0, 30.0, size=len(clinic))
    eta = -3.0 + 0.04 * age + 0.015 * dosage + effects[clinic]
    outcome = rng.binomial(1, 1.0 / (1.0 + np.exp(-eta)))
    names = [f"Clinic {chr(65 + j)}" for j in clinic]
    return {"clinic": names, "age": age, "dosage": dosage, "improved": outcome}


def dosage() -> LogisticRows:
    """Return the patients of 12 clinics."""
    return logistic(
        _patients(), outcome="improved", covariates=["age", "dosage"], group="clinic"
    )


def climate_info() -> DatasetInfo:
    """Return what is known about the monthly series."""
    priors = {
        "intercept": Normal(0.0, 1.0),
        "slope": Normal(0.0, 1.0),
        "tau": HalfNormal(0.5),
        "Omega": LKJ(2.0),
        "sigma": Exponential(1.0),
    }
    return DatasetInfo(
        name="climate_monthly",
        title="Monthly temperature anomalies in 8 regions (simulated)",
        kind="linear_regression",
        source=(
            f"Simulated as in {_CHAPTER} (regional temperature trends): trends "
            "Normal(0.20, 0.05) degrees C per decade, noise of 0.8 degrees C in each "
            "of 300 to 840 months, no differences between regions in the first month."
        ),
        doi=None,
        note=(
            "The months behind estimates such as those of 'climate'. Time is counted "
            "in decades from each region's first month, where all regions are alike: "
            "so intercept and trend at the mean time are nearly perfectly correlated."
        ),
        priors=priors,
        default_model="linear_regression",
        family_priors={"linear_regression": priors},
        truth={"beta": _TREND, "alpha": 0.0, "sigma": _NOISE},
    )


def dosage_info() -> DatasetInfo:
    """Return what is known about the patients."""
    priors = {
        "intercept": Normal(0.0, 2.0),
        "slope": Normal(0.0, 2.0),
        "tau": HalfNormal(1.0),
        "Omega": LKJ(2.0),
    }
    return DatasetInfo(
        name="dosage",
        title="Improvement of patients by age and dosage, in 12 clinics (simulated)",
        kind="logistic_regression",
        source=(
            f"Simulated after {_CHAPTER} (logistic regression): log-odds "
            "-3 + 0.04 age + 0.015 dosage, to which clinics add Normal(0, 0.6)."
        ),
        doi=None,
        note=(
            "Age in years, Normal(55, 12), and dosage in mg, Normal(100, 30), of 6 "
            "to 28 patients in a clinic. The source has no clinics."
        ),
        priors=priors,
        default_model="logistic_regression",
        family_priors={"logistic_regression": priors},
        truth={"alpha": -3.0, "beta": (0.04, 0.015), "tau": _CLINIC_SD},
    )
