"""The methods beside sampling, through unmodified CmdStanPy, against closed forms."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmdstanpy_helpers import CONJUGATE, QUICK, TRUTH, agrees, run


@pytest.fixture(scope="module")
def model(compiled: Any) -> Any:
    """Return the conjugate program, compiled."""
    return compiled(CONJUGATE)


@pytest.mark.parametrize("algorithm", ["lbfgs", "bfgs", "newton"])
@pytest.mark.parametrize("jacobian", [False, True])
def test_optimize(model: Any, algorithm: str, jacobian: bool) -> None:
    mle = model.optimize(
        TRUTH.data, algorithm=algorithm, jacobian=jacobian, seed=3, sig_figs=12
    )
    expected = TRUTH.mode_theta(jacobian=jacobian)
    assert mle.converged
    assert mle.stan_variable("theta") == pytest.approx(expected, abs=1e-4)
    assert mle.stan_variable("mu") == pytest.approx(TRUTH.mu.mean(), abs=1e-4)
    # The two modes are far enough apart to tell them from each other.
    other = TRUTH.mode_theta(jacobian=not jacobian)
    assert mle.stan_variable("theta") != pytest.approx(other, abs=1e-3)


def test_optimize_tolerances_and_iterations(model: Any) -> None:
    tight = model.optimize(
        TRUTH.data,
        algorithm="lbfgs",
        seed=3,
        init_alpha=0.01,
        tol_obj=1e-14,
        tol_rel_obj=1,
        tol_grad=1e-12,
        tol_rel_grad=1,
        tol_param=1e-12,
        history_size=8,
        save_iterations=True,
        sig_figs=12,
    )
    config = tight.metadata.cmdstan_config
    assert config["history_size"] == 8
    assert config["tol_param"] == 1e-12
    path = tight.optimized_iterations_np
    assert path is not None
    assert path.shape[0] > 3
    assert np.all(np.diff(path[:, 0]) > -1e-9)
    short = model.optimize(TRUTH.data, seed=3, iter=1, require_converged=False)
    assert short.stan_variable("mu") != pytest.approx(TRUTH.mu.mean(), abs=1e-4)


def test_log_prob(model: Any) -> None:
    def at(theta: float, mu: float, jacobian: bool) -> Any:
        point = {"theta": theta, "mu": mu}
        return model.log_prob(point, TRUTH.data, jacobian=jacobian, sig_figs=15)

    one, two = at(0.3, 0.5, False), at(0.6, 1.5, False)
    expected = sum(
        d.logpdf(x) - d.logpdf(z)
        for d, x, z in [(TRUTH.theta, 0.6, 0.3), (TRUTH.mu, 1.5, 0.5)]
    )
    assert two["lp__"][0] - one["lp__"][0] == pytest.approx(expected, rel=1e-10)
    # d/dlogit: a - (a + b) theta with the Jacobian, one less of each without.
    assert one["g_theta"][0] == pytest.approx(8 - 23 * 0.3, rel=1e-10)
    assert at(0.3, 0.5, True)["g_theta"][0] == pytest.approx(9 - 25 * 0.3, rel=1e-10)
    slope = sum(TRUTH.y) - (len(TRUTH.y) + 0.01) * 0.5
    assert one["g_mu"][0] == pytest.approx(slope, rel=1e-10)
    shift = at(0.3, 0.5, True)["lp__"][0] - one["lp__"][0]
    assert shift == pytest.approx(np.log(0.3 * 0.7), rel=1e-10)


def test_log_prob_outside_the_support(model: Any) -> None:
    with pytest.raises(RuntimeError):
        model.log_prob({"theta": 1.5, "mu": 0}, TRUTH.data)


def test_laplace(model: Any) -> None:
    fit = model.laplace_sample(TRUTH.data, draws=2000, seed=5, sig_figs=12)
    mu, theta = fit.stan_variable("mu"), fit.stan_variable("theta")
    assert len(mu) == 2000
    assert agrees(mu, TRUTH.mu.mean())
    assert agrees((mu - TRUTH.mu.mean()) ** 2, TRUTH.mu.var())
    assert agrees(np.log(theta / (1 - theta)), np.log(9 / 16))
    assert not agrees(mu, TRUTH.mu.mean() + 0.1)
    assert set(fit.method_variables()) == {"log_p__", "log_q__"}


def test_laplace_from_a_mode_without_jacobian(model: Any) -> None:
    mode = model.optimize(TRUTH.data, seed=5, sig_figs=12)
    fit = model.laplace_sample(
        TRUTH.data, mode=mode, jacobian=False, draws=2000, seed=5
    )
    theta = fit.stan_variable("theta")
    assert agrees(np.log(theta / (1 - theta)), np.log(8 / 15))


@pytest.mark.parametrize("num_paths", [1, 3])
def test_pathfinder(model: Any, num_paths: int) -> None:
    fit = model.pathfinder(TRUTH.data, num_paths=num_paths, draws=500, seed=8)
    assert fit.is_resampled is (num_paths > 1)
    assert fit.draws().shape[0] == 500
    # An approximation: its mean is right within a fraction of the posterior's scale.
    for name, truth in {"theta": TRUTH.theta, "mu": TRUTH.mu}.items():
        error = np.mean(fit.stan_variable(name)) - truth.mean()
        assert abs(error) < 0.3 * truth.std()


def test_pathfinder_saves_single_paths(model: Any, tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text(json.dumps(TRUTH.data))
    words = ["pathfinder", "num_paths=3", "save_single_paths=1", "data", f"file={data}"]
    code, _ = run(model.exe_file, [*words, "output", "file=out.csv"], tmp_path)
    assert code == 0
    for path in (1, 2, 3):
        assert "lp_approx__" in (tmp_path / f"out_path_{path}.csv").read_text()
        iterations = json.loads((tmp_path / f"out_path_{path}.json").read_text())
        assert iterations["0"]["iter"] == 0
        assert len(iterations["1"]["grads"]) == 2


def test_pathfinder_without_resampling(model: Any) -> None:
    options = {"num_paths": 2, "num_single_draws": 60, "seed": 8}
    plain = model.pathfinder(TRUTH.data, psis_resample=False, **options)
    assert plain.draws().shape[0] == 120
    bare = model.pathfinder(TRUTH.data, calculate_lp=False, **options)
    assert bare.draws().shape[0] == 120
    assert np.isnan(bare.method_variables()["lp__"]).any()


def test_pathfinder_gives_inits(model: Any) -> None:
    fit = model.pathfinder(TRUTH.data, seed=8)
    inits = fit.create_inits(chains=2, seed=1)
    sampled = model.sample(TRUTH.data, inits=inits, **QUICK)
    assert sampled.draws().shape[0] == QUICK["iter_sampling"]


@pytest.mark.parametrize("algorithm", ["meanfield", "fullrank"])
def test_variational(model: Any, algorithm: str) -> None:
    fit = model.variational(
        TRUTH.data,
        algorithm=algorithm,
        seed=12,
        draws=400,
        grad_samples=5,
        require_converged=False,
    )
    assert fit.eta > 0
    assert fit.variational_sample.shape[0] == 400
    for name, truth in {"theta": TRUTH.theta, "mu": TRUTH.mu}.items():
        error = fit.stan_variable(name, mean=True) - truth.mean()
        assert abs(error) < truth.std()


def test_generate_quantities(model: Any) -> None:
    fit = model.sample(TRUTH.data, sig_figs=17, **QUICK)
    from_fit = model.generate_quantities(
        TRUTH.data, previous_fit=fit, seed=4, sig_figs=17
    )
    np.testing.assert_allclose(
        from_fit.stan_variable("grid"), fit.stan_variable("grid"), rtol=1e-12
    )
    theta = fit.stan_variable("theta")
    r_rep = from_fit.stan_variable("r_rep")
    # r_rep given theta has mean n theta and variance n theta (1 - theta).
    score = (r_rep - TRUTH.n * theta) / np.sqrt(TRUTH.n * theta * (1 - theta))
    assert agrees(score, 0)
    assert not agrees(score, 1)
    from_csv = model.generate_quantities(
        TRUTH.data, previous_fit=fit.runset.csv_files, seed=4, sig_figs=17
    )
    np.testing.assert_array_equal(from_csv.draws(), from_fit.draws())


def test_generate_quantities_of_other_methods(model: Any) -> None:
    mle = model.optimize(TRUTH.data, seed=5, sig_figs=12)
    quantities = model.generate_quantities(TRUTH.data, previous_fit=mle, seed=4)
    assert quantities.stan_variable("grid").shape[-2:] == (2, 3)


def test_generate_quantities_of_another_program(
    model: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = tmp_path / "wrong.csv"
    fit = model.sample(TRUTH.data, **{**QUICK, "chains": 1})
    text = Path(fit.runset.csv_files[0]).read_text()
    wrong.write_text(text.replace(",theta,", ",phi,"))
    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError, match="theta"):
        model.generate_quantities(TRUTH.data, previous_fit=[str(wrong)])
