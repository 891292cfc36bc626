"""Prior families against closed forms, SciPy's integrator and Stan's own table."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

import hbstan.priors as pr
from hbstan.errors import PriorError

STAN = Path(__file__).parents[2] / "stan/functions/priors.stanfunctions"

EXAMPLES = (
    pr.Normal(-1.5, 2.0),
    pr.StudentT(3.0, 1.0, 2.5),
    pr.HalfNormal(0.7),
    pr.HalfCauchy(1.3),
    pr.HalfStudentT(4.0, 2.0),
    pr.Exponential(2.5),
    pr.Beta(2.0, 5.0),
    pr.Gamma(1.5, 0.5),
    pr.Pareto(1.0, 1.5),
    pr.LKJ(2.5),
)
#: Support of each example, and two points inside.
SUPPORT = {
    "Normal": (-math.inf, math.inf),
    "StudentT": (-math.inf, math.inf),
    "HalfNormal": (0.0, math.inf),
    "HalfCauchy": (0.0, math.inf),
    "HalfStudentT": (0.0, math.inf),
    "Exponential": (0.0, math.inf),
    "Beta": (0.0, 1.0),
    "Gamma": (0.0, math.inf),
    "Pareto": (1.0, math.inf),
    "LKJ": (-1.0, 1.0),
}
LEGAL = "a finite number"
POSITIVE = "a finite number greater than 0"


def by_name(prior: pr.Prior) -> str:
    return type(prior).__name__


def log_gamma(x: float) -> float:
    return math.lgamma(x)


def t_density(x: float, df: float, loc: float, scale: float) -> float:
    z = (x - loc) / scale
    front = log_gamma((df + 1) / 2) - log_gamma(df / 2)
    front -= 0.5 * math.log(df * math.pi) + math.log(scale)
    return front - (df + 1) / 2 * math.log1p(z * z / df)


def closed_form(prior: pr.Prior, x: float) -> float:
    """Log density from the textbook's formula, without SciPy."""
    match prior:
        case pr.Normal(loc, scale):
            return -0.5 * ((x - loc) / scale) ** 2 - math.log(
                scale * math.sqrt(2 * math.pi)
            )
        case pr.StudentT(df, loc, scale):
            return t_density(x, df, loc, scale)
        case pr.HalfNormal(scale):
            return math.log(2 / (scale * math.sqrt(2 * math.pi))) - x**2 / (
                2 * scale**2
            )
        case pr.HalfCauchy(scale):
            return math.log(2 / (math.pi * scale)) - math.log1p((x / scale) ** 2)
        case pr.HalfStudentT(df, scale):
            return math.log(2) + t_density(x, df, 0.0, scale)
        case pr.Exponential(rate):
            return math.log(rate) - rate * x
        case pr.Beta(a, b):
            front = log_gamma(a + b) - log_gamma(a) - log_gamma(b)
            return front + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x)
        case pr.Gamma(shape, rate):
            front = shape * math.log(rate) - log_gamma(shape)
            return front + (shape - 1) * math.log(x) - rate * x
        case pr.Pareto(minimum, shape):
            return (
                math.log(shape) + shape * math.log(minimum) - (shape + 1) * math.log(x)
            )
        case pr.LKJ(eta):
            front = log_gamma(eta + 0.5) - log_gamma(eta) - 0.5 * math.log(math.pi)
            return front + (eta - 1) * math.log1p(-x * x)
    raise AssertionError(prior)


def test_the_examples_cover_every_family() -> None:
    assert {by_name(p) for p in EXAMPLES} == set(pr.FAMILIES) == set(SUPPORT)


@pytest.mark.parametrize("prior", EXAMPLES, ids=by_name)
def test_density_equals_the_closed_form(prior: pr.Prior) -> None:
    points = prior.distribution().ppf(np.array([0.001, 0.2, 0.5, 0.9, 0.999]))
    got = prior.distribution().logpdf(points)
    assert got == pytest.approx([closed_form(prior, float(x)) for x in points])


@pytest.mark.parametrize("prior", EXAMPLES, ids=by_name)
def test_density_integrates_to_one_over_its_support(prior: pr.Prior) -> None:
    dist = prior.distribution()
    low, high = SUPPORT[by_name(prior)]
    total, error = integrate.quad(lambda x: math.exp(dist.logpdf(x)), low, high)
    assert error < 1e-6
    assert total == pytest.approx(1.0, abs=1e-6)


def test_the_integral_notices_a_missing_factor() -> None:
    unfolded = stats.t(4.0, 0.0, 2.0)
    total, _ = integrate.quad(unfolded.pdf, 0.0, math.inf)
    assert total == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("prior", EXAMPLES, ids=by_name)
def test_there_is_no_density_outside_the_support(prior: pr.Prior) -> None:
    low, _ = SUPPORT[by_name(prior)]
    below = low - 0.5
    if math.isinf(low):
        assert np.isfinite(prior.distribution().logpdf(-40.0))
    else:
        assert prior.distribution().logpdf(below) == -math.inf
        assert prior.distribution().cdf(below) == 0.0


@pytest.mark.parametrize("prior", EXAMPLES, ids=by_name)
def test_cdf_and_quantiles_are_inverse(prior: pr.Prior) -> None:
    q = np.array([0.01, 0.3, 0.5, 0.95])
    dist = prior.distribution()
    assert dist.cdf(dist.ppf(q)) == pytest.approx(q)


@pytest.mark.parametrize("prior", EXAMPLES, ids=by_name)
def test_draws_follow_the_distribution(prior: pr.Prior) -> None:
    draws = prior.draw(np.random.default_rng(20_260), 4000)
    assert draws.shape == (4000,)
    assert stats.kstest(draws, prior.distribution().cdf).pvalue > 1e-3


def test_the_draws_test_notices_a_wrong_scale() -> None:
    draws = pr.HalfStudentT(4.0, 2.3).draw(np.random.default_rng(20_260), 4000)
    wrong = pr.HalfStudentT(4.0, 2.0).distribution().cdf
    assert stats.kstest(draws, wrong).pvalue < 1e-6


def test_draws_are_set_by_the_generator_alone() -> None:
    first = pr.Gamma(2, 3).draw(np.random.default_rng(5), 10)
    assert np.array_equal(first, pr.Gamma(2, 3).draw(np.random.default_rng(5), 10))
    other = pr.Gamma(2, 3).draw(np.random.default_rng(6), 10)
    assert not np.array_equal(first, other)


def test_half_student_t_carries_the_factor_two() -> None:
    half = pr.HalfStudentT(5.0, 1.7).distribution()
    whole = pr.StudentT(5.0, 0.0, 1.7).distribution()
    for x in (0.0, 0.4, 12.0):
        assert half.logpdf(x) - whole.logpdf(x) == pytest.approx(math.log(2))
    assert half.cdf(0.0) == 0.0
    assert half.cdf(1e9) == pytest.approx(1.0)


@pytest.mark.parametrize(("df", "scale"), [(3.0, 1.0), (5.0, 2.5), (30.0, 0.3)])
def test_half_student_t_mean(df: float, scale: float) -> None:
    # E|t| = 2 scale sqrt(df / pi) Gamma((df + 1) / 2) / ((df - 1) Gamma(df / 2)).
    ratio = math.exp(log_gamma((df + 1) / 2) - log_gamma(df / 2))
    truth = 2 * scale * math.sqrt(df / math.pi) * ratio / (df - 1)
    mean = pr.HalfStudentT(df, scale).distribution().mean()
    assert mean == pytest.approx(truth, rel=1e-5)


def stan_table() -> dict[str, tuple[int, int]]:
    """Family to code and number of arguments, from the comment in the Stan file."""
    rows = re.findall(
        r"^ \*   (\d+)\s+(\w+)\s{2,}(\w+(?:, \w+)*)\s{2,}", STAN.read_text(), re.M
    )
    return {family: (int(code), args.count(",") + 1) for code, family, args in rows}


def stan_branches() -> dict[int, str]:
    """Code to the expression of its density, from the Stan function itself."""
    found = re.findall(
        r"if \(family == (\d+)\) \{\s*return ([^;]+);", STAN.read_text().split("*/")[2]
    )
    return {int(code): expression for code, expression in found}


def spelled(name: str) -> str:
    """A family's name in Stan's spelling."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def test_codes_and_arguments_are_those_of_the_stan_table() -> None:
    table = stan_table()
    ours = {
        spelled(name): (
            family.code,
            len(dataclasses.fields(family)),
        )
        for name, family in pr.FAMILIES.items()
    }
    assert len(table) == 10
    assert table == ours


def test_codes_are_those_of_the_stan_function() -> None:
    branches = stan_branches()
    numbers = {k: v for k, v in pr.FAMILIES.items() if v.role != "correlation"}
    assert set(branches) == {family.code for family in numbers.values()}
    for name, family in numbers.items():
        base = spelled(name).removeprefix("half_")
        assert f"{base}_lpdf(x |" in branches[family.code]
        assert name.startswith("Half") == branches[family.code].startswith("log2()")


def test_stan_data_pads_to_three_arguments() -> None:
    got = pr.stan_data({"mu": pr.StudentT(3, -1, 2), "tau": pr.HalfCauchy(0.5)})
    assert got == {
        "prior_mu": 2,
        "prior_mu_args": [3.0, -1.0, 2.0],
        "prior_tau": 4,
        "prior_tau_args": [0.5, 0.0, 0.0],
    }
    assert pr.stan_data({}) == {}


def test_correlation_matrices_by_the_vine_method() -> None:
    """Each correlation is beta distributed, and the volume is that of the source."""
    rng = np.random.default_rng(5)
    for dimension, eta in ((2, 0.7), (3, 2.0), (4, 1.0)):
        drawn = pr.LKJ(eta).draw(rng, 4000, dimension)
        assert drawn.shape == (4000, dimension, dimension)
        assert np.allclose(np.einsum("sii->si", drawn), 1.0)
        assert np.allclose(drawn, drawn.transpose(0, 2, 1))
        assert np.linalg.eigvalsh(drawn).min() > -1e-12
        # The margin of one element: Lewandowski et al. (2009), section 3.2.
        shape = eta + dimension / 2 - 1
        law = stats.beta(shape, shape, -1, 2)
        for i in range(dimension):
            for k in range(i):
                assert stats.kstest(drawn[:, i, k], law.cdf).pvalue > 1e-3
    # Weights det^(2 - 1) turn uniform matrices into those of eta = 2.
    uniform = pr.LKJ(1).draw(rng, 20000, 3)
    weight = np.linalg.det(uniform)
    squared = (uniform[:, 0, 1] * uniform[:, 1, 2] * uniform[:, 0, 2]) ** 2
    expected = np.average(squared, weights=weight)
    other = pr.LKJ(2).draw(rng, 20000, 3)
    product = (other[:, 0, 1] * other[:, 1, 2] * other[:, 0, 2]) ** 2
    assert product.mean() == pytest.approx(expected, abs=5 * product.std() / 100)


def test_matrices_of_no_effect_and_of_one() -> None:
    rng = np.random.default_rng(1)
    assert pr.LKJ(2).draw(rng, 3, 0).shape == (3, 0, 0)
    assert (pr.LKJ(2).draw(rng, 3, 1) == 1.0).all()


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("LKJ(2)", pr.LKJ(2)),
        ("lkj(0.5)", pr.LKJ(0.5)),
        ("HalfCauchy(1)", pr.HalfCauchy(1)),
        (" half_cauchy( 1 ) ", pr.HalfCauchy(1)),
        ("normal(0, 2.5)", pr.Normal(0, 2.5)),
        ("NORMAL(-1e2,1e-3)", pr.Normal(-100, 0.001)),
        ("student_t(3,0,1)", pr.StudentT(3, 0, 1)),
        ("half_student_t(3, 2)", pr.HalfStudentT(3, 2)),
        ("Pareto(1, 1.5)", pr.Pareto(1, 1.5)),
    ],
)
def test_text_becomes_a_prior(text: str, prior: pr.Prior) -> None:
    assert pr.parse_prior(text) == prior


@pytest.mark.parametrize("prior", EXAMPLES, ids=by_name)
def test_a_printed_prior_can_be_read_again(prior: pr.Prior) -> None:
    assert pr.parse_prior(str(prior)) == prior


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["''", "is not a prior", "HalfNormal(1)", "Pareto"]),
        ("Normal", ["'Normal'", "is not a prior"]),
        ("Normal(0, 1) extra", ["extra", "is not a prior"]),
        ("Normal(0, (1))", ["is not a prior"]),
        ("Cauchy(1)", ["'Cauchy'", "unknown prior family", "HalfCauchy"]),
        ("Normal(0)", ["'Normal(0)'", "loc, scale"]),
        ("Normal(0, 1, 2)", ["loc, scale"]),
        ("Normal()", ["loc, scale"]),
        ("Normal(a, 1)", ["'Normal(a, 1)'", "loc, scale"]),
        ("Normal(0, -1)", ["scale", "-1.0", POSITIVE]),
        ("HalfNormal(inf)", ["scale", "inf", POSITIVE]),
        ("Normal(nan, 1)", ["loc", "nan", LEGAL]),
    ],
)
def test_text_that_is_no_prior(text: str, words: list[str]) -> None:
    with pytest.raises(PriorError) as caught:
        pr.parse_prior(text)
    for word in words:
        assert word in str(caught.value)


def test_assignments() -> None:
    assert pr.parse_assignment("tau = HalfNormal(2)") == ("tau", pr.HalfNormal(2))


@pytest.mark.parametrize("text", ["tau", "=HalfNormal(1)", "  = HalfNormal(1)", ""])
def test_text_that_assigns_nothing(text: str) -> None:
    with pytest.raises(PriorError, match="does not assign a prior") as caught:
        pr.parse_assignment(text)
    assert repr(text) in str(caught.value)
    assert "tau=HalfCauchy(1)" in str(caught.value)


def test_an_assignment_of_nonsense() -> None:
    with pytest.raises(PriorError, match="is not a prior"):
        pr.parse_assignment("tau=5")


def positive_arguments() -> list[tuple[str, str]]:
    return [
        (by_name(p), f.name)
        for p in EXAMPLES
        for f in dataclasses.fields(p)
        if f.name != "loc"
    ]


@pytest.mark.parametrize(("family", "argument"), positive_arguments())
@pytest.mark.parametrize("bad", [0, -1.5, math.inf, math.nan, "x", None, True, [1]])
def test_arguments_that_must_be_positive(
    family: str, argument: str, bad: object
) -> None:
    example = next(p for p in EXAMPLES if by_name(p) == family)
    with pytest.raises(PriorError) as caught:
        dataclasses.replace(example, **{argument: bad})
    text = str(caught.value)
    assert text == f"{family}: {argument} is {bad!r}, but must be {POSITIVE}."


@pytest.mark.parametrize("family", [pr.Normal, pr.StudentT])
@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, "zero", False])
def test_locations_must_be_finite(family: type[pr.Prior], bad: object) -> None:
    good = {f.name: 1.0 for f in dataclasses.fields(family)}
    with pytest.raises(PriorError) as caught:
        family(**{**good, "loc": bad})
    assert f"loc is {bad!r}, but must be {LEGAL}." in str(caught.value)
    assert family(**{**good, "loc": -7}).args.count(-7.0) == 1


def test_numbers_of_any_kind_become_floats() -> None:
    prior = pr.Normal(np.int64(3), np.float32(0.5))
    assert prior == pr.Normal(3.0, 0.5)
    assert all(type(a) is float for a in prior.args)


def test_priors_are_frozen_and_hashable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        EXAMPLES[0].loc = 1.0
    assert len(set(EXAMPLES)) == len(EXAMPLES)


@pytest.mark.parametrize(
    "prior", [*EXAMPLES, pr.Normal(0.1 + 0.2, 1 / 3)], ids=lambda p: str(p)
)
def test_a_record_holds_the_prior_exactly(prior: pr.Prior) -> None:
    assert pr.prior_from_record(prior.record()) == prior


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"family": "Normal"},
        {"family": "Cauchy", "args": [1.0]},
        {"family": "Normal", "args": [1.0]},
        {"family": "Normal", "args": None},
    ],
)
def test_a_record_of_no_prior(record: dict[str, object]) -> None:
    with pytest.raises(PriorError) as caught:
        pr.prior_from_record(record)
    assert f"{record!r} is not the record of a prior" in str(caught.value)


def test_every_role_has_a_support_in_words() -> None:
    assert {family.role for family in pr.FAMILIES.values()} == set(pr.SUPPORTS)


@pytest.mark.parametrize("name", sorted(pr.FAMILIES))
def test_the_package_hands_out_every_family(name: str) -> None:
    import hbstan as hb

    assert getattr(hb, name) is pr.FAMILIES[name]
    assert name in hb.__all__
