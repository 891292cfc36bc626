"""Tables in, validated and immutable datasets out.

:func:`grouped_binomial` and :func:`group_estimates` take a pandas DataFrame, a
mapping of columns, or the path of a CSV or Parquet file, and return a dataset that
every model of the catalogue can be fitted to. :func:`load` also finds bundled data
and columns with conventional names; :func:`from_stan_json` reads the data of a
program of one's own.

Illegal data raise :class:`~hbstan.errors.DataError`, which names row, line, group,
column, value and legal range: missing, infinite, negative, fractional and textual
values, booleans, counts beyond Stan's 32 bits, more events than trials, standard
errors that are not above 0, labels that are missing or occur twice, fewer than two
groups, files that are cut short or not UTF-8. In a CSV file an empty cell, ``NA``,
``NaN``, ``null``, ``none`` and ``.`` are missing numbers, whereas only an empty cell
is a missing label; labels keep leading zeros and lose surrounding white space.
"""

from __future__ import annotations

from hbstan.data.dataset import Dataset, GroupedBinomial, GroupEstimates
from hbstan.data.load import group_estimates, grouped_binomial, load
from hbstan.data.normal_groups import NormalGroups, normal_groups
from hbstan.data.stanjson import from_stan_json

__all__ = [
    "Dataset",
    "GroupEstimates",
    "GroupedBinomial",
    "NormalGroups",
    "from_stan_json",
    "group_estimates",
    "grouped_binomial",
    "load",
    "normal_groups",
]
