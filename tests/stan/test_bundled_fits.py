"""Every bundled dataset is fitted by its default model with draws that pass."""

from __future__ import annotations

import pytest

import hbstan as hb


@pytest.mark.parametrize("name", hb.datasets.names())
def test_the_default_model_passes(name: str) -> None:
    model = hb.datasets.describe(name).default_model
    checks = hb.fit(model, name, seed=1, backend="stanli").diagnose()
    assert checks.passed, checks.to_frame()


def test_streamrec_is_too_informative_for_the_non_centered_form() -> None:
    """As its note says: trajectories that are cut off, few effective draws."""
    checks = hb.fit("logit_noncentered", "streamrec", seed=1, backend="stanli")
    failed = {check.name for check in checks.diagnose().failed()}
    assert "treedepth" in failed
