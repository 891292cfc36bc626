"""Who runs the simulations of a calibration, and where their records go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbstan.cli.outputs import make_folder

__all__ = ["Workforce"]


@dataclass(frozen=True)
class Workforce:
    """Who does the work, and where it is kept.

    Parameters
    ----------
    executor : str, optional
    workers : int, optional
    scheduler : str, optional
        See the options.
    out : pathlib.Path, optional
        The folder for results.
    resume : bool
    """

    executor: str | None
    workers: int | None
    scheduler: str | None
    out: Path | None
    resume: bool

    @property
    def store(self) -> Path | None:
        """The folder of the simulations' records."""
        return None if self.out is None else self.out / "store"

    def prepare(self) -> None:
        """Refuse what does not go together, and make the folder.

        Raises
        ------
        SettingsError
            If an option is illegal, or the folder cannot be written.
        """
        from hbstan.errors import SettingsError
        from hbstan.sbc.executors import Pool

        Pool(self.executor, self.workers)  # complains of an illegal number
        if self.scheduler is not None and (
            self.workers is not None or self.executor is not None
        ):
            other = "--executor" if self.executor else "--workers"
            raise SettingsError(
                f"--scheduler ({self.scheduler}) and {other} both say who does the "
                "work; a scheduler has workers of its own.",
                remedy="Give one of them.",
            )
        if self.resume and self.out is None:
            raise SettingsError(
                "--resume goes on with the simulations in --out, which is not given.",
                remedy="Give --out DIR of the run to go on with.",
            )
        if self.out is not None:
            make_folder(self.out)

    @contextmanager
    def force(self) -> Iterator[tuple[Any, int | None, str]]:
        """Yield executor, number of workers, and who they are in words."""
        from hbstan.sbc.executors import Pool, dask_executor

        if self.scheduler is None:
            yield self.executor, self.workers, Pool(self.executor, self.workers).name
            return
        with dask_executor(self.scheduler) as (client, threads):
            yield client, threads, f"{threads} threads of Dask at {self.scheduler}"

    def stored(self) -> int:
        """Return how many simulations the store holds."""
        if self.store is None:
            return 0
        return sum(1 for _ in self.store.glob("simulations/*/[0-9]*.json"))

    def interrupted(self, total: int) -> str:
        """Say what remains of a run that was interrupted."""
        if self.store is None:
            return (
                "Interrupted; nothing was kept. With --out DIR finished simulations "
                "are kept, and --resume goes on with them."
            )
        return (
            f"Interrupted: {self.stored()} of {total} simulations are finished and in "
            f"{self.store}. Repeat the command with --resume to go on with the rest."
        )
