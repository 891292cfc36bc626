"""Vectorised convergence statistics against ArviZ, quantity by quantity."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.signal import lfilter

from hbstan.errors import ConvertError
from hbstan.mixing import mixing


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


def same_as_arviz(x: np.ndarray) -> None:
    """Hold all three statistics of all quantities against ArviZ."""
    found = mixing(x)
    half = x.shape[1] // 2
    for q in range(x.shape[2]):
        one = x[:, :, q]
        # Of a single chain there is nothing to compare but its halves.
        pair = np.concatenate([one[:, :half], one[:, -half:]])
        with np.errstate(all="ignore"):
            bulk = float(array_stats.ess(one, method="bulk"))
            tail = float(array_stats.ess(one, method="tail", prob=(0.05, 0.95)))
            rhat = float(array_stats.rhat(pair if len(one) == 1 else one))
        close = functools.partial(pytest.approx, rel=1e-10, nan_ok=True)
        assert found.ess_bulk[q] == close(bulk), q
        assert found.ess_tail[q] == close(tail), q
        assert found.rhat[q] == close(rhat), q


@pytest.mark.parametrize("chains", [1, 2, 4])
@pytest.mark.parametrize("draws", [4, 5, 7, 8, 9, 11, 25, 100, 101, 500])
def test_statistics_are_arvizs(chains: int, draws: int) -> None:
    same_as_arviz(sample(chains, draws, seed=draws + chains))


@pytest.mark.parametrize("chains", [1, 2])
def test_odd_quantities_have_arvizs_statistics(chains: int) -> None:
    x = sample(chains, 100, seed=3)[:, :, :8]
    x[:, :, 0] = 7.0
    x[0, 3, 1] = np.inf
    x[-1, 5:9, 2] = -np.inf
    x[:, :, 3] = np.inf
    x[:, 40:, 4] = np.inf  # the median, too
    x[0, 0, 5] = np.nan
    x[:, :, 6] = np.arange(chains)[:, None]  # chains that stand still apart
    x[:, :, 7] *= 1e-20
    same_as_arviz(x)


def test_the_comparison_with_arviz_is_sharp() -> None:
    """One draw in another place does not pass for the same."""
    x = sample(2, 100, seed=4)[:, :, 2:3]
    found, moved = mixing(x), mixing(np.roll(x, 1, axis=1))
    for name in ("rhat", "ess_bulk", "ess_tail"):
        one, other = getattr(found, name), getattr(moved, name)
        assert one != pytest.approx(other, rel=1e-6)


def test_many_quantities_are_as_each_alone() -> None:
    """More than are transformed at once; and one's ties are not another's."""
    x = np.tile(sample(2, 101, seed=5), (1, 1, 30))
    together = mixing(x)
    for q in range(11):
        alone = mixing(x[:, :, q : q + 1])
        for name in ("rhat", "ess_bulk", "ess_tail"):
            every = getattr(together, name)[q::11]
            assert every == pytest.approx(getattr(alone, name)[0], rel=1e-12)


def test_an_ar1_chain_has_its_closed_form() -> None:
    """ESS of AR(1): n (1 - rho) / (1 + rho), which the mean of 8 meets within 3 %."""
    rng = np.random.default_rng(6)
    for rho in (0.0, 0.5, 0.9):
        x = np.stack([ar1(rng, rho, (4, 10_000)) for _ in range(8)], axis=2)
        expected = 40_000 * (1 - rho) / (1 + rho)
        assert mixing(x).ess_bulk.mean() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("quantities", [1, 11])
def test_draws_are_neither_changed_nor_judged_anew(quantities: int) -> None:
    x = sample(1, 100, seed=7)[:, :, :quantities].copy()
    x[0, 0, 0] = np.nan
    before = x.copy()
    first, again = mixing(x), mixing(x)
    assert np.array_equal(x, before, equal_nan=True)
    for name in ("rhat", "ess_bulk", "ess_tail"):
        one, other = getattr(first, name), getattr(again, name)
        assert np.array_equal(one, other, equal_nan=True)


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
    x = rng.standard_normal((2, 100, 3))
    x[:, :, 1] = 3.0
    x[0, 5, 2] = np.nan
    found = mixing(x)
    alone = mixing(x[:, :, :1])
    assert found.rhat[0] == alone.rhat[0]  # the others do not spoil it
    assert found.ess_bulk[0] == alone.ess_bulk[0]
    assert np.isnan(found.rhat[1:]).all()
    assert found.ess_bulk[1] == 200
    assert found.ess_tail[1] == 200
    assert np.isnan(found.ess_bulk[2])
    assert np.isnan(found.ess_tail[2])


@pytest.mark.parametrize("shape", [(100,), (2, 100), (0, 100, 3), (1, 2, 100, 3)])
def test_draws_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConvertError, match=rf"shape {re.escape(str(shape))}"):
        mixing(np.zeros(shape))


@pytest.mark.parametrize("draws", [1, 3])
def test_too_few_draws_have_no_statistics(draws: int) -> None:
    found = mixing(np.zeros((2, draws, 3)))
    for values in (found.rhat, found.ess_bulk, found.ess_tail):
        assert np.isnan(values).all()
        assert values.shape == (3,)
