"""Uniformity of ranks against enumeration, simulation and closed forms."""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from arviz_stats.ecdf_utils import simulate_confidence_bands
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr, ndtri

from hbstan.errors import SettingsError
from hbstan.sbc.detection import detectable, power, scaled_cells, shifted_cells
from hbstan.sbc.uniformity import band, ecdf_difference, holm, p_value, p_values

TINY = [(1, 1), (2, 1), (5, 1), (1, 4), (2, 5), (3, 2), (4, 3), (5, 2), (5, 3)]
UNIFORM_20 = np.full(20, 0.05)


def tail(count: int, n: int, z: Fraction) -> Fraction:
    """Probability that a binomial variable is at most ``count``."""
    terms = (math.comb(n, j) * z**j * (1 - z) ** (n - j) for j in range(count + 1))
    return sum(terms, Fraction(0))


def exact_level(counts: tuple[int, ...], n: int) -> Fraction:
    """Smallest two-sided pointwise tail of a path, in rational numbers."""
    cells = len(counts) + 1
    tails = []
    for k, count in enumerate(counts, start=1):
        z = Fraction(k, cells)
        tails += [tail(count, n, z), 1 - tail(count - 1, n, z)]
    return min(2 * min(tails), Fraction(1))


def path_of(ranks: tuple[int, ...], max_rank: int) -> tuple[int, ...]:
    return tuple(sum(r < k for r in ranks) for k in range(1, max_rank + 1))


@functools.cache
def all_paths(n: int, max_rank: int) -> dict[tuple[int, ...], tuple[Any, Any]]:
    """Path to its probability and some ranks that have it, by listing all ranks."""
    every = list(itertools.product(range(max_rank + 1), repeat=n))
    number = Counter(path_of(ranks, max_rank) for ranks in every)
    example = {path_of(ranks, max_rank): ranks for ranks in every}
    return {p: (Fraction(c, len(every)), example[p]) for p, c in number.items()}


@functools.cache
def exact_levels(n: int, max_rank: int) -> dict[tuple[int, ...], Fraction]:
    return {path: exact_level(path, n) for path in all_paths(n, max_rank)}


def inside(counts: Any, found: Any) -> Any:
    """Tell which paths, one a row, are within a band."""
    counts = np.asarray(counts)
    return ((counts >= found.lower) & (counts <= found.upper)).all(axis=-1)


def paths_of_cells(
    cells: Any, n: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    return rng.multinomial(n, cells, size=size).cumsum(axis=1)[:, :-1]


def agree(share: float, truth: float, size: int) -> bool:
    """Whether a simulated share is within four standard errors of the truth."""
    return abs(share - truth) < 4 * math.sqrt(max(truth * (1 - truth), 1e-6) / size)


def stay_by_binomials(lower: Any, upper: Any, n: int) -> float:
    """Probability of a band by conditional binomials, another factorisation.

    Given k cells' count c, the next cell is binomial(n - c, 1 / (cells left)).
    """
    weights = np.zeros(n + 1)
    weights[0] = 1.0
    for k, (low, high) in enumerate(zip(lower, upper, strict=True)):
        left = 1.0 / (len(lower) + 1 - k)
        after = np.zeros(n + 1)
        for count in np.flatnonzero(weights):
            steps = stats.binom.pmf(np.arange(n - count + 1), n - count, left)
            after[count:] += weights[count] * steps
        after[:low] = 0.0
        after[high + 1 :] = 0.0
        weights = after
    return float(weights.sum())


# ---- the band


@pytest.mark.parametrize("prob", [0.31, 0.5, 0.8, 0.949])
@pytest.mark.parametrize(("n", "max_rank"), TINY)
def test_the_band_covers_as_enumerated(n: int, max_rank: int, prob: float) -> None:
    found = band(n, max_rank, prob)
    paths = all_paths(n, max_rank)
    covered = sum(p for path, (p, _) in paths.items() if inside(path, found))
    assert found.prob == pytest.approx(float(covered), abs=1e-12)
    assert covered >= Fraction(prob)
    # The levels of the paths inside are the larger ones, and one fewer is too few.
    levels = exact_levels(n, max_rank)
    least = min(levels[path] for path in paths if inside(path, found))
    assert all(inside(path, found) == (levels[path] >= least) for path in paths)
    smaller = sum(p for path, (p, _) in paths.items() if levels[path] > least)
    assert smaller < Fraction(prob)


@pytest.mark.parametrize(("n", "max_rank"), [(40, 7), (200, 19), (60, 119)])
def test_the_band_covers_by_another_factorisation(n: int, max_rank: int) -> None:
    found = band(n, max_rank)
    truth = stay_by_binomials(found.lower, found.upper, n)
    assert found.prob == pytest.approx(truth, abs=1e-11)
    assert 0.95 <= found.prob < 0.96
    assert stay_by_binomials(found.lower + 1, found.upper, n) < found.prob - 0.01


def test_the_band_covers_in_simulations() -> None:
    rng = np.random.default_rng(1)
    found = band(300, 39, 0.9)
    counts = paths_of_cells(np.full(40, 1 / 40), 300, 40_000, rng)
    share = float(inside(counts, found).mean())
    assert agree(share, found.prob, 40_000)
    z = found.z
    pointwise = stats.binom.ppf([[0.05], [0.95]], 300, z)
    naive = ((counts >= pointwise[0]) & (counts <= pointwise[1])).all(axis=1).mean()
    assert not agree(float(naive), 0.9, 40_000)


@pytest.mark.parametrize("n", [1, 2, 1000, 100_000])
def test_one_point_is_a_binomial(n: int) -> None:
    found = band(n, 1)
    law = stats.binom(n, 0.5)
    truth = law.cdf(found.upper[0]) - law.cdf(found.lower[0] - 1)
    assert found.prob == pytest.approx(truth, abs=1e-12)
    assert found.lower[0] == law.ppf(0.025)


def test_a_large_band_is_accurate() -> None:
    """Limits beyond reach leave all of the probability inside."""
    found = band(100_000, 200, 1 - 1e-11)
    assert found.prob == pytest.approx(1.0, abs=2e-11)
    assert found.prob >= 1 - 1e-11


def test_the_band_is_symmetric_and_around_the_mean() -> None:
    found = band(130, 59)
    assert np.array_equal(found.lower, 130 - found.upper[::-1])
    assert (found.lower <= 130 * found.z).all()
    assert (found.upper >= 130 * found.z).all()
    lower, upper = found.difference()
    assert np.allclose(lower, -upper[::-1])
    assert np.allclose((upper + found.z) * 130, found.upper)


def test_the_band_grows_with_its_probability() -> None:
    narrow, wide = band(200, 19, 0.5), band(200, 19, 0.99)
    assert narrow.level > wide.level
    assert (narrow.lower >= wide.lower).all()
    assert (narrow.upper < wide.upper).any()


def test_a_kept_band_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        band(50, 9).lower[0] = 3
    assert band(50, 9).lower[0] == band(50, 9).lower[0] != 3


def test_the_level_is_near_arviz_simulated_one() -> None:
    """ArviZ finds the pointwise probability of its own band by simulation."""
    n = 100
    points = np.arange(1, n) / n
    rng = np.random.default_rng(5)
    pointwise = simulate_confidence_bands(n, 1, points, 0.95, 4000, rng)
    # The 5 % quantile of 4000 levels, whose density is about 0.05 / level there, has
    # a relative standard error of 0.07.
    assert 1 - pointwise == pytest.approx(band(n, n - 1).level, rel=0.28)
    assert 1 - pointwise != pytest.approx(band(n, n - 1, 0.9).level, rel=0.28)


# ---- p-values


@pytest.mark.parametrize(("n", "max_rank"), TINY)
def test_p_values_are_those_of_enumeration(n: int, max_rank: int) -> None:
    paths = all_paths(n, max_rank)
    levels = exact_levels(n, max_rank)
    for path, (_, ranks) in paths.items():
        truth = sum(p for q, (p, _) in paths.items() if levels[q] <= levels[path])
        assert p_value(np.array(ranks), max_rank) == pytest.approx(float(truth))


@pytest.mark.parametrize(("n", "max_rank"), [(25, 4), (60, 19), (400, 119)])
def test_p_values_of_uniform_ranks_are_uniform(n: int, max_rank: int) -> None:
    rng = np.random.default_rng(n)
    size = 2000
    p = p_values(rng.integers(0, max_rank + 1, (n, size)), max_rank)
    for alpha in (0.01, 0.05, 0.2, 0.5, 0.8):
        share = float((p <= alpha).mean())
        truth = 1 - band(n, max_rank, 1 - alpha).prob  # the size that can be had
        assert truth <= alpha
        assert agree(share, truth, size)


def test_the_smallest_pointwise_level_is_no_p_value() -> None:
    """The test above would find p-values that forget how many points there are."""
    rng = np.random.default_rng(60)
    counts = paths_of_cells(UNIFORM_20, 60, 2000, rng)
    law = stats.binom(60, np.arange(1, 20) / 20)
    levels = 2 * np.minimum(law.cdf(counts), law.sf(counts - 1)).min(axis=1)
    assert not agree(float((levels <= 0.05).mean()), 0.05, 2000)


@given(
    n=st.integers(2, 60),
    max_rank=st.integers(1, 25),
    seed=st.integers(0, 2**32 - 1),
    tilt=st.floats(0.4, 2.5),
    prob=st.sampled_from([0.123, 0.4771, 0.7717, 0.9003, 0.9501, 0.9907]),
)
def test_ranks_leave_the_band_if_their_p_value_is_small(
    n: int, max_rank: int, seed: int, tilt: float, prob: float
) -> None:
    u = np.random.default_rng(seed).random(n) ** tilt
    ranks = np.minimum((u * (max_rank + 1)).astype(int), max_rank)
    counts = path_of(tuple(ranks.tolist()), max_rank)
    left = not inside(counts, band(n, max_rank, prob))
    assert left == (p_value(ranks, max_rank) <= 1 - prob)


def test_mirrored_ranks_have_the_same_p_value() -> None:
    rng = np.random.default_rng(2)
    ranks = rng.binomial(59, 0.45, (80, 5)) // 3
    assert np.allclose(p_values(ranks, 19), p_values(19 - ranks, 19), rtol=1e-9)


def test_columns_are_judged_one_by_one() -> None:
    ranks = np.random.default_rng(3).integers(0, 8, (50, 6))
    alone = [p_value(column, 7) for column in ranks.T]
    assert p_values(ranks, 7).tolist() == alone
    assert p_values(ranks.astype(float), 7).tolist() == alone
    assert p_values(ranks[:, :0], 7).shape == (0,)


def wrong_ranks() -> Iterator[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(4)
    z = rng.normal(size=1000)
    yield "biased up", ndtr(z - 0.25)
    yield "biased down", ndtr(z + 0.25)
    yield "too narrow: U", ndtr(z / 0.8)
    yield "too wide: hump", ndtr(z / 1.25)
    yield "a hole", np.where(np.abs(ndtr(z) - 0.5) < 0.05, 0.41, ndtr(z))
    yield "one rank too often", np.where(rng.random(1000) < 0.1, 0.7, ndtr(z))


@pytest.mark.parametrize(("name", "u"), [*wrong_ranks()])
def test_uneven_ranks_are_found(name: str, u: np.ndarray) -> None:
    p = p_value((u * 120).astype(int), 119)
    assert p < 0.01, name
    assert not inside(path_of(tuple((u * 120).astype(int)), 119), band(1000, 119))


def test_even_ranks_are_not_found() -> None:
    even = np.repeat(np.arange(20), 10)
    assert p_value(even, 19) == 1.0
    u = ndtr(np.random.default_rng(4).normal(size=1000))
    assert p_value((u * 120).astype(int), 119) > 0.1


def test_tiny_p_values_keep_their_order() -> None:
    """Below 1e-9 an upper bound serves: above the truth, below its M-fold."""
    truth = 2 * 4.0**-20  # of 20 ranks in the first cell of 4, or in the last
    p = p_value(np.zeros(20, int), 3)
    assert truth <= p <= 3 * truth
    even = np.tile(np.arange(120), 10)
    lots = [p_value(np.append(even, np.zeros(n, int)), 119) for n in (20, 90, 120, 400)]
    assert lots[0] > 1e-9 > lots[1]
    assert all(more < fewer for fewer, more in itertools.pairwise(lots))
    assert 0 < p_value(np.zeros(100_000, int), 119) < 1e-300


def test_the_difference_is_that_of_the_shares() -> None:
    ranks = np.array([0, 0, 3, 1, 3])
    assert np.allclose(ecdf_difference(ranks, 3), [0.4 - 0.25, 0.6 - 0.5, 0.6 - 0.75])
    assert ecdf_difference(np.arange(8), 7) == pytest.approx(0.0)


# ---- several tests at once


def holm_by_closure(p: list[float]) -> list[float]:
    """Largest Bonferroni p-value of all joint hypotheses that contain each."""
    subsets = [
        s
        for size in range(1, len(p) + 1)
        for s in itertools.combinations(range(len(p)), size)
    ]
    joint = {s: min(1.0, len(s) * min(p[i] for i in s)) for s in subsets}
    return [max(joint[s] for s in subsets if i in s) for i in range(len(p))]


@given(st.lists(st.floats(0, 1), max_size=7))
def test_holm_is_closed_testing(p: list[float]) -> None:
    assert holm(np.array(p)) == pytest.approx(holm_by_closure(p))


def test_holm_leaves_out_what_is_missing() -> None:
    nan = float("nan")
    found = holm(np.array([[0.04, nan], [0.01, 0.5]]))
    assert np.allclose(found, [[0.08, nan], [0.03, 0.5]], equal_nan=True)
    assert np.isnan(holm(np.array([nan, nan]))).all()
    p = np.array([0.01, 0.02, 0.03])
    assert (holm(p) >= p).all()
    assert not np.allclose(holm(p), 3 * p)  # Bonferroni
    assert p.tolist() == [0.01, 0.02, 0.03]


@pytest.mark.parametrize("wrong", [-0.01, 1.5, float("inf")])
def test_holm_takes_probabilities(wrong: float) -> None:
    with pytest.raises(SettingsError, match=f"{wrong:g} is no p-value"):
        holm(np.array([0.1, wrong]))


# ---- power


@pytest.mark.parametrize(
    ("cells", "move"),
    [
        (shifted_cells(0.35, 19), lambda z: z - 0.35),
        (shifted_cells(-0.5, 19), lambda z: z + 0.5),
        (scaled_cells(0.7, 19), lambda z: z / 0.7),
        (scaled_cells(1.6, 19), lambda z: z / 1.6),
    ],
)
def test_power_is_the_share_of_simulations_that_leave(cells: Any, move: Any) -> None:
    """Positions are simulated from their definition, not from the cells."""
    rng = np.random.default_rng(7)
    size, n = 20_000, 60
    ranks = (ndtr(move(rng.normal(size=(size, n)))) * 20).astype(int)
    shares = np.bincount(ranks.ravel(), minlength=20) / ranks.size
    noise = np.sqrt(cells * (1 - cells) / ranks.size)
    assert (np.abs(shares - cells) < 4.5 * noise).all()
    counts = (ranks[:, :, None] < np.arange(1, 20)).sum(axis=1)
    share = 1 - float(inside(counts, band(n, 19)).mean())
    truth = power(n, 19, cells, 0.05)
    assert 0.2 < truth < 0.99
    assert agree(share, truth, size)
    assert not agree(share, power(n, 19, UNIFORM_20, 0.05), size)


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.05 / 28])
@pytest.mark.parametrize(("n", "max_rank"), [(1, 4), (20, 119), (1000, 119)])
def test_uniform_cells_are_rejected_at_most_at_the_level(
    n: int, max_rank: int, alpha: float
) -> None:
    size = power(n, max_rank, np.full(max_rank + 1, 1 / (max_rank + 1)), alpha)
    assert 0 <= size <= alpha
    assert size == pytest.approx(1 - band(n, max_rank, 1 - alpha).prob, abs=1e-12)
    if n == 1000:
        assert size > 0.97 * alpha


def test_power_of_one_point_is_a_binomial_tail() -> None:
    limits = band(500, 1)
    law = stats.binom(500, 0.54)
    truth = law.cdf(limits.lower[0] - 1) + law.sf(limits.upper[0])
    found = power(500, 1, np.array([0.54, 0.46]), 0.05)
    assert found == pytest.approx(truth, abs=1e-12)


def test_power_of_cells_that_never_occur() -> None:
    assert power(30, 3, np.array([0.0, 0.0, 1.0, 0.0]), 0.05) == 1.0
    # With nothing in the middle, the path hangs on how many ranks are 0.
    limits, law = band(12, 2), stats.binom(12, 0.45)
    truth = law.cdf(limits.lower.max() - 1) + law.sf(limits.upper.min())
    assert 0.05 < truth < 0.95
    cells = np.array([0.45, 0.0, 0.55])
    assert power(12, 2, cells, 0.05) == pytest.approx(truth, abs=1e-12)


def test_cells_of_moved_normals() -> None:
    assert shifted_cells(0.8, 1)[0] == pytest.approx(stats.norm.cdf(0.8))
    assert shifted_cells(0.0, 7) == pytest.approx(1 / 8)
    assert scaled_cells(1.0, 7) == pytest.approx(1 / 8)
    assert shifted_cells(0.3, 9)[0] > 0.1 > shifted_cells(0.3, 9)[-1]
    narrow, wide = scaled_cells(0.5, 9), scaled_cells(2.0, 9)
    assert narrow[0] == pytest.approx(narrow[-1])
    assert narrow[0] > 0.1 > narrow[4]
    assert wide[0] < 0.1 < wide[4]
    for cells in (shifted_cells(20.0, 119), scaled_cells(1e-3, 119), wide):
        assert cells.sum() == pytest.approx(1.0)
        assert (cells >= 0).all()


def test_rare_cells_keep_their_digits() -> None:
    """The far cells of a shift mirror each other to the last digits."""
    up, down = shifted_cells(9.0, 9), shifted_cells(-9.0, 9)
    assert up == pytest.approx(down[::-1], rel=1e-12)
    assert up[-1] == pytest.approx(stats.norm.sf(ndtri(0.9) + 9), rel=1e-9)


# ---- what would have been found


@pytest.mark.parametrize(("n", "max_rank"), [(30, 9), (1000, 119)])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 28])
def test_what_is_detectable_has_just_the_power(
    n: int, max_rank: int, alpha: float
) -> None:
    found = detectable(n, max_rank, alpha)
    nearly = [
        shifted_cells(0.97 * found.shift, max_rank),
        scaled_cells(0.97 * found.narrow + 0.03, max_rank),
        scaled_cells(0.97 * found.wide + 0.03, max_rank),
    ]
    just = [
        shifted_cells(found.shift, max_rank),
        scaled_cells(found.narrow, max_rank),
        scaled_cells(found.wide, max_rank),
    ]
    assert all(power(n, max_rank, cells, alpha) < 0.8 for cells in nearly)
    reached = [power(n, max_rank, cells, alpha) for cells in just]
    assert min(reached) >= 0.8
    assert reached == pytest.approx([0.8] * 3, abs=1e-3)
    assert power(n, max_rank, shifted_cells(-found.shift, max_rank), alpha) >= 0.8


def test_more_simulations_and_fewer_tests_find_more() -> None:
    found = [detectable(n, 119, 0.05) for n in (50, 200, 1000)]
    for worse, better in itertools.pairwise(found):
        assert better.shift < worse.shift
        assert worse.narrow < better.narrow < 1 < better.wide < worse.wide
    strict = detectable(200, 119, 0.05 / 28)
    assert strict.shift > found[1].shift
    assert strict.narrow < found[1].narrow


def test_too_few_simulations_find_nothing() -> None:
    one = detectable(1, 119, 0.05 / 28)
    assert (one.shift, one.narrow, one.wide) == (math.inf, 0.0, math.inf)
    # With two cells a spread cannot be seen, however many simulations there are.
    two = detectable(1000, 1, 0.05)
    assert 0 < two.shift < 0.2
    assert (two.narrow, two.wide) == (0.0, math.inf)


def test_a_power_below_the_level_asks_for_nothing() -> None:
    found = detectable(100, 9, 0.5, power=0.1)
    assert (found.shift, found.narrow, found.wide) == (0.0, 1.0, 1.0)


# ---- what is not accepted


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ([0, 10], "10 is no rank"),
        ([-1, 2], "-1 is no rank"),
        ([1.5, 2], "1.5 is no rank"),
        ([float("nan")], "nan is no rank"),
        (["a"], "'a' is no rank"),
        ([True], "True is no rank"),
        ([], "n_sims is 0"),
        ([[1], [2]], r"shape \(2, 1\)"),
        (3, r"shape \(\)"),
    ],
)
@pytest.mark.parametrize("use", [p_value, ecdf_difference])
def test_other_things_than_ranks_are_refused(use: Any, ranks: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        use(np.array(ranks), 9)
    assert caught.value.remedy


def test_a_table_of_ranks_has_two_dimensions() -> None:
    with pytest.raises(SettingsError, match=r"shape \(3,\)"):
        p_values(np.array([1, 2, 3]), 9)
    with pytest.raises(SettingsError, match="10 is no rank"):
        p_values(np.array([[1, 2], [3, 10]]), 9)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: band(0, 9), "n_sims is 0"),
        (lambda: band(2.5, 9), "n_sims is 2.5"),  # type: ignore[arg-type]
        (lambda: band(10, 0), "max_rank is 0"),
        (lambda: band(10, True), "max_rank is True"),
        (lambda: band(10, 9, 1.0), "prob is 1.0"),
        (lambda: band(10, 9, float("nan")), "prob is nan"),
        (lambda: p_value(np.array([0]), 0), "max_rank is 0"),
        (lambda: power(10, 1, np.array([0.5, 0.6]), 0.05), "sum 1.1"),
        (lambda: power(10, 2, np.array([0.5, 0.5]), 0.05), r"shape \(2,\)"),
        (lambda: power(10, 1, np.array([-0.5, 1.5]), 0.05), "none negative"),
        (lambda: power(10, 1, np.array([np.nan, 1.0]), 0.05), "sum nan"),
        (lambda: power(10, 1, np.array([0.5, 0.5]), 0.0), "alpha is 0.0"),
        (lambda: shifted_cells(float("inf"), 9), "shift is inf"),
        (lambda: scaled_cells(0.0, 9), "factor is 0.0"),
        (lambda: scaled_cells(float("nan"), 9), "factor is nan"),
        (lambda: scaled_cells(2.0, 0), "max_rank is 0"),
        (lambda: detectable(10, 9, 2.0), "alpha is 2.0"),
        (lambda: detectable(10, 9, 0.05, power=1.0), "power is 1.0"),
        (lambda: detectable(0, 9, 0.05), "n_sims is 0"),
    ],
)
def test_settings_outside_their_range_are_refused(call: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        call()
    assert caught.value.remedy
