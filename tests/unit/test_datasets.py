"""The bundled datasets against the figures of their sources."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from hbstan import data, datasets, models
from hbstan.errors import DataError
from hbstan.models import resolve_priors
from hbstan.priors import FAMILIES, Beta, HalfCauchy, HalfNormal, Normal, Pareto

# The sources' tables, typed a second time: label, n, r.
SURGICAL = """
A 47 0
B 148 18
C 119 8
D 810 46
E 211 8
F 196 13
G 148 9
H 215 31
I 207 14
J 97 8
K 256 29
L 360 24
"""
# Label, y, sigma, and both before rounding.
SCHOOLS = """
A 28 15 28.39 14.9
B 8 10 7.94 10.2
C -3 16 -2.75 16.3
D 7 11 6.82 11.0
E -1 9 -0.64 9.4
F 1 11 0.63 11.4
G 18 10 18.01 10.4
H 12 18 12.16 17.6
"""
# Label, n, standard error, effect, true effect.
PHARMA = """
Hospital_A 450 0.71 8.25 8.16
Hospital_B 320 0.84 10.55 10.21
Hospital_C 180 1.12 6.43 6.98
Hospital_D 520 0.66 12.69 12.37
Hospital_E 90 1.58 7.14 5.90
Hospital_F 250 0.95 10.07 10.65
Hospital_G 380 0.77 5.78 5.51
Hospital_H 60 1.94 4.63 7.12
Hospital_I 200 1.06 8.32 8.89
Hospital_J 410 0.74 9.43 9.58
Hospital_K 150 1.22 11.48 10.30
Hospital_L 75 1.73 9.80 8.04
"""
# Label, years, trend, standard error, true trend.
CLIMATE = """
Northeast 65 0.2012 0.0058 0.2016
Southeast 50 0.1867 0.0072 0.1908
Midwest 70 0.1984 0.0053 0.2012
Southwest 40 0.2463 0.0094 0.2474
Northwest 30 0.1589 0.0119 0.1582
Central 55 0.2176 0.0064 0.2147
Coastal 45 0.2325 0.0079 0.2330
Mountain 25 0.2156 0.0144 0.2199
"""
# Label (_ for a space), impressions, clicks, printed rate, true rate.
STREAMREC = """
Comedy 487,320 93,455 0.1918 0.1910
Drama 241,018 78,253 0.3247 0.3234
Action 118,652 46,029 0.3880 0.3895
Thriller 97,133 37,201 0.3830 0.3812
Documentary 53,821 14,124 0.2624 0.2608
Sci-Fi 38,466 18,082 0.4701 0.4724
Horror 27,913 3,915 0.1402 0.1388
Romance 22,340 6,510 0.2914 0.2891
Animation 17,809 3,602 0.2023 0.2052
Crime 14,251 2,310 0.1621 0.1634
Fantasy 10,892 1,723 0.1582 0.1511
Musical 8,330 2,884 0.3463 0.3520
Mystery 6,411 2,170 0.3385 0.3401
Western 4,892 742 0.1517 0.1486
War 3,820 1,286 0.3366 0.3378
History 2,910 853 0.2932 0.2844
Sport 2,104 394 0.1873 0.1925
Biography 1,520 528 0.3474 0.3362
Adventure 987 186 0.1884 0.1702
Family 712 325 0.4565 0.4301
Art-House 498 64 0.1285 0.1523
World_Cinema 380 159 0.4184 0.3812
Experimental 290 28 0.0966 0.1284
Short_Film 248 93 0.3750 0.3145
Classic 204 73 0.3578 0.2987
"""
SIMULATED = ("climate", "pharma", "streamrec")


#: Datasets with one outcome a group.
GROUPED = tuple(
    name
    for name in datasets.names()
    if datasets.describe(name).kind in ("binomial", "normal")
)


def table(text: str) -> list[tuple[str, ...]]:
    rows = [line.split() for line in text.strip().splitlines()]
    return list(zip(*rows, strict=True))


def test_names_are_sorted() -> None:
    grouped = (
        *("climate", "eight_schools", "eight_schools_unrounded"),
        *("pharma", "streamrec", "surgical"),
    )
    others = (
        *("bcg", "climate_monthly", "coagulation", "dosage", "forrester", "hospitals"),
        *("league", "mrp_survey", "omega_small", "pisa_like", "small_groups"),
        *("volatility", "volatility_short"),
    )
    assert grouped == GROUPED
    assert datasets.names() == tuple(sorted((*grouped, *others)))


def test_surgical_is_the_bugs_table() -> None:
    d = datasets.load("surgical")
    labels, n, r = table(SURGICAL)
    assert isinstance(d, data.GroupedBinomial)
    assert d.labels == labels
    assert d.n.tolist() == [int(x) for x in n]
    assert d.y.tolist() == [int(x) for x in r]
    assert (d.J, d.n.sum(), d.y.sum()) == (12, 2814, 208)
    assert dict(d.columns) == {"group": "hospital", "trials": "n", "events": "r"}


def test_eight_schools_are_rubins() -> None:
    labels, *columns = table(SCHOOLS)
    y, sigma, y_exact, sigma_exact = (np.array(c, dtype=float) for c in columns)
    d, exact = (datasets.load(f"eight_schools{s}") for s in ("", "_unrounded"))
    for got, values in ((d, (y, sigma)), (exact, (y_exact, sigma_exact))):
        assert isinstance(got, data.GroupEstimates)
        assert got.labels == labels
        np.testing.assert_array_equal(got.y, values[0])
        np.testing.assert_array_equal(got.sigma, values[1])
    # One table is the other, rounded.
    np.testing.assert_array_equal(np.round(exact.y), d.y)
    np.testing.assert_array_equal(np.round(exact.sigma), d.sigma)


def test_pooled_estimate_of_the_unrounded_figures() -> None:
    """Complete pooling gives 7.9 with variance 17.4, as Gelman et al. report."""
    d = datasets.load("eight_schools_unrounded")
    weights = 1 / d.sigma**2
    assert round(float(np.average(d.y, weights=weights)), 1) == 7.9
    assert round(float(1 / weights.sum()), 1) == 17.4


def test_priors() -> None:
    expected = {
        "surgical": (Normal(math.log(0.075 / 0.925), 1), HalfNormal(1)),
        "eight_schools": (Normal(0, 5), HalfCauchy(5)),
        "eight_schools_unrounded": (Normal(0, 20), HalfCauchy(10)),
        "pharma": (Normal(0, 20), HalfNormal(10)),
        "climate": (Normal(0, 1), HalfNormal(0.5)),
    }
    for name, (mu, tau) in expected.items():
        priors = datasets.load(name).priors
        assert dict(priors) == {"mu": mu, "tau": tau}
        assert priors["mu"].role == "location"
        assert priors["tau"].role == "scale"
        assert all(type(prior).__name__ in FAMILIES for prior in priors.values())
        with pytest.raises(TypeError):
            priors["mu"] = mu  # type: ignore[index]


@pytest.mark.parametrize("name", datasets.names())
def test_every_dataset_is_described(name: str) -> None:
    info, d = datasets.describe(name), datasets.load(name)
    assert (info.name, info.kind) == (name, d.kind) == (d.name, d.kind)
    assert info.source == d.source
    assert dict(info.priors) == dict(d.priors)
    assert info.title
    assert info.note
    assert info.default_model
    assert "http" not in info.source + info.note


def test_rubin_is_cited() -> None:
    assert datasets.describe("eight_schools").doi == "10.3102/10769986006004377"
    assert "Rubin DB (1981)" in datasets.load("eight_schools_unrounded").source


@pytest.mark.parametrize("name", datasets.names())
def test_loading_gives_equal_data_and_a_stable_hash(name: str) -> None:
    d = datasets.load(name)
    assert d == datasets.load(name) == data.load(name)
    assert datasets.load(name).hash == d.hash


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        (
            "surgical",
            "04d1018891f0f08a422b98239c58b2dd41483316685e68afe6e1826b042573d2",
        ),
        (
            "eight_schools",
            "4619c546f997e09455830c7166ecc85e8a232d77f8be67292639ff017ea448f7",
        ),
        (
            "pharma",
            "b6c013409f20b19fc54bb42f993a2fd0921c96932e48a5765b62fc21dcbbdc7a",
        ),
        (
            "climate",
            "2b6b752620b6c8b672319acd9812aa11c3e4fd9bbc36077358f58537529cfc95",
        ),
        (
            "streamrec",
            "72fd3b7f55b0a088eeb5857621add93b03bcd1ff98ad09f1cd60d16a9b74a367",
        ),
    ],
)
def test_hashes_are_fixed(name: str, digest: str) -> None:
    """A change here would orphan every result that records a dataset's hash."""
    assert datasets.load(name).hash == digest


def test_round_trip_through_a_frame() -> None:
    for name in GROUPED:
        d = datasets.load(name)
        assert data.load(d.to_frame(), **d.columns) == d
    for name in ("surgical", "eight_schools", "eight_schools_unrounded"):
        d = datasets.load(name)
        assert data.load(d.to_frame()) == d


@pytest.mark.parametrize("call", [datasets.load, datasets.describe])
def test_unknown_name(call: object) -> None:
    with pytest.raises(DataError) as caught:
        call("eight_school")  # type: ignore[operator]
    text = str(caught.value)
    assert "no bundled dataset 'eight_school'" in text
    assert f"legal: {', '.join(datasets.names())}" in text
    assert "Did you mean 'eight_schools'?" in text
    with pytest.raises(DataError, match="no bundled dataset 3"):
        call(3)  # type: ignore[operator]


# --- the simulated data

Vector = NDArray[np.float64]


def columns(text: str) -> tuple[tuple[str, ...], list[Vector]]:
    labels, *values = table(text)
    numbers = [np.array([float(x.replace(",", "")) for x in v]) for v in values]
    return tuple(label.replace("_", " ") for label in labels), numbers


def truth(name: str, key: str) -> Vector:
    return np.array(datasets.describe(name).truth[key])


def test_pharma_and_climate_are_the_printed_tables() -> None:
    d, info = datasets.load("pharma"), datasets.describe("pharma")
    labels, (n, se, effect, theta) = columns(PHARMA)
    assert isinstance(d, data.GroupEstimates)
    assert tuple(x.replace("_", " ") for x in d.labels) == labels
    assert d.labels[0] == "Hospital_A"
    np.testing.assert_array_equal([d.y, d.sigma, info.extra["n"]], [effect, se, n])
    np.testing.assert_array_equal(info.truth["theta"], theta)
    # The printed standard errors are 15 / sqrt(n), rounded.
    np.testing.assert_array_equal(np.round(15 / np.sqrt(n), 2), se)
    d, info = datasets.load("climate"), datasets.describe("climate")
    labels, (years, trend, se, theta) = columns(CLIMATE)
    assert isinstance(d, data.GroupEstimates)
    assert d.labels == labels
    np.testing.assert_array_equal([d.y, d.sigma], [trend, se])
    np.testing.assert_array_equal(info.extra["years"], years)
    np.testing.assert_array_equal(info.truth["theta"], theta)


def test_streamrec_is_the_printed_table() -> None:
    d, info = datasets.load("streamrec"), datasets.describe("streamrec")
    labels, (n, y, rate, p) = columns(STREAMREC)
    assert isinstance(d, data.GroupedBinomial)
    assert d.labels == labels
    np.testing.assert_array_equal([d.n, d.y, info.truth["p"]], [n, y, p])
    # Printed rates follow from the counts but for the last digit of some.
    assert np.max(np.abs(rate - d.y / d.n)) < 1.5e-4


@pytest.mark.parametrize("name", SIMULATED)
def test_truth_is_given_for_the_default_model(name: str) -> None:
    info, d = datasets.describe(name), datasets.load(name)
    model = models.get(info.default_model)
    assert {p.name for p in model.top_level} < set(info.truth)
    assert len(truth(name, model.estimate)) == d.J
    assert "simulated" in info.title
    assert "Printed values" in info.note
    with pytest.raises(TypeError):
        info.truth["mu"] = 1.0  # type: ignore[index]


def test_published_data_have_no_truth() -> None:
    for name in (*set(GROUPED) - set(SIMULATED), "bcg", "coagulation"):
        assert not datasets.describe(name).truth


@pytest.mark.parametrize("name", GROUPED)
def test_every_model_of_the_kind_gets_legal_priors(name: str) -> None:
    d, info = datasets.load(name), datasets.describe(name)
    fitting = [m for m in map(models.get, models.names()) if m.kind == d.kind]
    known = {m.family for m in map(models.get, models.names())}
    assert set(info.family_priors) <= known
    assert models.get(info.default_model) in fitting
    family = models.get(info.default_model).family
    assert dict(info.family_priors[family]) == dict(info.priors)
    for model in fitting:
        chosen = resolve_priors(model, d)
        named = info.family_priors.get(model.family, {})
        assert {k for k, c in chosen.items() if c.origin != "default"} == set(named)


def test_streamrecs_priors() -> None:
    info = datasets.describe("streamrec")
    assert dict(info.priors) == {"mu": Beta(2, 2), "kappa": Pareto(1, 1.5)}
    # The log-odds of a Beta(2, 2) have mean 0 and variance 2 trigamma(2).
    sd = math.sqrt(2 * float(special.polygamma(1, 2)))
    assert info.family_priors["logit"]["mu"] == Normal(0, round(sd, 2))


def ran_as_printed() -> dict[str, Any]:
    """The source's own recipe for its numbers, drawn in its order."""
    rng = np.random.default_rng(42)
    effects = rng.normal(8.5, 2.5, size=12)
    n = np.array(datasets.describe("pharma").extra["n"])
    pharma = rng.normal(effects, 15 / np.sqrt(n))
    rng = np.random.default_rng(42)
    rng.beta(3.0, 7.0, size=25)
    sizes = np.clip((rng.pareto(1.5, size=25) * 5000).astype(int), 200, 500000)
    years = np.array(datasets.describe("climate").extra["years"])
    months = [np.arange(12 * y) / 120 for y in years]
    spread = [np.sqrt(np.sum((t - t.mean()) ** 2)) for t in months]
    return {"pharma": pharma, "sizes": sizes, "se": 0.8 / np.array(spread)}


def test_printed_values_are_not_those_of_the_sources_code() -> None:
    """The notes say so; what they say is checked here."""
    ran = ran_as_printed()
    assert round(float(ran["pharma"][0]), 2) == 9.31
    assert np.all(np.abs(ran["pharma"] - datasets.load("pharma").to_stan()["y"]) > 0.01)
    assert ran["sizes"].max() == 16100
    se = np.array(datasets.load("climate").to_stan()["sigma"])
    # Known noise of 0.8: the code's own estimates of it are within 5 % of these.
    assert np.all(ran["se"] / se > 2.5)
    years = np.array(datasets.describe("climate").extra["years"])
    power = np.polyfit(np.log(years), np.log(se), 1)[0]
    slope = np.polyfit(np.log(years), np.log(ran["se"]), 1)[0]
    assert (round(power, 1), round(slope, 1)) == (-1.0, -1.5)
    z = (datasets.load("climate").to_stan()["y"] - truth("climate", "theta")) / se
    assert round(float(z @ z), 2) == 0.92
    assert round(float(stats.chi2(8).cdf(z @ z)), 3) == 0.001


# --- the source's posteriors, by quadrature: the table in scripts/README.md


def normal_posterior(name: str) -> dict[str, Any]:
    """Means and sds of mu, tau, theta: mu and theta exactly, tau on a grid."""
    d, priors = datasets.load(name), datasets.describe(name).priors
    assert isinstance(d, data.GroupEstimates)
    y, sigma = d.y, d.sigma
    loc, scale = priors["mu"].args
    tau = np.linspace(1e-6, 4 * priors["tau"].args[0], 40001)[:, None]
    precision = 1 / (sigma**2 + tau**2)
    total = precision.sum(1) + scale**-2
    mean = (precision @ y + loc / scale**2) / total
    log_p = 0.5 * (np.log(precision) - precision * y**2).sum(1)
    log_p += 0.5 * (total * mean**2 - np.log(total))
    log_p += priors["tau"].distribution().logpdf(tau[:, 0])
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    own = 1 / (1 + (sigma / tau) ** 2)
    theta = p @ (own * y + (1 - own) * mean[:, None])
    mu, t = p @ mean, p @ tau[:, 0]
    sd_mu = math.sqrt(p @ (1 / total + mean**2) - mu**2)
    return {
        "mu": (mu, sd_mu),
        "tau": (t, math.sqrt(p @ tau[:, 0] ** 2 - t**2)),
        "theta": theta,
    }


def test_pharmas_posterior_is_not_the_printed_one() -> None:
    got = normal_posterior("pharma")
    np.testing.assert_allclose(got["mu"], (8.835, 0.793), atol=6e-4)
    np.testing.assert_allclose(got["tau"], (2.400, 0.719), atol=6e-4)
    # Printed: 8.671 (0.892) with a standard error of 0.014.
    assert abs(got["mu"][0] - 8.671) > 10 * 0.014


def test_climates_global_mean_is_the_printed_one_its_table_is_not() -> None:
    got = normal_posterior("climate")
    np.testing.assert_allclose(got["mu"], (0.2073, 0.0123), atol=6e-5)
    np.testing.assert_allclose(got["tau"], (0.0312, 0.0124), atol=6e-5)
    printed = [0.2026, 0.1900, 0.1998, 0.2389, 0.1692, 0.2166, 0.2290, 0.2131]
    exact = [0.2015, 0.1881, 0.1988, 0.2420, 0.1668, 0.2170, 0.2304, 0.2138]
    np.testing.assert_allclose(got["theta"], exact, atol=6e-5)
    assert np.max(np.abs(got["theta"] - printed)) > 0.003
    # No single tau gives the printed table: each row stands for one of its own.
    d = datasets.load("climate")
    assert isinstance(d, data.GroupEstimates)
    y, sigma = d.y, d.sigma
    weight = (np.array(printed) - 0.2072) / (y - 0.2072)
    tau = sigma * np.sqrt(weight / (1 - weight))
    assert tau.min() < 0.011
    assert tau.max() > 0.022


def streamrec_posterior() -> tuple[Vector, dict[str, float]]:
    """Means of p, mu and kappa on a grid of logit(mu) and log(kappa)."""
    d = datasets.load("streamrec")
    assert isinstance(d, data.GroupedBinomial)
    logit_mu, log_kappa = np.linspace(-2.2, 0.2, 161), np.linspace(0, 5.3, 241)
    mu, kappa = np.meshgrid(
        special.expit(logit_mu), np.exp(log_kappa), indexing="ij", sparse=False
    )
    a, b = mu * kappa, (1 - mu) * kappa
    log_p = stats.beta(2, 2).logpdf(mu) + stats.pareto(1.5).logpdf(kappa)
    log_p += np.log(mu * (1 - mu) * kappa)
    for y, n in zip(d.y, d.n, strict=True):
        log_p += special.betaln(a + y, b + n - y) - special.betaln(a, b)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    means = [np.sum(p * (a + y) / (kappa + n)) for y, n in zip(d.y, d.n, strict=True)]
    return np.array(means), {"mu": np.sum(p * mu), "kappa": np.sum(p * kappa)}


def test_streamrecs_errors_are_not_the_printed_ones() -> None:
    means, top = streamrec_posterior()
    assert (round(top["mu"], 3), round(top["kappa"], 1)) == (0.285, 13.8)
    d, rates = datasets.load("streamrec"), truth("streamrec", "p")
    assert isinstance(d, data.GroupedBinomial)
    expected = {
        "all": (d.n > 0, 4.604e-4, 3.724e-4),
        "small": (d.n < 2000, 1.4095e-3, 1.1343e-3),
        "large": (d.n >= 10000, 7.636e-6, 7.829e-6),
    }
    printed = {"all": 2.1476e-4, "small": 9.4312e-4, "large": 2.18e-6}
    for part, (rows, raw, pooled) in expected.items():
        square = np.square(np.array([d.y / d.n, means]) - rates)[:, rows].mean(1)
        np.testing.assert_allclose(square, (raw, pooled), rtol=1e-3)
        assert raw > 1.4 * printed[part]
