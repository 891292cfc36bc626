"""Programs that reject: in generated quantities, in their data, at the start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cmdstanpy_helpers import FAILING
from scipy import stats

from hbstan.backends.cmdstan import CmdStanBackend
from hbstan.backends.stanli import StanliBackend
from hbstan.errors import DataError, SamplingError
from hbstan.types import RawDraws, SamplerSettings, StanProgram

SETTINGS = SamplerSettings(seed=1, chains=4, iter_warmup=500, iter_sampling=1000)
PARAMETERS = """
parameters { real<lower=0> mu; }
transformed parameters { real twice = 2 * mu; }
model { mu ~ std_normal(); }
"""


def program(tmp_path: Path, text: str) -> StanProgram:
    (tmp_path / "own.stan").write_text(text)
    return StanProgram(tmp_path / "own.stan")


#: Rejects, in its generated quantities, draws above 1.
REJECTING, WHERE = StanProgram(FAILING), {"where": 6}
LINE = 1 + FAILING.read_text().split('reject("x above')[0].count("\n")


def assert_parameters_are_kept(raw: RawDraws) -> None:
    x, after = raw.variables["x"], raw.variables["after"]
    assert np.isfinite(x).all()
    assert np.allclose(raw.variables["twice"], 2 * x, rtol=1e-8)
    assert np.array_equal(np.isnan(after), x > 1)
    assert np.array_equal(np.isnan(raw.variables["before"]), x > 1)
    assert np.allclose(after[x <= 1], x[x <= 1], rtol=1e-8)
    # Above one standard deviation lie 15.9 % of a normal distribution.
    share, error = np.isnan(after).mean(), np.sqrt(0.159 * 0.841 / 1000)
    assert abs(share - stats.norm.sf(1)) < 4 * error
    assert "x above 1: " in raw.console
    assert f"failing.stan', line {LINE}" in raw.console


def test_stanli_keeps_parameters_of_a_rejected_draw() -> None:
    raw = StanliBackend().sample(REJECTING, WHERE, SETTINGS)
    assert_parameters_are_kept(raw)
    failed = int((raw.variables["x"] > 1).sum())
    assert f"generated quantities failed in {failed} of 4000 draws" in raw.console


def test_cmdstan_keeps_parameters_of_a_rejected_draw(cmdstan: Path) -> None:
    assert_parameters_are_kept(CmdStanBackend().sample(REJECTING, WHERE, SETTINGS))


def test_repeated_fits_keep_them_too() -> None:
    raw = StanliBackend().repeat(REJECTING, ["x", "after"])(WHERE, SETTINGS)
    x, after = raw.variables["x"], raw.variables["after"]
    assert np.array_equal(np.isnan(after), x > 1)


def test_a_bound_in_generated_quantities(tmp_path: Path) -> None:
    text = "generated quantities { real<lower=0.5> g = mu; }"
    raw = StanliBackend().sample(program(tmp_path, PARAMETERS + text), {}, SETTINGS)
    mu, g = raw.variables["mu"], raw.variables["g"]
    assert np.array_equal(np.isnan(g), mu < 0.5)
    assert "g is" in raw.console
    assert "must be greater than or equal to 0.5" in raw.console


def test_no_draw_is_mended_without_need(tmp_path: Path) -> None:
    text = "generated quantities { real g = not_a_number(); }"
    raw = StanliBackend().sample(program(tmp_path, PARAMETERS + text), {}, SETTINGS)
    assert np.isnan(raw.variables["g"]).all()
    assert raw.console == ""


@pytest.mark.parametrize(
    ("text", "data", "words"),
    [
        (
            "data {\n int<lower=0> N;\n}" + PARAMETERS,
            {"N": -1},
            ("N is -1", "own.stan', line 2"),
        ),
        (
            'transformed data {\n\n reject("no way");\n}' + PARAMETERS,
            {},
            ("no way", "own.stan', line 3"),
        ),
    ],
)
def test_stanli_says_where_data_are_refused(
    tmp_path: Path, text: str, data: dict[str, int], words: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as caught:
        StanliBackend().sample(program(tmp_path, text), data, SETTINGS)
    for word in words:
        assert word in caught.value.message


def test_stanli_says_where_no_start_is_found(tmp_path: Path) -> None:
    text = 'parameters { real m; }\nmodel { m ~ normal(0, 1);\n reject("never"); }'
    with pytest.raises(SamplingError, match=r"never.*own\.stan', line 3"):
        StanliBackend().sample(program(tmp_path, text), {}, SETTINGS)
