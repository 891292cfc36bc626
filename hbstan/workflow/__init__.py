"""From data to a verdict: stages with gates, in one call or one by one.

Each stage is a function that can be called alone and returns a
:class:`hbstan.results.StageResult`; :func:`workflow` runs them all.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from hbstan.workflow.before import calibrate, check_prior
from hbstan.workflow.conclusions import compare_models, conclude
from hbstan.workflow.criteria import Criteria
from hbstan.workflow.crossing import cross_validate
from hbstan.workflow.describe import describe_data
from hbstan.workflow.document import without_times
from hbstan.workflow.fitting import fit_and_diagnose
from hbstan.workflow.flow import Workflow, load_workflow, workflow
from hbstan.workflow.judgement import ModelVerdict, Verdict
from hbstan.workflow.posterior import check_posterior
from hbstan.workflow.probing import check_sensitivity
from hbstan.workflow.stages import STAGES, Stage
from hbstan.workflow.watch import Watcher

__all__ = [
    "STAGES",
    "Criteria",
    "ModelVerdict",
    "Stage",
    "Verdict",
    "Watcher",
    "Workflow",
    "calibrate",
    "check_posterior",
    "check_prior",
    "check_sensitivity",
    "compare_models",
    "conclude",
    "cross_validate",
    "describe_data",
    "fit_and_diagnose",
    "load_workflow",
    "schema",
    "without_times",
    "workflow",
]


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of ``verdict.json``."""
    text = resources.files(__name__).joinpath("verdict.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
