"""Sampling through unmodified CmdStanPy: every option, checked by what it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmdstanpy_helpers import CONJUGATE, FAILING, QUICK, TRUTH, agrees, run

# CmdStanPy 1.3 passes pandas 3 an argument that pandas no longer wants.
pytestmark = pytest.mark.filterwarnings("ignore:The 'float_precision' argument")


@pytest.fixture(scope="module")
def model(compiled: Any) -> Any:
    """Return the conjugate program, compiled."""
    return compiled(CONJUGATE)


@pytest.fixture(scope="module")
def fit(model: Any) -> Any:
    """Return a fit long enough for estimates."""
    return model.sample(
        TRUTH.data,
        chains=4,
        parallel_chains=2,
        seed=17,
        iter_sampling=1000,
        sig_figs=12,
        show_progress=False,
    )


def test_estimates_are_the_closed_forms(fit: Any) -> None:
    summary = fit.summary(sig_figs=8)
    for name, truth in {"theta": TRUTH.theta, "mu": TRUTH.mu}.items():
        draws = fit.stan_variable(name)
        size = summary.loc[name, "N_Eff"]
        assert agrees(draws, truth.mean(), size=size)
        assert agrees((draws - truth.mean()) ** 2, truth.var(), size=size / 2)
        # The prior's mean must not pass.
        assert not agrees(draws, {"theta": 0.4, "mu": 0.0}[name] + 0.1, size=size)
    assert summary.loc["theta", "R_hat"] < 1.01


def test_columns_and_shapes(fit: Any) -> None:
    assert fit.column_names[:9] == (
        "lp__",
        "accept_stat__",
        "stepsize__",
        "treedepth__",
        "n_leapfrog__",
        "divergent__",
        "energy__",
        "theta",
        "mu",
    )
    assert fit.column_names[-6:] == tuple(
        f"grid[{i},{j}]" for j in (1, 2, 3) for i in (1, 2)
    )
    assert fit.draws().shape == (1000, 4, 7 + 4 + 6)
    grid = fit.stan_variable("grid")
    mu = fit.stan_variable("mu")
    np.testing.assert_allclose(grid[:, 1, 2] - mu, 23, rtol=1e-9)
    np.testing.assert_allclose(
        fit.stan_variable("odds"),
        fit.stan_variable("theta") / (1 - fit.stan_variable("theta")),
        rtol=1e-9,
    )


def test_metadata(fit: Any) -> None:
    config = fit.metadata.cmdstan_config
    assert [config[f"stan_version_{part}"] for part in ("major", "minor")] == [2, 35]
    assert config["stan_version_patch"] == 0
    assert config["method"] == "sample"
    assert config["seed"] == 17
    assert config["delta"] == 0.8
    assert config["max_depth"] == 10
    assert config["save_warmup"] == 0
    assert config["stanc_version"] == "stanc3 v2.35.0"
    assert config["sig_figs"] == 12
    assert fit.metric_type == "diag_e"
    assert fit.inv_metric.shape == (4, 2)
    assert np.all(fit.step_size > 0)
    assert fit.divergences.tolist() == [0, 0, 0, 0]
    assert all(times["total"] >= 0 for times in fit.time)


def test_diagnose(fit: Any) -> None:
    assert "no problems detected" in fit.diagnose()


def test_diagnose_finds_problems(model: Any) -> None:
    # Trajectories this short do not mix, and reach the cap on their depth.
    stuck = {**QUICK, "adapt_engaged": False, "step_size": 0.001}
    said = model.sample(TRUTH.data, max_treedepth=1, **stuck).diagnose()
    assert "no problems detected" not in said


def test_seeds(model: Any) -> None:
    first = model.sample(TRUTH.data, **QUICK).draws()
    again = model.sample(TRUTH.data, **QUICK).draws()
    other = model.sample(TRUTH.data, **{**QUICK, "seed": 21}).draws()
    listed = model.sample(TRUTH.data, **{**QUICK, "seed": [20, 21]}).draws()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    # Chains differ; a chain depends on its own seed and id alone.
    assert not np.array_equal(first[:, 0], first[:, 1])
    np.testing.assert_array_equal(listed[:, 0], first[:, 0])
    np.testing.assert_array_equal(listed[:, 1], other[:, 1])


def test_chains_in_one_process_equal_separate_processes(
    model: Any, tmp_path: Path
) -> None:
    separate = model.sample(TRUTH.data, chain_ids=[3, 4], sig_figs=10, **QUICK)
    data = tmp_path / "data.json"
    data.write_text(json.dumps(TRUTH.data))
    words = "sample num_chains=2 num_warmup=200 num_samples=100 id=3 random seed=20 "
    words += "output file=out.csv sig_figs=10 data file=data.json"
    code, console = run(model.exe_file, words.split(), tmp_path)
    assert code == 0
    assert "Chain [3] Iteration:" in console
    for index, path in enumerate(separate.runset.csv_files):
        expected = [x for x in Path(path).read_text().splitlines() if x[:1] != "#"]
        together = (tmp_path / f"out_{index + 3}.csv").read_text().splitlines()
        assert [x for x in together if x[:1] != "#"] == expected


def test_thin_and_save_warmup(compiled: Any) -> None:
    # This program draws no random numbers of its own, which would move the sampler
    # to other draws where fewer of them are written.
    model = compiled(FAILING)
    fit = model.sample({"where": 0}, thin=5, save_warmup=True, **QUICK)
    assert fit.num_draws_sampling == 20
    assert fit.num_draws_warmup == 40
    assert fit.draws(inc_warmup=True).shape[0] == 60
    plain = model.sample({"where": 0}, **QUICK)
    np.testing.assert_array_equal(fit.draws(), plain.draws()[::5])


@pytest.mark.parametrize("metric", ["diag_e", "dense_e", "unit_e"])
def test_metrics(model: Any, metric: str) -> None:
    fit = model.sample(TRUTH.data, metric=metric, **QUICK)
    assert fit.metric_type == metric
    shape = {"diag_e": (2, 2), "dense_e": (2, 2, 2)}.get(metric)
    assert (fit.inv_metric is None) if shape is None else fit.inv_metric.shape == shape


def test_inverse_metric_given(model: Any, tmp_path: Path) -> None:
    fixed = {**QUICK, "adapt_engaged": False, "step_size": 0.5}
    given = {"inv_metric": [0.2, 0.3]}
    path = tmp_path / "metric.json"
    path.write_text(json.dumps(given))
    fits = [
        model.sample(TRUTH.data, inv_metric=metric, **fixed)
        for metric in (given, str(path), [given, given])
    ]
    for fit in fits:
        np.testing.assert_allclose(fit.inv_metric, [[0.2, 0.3]] * 2)
        np.testing.assert_allclose(fit.step_size, 0.5)
        np.testing.assert_array_equal(fit.draws(), fits[0].draws())
    unlike = model.sample(TRUTH.data, inv_metric={"inv_metric": [1, 1]}, **fixed)
    assert not np.array_equal(unlike.draws(), fits[0].draws())


def test_metric_of_wrong_size(model: Any) -> None:
    with pytest.raises(RuntimeError):
        model.sample(TRUTH.data, inv_metric={"inv_metric": [1, 1, 1]}, **QUICK)


def test_adaptation_options(model: Any) -> None:
    fit = model.sample(
        TRUTH.data,
        adapt_delta=0.99,
        adapt_init_phase=20,
        adapt_metric_window=30,
        adapt_step_size=40,
        step_size=0.3,
        **QUICK,
    )
    config = fit.metadata.cmdstan_config
    assert config["delta"] == 0.99
    assert [config[k] for k in ("init_buffer", "window", "term_buffer")] == [20, 30, 40]
    assert config["stepsize"] == 0.3
    loose = model.sample(TRUTH.data, adapt_delta=0.5, **QUICK)
    assert np.all(fit.step_size < loose.step_size)


def test_max_treedepth(model: Any) -> None:
    fixed = {**QUICK, "adapt_engaged": False, "step_size": 0.01}
    fit = model.sample(TRUTH.data, max_treedepth=3, **fixed)
    assert fit.method_variables()["treedepth__"].max() == 3
    assert fit.max_treedepths.sum() > 0


def test_inits(model: Any, tmp_path: Path) -> None:
    def first(inits: Any) -> np.ndarray:
        still = {**QUICK, "iter_sampling": 1, "fixed_param": True}
        still.pop("iter_warmup")
        fit = model.sample(TRUTH.data, inits=inits, **still)
        return np.stack([fit.stan_variable("theta"), fit.stan_variable("mu")])

    np.testing.assert_allclose(first(0), [[0.5] * 2, [0] * 2])
    assert np.all(np.abs(first(0.001)[1]) < 0.001)
    start = {"theta": 0.25, "mu": 3.5}
    path = tmp_path / "start.json"
    path.write_text(json.dumps(start))
    for inits in (start, str(path)):
        np.testing.assert_allclose(first(inits), [[0.25] * 2, [3.5] * 2])
    each = first([start, {"theta": 0.75, "mu": -1}])
    np.testing.assert_allclose(each, [[0.25, 0.75], [3.5, -1]])
    # What the inits leave out is drawn at random.
    partial = first({"mu": 2})
    np.testing.assert_allclose(partial[1], 2)
    assert partial[0, 0] != partial[0, 1]


def test_fixed_param(model: Any) -> None:
    fit = model.sample(
        TRUTH.data, fixed_param=True, chains=2, iter_sampling=50, show_progress=False
    )
    assert np.ptp(fit.draws_pd()["theta"][:50]) == 0
    # Generated quantities are drawn anew all the same.
    assert np.ptp(fit.stan_variable("r_rep")) > 0
    assert fit.metric_type is None


def test_latent_dynamics_and_profile(model: Any) -> None:
    fit = model.sample(
        TRUTH.data, save_latent_dynamics=True, save_profile=True, **QUICK
    )
    for path in fit.runset.diagnostic_files:
        lines = [x for x in Path(path).read_text().splitlines() if x[:1] != "#"]
        assert lines[0].split(",")[-6:] == [
            "theta",
            "mu",
            "p_theta",
            "p_mu",
            "g_theta",
            "g_mu",
        ]
        assert len(lines) == 101
    for path in fit.runset.profile_files:
        lines = Path(path).read_text().splitlines()
        assert lines[0].startswith("name,thread_id,total_time")
        assert {x.split(",")[0] for x in lines[1:]} == {"priors", "likelihood"}


def test_sig_figs(model: Any) -> None:
    def digits(sig_figs: int | None) -> int:
        fit = model.sample(TRUTH.data, sig_figs=sig_figs, **QUICK)
        rows = Path(fit.runset.csv_files[0]).read_text().splitlines()
        cells = [row.split(",")[7] for row in rows if row[:1] not in "#l"]
        return max(len(cell.replace(".", "").lstrip("-0")) for cell in cells)

    assert digits(None) == 6
    assert digits(3) == 3
    assert digits(15) == 15


def test_save_warmup_files_can_be_read_again(model: Any) -> None:
    import cmdstanpy

    fit = model.sample(TRUTH.data, save_warmup=True, **QUICK)
    again = cmdstanpy.from_csv(fit.runset.csv_files)
    np.testing.assert_array_equal(again.draws(), fit.draws())
    np.testing.assert_array_equal(
        again.draws(inc_warmup=True), fit.draws(inc_warmup=True)
    )
