"""Powers of priors, and the distance of posteriors, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from arviz_stats.base import array_stats
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sensitivity_exact import distance

import hbstan as hb
from hbstan.errors import PriorError
from hbstan.priors import FAMILIES, LKJ, Prior
from hbstan.sensitivity import power_of
from hbstan.sensitivity.distance import cjs_distance, noise

PRIORS = [
    LKJ(2.0),
    hb.Normal(1.5, 2.0),
    hb.StudentT(3.0, -1.0, 2.0),
    hb.HalfNormal(0.7),
    hb.HalfCauchy(1.0),
    hb.HalfStudentT(4.0, 2.5),
    hb.Exponential(0.3),
    hb.Beta(2.0, 0.5),
    hb.Gamma(2.0, 0.1),
    hb.Pareto(1.0, 1.5),
]
INSIDE = np.linspace(0.02, 0.98, 25)


def ratio(prior: Prior, other: Prior, alpha: float) -> np.ndarray:
    x = prior.distribution().ppf(INSIDE)
    return other.distribution().logpdf(x) - alpha * prior.distribution().logpdf(x)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize("alpha", [0.6, 1.0, 1.7])
def test_the_density_is_the_power_up_to_a_constant(prior: Prior, alpha: float) -> None:
    other = power_of(prior, alpha)
    assert other.role == prior.role
    assert np.ptp(ratio(prior, other, alpha)) < 1e-9
    if alpha != 1.0:
        assert np.ptp(ratio(prior, prior, alpha)) > 0.1


def test_every_family_is_there() -> None:
    assert {type(prior) for prior in PRIORS} == set(FAMILIES.values())


@pytest.mark.parametrize(
    ("prior", "alpha"),
    [
        (hb.HalfCauchy(1.0), 0.5),
        (hb.StudentT(1.0, 0.0, 1.0), 0.4),
        (hb.Beta(0.5, 2.0), 2.0),
        (hb.Gamma(0.5, 1.0), 2.5),
        (hb.Pareto(1.0, 0.5), 0.6),
    ],
    ids=str,
)
def test_an_improper_power_is_refused(prior: Prior, alpha: float) -> None:
    with pytest.raises(PriorError, match="no finite integral"):
        power_of(prior, alpha)


def test_an_unknown_family_is_refused() -> None:
    class Odd(Prior):
        pass

    with pytest.raises(PriorError, match="no family"):
        power_of(Odd(), 0.5)


@pytest.mark.parametrize("law", [(0.0, 1.0), (0.3, 1.0), (0.0, 1.5), (3.0, 0.5)])
def test_the_distance_of_two_normals(law: tuple[float, float]) -> None:
    # Quantiles in the place of draws leave only the error of the sum.
    grid = (np.arange(4000) + 0.5) / 4000
    a, b = stats.norm.ppf(grid), stats.norm.ppf(grid, *law)
    both = np.concatenate([a, b])
    exact = distance((0.0, 1.0), law, both.min(), both.max())
    assert cjs_distance(a, b) == pytest.approx(exact, abs=2e-3)
    assert cjs_distance(b, a) == pytest.approx(cjs_distance(a, b), abs=1e-12)
    assert (cjs_distance(a, b) == 0.0) == (law == (0.0, 1.0))


def test_the_distance_is_arvizs() -> None:
    rng = np.random.default_rng(4)
    x, w = rng.gamma(2.0, size=(4, 500)), rng.integers(0, 5, 2000).astype(float)
    shaped = (w / w.sum()).reshape(x.shape)
    theirs = array_stats.power_scale_sense(
        x, shaped, shaped, lower_alpha=0.5, upper_alpha=2.0
    )
    ours = cjs_distance(x, np.repeat(x.ravel(), w.astype(int)))
    assert ours == pytest.approx(float(theirs), rel=1e-9)


@given(
    shift=st.floats(-100, 100),
    factor=st.floats(0.01, 100),
    sign=st.sampled_from([1, -1]),
)
def test_the_distance_has_no_unit(shift: float, factor: float, sign: int) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=50), rng.normal(1.0, 2.0, size=70)
    moved = (sign * factor * x + shift for x in (a, b))
    assert cjs_distance(*moved) == pytest.approx(cjs_distance(a, b), rel=1e-6)


def test_samples_apart_are_as_far_as_can_be() -> None:
    a, b = np.linspace(0, 1, 50), np.linspace(1000, 1001, 50)
    assert 0.99 < cjs_distance(a, b) <= 1.0
    assert cjs_distance(np.ones(5), np.ones(5)) == 0.0


def test_noise_is_what_independent_runs_show() -> None:
    rng = np.random.default_rng(6)
    runs = rng.normal(size=(60, 2, 4, 500))
    between = np.mean([cjs_distance(a, b) for a, b in runs])
    guessed = np.mean([noise(a) for a, _ in runs])
    assert guessed == pytest.approx(between, rel=0.15)
    single = np.mean([noise(a.reshape(1, -1)) for a, _ in runs])
    assert single == pytest.approx(between, rel=0.2)
    # Chains that disagree make noise.
    assert noise(runs[0, 0] + np.arange(4)[:, None]) > 5 * between
