"""Data that should fail at each gate, built for it, and criteria that are quick."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from finished import QUICK

import hbstan as hb


@dataclass(frozen=True)
class Case:
    """Data, and where and why a model of them should be stopped."""

    stage: str
    check: str
    reason: str
    data: Any
    model: str
    priors: dict[str, str]
    criteria: dict[str, Any] = field(default_factory=dict)

    def all_criteria(self) -> dict[str, Any]:
        parts = {*QUICK, *self.criteria}
        return {p: {**QUICK.get(p, {}), **self.criteria.get(p, {})} for p in parts}


def binomial(n: Any, y: Any, name: str) -> Any:
    labels = [f"group {i}" for i in range(len(n))]
    frame = pd.DataFrame({"group": labels, "n": np.array(n), "y": np.array(y)})
    frame = frame.astype({"n": int, "y": int})
    return hb.data.load(frame, group="group", trials="n", events="y", name=name)


def estimates(y: Any, se: Any, name: str) -> Any:
    labels = [f"group {i}" for i in range(len(y))]
    frame = pd.DataFrame({"group": labels, "y": y, "se": se})
    return hb.data.load(frame, group="group", estimate="y", se="se", name=name)


def _drifting() -> Case:
    n = np.array([40, 60, 80, 110, 150, 200, 260, 330, 410, 500, 600, 720])
    y = np.round(n * np.linspace(0.2, 0.05, 12))
    return Case(
        "data",
        "size_against_rate",
        "correlation -1.00",
        binomial(n, y, "rates that fall with size"),
        "logit_noncentered",
        {"mu": "Normal(-2, 1)", "tau": "HalfNormal(1)"},
    )


def _surprising() -> Case:
    y = [97, 95, 98, 96, 99, 94, 97, 96, 98, 95]
    return Case(
        "prior",
        "not_too_narrow",
        "level: p = 0",
        binomial([100] * 10, y, "what the prior excludes"),
        "logit_noncentered",
        {"mu": "Normal(-2.5, 1)", "tau": "HalfNormal(0.5)"},
    )


def _two_camps() -> Case:
    rng = np.random.default_rng(3)
    p = rng.permutation(np.repeat([0.02, 0.5], 6))
    return Case(
        "fit",
        "rhat",
        "R-hat",
        binomial([2000] * 12, np.round(2000 * p), "two camps"),
        "logit_student_t",
        {"mu": "Normal(-1.5, 1.5)", "tau": "HalfNormal(0.3)", "nu": "Gamma(2, 1)"},
        # Second attempts are tested with the workflow.
        {"fit": {"retry_draws": 1, "retry_adapt_delta": 0}},
    )


def _outlier() -> Case:
    rng = np.random.default_rng(4)
    p = 1 / (1 + np.exp(3 - 0.3 * rng.standard_normal(30)))
    p[7] = 0.8
    return Case(
        "posterior",
        "new_groups_max",
        "largest rate",
        binomial([300] * 30, rng.binomial(300, p), "one of another kind"),
        "logit_noncentered",
        {"mu": "Normal(-2.5, 1)", "tau": "HalfNormal(1)"},
    )


def _two_kinds() -> Case:
    rng = np.random.default_rng(5)
    p = rng.permutation(np.where(np.arange(60) % 2, 0.03, 0.12))
    return Case(
        "cross_validation",
        "loo_pit",
        "PIT values",
        binomial([500] * 60, rng.binomial(500, p), "two kinds"),
        "logit_noncentered",
        {"mu": "Normal(-2.5, 1)", "tau": "HalfNormal(1)"},
    )


def _three_groups() -> Case:
    return Case(
        "sensitivity",
        "prior_decides",
        "tau ~ HalfCauchy(2)",
        estimates([1.0, 4.0, 11.0], [2.0] * 3, "three groups"),
        "eight_schools_noncentered",
        {"mu": "Normal(0, 10)", "tau": "HalfNormal(2)"},
    )


#: Stopped by a whole workflow; and by a stage alone, which a fit goes before.
WHOLE = [_drifting(), _surprising()]
STAGES = [_two_camps(), _outlier(), _two_kinds(), _three_groups()]


def many_groups() -> Any:
    """Return estimates whose population a model without pooling cannot learn."""
    rng = np.random.default_rng(7)
    y = rng.normal(0, np.hypot(1, 0.5), 120).round(3)
    return estimates(y, [0.5] * 120, "many groups")
