"""Ranks: uniform for the right posterior, whatever the ties and the autocorrelation."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from hbstan.errors import ConvertError, SettingsError
from hbstan.mixing import mixing
from hbstan.sbc.ranks import (
    Ranking,
    common_rank,
    kept_draws,
    positions,
    random_rank,
    rank_all,
)


def uniform(ranks: Any, max_rank: int, cells: int | None = None) -> float:
    """Return the chi-square p-value of ranks being uniform."""
    cells = cells or max_rank + 1
    counts = np.bincount(np.asarray(ranks) * cells // (max_rank + 1), minlength=cells)
    return float(stats.chisquare(counts).pvalue)


def ranks_of(values: Any, draws: Any, ess: float, ranking: Ranking, seed: int) -> Any:
    """Rank each value among draws of its own: simulations as quantities."""
    rng = np.random.default_rng(seed)
    count = draws.shape[2]
    return rank_all(values, draws, np.full(count, ess), ranking, rng)


class Fixed:
    """A generator that returns what it was told to: for going through all cases."""

    def __init__(self, number: Any) -> None:
        self.number = number

    def integers(self, low: int, high: Any, endpoint: bool) -> Any:
        assert low == 0
        assert endpoint
        assert self.number <= high
        return self.number

    def random(self, shape: tuple[int, ...]) -> Any:
        return np.broadcast_to(self.number, shape)


@pytest.mark.parametrize("draws", [1, 2, 4])
def test_random_ranks_are_exactly_uniform_in_spite_of_ties(draws: int) -> None:
    """Every sample of a variable on three points, and every way to break its ties."""
    chances = {0.0: 0.2, 1.0: 0.5, np.inf: 0.3}
    mass = np.zeros(draws + 1)
    for sample in itertools.product(chances, repeat=draws + 1):
        value, others = sample[0], np.array(sample[1:])
        probability = math.prod(chances[x] for x in sample)
        ways = int((others == value).sum()) + 1
        for way in range(ways):
            fixed: Any = Fixed(way)
            mass[random_rank(value, others, fixed)] += probability / ways
    assert mass == pytest.approx(np.full(draws + 1, 1 / (draws + 1)), rel=1e-12)


@pytest.mark.parametrize("kept", [1, 2, 7, 40, 119, 500])
@pytest.mark.parametrize("top", [1, 9, 119])
def test_common_ranks_are_exactly_uniform(kept: int, top: int) -> None:
    """With U on the midpoints of a grid that every cell's border is a line of."""
    counts = np.zeros(top + 1, dtype=int)
    for step in range(top + 1):
        fixed: Any = Fixed((step + 0.5) / (top + 1))
        found = common_rank(np.arange(kept + 1), kept, top, fixed)
        counts += np.bincount(found, minlength=top + 1)
    assert (counts == kept + 1).all()


def test_rounding_a_rank_to_another_scale_is_not_uniform() -> None:
    """What the random part is there for."""
    fixed: Any = Fixed(0.0)
    found = common_rank(np.arange(8), 7, 4, fixed)
    assert len(set(np.bincount(found))) > 1


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
    assert (common_rank(rank, kept, 19, rng) == rank).all()


def autocorrelated(rng: np.random.Generator, rho: float, n: int, count: int) -> Any:
    """Stationary AR(1) chains with standard normal margins, ``(1, n, count)``."""
    noise = rng.standard_normal((n, count)) * np.sqrt(1 - rho**2)
    noise[0] = rng.standard_normal(count)
    return lfilter([1.0], [1.0, -rho], noise, axis=0)[None]


@pytest.mark.parametrize("rho", [-0.5, 0.5, 0.9])
def test_autocorrelation_fakes_no_failure(rho: float) -> None:
    rng = np.random.default_rng(6)
    draws = autocorrelated(rng, rho, 500, 4000)
    values = rng.standard_normal(4000)
    mixed = mixing(draws)
    ess = np.fmin(mixed.ess_bulk, mixed.ess_tail)
    found = rank_all(values, draws, ess, Ranking(), rng)
    assert uniform(found.rank, 119, 20) > 0.01
    assert found.kept.max() < 500 * 0.7


def test_autocorrelation_does_if_all_draws_are_kept() -> None:
    """Of the same chains, the ranks among all draws pile up at both ends."""
    rng = np.random.default_rng(8)
    draws = autocorrelated(rng, 0.9, 250, 8000)
    values = rng.standard_normal(8000)
    ess = mixing(draws).ess_bulk
    naive = rank_all(values, draws, np.full(8000, 250.0), Ranking(119, 1.0), rng)
    assert (naive.kept == 250).all()
    assert uniform(naive.rank, 119, 20) < 1e-6
    assert uniform(rank_all(values, draws, ess, Ranking(), rng).rank, 119, 20) > 0.01


def test_thinned_chains_still_show_a_wrong_posterior() -> None:
    rng = np.random.default_rng(7)
    draws = autocorrelated(rng, 0.5, 500, 4000)
    values = rng.standard_normal(4000)
    ess = mixing(draws).ess_bulk
    for wrong in (draws + 0.2, 0.8 * draws, 1.25 * draws):
        found = rank_all(values, wrong, ess, Ranking(), rng)
        assert uniform(found.rank, 119, 20) < 1e-6


def test_what_is_left_of_the_autocorrelation_is_small() -> None:
    """Two integrated autocorrelation times apart, for any AR(1) chain."""
    rho = np.linspace(0.01, 0.999, 500)
    time = (1 + rho) / (1 - rho)
    left = rho ** (2 * time)
    assert left.max() < 0.02
    assert (rho**time).max() > 0.1  # one time apart is not enough


@given(
    ess=st.floats(allow_nan=True, allow_infinity=True),
    draws=st.integers(1, 10_000),
    fraction=st.floats(0.01, 1.0),
)
def test_at_least_one_draw_is_kept_and_at_most_all(
    ess: float, draws: int, fraction: float
) -> None:
    kept = kept_draws(np.array([ess, ess]), draws, fraction, np.array([False, True]))
    assert 1 <= kept[0] <= draws
    assert kept[1] == draws
    if 1 <= fraction * ess < draws:
        assert kept[0] == math.floor(fraction * ess)
    assert kept_draws(np.array([ess]), draws, fraction) == kept[0]


@given(st.integers(1, 400), st.data())
def test_positions_are_evenly_spaced(draws: int, data: st.DataObject) -> None:
    kept = data.draw(st.integers(1, draws))
    found = positions(kept, draws)
    steps = np.diff(found)
    assert found.shape == (kept,)
    assert 0 <= found.min() <= found.max() < draws
    assert (steps >= draws // kept).all()
    assert (steps <= -(-draws // kept)).all()
    assert abs(found.sum() / kept - (draws - 1) / 2) <= 1  # no end is preferred
    several = positions(np.array([kept, draws]), draws)
    assert several[0, :kept].tolist() == found.tolist()
    assert (several[0, kept:] == -1).all()
    assert several[1].tolist() == list(range(draws))


@given(
    st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 2.5, np.inf]), min_size=1),
    st.sampled_from([-np.inf, 0.0, 1.0, np.inf]),
    st.integers(0, 2**32 - 1),
)
def test_random_ranks_lie_among_the_ties(
    draws: list[float], value: float, seed: int
) -> None:
    found = int(random_rank(value, np.array(draws), np.random.default_rng(seed)))
    below = sum(d < value for d in draws)
    assert below <= found <= below + draws.count(value) <= len(draws)


@given(st.integers(1, 300), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_common_ranks_stay_on_their_scale(kept: int, top: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = np.arange(kept + 1)
    found = common_rank(rank, np.full(kept + 1, kept), top, rng)
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
    with pytest.raises(ConvertError, match=r"quantities 1 \(counted from 0\).*NaN"):
        ranks_of(np.zeros(3), draws, 50, Ranking(), 1)
    with pytest.raises(ConvertError, match="quantities 0, 1 "):
        ranks_of(np.array([np.nan, 0, 0]), draws, 50, Ranking(), 1)


@pytest.mark.parametrize("shape", [(1, 50), (1, 50, 2), (1, 0, 3), (1, 50, 3, 1)])
def test_shapes_that_do_not_fit_are_named(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(ConvertError, match=rf"draws of shape \({shape[0]}, {shape[1]}"):
        rank_all(np.zeros(3), np.zeros(shape), np.ones(3), Ranking(), rng)


def test_a_constant_quantity_keeps_all_draws() -> None:
    """A chain that never moves is ranked among all its draws, with or without ESS."""
    rng = np.random.default_rng(10)
    ess = np.array([np.nan, 3.0])
    found = rank_all(np.array([1.0, 2.0]), np.ones((2, 60, 2)), ess, Ranking(), rng)
    assert found.kept.tolist() == [120, 120]
    assert found.rank[1] == 119  # above all of them, which few draws would not show


def test_ranks_depend_on_the_generator_alone() -> None:
    rng = np.random.default_rng(11)
    values, draws = np.zeros(5), rng.poisson(0.3, (2, 50, 5)).astype(float)
    first, again, other = (
        ranks_of(values, draws, 80, Ranking(), seed).rank.tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


def test_settings_are_recorded() -> None:
    assert Ranking().record() == {"max_rank": 119, "ess_fraction": 0.5}
    for share in (0.5, 0.8, 0.9, 0.95):  # whole numbers of ranks in the tails
        assert (120 * (1 - share) / 2) == pytest.approx(round(120 * (1 - share) / 2))


@pytest.mark.parametrize("max_rank", [0, -1, 1.5, True, "9", 10**6])
def test_illegal_max_rank_is_named(max_rank: Any) -> None:
    with pytest.raises(SettingsError, match="max_rank is"):
        Ranking(max_rank)


@pytest.mark.parametrize("fraction", [0, -0.5, 1.01, float("nan"), "half"])
def test_illegal_fraction_is_named(fraction: Any) -> None:
    with pytest.raises(SettingsError, match="ess_fraction is"):
        Ranking(ess_fraction=fraction)
