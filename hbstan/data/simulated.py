"""The bundled data that a textbook simulated: pharma, climate, streamrec.

The tables are those that the source prints. Run with NumPy, the code that the source
gives for them prints others; each note says how they differ. The parameters behind
the simulation are known and stand in ``truth``.
"""

from __future__ import annotations

from hbstan.data.dataset import GroupedBinomial, GroupEstimates
from hbstan.data.info import DatasetInfo, Entry
from hbstan.priors import Beta, HalfNormal, Normal, Pareto

__all__ = ["simulated"]

_CHAPTER = "chapter 21, Bayesian Modeling in Practice"


def simulated() -> tuple[Entry, ...]:
    """Return the simulated datasets."""
    return (_pharma(), _climate(), _streamrec())


def _pharma() -> Entry:
    priors = {"mu": Normal(0, 20), "tau": HalfNormal(10)}
    location = priors["mu"]
    info = DatasetInfo(
        name="pharma",
        title="Effects of a drug on blood pressure, in 12 hospitals (simulated)",
        kind="normal",
        source=(
            f"Simulated teaching data ({_CHAPTER}: MediCore, Drug X): effects "
            "Normal(8.5, 2.5) mmHg, standard errors 15 / sqrt(n)."
        ),
        doi=None,
        note=(
            "Reduction of blood pressure in mmHg, and its standard error; n patients. "
            "Printed values: the code beside the table gives the same n and standard "
            "errors, but other effects (hospital A 9.31 instead of 8.25). Standard "
            "errors below tau suit the centered program: least bulk ESS 2659 of 4000 "
            "draws, non-centered 841."
        ),
        priors=priors,
        default_model="eight_schools_centered",
        family_priors={
            "eight_schools": priors,
            "normal_pooled": {"mu": location},
            "normal_unpooled": {"theta": location},
        },
        truth={"mu": 8.5, "tau": 2.5, "theta": _PHARMA_TRUE},
        extra={"n": (450, 320, 180, 520, 90, 250, 380, 60, 200, 410, 150, 75)},
    )
    values = {"y": _PHARMA_EFFECT, "sigma": _PHARMA_SE}
    labels = tuple(f"Hospital_{letter}" for letter in "ABCDEFGHIJKL")
    columns = {"group": "hospital", "estimate": "effect", "se": "se"}
    return Entry(info, GroupEstimates, labels, columns, values)


def _climate() -> Entry:
    priors = {"mu": Normal(0, 1), "tau": HalfNormal(0.5)}
    location = priors["mu"]
    info = DatasetInfo(
        name="climate",
        title="Trends of temperature, in 8 regions (simulated)",
        kind="normal",
        source=(
            f"Simulated teaching data ({_CHAPTER}: regional temperature trends): "
            "trends Normal(0.20, 0.05), estimated by least squares from monthly "
            "values with noise of 0.8 degrees C."
        ),
        doi=None,
        note=(
            "Degrees C per decade, from 25 to 70 years. Printed values: the code "
            "beside the table gives standard errors of 0.0136 to 0.0640 and other "
            "trends. The printed ones fall with the years, those of a slope with "
            "their power 1.5; and all estimates lie closer to the true trends than "
            "their errors allow (chi-square 0.92 on 8 degrees of freedom, "
            "probability 0.001). The regions' own data say nearly all: centered, as "
            "non-centered one seed of three fails (a divergence, R-hat 1.014)."
        ),
        priors=priors,
        default_model="eight_schools_centered",
        family_priors={
            "eight_schools": priors,
            "normal_pooled": {"mu": location},
            "normal_unpooled": {"theta": location},
        },
        truth={"mu": 0.20, "tau": 0.05, "theta": _CLIMATE_TRUE},
        extra={"years": (65, 50, 70, 40, 30, 55, 45, 25)},
    )
    values = {"y": _CLIMATE_TREND, "sigma": _CLIMATE_SE}
    columns = {"group": "region", "estimate": "trend", "se": "se"}
    return Entry(info, GroupEstimates, _REGIONS, columns, values)


def _streamrec() -> Entry:
    priors = {"mu": Beta(2, 2), "kappa": Pareto(1, 1.5)}
    # Mean and variance of the log-odds of Beta(2, 2): 0 and 2 trigamma(2) = 1.14^2.
    location = Normal(0, 1.14)
    logit = {"mu": location, "tau": HalfNormal(1)}
    info = DatasetInfo(
        name="streamrec",
        title="Clicks on films and series, in 25 categories (simulated)",
        kind="binomial",
        source=(
            f"Simulated teaching data ({_CHAPTER}: StreamRec): rates Beta(3, 7), "
            "clicks binomial."
        ),
        doi=None,
        note=(
            "204 to 487,320 impressions. Printed values: the code beside the table "
            "gives at most 16,100 impressions and other clicks. The source's priors "
            "are for the beta-binomial; those on the log-odds are weakly informative: "
            "mu with mean and variance of the log-odds of Beta(2, 2), tau such that "
            "categories more than e^2 apart in odds are possible, but not expected. "
            "The non-centered logit fails on data this informative (trajectories "
            "too long, least bulk ESS 357 to 458); logit_centered and beta_binomial "
            "do well (above 4400)."
        ),
        priors=priors,
        default_model="beta_binomial",
        family_priors={
            "beta_binomial": priors,
            "logit": logit,
            "logit_student_t": logit,
            "logit_mixture": {"mu_low": location},
            "binomial_pooled": {"mu": location},
            "binomial_unpooled": {"theta": location},
        },
        truth={"mu": 0.3, "kappa": 10.0, "p": _RATES},
    )
    columns = {"group": "category", "trials": "impressions", "events": "clicks"}
    values = {"n": _IMPRESSIONS, "y": _CLICKS}
    return Entry(info, GroupedBinomial, _CATEGORIES, columns, values)


# fmt: off
_PHARMA_EFFECT = (
    8.25, 10.55, 6.43, 12.69, 7.14, 10.07, 5.78, 4.63, 8.32, 9.43, 11.48, 9.80,
)
_PHARMA_SE = (
    0.71, 0.84, 1.12, 0.66, 1.58, 0.95, 0.77, 1.94, 1.06, 0.74, 1.22, 1.73,
)
_PHARMA_TRUE = (
    8.16, 10.21, 6.98, 12.37, 5.90, 10.65, 5.51, 7.12, 8.89, 9.58, 10.30, 8.04,
)
_REGIONS = (
    "Northeast", "Southeast", "Midwest", "Southwest", "Northwest", "Central",
    "Coastal", "Mountain",
)
_CLIMATE_TREND = (0.2012, 0.1867, 0.1984, 0.2463, 0.1589, 0.2176, 0.2325, 0.2156)
_CLIMATE_SE = (0.0058, 0.0072, 0.0053, 0.0094, 0.0119, 0.0064, 0.0079, 0.0144)
_CLIMATE_TRUE = (0.2016, 0.1908, 0.2012, 0.2474, 0.1582, 0.2147, 0.2330, 0.2199)
_CATEGORIES = (
    "Comedy", "Drama", "Action", "Thriller", "Documentary", "Sci-Fi", "Horror",
    "Romance", "Animation", "Crime", "Fantasy", "Musical", "Mystery", "Western",
    "War", "History", "Sport", "Biography", "Adventure", "Family", "Art-House",
    "World Cinema", "Experimental", "Short Film", "Classic",
)
_IMPRESSIONS = (
    487320, 241018, 118652, 97133, 53821, 38466, 27913, 22340, 17809, 14251, 10892,
    8330, 6411, 4892, 3820, 2910, 2104, 1520, 987, 712, 498, 380, 290, 248, 204,
)
_CLICKS = (
    93455, 78253, 46029, 37201, 14124, 18082, 3915, 6510, 3602, 2310, 1723,
    2884, 2170, 742, 1286, 853, 394, 528, 186, 325, 64, 159, 28, 93, 73,
)
_RATES = (
    0.1910, 0.3234, 0.3895, 0.3812, 0.2608, 0.4724, 0.1388, 0.2891, 0.2052, 0.1634,
    0.1511, 0.3520, 0.3401, 0.1486, 0.3378, 0.2844, 0.1925, 0.3362, 0.1702, 0.4301,
    0.1523, 0.3812, 0.1284, 0.3145, 0.2987,
)
# fmt: on
