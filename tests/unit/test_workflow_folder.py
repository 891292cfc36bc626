"""A workflow's folder: records that are whole, of this stage and this workflow."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hbstan.errors import StoreError
from hbstan.sealed import AGAIN
from hbstan.workflow.folder import Folder, plan_key

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from corruption_trials import KINDS, corrupt, files_of

PLAN: dict[str, Any] = {
    "request": {"seed": 1},
    "criteria": {"fit": {"rhat": 1.01}},
    "amended": [],
    "started": "2026-01-02T03:04:05+00:00",
}
STAGES = {"data": "figures/data.svg", "model/fit": "fits/model.nc"}


def made(path: Path, plan: dict[str, Any] = PLAN) -> Folder:
    folder = Folder(path)
    folder.write_plan(plan)
    for number, (key, name) in enumerate(STAGES.items()):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(f"{name} of the seed {plan['request']['seed']}")
        record = {"key": key, "number": number, "files": folder.digests([name])}
        folder.write_stage(key, plan_key(plan), record)
    return folder


def read(folder: Folder) -> Any:
    return folder.plan(), [folder.stage(key, plan_key(PLAN)) for key in STAGES]


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    folder = made(tmp_path)
    plan, stages = read(folder)
    assert plan == PLAN
    assert [s["key"] for s in stages] == [*STAGES]
    assert set(stages[0]) == {"key", "number", "files"}
    assert folder.stage("model/prior", plan_key(PLAN)) is None


def tried(folder: Folder) -> tuple[Any, list[Any], str]:
    try:
        return (*read(folder), "")
    except StoreError as err:
        return None, [], str(err)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_damage_is_named_or_the_stage_is_run_again(
    tmp_path: Path, kind: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    twin = made(tmp_path / "twin", {**PLAN, "request": {"seed": 2}}).path
    before = read(made(tmp_path / "whole"))
    for name in files_of(tmp_path / "whole"):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", copy)
        others = [copy / f for f in files_of(copy) if f != name]
        corrupt(kind, copy / name, others, twin / name, rng)
        plan, stages, message = tried(Folder(copy))
        if message:
            assert Path(name).name in message
        elif plan != before[0]:  # refused where it is held against what is asked
            assert name == "plan.json"
            assert kind in ("deleted", "swapped", "of another run")
        else:
            assert [s for s in stages if s is not None] != before[1]
            assert kind == "deleted"


def test_a_removed_file_lets_its_stage_be_run_again(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (tmp_path / "fits/model.nc").write_text("of another run")
    with pytest.raises(StoreError, match=r"model\.nc.* not the file") as caught:
        folder.stage("model/fit", plan_key(PLAN))
    assert caught.value.remedy == AGAIN
    (tmp_path / "fits/model.nc").unlink()
    assert folder.stage("model/fit", plan_key(PLAN)) is None


def test_a_lost_plan_is_written_again_for_its_own_workflow_alone(
    tmp_path: Path,
) -> None:
    folder = made(tmp_path)
    (tmp_path / "plan.json").unlink()
    for other in ({"request": {"seed": 2}}, {"criteria": {"fit": {"rhat": 1.2}}}):
        with pytest.raises(StoreError, match="of another workflow"):
            folder.write_plan({**PLAN, **other})
        assert folder.plan() is None
    folder.write_plan({**PLAN, "started": "later"})
    assert None not in read(folder)[1]
