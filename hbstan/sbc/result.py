"""What a calibration found: ranks, posteriors and diagnostics of all simulations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.files import write_bytes
from hbstan.sbc import tables, verdict
from hbstan.sbc.verdict import Limits
from hbstan.storage import load_tree, save_tree, whole_format
from hbstan.text import encode

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.results import Checks

__all__ = ["SBCResult"]

#: Version of the attributes of a saved result.
_FORMAT = 1
_NO_SBC = "Give the path of an sbc.nc that 'hbstan sbc --out DIR' wrote."
_BOTH, _EACH = ("sim_id", "quantity"), ("sim_id",)
#: Dims and kinds of the variables that a verdict is made from.
_VARIABLES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "quantity": (("quantity",), "UO"),
    "role": (("quantity",), "UO"),
    "status": (_EACH, "UO"),
    **dict.fromkeys(("rank", "rank_draws"), (_BOTH, "i")),
    **dict.fromkeys(
        ("simulated_value", "posterior_mean", "posterior_sd", "rhat"), (_BOTH, "f")
    ),
    **dict.fromkeys(("ess_bulk", "ess_tail"), (_BOTH, "f")),
    "posterior_quantile": ((*_BOTH, "prob"), "f"),
    **dict.fromkeys(("divergences", "treedepth_hits"), (_EACH, "i")),
}


@dataclass(frozen=True)
class SBCResult:
    """The simulations of one calibration.

    Parameters
    ----------
    dataset : xarray.Dataset
        With dims ``sim_id`` and ``quantity``: ``rank`` (0 to ``max_rank``; -1 where
        the simulation failed), ``rank_draws`` (draws that the rank was found among
        before it was carried to the common scale), ``simulated_value``,
        ``posterior_mean``, ``posterior_sd``, ``posterior_quantile`` (and ``prob``),
        ``rhat``, ``ess_bulk``, ``ess_tail``. With dim ``sim_id``: ``status``
        (``"ok"`` or ``"failed"``), ``error``, ``console``, ``divergences``,
        ``treedepth_hits``, ``seconds``. The coordinate ``role`` tells parameters
        from test quantities. Attributes hold the run's identity as JSON.
    """

    dataset: xr.Dataset

    @property
    def identity(self) -> dict[str, Any]:
        """What was run: model, program, priors, design, settings, versions, seed."""
        record: dict[str, Any] = json.loads(self.dataset.attrs["identity"])
        return record

    @property
    def model(self) -> str:
        """Name of the model or program."""
        return str(self.identity["problem"]["model"])

    @property
    def n_sims(self) -> int:
        """Number of simulations, failed ones included."""
        return int(self.dataset.sizes["sim_id"])

    @property
    def max_rank(self) -> int:
        """The largest possible rank."""
        return int(self.identity["ranking"]["max_rank"])

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which simulations have a posterior, shape ``(sim_id,)``."""
        mask: NDArray[np.bool_] = self.dataset["status"].values == "ok"
        return mask

    def converged(self, limits: Limits | None = None) -> NDArray[np.bool_]:
        """Which simulations have a posterior that can be trusted.

        R-hat, ESS and divergences are within ``limits``.
        """
        return verdict.converged(self.dataset, limits or Limits())

    def checks(self, limits: Limits | None = None) -> Checks:
        """Decide whether the program is calibrated; see :mod:`hbstan.sbc.verdict`."""
        return verdict.judge(self.dataset, self.max_rank, limits or Limits())

    def summary(self, limits: Limits | None = None) -> pd.DataFrame:
        """Summarise each quantity; see :func:`hbstan.sbc.tables.summary`."""
        return tables.summary(self.dataset, self.max_rank, limits or Limits())

    def coverage(self) -> pd.DataFrame:
        """Compare central intervals with their nominal probability."""
        return tables.coverage(self.dataset, self.max_rank)

    def regimes(
        self, by: str = "tau", cuts: Sequence[float] = (0.3, 0.5)
    ) -> pd.DataFrame:
        """Report recovery in regions of a parameter's simulated value.

        Parameters
        ----------
        by : str
            A quantity.
        cuts : sequence of float
            Where one region ends and the next begins, increasing.
        """
        return tables.regimes(self.dataset, by, cuts)

    def failures(self, limits: Limits | None = None) -> pd.DataFrame:
        """Tell in which region of the prior fits fail or do not converge."""
        return tables.failures(self.dataset, limits or Limits())

    def record(self, limits: Limits | None = None) -> dict[str, Any]:
        """Return everything that was decided, as JSON-ready data.

        It depends on the simulations' results alone, not on when or where they ran.
        """
        return {
            **self.identity,
            "n_sims": self.n_sims,
            **verdict.record(self.dataset, self.max_rank, limits or Limits()),
        }

    def save(self, path: str | Path) -> Path:
        """Write the result to a netCDF file, atomically.

        Raises
        ------
        FitError
            If the file cannot be written.
        """
        import xarray as xr

        path = Path(path)
        save_tree(xr.DataTree(self.dataset), path)
        return path

    def save_summary(self, path: str | Path, limits: Limits | None = None) -> Path:
        """Write :meth:`record` as JSON, atomically; the same results, the same bytes.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        path = Path(path)
        text = json.dumps(self.record(limits), indent=2, ensure_ascii=False)
        write_bytes(path, encode(text + "\n"))
        return path

    @classmethod
    def load(cls, path: str | Path) -> SBCResult:
        """Read a result that :meth:`save` wrote.

        Raises
        ------
        FitError
            If there is no such file, or it is no result.
        """
        return cls(load_tree(Path(path), _require_result, remedy=_NO_SBC).to_dataset())

    @classmethod
    def build(cls, dataset: xr.Dataset, identity: Mapping[str, Any]) -> SBCResult:
        """Return a result of a dataset and of what was run."""
        attrs = {"format": _FORMAT, "identity": json.dumps(identity)}
        return cls(dataset.assign_attrs(attrs))

    def __repr__(self) -> str:
        failed = int((~self.ok).sum())
        return (
            f"<SBCResult of {self.model}: {self.n_sims} simulations, {failed} failed, "
            f"{self.dataset.sizes['quantity']} quantities>"
        )


def _require_result(tree: xr.DataTree, path: Path) -> None:
    """Refuse a tree that is no result, or not a whole one.

    Raises
    ------
    FitError
    """
    dataset = tree.to_dataset()
    if "rank" not in dataset or "identity" not in dataset.attrs:
        raise FitError(
            f"{str(path)!r} is a netCDF file, but no saved calibration.",
            remedy=_NO_SBC,
        )
    whole_format(dataset.attrs.get("format", 0), _FORMAT, path)
    lacking = [n for n, kinds in _VARIABLES.items() if not _has(dataset, n, *kinds)]
    if lacking or not _is_identity(dataset.attrs["identity"]):
        what = ", ".join(lacking) or "the run's identity"
        raise FitError(
            f"{str(path)!r} is no whole calibration: {what} is missing or wrong.",
            remedy=_NO_SBC,
        )


def _has(dataset: xr.Dataset, name: str, dims: tuple[str, ...], kinds: str) -> bool:
    if name not in dataset:
        return False
    array = dataset[name]
    return array.dims == dims and array.dtype.kind in kinds and array.size > 0


def _is_identity(text: Any) -> bool:
    try:
        record = json.loads(text)
        str(record["problem"]["model"])
        return int(record["ranking"]["max_rank"]) > 0
    except (ValueError, KeyError, TypeError):
        return False
