"""Tables in, validated and immutable datasets out.

:func:`grouped_binomial` and :func:`group_estimates` take a pandas DataFrame, a
mapping of columns, or the path of a CSV or Parquet file, and return a dataset that
every model of one outcome a group can be fitted to. Other shapes of data have readers
of their own: :func:`normal_groups`, :func:`binomial_covariates`, :func:`studies`,
:func:`regression`, :func:`logistic`, :func:`mrp`, :func:`responses`,
:func:`wide_responses`, :func:`returns`, :func:`matches` and :func:`surface`; their
datasets are those of :mod:`hbstan.data.system`. :func:`load` also finds bundled data
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

from hbstan.data.answers import responses, wide_responses
from hbstan.data.dataset import Dataset, GroupedBinomial, GroupEstimates
from hbstan.data.goals import Matches, matches
from hbstan.data.group_covariates import BinomialCovariates, binomial_covariates
from hbstan.data.load import group_estimates, grouped_binomial, load
from hbstan.data.normal_groups import NormalGroups, normal_groups
from hbstan.data.regression_rows import LinearRows, LogisticRows
from hbstan.data.regressions import logistic, regression
from hbstan.data.responses import ItemResponses
from hbstan.data.return_series import Returns, returns
from hbstan.data.stanjson import from_stan_json
from hbstan.data.study_estimates import Studies, studies
from hbstan.data.surfaces import Surface, surface
from hbstan.data.survey import SurveyCells
from hbstan.data.survey_reader import mrp

__all__ = [
    "BinomialCovariates",
    "Dataset",
    "GroupEstimates",
    "GroupedBinomial",
    "ItemResponses",
    "LinearRows",
    "LogisticRows",
    "Matches",
    "NormalGroups",
    "Returns",
    "Studies",
    "Surface",
    "SurveyCells",
    "binomial_covariates",
    "from_stan_json",
    "group_estimates",
    "grouped_binomial",
    "load",
    "logistic",
    "matches",
    "mrp",
    "normal_groups",
    "regression",
    "responses",
    "returns",
    "studies",
    "surface",
    "wide_responses",
]
