"""Other priors and groups left out, where the posterior is known exactly."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from predictive_fits import names, tree_fit
from sensitivity_exact import Exact, exact_fit, posterior

import hbstan as hb
from hbstan.errors import FitError, HbstanError, PriorError, SettingsError
from hbstan.fit import Fit
from hbstan.models import get
from hbstan.results import Check, Outcome
from hbstan.sensitivity import default_swaps, influence, swap_priors
from hbstan.sensitivity.moves import judged, moved, spreads
from hbstan.sensitivity.quantities import draws_of, quantities

Y = np.array([0.0, 1.0, 2.0, 8.0])
SIGMA = np.array([1.0, 2.0, 1.0, 1.5])
LOC, SCALE = 1.0, 2.0
SWAPS = {"mu": ["Normal(1, 1)", hb.Normal(5.0, 1.0), "Normal(1, 20)"]}


@pytest.fixture(scope="module")
def base() -> Fit:
    return exact_fit(Y, SIGMA, LOC, SCALE)


def swapped(fit: Fit, swaps=SWAPS, engine: Exact | None = None, **given):
    return swap_priors(
        fit, swaps, backend=engine or Exact(), executor="serial", **given
    )


def left_out(fit: Fit, *args, engine: Exact | None = None, **given):
    return influence(fit, *args, backend=engine or Exact(), executor="serial", **given)


def closed(law: tuple[float, float], y=Y, sigma=SIGMA) -> tuple[float, float]:
    """The move of ``mu`` and the ratio of the sds, in closed form."""
    (m0, s0), (m1, s1) = posterior(Y, SIGMA, LOC, SCALE), posterior(y, sigma, *law)
    return (m1 - m0) / s0, s1 / s0


@pytest.mark.parametrize(
    ("swap", "law"),
    [
        ("mu ~ Normal(1, 1)", (1.0, 1.0)),
        ("mu ~ Normal(5, 1)", (5.0, 1.0)),
        ("mu ~ Normal(1, 20)", (1.0, 20.0)),
    ],
)
def test_moves_under_other_priors(base: Fit, swap: str, law) -> None:
    row = swapped(base).table.loc[(swap, "mu")]
    move, ratio = closed(law)
    assert abs(row["move"] - move) < 4 * row["move_mcse"]
    assert abs(row["sd_ratio"] - ratio) < 4 * row["sd_ratio_mcse"]
    # 16,000 independent draws of each.
    assert 0.005 < row["move_mcse"] < 0.02
    assert row["sd_ratio_mcse"] < 0.02
    assert (row["parameter"], row["prior"]) == ("mu", swap.removeprefix("mu ~ "))
    # In units of the refit's own sd it would be another number.
    in_its_own = (row["mean"] - posterior(Y, SIGMA, LOC, SCALE)[0]) / row["sd"]
    if abs(move) * abs(1 - 1 / ratio) > 0.05:
        assert abs(in_its_own - move) > 3 * row["move_mcse"]


def test_errors_of_moves_are_those_of_many_runs() -> None:
    normals = ((0.0, 1.0), (1.0, 2.0))
    rng = np.random.default_rng(8)
    runs = [
        moved(*spreads([rng.normal(m, s, size=(4, 250)) for m, s in normals]))
        for _ in range(200)
    ]
    table = pd.DataFrame(runs)
    for name, truth in (("move", 1.0), ("sd_ratio", 2.0)):
        error = table[name].std() / np.sqrt(len(table))
        assert table[name].mean() == pytest.approx(truth, abs=4 * error + 0.003)
        assert table[f"{name}_mcse"].mean() == pytest.approx(table[name].std(), rel=0.2)


def test_far_moves_fail_and_are_named(base: Fit) -> None:
    got = swapped(base)
    check = got.checks()[0]
    assert check.outcome is Outcome.FAIL
    assert check.value == pytest.approx(got.table["move"].abs().max())
    assert "mu ~ Normal(5, 1)" in check.detail
    assert check.subjects[0] in got.base.index
    near = swapped(base, {"mu": "Normal(1, 1.8)"})
    assert near.checks().passed
    assert near.checks()[0].advice == ""
    assert not swapped(base, {"mu": "Normal(1, 1.8)"}, threshold=0.03).checks().passed


def test_refits_that_fail_or_do_not_converge_are_no_pass(base: Fit) -> None:
    got = swapped(base, {"mu": "Normal(1, 1.8)"}, Exact(short=True))
    check = got.checks()[0]
    assert check.outcome is Outcome.NOT_RUN
    assert "1 of 1 refits cannot be used: mu ~ Normal(1, 1.8) (" in check.detail
    assert got.table["move"].isna().all()
    without = left_out(base, engine=Exact(broken=(3,)))
    assert without.refits.loc["g3", "fault"] == "the sampler gave up"
    assert without.table.loc["g3", "move"].isna().all()
    assert without.table.drop("g3")["move"].notna().all()
    check = without.checks()[0]
    assert not check.passed
    assert "without g3 (the sampler gave up)" in check.detail
    assert np.isnan(without.groups().loc["g3", "move"])
    assert without.most_influential != "g3"


def test_too_few_draws_are_no_pass() -> None:
    table = pd.DataFrame(
        {"move": [0.1, 0.6], "move_mcse": [0.01, 0.4]},
        index=pd.MultiIndex.from_tuples([("a", "mu"), ("b", "mu")]),
    )
    check = Check("x", "x", Outcome.NOT_RUN, threshold=0.5)
    good = pd.DataFrame({"fault": ["", ""]}, index=["a", "b"])
    bad = pd.DataFrame({"fault": ["", "", "died"]}, index=["a", "b", "c"])

    def outcome(refits: pd.DataFrame = good, fault: str = "") -> Check:
        return judged(check, table, refits, fault, "advice")

    got = outcome()
    assert got.outcome is Outcome.NOT_RUN
    assert "too few draws" in got.detail
    table["move_mcse"] = 0.01
    assert outcome().outcome is Outcome.FAIL
    assert outcome(bad).outcome is Outcome.FAIL
    assert outcome(good, "R-hat").outcome is Outcome.NOT_RUN
    table["move"] = 0.1
    assert outcome().outcome is Outcome.PASS
    got = outcome(bad)
    assert got.outcome is Outcome.NOT_RUN
    assert "1 of 3 refits cannot be used: c (died)" in got.detail
    assert outcome(good, "R-hat").outcome is Outcome.NOT_RUN
    # At the threshold is not below it.
    table["move"] = [0.1, 0.5]
    assert outcome().outcome is Outcome.FAIL


def test_moves_without_each_group(base: Fit) -> None:
    got = left_out(base)
    for place, group in enumerate(names(4)):
        keep = np.arange(4) != place
        move, ratio = closed((LOC, SCALE), Y[keep], SIGMA[keep])
        row = got.table.loc[(group, "mu")]
        assert abs(row["move"] - move) < 4 * row["move_mcse"]
        assert abs(row["sd_ratio"] - ratio) < 4 * row["sd_ratio_mcse"]
    own = got.table.index[got.table["own"]].to_list()
    assert own == [(g, f"theta[{g}]") for g in names(4)]
    exact = [
        abs(closed((LOC, SCALE), np.delete(Y, i), np.delete(SIGMA, i))[0])
        for i in range(4)
    ]
    order = [names(4)[i] for i in np.argsort(exact)[::-1]]
    assert list(got.groups().index) == order
    assert got.most_influential == order[0] == "g0"
    assert got.groups()["move"].abs().is_monotonic_decreasing
    assert got.checks()[0].outcome is Outcome.FAIL
    assert "without g0" in got.checks()[0].detail
    assert left_out(base, threshold=5.0).checks().passed


def test_groups_left_out_join_those_that_were(base: Fit) -> None:
    fit, engine = exact_fit(Y, SIGMA, LOC, SCALE, holdout=["g1"]), Exact()
    got = left_out(fit, ["g0", "g3"], engine=engine)
    masks = sorted(tuple(data["holdout"]) for data in engine.seen)
    assert masks == [(0, 1, 0, 1), (1, 1, 0, 0)]
    assert set(got.refits.index) == {"g0", "g3"}
    assert {tuple(d["prior_mu_args"]) for d in engine.seen} == {(LOC, SCALE, 0.0)}
    assert not any(data["predictive"] for data in engine.seen)
    assert list(left_out(base, "g2").refits.index) == ["g2"]
    with pytest.raises(SettingsError, match=r"names g1, but .* g0, g2, g3"):
        left_out(fit, "g1")
    with pytest.raises(SettingsError, match="names nothing"):
        left_out(fit, [])


def test_a_fit_that_did_not_converge_is_no_pass(base: Fit) -> None:
    tree = base.tree.copy()
    apart = base.posterior.copy()
    apart["mu"] = apart["mu"] + 10.0 * apart["chain"]
    tree["posterior"] = type(tree)(apart)
    for got in (swapped(Fit(tree)), left_out(Fit(tree))):
        assert got.fault
        assert got.checks().outcome is Outcome.NOT_RUN
        assert "the fit itself" in got.checks()[0].detail


def test_wrong_arguments_are_refused(base: Fit) -> None:
    for call in (swapped, left_out):
        for bad in (0, -1.0, np.inf, np.nan, "far", True):
            with pytest.raises(SettingsError, match="threshold"):
                call(base, threshold=bad)
        with pytest.raises(SettingsError, match="colour"):
            call(base, colour="red")
    with pytest.raises(PriorError, match="no priors to try"):
        swapped(base, {})
    with pytest.raises(HbstanError, match="no prior for tau"):
        swapped(base, {"tau": "HalfNormal(1)"})
    with pytest.raises(PriorError, match="cannot be the prior of mu"):
        swapped(base, {"mu": "HalfNormal(1)"})


def test_records_are_json(base: Fit) -> None:
    for got in (swapped(base), left_out(base)):
        record = json.loads(json.dumps(got.record()))
        assert record["outcome"] == "fail"
        assert len(record["moves"]) == len(got.table)
        assert got.moves().shape == (len(got.base), len(got.refits))
        assert "fail" in repr(got)
        assert got.to_frame() is not got.table
    assert record["most_influential"] == "g0"


def made(model: str, posterior: dict, **priors) -> Fit:
    """A fit with the catalogue's record of priors, and nothing else."""
    record = {name: prior.record() for name, prior in priors.items()}
    return tree_fit(
        model, names(2), {"posterior": posterior}, priors=json.dumps(record)
    )


POSTERIOR = {"mu": np.random.default_rng(1).normal(size=(4, 100))}


def test_default_swaps_by_role() -> None:
    logit = made(
        "logit_noncentered", POSTERIOR, mu=hb.Normal(0, 1), tau=hb.HalfNormal(3)
    )
    got = default_swaps(logit)
    assert got["mu"] == [hb.Normal(0, 0.5), hb.Normal(0, 2)]
    assert got["tau"] == [
        *(hb.HalfNormal(1), hb.HalfCauchy(1)),
        *(hb.HalfStudentT(3, 1), hb.Exponential(1)),
    ]
    # In the unit of y a scale of 1 means nothing: that of the fit's prior does.
    schools = made(
        "eight_schools_centered", POSTERIOR, mu=hb.Normal(0, 5), tau=hb.HalfCauchy(5)
    )
    assert default_swaps(schools)["tau"] == [
        hb.HalfNormal(5),
        hb.HalfStudentT(3, 5),
        hb.Exponential(0.2),
    ]
    beta = made("beta_binomial", POSTERIOR, mu=hb.Beta(2, 2), kappa=hb.Pareto(1, 1.5))
    got = default_swaps(beta)
    assert got["mu"] == [hb.Beta(1, 1), hb.Beta(0.5, 0.5)]
    assert got["kappa"][:2] == [hb.Pareto(1, 0.75), hb.Pareto(1, 3)]
    own, gamma = hb.Pareto(1, 1.5).distribution(), got["kappa"][2].distribution()
    assert gamma.ppf(0.5) == pytest.approx(own.ppf(0.5))


def test_default_swaps_of_a_gamma() -> None:
    entry = get("beta_binomial")
    fit = made("beta_binomial", POSTERIOR, mu=hb.Beta(1, 1), kappa=hb.Gamma(2, 0.1))
    wide, narrow, pareto = default_swaps(fit)["kappa"]
    assert [wide, narrow] == [hb.Gamma(2, 0.05), hb.Gamma(2, 0.2)]
    median = hb.Gamma(2, 0.1).distribution().ppf(0.5)
    assert pareto.distribution().ppf(0.5) == pytest.approx(median)
    assert entry.top_level[1].name == "kappa"
    strange = tree_fit("mine", names(2), {"posterior": POSTERIOR}, like="")
    with pytest.raises(FitError, match="roles of its parameters"):
        default_swaps(strange)


def test_what_is_watched() -> None:
    rng = np.random.default_rng(2)
    shape = (4, 500)
    heavy = rng.pareto(1.0, shape) + 1.0
    values = {
        "mu": rng.normal(size=shape),
        "tau": np.abs(rng.normal(size=shape)),
        "z": rng.normal(size=(*shape, 2)),
        "theta": rng.normal(size=(*shape, 2)),
        "p": rng.uniform(size=(*shape, 2)),
        "kappa": heavy,
        "icc": np.full(shape, 0.5),
    }
    fit = made("logit_noncentered", values)
    # By default not the derived concentration, of which tau says the same.
    assert [q.label for q in quantities(fit)] == ["mu", "tau", "p[g0]", "p[g1]"]
    watched = quantities(fit, ["mu", "tau", "p", "kappa"])
    labels = [quantity.label for quantity in watched]
    assert labels == ["mu", "tau", "p[g0]", "p[g1]", "log(kappa)"]
    assert [quantity.group for quantity in watched][2:4] == ["g0", "g1"]
    assert watched[-1].draws == pytest.approx(np.log(heavy))
    # Another fit's are transformed likewise, whatever its own tails.
    other = made("logit_noncentered", {**values, "kappa": np.exp(values["mu"])})
    assert draws_of(other, watched)["log(kappa)"] == pytest.approx(values["mu"])
    assert draws_of(other, watched)["tau"] == pytest.approx(values["tau"])
    own = tree_fit("mine", names(2), {"posterior": {**values, "a": heavy}}, like="")
    labels = [quantity.label for quantity in quantities(own)]
    assert "log(a)" in labels
    assert "theta[g0]" in labels
    assert not any("z" in label for label in labels)
    assert [q.label for q in quantities(own, "tau")] == ["tau"]


def test_what_cannot_be_watched_is_refused() -> None:
    broken = POSTERIOR["mu"].copy()
    broken[1, 3] = np.nan
    with pytest.raises(FitError, match=r"mu .*not finite"):
        quantities(made("logit_noncentered", {"mu": broken}))
    with pytest.raises(FitError, match="no quantity that moves"):
        quantities(made("logit_noncentered", {"mu": np.ones((4, 100))}))
