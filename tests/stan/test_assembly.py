"""The assembled CmdStan: its layout, and bin/stansummary and bin/diagnose."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hbstan.toolchain import PINNED, find_cmdstan

HEADER = """\
# stan_version_major = 2
# model = toy_model
# method = sample (Default)
#   sample
#     num_samples = {n} (Default)
#     num_warmup = {warmup} (Default)
#     save_warmup = {save_warmup}
#     thin = 1 (Default)
#     algorithm = hmc (Default)
#       hmc
#         engine = nuts (Default)
#           nuts
#             max_depth = 8
"""
FOOTER = """\
#
#  Elapsed Time: 0.25 seconds (Warm-up)
#                0.5 seconds (Sampling)
#                0.75 seconds (Total)
#
"""
COLUMNS = ["lp__", "treedepth__", "divergent__", "energy__", "mu", "theta.1.2"]
CHAINS, DRAWS, PHI = 4, 1000, 0.6


def autoregressive(rng: np.random.Generator, n: int, phi: float) -> NDArray[Any]:
    """A stationary AR(1) series with variance 1."""
    x = np.empty(n)
    x[0] = rng.normal()
    for i in range(1, n):
        x[i] = phi * x[i - 1] + np.sqrt(1 - phi**2) * rng.normal()
    return x


@pytest.fixture
def chains() -> NDArray[Any]:
    """Well-behaved draws of shape (chain, draw, column)."""
    rng = np.random.default_rng(20210414)
    draws = np.zeros((CHAINS, DRAWS, len(COLUMNS)))
    for chain in draws:
        chain[:, 0] = -rng.chisquare(2, DRAWS) / 2
        chain[:, 1] = 3
        chain[:, 3] = rng.chisquare(4, DRAWS) / 2
        chain[:, 4] = autoregressive(rng, DRAWS, PHI)
        chain[:, 5] = 100 + 5 * rng.normal(size=DRAWS)
    return draws


def write(
    folder: Path, draws: NDArray[Any], *, warmup: int = 1000, save: bool = False
) -> list[str]:
    files = []
    for number, chain in enumerate(draws, start=1):
        rows = "\n".join(",".join(f"{x:.17g}" for x in row) for row in chain)
        header = HEADER.format(
            n=len(chain), warmup=warmup, save_warmup="true" if save else "false"
        )
        file = folder / f"chain_{number}.csv"
        file.write_text(f"{header}{','.join(COLUMNS)}\n{rows}\n{FOOTER}")
        files.append(str(file))
    return files


def run(program: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def summary(root: Path, folder: Path, files: list[str]) -> pd.DataFrame:
    out = folder / "summary.csv"
    percentiles = "--percentiles= 5,50,95"  # the blank is CmdStanPy's
    options = [percentiles, "--sig_figs=12", f"--csv_filename={out}"]
    run(root / "bin/stansummary", *options, *files)
    return pd.read_csv(out, index_col=0, comment="#")


def geyer_ess(draws: NDArray[Any]) -> float:
    """Effective sample size over chains by Geyer's initial monotone sequence.

    Written from its definition (Gelman et al., BDA3, section 11.5; Geyer 1992,
    doi:10.1214/ss/1177011137), without the FFT and without splitting chains.
    """
    m, n = draws.shape
    centered = draws - draws.mean(axis=1, keepdims=True)
    acov = np.array(
        [[(c[: n - lag] * c[lag:]).sum() / n for lag in range(n - 1)] for c in centered]
    ).mean(axis=0)
    within = acov[0] * n / (n - 1)
    total = within * (n - 1) / n + draws.mean(axis=1).var(ddof=1)
    rho = 1 - (within - acov) / total
    rho[0] = 1
    pairs = []
    for k in range(0, n - 3, 2):
        pair = rho[k] + rho[k + 1]
        if pair < 0:
            break
        pairs.append(min([pair, *pairs[-1:]]))
    # Stan's improved estimate adds the first even lag past the cut.
    rest = max(rho[2 * len(pairs)], 0)
    return m * n / (-1 + 2 * sum(pairs) + rest)


# --- the installation -----------------------------------------------------------


@pytest.fixture
def assembled(cmdstan: Path) -> Path:
    """The root, if hbstan assembled it; where that is asked for, it must have."""
    if not (cmdstan / "hbstan.json").is_file():
        assert os.environ.get("HBSTAN_TEST_ASSEMBLED") != "1", cmdstan
        pytest.skip(f"{cmdstan} was not assembled by hbstan")
    return cmdstan


def test_layout(assembled: Path) -> None:
    for program in ("stanc", "stansummary", "diagnose"):
        assert os.access(assembled / "bin" / program, os.X_OK)
    for file in ("makefile", "include/stan/version.hpp", "lib/libtbb.so.2"):
        assert (assembled / file).is_file()
    assert not (assembled / "include/pybind11").exists()
    assert list((assembled / "licenses").iterdir())
    marker = json.loads((assembled / "hbstan.json").read_text())
    assert marker["sha256"] == PINNED.sha256
    assert marker["csrc"] == PINNED.csrc_hash()


def test_stanc_is_the_wheels_own(assembled: Path) -> None:
    assert "2.35.0" in run(assembled / "bin/stanc", "--version")
    content = (assembled / "bin/stanc").read_bytes()
    assert len(hashlib.sha256(content).hexdigest()) == 64
    assert content[:4] == b"\x7fELF"


def test_cmdstanpy_takes_it_as_it_is(cmdstan: Path) -> None:
    import cmdstanpy

    assert Path(cmdstanpy.cmdstan_path()) == cmdstan
    found = find_cmdstan()
    assert found is not None
    assert found.path == cmdstan
    assert cmdstanpy.cmdstan_version() == found.version[:2]


def test_programs_link_to_nothing_of_the_build_folder(assembled: Path) -> None:
    # They were built under another name; a path to it would dangle by now.
    for program in ("stansummary", "diagnose"):
        content = (assembled / "bin" / program).read_bytes()
        assert b".partial-" not in content


# --- stansummary ------------------------------------------------------------------


def test_summary_of_known_draws(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    table = summary(cmdstan, tmp_path, write(tmp_path, chains))
    headings = ["Mean", "MCSE", "StdDev", "5%", "50%", "95%"]
    assert list(table.columns) == [*headings, "N_Eff", "N_Eff/s", "R_hat"]
    assert list(table.index) == [*COLUMNS[:5], "theta[1,2]"]
    for column, name in ((0, "lp__"), (4, "mu"), (5, "theta[1,2]")):
        draws = chains[:, :, column]
        row = table.loc[name]
        ess = geyer_ess(draws)
        assert row["Mean"] == pytest.approx(draws.mean(), rel=1e-9)
        assert row["StdDev"] == pytest.approx(draws.std(ddof=1), rel=1e-9)
        assert row["N_Eff"] == pytest.approx(ess, rel=1e-6)
        assert row["MCSE"] == pytest.approx(draws.std(ddof=1) / np.sqrt(ess), rel=1e-6)
        assert row["N_Eff/s"] == pytest.approx(ess / (CHAINS * 0.5), rel=1e-6)


def test_percentiles_are_order_statistics(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    row = summary(cmdstan, tmp_path, write(tmp_path, chains)).loc["mu"]
    ordered = np.sort(chains[:, :, 4], axis=None)
    for percent in (5, 50, 95):
        rank = len(ordered) * percent // 100
        neighbours = ordered[rank - 1 : rank + 1]
        assert np.min(np.abs(neighbours - row[f"{percent}%"])) < 1e-9


def test_ess_of_a_series_with_known_autocorrelation(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    table = summary(cmdstan, tmp_path, write(tmp_path, chains))
    total = CHAINS * DRAWS
    # The relative standard error of these estimates is near 5 %.
    assert table.loc["mu", "N_Eff"] == pytest.approx(
        total * (1 - PHI) / (1 + PHI), rel=0.2
    )
    assert table.loc["theta[1,2]", "N_Eff"] == pytest.approx(total, rel=0.2)


def test_rhat_is_arviz_split_rhat(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    from arviz_stats.base import array_stats

    chains[0, :, 4] += 1
    table = summary(cmdstan, tmp_path, write(tmp_path, chains))
    for column, name in ((4, "mu"), (5, "theta[1,2]")):
        expected = array_stats.rhat(
            chains[:, :, column], chain_axis=0, draw_axis=1, method="split"
        )
        assert table.loc[name, "R_hat"] == pytest.approx(float(expected), rel=1e-9)
    assert table.loc["mu", "R_hat"] > 1.05
    assert table.loc["theta[1,2]", "R_hat"] < 1.01


def test_constant_columns_have_no_ess(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    row = summary(cmdstan, tmp_path, write(tmp_path, chains)).loc["treedepth__"]
    assert (row["Mean"], row["StdDev"]) == (3, 0)
    assert np.isnan(row["N_Eff"])
    assert np.isnan(row["R_hat"])


def test_saved_warmup_is_left_out(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    wild = np.full((CHAINS, 200, len(COLUMNS)), 1e6)
    files = write(tmp_path, np.hstack([wild, chains]), warmup=200, save=True)
    kept = summary(cmdstan, tmp_path, files).loc["mu", "Mean"]
    assert kept == pytest.approx(chains[:, :, 4].mean(), rel=1e-9)
    files = write(tmp_path, np.hstack([wild, chains]), warmup=200, save=False)
    assert summary(cmdstan, tmp_path, files).loc["mu", "Mean"] > 1e4


def test_table_selection_and_autocorrelation(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    files = write(tmp_path, chains)
    text = run(cmdstan / "bin/stansummary", "-i", "mu", "-a", "2", "-s", "3", *files)
    assert re.search(r"^mu( +\S+){9}$", text, re.M)
    assert "theta[1,2]" not in text
    assert "Inference for Stan model: toy_model" in text
    assert "4000 iterations saved" in text
    lag = re.search(r"^ +1 +(\S+)$", text, re.M)
    assert lag is not None
    centered = chains[1, :, 4] - chains[1, :, 4].mean()
    # The mean of the n - 1 products of neighbours over the variance.
    expected = (centered[1:] * centered[:-1]).mean() / (centered**2).mean()
    assert float(lag[1]) == pytest.approx(expected, abs=1e-4)
    assert "theta[1,2]" in run(cmdstan / "bin/stansummary", "-i", "theta", *files)
    assert "--percentiles" in run(cmdstan / "bin/stansummary", "--help")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--percentiles=50,5"], "'50,5'"),
        (["--percentiles=0,50"], "strictly between 0 and 100"),
        (["--sig_figs=19"], "from 1 to 18, found '19'"),
        (["--autocorr", "5"], "from 1 to 4, found '5'"),
        (["-i", "nu"], "no parameter 'nu'"),
        (["--no-such"], "unknown option '--no-such'"),
    ],
)
def test_wrong_usage_is_told(
    cmdstan: Path,
    tmp_path: Path,
    chains: NDArray[Any],
    options: list[str],
    message: str,
) -> None:
    files = write(tmp_path, chains)
    assert message in run(cmdstan / "bin/stansummary", *options, *files, code=64)


@pytest.mark.parametrize("program", ["stansummary", "diagnose"])
def test_unusable_files_are_errors(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any], program: str
) -> None:
    binary = cmdstan / "bin" / program
    good = Path(write(tmp_path, chains[:1, :20])[0])
    text = good.read_text()
    bad = tmp_path / "bad.csv"

    def message(content: str, *more: str) -> str:
        bad.write_text(content)
        return run(binary, *more, str(bad), code=1)

    run(binary, str(good))
    assert "cannot open" in run(binary, str(tmp_path / "none.csv"), code=1)
    assert "not a Stan CSV" in message("")
    assert "no draws" in message(text[: text.index("\n", text.index("lp__")) + 1])
    cells = text[: text.index("\n#\n")].rpartition(",")[0]
    assert re.search(r"line \d+: expected 6", message(cells + "\n"))
    assert "holds no number" in message(cells + ",x\n")
    assert "'nu'" in message(text.replace(",mu,", ",nu,"), str(good))
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary, good], stdout=full, check=False)
    assert done.returncode == 1


def test_csv_that_cannot_be_written(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    files = write(tmp_path, chains)
    for target in ("/dev/full", str(tmp_path / "no" / "folder.csv")):
        said = run(cmdstan / "bin/stansummary", f"-c={target}", *files, code=1)
        assert f"{target}: cannot write" in said


# --- diagnose ---------------------------------------------------------------------


def test_diagnose_good_chains(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any]
) -> None:
    text = run(cmdstan / "bin/diagnose", *write(tmp_path, chains))
    for line in (
        "Treedepth satisfactory for all transitions.",
        "No divergent transitions found.",
        "E-BFMI satisfactory.",
        "Effective sample size satisfactory.",
        "Split R-hat values satisfactory all parameters.",
        "Processing complete, no problems detected.",
    ):
        assert line in text


def plant_treedepth(draws: NDArray[Any]) -> None:
    draws[2, :50, 1] = 8


def plant_divergences(draws: NDArray[Any]) -> None:
    draws[0, :10, 2] = 1


def plant_energy(draws: NDArray[Any]) -> None:
    rng = np.random.default_rng(1)
    draws[3, :, 3] = autoregressive(rng, DRAWS, 0.95)


def plant_ess(draws: NDArray[Any]) -> None:
    # Chains that stay apart for ever hold one draw each; R-hat is high as well.
    draws[:, :, 4] += 1000 * np.arange(CHAINS)[:, None]


def plant_rhat(draws: NDArray[Any]) -> None:
    draws[1, :, 5] += 10


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (plant_treedepth, r"50 of 1000 \(5%\) transitions of chain 3 hit .* of 8"),
        (plant_divergences, r"10 of 4000 \(0\.25%\) transitions ended with a div"),
        (plant_energy, r"The E-BFMI of chain 4, 0\.[01]\d, is below"),
        (plant_ess, r"fewer than 0\.001 effective draws per transition:\n  mu\n"),
        (plant_rhat, r"split R-hat greater than 1\.05:\n  theta\[1,2\]\n"),
    ],
)
def test_diagnose_finds_planted_trouble(
    cmdstan: Path, tmp_path: Path, chains: NDArray[Any], plant: Any, message: str
) -> None:
    assert not re.search(
        message, run(cmdstan / "bin/diagnose", *write(tmp_path, chains))
    )
    plant(chains)
    text = run(cmdstan / "bin/diagnose", *write(tmp_path, chains))
    assert re.search(message, text)
    assert text.endswith("Processing complete.\n")
