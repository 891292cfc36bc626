"""The fake backend: draws from a given distribution, without Stan.

For unit tests that need exact expectations, e.g. of SBC ranks: it draws each
variable independently from a distribution that may look at the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hbstan.errors import SamplingError
from hbstan.types import Progress, RawDraws, SamplerSettings, StanData, StanProgram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FakeBackend"]

#: (rng, data, n) -> n independent draws, shape ``(n, *shape)``.
Sampler = Callable[["np.random.Generator", StanData, int], "NDArray[Any]"]


class FakeBackend:
    """Draw each variable from a given function, chain by chain.

    Parameters
    ----------
    samplers : mapping of str to callable
        For each variable a function ``(rng, data, n) -> array of shape (n, ...)``.
    stats : mapping of str to callable, optional
        The same for sampler statistics, under Stan's names.
    fail_with : str, optional
        If given, :meth:`sample` raises SamplingError with this text.
    """

    name = "fake"

    def __init__(
        self,
        samplers: Mapping[str, Sampler],
        *,
        stats: Mapping[str, Sampler] | None = None,
        fail_with: str | None = None,
    ) -> None:
        self._samplers = dict(samplers)
        self._stats = dict(stats or {})
        self._fail_with = fail_with

    def versions(self) -> Mapping[str, str]:
        """Return that this is no real engine."""
        return {"fake": "1"}

    def compile(self, program: StanProgram, *, progress: Progress | None = None) -> str:
        """Return the program's name; there is nothing to compile."""
        return program.name

    def sample(
        self,
        program: StanProgram,
        data: StanData,
        settings: SamplerSettings,
        *,
        progress: Progress | None = None,
    ) -> RawDraws:
        """Draw independently; chains use spawned children of the seed."""
        import numpy as np

        if self._fail_with is not None:
            raise SamplingError(self._fail_with, console=self._fail_with)
        children = np.random.SeedSequence(settings.seed).spawn(settings.chains)
        rngs = [np.random.default_rng(child) for child in children]

        def draw(sampler: Sampler) -> NDArray[Any]:
            return np.stack([sampler(rng, data, settings.draws) for rng in rngs])

        return RawDraws(
            variables={name: draw(f) for name, f in self._samplers.items()},
            stats={name: draw(f) for name, f in self._stats.items()},
            timings={"total": 0.0},
            versions=self.versions(),
        )
