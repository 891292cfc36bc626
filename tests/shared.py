"""Fits and calibrations that several files look at, made once for all workers."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

Made = TypeVar("Made")


@dataclass(frozen=True)
class Shared:
    """Results in a folder of this run of the tests, by what they were made of."""

    folder: Path

    def __call__(
        self, make: Callable[..., Made], *args: str, **settings: object
    ) -> Made:
        """Return ``make(*args, **settings)``, a copy for each caller.

        What the sources say when the run begins is what holds: nothing is kept beyond
        it. Arguments are texts and numbers, so that the key is their whole content.
        """
        what = [f"{make.__module__}.{make.__qualname__}", args, settings]
        key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        kept = self.folder / key
        self.folder.mkdir(exist_ok=True)
        with FileLock(f"{kept}.lock"):
            if not kept.exists():
                made = pickle.dumps(make(*args, **settings))
                kept.with_suffix(".partial").write_bytes(made)
                kept.with_suffix(".partial").rename(kept)
        found: Made = pickle.loads(kept.read_bytes())
        return found
