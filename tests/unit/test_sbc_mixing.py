"""Vectorised convergence statistics against ArviZ, quantity by quantity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.signal import lfilter

from hbstan.sbc.mixing import mixing


def ar1(rng: np.random.Generator, rho: float, shape: tuple[int, int]) -> Any:
    noise = rng.standard_normal((shape[0], shape[1] + 50))
    return lfilter([1.0], [1.0, -rho], noise, axis=1)[:, 50:]


def sample(chains: int, draws: int, seed: int) -> np.ndarray:
    """Chains of many kinds, ``(chain, draw, quantity)``."""
    rng = np.random.default_rng(seed)
    shape = (chains, draws)
    kinds = [ar1(rng, rho, shape) for rho in (-0.7, 0.0, 0.5, 0.9, 0.99)]
    kinds += [
        rng.poisson(2.0, shape).astype(float),  # ties
        rng.integers(0, 2, shape).astype(float),
        rng.standard_cauchy(shape),
        np.cumsum(rng.standard_normal(shape), axis=1),  # never mixes
        rng.standard_normal(shape) + 5 * np.arange(chains)[:, None],
        np.linspace(0, 1, draws) + np.zeros(shape),
    ]
    return np.stack(kinds, axis=2)


@pytest.mark.parametrize("chains", [1, 2, 4])
@pytest.mark.parametrize("draws", [8, 9, 25, 100, 101, 500])
def test_effective_sample_sizes_are_arvizs(chains: int, draws: int) -> None:
    x = sample(chains, draws, seed=draws + chains)
    found = mixing(x)
    for q in range(x.shape[2]):
        one = x[:, :, q]
        bulk = array_stats.ess(one, method="bulk")
        tail = array_stats.ess(one, method="tail", prob=(0.05, 0.95))
        assert found.ess_bulk[q] == pytest.approx(float(bulk), rel=1e-9), q
        assert found.ess_tail[q] == pytest.approx(float(tail), rel=1e-9), q


@pytest.mark.parametrize("chains", [1, 2, 4])
@pytest.mark.parametrize("draws", [8, 9, 25, 100, 101, 500])
def test_rhat_is_arvizs(chains: int, draws: int) -> None:
    x = sample(chains, draws, seed=draws + chains)
    found = mixing(x).rhat
    half = draws // 2
    for q in range(x.shape[2]):
        one = x[:, :, q]
        if chains == 1:  # nothing to compare but its halves
            one = np.concatenate([one[:, :half], one[:, -half:]])
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = float(array_stats.rhat(one))
        assert found[q] == pytest.approx(expected, rel=1e-10, nan_ok=True), q


def test_bad_chains_are_told_from_good_ones() -> None:
    rng = np.random.default_rng(1)
    good = rng.standard_normal((4, 500))
    apart = good + 2 * np.arange(4)[:, None]
    drifting = rng.standard_normal((1, 500)) + np.linspace(0, 3, 500)
    both = mixing(np.stack([good, apart], axis=2))
    assert both.rhat[0] < 1.01 < 1.5 < both.rhat[1]
    assert both.ess_bulk[0] > 1500 > 20 > both.ess_bulk[1]
    assert mixing(drifting[:, :, None]).rhat[0] > 1.2


def test_quantities_without_statistics() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 100, 4))
    x[:, :, 1] = 3.0
    x[0, 5, 2] = np.nan
    x[1, 7, 3] = np.inf
    found = mixing(x)
    alone = mixing(x[:, :, :1])
    assert found.rhat[0] == alone.rhat[0]  # the others do not spoil it
    assert found.ess_bulk[0] == alone.ess_bulk[0]
    assert np.isnan(found.rhat[1:]).all()
    assert found.ess_bulk[1] == 200
    assert np.isnan(found.ess_bulk[2:]).all()
    assert np.isnan(found.ess_tail[2:]).all()


@pytest.mark.parametrize("draws", [1, 3])
def test_too_few_draws_have_no_statistics(draws: int) -> None:
    found = mixing(np.zeros((2, draws, 3)))
    for values in (found.rhat, found.ess_bulk, found.ess_tail):
        assert np.isnan(values).all()
        assert values.shape == (3,)
