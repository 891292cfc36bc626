"""The table of a posterior against ArviZ, which works it out one by one."""

from __future__ import annotations

from typing import Any

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats

from hbstan.diagnostics import columns_of
from hbstan.mixing import monte_carlo_errors
from hbstan.summaries import summarise


def posterior(chains: int, draws: int, seed: int) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    shape = (chains, draws)
    walk = np.cumsum(rng.standard_normal(shape), axis=1)
    arrays = {
        "mu": rng.standard_normal(shape),
        "walk": walk,
        "far": 1e6 + rng.standard_normal(shape),
        "heavy": rng.standard_cauchy(shape),
        "count": rng.poisson(2.0, shape).astype(float),
        "apart": rng.standard_normal(shape) + 3 * np.arange(chains)[:, None],
    }
    variables: dict[str, Any] = {k: (("chain", "draw"), v) for k, v in arrays.items()}
    theta = walk[..., None] * 0.1 + rng.standard_normal((*shape, 3))
    variables["theta"] = (("group", "chain", "draw"), np.moveaxis(theta, 2, 0))
    matrix = rng.standard_normal((*shape, 2, 2))
    variables["L"] = (("chain", "draw", "row", "column"), matrix)
    return xr.Dataset(variables, coords={"group": ["A", "B", "C"]})


def error_of_sd(draws: np.ndarray) -> float:
    """The delta method's, of the mean square; older versions of ArviZ differ."""
    squares = (draws - draws.mean()) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        ess = float(array_stats.ess(squares, method="mean"))
        return float(np.sqrt(squares.var() / ess) / (2 * squares.mean() ** 0.5))


@pytest.mark.parametrize(("chains", "draws"), [(4, 100), (3, 51), (1, 200), (2, 3)])
def test_the_table_is_that_of_arviz(chains: int, draws: int) -> None:
    given = posterior(chains, draws, seed=draws)
    found = summarise([*columns_of(given)], 0.9)
    options: Any = {"ci_prob": 0.9, "ci_kind": "eti", "round_to": "none"}
    tree = xr.DataTree.from_dict({"posterior": given})
    with np.errstate(invalid="ignore", divide="ignore"):
        wanted = arviz_stats.summary(tree, **options).astype(float)
    # ArviZ's tail ESS follows the interval it prints, and its sd divides by the number
    # of draws.
    wanted["ess_tail"] = [
        array_stats.ess(c.draws, method="tail", prob=(0.05, 0.95))
        for c in columns_of(given)
    ]
    wanted["mcse_sd"] = [error_of_sd(c.draws) for c in columns_of(given)]
    wanted["sd"] = [c.draws.std(ddof=1) for c in columns_of(given)]
    assert list(found.index) == list(wanted.index)
    assert list(found.columns) == list(wanted.columns)
    for name in wanted:
        # Of two numbers near 1e6, whose sd is 1, less is left in common.
        close = pytest.approx(wanted[name].to_numpy(), rel=1e-7, nan_ok=True)
        assert found[name].to_numpy() == close, name


@pytest.mark.filterwarnings("error")
def test_draws_without_statistics() -> None:
    draws = np.random.default_rng(1).standard_normal((4, 50, 3))
    draws[..., 1] = 2.5
    draws[1, 7, 2] = np.nan
    names = ("good", "constant", "unknown")
    arrays = {n: (("chain", "draw"), draws[..., i]) for i, n in enumerate(names)}
    table = summarise([*columns_of(xr.Dataset(arrays))], 0.94)
    assert np.isfinite(table.loc["good"]).all()
    assert table.loc["constant", ["mean", "sd", "ess_bulk"]].tolist() == [2.5, 0, 200]
    assert np.isnan(table.loc["constant", "r_hat"])
    assert np.isnan(table.loc["unknown"]).all()


def test_nothing_has_an_empty_table() -> None:
    assert summarise([], 0.94).empty


def test_monte_carlo_errors_are_those_of_repetitions() -> None:
    """Of independent normal draws: sd / sqrt(n) and sd / sqrt(2 n)."""
    many = np.random.default_rng(2).normal(0, 3, (4, 250, 400))
    for found, truth in zip(
        monte_carlo_errors(many), (many.mean((0, 1)), many.std((0, 1))), strict=True
    ):
        assert np.median(found) == pytest.approx(truth.std(), rel=0.15)
