"""The report in a browser: sorted, dark, on a phone, on paper.

Each rule returns what breaks it, and is also shown to find a page that was spoilt.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import MUST_RUN, Browser, missing_programs, open_browser
from report_folder import EVIL, build
from shared import Shared

from hbstan.report.page import write_report

pytestmark = pytest.mark.slow

Spoil = Callable[..., Path]

#: Of WCAG 2.2, level AA, for text of ordinary size.
LEAST_CONTRAST = 4.5
PHONE = (360, 740)
#: Points that a letter's ink may lie beyond the edge of its page.
SLACK = 0.5


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def report(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, shared: Shared
) -> Path:
    """The report of two real fits; after the browser, which may not be there."""
    return write_report(build(tmp_path_factory.mktemp("workflow"), shared))


@pytest.fixture
def spoilt(report: Path, tmp_path: Path) -> Spoil:
    """Return a function that writes the report with a fault put in."""

    def write(old: str, new: str) -> Path:
        text = report.read_text(encoding="utf-8")
        assert old in text
        # Its policy would keep the changed style or script from working.
        text = re.sub(r'<meta http-equiv="Content-Security[^>]*>', "", text)
        page = tmp_path / "spoilt.html"
        page.write_text(text.replace(old, new), encoding="utf-8")
        return page

    return write


# Console


def complaints(browser: Browser, page: Path) -> list[str]:
    """What the console says while everything there is to press is pressed."""
    browser.show(page)
    browser.run(
        "document.querySelectorAll('th button, .theme, summary')"
        ".forEach((b) => b.click())"
    )
    return browser.console()


def test_the_console_is_silent(browser: Browser, report: Path, spoilt: Spoil) -> None:
    assert complaints(browser, report) == []
    assert complaints(browser, spoilt('"use strict";', "missing();")) != []


def test_the_policy_forbids_what_is_added(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    page = tmp_path / "added.html"
    text = report.read_text(encoding="utf-8")
    page.write_text(text.replace("</main>", "<script>x()</script></main>"))
    assert any("Content Security Policy" in line for line in complaints(browser, page))


# Sorting

CELLS = """
const table = document.querySelectorAll("table.data")[0];
const heads = [...table.tHead.rows[0].cells];
const place = heads.findIndex((h) => h.textContent === arguments[0]);
return {
  sort: heads[place].getAttribute("aria-sort"),
  others: heads.filter((h) => h.hasAttribute("aria-sort")).length,
  values: [...table.tBodies[0].rows].map((r) => r.cells[place].dataset.value),
};
"""
PRESS = """
const heads = [...document.querySelectorAll("table.data thead")[0].rows[0].cells];
return heads.find((h) => h.textContent === arguments[0]).querySelector("button");
"""


def _press_by_mouse(browser: Browser, heading: str) -> None:
    button = browser.run(PRESS, heading)
    browser.run("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def _press_by_key(browser: Browser, heading: str) -> None:
    """Walk from the table's frame with the tabulator, and press space."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.run("document.querySelectorAll('.scroll')[0].focus()")
    for _ in range(20):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        if browser.run("return document.activeElement.textContent") == heading:
            ActionChains(browser.driver).send_keys(Keys.SPACE).perform()
            return
    raise LookupError(f"{heading!r} cannot be reached by keyboard")


def missorted(
    browser: Browser, page: Path, press: Callable[[Browser, str], None]
) -> list[str]:
    """Columns that are not in order after they were asked to be."""
    out = []
    browser.show(page)
    for heading, read in (("trials", float), ("mean", float), ("hospital", str.lower)):
        for order in ("ascending", "descending"):
            try:
                press(browser, heading)
            except (LookupError, AttributeError) as err:
                return [str(err)]
            found = browser.run(CELLS, heading)
            wanted = sorted(map(read, found["values"]), reverse=order == "descending")
            sorts = (found["sort"], found["others"]) == (order, 1)
            if not sorts or [read(v) for v in found["values"]] != wanted:
                out.append(f"{heading} {order}")
    return out


@pytest.mark.parametrize("press", [_press_by_mouse, _press_by_key])
def test_tables_sort(browser: Browser, report: Path, spoilt: Spoil, press) -> None:
    assert missorted(browser, report, press) == []
    as_text = spoilt('head.classList.contains("number")', "false")
    assert missorted(browser, as_text, press) != []
    dead = spoilt(
        'press.addEventListener("click", () => sortTable', "void ((x, y) => y"
    )
    assert missorted(browser, dead, press) != []


# Colours

COLOURS = """
const parse = (text) => {
  const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
  return { r, g, b, a };
};
const ground = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor);
    if (colour.a > 0) return colour;
  }
  return { r: 255, g: 255, b: 255, a: 1 };
};
const light = ({ r, g, b }) => {
  const [x, y, z] = [r, g, b]
    .map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
document.querySelectorAll("details").forEach((d) => (d.open = true));
const worst = new Map();
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own || !element.checkVisibility() || element.closest("script")) continue;
  const [a, b] = [parse(getComputedStyle(element).color), ground(element)].map(light);
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const name = `${element.localName}.${element.className}`;
  worst.set(name, Math.min(contrast, worst.get(name) ?? 99));
}
return { texts: [...worst], ground: light(ground(document.body)) };
"""


def faint(browser: Browser) -> list[str]:
    """Texts whose contrast with what is behind them is too low."""
    found = browser.run(COLOURS)["texts"]
    assert len(found) > 20
    return [f"{name} {ratio:.2f}" for name, ratio in found if ratio < LEAST_CONTRAST]


def brightness(browser: Browser) -> float:
    """The page's own luminance, 0 to 1."""
    return float(browser.run(COLOURS)["ground"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours(browser: Browser, report: Path, spoilt: Spoil, scheme: str) -> None:
    browser.show(report, scheme=scheme)
    assert (brightness(browser) > 0.5) is (scheme == "light")
    assert faint(browser) == []
    other = "dark" if scheme == "light" else "light"
    browser.driver.find_element("css selector", ".theme").click()
    assert (brightness(browser) > 0.5) is (other == "light")
    assert faint(browser) == []
    muted = {"light": "--muted: #555b63", "dark": "--muted: #a9afb6"}[scheme]
    browser.show(spoilt(muted, "--muted: #808080"), scheme=scheme)
    assert any("caption" in text for text in faint(browser))


def test_figures_do_not_glare_in_the_dark(browser: Browser, report: Path) -> None:
    query = "return getComputedStyle(document.querySelector('img')).filter"
    browser.show(report, scheme="light")
    assert browser.run(query) == "none"
    browser.show(report, scheme="dark")
    assert browser.run(query).startswith("invert(0.9)")


def test_a_page_without_dark_colours_is_found(browser: Browser, spoilt: Spoil) -> None:
    browser.show(spoilt("prefers-color-scheme: dark", "width: 1px"), scheme="dark")
    assert brightness(browser) > 0.5


# A phone


def sideways(browser: Browser, page: Path) -> list[str]:
    """Elements that make the whole page wider than a phone."""
    browser.show(page, width=PHONE[0], height=PHONE[1])
    browser.run("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    wide, window = browser.run(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    return [] if wide <= window == PHONE[0] else [f"{wide} in {window} pixels"]


def test_a_phone_scrolls_down_only(
    browser: Browser, report: Path, spoilt: Spoil
) -> None:
    assert sideways(browser, report) == []
    assert sideways(browser, spoilt("overflow-x: auto;", "")) != []


def test_the_picture_is_as_wide_as_the_phone(browser: Browser, report: Path) -> None:
    browser.show(report, width=PHONE[0], height=PHONE[1])
    widths = browser.run(
        "return [...document.images].map((i) => i.complete && i.naturalWidth > 0 "
        "? i.getBoundingClientRect().width : 0)"
    )
    assert all(250 < width <= PHONE[0] for width in widths)


# Users' words


def run_words(browser: Browser, page: Path) -> list[str]:
    """Signs that a group's name was taken for more than text."""
    browser.show(page)
    scripts, alerts = browser.run("return [document.scripts.length, window.alerts]")
    texts = browser.run(
        "return [...document.querySelectorAll('th, img, h3, li')].filter((e) => "
        "`${e.textContent}${e.alt}`.includes(arguments[0])).length",
        EVIL,
    )
    out = [f"{scripts} scripts"] if scripts != 1 else []
    out += [f"{alerts} windows opened"] if alerts else []
    return out + ([] if texts > 5 else [f"{texts} times as text"])


def test_a_groups_name_is_text(browser: Browser, report: Path, spoilt: Spoil) -> None:
    assert run_words(browser, report) == []
    escaped = EVIL.replace("<", "&lt;").replace(">", "&gt;")
    found = run_words(browser, spoilt(escaped, EVIL))
    assert any("windows opened" in one for one in found)
    assert any("scripts" in one for one in found)


# Paper

ROWS = """
return [...document.querySelectorAll("table")].map((table) => ({
  name: table.caption.textContent,
  rows: [...table.tBodies[0].rows].map((row) => row.textContent),
}));
"""
#: Fewer letters would be found somewhere by chance.
TELLING = 12


def letters(text: str) -> str:
    """Text without what typesetting changes: spaces, ligatures, hyphens at breaks."""
    plain = unicodedata.normalize("NFKC", text)
    return re.sub(r"[\s\u200b\u00ad\ufffe\x02]", "", plain)


def cut(browser: Browser, page: Path) -> list[str]:
    """Rows that are not whole on one page of paper, and letters beyond its edge."""
    import pypdfium2

    browser.show(page)
    tables = browser.run(ROWS)
    paper = pypdfium2.PdfDocument(browser.pdf())
    try:
        pages = [_read(one) for one in paper]
    finally:
        paper.close()
    out = [f"page {n}: {m} letters outside" for n, (_, m) in enumerate(pages, 1) if m]
    texts = [text for text, _ in pages]
    for table in tables:
        rows = [letters(row) for row in table["rows"]]
        lost = [r for r in rows if len(r) >= TELLING and not any(r in t for t in texts)]
        out += [f"{table['name']}: {row}" for row in lost]
    assert sum(len(t["rows"]) for t in tables) > 100
    return out


def _read(page: Any) -> tuple[str, int]:
    """A page's letters, and how many of them lie beyond its edge."""
    width, height = page.get_size()
    text = page.get_textpage()
    whole = letters(text.get_text_range())
    boxes = [text.get_charbox(i) for i in range(text.count_chars())]
    outside = sum(
        left < -SLACK
        or bottom < -SLACK
        or right > width + SLACK
        or top > height + SLACK
        for left, bottom, right, top in boxes
        if right > left
    )
    return whole, outside


def test_paper_cuts_nothing(browser: Browser, report: Path) -> None:
    assert cut(browser, report) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # Wide tables run over the edge.
        ("table.huge {\n    width: 100%;\n    font-size: 6pt",
         "table.huge {\n font-size: 14pt"),
        # Tables stay in a frame that would scroll.
        (".scroll.long {\n    max-height: none;\n    overflow: visible",
         ".scroll.long {\n max-height: 3rem; overflow: hidden"),
        # Rows are broken over pages.
        ("tr,\n  .check,\n  .short,\n  .lead,\n",
         "td.number { font-size: 20mm; width: 1px; white-space: normal;"
         " overflow-wrap: anywhere }\n  .check,\n"),
    ],
    ids=["too wide", "in a frame", "broken rows"],
)  # fmt: skip
def test_cut_tables_are_found(
    browser: Browser, spoilt: Spoil, old: str, new: str
) -> None:
    assert cut(browser, spoilt(old, new)) != []


def test_paper_shows_what_is_folded(
    browser: Browser, report: Path, spoilt: Spoil
) -> None:
    wanted = letters("generated quantities {")
    assert wanted in printed(browser, report)
    style = spoilt("details::details-content", "details::no-such-part")
    text = style.read_text(encoding="utf-8").replace('"beforeprint"', '"never"')
    style.write_text(text, encoding="utf-8")
    assert wanted not in printed(browser, style)


def printed(browser: Browser, page: Path) -> str:
    import pypdfium2

    browser.show(page)
    paper = pypdfium2.PdfDocument(browser.pdf())
    try:
        return "".join(_read(one)[0] for one in paper)
    finally:
        paper.close()


# Copying and drawing


def test_the_command_is_copied(browser: Browser, report: Path) -> None:
    browser.show(report)
    wanted = json.loads((report.parent / "verdict.json").read_bytes())["command"]
    button = browser.run(
        "return document.querySelector('#provenance .copy')",
    )
    browser.run("arguments[0].scrollIntoView({block: 'center'})", button)
    browser.run(
        "window.copied = null;"
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: (t) => {"
        "window.copied = t; return Promise.resolve(); }}});"
    )
    button.click()
    assert browser.run("return window.copied") == wanted
    assert button.text == "Copied"


def test_mathematics_is_drawn(browser: Browser, report: Path) -> None:
    browser.show(report)
    sizes = browser.run(
        "return [...document.querySelectorAll('math')].map((m) => "
        "[m.getBoundingClientRect().width, m.getBoundingClientRect().height])"
    )
    assert len(sizes) == 8
    assert all(width > 50 and height > 10 for width, height in sizes)


# Where there is no browser


def test_a_missing_browser_skips_unless_it_must_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(MUST_RUN, raising=False)
    assert missing_programs() == ["chromium", "chromedriver"]
    with pytest.raises(pytest.skip.Exception, match="not installed: chromium"):
        with open_browser(tmp_path):
            pass
    monkeypatch.setenv(MUST_RUN, "1")
    with pytest.raises(pytest.fail.Exception, match=MUST_RUN):
        with open_browser(tmp_path):
            pass
