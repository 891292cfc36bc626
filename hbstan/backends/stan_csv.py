"""Write draws as Stan CSV files, which CmdStan's generate_quantities reads."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.types import RawDraws

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["write_draws"]

_STATS = (
    "lp__",
    "accept_stat__",
    "stepsize__",
    "treedepth__",
    "n_leapfrog__",
    "divergent__",
    "energy__",
)

# CmdStanPy reads these lines; the numbers of iterations must make sense to it.
_HEADER = """\
# stan_version_major = 2
# stan_version_minor = 35
# stan_version_patch = 0
# model = {model}_model
# method = sample (Default)
#   sample
#     num_samples = {draws}
#     num_warmup = 1000 (Default)
#     save_warmup = false (Default)
#     thin = 1 (Default)
#     adapt
#       engaged = true (Default)
#     algorithm = hmc (Default)
#       hmc
#         engine = nuts (Default)
#           nuts
#             max_depth = 10 (Default)
#         metric = diag_e (Default)
#     num_chains = 1 (Default)
# id = {chain}
"""

_ADAPTATION = """\
# Adaptation terminated
# Step size = 1
# Diagonal elements of inverse mass matrix:
# 1
"""


def write_draws(folder: Path, model: str, draws: RawDraws) -> list[str]:
    """Write one Stan CSV file per chain, with every digit of every draw.

    Parameters
    ----------
    folder : pathlib.Path
        An existing folder.
    model : str
        The program's name.
    draws : RawDraws
        All variables are written; CmdStan takes the parameters among them.

    Returns
    -------
    list of str
        The paths, in the order of the chains.
    """
    import numpy as np

    first = next(iter(draws.variables.values()))
    chains, count = first.shape[:2]
    zeros = np.zeros((chains, count, 1))
    blocks = [
        np.asarray(draws.stats[name], dtype=float)[:, :, None]
        if name in draws.stats
        else zeros
        for name in _STATS
    ]
    names = list(_STATS)
    for name, values in draws.variables.items():
        names += _column_names(name, values.shape[2:])
        blocks.append(_flat(values))
    table = np.concatenate(blocks, axis=2)
    files = []
    for chain in range(chains):
        path = folder / f"{model}-draws_{chain + 1}.csv"
        with path.open("w", encoding="ascii") as out:
            out.write(_HEADER.format(model=model, draws=count, chain=chain + 1))
            out.write(",".join(names) + "\n")
            out.write(_ADAPTATION)
            np.savetxt(out, table[chain], fmt="%.17g", delimiter=",")
            out.write("# \n#  Elapsed Time: 0 seconds (Warm-up)\n")
            out.write("#                0 seconds (Sampling)\n")
            out.write("#                0 seconds (Total)\n# \n")
        files.append(str(path))
    return files


def _column_names(name: str, shape: tuple[int, ...]) -> list[str]:
    """Stan's CSV names, the first index running fastest."""
    ranges = [range(1, size + 1) for size in reversed(shape)]
    indices = (reversed(index) for index in product(*ranges))
    if not shape:
        return [name]
    return [".".join([name, *map(str, index)]) for index in indices]


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    """Flatten ``(chain, draw, *shape)`` to columns, the first index fastest."""
    axes = (0, 1, *reversed(range(2, values.ndim)))
    return values.transpose(axes).reshape(*values.shape[:2], -1)
