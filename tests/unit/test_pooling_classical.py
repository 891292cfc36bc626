"""Q, tau^2 and I^2 without a prior: formulas, another optimiser, published values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from hbstan import datasets
from hbstan.errors import FitError
from hbstan.pooling import classical_meta_analysis
from hbstan.pooling.classical import typical_variance

#: Tuberculosis among vaccinated and others in 13 trials (Colditz et al. 1994,
#: doi:10.1001/jama.1994.03510330076038): cases and non-cases, then the same again.
BCG = np.array(
    [
        (4, 119, 11, 128),
        (6, 300, 29, 274),
        (3, 228, 11, 209),
        (62, 13536, 248, 12619),
        (33, 5036, 47, 5761),
        (180, 1361, 372, 1079),
        (8, 2537, 10, 619),
        (505, 87886, 499, 87892),
        (29, 7470, 45, 7232),
        (17, 1699, 65, 1600),
        (186, 50448, 141, 27197),
        (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    dtype=float,
)
Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def bcg() -> Pair:
    """Log risk ratios and their standard errors."""
    a, b, c, d = BCG.T
    ratio = np.log(a / (a + b)) - np.log(c / (c + d))
    return ratio, np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def schools() -> Pair:
    data = datasets.load("eight_schools")
    return np.array(data.y), np.array(data.sigma)


def surgical() -> Pair:
    data = datasets.load("surgical")
    y, n = data.y + 0.5, data.n + 1.0
    return np.log(y / (n - y)), np.sqrt(1 / y + 1 / (n - y))


def pair() -> Pair:
    return np.array([1.0, 2.5]), np.array([0.1, 0.3])


SETS = pytest.mark.parametrize("make", [bcg, schools, surgical, pair])


def cochran(y: NDArray[np.float64], se: NDArray[np.float64], tau2: float) -> float:
    w = 1 / (se**2 + tau2)
    return float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())


def moment_tau2(y: NDArray[np.float64], se: NDArray[np.float64]) -> float:
    w = 1 / se**2
    excess = cochran(y, se, 0.0) - (y.size - 1)
    return max(0.0, excess / float(w.sum() - (w**2).sum() / w.sum()))


def likelihood_tau2(
    y: NDArray[np.float64], se: NDArray[np.float64], *, restricted: bool = True
) -> float:
    """Maximise over log tau^2 from many starts, zero included."""

    def cost(log_tau2: float) -> float:
        v = se**2 + np.exp(log_tau2)
        restriction = np.log((1 / v).sum()) if restricted else 0.0
        return 0.5 * float(
            np.log(v).sum() + restriction + cochran(y, se, np.exp(log_tau2))
        )

    grid = np.log(np.var(y)) + np.linspace(-25, 5, 301)
    best = grid[np.argmin([cost(x) for x in grid])]
    if best == grid[0]:
        return 0.0
    found = optimize.minimize_scalar(
        cost, bounds=(best - 0.2, best + 0.2), method="bounded", options={"xatol": 1e-9}
    )
    return float(np.exp(found.x))


@SETS
def test_estimates_equal_formulas_and_another_optimiser(make) -> None:
    y, se = make()
    got = classical_meta_analysis(y, se, 0.95)
    q = cochran(y, se, 0.0)
    assert got.q == pytest.approx(q, rel=1e-9)
    assert got.df == y.size - 1
    assert got.p_value == pytest.approx(stats.chi2.sf(q, y.size - 1), rel=1e-9)
    tau2 = got.table["tau2"]
    assert tau2["dersimonian_laird"] == pytest.approx(moment_tau2(y, se), rel=1e-9)
    assert tau2["reml"] == pytest.approx(likelihood_tau2(y, se), rel=1e-5, abs=1e-9)
    assert (got.table["tau"] ** 2).to_numpy() == pytest.approx(tau2.to_numpy())
    # I^2 from Q and from the moment estimator are one and the same.
    i2 = got.table["i2"]
    assert got.i2_q == pytest.approx(max(0.0, 1 - got.df / q), rel=1e-9)
    assert i2["dersimonian_laird"] == pytest.approx(got.i2_q, rel=1e-9)
    reml = tau2["reml"] / (tau2["reml"] + got.typical_variance)
    assert i2["reml"] == pytest.approx(reml, rel=1e-9)


@SETS
def test_estimates_are_the_librarys(make) -> None:
    y, se = make()
    got = classical_meta_analysis(y, se, 0.9)
    # Only now, as hbstan knows how to import it quietly.
    from pymare import Dataset
    from pymare.estimators import DerSimonianLaird, VarianceBasedLikelihoodEstimator

    data = Dataset(y=y, v=se**2)
    for name, estimator in (
        ("dersimonian_laird", DerSimonianLaird()),
        ("reml", VarianceBasedLikelihoodEstimator(method="REML")),
    ):
        result = estimator.fit_dataset(data).summary()
        row = got.table.loc[name]
        spread = result.get_re_stats(alpha=0.1)
        effect = result.get_fe_stats(alpha=0.1)
        for column, theirs in (
            ("tau2", spread["tau^2"]),
            ("tau2_lower", spread["ci_l"]),
            ("tau2_upper", spread["ci_u"]),
            ("mu", effect["est"]),
            ("mu_lower", effect["ci_l"]),
            ("mu_upper", effect["ci_u"]),
        ):
            theirs = float(np.ravel(theirs)[0])
            assert row[column] == pytest.approx(theirs, rel=1e-5, abs=1e-6), column
    tests = result.get_heterogeneity_stats()
    assert got.q == pytest.approx(float(tests["Q"][0]))
    assert got.p_value == pytest.approx(float(tests["p(Q)"][0]))
    assert got.i2_q == pytest.approx(float(tests["I^2"][0]) / 100)


def test_published_values() -> None:
    # Viechtbauer (2010), doi:10.18637/jss.v036.i03, section 3.2.
    got = classical_meta_analysis(*bcg(), 0.95)
    assert got.q == pytest.approx(152.2330, abs=5e-5)
    assert got.table.loc["reml", "tau2"] == pytest.approx(0.3132, abs=5e-5)
    assert 100 * got.table.loc["reml", "i2"] == pytest.approx(92.22, abs=5e-3)
    # Rubin's eight schools do not differ by more than their errors explain.
    got = classical_meta_analysis(*schools(), 0.95)
    assert got.q == pytest.approx(4.707, abs=5e-4)
    assert got.df == 7
    assert got.table["tau2"].to_list() == [0.0, 0.0]
    assert got.i2_q == 0.0
    assert got.p_value > 0.5


def test_the_estimators_can_be_told_apart() -> None:
    y, se = surgical()
    got = classical_meta_analysis(y, se, 0.95).table["tau2"]
    assert got["reml"] != pytest.approx(got["dersimonian_laird"], rel=0.05)
    unrestricted = likelihood_tau2(y, se, restricted=False)
    assert got["reml"] != pytest.approx(unrestricted, rel=0.05)
    assert got["reml"] < np.var(y, ddof=1)


@pytest.mark.parametrize("ci_prob", [0.5, 0.94])
def test_the_interval_inverts_q(ci_prob: float) -> None:
    y, se = surgical()
    row = classical_meta_analysis(y, se, ci_prob).table.loc["reml"]
    tail = (1 - ci_prob) / 2
    for bound, level in (("lower", 1 - tail), ("upper", tail)):
        expected = stats.chi2.ppf(level, y.size - 1)
        assert cochran(y, se, row[f"tau2_{bound}"]) == pytest.approx(expected, rel=1e-6)
        assert row[f"tau_{bound}"] ** 2 == pytest.approx(row[f"tau2_{bound}"])


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_does_not_matter(unit: float) -> None:
    y, se = surgical()
    base, scaled = (
        classical_meta_analysis(y, se, 0.94),
        classical_meta_analysis(unit * y, unit * se, 0.94),
    )
    powers = {"tau2": 2, "tau": 1, "i2": 0, "mu": 1}
    for column in base.table:
        factor = unit ** powers[str(column).split("_")[0]]
        got = scaled.table[column].to_numpy() / factor
        assert got == pytest.approx(base.table[column].to_numpy(), rel=1e-6), column
    assert scaled.q == pytest.approx(base.q)


def test_typical_variance() -> None:
    assert typical_variance(np.full(9, 0.3)) == pytest.approx(0.3)
    v = np.array([1.0, 4.0, 9.0])
    w = 1 / v
    formula = 2 * w.sum() / (w.sum() ** 2 - (w**2).sum())
    assert typical_variance(v) == pytest.approx(formula)
    assert typical_variance(v) != pytest.approx(v.mean())
    assert typical_variance(v * 1e-300) == pytest.approx(formula * 1e-300)


def test_equal_estimates_do_not_differ() -> None:
    got = classical_meta_analysis(np.full(4, 3.0), np.array([1.0, 2.0, 1.0, 0.5]), 0.94)
    assert got.q == 0
    assert got.i2_q == 0
    assert got.p_value == 1
    assert got.table["tau2"].to_list() == [0.0, 0.0]
    assert got.table["mu"].to_list() == [3.0, 3.0]
    json.dumps(got.record(), allow_nan=False)


def test_one_group_does_not_differ_from_others() -> None:
    with pytest.raises(FitError, match=r"1 of the groups.*at least 2"):
        classical_meta_analysis(np.array([1.0]), np.array([1.0]), 0.94)
