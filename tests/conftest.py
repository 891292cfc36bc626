"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import matplotlib
import pytest
from finished import Finished, finished
from shared import Shared
from touched import concerned

ROOT = Path(__file__).parents[1]

# How long an example takes is the machine's matter.
hypothesis.settings.register_profile("hbstan", deadline=None)
hypothesis.settings.load_profile("hbstan")


@pytest.fixture(autouse=True, scope="session")
def _no_windows() -> None:
    matplotlib.use("agg")


@pytest.fixture(autouse=True, scope="session")
def _no_processes_unasked() -> Iterator[None]:
    """Simulate and refit in this process where a test names no executor.

    Results are the same, as the tests of the executors show; starting processes costs
    seconds each time, and the cores are busy with other tests.
    """
    from hbstan.sbc.executors import Pool

    genuine = Pool.__init__

    def init(
        self: Pool,
        executor: Any = None,
        workers: int | None = None,
        *,
        killable: bool = False,
    ) -> None:
        here = executor is None and workers in (None, 1)
        own = killable and not here
        genuine(self, "serial" if here else executor, workers, killable=own)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pool, "__init__", init)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Return ``shared(hb.fit, MODEL, DATA, ...)``: made once, for all workers."""
    root = tmp_path_factory.getbasetemp()
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    return Shared((root.parent if parallel else root) / "shared")


@pytest.fixture(scope="session")
def whole(shared: Shared) -> Finished:
    """Return a finished workflow of the surgical data, made once for all workers."""
    return shared(finished, str(shared.folder.with_name("finished")))


#: Files whose tests are about statistics, Stan or other programs: what they find on
#: one Python they find on another. CI runs them on the default Python alone.
LONG = {
    *("test_assembly", "test_backends_agree", "test_bundled_fits", "test_cli_sbc"),
    *("test_cli", "test_cli_assess", "test_cli_systems", "test_cli_criticism"),
    *("test_cli_workflow", "test_cmdstanpy_compile", "test_cmdstanpy_failures"),
    *("test_cmdstanpy_methods", "test_cmdstanpy_sample", "test_cmdstanpy_threads"),
    *("test_compile_cmdstan", "test_extremes", "test_log_lik_group", "test_loo_refits"),
    *("test_notebooks", "test_report_browser", "test_pooling_programs", "test_readme"),
    *("test_predictive", "test_repeat", "test_compare_fits"),
    *("test_programs_density", "test_programs_outputs", "test_programs_text"),
    *("test_sbc_backends", "test_sbc_controls", "test_sbc_dask", "test_sbc_kill"),
    *("test_sensitivity", "test_skeleton", "test_streams", "test_workflow"),
    *("test_football_poisson", "test_form_chosen", "test_forms", "test_gp_regression"),
    *("test_irt", "test_laboratory_fits", "test_logit_covariates", "test_mrp_logit"),
    *("test_normal_groups_programs", "test_omega_grid", "test_regression_programs"),
    *("test_returns_programs", "test_studies_programs", "test_workflow_systems"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--touched",
        default="",
        metavar="FILES",
        help="of the exhaustive tests, only those that these changed files concern",
    )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Mark the tests of those files; leave out what a change does not concern."""
    touched, left_out = config.getoption("touched").split(), []
    for item in items:
        if item.path.stem in LONG:
            item.add_marker(pytest.mark.long)
        repeats = item.get_closest_marker("exhaustive")
        if touched and repeats and not concerned(item.path, repeats.args, touched):
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Let a change that concerns no test pass."""
    none = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    if none and session.config.getoption("touched"):
        session.exitstatus = pytest.ExitCode.OK
