"""Pages opened in a real browser: silent, offline, whole on a telephone, alive under mouse and keyboard, on paper."""

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from experiments.clip import MUSCLES
from reports import index, page
from tests.reports import made_ledger
from tests.reports.made_ledger import EDITION, Ledger, make_answer, make_ledger
from tests.reports.made_measured import make_repeated_ledger

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine (apt install chromium)"),
]

EVIL = "<script>alert('gone')</script>"
MARKS = ".role-mark path, .role-mark text, .role-mark line, .role-mark rect"
TO_THE_MIDDLE = "one => one.scrollIntoView({block: 'center', behavior: 'instant'})"
CUT_OFF = """charts => charts.flatMap(chart => {
  const frame = chart.closest(".scroll").getBoundingClientRect();
  return [...chart.querySelectorAll("text")].filter(text => {
    const box = text.getBoundingClientRect();
    return text.textContent && (box.right > frame.left + chart.scrollWidth + 3 || box.left < frame.left - 3);
  }).map(text => text.textContent);
})"""


@dataclass
class Opened:
    """A page in the browser, what its console said and what it asked the network for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium; Playwright brings none of its own."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a page with every chart that a study of scores can have, a hostile question, and the index."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made_ledger, "LABELS", MUSCLES)
        ledger = make_repeated_ledger(levels=(1, 5, 20), control=20)
    ledger.plan["question"]["ask"] = f"How many tokens? {EVIL}"
    ledger.lose("count=5", 1, state="pruned", error=EVIL)
    write(ledger, folder)
    index.build(folder)
    return folder


def write(ledger: Ledger, folder: Path) -> None:
    with ledger.connect() as connection:
        page.build(connection, EDITION, make_answer(ledger.plan), ledger.plan, folder / "page.html")


def open_page(context: BrowserContext, path: Path) -> Opened:
    """Open a page and wait until its charts are drawn."""
    opened = Opened(context.new_page())
    opened.page.on("console", lambda message: opened.said.append(message.text))
    opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.page.on("dialog", lambda dialog: opened.said.append(dialog.message))
    opened.page.on("request", lambda request: opened.asked.append(request.url))
    opened.page.goto(path.as_uri())
    if path.name != index.NAME:
        opened.page.wait_for_selector("html[data-drawn]", state="attached", timeout=60_000)
    return opened


@pytest.fixture(params=[360, 1440])
def opened(browser: Browser, pages: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Open the page on a telephone and on a desk."""
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    yield open_page(context, pages / "page.html")
    context.close()


def chart(opened: Opened, name: str) -> Locator:
    return opened.page.locator(f"section[aria-labelledby={name}] .chart")


def tooltip(opened: Opened, marks: Locator) -> str:
    """Point at the first of some marks and read what appears."""
    marks.first.evaluate(TO_THE_MIDDLE)
    marks.first.hover(force=True)
    opened.page.wait_for_selector("#vg-tooltip-element.visible", timeout=5_000)
    return opened.page.locator("#vg-tooltip-element").inner_text()


def test_a_page_is_silent_and_asks_for_nothing(opened: Opened) -> None:
    assert opened.said == []
    assert [address for address in opened.asked if not address.startswith(("file:", "data:", "blob:"))] == []
    assert len(opened.asked) == 1


@pytest.mark.parametrize("lost", ["nothing", "an arm", "the scores of an arm"])
def test_a_page_of_one_seed_is_silent_whatever_is_missing(browser: Browser, tmp_path: Path, lost: str) -> None:
    ledger = make_ledger(seeds=(0,))
    final = next(trial["final"] for trial in ledger.plan["trials"] if trial["arm"] == "count=5")
    if lost == "an arm":
        ledger.lose("count=5", 0)
    elif lost == "the scores of an arm":
        ledger.records = [row for row in ledger.records if row[0] != final or row[2] == "loss"]
    with ledger.connect() as connection:
        unknown = {"low": math.nan, "high": math.nan, "p": math.nan, "p_adjusted": math.nan}
        answer = make_answer(ledger.plan)
        answer = replace(answer, contrasts=tuple(replace(one, **unknown) for one in answer.contrasts))
        page.build(connection, EDITION, answer, ledger.plan, tmp_path / "page.html")
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    assert open_page(context, tmp_path / "page.html").said == []
    context.close()


def test_every_chart_is_drawn_and_nothing_is_cut_off(opened: Opened) -> None:
    charts = opened.page.locator(".chart")
    names = opened.page.locator("figure h2").evaluate_all("titles => titles.map(title => title.id)")
    drawn = {name: charts.nth(place).locator(MARKS).count() for place, name in enumerate(names)}
    assert {"body_map", "seeds", "repeated_control", "phase_graph", "pareto", "contrasts", "gap", "cost"} <= set(names)
    assert min(drawn.values()) >= 6, drawn
    assert chart(opened, "seeds").locator(".mark-symbol path").count() == 4 * 3 - 1
    assert chart(opened, "body_map").locator(".mark-symbol path").count() == 3 * 2 * (1 + 14)
    width = opened.page.viewport_size["width"] if opened.page.viewport_size else 0
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert charts.evaluate_all(CUT_OFF) == []


def test_hostile_text_is_text(opened: Opened) -> None:
    assert opened.page.locator("h1").inner_text() == f"How many tokens? {EVIL}"
    assert opened.page.locator("td.why").first.inner_text().startswith(EVIL)


def test_marks_tell_their_numbers_under_the_mouse(opened: Opened) -> None:
    told = {
        "contrasts": (".mark-symbol >> nth=1 >> path", "adjusted p"),
        "response_curve": (".mark-symbol path", "seed"),
        "body_map": (".mark-symbol path >> nth=3", "difference"),
        "phase_graph": (".mark-symbol path", "used by"),
        "muscle_heatmap": (".role-mark.mark-rect path", "average precision"),
    }
    for name, (marks, expected) in told.items():
        assert expected in tooltip(opened, chart(opened, name).locator(marks)), name
        opened.page.mouse.move(0, 0)


def test_the_seed_that_is_pointed_at_is_followed_through_the_arms(opened: Opened) -> None:
    points = chart(opened, "seeds").locator(".mark-symbol path")
    before = points.evaluate_all("all => all.filter(one => one.getAttribute('fill') === 'var(--unseen)').length")
    tooltip(opened, points)
    after = points.evaluate_all("all => all.filter(one => one.getAttribute('fill') === 'var(--unseen)').length")
    assert (before, after) in ((0, 4), (0, 3))


def test_a_legend_entry_fades_the_others(opened: Opened) -> None:
    faded = """name => [...document.querySelectorAll(`section[aria-labelledby=${name}] [opacity='0.12']`)].length > 0"""
    for name in ("learning_curves", "response_curve", "pareto"):
        entry = chart(opened, name).locator(".role-legend-label text").first
        entry.evaluate(TO_THE_MIDDLE)
        entry.click(force=True)
        opened.page.wait_for_function(faded, arg=name, timeout=5_000)


def test_dragging_marks_a_range(opened: Opened) -> None:
    seeds = chart(opened, "seeds")
    seeds.evaluate(TO_THE_MIDDLE)
    box = seeds.locator(".mark-symbol").first.bounding_box()
    assert box is not None
    opened.page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 6)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + box["width"] + 4, box["y"] + box["height"] - 6, steps=6)
    opened.page.mouse.up()
    faded = "all => all.filter(one => one.getAttribute('opacity') === '0.12').length"
    opened.page.wait_for_timeout(200)
    count = seeds.locator(".mark-symbol path").evaluate_all(faded)
    assert 0 < count < 11


def test_a_range_of_motion_is_marked_in_all_panels(opened: Opened) -> None:
    panels = chart(opened, "activity_gain").locator(".mark-symbol.role-mark")
    panels.first.evaluate(TO_THE_MIDDLE)
    box = panels.first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    opened.page.mouse.move(box["x"] + 0.55 * box["width"], middle)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + box["width"] + 4, middle, steps=6)
    opened.page.mouse.up()
    opened.page.wait_for_timeout(200)
    shares = panels.evaluate_all(
        "all => all.map(one => [...one.children].filter(mark => mark.getAttribute('opacity') === '0.12').length)"
    )
    assert len(shares) == 2
    assert len(set(shares)) == 1
    assert 0 < shares[0] < 12


def test_a_keyboard_reaches_the_answer_the_menu_and_the_data(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    summary = opened.page.locator("figure summary").first
    summary.focus()
    opened.page.keyboard.press("Enter")
    link = opened.page.locator("figure a[download]").first
    assert link.is_visible()
    with opened.page.expect_download() as saved:
        link.click()
    assert saved.value.suggested_filename.endswith(".csv")
    assert "arm," in Path(saved.value.path()).read_text()


def test_who_does_not_see_a_chart_is_told_what_it_shows(opened: Opened) -> None:
    images = opened.page.get_by_role("img")
    labels = images.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert len(labels) == opened.page.locator(".chart").count()
    assert all(any(letter.isdigit() for letter in label) for label in labels)
    assert len(opened.page.get_by_role("heading", level=1).all()) == 1


def test_dark_readers_get_dark_charts_and_paper_is_light(browser: Browser, pages: Path) -> None:
    ink = "getComputedStyle(document.querySelector('.chart text')).fill"
    ground = "getComputedStyle(document.body).backgroundColor"
    context = browser.new_context(color_scheme="dark")
    dark = open_page(context, pages / "page.html")
    in_dark = dark.page.evaluate(ground), dark.page.evaluate(ink)
    dark.page.emulate_media(media="print")
    on_paper = dark.page.evaluate(ground), dark.page.evaluate(ink)
    assert in_dark[0] == "rgb(16, 19, 22)"
    assert on_paper[0] == "rgba(0, 0, 0, 0)"
    assert in_dark[1] != on_paper[1]
    assert len(dark.page.pdf()) > 20_000
    context.close()


def test_a_page_of_fifty_arms_is_silent_and_drawn(browser: Browser, tmp_path: Path) -> None:
    ledger = make_ledger(tuple(f"kind {number:02}" for number in range(50)), "kind 07", factor="fusion")
    ledger.lose("fusion=kind 09", 1, state="pruned")
    ledger.lose("fusion=kind 11", 1)
    write(ledger, tmp_path)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = open_page(context, tmp_path / "page.html")
    assert opened.said == []
    assert chart(opened, "seeds").locator(".mark-symbol path").count() == 50 * 3 - 2
    assert chart(opened, "learning_curves").locator(".mark-line path").count() >= 2 * 50
    context.close()


@pytest.mark.parametrize("width", [360, 1440])
def test_the_index_fits_and_leads_to_the_page(browser: Browser, pages: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    opened = open_page(context, pages / index.NAME)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.page.locator(".card a", has_text="How many tokens?").first.click()
    opened.page.wait_for_selector("html[data-drawn]", state="attached", timeout=60_000)
    assert opened.said == []
    context.close()
