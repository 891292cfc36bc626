"""Every bundled dataset is fitted by its default model with draws that pass."""

from __future__ import annotations

import pytest
from shared import Shared

import hbstan as hb

#: Fits of many seconds: tests of these programs make shorter ones.
LARGE = {
    name: pytest.mark.exhaustive(
        *("stan", "hbstan/models", "hbstan/data", "hbstan/backends", "hbstan/fit.py"),
        *("hbstan/plan.py", "hbstan/priors", "hbstan/diagnostics", "hbstan/types.py"),
        "pyproject.toml",
    )
    for name in ("pisa_like", "volatility", "volatility_short", "mrp_survey")
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=LARGE.get(n, ())) for n in hb.datasets.names()]
)
def test_the_default_model_passes(shared: Shared, name: str) -> None:
    model = hb.datasets.describe(name).default_model
    checks = shared(hb.fit, model, name, seed=1, backend="stanli").diagnose()
    assert checks.passed, checks.to_frame()


def test_streamrec_is_too_informative_for_the_non_centered_form() -> None:
    """As its note says: trajectories that are cut off, few effective draws."""
    short = {"chains": 1, "iter_warmup": 300, "iter_sampling": 300}
    fit = hb.fit("logit_noncentered", "streamrec", seed=1, backend="stanli", **short)
    failed = {check.name for check in fit.diagnose().failed()}
    assert "treedepth" in failed
