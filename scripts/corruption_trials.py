"""Damage files of finished work at random, and see that no verdict changes unnoticed.

A small workflow and a calibration's store are made. Each trial damages one file of a
copy: bits are flipped, blocks zeroed, bytes appended, the file is cut, emptied,
deleted, or replaced by another file of the folder or by that of another run. Then
the folder is read and the same call is repeated. Either must end in a typed error that
names the file, or in the verdict that was there before. What a message advises, to
remove the file and repeat the call, is tried once for each file. Prints a table; exits
with 1 if a verdict changed unnoticed, an error was not typed, or advice did not help.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import hbstan as hb
from hbstan.errors import HbstanError
from hbstan.sbc.result import SBCResult
from hbstan.sealed import FileWarning
from hbstan.workflow import load_workflow, without_times

__all__ = ["KINDS", "Trial", "corrupt", "files_of"]

#: Few simulations, few draws; gates are not what is tried here.
CRITERIA: Mapping[str, Any] = {
    "calibration": {
        **{"n_sims": 20, "pilot": 0, "iter_warmup": 200, "iter_sampling": 200},
        "retry_iter_sampling": 0,
    },
    "fit": {"retry_parameterization": False, "retry_draws": 1},
    "sensitivity": {"max_left_out": 1},
}
SMALL: Mapping[str, Any] = {"chains": 2, "iter_warmup": 400, "iter_sampling": 600}
MODEL, STORE_MODEL = "logit_noncentered", "eight_schools_noncentered"


# Damage ----------------------------------------------------------------------------


def _flip(raw: bytes, rng: np.random.Generator) -> bytes:
    bent = bytearray(raw)
    for place in rng.integers(0, max(len(raw), 1), int(rng.integers(1, 9))):
        if raw:
            bent[place] ^= 1 << int(rng.integers(8))
    return bytes(bent)


def _zero(raw: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, max(len(raw), 1)))
    length = min(int(rng.integers(1, 4096)), len(raw) - start)
    return raw[:start] + bytes(length) + raw[start + length :]


def _cut(raw: bytes, rng: np.random.Generator) -> bytes:
    return raw[: int(rng.integers(0, max(len(raw), 1)))]


def _append(raw: bytes, rng: np.random.Generator) -> bytes:
    return raw + rng.bytes(int(rng.integers(1, 200)))


def _empty(raw: bytes, rng: np.random.Generator) -> bytes:
    return b""


_BYTES: Mapping[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "bits flipped": _flip,
    "block zeroed": _zero,
    "cut": _cut,
    "bytes appended": _append,
    "emptied": _empty,
}
KINDS = (*_BYTES, "deleted", "swapped", "of another run")


def corrupt(
    kind: str, file: Path, others: list[Path], twin: Path, rng: np.random.Generator
) -> None:
    """Damage a file.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    file : pathlib.Path
    others : list of pathlib.Path
        Other files of the folder, to take its place.
    twin : pathlib.Path
        The file of that name in another run's folder.
    rng : numpy.random.Generator
    """
    if kind == "deleted":
        file.unlink()
    elif kind == "swapped":
        alike = [f for f in others if f.suffix == file.suffix and f != file] or others
        shutil.copyfile(alike[int(rng.integers(len(alike)))], file)
    elif kind == "of another run":
        shutil.copyfile(twin if twin.is_file() else others[0], file)
    else:
        file.write_bytes(_BYTES[kind](file.read_bytes(), rng))


def files_of(folder: Path) -> list[str]:
    """Return the files of a folder by name, without locks."""
    found = (f for f in folder.rglob("*") if f.is_file() and f.name != "lock")
    return sorted(str(f.relative_to(folder)) for f in found)


# The work --------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Finished work of one seed: how it is made, repeated and read."""

    seed: int
    backend: str

    def flow(self, folder: Path, table: Path) -> Any:
        """Run or repeat the workflow; return its document without times."""
        found = hb.workflow(
            table,
            MODEL,
            group="hospital",
            trials="n",
            events="r",
            criteria=CRITERIA,
            seed=self.seed,
            out=folder / "flow",
            keep_going=True,
            backend=self.backend,
            executor="serial",
            **SMALL,
        )
        return without_times(found.document)

    def read_flow(self, folder: Path) -> Any:
        """Read the finished workflow and its fit."""
        found = load_workflow(folder / "flow")
        draws = found.fit(MODEL).posterior["mu"].values
        return without_times(found.document), draws.tobytes()

    def store(self, folder: Path) -> Any:
        """Run or finish the calibration; return what it decides."""
        result = hb.sbc(
            STORE_MODEL,
            n_sims=25,
            seed=self.seed,
            iter_warmup=100,
            iter_sampling=100,
            store=folder / "sbc/store",
            resume=True,
            backend=self.backend,
            executor="serial",
        )
        if not (folder / "sbc/sbc.nc").is_file():
            result.save(folder / "sbc/sbc.nc")
        return result.record()

    def read_store(self, folder: Path) -> Any:
        """Read the saved calibration."""
        return SBCResult.load(folder / "sbc/sbc.nc").record()


# Trials ----------------------------------------------------------------------------


@dataclass
class Trial:
    """What came of a damaged file."""

    file: str
    kind: str
    outcomes: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def note(self, step: str, done: Callable[[], Any], before: Any) -> bool:
        """Take a step; return whether it ended in a typed error."""
        told: list[str] = []
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                same = done() == before
            told = [str(w.message) for w in caught if w.category is FileWarning]
        except HbstanError as err:
            self._named(step, str(err))
            return True
        except BaseException as err:
            self.outcomes[step] = "not typed"
            self.faults.append(f"{step}: {type(err).__name__}: {err}")
            return False
        self.outcomes[step] = "warned, same" if told else "same"
        if not same:
            self.outcomes[step] = "changed"
            self.faults.append(f"{step}: the result changed, told {told}")
        return False

    def _named(self, step: str, message: str) -> None:
        place = Path(self.file)
        # Who asked for what cannot be known where the plan is another run's.
        plan = place.name in ("plan.json", "manifest.json")
        known = place.name in message or (plan and str(place.parent) in message)
        linked = place.name == "plan.json" and "verdict.json" in message
        self.outcomes[step] = "typed error"
        if not (known or linked) or "\n" not in message:
            self.faults.append(f"{step}: does not name file and remedy: {message}")

    @property
    def group(self) -> str:
        """The row of the table."""
        parts = Path(self.file).parts
        top = "/".join(parts[:2]) if parts[0] == "sbc" else parts[1]
        inner = "simulations" in parts and parts[0] == "sbc"
        return (
            "sbc/store/simulations"
            if inner
            else "/".join([top, parts[2]] if parts[:2] == ("sbc", "store") else [top])
        )


@dataclass
class Bench:
    """The pristine work, its twin of another seed, and a copy to be damaged."""

    work: Work
    home: Path
    tried: dict[str, list[str]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the work and its twin."""
        frame = hb.datasets.load("surgical").to_frame()
        frame.columns = ["hospital", "n", "r"]
        frame.to_csv(self.home / "data.csv", index=False)
        for name, work in (("whole", self.work), ("twin", Work(2, self.work.backend))):
            work.flow(self.home / name, self.home / "data.csv")
            work.store(self.home / name)
        whole = self.home / "whole"
        self.before = {
            "resume": self.work.flow(whole, self.home / "data.csv"),
            "read": self.work.read_flow(whole),
            "store": self.work.store(whole),
            "read sbc.nc": self.work.read_store(whole),
        }

    def run(self, file: str, kind: str, rng: np.random.Generator) -> Trial:
        """Damage one file of a fresh copy, and go on with it."""
        whole, copy = self.home / "whole", self.home / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(whole, copy)
        top = Path(file).parts[0]
        others = [copy / f for f in files_of(copy) if f != file and f.startswith(top)]
        corrupt(kind, copy / file, others, self.home / "twin" / file, rng)
        trial = Trial(file, kind)
        if top == "sbc":
            self._store(trial, copy)
        else:
            self._flow(trial, copy)
        return trial

    def _flow(self, trial: Trial, copy: Path) -> None:
        own = copy / "flow/data.csv"
        if trial.file == "flow/data.csv" and own.is_file():
            # The folder's own table, as its data.
            done = lambda: self.work.flow(copy, own)  # noqa: E731
            self._tolerant(trial, done)
        trial.note("read", lambda: self.work.read_flow(copy), self.before["read"])
        again = lambda: self.work.flow(copy, self.home / "data.csv")  # noqa: E731
        if trial.note("resume", again, self.before["resume"]):
            self._remedy(trial, copy, again, self.before["resume"])
        elif not trial.faults:
            for name in files_of(self.home / "whole/flow"):
                whole, found = self.home / "whole/flow" / name, copy / "flow" / name
                made_anew = name == "data.csv" or name.startswith("models/")
                if made_anew and whole.read_bytes() != found.read_bytes():
                    trial.faults.append(f"{name} was not made anew")

    def _tolerant(self, trial: Trial, done: Callable[[], Any]) -> None:
        """Repeat with the damaged table; any typed error of reading it will do."""
        try:
            same = done() == self.before["resume"]
        except HbstanError:
            trial.outcomes["resume from data.csv"] = "typed error"
            return
        trial.outcomes["resume from data.csv"] = "same" if same else "changed"
        if not same:
            trial.faults.append("the damaged table changed the verdict")

    def _store(self, trial: Trial, copy: Path) -> None:
        if trial.file == "sbc/sbc.nc":
            before = self.before["read sbc.nc"]
            if trial.kind == "of another run":
                return  # whole, and it says of which run it is
            done = lambda: self.work.read_store(copy)  # noqa: E731
            trial.note("read", done, before)
            return
        again = lambda: self.work.store(copy)  # noqa: E731
        if trial.note("resume", again, self.before["store"]):
            self._remedy(trial, copy, again, self.before["store"])

    def _remedy(
        self, trial: Trial, copy: Path, again: Callable[[], Any], before: Any
    ) -> None:
        """Remove the file and repeat the call: once for each file."""
        if trial.file in self.tried:
            return
        (copy / trial.file).unlink(missing_ok=True)
        after = Trial(trial.file, trial.kind)
        if after.note("remedy", again, before):
            after.faults.append("what was advised did not help")
        self.tried[trial.file] = after.faults
        trial.outcomes["remedy"] = after.outcomes.get("remedy", "")
        trial.faults += after.faults


def _drawn(files: list[str], order: Any, number: int, rng: np.random.Generator) -> str:
    """Return each file once, then one of a kind that is drawn: some are many."""
    if number < len(files):
        return files[int(order[number])]
    kinds: dict[str, list[str]] = {}
    for file in files:
        kinds.setdefault(Trial(file, "").group, []).append(file)
    own = kinds[sorted(kinds)[int(rng.integers(len(kinds)))]]
    return own[int(rng.integers(len(own)))]


def table(trials: list[Trial]) -> str:
    """Return the outcomes by kind of file, as Markdown."""
    head = ("files", "trials", "typed error", "warned, made anew", "same", "faults")
    rows = [head, ("---",) * len(head)]
    for group in sorted({t.group for t in trials}):
        own = [t for t in trials if t.group == group]
        count = Counter(_verdict(t) for t in own)
        cells = [count["typed error"], count["warned, same"], count["same"]]
        bad = sum(bool(t.faults) for t in own)
        rows.append((group, *map(str, (len(own), *cells, bad))))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _verdict(trial: Trial) -> str:
    found = trial.outcomes.values()
    for outcome in ("typed error", "warned, same"):
        if outcome in found:
            return outcome
    return "same"


def main() -> int:
    """Run the trials and return 0 if none has a fault, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="of the damage")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--only", default="", help="files whose names hold this text")
    parser.add_argument("--json", type=Path, help="write every trial to this file")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(Work(1, options.backend), Path(home))
        bench.prepare()
        files = [f for f in files_of(bench.home / "whole") if options.only in f]
        print(f"{len(files)} files", flush=True)
        order = rng.permutation(len(files))
        for number in range(options.trials):
            file = _drawn(files, order, number, rng)
            trial = bench.run(file, KINDS[int(rng.integers(len(KINDS)))], rng)
            trials.append(trial)
            if len(trials) % 25 == 0:
                print(f"{len(trials)} trials", file=sys.stderr, flush=True)
            for fault in trial.faults:
                print(f"{file}, {trial.kind}: {fault}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([vars(t) for t in trials], indent=1))
    print(f"\n{len(trials)} trials, seed {options.seed}; advice tried for "
          f"{len(bench.tried)} files\n")  # fmt: skip
    print(table(trials))
    return 1 if any(trial.faults for trial in trials) else 0


if __name__ == "__main__":
    sys.exit(main())
