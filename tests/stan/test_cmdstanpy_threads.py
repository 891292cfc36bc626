"""A program compiled with STAN_THREADS: chains and threads in one process.

Its first compilation builds a second front end, which takes minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmdstanpy_helpers import CONJUGATE, QUICK, TRUTH, run

#: For the minutes; the front end is the same source.
pytestmark = pytest.mark.exhaustive("hbstan/toolchain", "hbstan/backends")


@pytest.fixture(scope="module")
def threaded(compiled: Any) -> Any:
    """Return the conjugate program, compiled with threads."""
    return compiled(CONJUGATE, cpp_options={"STAN_THREADS": "TRUE"})


def test_exe_info(threaded: Any) -> None:
    assert threaded.exe_info()["STAN_THREADS"].lower() == "true"


def test_one_process_gives_the_draws_of_separate_ones(
    threaded: Any, compiled: Any
) -> None:
    options = {**QUICK, "chains": 4, "sig_figs": 10}
    together = threaded.sample(TRUTH.data, parallel_chains=2, **options)
    assert together.runset.one_process_per_chain is False
    assert together.metadata.cmdstan_config["num_threads"] == 2
    separate = compiled(CONJUGATE).sample(TRUTH.data, parallel_chains=2, **options)
    np.testing.assert_array_equal(together.draws(), separate.draws())


def test_threads_per_chain(threaded: Any) -> None:
    fit = threaded.sample(TRUTH.data, threads_per_chain=2, parallel_chains=1, **QUICK)
    assert fit.metadata.cmdstan_config["num_threads"] == 2


def test_inits_and_metrics_of_each_chain(threaded: Any) -> None:
    fit = threaded.sample(
        TRUTH.data,
        inits=[{"theta": 0.1, "mu": 0}, {"theta": 0.9, "mu": 2}],
        inv_metric=[{"inv_metric": [0.2, 0.3]}, {"inv_metric": [0.4, 0.5]}],
        adapt_engaged=False,
        force_one_process_per_chain=False,
        **QUICK,
    )
    np.testing.assert_allclose(fit.inv_metric, [[0.2, 0.3], [0.4, 0.5]])


def test_num_threads_argument(threaded: Any, tmp_path: Path) -> None:
    words = ["sample", "num_threads=0"]
    code, console = run(threaded.exe_file, words, tmp_path)
    assert code != 0
    assert "0 < num_threads" in console


def test_environment_and_argument_must_agree(
    threaded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAN_NUM_THREADS", "3")
    code, console = run(threaded.exe_file, ["sample", "num_threads=2"], tmp_path)
    assert code != 0
    assert "STAN_NUM_THREADS=3" in console
