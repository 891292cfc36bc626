"""The report as text: all that is in it, nothing that is not, nothing that runs."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hbstan import models
from hbstan.errors import StoreError
from hbstan.report.page import mathematics, render, write_report
from hbstan.report.page.cells import columns_of, duration, figure
from hbstan.report.page.latex import LATEX
from hbstan.sealed import write_document

EVIL = "<script>alert(1)</script>"
#: Breaks out of an attribute, if anything does.
QUOTED = "\"><img src=x onerror='alert(2)'>&amp;"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt"></svg>'
FILES = ("figures/answers.svg", "figures/fit.svg")


def table(name: str, caption: str = "A table") -> dict[str, Any]:
    return {
        "name": name,
        "caption": caption,
        "columns": ["group", "raw_rate", "note"],
        "rows": [["A", 0.0512345, None], [EVIL, "nan", QUOTED], ["C", 0.3, "x"]],
    }


def check(outcome: str, *, gate: bool, advice: str = "") -> dict[str, Any]:
    return {
        "name": "rhat",
        "label": f"Chains agree {QUOTED}",
        "outcome": outcome,
        "value": "nan" if outcome == "not_run" else 1.0123456,
        "threshold": 1.01,
        "rule": "< 1.01",
        "subjects": [f"theta[{EVIL}]"],
        "detail": "found 5 % of it",
        "advice": advice,
        "gate": gate,
    }


def stage(name: str, number: int, model: str | None, outcome: str) -> dict[str, Any]:
    return {
        "key": f"{model}/{name}" if model else name,
        "number": number,
        "stage": name,
        "title": f"Title of {name}",
        "model": model,
        "question": "Did it converge?",
        "outcome": outcome,
        "conditional": False,
        "answer": "It did.\nSecond line.",
        "checks": [
            check(outcome, gate=True, advice="" if outcome == "pass" else "Act")
        ],
        "tables": [table(f"{name}_table")],
        "pictures": [
            {"name": "p", "caption": EVIL, "alt": QUOTED, "file": "figures/fit.svg"}
        ],
        "notes": [f"note {EVIL}"],
        "retries": ["fitted again"],
        "command": f"hbstan fit '{EVIL}'",
        "seconds": 61.2,
    }


def model(name: str, verdict: str = "accepted") -> dict[str, Any]:
    return {
        "name": name,
        "title": "A model",
        "like": name,
        "verdict": verdict,
        "reason": "Every gate was passed.",
        "limitations": [f"limitation {QUOTED}"],
        "stopped_at": None,
        "retries": [{"stage": "fit", "what": "more draws", "why": "R-hat"}],
        "priors": {"mu": "Normal(-2.51, 1)"},
    }


def verdict(**changes: Any) -> dict[str, Any]:
    """Return a small verdict with something evil wherever users' words can be."""
    out: dict[str, Any] = {
        "schema": "hbstan.verdict/1",
        "hbstan": "0.1.0",
        "title": f"surgical {EVIL}",
        "verdict": "accepted",
        "headline": "It can be used.",
        "cautions": [f"beware of {EVIL}"],
        "preferred": "logit_noncentered",
        "data": {
            "name": f"surgical {QUOTED}",
            "kind": "binomial",
            "groups": 3,
            "source": EVIL,
            "fingerprint": "0" * 64,
        },
        "answers": {
            "model": "logit_noncentered",
            "summary": [f"Hospital {EVIL}: 0 of 47"],
            "table": table("answers", f"Groups {QUOTED}"),
            "picture": {"name": "a", "caption": "c", "alt": EVIL, "file": FILES[0]},
            "population": None,
        },
        "models": [model("logit_noncentered"), model("beta_binomial", "rejected")],
        "stages": [
            stage("data", 0, None, "pass"),
            stage("fit", 3, "logit_noncentered", "pass"),
            stage("loo", 5, "logit_noncentered", "not_run"),
            stage("fit", 3, "beta_binomial", "fail"),
        ],
        "criteria": {"fit": {"rhat": 1.01, "gates": ["rhat", "bfmi"]}},
        "criteria_changes": [],
        "provenance": {
            "seed": 1,
            "backend": "stanli",
            "versions": {"stanli": "0.24.0"},
            "settings": {"chains": 4},
            "hashes": {"data": "0" * 64},
            "started": "2026-01-02T03:04:05+00:00",
            "seconds": 3725.0,
            "machine": {"cores": 2},
        },
        "methods": {"paragraph": f"We fitted {EVIL}.", "bibtex": "@misc{x}"},
        "command": "hbstan workflow surgical --seed 1 --out DIR",
    }
    return out | changes


def programs() -> dict[str, str]:
    names = ("logit_noncentered", "beta_binomial")
    return {n: models.get(n).program.file.read_text(encoding="utf-8") for n in names}


def page_of(document: Mapping[str, Any] | None = None) -> str:
    return render(document or verdict(), dict.fromkeys(FILES, SVG), programs())


@dataclass
class Page(HTMLParser):
    """A page's elements with their attributes, and the text inside each."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    VOID = frozenset({"meta", "link", "img", "wbr", "br"})

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


def parse(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


# What must hold of every page: each returns the offences it finds.


def foreign_addresses(text: str) -> list[str]:
    """Addresses beyond the page, which would need a network."""
    found = [
        value
        for _, attrs in parse(text).elements
        for name, value in attrs.items()
        if name in ("src", "href", "srcset", "action", "data", "poster")
        and not value.startswith(("#", "data:"))
    ]
    style = "".join(parse(text).texts["style"])
    return found + re.findall(r"@import|url\([^)]*\)", style)


def dead_links(text: str) -> list[str]:
    """Links to places that are not there, and identifiers that are there twice."""
    page = parse(text)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    twice = [i for i in set(ids) if ids.count(i) > 1]
    targets = [a["href"][1:] for a in page.all("a")]
    labels = [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]
    return twice + [t for t in targets + labels if t not in ids]


def running_text(text: str) -> list[str]:
    """Scripts beside the page's own, handlers, and styles in attributes."""
    page = parse(text)
    extra = (
        [f"{len(page.all('script'))} scripts"] if len(page.all("script")) > 1 else []
    )
    return extra + [
        f"{tag} {name}"
        for tag, attrs in page.elements
        for name in attrs
        if name.startswith("on") or name == "style"
    ]


def blocked_by_own_policy(text: str) -> list[str]:
    """The page's style and script, where its policy does not allow them."""
    page = parse(text)
    policy = next(
        a["content"]
        for a in page.all("meta")
        if a.get("http-equiv") == "Content-Security-Policy"
    )
    out = [] if "default-src 'none'" in policy else ["policy"]
    for tag in ("style", "script"):
        digest = hashlib.sha256("".join(page.texts[tag]).encode()).digest()
        if f"'sha256-{base64.b64encode(digest).decode()}'" not in policy:
            out.append(tag)
    return out


def silent_pictures(text: str) -> list[str]:
    """Pictures without words for those who cannot see them."""
    return [a["src"][:40] for a in parse(text).all("img") if not a.get("alt")]


SPOILT: tuple[tuple[Any, str, str], ...] = (
    (foreign_addresses, 'href="data:,"', 'href="https://example.org/x.ico"'),
    (foreign_addresses, "* {", "* { background: url(x.png);"),
    (dead_links, 'id="provenance"', 'id="elsewhere"'),
    (dead_links, 'id="criteria"', 'id="models"'),
    (running_text, "&lt;script&gt;alert(1)&lt;/script&gt;", EVIL),
    (running_text, '<main id="main">', '<main id="main" onclick="x()">'),
    (blocked_by_own_policy, '"use strict";', '"use strict"; '),
    (blocked_by_own_policy, "default-src &#39;none&#39;", "default-src *"),
    (silent_pictures, ' alt="&lt;script&gt;alert(1)&lt;/script&gt;"', ""),
)


@pytest.mark.parametrize(("rule", "old", "new"), SPOILT)
def test_the_page_obeys_and_a_spoilt_one_does_not(rule, old: str, new: str) -> None:
    text = page_of()
    assert rule(text) == []
    assert old in text
    assert rule(text.replace(old, new)) != []


STATES: tuple[dict[str, Any], ...] = (
    {},
    {"answers": None, "preferred": None, "verdict": "rejected"},
    {"answers": None, "preferred": None, "verdict": "inconclusive", "stages": []},
    {"verdict": "accepted_with_limitations", "cautions": []},
    {
        "criteria_changes": [
            {"criterion": "fit.rhat", "from": 1.01, "to": 1.2, "when": "after"}
        ]
    },
)


@pytest.mark.parametrize("changes", STATES)
def test_every_verdict_makes_a_sound_page(changes: dict[str, Any]) -> None:
    text = page_of(verdict(**changes))
    for rule in {rule for rule, _, _ in SPOILT}:
        assert rule(text) == [], rule.__name__


def test_users_words_are_text_everywhere() -> None:
    page = parse(page_of())
    everything = "".join(t for texts in page.texts.values() for t in texts)
    for place in ("h1", "caption", "figcaption", "li", "code", "title", "th", "td"):
        words = "".join(page.texts[place])
        assert EVIL in words or QUOTED in words, place
    assert everything.count(EVIL) > 10
    assert {EVIL, QUOTED} <= {a["alt"] for a in page.all("img")}
    assert any(a.get("data-value") == QUOTED for a in page.all("td"))


def test_pictures_are_the_bytes_that_were_given() -> None:
    first, *rest = parse(page_of()).all("img")
    kind, text = first["src"].split(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(text) == SVG
    assert (first["width"], first["height"]) == ("96", "48")
    assert len(rest) == 4


def test_tables_show_three_digits_and_keep_the_exact_value() -> None:
    page = parse(page_of())
    cells = [a for a in page.all("td") if a.get("class") == "number"]
    assert {a["data-value"] for a in cells} == {"0.0512345", "nan", "0.3"}
    assert {a["title"] for a in cells} == {"0.0512345", "nan", "0.3"}
    shown = [t.strip() for t in page.texts["td"] if t.strip()]
    assert shown[:5] == ["0.051", "–", "–", QUOTED, "0.300"]


def test_outcomes_are_words_and_links_in_the_overview() -> None:
    text = page_of()
    matrix = text[text.index('class="overview"') :]
    matrix = matrix[: matrix.index("</table>")]
    plain = " ".join(re.sub("<[^>]+>", " ", matrix).split())
    assert "0 Title of data ✓ passed all models" in plain
    assert "3 Title of fit ✓ passed ✗ failed" in plain
    assert "5 Title of loo ○ not run not reached" in plain
    assert plain.endswith("Verdict ✓ Accepted ✗ Rejected")
    assert 'href="#stage-fit-2"' in matrix


def test_a_conditional_result_says_so() -> None:
    document = verdict()
    assert "conditional" not in page_of(document).split("</style>")[1].lower()
    document["stages"][3]["conditional"] = True
    assert page_of(document).split("</style>")[1].lower().count("conditional") == 2


def test_roles_of_checks() -> None:
    document = verdict()
    document["stages"][0]["checks"] = [
        check("pass", gate=True),
        check("pass", gate=False),
        check("fail", gate=False, advice="Do this"),
    ]
    roles = parse(page_of(document)).texts["span"]
    start = roles.index("gate")
    assert [r for r in roles[start:] if r in ("gate", "advisory", "limitation")][
        :3
    ] == [
        "gate",
        "advisory",
        "limitation",
    ]
    assert "Do this" in page_of(document)


def test_changed_criteria_are_shown_as_changed() -> None:
    change = {"criterion": "fit.rhat", "from": 1.01, "to": 1.2, "when": "before"}
    text = page_of(verdict(criteria_changes=[change]))
    assert "changed from 1.01 before the first fit" in text
    assert 'class="changed"' in text
    assert "None differs from the default" not in text
    assert "None differs from the default" in page_of()


def test_what_is_at_the_top_is_not_repeated() -> None:
    document = verdict()
    document["stages"][1]["pictures"] = [document["answers"]["picture"]]
    document["stages"][1]["tables"] = [document["answers"]["table"]]
    text = page_of(document)
    assert text.count("data:image/svg+xml") == page_of().count("data:image/svg+xml") - 1
    assert text.count("<caption>Groups") == 1


# Errors


def test_a_missing_figure_is_named() -> None:
    with pytest.raises(StoreError, match=r"figures/fit\.svg"):
        render(verdict(), {FILES[0]: SVG}, programs())


def test_another_schema_is_refused() -> None:
    with pytest.raises(StoreError, match=r"hbstan\.verdict/2"):
        page_of(verdict(schema="hbstan.verdict/2"))


def test_an_incomplete_verdict_is_refused() -> None:
    document = verdict()
    del document["headline"]
    with pytest.raises(StoreError, match="headline"):
        page_of(document)


def test_a_ragged_table_is_refused() -> None:
    document = verdict()
    document["answers"]["table"]["rows"][1].pop()
    with pytest.raises(StoreError, match=r"row 1 .* has 2 cells"):
        page_of(document)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "figures").mkdir()
    (tmp_path / "models").mkdir()
    for name in FILES:
        (tmp_path / name).write_bytes(SVG)
    for name, text in programs().items():
        (tmp_path / f"models/{name}.stan").write_text(text, encoding="utf-8")
    write_document(tmp_path / "verdict.json", verdict())
    return tmp_path


def test_the_report_is_written_from_the_folder_alone(folder: Path) -> None:
    before = sorted(p.name for p in folder.iterdir())
    path = write_report(folder)
    assert path == folder / "report.html"
    assert path.read_text(encoding="utf-8") == page_of()
    assert sorted(p.name for p in folder.iterdir()) == sorted([*before, "report.html"])


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": "hbstan.verdict/1"}'])
def test_a_damaged_verdict_leaves_the_old_report(folder: Path, damage: str) -> None:
    old = write_report(folder).read_bytes()
    (folder / "verdict.json").write_text(damage, encoding="utf-8")
    with pytest.raises(StoreError, match="verdict"):
        write_report(folder)
    assert (folder / "report.html").read_bytes() == old


def test_a_folder_without_verdict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no verdict"):
        write_report(tmp_path)


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "–"),
        ("nan", "–"),
        ("-inf", "−∞"),
        (float("inf"), "∞"),
        (True, "yes"),
        (-12, "−12"),
        (2814, "2814"),
        (12.0, "12"),
        (0.0, "0"),
        (9.996, "10"),
        (99.96, "100"),
        (0.00099996, "0.001"),
        (0.05, "0.05"),
        (-0.0512345, "−0.0512"),
        (123456.7, "123457"),
        (1234567.8, "1.23 × 10⁶"),
        (-2.5e-7, "−2.5 × 10⁻⁷"),
        ("Hospital", "Hospital"),
    ],
)
def test_numbers_as_text(value: Any, text: str) -> None:
    assert figure(value) == text


@given(st.floats(1e-12, 1e12) | st.floats(-1e12, -1e-12))
def test_no_number_is_off_by_more_than_its_third_digit(value: float) -> None:
    text = figure(value).replace("−", "-")
    mantissa, _, exponent = text.partition(" × 10")
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    read = float(mantissa) * 10.0 ** int(exponent.translate(digits) or 0)
    assert math.isclose(read, value, rel_tol=0.00501)


@pytest.mark.parametrize(
    ("values", "numeric", "texts"),
    [
        ([0.0512, 0.1151, "nan"], True, ["0.0512", "0.1151", "–"]),
        ([0.4, 0.00025, 0.0], True, ["0.400", "< 0.001", "0.000"]),
        ([0.4, -0.00025], True, ["0.400", "> −0.001"]),
        ([2814, 0.0739, None], True, ["2814", "0.0739", "–"]),
        ([1500.0, 0.01234], True, ["1500", "0.0123"]),
        ([4.0, 12.0], True, ["4", "12"]),
        ([1, "A"], False, ["1", "A"]),
        (["nan", "inf"], False, ["nan", "inf"]),
        ([None, None], False, ["–", "–"]),
        ([True, False], False, ["yes", "no"]),
    ],
)
def test_columns(values: list[Any], numeric: bool, texts: list[str]) -> None:
    (column,) = columns_of(["x"], [[v] for v in values])
    assert column.numeric is numeric
    assert [cell.text for cell in column.cells] == texts
    exact = ["" if v is None else str(v) for v in values]
    assert [cell.value for cell in column.cells] == exact


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.393, "0.4 s"), (59.6, "1 min"), (213.4, "3 min 33 s"), (3725, "1 h 2 min 5 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# Mathematics


def faults_of(lines: tuple[str, ...]) -> list[str]:
    """Lines that are no MathML, or hold commands that were not understood."""
    out = []
    for line in lines:
        try:
            text = str(mathematics.mathml(line))
            if "\\" in "".join(ET.fromstring(text).itertext()) or "merror" in text:
                out.append(line)
        except Exception as err:
            out.append(f"{line}: {err}")
    return out


def unmentioned(name: str, lines: tuple[str, ...]) -> list[str]:
    """The model's top-level parameters that its mathematics gives no prior."""
    written = "".join(lines)
    tex = {
        "mu_low": r"\mu_{\text{low}}",
        "b": "b",
        "beta_std": r"\beta_{\text{std}}",
        "phi_star": r"\phi_{\star}",
        "sigma_eta": r"\sigma_{\eta}",
        "sd_attack": r"\text{sd}_{\text{attack}}",
        "sd_defence": r"\text{sd}_{\text{defence}}",
    }
    plain = ("gap", "intercept", "slope", "advantage")
    tex |= {word: rf"\text{{{word}}}" for word in plain}
    symbols = [
        (p.name, tex.get(p.name, f"\\{p.name}"))
        for p in models.get(name).parameters
        if p.role
    ]
    return [n for n, symbol in symbols if f"p({symbol}" not in written]


def test_every_catalogue_model_has_its_mathematics() -> None:
    assert set(LATEX) == set(models.names())


@pytest.mark.parametrize("name", sorted(LATEX))
def test_mathematics(name: str) -> None:
    lines = LATEX[name]
    assert 3 <= len(lines) <= 6
    assert faults_of(lines) == []
    assert unmentioned(name, lines) == []
    source = models.get(name).program.file.read_text(encoding="utf-8")
    assert mathematics.latex_of(name, source) == lines


def test_wrong_mathematics_is_found() -> None:
    assert len(faults_of((r"\nosuchcommand{x}", r"\mu", r"\left("))) == 2
    assert unmentioned("logit_noncentered", (r"\mu \sim p(\mu)",)) == ["tau"]


def test_a_relation_is_an_operator() -> None:
    text = str(mathematics.mathml(r"\mu \sim p(\mu)"))
    assert "<mo>&#x0223C;</mo>" in text
    assert "&#x0007E;" not in text


def test_an_edited_program_shows_its_own_words() -> None:
    own = "/* Mine <b>alone</b>.\n *\n *   y ~ normal(0, 1)\n */\nmodel {}\n"
    text = render(verdict(), dict.fromkeys(FILES, SVG), {"logit_noncentered": own})
    assert '<pre class="comment">Mine &lt;b&gt;alone&lt;/b&gt;.\n\n  y ~ normal' in text
    assert "<math" not in text
    assert "The program's text was not kept." in text
    assert mathematics.header_comment("model {}") == ""
