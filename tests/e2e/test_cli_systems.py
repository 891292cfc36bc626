"""Kinds of data beyond one outcome a group, as a newcomer's commands meet them."""

from __future__ import annotations

import pytest
from command import Command

import hbstan as hb
from hbstan import models

QUICK = ("--backend", "stanli", "--iter-warmup", "200", "--iter-sampling", "50")

#: A model of each kind with a bundled dataset that it fits in a second or two.
KINDS = (
    ("normal_groups", "coagulation"),
    ("logit_covariates", "hospitals"),
    ("meta_regression", "bcg"),
    ("logistic_regression", "dosage"),
    ("mrp_logit", "mrp_survey"),
    ("irt_1pl", "pisa_like"),
    ("sv_noncentered", "volatility_short"),
    ("football_poisson", "league"),
    ("gp_regression", "forrester"),
)


#: Coefficients are in the table, and large arrays are not.
SHOWN = {
    "mrp_logit": (
        *("beta[urban]", "p_area[Aldermark]", "not shown: theta (240)"),
        "... the first 20 of 240 rows",
    ),
}


def columns(data: str) -> list[str]:
    """Return the options with which the dataset's table is read again."""
    dataset = hb.datasets.load(data)
    named = dict(dataset.reading())  # type: ignore[attr-defined]
    roles = hb.data.systems.roles_of(dataset.kind)
    out = []
    for role, name in named.items():
        if role in roles:
            text = name if isinstance(name, str) else ",".join(name)
            out += ["--column", f"{role}={text}"]
    return out


@pytest.mark.parametrize(("model", "data"), KINDS)
def test_a_table_is_fitted_and_shown(hbstan: Command, model: str, data: str) -> None:
    path = hbstan.folder / "given.csv"
    hb.datasets.load(data).to_frame().to_csv(path, index=False)
    ran = hbstan("fit", model, "given.csv", *columns(data), *QUICK, code=None)
    assert ran.code in (0, 1), ran.err  # so few draws need not pass their checks
    assert "Traceback" not in ran.err
    assert " nan" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert len(ran.out.splitlines()) < 200
    for words in SHOWN.get(model, ()):
        assert words in ran.out


@pytest.mark.parametrize("name", hb.datasets.names())
def test_pages_of_datasets_are_short(hbstan: Command, name: str) -> None:
    ran = hbstan("datasets", name)
    assert len(ran.out.splitlines()) < 100
    assert "nan" not in ran.out.split()
    rows = len(hb.datasets.load(name).to_frame())
    assert (f"the first 20 of {rows:,} rows" in ran.out) == (rows > 60)


@pytest.mark.parametrize("name", ["irt_1pl", "sv_centered", "gp_regression"])
def test_pages_of_models_name_the_columns(hbstan: Command, name: str) -> None:
    out = " ".join(hbstan("models", name).out.split())
    for role in hb.data.systems.roles_of(models.get(name).kind):
        assert role in out
    assert f"Example: hbstan fit {name} {models.get(name).example_data}" in out


def test_separation_is_said_beside_the_estimates(hbstan: Command) -> None:
    rows = "".join(f"{i % 3},{i},{int(i > 14)}\n" for i in range(30))
    path = hbstan.write("apart.csv", "g,x,y\n" + rows)
    given = ("--column", "outcome=y", "--column", "covariates=x", "--group", "g")
    ran = hbstan("fit", "logistic_regression", path, *given, *QUICK, code=None)
    assert "complete separation: x" in ran.out
    assert " nan" not in ran.out


PRICES = "day,price\n2024-01-03,10\n2024-01-01,11\n2024-01-02,12\n"
SELF = "h,a,x,y\nA,A,1,0\nA,B,1,0\nB,C,2,2\n"
SURVEY = "state,sex,vote\nN,f,1\nS,f,0\nW,m,1\n"
CENSUS = "state,sex,N\nN,f,5\nN,m,5\nS,f,5\nS,m,5\n"
ANSWERS = "who,what,right\nA,1,1\nA,2,\nB,1,0\nB,2,1\n"
WORDS = "who,what,right\nA,1,yes\nA,2,1\nB,1,0\nB,2,1\n"
FLAT = "g,x,y\nA,1,2.5\nA,1,3\nB,1,4\nB,1,1\n"
FEW = "x,y\n0,1\n1,2\n"
IRT = ("irt_1pl", "t.csv", "person=who", "item=what", "correct=right")
GP = ("gp_regression", "t.csv", "outcome=y", "inputs=x")
SV = ("sv_noncentered", "t.csv", "value=price", "time=day")
GOALS = ("football_poisson", "t.csv", "home=h", "away=a", "home_goals=x")
LINEAR = ("linear_regression", "t.csv", "outcome=y", "group=g", "covariates=x")
MRP = ("mrp_logit", "t.csv", "factors=state,sex", "outcome=vote", "census=census.csv")

BAD = {
    "no role": (ANSWERS, IRT[:2], ("role 'person'", "'who', 'what', 'right'")),
    "no column": (ANSWERS, (*IRT[:3], "item=whut", "correct=right"), ("'whut'",)),
    "no such role": (ANSWERS, (*IRT, "sex=f"), ("'sex' is no role", "country")),
    "missing": (ANSWERS, IRT, ("row 2 (line 3), column 'right'", "missing")),
    "text": (WORDS, IRT, ("'yes' is text", "0 (wrong) or 1 (correct)")),
    "times": (PRICES, (*SV, "from_prices=yes"), ("'2024-01-01' is earlier", "Sort")),
    "switch": (PRICES, (*SV, "from_prices=maybe"), ("'maybe'", "from_prices=yes")),
    "itself": (SELF, (*GOALS, "away_goals=y"), ("'A' plays itself", "another team")),
    "constant": (FLAT, LINEAR, ("'x' is 1 in all 4 rows", "Leave it out")),
    "too few": (FEW, GP, ("there are 2 points", "at least 3")),
    "bounds": (FEW, (*GP, "bounds=1"), ("bounds is '1'", "bounds=0,1")),
    "census": (SURVEY, MRP, ("'W' is no level of the census", "'N', 'S'")),
    "other kind": ("", ("irt_1pl", "surgical"), ("binomial data", "irt_1pl")),
    "bundled": ("", ("irt_1pl", "pisa_like", "person=a"), ("takes no options",)),
    "nothing": (ANSWERS, (*IRT[:3], "item=", "correct=right"), ("item is []",)),
    "no file": ("", ("irt_1pl", "none.csv"), ("none.csv does not exist",)),
    "misspelt": ("", ("irt_1pl", "pisa_lik"), ("Did you mean 'pisa_like'",)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(hbstan: Command, case: str) -> None:
    text, (model, data, *roles), words = BAD[case]
    hbstan.write("t.csv", text)
    hbstan.write("census.csv", CENSUS)
    options = [part for role in roles for part in ("--column", role)]
    ran = hbstan("fit", model, data, *options, "--backend", "stanli", code=2)
    found = " ".join(ran.err.split())
    for word in words:
        assert word in found
    assert "Traceback" not in ran.err
    assert not ran.out


def test_forms_by_name(hbstan: Command) -> None:
    ran = hbstan(
        "fit", "irt_1pl", "pisa_like", "--parameterization", "sideways", code=2
    )
    assert "sideways" in ran.err
    partial = ("--parameterization", "partial")
    out = hbstan("fit", "normal_groups", "coagulation", *partial, *QUICK, code=None).out
    assert out.startswith("normal_groups_adaptive on coagulation")


def test_comparisons_are_refused_before_anything_is_computed(hbstan: Command) -> None:
    for data in ("coagulation", "small_groups"):
        out = ("--out", data, "--no-figures")
        hbstan("fit", "normal_groups", data, *QUICK, *out, code=None)
    ran = hbstan("compare", "coagulation/fit.nc", "small_groups/fit.nc", code=2)
    assert ran.err.startswith("hbstan: ")
    assert "densities of different data" in " ".join(ran.err.split())


def test_columns_with_commas_and_no_columns(hbstan: Command) -> None:
    rows = "".join(f"{x},{2 * x + x % 3}\n" for x in range(20))
    hbstan.write("t.csv", f'x,"y, in m"\n{rows}')
    roles = ('outcome="y, in m"', "covariates=x", "group=")
    options = [part for role in roles for part in ("--column", role)]
    fit = ("fit", "linear_regression", "t.csv", *QUICK, "--seed", "1")
    ran = hbstan(*fit, *options, code=1)  # with few draws
    assert "beta[x]" in ran.out
    roles = ('outcome="y, in m"', "covariates=", "group=")
    options = [part for role in roles for part in ("--column", role)]
    assert "beta" not in hbstan(*fit, *options, code=1).out
