"""Figures of calibrations: what is drawn, against how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from pictures import rendered
from scipy.stats import beta, binom, norm

import hbstan as hb
from hbstan import plots
from hbstan.errors import FitError, SettingsError
from hbstan.plots.sbc import rank_bins
from hbstan.plots.sbc_panels import scale_of
from hbstan.plots.style import ACCENT, BASE, label_text
from hbstan.sbc import uniformity
from hbstan.sbc.result import SBCResult

MAX_RANK = 119
PROBS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


@dataclass(frozen=True)
class Fitted:
    """Simulated values, their levels in the posteriors, and the posteriors."""

    value: Any
    level: Any
    mean: Any
    sd: Any
    quantile: Any


def normal_quantity(n: int, rng: Any, *, shift: float, scale: float) -> Fitted:
    """A normal mean with a normal prior and one datum; exact but for shift, scale."""
    value = rng.normal(0, 1, n)
    sd = np.sqrt(0.2)
    mean = 0.8 * (value + rng.normal(0, 0.5, n)) + shift * sd
    sd = np.full(n, sd * scale)
    level = norm.cdf(value, mean, sd)
    quantile = norm.ppf(np.asarray(PROBS), mean[:, None], sd[:, None])
    return Fitted(value, level, mean, sd, quantile)


def heavy_quantity(n: int, rng: Any, *, shift: float, scale: float) -> Fitted:
    """A half-Cauchy scale, measured with an error that is normal on the log scale."""
    value = 5 * np.abs(rng.standard_cauchy(n))
    log = np.linspace(-9, 16, 3001)
    datum = np.log(value) + rng.normal(0, 0.6, n)
    # Density of log tau under the half-Cauchy prior.
    prior = log - np.log1p(np.exp(2 * (log - np.log(5))))
    weight = np.exp(norm.logpdf(datum[:, None], log, 0.6) + prior)
    cumulative = np.cumsum(weight, axis=1)
    cumulative /= cumulative[:, -1:]
    tau = np.exp(log)
    mean = (weight * tau).sum(1) / weight.sum(1)
    sd = np.sqrt((weight * tau**2).sum(1) / weight.sum(1) - mean**2)
    at = [np.interp(np.log(v), log, c) for v, c in zip(value, cumulative, strict=True)]
    level = norm.cdf((norm.ppf(at) - shift) / scale)
    quantile = [np.interp(PROBS, c, tau) for c in cumulative]
    return Fitted(value, level, mean, sd, np.asarray(quantile))


def rank_of(level: Any, max_rank: int) -> Any:
    return np.floor(level * (max_rank + 1)).clip(0, max_rank).astype(int)


def calibration(
    n: int,
    labels: tuple[str, ...] = ("mu", "tau"),
    *,
    tests: tuple[str, ...] = (),
    wrong: tuple[str, ...] = (),
    heavy: tuple[str, ...] = ("tau",),
    failed: float = 0.03,
    seed: int = 1,
    max_rank: int = MAX_RANK,
) -> SBCResult:
    """Return a calibration of closed-form posteriors, wrong ones where named."""
    rng = np.random.default_rng(seed)
    ok = np.ones(n, dtype=bool)
    ok[: round(failed * n)] = False
    rng.shuffle(ok)
    fits = []
    for label in (*labels, *tests):
        make = heavy_quantity if label in heavy else normal_quantity
        shift, scale = (0.4, 0.6) if label in wrong else (0.0, 1.0)
        fits.append(make(n, rng, shift=shift, scale=scale))
    shape = (n, len(fits))
    real = {
        "simulated_value": [f.value for f in fits],
        "posterior_mean": [np.where(ok, f.mean, np.nan) for f in fits],
        "posterior_sd": [np.where(ok, f.sd, np.nan) for f in fits],
        "rank": [np.where(ok, rank_of(f.level, max_rank), -1) for f in fits],
    }
    two = ("sim_id", "quantity")
    variables: dict[str, Any] = {k: (two, np.array(v).T) for k, v in real.items()}
    variables["rank_draws"] = (
        two,
        np.where(ok, 250, -1)[:, None] * np.ones(shape, int),
    )
    quantile = np.array([f.quantile for f in fits]).transpose(1, 0, 2)
    quantile[~ok] = np.nan
    variables["posterior_quantile"] = ((*two, "prob"), quantile)
    # Small tau: divergences and few effective draws, as in a funnel.
    trouble = ok & (rng.uniform(size=n) < 0.4) & (np.abs(fits[-1].value) < 0.5)
    ess = np.where(trouble & (rng.uniform(size=n) < 0.5), 30.0, 400.0)
    rhat = 1 + rng.exponential(0.004, shape) + 0.2 * (ess < 50)[:, None]
    wide = ess[:, None] * np.ones(shape)
    for name, values in (("rhat", rhat), ("ess_bulk", wide), ("ess_tail", wide)):
        variables[name] = (two, np.where(ok[:, None], values, np.nan))
    variables["divergences"] = ("sim_id", np.where(trouble, 3, 0))
    variables["treedepth_hits"] = ("sim_id", np.zeros(n, dtype=int))
    variables["seconds"] = ("sim_id", np.ones(n))
    variables["status"] = ("sim_id", np.where(ok, "ok", "failed"))
    variables["error"] = ("sim_id", np.where(ok, "", "the sampler gave up"))
    variables["console"] = ("sim_id", np.full(n, ""))
    roles = ["parameter"] * len(labels) + ["test_quantity"] * len(tests)
    coords = {
        "sim_id": np.arange(n),
        "quantity": np.asarray([*labels, *tests]),
        "prob": np.asarray(PROBS),
        "role": ("quantity", np.asarray(roles)),
    }
    identity = {
        "problem": {"model": "eight_schools_noncentered"},
        "ranking": {"max_rank": max_rank},
        "top_level": ["mu", "tau"],
    }
    return SBCResult.build(xr.Dataset(variables, coords=coords), identity)


MANY = ("mu", "tau", *[f"theta[{i}]" for i in range(1, 19)])
NAMES = tuple(plots.SBC_FIGURES)


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left").strip() for axes in figure.axes]


def scatter_points(axes: Any) -> Any:
    """The points of a panel, sorted by the first coordinate, shape (points, 2)."""
    sets = [c for c in axes.collections if type(c).__name__ == "PathCollection"]
    found = np.concatenate([np.asarray(c.get_offsets()) for c in sets])
    return found[np.argsort(found[:, 0])]


def ok_values(result: SBCResult, variable: str, label: str) -> Any:
    return result.dataset[variable].sel(quantity=label).values[result.ok]


@pytest.fixture(scope="module")
def many() -> SBCResult:
    return calibration(
        200, MANY, tests=("log_lik",), wrong=("mu", "theta[4]", "theta[11]")
    )


@pytest.fixture(scope="module")
def two() -> SBCResult:
    return calibration(200)


# --- all of them


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_made_of_typical_results(name: str) -> None:
    before = plt.get_fignums()
    typical = calibration(200, MANY[:5], tests=("log_lik",), wrong=("mu", "theta[2]"))
    figure = plots.SBC_FIGURES[name](typical)
    assert isinstance(figure, Figure)
    assert rendered(figure).startswith(b"\x89PNG")
    assert plt.get_fignums() == before  # pyplot does not know them


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("n", "labels", "heavy"),
    [
        (30, ("tau",), ("tau",)),
        (1, ("mu", "tau"), ("tau",)),
        (2, ("b[a very long name, indeed, of a group]", "b[$3$]"), ()),
    ],
    ids=["one quantity", "one simulation", "no scalar"],
)
def test_figures_are_made_of_odd_results(
    name: str, n: int, labels: tuple[str, ...], heavy: tuple[str, ...]
) -> None:
    rendered(plots.SBC_FIGURES[name](calibration(n, labels, heavy=heavy)))


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_of_failures_alone(name: str) -> None:
    result = calibration(7, failed=1.0)
    with pytest.raises(FitError, match=r"all 7 simulations .* the sampler gave up"):
        plots.SBC_FIGURES[name](result)


@pytest.mark.parametrize("name", NAMES)
def test_figures_have_public_names(name: str) -> None:
    assert getattr(hb.plots, name) is plots.SBC_FIGURES[name]
    assert name in plots.__all__


def test_figures_of_fits_keep_their_names() -> None:
    assert callable(hb.plots.forest)
    assert {"forest", "ranks", "trace"} <= set(plots.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_titles_count_simulations(name: str, two: SBCResult) -> None:
    text = plots.SBC_FIGURES[name](two).get_suptitle()
    assert "eight_schools_noncentered: 200 simulations, 6 failed" in text


# --- which quantities


def test_scalars_come_first_and_elements_by_p_value(many: SBCResult) -> None:
    figure = plots.sbc_ecdf(many)
    shown = titles(figure)
    assert len(shown) == 16
    assert rendered(figure).startswith(b"\x89PNG")
    assert shown[:3] == ["mu", "tau", "log_lik"]
    p = many.summary()["p_value"]
    rest = p.drop(shown[:3])
    assert set(shown[3:]) == set(rest.nsmallest(13).index)
    assert {"theta[4]", "theta[11]"} <= set(shown)
    assert shown[3:] == [q for q in MANY if q in shown[3:]]
    assert "5 of 21 quantities left out" in figure.get_suptitle()


def test_quantities_are_drawn_as_asked_for(many: SBCResult) -> None:
    asked = ["theta[2]", "mu"]
    for name in ("sbc_ranks", "sbc_ecdf", "sbc_contraction", "sbc_recovery"):
        figure = plots.SBC_FIGURES[name](many, quantities=asked)
        assert titles(figure) == asked
        assert "left out" not in figure.get_suptitle()
    rows = plots.sbc_coverage(many, asked).axes[0].get_yticklabels()
    assert [row.get_text() for row in rows] == asked
    axes = plots.sbc_failures(many, asked).axes[0]
    assert axes.get_xlabel().endswith("theta[2]")
    assert axes.get_ylabel().endswith("mu")


@pytest.mark.parametrize(
    ("asked", "text"),
    [(["mu", "nu"], "'nu'"), ([], "0 names"), (["mu", "mu"], "1 of them distinct")],
)
@pytest.mark.parametrize("name", NAMES)
def test_illegal_quantities(
    name: str, asked: list[str], text: str, two: SBCResult
) -> None:
    with pytest.raises(SettingsError, match=text):
        plots.SBC_FIGURES[name](two, quantities=asked)


def test_test_quantities_have_no_recovery_unless_asked_for(many: SBCResult) -> None:
    assert "log_lik" not in titles(plots.sbc_recovery(many))
    assert titles(plots.sbc_contraction(many)) == ["mu", "tau"]
    assert titles(plots.sbc_recovery(many, ["log_lik"])) == ["log_lik"]


def test_a_result_of_test_quantities_alone() -> None:
    result = calibration(20, (), tests=("log_lik",))
    with pytest.raises(FitError, match="no parameters"):
        plots.sbc_recovery(result)
    rendered(plots.sbc_ecdf(result))


def test_elements_stand_in_where_there_is_no_scalar() -> None:
    result = calibration(30, ("b[1]", "b[2]"), heavy=())
    assert titles(plots.sbc_contraction(result)) == ["b[1]", "b[2]"]


# --- ranks


@pytest.mark.parametrize(
    ("n", "max_rank", "bins"),
    [
        (1000, 119, 20),
        (1000, 99, 20),
        (1000, 124, 25),
        (20, 119, 4),
        (50, 119, 10),
        (1000, 5, 6),
        (1000, 0, 1),
        (1000, 125, 21),
        (1000, 126, 20),
        (1000, 130, 20),
    ],
)
def test_bins_are_fair(n: int, max_rank: int, bins: int) -> None:
    sizes = rank_bins(n, max_rank)
    assert len(sizes) == bins
    assert sizes.sum() == max_rank + 1
    # 127 and 131 are prime: no number of bins near 20 divides them.
    assert np.ptp(sizes) == (1 if max_rank in (126, 130) else 0)


@pytest.mark.parametrize("max_rank", [119, 130])
def test_bars_count_the_ranks(max_rank: int) -> None:
    result = calibration(200, max_rank=max_rank, wrong=("tau",))
    n = 194
    sizes = rank_bins(n, max_rank)
    ends = np.cumsum(sizes)
    for axes, label in zip(plots.sbc_ranks(result).axes, ("mu", "tau"), strict=True):
        bars = axes.patches[-len(sizes) - 1 : -1]
        ranks = ok_values(result, "rank", label)
        expected = [
            sum(end - size <= rank < end for rank in ranks)
            for size, end in zip(sizes, ends, strict=True)
        ]
        assert [bar.get_height() for bar in bars] == expected
        assert sum(expected) == n
        assert [bar.get_width() for bar in bars] == list(sizes)


def test_bands_of_ranks_are_binomial_and_colour_the_bars() -> None:
    result = calibration(300, wrong=("tau",))
    n = 291
    figure = plots.sbc_ranks(result)
    for axes, most in zip(figure.axes, (2, 20), strict=True):
        wide, narrow, *bars = axes.patches[:-1]
        for band, tail in ((wide, 0.005), (narrow, 0.025)):
            values, _, baseline = band.get_data()
            assert values == pytest.approx(binom.ppf(1 - tail, n, 1 / 20))
            assert baseline == pytest.approx(binom.ppf(tail, n, 1 / 20))
        low, high = binom.ppf([0.005, 0.995], n, 1 / 20)
        outside = [not low <= bar.get_height() <= high for bar in bars]
        marked = [same_color(bar.get_edgecolor(), ACCENT) for bar in bars]
        assert marked == outside
        assert sum(outside) <= most
        expected, _, _ = axes.patches[-1].get_data()
        assert expected == pytest.approx(n / 20)
    assert sum(outside) >= 3


# --- ECDF


def test_lines_are_ecdf_differences_in_their_bands(many: SBCResult) -> None:
    shown = ["mu", "tau", "theta[1]"]
    figure = plots.sbc_ecdf(many, shown)
    band = uniformity.band(194, MAX_RANK)
    lower, upper = band.difference()
    table = many.summary()
    for axes, label in zip(figure.axes, shown, strict=True):
        zero, line = axes.get_lines()
        assert set(zero.get_ydata()) == {0.0}
        ranks = ok_values(many, "rank", label)
        direct = [np.mean(ranks < k) - k / 120 for k in range(1, 120)]
        assert line.get_ydata() == pytest.approx(direct, abs=1e-12)
        assert line.get_ydata() == pytest.approx(
            uniformity.ecdf_difference(ranks, MAX_RANK)
        )
        corners = axes.collections[0].get_paths()[0].vertices
        for z, low, high in zip(band.z, lower, upper, strict=True):
            heights = corners[np.isclose(corners[:, 0], z), 1]
            assert heights.min() == pytest.approx(low)
            assert heights.max() == pytest.approx(high)
        leaves = bool(np.any((direct < lower - 1e-9) | (direct > upper + 1e-9)))
        assert same_color(line.get_color(), ACCENT if leaves else BASE)
        assert leaves == (label == "mu")
        bottom, top = axes.get_ylim()
        assert bottom < np.min(direct)
        assert top > np.max(direct)
        remark = axes.get_title(loc="right")
        assert remark.startswith(f"p = {table.loc[label, 'p_value']:.2g}")
        unclear = leaves and table.loc[label, "p_adjusted"] >= 1e-4
        assert ("adjusted" in remark) == unclear


# --- coverage


def test_coverage_is_counted_from_the_ranks() -> None:
    result = calibration(300, wrong=("tau",))
    figure = plots.sbc_coverage(result)
    for axes, prob in zip(figure.axes, (0.5, 0.8, 0.9, 0.95), strict=True):
        assert axes.get_title(loc="left") == f"{prob:.0%} intervals"
        (lines, dots) = axes.collections
        for row, label in enumerate(("mu", "tau")):
            ranks = ok_values(result, "rank", label)
            cut = round((1 - prob) / 2 * 120)
            hits, n = int(np.sum((ranks >= cut) & (ranks < 120 - cut))), len(ranks)
            nominal = (120 - 2 * cut) / 120
            x, y = dots.get_offsets()[row]
            assert y == row
            assert x == pytest.approx(100 * (hits / n - nominal))
            ends = np.sort(lines.get_segments()[row][:, 0])
            exact = [
                beta.ppf(0.025, hits, n - hits + 1),
                beta.ppf(0.975, hits + 1, n - hits),
            ]
            assert ends == pytest.approx(100 * (np.array(exact) - nominal), abs=1e-4)
            apart = not ends[0] <= 0 <= ends[1]
            assert same_color(dots.get_facecolor()[row], ACCENT if apart else BASE)
    assert apart  # tau's intervals are too narrow


# --- contraction


def test_contraction_and_z_scores(two: SBCResult) -> None:
    axes = plots.sbc_contraction(two, ["mu"]).axes[0]
    found = scatter_points(axes)
    value, mean = (
        ok_values(two, v, "mu") for v in ("simulated_value", "posterior_mean")
    )
    # The posterior is normal: its quartiles are 0.6745 standard deviations apart.
    width = 2 * norm.ppf(0.75) * np.sqrt(0.2)
    everything = two.dataset["simulated_value"].sel(quantity="mu")
    prior = np.subtract(*np.percentile(everything, [75, 25]))
    assert found[:, 0] == pytest.approx(1 - (width / prior) ** 2)
    assert np.sort(found[:, 1]) == pytest.approx(np.sort((mean - value) / np.sqrt(0.2)))
    assert np.median(found[:, 0]) == pytest.approx(
        two.summary().loc["mu", "contraction"]
    )
    dashed = [a.get_ydata()[0] for a in axes.get_lines() if a.get_linestyle() == "--"]
    assert dashed == [-2.0, 2.0]


def test_points_beyond_the_axes_are_drawn_at_their_edges() -> None:
    result = calibration(400)
    dataset = result.dataset.copy(deep=True)
    first = np.flatnonzero(result.ok)[:4]
    value = dataset["simulated_value"].values[first[3], 0]
    dataset["posterior_mean"].values[first, 0] = [50.0, -50.0, np.inf, value]
    dataset["posterior_sd"].values[first[3], 0] = 0.0
    axes = plots.sbc_contraction(SBCResult(dataset), ["mu"]).axes[0]
    assert axes.get_title(loc="right") == "2 beyond the edges, 2 not finite"
    heights = scatter_points(axes)[:, 1]
    assert len(heights) == result.ok.sum() - 2
    low, high = axes.get_ylim()
    assert (heights > low).all()
    assert (heights < high).all()
    tau = plots.sbc_contraction(result, ["tau"]).axes[0]
    wide = result.dataset["posterior_quantile"].sel(quantity="tau").values[result.ok]
    prior = np.subtract(
        *np.percentile(ok_values(result, "simulated_value", "tau"), [75, 25])
    )
    beyond = int((1 - ((wide[:, 5] - wide[:, 3]) / prior) ** 2 < -0.5).sum())
    assert beyond > 10
    assert tau.get_title(loc="right").startswith(f"{beyond} beyond")


def test_fits_that_did_not_converge_are_marked(two: SBCResult) -> None:
    for draw in (plots.sbc_contraction, plots.sbc_recovery):
        figure = draw(two, ["mu"])
        sets = [c for c in figure.axes[0].collections if len(c.get_offsets())]
        marked = sum(
            len(c.get_offsets())
            for c in sets
            if type(c).__name__ == "PathCollection"
            and same_color(c.get_facecolor()[0, :3], ACCENT)
        )
        bad = int((two.ok & ~two.converged()).sum())
        assert marked == bad > 0
        (legend,) = figure.legends
        texts = [text.get_text() for text in legend.get_texts()]
        assert texts[0].endswith(f"within limits: {194 - bad}")
        assert texts[1] == f"beyond them: {bad}"


# --- recovery


def test_recovery_draws_means_and_bars(two: SBCResult) -> None:
    figure = plots.sbc_recovery(two)
    for axes, label in zip(figure.axes, ("mu", "tau"), strict=True):
        value, mean = (
            ok_values(two, v, label) for v in ("simulated_value", "posterior_mean")
        )
        order = np.argsort(value)
        assert scatter_points(axes) == pytest.approx(
            np.column_stack([value, mean])[order]
        )
        lines = [c for c in axes.collections if type(c).__name__ == "LineCollection"]
        bars = np.array([s for c in lines for s in c.get_segments()])
        bars = bars[np.argsort(bars[:, 0, 0])]
        ends = two.dataset["posterior_quantile"].sel(quantity=label, prob=[0.1, 0.9])
        assert bars[:, :, 1] == pytest.approx(ends.values[two.ok][order])
        assert axes.get_xlim() == axes.get_ylim()
        low, high = axes.get_xlim()
        assert low < min(value.min(), bars.min())
        assert high > max(value.max(), bars.max())
        (identity,) = axes.get_lines()
        assert list(identity.get_xdata()) == list(identity.get_ydata())


def test_heavy_tails_have_logarithmic_axes(two: SBCResult) -> None:
    mu, tau = plots.sbc_recovery(two).axes
    assert (mu.get_xscale(), tau.get_xscale()) == ("linear", "log")
    assert tau.get_yscale() == "log"
    assert tau.get_title(loc="right") == "log axes"
    flipped = two.dataset.copy(deep=True)
    for name in ("simulated_value", "posterior_mean", "posterior_quantile"):
        flipped[name][::2] *= -1
    _, both = plots.sbc_recovery(SBCResult(flipped)).axes
    assert both.get_xscale() == "symlog"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (np.random.default_rng(1).normal(size=1000), "linear"),
        (np.abs(np.random.default_rng(1).normal(size=1000)), "linear"),
        (np.random.default_rng(1).normal(500, 1, 1000), "linear"),
        (np.abs(np.random.default_rng(1).standard_cauchy(1000)), "log"),
        (np.random.default_rng(1).standard_cauchy(1000), "symlog"),
        ([1.0, np.nan, np.inf, 2.0], "linear"),
        ([0.0, 0.0, 0.0, 5.0], "linear"),
        ([], "linear"),
    ],
)
def test_scales(values: Any, name: str) -> None:
    assert scale_of(values).name == name


def test_values_that_are_not_finite_are_counted(two: SBCResult) -> None:
    dataset = two.dataset.copy(deep=True)
    dataset["posterior_mean"].values[np.flatnonzero(two.ok)[:2], 0] = np.inf
    axes = plots.sbc_recovery(SBCResult(dataset), ["mu"]).axes[0]
    assert axes.get_title(loc="right") == "2 not finite"
    assert len(scatter_points(axes)) == 192


# --- failures


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_failures_are_where_the_simulated_values_are(two: SBCResult) -> None:
    figure = plots.sbc_failures(two)
    (axes,) = figure.axes
    data = two.dataset
    ess = data["ess_bulk"].min("quantity").values < 20
    divergent = data["divergences"].values > 0
    slow = (data["rhat"].values > 1.1).any(axis=1) | ess
    assert legend_of(figure) == [
        f"none of these: {int((two.ok & ~divergent & ~slow).sum())}",
        f"divergences: {int(divergent.sum())}",
        f"R-hat or ESS: {int(slow.sum())}",
        "failed: 6",
    ]
    value = data["simulated_value"].values
    for drawn_set, which in zip(
        axes.collections,
        (two.ok & ~divergent & ~slow, divergent, slow, ~two.ok),
        strict=True,
    ):
        assert np.asarray(drawn_set.get_offsets()) == pytest.approx(value[which])
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")


def test_fits_with_long_trajectories_are_shown() -> None:
    result = calibration(50)
    dataset = result.dataset.copy(deep=True)
    dataset["treedepth_hits"][np.flatnonzero(result.ok)[:3]] = 7
    assert "tree depth: 3" in legend_of(plots.sbc_failures(SBCResult(dataset)))


def test_failures_whose_generator_failed_are_counted(two: SBCResult) -> None:
    dataset = two.dataset.copy(deep=True)
    dataset["simulated_value"][np.flatnonzero(~two.ok)[:2]] = np.nan
    figure = plots.sbc_failures(SBCResult(dataset))
    assert legend_of(figure)[-1] == "failed: 6 (2 without a value)"


def test_one_parameter_is_drawn_against_its_rhat() -> None:
    result = calibration(100, ("tau",))
    (axes,) = plots.sbc_failures(result).axes
    assert axes.get_ylabel() == "R-hat of tau (above the dots: none)"
    good = axes.collections[0].get_offsets()
    known = result.converged()
    rhat = result.dataset["rhat"].values[known, 0]
    assert np.asarray(good)[:, 1] == pytest.approx(rhat)
    # Those without R-hat are above all others, in shares of the axis.
    failed = np.asarray(axes.collections[-1].get_offsets())
    assert len(failed) == 3
    low, high = axes.get_ylim()
    others = np.concatenate([c.get_offsets()[:, 1] for c in axes.collections[:-1]])
    assert (failed[:, 1] > (others.max() - low) / (high - low)).all()
    assert (failed[:, 1] < 1).all()
    value = result.dataset["simulated_value"].values[~result.ok, 0]
    assert failed[:, 0] == pytest.approx(value)


def test_failures_take_no_third_axis(many: SBCResult) -> None:
    with pytest.raises(SettingsError, match="3 names"):
        plots.sbc_failures(many, ["mu", "tau", "theta[1]"])


def test_labels_are_cut_and_hold_no_mathematics() -> None:
    assert label_text("a$b$") == r"a\$b\$"
    assert len(label_text("x" * 50)) == 32
    assert label_text("x" * 50).endswith("…")
