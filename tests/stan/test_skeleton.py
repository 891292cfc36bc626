"""The skeleton of a new model obeys the contract as it is shipped.

Filled in with a name and registered for the length of a test, it is put through the
very tests that the catalogue's programs pass.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cases
import numpy as np
import programs
import pytest
import reference
import test_programs_density as density
import test_programs_outputs as outputs
import test_programs_text as text

import hbstan as hb
from hbstan.models import catalogue, entry, resolve_priors
from hbstan.results import Outcome
from hbstan.simulate import families

NAME = "filled_in"
ROOT = programs.ROOT
SCRIPT = ROOT / "scripts" / "new_model.py"


def fill_in(folder: Path, name: str = NAME) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), name, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four files, written by the script."""
    path = tmp_path_factory.mktemp("skeleton")
    done = fill_in(path)
    assert done.returncode == 0, done.stderr
    return path


def load(folder: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    module = importlib.import_module(file)
    monkeypatch.delitem(sys.modules, file)
    return module


@pytest.fixture
def generator(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load(folder, f"{NAME}_generator", monkeypatch)


@pytest.fixture
def registered(
    folder: Path,
    generator: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> entry.Model:
    """Register the model as contributing.md says, with the program in its place."""
    root = tmp_path / "stan"
    shutil.copytree(ROOT / "stan", root)
    shutil.copy(folder / f"{NAME}.stan", root / "models")
    model: entry.Model = load(folder, f"{NAME}_entry", monkeypatch).MODEL
    monkeypatch.setattr(entry, "stan_root", lambda: root)
    monkeypatch.setitem(catalogue._CATALOGUE, NAME, model)
    family = families._normal(generator.effects, generator.log_effects)
    monkeypatch.setitem(families._FAMILIES, NAME, family)
    monkeypatch.setitem(cases.LEGAL, NAME, cases.NORMAL)
    # The target of the reference that the skeleton's mathematics is that of.
    target = reference.eight_schools_noncentered
    monkeypatch.setitem(reference.TARGETS, NAME, target)
    for module in (programs, text):
        monkeypatch.setattr(module, "MODELS", root / "models")
    return model


def test_the_script_writes_four_files_with_the_name_alone(folder: Path) -> None:
    files = sorted(path.name for path in folder.glob("*.*"))
    assert files == sorted(
        [f"{NAME}.stan", f"{NAME}_entry.py", f"{NAME}_generator.py", f"test_{NAME}.py"]
    )
    for path in folder.glob("*.*"):
        assert "new_model" not in path.read_text()
        assert "CHANGE" in path.read_text()


def test_the_script_refuses_and_overwrites_nothing(folder: Path) -> None:
    for name, words in {
        "Bad-Name": "legal: lower-case",
        "surgical__x": "legal: lower-case",
        "beta_binomial": "choose another name",
        NAME: "exists",
    }.items():
        done = fill_in(folder, name)
        assert done.returncode == 2
        assert words in done.stderr
    assert len(list(folder.glob("*.*"))) == 4


@pytest.mark.parametrize("codes", [(1, 3), (1, 4), (2, 5), (2, 6)])
def test_target_and_gradient(registered: entry.Model, codes: tuple[int, int]) -> None:
    density.test_target_and_gradient_match_scipy(NAME, codes)
    density.test_target_matches_the_simulators_densities(NAME, codes)


def test_the_mask(registered: entry.Model) -> None:
    density.test_target_ignores_held_out_outcomes_only(NAME)
    for holdout in ([0] * 6, [1] * 6, [1, 0, 0, 1, 0, 1]):
        density.test_any_mask_matches_scipy(NAME, holdout)
    density.test_one_group_is_enough(NAME)


def test_priors_of_the_wrong_kind(registered: entry.Model) -> None:
    density.test_family_of_the_wrong_kind_is_refused(NAME)


def test_outputs(registered: entry.Model, tmp_path: Path) -> None:
    outputs.test_predictive_switch(NAME)
    outputs.test_lprior_holds_the_log_priors_in_order(NAME)
    outputs.test_log_lik_is_there_for_every_group(NAME)
    outputs.test_y_rep_has_the_outcome_distribution(NAME)
    density.test_target_is_the_same_without_generated_quantities(NAME, tmp_path)


def test_text(registered: entry.Model, folder: Path) -> None:
    text.test_header_names_every_datum_parameter_and_source(NAME)
    text.test_source_is_at_most_80_columns_of_ascii(folder / f"{NAME}.stan")


def test_format(folder: Path) -> None:
    text.test_source_is_formatted_and_warns_of_nothing_unexplained(
        folder / f"{NAME}.stan"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("std_normal_lpdf(z)", "std_normal_lpdf(2 * z)"),
        ("theta[observed], sigma[observed])", "theta[observed], 2 * sigma[observed])"),
        ("y[observed] | theta[observed], sigma[observed]", "y | theta, sigma"),
    ],
)
def test_a_mistake_is_caught(registered: entry.Model, old: str, new: str) -> None:
    path = registered.program.file
    source = path.read_text()
    assert source.count(old) == 1
    path.write_text(source.replace(old, new))
    with pytest.raises(AssertionError):
        density.test_target_and_gradient_match_scipy(NAME, (1, 3))


def test_registered_it_is_a_model_like_the_others(registered: entry.Model) -> None:
    data = hb.datasets.load("eight_schools")
    assert {p.name for p in registered.top_level} == set(
        resolve_priors(registered, data)
    )
    assert all(reason for _, reason in registered.defaults(data).values())
    fit = hb.fit(NAME, data, seed=1, backend="stanli")
    assert fit.diagnose().passed
    other = hb.fit(
        "eight_schools_noncentered",
        data,
        seed=2,
        backend="stanli",
        priors={k: c.prior for k, c in resolve_priors(registered, data).items()},
    )
    # Means of 4000 draws each, five standard errors apart at most.
    for name in ("mu", "theta"):
        a, b = (f.posterior[name] for f in (fit, other))
        error = np.hypot(*(x.std(("chain", "draw")) / np.sqrt(1000) for x in (a, b)))
        gap = a.mean(("chain", "draw")).values - b.mean(("chain", "draw")).values
        assert np.all(np.abs(gap) < 5 * error.values)


def test_its_own_tests(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load(folder, f"test_{NAME}", monkeypatch)
    for held_out in ([], [0, 5], range(8)):
        own.test_target_matches_scipy(held_out)
    own.test_log_lik_group_integrates_the_group_out()


def test_calibration_finds_twice_the_noise(folder: Path, generator: ModuleType) -> None:
    def noisy(rng: np.random.Generator) -> tuple[Any, Any]:
        drawn, _ = generator.draw(rng)
        sigma = 2 * np.array(generator.DESIGN["sigma"])
        return drawn, {"y": rng.normal(drawn["theta"], sigma)}

    checks = hb.sbc(
        folder / f"{NAME}.stan",
        generator=noisy,
        design=generator.DESIGN,
        priors=generator.PRIORS,
        n_sims=60,
        seed=1,
        backend="stanli",
        executor="serial",
    ).checks()
    assert checks["uniformity"].outcome is Outcome.FAIL


@pytest.mark.exhaustive(
    *("scripts/skeleton", "scripts/new_model.py", "stan/functions", "hbstan")
)
def test_its_own_tests_pass(folder: Path) -> None:
    """All of them, among them a calibration that passes."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
