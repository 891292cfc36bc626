"""Chains that start where a density cannot be evaluated go on."""

from __future__ import annotations

import pytest

import hbstan as hb
from hbstan.models import names


# Its program is compiled for nothing else.
@pytest.mark.exhaustive("stan", "hbstan/backends", "hbstan/toolchain")
@pytest.mark.usefixtures("cmdstan")
def test_a_density_that_fails_at_the_first_proposals_does_not_end_the_chain() -> None:
    # The fourth chain proposes an infinite kappa, where the gamma density throws.
    # Thrown from within a vector literal, that ends the process: Eigen asserts, while
    # the stack unwinds, that the literal has been filled.
    fit = hb.fit(
        "beta_binomial",
        "surgical",
        seed=1,
        backend="cmdstan",
        iter_warmup=200,
        iter_sampling=100,
    )
    assert fit.posterior.sizes["chain"] == 4


@pytest.mark.parametrize("name", names())
def test_no_density_is_evaluated_within_a_vector_literal(name: str) -> None:
    text = hb.models.get(name).program.source()
    body = text[text.index("*/") :].replace("\n", " ")
    for inside in (part.split("]'")[0] for part in body.split("= [")[1:]):
        assert "_lpdf" not in inside
        assert "_lpmf" not in inside
