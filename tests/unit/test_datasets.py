"""The bundled datasets against the figures of their sources."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hbstan import data, datasets
from hbstan.errors import DataError
from hbstan.priors import FAMILIES, HalfCauchy, HalfNormal, Normal

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


def table(text: str) -> list[tuple[str, ...]]:
    rows = [line.split() for line in text.strip().splitlines()]
    return list(zip(*rows, strict=True))


def test_names_are_sorted() -> None:
    assert datasets.names() == ("eight_schools", "eight_schools_unrounded", "surgical")


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
    ],
)
def test_hashes_are_fixed(name: str, digest: str) -> None:
    """A change here would orphan every result that records a dataset's hash."""
    assert datasets.load(name).hash == digest


def test_round_trip_through_a_frame() -> None:
    for name in datasets.names():
        d = datasets.load(name)
        assert data.load(d.to_frame()) == d


@pytest.mark.parametrize("call", [datasets.load, datasets.describe])
def test_unknown_name(call: object) -> None:
    with pytest.raises(DataError) as caught:
        call("eight_school")  # type: ignore[operator]
    text = str(caught.value)
    assert "no bundled dataset 'eight_school'" in text
    assert "legal: eight_schools, eight_schools_unrounded, surgical" in text
    assert "Did you mean 'eight_schools'?" in text
    with pytest.raises(DataError, match="no bundled dataset 3"):
        call(3)  # type: ignore[operator]
