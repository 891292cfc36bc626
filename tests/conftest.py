"""Fixtures that all tests share."""

from __future__ import annotations

import matplotlib
import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_windows() -> None:
    matplotlib.use("agg")


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of those files."""
    for item in items:
        if item.path.stem in LONG:
            item.add_marker(pytest.mark.long)
