"""The program of goals in matches: density, outputs, league table, recovery."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from programs import function, values_at
from scipy import optimize, stats
from shared import Shared
from systems_helpers import assert_means_and_sds, at, calibration_of, prepared

import hbstan as hb
from hbstan.data import Matches
from hbstan.fit import Fit
from hbstan.loo import stratified_folds
from hbstan.plan import plan
from hbstan.predictive import LeagueTable
from hbstan.refit import dataset_of
from hbstan.results import Outcome
from hbstan.simulate.matches import FOOTBALL

NAME = "football_poisson"
OVER = ("chain", "draw")
TOP = ("mu", "advantage", "sd_attack", "sd_defence")
LEAN: dict[str, Any] = {"backend": "stanli", "predictive": False}
PRIORS: dict[str, Any] = {
    "mu": "Normal(0, 0.5)",
    "advantage": "Normal(0, 0.5)",
    "sd_attack": "HalfNormal(0.5)",
    "sd_defence": "HalfNormal(0.5)",
}


def season(teams: int, rounds: int, seed: int) -> Matches:
    """Simulate every pair of teams, ``rounds`` times at home of each."""
    rng = np.random.default_rng(seed)
    pairs = [(h, a) for h in range(teams) for a in range(teams) if h != a] * rounds
    home, away = (np.array(side) for side in zip(*pairs, strict=True))
    attack, defence = rng.normal(0, 0.3, (2, teams))
    table = {
        "home": [f"T{t}" for t in home],
        "away": [f"T{t}" for t in away],
        "home_goals": rng.poisson(np.exp(0.4 + attack[home] - defence[away])),
        "away_goals": rng.poisson(np.exp(0.1 + attack[away] - defence[home])),
    }
    return hb.data.matches(table, **{name: name for name in table})


def reflected(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vector that sums to zero, by a Householder matrix."""
    count = len(u) + 1
    diagonal, last = np.full(count, count**-0.5), np.eye(count)[-1]
    axis = (last - diagonal) / np.linalg.norm(last - diagonal)
    mirror = np.eye(count) - 2 * np.outer(axis, axis)
    return np.asarray(mirror @ np.append(u, 0.0) * np.sqrt(count / (count - 1)))


def target(q: NDArray[np.float64], data: Matches, seen: NDArray[Any]) -> float:
    """Return the log density at (mu, advantage, two log sds, u), less factorials."""
    mu, plus, *log_sd = q[:4]
    attack, defence = (
        np.exp(s) * reflected(u)
        for s, u in zip(log_sd, np.split(q[4:], 2), strict=True)
    )
    home, away = data.home - 1, data.away - 1
    sides = (
        mu + plus + attack[home] - defence[away],
        mu + attack[away] - defence[home],
    )
    total = stats.norm(0, 0.5).logpdf(q[:2]).sum() + stats.norm().logpdf(q[4:]).sum()
    total += (stats.halfnorm(0, 0.5).logpdf(np.exp(log_sd)) + log_sd).sum()
    for k, side in enumerate(sides):
        total += (data.y[:, k] * side - np.exp(side))[seen].sum()
    return float(total)


@pytest.mark.parametrize("holdout", [None, ["T0 v T1", "T2 v T3"], "all"])
def test_target_and_gradient(holdout: Any) -> None:
    data = season(4, 1, seed=1)
    model, stan = prepared(NAME, data, holdout=holdout, priors=PRIORS)
    seen = np.array(stan["holdout"]) == 0
    for q in np.random.default_rng(5).normal(0, 0.7, (5, 10)):
        value, slope = at(model, q)
        assert value == pytest.approx(target(q, data, seen), rel=1e-10)
        wanted = optimize.approx_fprime(q, target, 1e-6, data, seen)
        np.testing.assert_allclose(slope, wanted, rtol=1e-3, atol=1e-3)


def test_zero_sum_is_an_isometry_onto_vectors_that_sum_to_zero() -> None:
    zero_sum = function("zero_sum", "zero_sum.stanfunctions")
    unit_zero_sum = function("unit_zero_sum", "zero_sum.stanfunctions")
    for count in (2, 3, 14):
        basis = np.stack([zero_sum(u=row) for row in np.eye(count - 1)])
        np.testing.assert_allclose(basis.sum(axis=1), 0.0, atol=1e-13)
        np.testing.assert_allclose(basis @ basis.T, np.eye(count - 1), atol=1e-13)
        unit = np.stack([unit_zero_sum(u=row) for row in np.eye(count - 1)])
        scale = np.sqrt(count / (count - 1))
        np.testing.assert_allclose(unit, scale * basis, atol=1e-13)
        np.testing.assert_allclose((unit**2).sum(axis=0), 1.0, atol=1e-13)


def test_outputs_at_a_point() -> None:
    data = season(4, 1, seed=2)
    options: dict[str, Any] = {"holdout": ["T1 v T0"], "priors": PRIORS}
    model, stan = prepared(NAME, data, predictive=True, **options)
    points = np.random.default_rng(6).normal(0, 0.5, (3, 10))
    out = values_at(model, points, samples=1500)
    one = {k: v[:, 0] for k, v in out.items()}
    goals = np.stack([np.exp(one["log_home"]), np.exp(one["log_away"])], axis=-1)
    log_lik = stats.poisson.logpmf(data.y, goals).sum(axis=-1)
    np.testing.assert_allclose(one["log_lik"], log_lik, rtol=1e-8)
    np.testing.assert_allclose(
        one["log_lik"].sum(axis=1), FOOTBALL.log_likelihood(one, stan), rtol=1e-9
    )
    np.testing.assert_allclose(one["margin"], goals[..., 0] - goals[..., 1], rtol=1e-9)
    for name in ("attack", "defence"):
        np.testing.assert_allclose(one[name].sum(axis=1), 0.0, atol=1e-13)
    # Means of 1500 Poisson numbers, 24 at 3 points: 5 standard errors.
    error = 5 * np.sqrt(goals / 1500)
    assert out["y_rep"].shape == (3, 1500, 12, 2)
    assert np.all(np.abs(out["y_rep"].mean(axis=1) - goals) < error)
    laws = [stats.norm(0, 0.5)] * 2 + [stats.halfnorm(0, 0.5)] * 2
    for k, name in enumerate(TOP):
        np.testing.assert_allclose(one["lprior"][:, k], laws[k].logpdf(one[name]))
    empty = values_at(prepared(NAME, data, priors=PRIORS)[0], points)
    assert not {"y_rep", "log_lik"} & {k for k, v in empty.items() if v.size}


def classical(data: Matches) -> Any:
    """Fit a Poisson regression by statsmodels.

    Columns: mu, advantage, and attack and defence with coordinates that sum to zero.
    """
    count, home, away = len(data.teams), data.home - 1, data.away - 1
    basis = np.stack([reflected(row) for row in np.eye(count - 1)], axis=1)
    ones, none = np.ones(data.J), np.zeros(data.J)
    at_home = np.column_stack([ones, ones, basis[home], -basis[away]])
    away_side = np.column_stack([ones, none, basis[away], -basis[home]])
    y = np.concatenate([data.y[:, 0], data.y[:, 1]])
    design = np.concatenate([at_home, away_side])
    return sm.GLM(y, design, family=sm.families.Poisson()).fit(tol=1e-12)


def test_the_likelihood_peaks_where_the_classical_regression_does() -> None:
    """At the maximum-likelihood estimate of statsmodels its gradient is zero."""
    data = season(5, 3, seed=3)
    found = classical(data)
    point = np.concatenate([found.params[:2], [0.0, 0.0], found.params[2:]])
    (fitted, _), (prior, _) = (prepared(NAME, data, holdout=h) for h in (None, "all"))
    (value, slope), (without, other) = at(fitted, point), at(prior, point)
    np.testing.assert_allclose(slope - other, 0.0, atol=1e-6)
    factorials = stats.poisson.logpmf(data.y, 1.0).sum() + data.y.size
    assert value - without == pytest.approx(found.llf - factorials, rel=1e-10)


def test_with_much_data_the_posterior_is_the_classical_estimate() -> None:
    """600 matches of 6 teams, wide priors: pooling has next to nothing to do."""
    data = season(6, 20, seed=4)
    found = classical(data)
    wide = {"mu": "Normal(0, 10)", "advantage": "Normal(0, 10)"}
    wide |= {"sd_attack": "HalfNormal(10)", "sd_defence": "HalfNormal(10)"}
    fit = hb.fit(NAME, data, seed=1, chains=2, priors=wide, **LEAN)
    basis = np.stack([reflected(row) for row in np.eye(5)], axis=1)
    cov = np.asarray(found.cov_params())
    table = fit.summary(var_names=["mu", "advantage", "attack", "defence"])
    whole = np.zeros((14, 12))
    whole[:2, :2], whole[2:8, 2:7], whole[8:, 7:] = np.eye(2), basis, basis
    mean, sd = whole @ found.params, np.sqrt(np.diag(whole @ cov @ whole.T))
    # Pooling takes se^2 / (se^2 + tau^2) off an effect; a fifth of a standard error
    # is left for skewness.
    top = fit.posterior[["sd_attack", "sd_defence"]].mean()
    tau = np.repeat(
        [np.inf, float(top["sd_attack"]), float(top["sd_defence"])], [2, 6, 6]
    )
    pooled = mean * (1 - sd**2 / (sd**2 + tau**2))
    assert np.all(np.abs(table["mean"] - pooled) < 0.2 * sd + 4 * table["mcse_mean"])
    assert np.all(np.abs(mean - pooled) < 0.5 * sd)
    np.testing.assert_allclose(table["sd"], sd, rtol=0.1)


def test_with_all_matches_held_out_the_posterior_is_the_prior() -> None:
    data = season(4, 1, seed=5)
    fit = hb.fit(NAME, data, seed=1, holdout="all", priors=PRIORS, **LEAN)
    half = 0.5 * np.sqrt(2 / np.pi), 0.5 * np.sqrt(1 - 2 / np.pi)
    # An effect's variance is the mean square of the half-normal scale.
    wanted = {"mu": (0, 0.5), "advantage": (0, 0.5), "attack": (0, 0.5)}
    wanted |= {"sd_attack": half, "sd_defence": half, "defence": (0, 0.5)}
    assert_means_and_sds(fit, wanted)


# --- the bundled league


@pytest.fixture(scope="session")
def league() -> Matches:
    data = hb.datasets.load("league")
    assert isinstance(data, Matches)
    return data


@pytest.fixture(scope="session")
def fit(shared: Shared) -> Fit:
    return shared(hb.fit, NAME, "league", seed=1, backend="stanli")


@pytest.fixture(scope="session")
def table(fit: Fit) -> LeagueTable:
    return hb.league_table(fit, seed=1)


def test_attack_defence_and_advantage_are_recovered(fit: Fit, league: Matches) -> None:
    assert dataset_of(fit) == league
    truth = hb.datasets.describe("league").truth
    z = []
    for name in ("mu", "advantage", "attack", "defence"):
        draws = fit.posterior[name]
        gap = np.atleast_1d(draws.mean(OVER).values) - np.atleast_1d(truth[name])
        z += list(gap / np.atleast_1d(draws.std(OVER).values))
        if gap.size > 1:
            assert draws.dims == ("chain", "draw", "team")
            # Closer to the truth than the estimates of the classical regression.
            basis = np.stack([reflected(row) for row in np.eye(13)], axis=1)
            start = 2 if name == "attack" else 15
            raw = basis @ classical(league).params[start : start + 13]
            assert (gap**2).mean() < ((raw - np.asarray(truth[name])) ** 2).mean()
    assert len(z) == 30
    # Two of the 30 are sums of the others: about chi-square on 28 degrees.
    assert stats.chi2(28).sf((np.array(z) ** 2).sum()) > 0.001
    assert np.abs(z).max() < 3.5


def skellam_points(fit: Fit, data: Matches, every: int) -> NDArray[np.float64]:
    """Return expected points by draw and team in closed form, of every n-th draw."""
    rates = [
        np.exp(fit.posterior[k].values.reshape(-1, data.J)[::every])
        for k in ("log_home", "log_away")
    ]
    lose = stats.skellam.cdf(-1, *rates)
    draw = stats.skellam.pmf(0, *rates)
    home, away = (np.eye(len(data.teams))[side - 1] for side in (data.home, data.away))
    return np.asarray((3 * (1 - lose - draw) + draw) @ home + (3 * lose + draw) @ away)


def test_expected_points_are_those_of_the_closed_form(
    fit: Fit, league: Matches, table: LeagueTable
) -> None:
    wanted = skellam_points(fit, league, every=20)
    found = table.table["points"].reindex(list(league.teams)).to_numpy()
    error = np.hypot(
        table.table["sd"].reindex(list(league.teams)) / np.sqrt(2000),
        wanted.std(axis=0) / np.sqrt(len(wanted)),
    )
    assert np.all(np.abs(found - wanted.mean(axis=0)) < 4.5 * error)


def test_places_are_probabilities(table: LeagueTable, league: Matches) -> None:
    places = table.places.to_numpy()
    np.testing.assert_allclose(places.sum(axis=0), 1.0)
    np.testing.assert_allclose(places.sum(axis=1), 1.0)
    teams = table.table
    np.testing.assert_allclose(teams["p_champion"], places[:, 0])
    np.testing.assert_allclose(teams["p_last"], places[:, -1])
    np.testing.assert_allclose(teams["place"], places @ np.arange(1, 15))
    assert teams["points"].is_monotonic_decreasing
    # 2 or 3 points a match are given away.
    assert 2 * league.J < teams["points"].sum() < 3 * league.J
    margin = league.raw()
    assert teams["observed"].sum() == 3 * league.J - (margin == 0).sum()
    assert teams.index[teams["p_champion"].argmax()] in repr(table)
    assert len(table.record()["teams"]) == 14


def replayed(fit: Fit, goals: NDArray[Any]) -> Fit:
    """Return the fit with other replicates: the same goals in every draw."""
    tree = fit.tree.copy(deep=True)
    shape = tree["posterior_predictive"]["y"].shape
    tree["posterior_predictive"]["y"].values[:] = np.broadcast_to(goals, shape)
    return Fit(tree)


def test_a_season_that_is_known_has_the_table_that_a_pencil_gives() -> None:
    rows = [
        ("A", "B", 2, 0),
        ("B", "C", 1, 1),
        ("C", "A", 3, 0),
        ("B", "A", 1, 0),
        ("C", "B", 0, 0),
        ("A", "C", 1, 0),
    ]
    names = ("home", "away", "home_goals", "away_goals")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    data = hb.data.matches(columns, **{name: name for name in names})
    fit = hb.fit(NAME, data, seed=1, backend="stanli", chains=1, iter_sampling=50)
    known = hb.league_table(replayed(fit, data.y), seed=1).table
    # C: a win, 2 draws, a loss; B: the same, fewer goals; A: 2 wins, 2 losses.
    assert known["points"].to_dict() == {"A": 6, "C": 5, "B": 5}
    assert known["place"].to_dict() == {"A": 1, "C": 2, "B": 3}
    assert known["scored"].to_dict() == {"A": 3, "C": 4, "B": 2}
    assert known["conceded"].to_dict() == {"A": 4, "C": 2, "B": 3}
    assert (known["points"] == known["observed"]).all()
    # All matches 1-1: the lot decides, evenly, and as the seed says.
    even = replayed(fit, np.ones((6, 2), dtype=int))
    lots = hb.league_table(even, seed=2)
    assert abs(lots.places.to_numpy() - 1 / 3).max() < 5 * np.sqrt(2 / 9 / 50)
    assert lots.places.equals(hb.league_table(even, seed=2).places)
    assert not lots.places.equals(hb.league_table(even, seed=3).places)
    # Without a seed it is that of the fit.
    own = hb.league_table(even, seed=1)
    assert own.places.equals(hb.league_table(even).places)


def test_results_that_are_known_stand_and_the_rest_is_simulated(
    league: Matches,
) -> None:
    later = league.labels[120:]
    fit = hb.fit(NAME, league, seed=1, backend="stanli", holdout=later, chains=2)
    table = hb.league_table(fit, seed=1, keep_results=True)
    margin = league.raw()[:120]
    home, away = (np.eye(14)[side[:120] - 1] for side in (league.home, league.away))
    points = (3 * (margin > 0) + (margin == 0)) @ home
    points += (3 * (margin < 0) + (margin == 0)) @ away
    left = 26 - np.bincount(
        np.concatenate([league.home[:120], league.away[:120]]) - 1, minlength=14
    )
    teams = table.table.reindex(list(league.teams))
    assert np.all(teams["lower"] >= points)
    assert np.all(teams["upper"] <= points + 3 * left)
    again = hb.league_table(fit, seed=1).table.reindex(list(league.teams))
    assert np.all(teams["sd"] < again["sd"])
    # Results that the likelihood did not see may be placeholders.
    assert teams["observed"].to_numpy() == pytest.approx(points)
    assert again["observed"].to_numpy() == pytest.approx(points)


def test_folds_of_matches(league: Matches, fit: Fit) -> None:
    folds = stratified_folds(fit, 2, np.random.default_rng(1))
    assert sorted(label for fold in folds for label in fold) == sorted(league.labels)


def test_what_has_no_league_table_is_refused(fit: Fit, league: Matches) -> None:
    with pytest.raises(hb.errors.SettingsError, match="seed is -1"):
        hb.league_table(fit, seed=-1)
    with pytest.raises(hb.errors.SettingsError, match="ci_prob"):
        hb.league_table(fit, seed=1, ci_prob=0.0)
    other = hb.fit("logit_noncentered", "surgical", seed=1, backend="stanli", chains=1)
    with pytest.raises(hb.errors.FitError, match="not fitted to matches"):
        hb.league_table(other, seed=1)
    quick: dict[str, Any] = {"chains": 1, "iter_sampling": 50, "backend": "stanli"}
    bare = hb.fit(NAME, season(4, 1, seed=6), seed=1, predictive=False, **quick)
    with pytest.raises(hb.errors.FitError, match="no replicated goals"):
        hb.league_table(bare, seed=1)


# --- calibration


@calibration_of(NAME)
def test_calibration_finds_a_generator_that_swaps_home_and_away() -> None:
    """The right generator passes 60 simulations, the other does not."""
    data = season(5, 2, seed=7)
    stan = plan(NAME, data, PRIORS, None, predictive=False).stan
    constants = {k: v for k, v in stan.items() if k != "y" and "prior" not in k}
    priors = {k: hb.priors.as_prior(k, v) for k, v in PRIORS.items()}

    def right(rng: np.random.Generator) -> tuple[Any, Any]:
        drawn = FOOTBALL.parameters(priors, constants, rng)
        return drawn, FOOTBALL.outcomes(drawn, constants, rng)

    def wrong(rng: np.random.Generator) -> tuple[Any, Any]:
        drawn, outcomes = right(rng)
        return drawn, {"y": outcomes["y"][:, ::-1].copy()}

    outcomes = {}
    for generator in (right, wrong):
        result = hb.sbc(
            NAME,
            generator=generator,
            design=constants,
            priors=PRIORS,
            n_sims=60,
            seed=1,
            backend="stanli",
            executor="serial",
        )
        outcomes[generator.__name__] = result.checks()["uniformity"].outcome
    assert outcomes == {"right": Outcome.PASS, "wrong": Outcome.FAIL}
