"""The command `workflow`: what it prints, writes and returns, and how it goes on."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import Command
from finished import RUN, TOML, Finished

from hbstan.workflow import without_times

EXHAUSTIVE = pytest.mark.exhaustive("hbstan/workflow")
#: test_workflow takes a stage away and goes on; test_sbc_kill kills processes.
KILLS = pytest.mark.exhaustive(
    *("hbstan/workflow", "hbstan/sealed.py", "hbstan/files.py", "hbstan/sbc"),
    *("hbstan/storage.py", "hbstan/plots"),
)
FILES = ("verdict.json", "report.html", "plan.json", "data.csv")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bare_env: dict[str, str]) -> Command:
    """Return the command in a folder with criteria."""
    command = Command(tmp_path_factory.mktemp("home"), bare_env)
    command.write("criteria.toml", TOML)
    return command


@pytest.fixture(scope="module")
def done(home: Command, whole: Finished) -> Path:
    """Return a finished workflow's folder, in that of the command."""
    shutil.copytree(whole.folder, home.folder / "whole")
    return home.folder / "whole"


def test_what_people_see(whole: Finished) -> None:
    out, err = whole.out, whole.err
    for name in FILES:
        assert (whole.folder / name).is_file()
    assert "[3/7] logit_noncentered: Fit and diagnostics: pass" in err
    assert "accepted with limitations" in out
    assert "What could be wrong" in out
    assert "report.html" in out
    assert "Traceback" not in out + err


def test_json_is_the_document(home: Command, done: Path) -> None:
    ran = home(*RUN, "--out", "whole", "--json")
    kept = json.loads((done / "verdict.json").read_text(encoding="utf-8"))
    assert {k: v for k, v in ran.json.items() if k != "folder"} == kept
    assert home(*RUN, "--out", "whole", "--quiet").out == ""
    assert home(*RUN, "--out", "whole", "--quiet").err == ""


@pytest.mark.exhaustive("hbstan/workflow", "hbstan/cli")
def test_the_documents_command_gives_the_same_answers(
    home: Command, done: Path
) -> None:
    import shlex

    kept = json.loads((done / "verdict.json").read_text(encoding="utf-8"))
    again = Command(done, home.env)
    argv = shlex.split(kept["command"])[1:]
    again(*argv, "--criteria", "../criteria.toml")
    found = json.loads((done / "again" / "verdict.json").read_text(encoding="utf-8"))
    assert found["answers"]["table"] == kept["answers"]["table"]
    # And a stage's own command gives that stage's figures.
    fit = next(s for s in kept["stages"] if s["stage"] == "fit")
    ran = again(*shlex.split(fit["command"])[1:], "--json")
    rows = {row[0]: row[1] for row in fit["tables"][0]["rows"]}
    assert ran.json["posterior"]["mu"]["mean"] == pytest.approx(rows["mu"], rel=1e-12)
    # So does the Python of stages that have no command.
    for name in ("data", "prior", "conclusion"):
        stage = next(s for s in kept["stages"] if s["stage"] == name)
        argv = shlex.split(stage["command"])
        assert argv[0] == "python"
        done_again = subprocess.run(
            [sys.executable, *argv[1:]],
            cwd=again.folder,
            env=dict(again.env),
            capture_output=True,
            text=True,
            check=True,
        )
        assert (stage["checks"] or [{"name": "answers"}])[0][
            "name"
        ] in done_again.stdout


def test_a_rejected_model_of_a_table_of_ones_own_exits_1(home: Command) -> None:
    rows = [("ward", "beds", "falls")]
    rows += [(f"<script>{i}</script>", 100 + 7 * i, 3 + i % 5) for i in range(8)]
    with (home.folder / "wards.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    home.write("strict.toml", TOML + "\n[data]\nmin_groups = 20\n")
    argv = [a if a != "criteria.toml" else "strict.toml" for a in RUN[2:]]
    columns = ("--group", "ward", "--trials", "beds", "--events", "falls")
    ran = home("workflow", "wards.csv", *argv, *columns, code=1)
    assert "rejected" in ran.out
    assert "too few groups" in ran.out
    page = (home.folder / "wards-workflow" / "report.html").read_text(encoding="utf-8")
    assert "<script>0" not in page
    assert "&lt;script&gt;0" in page


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--model", "nonsense"), "nonsense"),
        (("--prior", "kappa=HalfNormal(1)"), "kappa"),
        (("--prior", "beta:tau=HalfNormal(1)"), "beta"),
        (("--prior", "tau=Half(1)"), "Half"),
        (("--seed", "2"), "seed is 1 there and 2 here"),
        (("--chains", "0"), "chains"),
        (("--criteria", "none.toml"), "none.toml"),
    ],
)
def test_bad_input_exits_2_without_a_traceback(
    home: Command, done: Path, more: tuple[str, ...], said: str
) -> None:
    ran = home(*RUN, "--out", "whole", *more, code=None)
    assert ran.code in (2, 3)
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err.strip().splitlines()) <= 3


@EXHAUSTIVE  # test_workflow has the same without the command
def test_changed_criteria_are_refused_and_amended(home: Command, done: Path) -> None:
    shutil.copytree(done, home.folder / "amended")
    home.write("other.toml", TOML.replace("[fit]\n", "[fit]\nrhat = 1.05\n"))
    argv = [a if a != "criteria.toml" else "other.toml" for a in RUN]
    ran = home(*argv, "--out", "amended", code=2)
    assert "fit.rhat is 1.01 there and 1.05 here" in ran.err
    ran = home(*argv, "--out", "amended", "--amend")
    assert "fit.rhat was changed after results had been seen" in ran.out


def killed(home: Command, seconds: float) -> bool:
    """Start the workflow and kill it and its workers; tell whether it was alive."""
    process = subprocess.Popen(
        home.argv(*RUN, "--out", "killed", "--quiet"),
        cwd=home.folder,
        env=dict(home.env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


@KILLS
def test_kills_at_random_moments_change_nothing(
    home: Command, whole: Finished, done: Path
) -> None:
    rng = random.Random(11)
    count, kills, folder = 0, 10, home.folder / "killed"
    for _ in range(10 * kills):
        # Each attempt goes on where the last one was: shorter waits spread the kills.
        count += killed(home, rng.uniform(0.05, 0.35) * whole.seconds)
        if count == kills:
            break
        if (folder / "verdict.json").is_file():
            (folder / "verdict.json").unlink()
            shorten(folder, rng)
    assert count == kills
    home(*RUN, "--out", "killed")
    read = [
        json.loads((one / "verdict.json").read_text(encoding="utf-8"))
        for one in (done, folder)
    ]
    assert without_times(read[0]) == without_times(read[1])
    ours, theirs = (
        {p.name: p.read_bytes() for p in (one / "figures").iterdir()}
        for one in (done, folder)
    )
    assert ours == theirs


def shorten(folder: Path, rng: random.Random) -> None:
    """Take away the last stages, so that there is work to be killed at."""
    records = sorted(folder.glob("stages/**/*.json"), key=lambda p: p.stat().st_mtime)
    for record in records[rng.randrange(len(records)) :]:
        record.unlink()
