"""Sample one compiled program again and again, at little more than its own cost.

For fits of some ten milliseconds, what surrounds CmdStan costs as much as CmdStan.
A run still goes through CmdStanPy's ``CmdStanModel.sample``, which checks the
settings, writes the command, and says what failed. Three things are done once or not
at all: the executable is asked about itself once, its messages are read only if it
fails, and its draws are read once, where CmdStanPy goes through them several times.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.backends.cmdstan_model import Finished, deadline, model_of
from hbstan.backends.cmdstan_run import QUIET, run_error, sampler_arguments
from hbstan.backends.inits import plain_inits
from hbstan.backends.stan_data import matched_data
from hbstan.files import scratch_folder
from hbstan.program import declared
from hbstan.types import RawDraws, SamplerSettings, StanData, StanProgram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.compile import CompiledProgram

__all__ = ["RepeatedCmdStan", "header_and_rows", "read_columns"]

#: Iterations between progress lines, which nobody reads: more than there are.
_NEVER = 2**31 - 1
#: Where a column's name ends being that of its variable.
_INDEX = re.compile(r"[.:]")


class RepeatedCmdStan:
    """A sampler of one compiled program; see :class:`hbstan.types.Repeats`.

    Parameters
    ----------
    program : StanProgram
        The program.
    compiled : CompiledProgram
        Its executable.
    versions : mapping of str to str
        Of CmdStan and CmdStanPy.
    variables : iterable of str, optional
        The variables that are read; by default all.
    """

    def __init__(
        self,
        program: StanProgram,
        compiled: CompiledProgram,
        versions: Mapping[str, str],
        variables: Iterable[str] | None = None,
    ) -> None:
        self._program = program
        self._declared = declared(program)
        self._parameters = compiled.parameters()
        self._versions = dict(versions)
        self._names = None if variables is None else frozenset(variables)
        #: The columns that were met last; as a rule they stay the same.
        self._layout: _Layout | None = None
        self._model = model_of(compiled.exe, lean=True)

    def __call__(self, data: StanData, settings: SamplerSettings) -> RawDraws:
        """Draw from the posterior, one process per chain.

        Raises
        ------
        DataError
            If the data are refused.
        SettingsError
            If initial values are not those of the program's parameters.
        SamplingError
            If a chain fails; ``console`` holds what CmdStan said. Of these,
            TimeLimitError if the fit took longer than it may.
        ScratchError
            If the folder for temporary files is full.
        """
        values = matched_data(self._program, data, self._declared)
        kinds = self._declared.outputs
        starts = plain_inits(settings.inits, self._parameters, kinds=kinds, data=values)
        started = time.perf_counter()
        with scratch_folder() as folder:
            try:
                files = self._run(values, starts, settings, folder)
                layout, columns = self._read(files, settings)
            except (RuntimeError, ValueError, TypeError, OSError) as err:
                raise run_error(self._program, values, folder, err, settings) from err
        warm = columns.shape[1] - settings.draws
        stats, variables = layout.cut(columns)
        return RawDraws(
            variables={k: v[:, warm:] for k, v in variables.items()},
            stats={k: v[:, warm:] for k, v in stats.items()},
            warmup_variables={k: v[:, :warm] for k, v in variables.items() if warm},
            warmup_stats={k: v[:, :warm] for k, v in stats.items() if warm},
            timings={"total": time.perf_counter() - started},
            versions=dict(self._versions),
            sampled=self._parameters,
        )

    def _run(
        self,
        values: dict[str, Any],
        starts: Any,
        settings: SamplerSettings,
        folder: str,
    ) -> list[str]:
        """Run the chains and return their files of draws."""
        file = Path(folder, "data.json")
        file.write_text(json.dumps(values), encoding="ascii")
        try:
            with QUIET:
                fit = self._model.sample(
                    data=str(file),
                    inits=starts,
                    output_dir=folder,
                    refresh=_NEVER,
                    timeout=deadline(settings.timeout),
                    **sampler_arguments(settings),
                )
                runset = fit.runset
        except Finished as end:
            runset = end.runset
        files: list[str] = runset.csv_files
        return files

    def _read(
        self, files: list[str], settings: SamplerSettings
    ) -> tuple[_Layout, NDArray[np.float64]]:
        """Return the wanted columns, shape ``(chain, draw, column)``."""
        import numpy as np

        chains = []
        layout = self._layout
        for file in files:
            header, rows = header_and_rows(Path(file).read_bytes())
            if layout is None or layout.header != header:
                layout = self._layout = _Layout.of(header, self._names)
            chains.append(read_columns(rows, layout.columns, layout.wanted))
        counts = {chain.shape[1] for chain in chains}
        expected = settings.draws
        if settings.save_warmup:
            expected += -(-settings.iter_warmup // settings.thin)
        if layout is None or counts != {expected}:
            raise ValueError(
                f"it wrote {' and '.join(map(str, sorted(counts)))} draws per chain "
                f"instead of {expected}"
            )
        return layout, np.stack(chains).transpose(0, 2, 1)


@dataclass(frozen=True)
class _Layout:
    """Which columns are read, and what they hold.

    ``stats`` and ``variables`` are stanio's accounts, which know shapes and types,
    with their places among the wanted columns.
    """

    header: str
    columns: tuple[str, ...]
    wanted: tuple[str, ...]
    stats: Mapping[str, Any]
    variables: Mapping[str, Any]

    @classmethod
    def of(cls, header: str, names: frozenset[str] | None) -> _Layout:
        """Read a header; statistics are always wanted."""
        import stanio

        columns = tuple(header.split(","))

        def is_wanted(column: str) -> bool:
            base = _INDEX.split(column, maxsplit=1)[0]
            return names is None or base in names or base.endswith("__")

        wanted = tuple(filter(is_wanted, columns))
        found = stanio.parse_header(",".join(wanted))
        stats = {k: v for k, v in found.items() if k.endswith("__")}
        variables = {k: v for k, v in found.items() if k not in stats}
        return cls(header, columns, wanted, stats, variables)

    def cut(
        self, columns: NDArray[np.float64]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Return statistics and variables in their declared shapes."""
        return (
            {k: v.extract_reshape(columns) for k, v in self.stats.items()},
            {k: v.extract_reshape(columns) for k, v in self.variables.items()},
        )


def header_and_rows(text: bytes) -> tuple[str, bytes]:
    """Return header and draws of a Stan CSV file, without its comments.

    Comments stand before the header, after warmup and at the end: the draws are few
    long stretches, which are found without looking at each line.

    Parameters
    ----------
    text : bytes
        The file.

    Returns
    -------
    header : str
        The names of the columns, separated by commas.
    rows : bytes
        The lines of draws, those of warmup first.
    """
    stretches = []
    at = 0
    while at < len(text):
        if text.startswith(b"#", at):
            end = text.find(b"\n", at)
        else:
            end = text.find(b"\n#", at)
        after = len(text) if end < 0 else end + 1
        if not text.startswith(b"#", at):
            stretches.append(text[at:after])
        at = after
    header, _, rows = b"".join(stretches).partition(b"\n")
    return header.decode("ascii").strip(), rows


def read_columns(
    rows: bytes, columns: Iterable[str], wanted: Iterable[str]
) -> NDArray[np.float64]:
    """Read some columns of comma-separated numbers.

    Parameters
    ----------
    rows : bytes
        Lines of numbers, without a header.
    columns : iterable of str
        The names of all columns, each once.
    wanted : iterable of str
        The names of those that are read.

    Returns
    -------
    ndarray of shape (column, row)
        The nearest doubles, as Python's ``float`` would read them.

    Raises
    ------
    ValueError
        If there are no rows, a row has another number of entries, or an entry that
        is wanted is no number.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    names = list(wanted)
    table = csv.read_csv(
        pa.py_buffer(rows),
        read_options=csv.ReadOptions(use_threads=False, column_names=list(columns)),
        convert_options=csv.ConvertOptions(
            include_columns=names,
            column_types=dict.fromkeys(names, pa.float64()),
            # An empty entry is an error, and so is any word but nan and inf.
            null_values=[],
        ),
    )
    out = np.empty((len(names), table.num_rows))
    for i, column in enumerate(table.columns):
        out[i] = column.to_numpy()
    return out
