"""Fits on stanli against long runs, closed forms and numerical integration."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy import integrate
from surgical import LONG_MU, assert_long_run

import hbstan as hb
from hbstan.backends.stanli import StanliBackend
from hbstan.errors import (
    CompileError,
    DataError,
    NotSupportedError,
    SamplingError,
    SettingsError,
)
from hbstan.types import SamplerSettings, StanProgram


def over_chains(values: Any) -> NDArray[np.float64]:
    """Means over chains and draws."""
    return np.asarray(values).mean(axis=(0, 1))


def mcse(values: Any) -> NDArray[np.float64]:
    """Monte Carlo standard errors of the means, shape of one draw."""
    flat = np.moveaxis(np.asarray(values, dtype=float), (0, 1), (-2, -1))
    return np.asarray(array_stats.mcse(flat, method="mean"))


def z_against(values: Any, truth: Any) -> NDArray[np.float64]:
    """Distance of the means from the truth in Monte Carlo standard errors."""
    return (over_chains(values) - np.asarray(truth)) / mcse(values)


@pytest.fixture(scope="module")
def surgical() -> hb.Fit:
    return hb.fit("logit_noncentered", "surgical", seed=42, backend="stanli")


def test_surgical_reproduces_the_long_run(surgical: hb.Fit) -> None:
    assert_long_run(surgical)


def test_another_prior_is_not_the_long_run() -> None:
    other = hb.fit(
        "logit_noncentered",
        "surgical",
        priors={"tau": "HalfNormal(0.1)"},
        seed=42,
        backend="stanli",
    )
    with pytest.raises(AssertionError):
        assert_long_run(other)


def test_surgical_can_be_trusted(surgical: hb.Fit) -> None:
    checks = surgical.diagnose()
    assert checks.passed
    assert checks["rhat"].value < 1.01
    assert checks["divergences"].value == 0
    assert surgical.provenance["settings"]["adapt_delta"] == 0.95
    assert surgical.backend == "stanli"
    assert set(surgical.provenance["sampled"]) == {"mu", "tau", "z"}


def test_surgical_fills_every_group(surgical: hb.Fit) -> None:
    tree = surgical.tree
    assert set(tree["log_prior"].data_vars) == {"mu", "tau"}
    for name in ("log_likelihood", "log_likelihood_group", "posterior_predictive"):
        assert tree[name]["y"].sizes == {"chain": 4, "draw": 1000, "group": 12}
    n = tree["constant_data"]["n"]
    y_rep = tree["posterior_predictive"]["y"]
    assert y_rep.dtype == np.int64
    assert (y_rep >= 0).all()
    assert (y_rep <= n).all()
    assert np.isfinite(tree["log_likelihood_group"]["y"]).all()


def test_replicates_have_the_means_of_their_rates(surgical: hb.Fit) -> None:
    n = surgical.tree["constant_data"]["n"].values
    y_rep = surgical.tree["posterior_predictive"]["y"].values
    excess = y_rep - n * surgical.posterior["p"].values
    assert np.abs(z_against(excess, 0.0)).max() < 4


def test_the_same_seed_gives_the_same_draws(surgical: hb.Fit) -> None:
    again = hb.fit("logit_noncentered", "surgical", seed=42, backend="stanli")
    other = hb.fit("logit_noncentered", "surgical", seed=43, backend="stanli")
    for name in ("posterior", "posterior_predictive", "sample_stats"):
        assert again.tree[name].identical(surgical.tree[name])
        assert not other.tree[name].equals(surgical.tree[name])


def test_a_real_fit_survives_saving(surgical: hb.Fit, tmp_path: Path) -> None:
    again = hb.Fit.load(surgical.save(tmp_path / "fit.nc"))
    assert again.tree.identical(surgical.tree)
    assert again.provenance == surgical.provenance


def test_progress_rises(capfd: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[str, int, int]] = []
    hb.fit(
        "logit_noncentered",
        "surgical",
        seed=1,
        chains=2,
        iter_warmup=300,
        iter_sampling=200,
        backend="stanli",
        progress=lambda *call: calls.append(call),
    )
    done = [call[1] for call in calls]
    assert len(done) >= 4
    assert done == sorted(done)
    assert done[-1] == 1000
    assert {(step, total) for step, _, total in calls} == {("sampling", 1000)}
    assert "Iteration" not in capfd.readouterr().out


def test_centered_eight_schools_fail() -> None:
    got = hb.fit(
        "eight_schools_centered",
        "eight_schools",
        seed=1,
        adapt_delta=0.8,
        backend="stanli",
    )
    checks = got.diagnose()
    assert checks.outcome is hb.Outcome.FAIL
    assert checks["divergences"].value > 0


def test_short_trajectories_fail() -> None:
    got = hb.fit(
        "logit_noncentered", "surgical", seed=1, max_treedepth=1, backend="stanli"
    )
    check = got.diagnose()["treedepth"]
    assert check.outcome is hb.Outcome.FAIL
    assert check.value > 1000


def test_holding_all_groups_out_gives_the_prior() -> None:
    got = hb.fit(
        "logit_noncentered",
        "surgical",
        priors={"mu": "Normal(-2, 0.5)", "tau": "HalfNormal(0.7)"},
        holdout="all",
        iter_sampling=1500,
        seed=3,
        backend="stanli",
    )
    mu, tau = got.posterior["mu"].values, got.posterior["tau"].values
    theta = got.posterior["theta"].values
    square = 0.7**2
    assert abs(z_against(mu, -2.0)) < 4
    assert abs(z_against((mu + 2) ** 2, 0.25)) < 4
    assert abs(z_against(tau, 0.7 * np.sqrt(2 / np.pi))) < 4
    assert abs(z_against(tau**2, square)) < 4
    assert np.abs(z_against(theta, -2.0)).max() < 4
    assert np.abs(z_against((theta + 2) ** 2, 0.25 + square)).max() < 4
    # The same measure sees that this is not the posterior.
    assert abs(z_against(mu, LONG_MU)) > 40


def test_a_group_held_out_follows_its_siblings() -> None:
    # Given mu and tau, a group that the likelihood does not see is normal(mu, tau).
    got = hb.fit(
        "logit_noncentered", "surgical", holdout=["H"], seed=5, backend="stanli"
    )
    posterior = got.posterior
    z = (posterior["theta"] - posterior["mu"]) / posterior["tau"]
    assert abs(z_against(z.sel(group="H"), 0.0)) < 4
    assert abs(z_against(z.sel(group="H") ** 2, 1.0)) < 4
    assert abs(z_against(z.sel(group="B"), 0.0)) > 20


SHARED = ("mu", "tau", "theta", "p", "p_pop_median", "p_pop_mean", "icc")


@pytest.mark.parametrize(
    ("family", "data", "shared"),
    [
        ("logit", "surgical", SHARED),
        ("eight_schools", "eight_schools", ("mu", "theta", "w")),
    ],
)
def test_both_parameterisations_agree(
    family: str, data: str, shared: tuple[str, ...]
) -> None:
    settings = {"adapt_delta": 0.99, "iter_sampling": 1500, "backend": "stanli"}
    fits = [
        hb.fit(f"{family}_{form}", data, seed=seed, **settings).posterior
        for form, seed in (("noncentered", 11), ("centered", 12))
    ]
    # kappa grows like tau^-2 and tau has a heavy tail in the second family: their
    # means have no useful Monte Carlo error, those of their logarithms have.
    logs = {"kappa", "overdispersion"} if family == "logit" else {"tau"}
    assert {*shared, *logs, "z"} >= set(fits[0].data_vars)
    for name in (*shared, *logs):
        one, two = (np.log(f[name]) if name in logs else f[name] for f in fits)
        error = np.hypot(mcse(one), mcse(two))
        z = (over_chains(one) - over_chains(two)) / error
        assert np.abs(z).max() < 4, name


ROUNDED = (
    np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]),
    np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]),
)
UNROUNDED = (
    np.array([28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16]),
    np.array([14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6]),
)
SCHOOLS = [f"theta[{label}]" for label in "ABCDEFGH"]
#: Posterior means and their Monte Carlo errors as published.
PUBLISHED = dict(
    zip(
        ["mu", "tau", *SCHOOLS],
        [7.864, 6.521, 11.280, 7.802, 6.124, 7.528, 5.250, 6.083, 10.530, 8.376],
        strict=True,
    )
)
PUBLISHED_MCSE = dict(
    zip(
        ["mu", "tau", *SCHOOLS],
        [0.079, 0.091, 0.111, 0.078, 0.095, 0.083, 0.079, 0.082, 0.089, 0.098],
        strict=True,
    )
)


def exact_means(
    data: tuple[NDArray[np.float64], NDArray[np.float64]],
    sd_mu: float,
    prior_tau: Callable[[float], float],
) -> dict[str, float]:
    """Posterior means of the normal model, by one integral over tau.

    Given tau the estimates are normal(mu, sqrt(sigma^2 + tau^2)), so that mu, and
    given mu every theta, have conjugate normal posteriors.
    """
    y, sigma = data

    def moments(tau: float) -> NDArray[np.float64]:
        variance = sigma**2 + tau**2
        precision = sd_mu**-2 + (1 / variance).sum()
        mu = (y / variance).sum() / precision
        log = -0.5 * (np.log(variance) + y**2 / variance).sum()
        log += 0.5 * mu**2 * precision - 0.5 * np.log(precision)
        shrink = sigma**2 / variance
        theta = shrink * mu + (1 - shrink) * y
        weight = prior_tau(tau) * np.exp(log + 25)
        return weight * np.array([1.0, mu, tau, *theta])

    total = integrate.quad_vec(moments, 0, np.inf, epsrel=1e-9)[0]
    names = ["mu", "tau", *SCHOOLS]
    return dict(zip(names, (total[1:] / total[0]).tolist(), strict=True))


def half_cauchy(scale: float) -> Callable[[float], float]:
    return lambda tau: 1 / (1 + (tau / scale) ** 2)


def published_off(reference: Mapping[str, float]) -> set[str]:
    """Published means further than four of their own errors from a reference."""
    return {
        name
        for name, mean in PUBLISHED.items()
        if abs(mean - reference[name]) > 4 * PUBLISHED_MCSE[name]
    }


@pytest.mark.parametrize("form", ["noncentered", "centered"])
def test_eight_schools_equal_their_integral(form: str) -> None:
    reference = exact_means(UNROUNDED, 20.0, half_cauchy(10.0))
    got = hb.fit(
        f"eight_schools_{form}",
        "eight_schools_unrounded",
        adapt_delta=0.99,
        iter_sampling=2000,
        seed=8,
        backend="stanli",
    )
    assert got.priors["mu"]["prior"] == "Normal(0, 20)"
    assert got.priors["tau"]["prior"] == "HalfCauchy(10)"
    posterior = got.posterior
    assert abs(z_against(posterior["mu"], reference["mu"])) < 4
    assert abs(z_against(posterior["tau"], reference["tau"])) < 4
    means = [reference[name] for name in SCHOOLS]
    assert np.abs(z_against(posterior["theta"], means)).max() < 4
    # The same measure tells the published mean of tau apart.
    assert abs(z_against(posterior["tau"], PUBLISHED["tau"])) > 10


def test_published_eight_schools_have_other_data_and_priors() -> None:
    # They are not the posterior of the unrounded figures under Normal(0, 20) and
    # HalfCauchy(10), but, within twice their errors, that of the rounded figures
    # under flat priors.
    stated = exact_means(UNROUNDED, 20.0, half_cauchy(10.0))
    schools = {f"theta[{label}]" for label in "ACEFG"}
    assert published_off(stated) == {"tau", *schools}
    assert stated["tau"] == pytest.approx(4.702, abs=0.001)
    assert stated["mu"] == pytest.approx(7.593, abs=0.001)
    flat = exact_means(ROUNDED, 1e6, lambda tau: 1.0)
    assert published_off(flat) == set()
    assert flat["tau"] == pytest.approx(6.575, abs=0.001)


FUNCTIONS = "real twice(real x) {\n  return 2 * x;\n}\n"
PROGRAM = """\
functions {
  #include twice.stanfunctions
}
data {
  int<lower=1> N;
  vector[N] y;
}
parameters {
  real mu;
}
model {
  mu ~ normal(0, 10);
  y ~ normal(twice(mu), 1);
}
generated quantities {
  real doubled = twice(mu);
}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "twice.stanfunctions").write_text(FUNCTIONS)
    file = tmp_path / "mine.stan"
    file.write_text(PROGRAM)
    return file


def own(program: Path, data: Any, **settings: Any) -> hb.Fit:
    return hb.fit(program, data, **{"seed": 2, "backend": "stanli", **settings})


def test_a_program_of_ones_own_with_an_include(program: Path) -> None:
    y = np.array([1.0, 2.0, 4.5])
    got = own(program, {"N": 3, "y": y})
    # y ~ normal(2 mu, 1) and mu ~ normal(0, 10) are conjugate.
    precision = 4 * len(y) + 0.01
    mean = 2 * y.sum() / precision
    mu = got.posterior["mu"].values
    assert abs(z_against(mu, mean)) < 4
    assert abs(z_against((mu - mean) ** 2, 1 / precision)) < 4
    assert np.allclose(got.posterior["doubled"], 2 * mu)
    assert got.tree["observed_data"]["y"].values.tolist() == y.tolist()
    assert got.provenance["sampled"] == ["mu"]
    assert got.diagnose().passed


def test_editing_an_include_changes_the_fit(program: Path) -> None:
    data = {"N": 1, "y": [3.0]}
    first = own(program, data)
    include = program.parent / "twice.stanfunctions"
    include.write_text(FUNCTIONS.replace("2 * x", "3 * x"))
    second = own(program, data)
    assert np.allclose(second.posterior["doubled"], 3 * second.posterior["mu"])
    hashes = {f.provenance["program_hash"] for f in (first, second)}
    assert len(hashes) == 2


def test_a_syntax_error_names_file_and_line(program: Path) -> None:
    program.write_text(PROGRAM.replace("real mu;", "reel mu;"))
    with pytest.raises(CompileError) as caught:
        own(program, {"N": 1, "y": [1.0]})
    assert caught.value.file == str(program.resolve())
    assert caught.value.line == 9
    assert str(program.resolve()) in str(caught.value)
    assert "reel" in str(caught.value)


def test_a_syntax_error_in_an_include_names_the_include(program: Path) -> None:
    include = program.parent / "twice.stanfunctions"
    include.write_text(FUNCTIONS.replace("2 * x;", "2 * x"))
    with pytest.raises(CompileError) as caught:
        own(program, {"N": 1, "y": [1.0]})
    assert "twice.stanfunctions" in (caught.value.file or "")
    assert "twice.stanfunctions" in str(caught.value)


def test_a_missing_include(program: Path) -> None:
    (program.parent / "twice.stanfunctions").unlink()
    with pytest.raises(CompileError, match=r"twice\.stanfunctions"):
        own(program, {"N": 1, "y": [1.0]})


@pytest.mark.parametrize(
    "data",
    [
        {"N": 1},
        {"N": 2, "y": [1.0]},
        {"N": 0, "y": []},
        {"N": 1.5, "y": [1.0]},
    ],
    ids=["missing", "length", "bound", "fraction"],
)
def test_data_that_the_program_refuses(program: Path, data: dict[str, Any]) -> None:
    with pytest.raises(DataError) as caught:
        own(program, data)
    assert "mine" in str(caught.value)
    assert "data block" in str(caught.value)


def test_a_posterior_without_support(tmp_path: Path) -> None:
    file = tmp_path / "hopeless.stan"
    file.write_text(
        "parameters { real x; }\nmodel { target += negative_infinity(); }\n"
    )
    with pytest.raises(SamplingError) as caught:
        own(file, {})
    assert "hopeless" in str(caught.value)
    assert caught.value.console


def test_warmup_is_kept_apart(program: Path) -> None:
    data = {"N": 1, "y": [3.0]}
    plain = own(program, data, iter_warmup=300)
    saved = own(program, data, iter_warmup=300, save_warmup=True)
    assert saved.tree["warmup_posterior"].sizes["draw"] == 300
    assert saved.tree["warmup_sample_stats"].sizes["draw"] == 300
    assert saved.posterior.identical(plain.posterior)
    assert not [name for name in plain.tree.children if name.startswith("warmup")]


def test_thinning_keeps_every_third_draw(program: Path) -> None:
    data = {"N": 1, "y": [3.0]}
    plain = own(program, data, iter_sampling=100)
    thinned = own(program, data, iter_sampling=100, thin=3)
    assert thinned.posterior.sizes["draw"] == 34
    kept = plain.posterior["mu"].values[:, ::3]
    assert np.array_equal(thinned.posterior["mu"].values, kept)


STILL = {
    "iter_warmup": 0,
    "iter_sampling": 1,
    "chains": 3,
    "step_size": 1e-8,
    "max_treedepth": 1,
}


@pytest.mark.parametrize(
    ("inits", "starts"),
    [
        ({"mu": 4.5}, [4.5, 4.5, 4.5]),
        ([{"mu": 1.0}, {"mu": 2.0}, {"mu": -3.0}], [1.0, 2.0, -3.0]),
        (0, [0.0, 0.0, 0.0]),
    ],
    ids=["shared", "by chain", "radius"],
)
def test_chains_start_where_they_are_told(
    program: Path, inits: Any, starts: list[float]
) -> None:
    got = own(program, {"N": 1, "y": [3.0]}, inits=inits, **STILL)
    assert got.posterior["mu"].values[:, 0] == pytest.approx(starts, abs=1e-5)


@pytest.mark.parametrize("metric", ["unit_e", "dense_e"])
def test_every_metric_finds_the_posterior(program: Path, metric: str) -> None:
    got = own(program, {"N": 1, "y": [3.0]}, metric=metric)
    assert abs(z_against(got.posterior["mu"], 6 / 4.01)) < 4


def run(folder: Path, text: str, data: Any, **settings: Any) -> Any:
    """Run the backend alone, without the labelling around it."""
    file = folder / "direct.stan"
    file.write_text(text)
    short = {"seed": 1, "chains": 2, "iter_warmup": 50, "iter_sampling": 20}
    return StanliBackend().sample(
        StanProgram(file), data, SamplerSettings(**{**short, **settings})
    )


COMPLEX = """\
data { int<lower=0> J; vector[J] y; }
parameters { real mu; }
model { mu ~ normal(0, 1); y ~ normal(mu, 1); }
generated quantities {
  complex cc = to_complex(mu, 1);
  real important = mu + 1;
  array[J] int y_rep;
  for (j in 1 : J) y_rep[j] = poisson_rng(3);
}
"""
TUPLE = """\
parameters { real x; tuple(real, real) t; }
model { x ~ std_normal(); t.1 ~ std_normal(); t.2 ~ std_normal(); }
"""


@pytest.mark.parametrize(
    ("text", "data", "reason"),
    [
        (
            COMPLEX,
            {"J": 2, "y": [1.0, 2.0]},
            "declares complex cc, and stanli",
        ),
        (TUPLE, {}, "declares tuple(real, real) t, and stanli has no tuples"),
    ],
    ids=["complex", "tuple"],
)
def test_what_stanli_cannot_compute_is_refused(
    tmp_path: Path, text: str, data: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotSupportedError) as caught:
        run(tmp_path, text, data)
    assert reason in caught.value.message
    assert "backend='cmdstan'" in (caught.value.remedy or "")


def test_quantities_that_it_can_compute_are_all_there(tmp_path: Path) -> None:
    plain = COMPLEX.replace("  complex cc = to_complex(mu, 1);\n", "")
    raw = run(tmp_path, plain, {"J": 2, "y": [1.0, 2.0]})
    assert set(raw.variables) == {"mu", "important", "y_rep"}
    assert not raw.console


def test_the_density_of_such_a_program_can_be_had(tmp_path: Path) -> None:
    file = tmp_path / "density.stan"
    file.write_text(COMPLEX)
    value, _ = StanliBackend().log_density(
        StanProgram(file), {"J": 1, "y": [1.0]}, {"mu": 0.0}
    )
    assert value == pytest.approx(-0.5)


def test_warnings_go_to_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import stanli

    class Talkative(stanli.Model):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            warnings.warn("a part runs far slower", RuntimeWarning, stacklevel=2)

    monkeypatch.setattr(stanli, "Model", Talkative)
    raw = run(tmp_path, "parameters { real x; } model { x ~ std_normal(); }", {})
    assert raw.console == "a part runs far slower"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("generated quantities { real x = normal_rng(0, 1); }", {}),
        ("data { int N; } parameters { vector[N] x; } model { }", {"N": 0}),
    ],
    ids=["none declared", "none with these data"],
)
def test_a_program_without_parameters(
    tmp_path: Path, text: str, data: dict[str, Any]
) -> None:
    with pytest.raises(NotSupportedError, match="has no parameters") as caught:
        run(tmp_path, text, data)
    assert "backend='cmdstan'" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "'y' is None"),
        ("a", "'y' is 'a'"),
        ([[1.0], [2.0, 3.0]], "'y' is ragged"),
        (2**31, "'y' holds 2147483648"),
    ],
)
def test_bad_data_never_reach_the_engine(
    tmp_path: Path, value: Any, words: str
) -> None:
    text = "data { real y; } parameters { real x; } model { x ~ normal(y, 1); }"
    with pytest.raises(DataError) as caught:
        run(tmp_path, text, {"y": value})
    assert words in caught.value.message


def test_a_missing_datum_is_named(program: Path) -> None:
    with pytest.raises(
        DataError, match="the data lack 'y', which the program declares"
    ):
        own(program, {"N": 1})


def test_booleans_are_numbers(tmp_path: Path) -> None:
    text = "data { int b; } parameters { real x; } model { x ~ normal(b, 1e-9); }"
    raw = run(tmp_path, text, {"b": True}, inits={"x": 1.0})
    assert np.allclose(raw.variables["x"], 1)


BOUNDED = """\
data { int N; }
parameters { real x; matrix<lower=0>[2, 2] s; vector[N] e; }
model { x ~ std_normal(); to_vector(s) ~ std_normal(); }
"""
WHOLE = {"x": 1.0, "s": [[1.0, 2.0], [3.0, 4.0]]}


@pytest.mark.parametrize(
    ("inits", "words"),
    [
        ({**WHOLE, "z": 2.0}, "names 'z', but the program's parameters are: x, s"),
        ({"s": WHOLE["s"]}, "lacks 'x'"),
        ([WHOLE, {"x": 1.0}], "inits[1] lacks 's'"),
        ({**WHOLE, "x": "1"}, "the value of 'x' is '1'"),
        ({**WHOLE, "x": [1.0, 2.0]}, "'x' has shape (2,), but"),
        ({**WHOLE, "s": [[1.0, 2.0], [3.0, -4.0]]}, "for s"),
        ("ab", "is the text 'ab'"),
        (["a", "b"], "inits[0] is 'a'"),
    ],
)
def test_initial_values_are_those_of_the_parameters(
    tmp_path: Path, inits: Any, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        run(tmp_path, BOUNDED, {"N": 0}, inits=inits)
    assert words in caught.value.message


@pytest.mark.parametrize("inits", [WHOLE, {**WHOLE, "e": []}])
def test_parameters_without_elements_need_no_initial_values(
    tmp_path: Path, inits: Any
) -> None:
    raw = run(tmp_path, BOUNDED, {"N": 0}, inits=inits, **STILL | {"chains": 2})
    assert np.allclose(raw.variables["s"], WHOLE["s"], atol=1e-5)


def test_log_density_has_the_jacobian(program: Path) -> None:
    file = program.with_name("scale.stan")
    file.write_text("parameters { real<lower=0> s; }\nmodel { target += -2 * s; }\n")
    value, gradient = StanliBackend().log_density(StanProgram(file), {}, {"s": 0.5})
    assert value == pytest.approx(-1.0 + np.log(0.5))
    assert gradient == pytest.approx([-1.0 + 1.0])
