"""Files that are no fits: refused by name, whatever is in them, and soon."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hbstan.backends.fake import FakeBackend
from hbstan.cli.app import main
from hbstan.cli.criticising import files_at_fault
from hbstan.errors import FitError
from hbstan.fit import Fit, fit
from hbstan.sealed import FileWarning

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from hostile_files import make, try_file


def scalar(rng, data, n):
    return rng.standard_normal(n)


def per_group(rng, data, n):
    return rng.uniform(size=(n, data["J"]))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    samplers = {"mu": scalar, "theta": per_group, "p": per_group, "log_lik": per_group}
    backend = FakeBackend(samplers, stats={"lp__": scalar, "energy__": scalar})
    small = {"chains": 2, "iter_sampling": 20, "seed": 1}
    made = fit("logit_noncentered", "surgical", backend=backend, **small)
    return made.save(tmp_path_factory.mktemp("good") / "good.nc")


#: A few of each sort: scripts/hostile_files.py has them all.
SAMPLE = (
    *("empty", "a pickle", "cut at a half", "20 bits flipped, sealed again"),
    *("a group within itself", "a link to another file", "10^12 draws claimed"),
    *("a virtual variable", "a compound variable", "model empty"),
    *("no posterior", "model NaN", "format a text", "priors of another shape"),
    *("like an unknown model", "zero draws", "draws of texts", "no trials"),
)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_hostile_file_is_refused(name: str, good: Path, tmp_path: Path) -> None:
    path = tmp_path / "hostile.nc"
    make(name, good, path)
    with pytest.raises(FitError, match=r"hostile\.nc") as caught:
        Fit.load(path)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "name", ["2^34 draws claimed, compressed", "negative trials (sealed)"]
)
def test_every_reader_refuses(name: str, good: Path, tmp_path: Path) -> None:
    make(name, good, tmp_path / "hostile.nc")
    trials = list(try_file(name, tmp_path / "hostile.nc", good))
    assert len(trials) == 4
    assert [trial for trial in trials if not trial.good] == []


def test_a_good_fit_is_accepted(good: Path) -> None:
    first = next(try_file("good", good, good))
    assert not first.good


def test_a_fit_without_a_checksum_is_read_with_a_warning(
    good: Path, tmp_path: Path
) -> None:
    tree = Fit.load(good).tree
    assert "checksum" not in tree.attrs
    tree.to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.warns(FileWarning, match=r"other\.nc' has no checksum"):
        found = Fit.load(tmp_path / "other.nc")
    assert found.tree.identical(tree)
    assert Fit.load(found.save(tmp_path / "again.nc")).tree.identical(tree)


def test_a_lost_checksum_is_missed(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    path.write_bytes(good.read_bytes()[:-66])
    with pytest.raises(FitError, match="checksum, which is missing"):
        Fit.load(path)
    with xr.open_datatree(good, engine="h5netcdf") as opened:  # others read it
        opened.load().to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FitError, match="another program has rewritten it"):
        Fit.load(path)


def test_flipped_bits_are_found(good: Path, tmp_path: Path) -> None:
    raw, path = good.read_bytes(), tmp_path / "fit.nc"
    for place in np.random.default_rng(1).integers(0, len(raw) - 66, 50):
        bent = bytearray(raw)
        bent[place] ^= 1
        path.write_bytes(bytes(bent))
        with pytest.raises(FitError, match="checksum does not belong"):
            Fit.load(path)


def test_a_command_says_that_a_fit_has_no_checksum(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.nc"
    Fit.load(good).tree.to_netcdf(path, engine="h5netcdf")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.raises(SystemExit) as caught:
            main(["check", str(path), "--draws-only", "--quiet"])
    assert caught.value.code == 1  # too few draws
    assert f"hbstan: {str(path)!r} has no checksum" in capsys.readouterr().err


def test_a_failure_is_blamed_on_files_without_a_checksum(
    good: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.nc").write_bytes(good.read_bytes()[:-66])
    with pytest.raises(FitError, match=r"other\.nc' has no checksum.*KeyError: 'y'"):
        with files_at_fault(good, tmp_path / "other.nc"):
            raise KeyError("y")
    with pytest.raises(KeyError), files_at_fault(good):
        raise KeyError("y")
