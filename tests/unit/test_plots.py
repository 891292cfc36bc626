"""Figures: what their parts say, on draws made for the purpose."""

from __future__ import annotations

import copy
from typing import Any

import arviz_plots
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from hbstan import plots
from hbstan.errors import FitError
from hbstan.fit import Fit

ODD = 2


def fit_of(chains: int, *, odd: int | None = None) -> Fit:
    """Return a fit of independent draws, one chain shifted."""
    mu = np.random.default_rng(1).standard_normal((chains, 300))
    if odd is not None:
        mu[odd] += 3
    coords = {"chain": np.arange(chains), "draw": np.arange(300)}
    posterior = xr.Dataset({"mu": (("chain", "draw"), mu)}, coords=coords)
    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs.update(model="own", data_name="none")
    return Fit(tree)


def test_the_legend_of_ranks_tells_the_chains_apart() -> None:
    figure = plots.ranks(fit_of(4, odd=ODD))
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "chain"
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2", "3"]
    colors = [to_hex(line.get_color()) for line in legend.get_lines()]
    assert len(set(colors)) == 4
    # The chain that differs is drawn in the colour that the legend gives it.
    heights = {
        to_hex(line.get_color()): np.abs(line.get_ydata()).max()
        for line in figure.axes[0].get_lines()
        if to_hex(line.get_color()) in colors
    }
    assert max(heights, key=lambda color: heights[color]) == colors[ODD]


@pytest.mark.parametrize("seed", [0, 5])
def test_the_seed_of_ranks_reaches_the_band(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bands of other seeds may look the same, for their steps are whole ranks.
    drawn: list[float] = []
    draw = arviz_plots.plot_rank

    def watched(*args: Any, **kwargs: Any) -> Any:
        drawn.append(copy.deepcopy(kwargs["stats"]["ecdf_pit"]["rng"]).random())
        return draw(*args, **kwargs)

    monkeypatch.setattr(arviz_plots, "plot_rank", watched)
    plots.ranks(fit_of(2), seed=seed)
    assert drawn == [np.random.default_rng(seed).random()]


def test_ranks_compare_chains() -> None:
    with pytest.raises(FitError, match="at least 2"):
        plots.ranks(fit_of(1))
