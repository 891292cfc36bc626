"""Ranks: uniform for the right posterior, whatever the ties and the autocorrelation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from hbstan.errors import SettingsError
from hbstan.sbc.mixing import mixing
from hbstan.sbc.ranks import Ranking, common_ranks, kept_draws, rank_all


def uniform(ranks: Any, max_rank: int, cells: int | None = None) -> float:
    """Return the chi-square p-value of ranks being uniform."""
    cells = cells or max_rank + 1
    counts = np.bincount(np.asarray(ranks) * cells // (max_rank + 1), minlength=cells)
    return float(stats.chisquare(counts).pvalue)


def ranks_of(values: Any, draws: Any, ess: float, ranking: Ranking, seed: int) -> Any:
    """Rank many values, each among its own draws: simulations take quantities' place."""
    rng = np.random.default_rng(seed)
    count = draws.shape[2]
    return rank_all(values, draws, np.full(count, ess), ranking, rng)


@pytest.mark.parametrize("kept", [3, 40, 119, 200])
@pytest.mark.parametrize("max_rank", [1, 7, 119])
def test_ranks_of_exact_draws_are_uniform(kept: int, max_rank: int) -> None:
    rng = np.random.default_rng(kept + max_rank)
    values, draws = rng.normal(size=20_000), rng.normal(size=(1, kept, 20_000))
    found = ranks_of(values, draws, kept, Ranking(max_rank, 1.0), 1)
    assert set(found.kept) == {kept}
    assert uniform(found.rank, max_rank) > 0.01


def test_ties_are_broken_at_random() -> None:
    """Of a discrete quantity most draws equal the value."""
    rng = np.random.default_rng(3)
    values = rng.poisson(0.5, 20_000).astype(float)
    draws = rng.poisson(0.5, (1, 39, 20_000)).astype(float)
    found = ranks_of(values, draws, 39, Ranking(39, 1.0), 2)
    assert uniform(found.rank, 39) > 0.01
    lowest = (draws[0] < values).sum(axis=0)  # what counting alone would say
    assert uniform(lowest, 39) < 1e-100


def test_a_shifted_posterior_is_seen() -> None:
    rng = np.random.default_rng(4)
    values, draws = rng.normal(size=2000), rng.normal(0.2, 1.0, size=(1, 100, 2000))
    found = ranks_of(values, draws, 100, Ranking(19, 1.0), 3)
    assert uniform(found.rank, 19) < 1e-6


def test_the_common_scale_is_the_identity_where_sizes_agree() -> None:
    rng = np.random.default_rng(5)
    rank = np.arange(20)
    kept = np.full(20, 19)
    assert (common_ranks(rank, kept, 19, rng) == rank).all()


def autocorrelated(rng: np.random.Generator, rho: float, n: int, count: int) -> Any:
    """Stationary AR(1) chains with standard normal margins, ``(1, n, count)``."""
    noise = rng.standard_normal((n, count)) * np.sqrt(1 - rho**2)
    noise[0] = rng.standard_normal(count)
    return lfilter([1.0], [1.0, -rho], noise, axis=0)[None]


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_autocorrelation_fakes_no_failure(rho: float) -> None:
    rng = np.random.default_rng(6)
    draws = autocorrelated(rng, rho, 500, 4000)
    values = rng.standard_normal(4000)
    mixed = mixing(draws)
    ess = np.fmin(mixed.ess_bulk, mixed.ess_tail)
    found = rank_all(values, draws, ess, Ranking(), rng)
    assert uniform(found.rank, 119, 20) > 0.01
    assert found.kept.max() < 500 * 0.6


def test_autocorrelation_without_thinning_does() -> None:
    """The same chain, ranked among all draws: both ends pile up."""
    rng = np.random.default_rng(7)
    draws = autocorrelated(rng, 0.95, 200, 4000)
    values = rng.standard_normal(4000)
    found = ranks_of(values, draws, 200.0, Ranking(19, 1.0), 4)
    assert uniform(found.rank, 19) < 1e-6


@given(
    ess=st.floats(allow_nan=True, allow_infinity=True),
    draws=st.integers(1, 10_000),
    fraction=st.floats(0.01, 1.0),
)
def test_at_least_one_draw_is_kept_and_at_most_all(
    ess: float, draws: int, fraction: float
) -> None:
    kept = kept_draws(np.array([ess]), draws, fraction)
    assert 1 <= kept[0] <= draws


@given(st.integers(1, 300), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_common_ranks_stay_on_their_scale(kept: int, top: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = np.arange(kept + 1)
    found = common_ranks(rank, np.full(kept + 1, kept), top, rng)
    assert found.min() >= 0
    assert found.max() <= top
    assert (np.diff(found) >= 0).all() or kept > top


def test_thinning_spreads_over_all_chains() -> None:
    """The value is above all draws of the first half of the chains, below the rest."""
    draws = np.zeros((4, 25, 1))
    draws[2:] = 2.0
    for ess in (2, 10, 50, 100):
        found = ranks_of(np.ones(1), draws, ess, Ranking(9, 1.0), 5)
        assert found.kept[0] == ess
    rng = np.random.default_rng(1)
    found = rank_all(np.ones(1), draws, np.array([100.0]), Ranking(100, 1.0), rng)
    assert found.rank[0] == 50


def test_infinite_values_have_their_place() -> None:
    draws = np.random.default_rng(8).normal(size=(1, 50, 3))
    draws[0, :, 2] = np.inf
    values = np.array([-np.inf, np.inf, np.inf])
    for seed in range(20):
        found = ranks_of(values, draws, 50, Ranking(50, 1.0), seed)
        assert found.rank[0] == 0
        assert found.rank[1] == 50
        assert 0 <= found.rank[2] <= 50


def test_what_is_no_number_has_no_rank() -> None:
    draws = np.random.default_rng(9).normal(size=(1, 50, 3))
    draws[0, 3, 1] = np.nan
    with pytest.raises(ArithmeticError, match="quantities 1 are"):
        ranks_of(np.zeros(3), draws, 50, Ranking(), 1)
    with pytest.raises(ArithmeticError, match="quantities 0, 1 are"):
        ranks_of(np.array([np.nan, 0, 0]), draws, 50, Ranking(), 1)


@pytest.mark.parametrize("max_rank", [0, -1, 1.5, True, "9", 10**6])
def test_illegal_max_rank_is_named(max_rank: Any) -> None:
    with pytest.raises(SettingsError, match="max_rank is"):
        Ranking(max_rank)


@pytest.mark.parametrize("fraction", [0, -0.5, 1.01, float("nan"), "half"])
def test_illegal_fraction_is_named(fraction: Any) -> None:
    with pytest.raises(SettingsError, match="ess_fraction is"):
        Ranking(ess_fraction=fraction)
