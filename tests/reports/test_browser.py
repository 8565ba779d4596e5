"""A page opened in a real browser: silent on the console, whole on a telephone, alive under the mouse."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reports import page
from tests.reports.made_ledger import EDITION, make_answer, make_ledger

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine (apt install chromium)"),
]

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--virtual-time-budget=15000",
    "--window-size=1600,1000",
    "--dump-dom",
]

# The page stands in a frame of the width that is asked for, and this script looks at it from outside.
LOOK = """
const frame = document.querySelector("iframe");
const told = (result) => { document.querySelector("output").textContent = JSON.stringify(result); };
const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const at = (node, kind) => {
  const box = node.getBoundingClientRect();
  const place = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true };
  node.dispatchEvent(new frame.contentWindow.PointerEvent(kind, place));
};
const look = async () => {
  const seen = frame.contentDocument;
  for (let tries = 0; tries < 100 && !seen.documentElement.dataset.drawn; tries++) await later(100);
  const charts = [...seen.querySelectorAll(".chart")];
  const outside = (chart) => {
    const ends = chart.closest(".scroll").getBoundingClientRect().left + chart.scrollWidth;
    return [...chart.querySelectorAll("text")].filter((text) => {
      const box = text.getBoundingClientRect();
      return text.textContent && (box.right > ends + 3 || box.left < chart.getBoundingClientRect().left - 3);
    }).map((text) => text.textContent);
  };
  const point = seen.querySelector(".mark-symbol.role-mark path");
  at(point, "pointermove");
  at(point, "mousemove");
  await later(300);
  const tooltip = seen.querySelector("#vg-tooltip-element.visible");
  told({
    drawn: seen.documentElement.dataset.drawn,
    marks: charts.map((chart) => chart.querySelectorAll(".role-mark path, .role-mark text, .role-mark line").length),
    titles: [...seen.querySelectorAll("h2[id]")].map((title) => title.id),
    levels: [...seen.querySelectorAll("section[aria-labelledby=response_curve] text")].map((text) => text.textContent),
    width: seen.documentElement.scrollWidth,
    outside: charts.flatMap(outside),
    tooltip: tooltip && tooltip.textContent,
  });
};
frame.addEventListener("load", look);
frame.srcdoc = JSON.parse(document.querySelector("#page").textContent);
"""


def open_at(width: int, text: str, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Open a page `width` pixels wide; give what was seen and what the console said."""
    carried = json.dumps(text).replace("<", "\\u003c")
    around = folder / "around.html"
    around.write_text(
        f'<!doctype html><meta charset="utf-8"><iframe style="width:{width}px;height:900px;border:0"></iframe><output>'
        f'</output><script type="application/json" id="page">{carried}</script><script>{LOOK}</script>'
    )
    command = ["chromium", *QUIET, f"--user-data-dir={folder / 'profile'}", around.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    seen = re.search(r"<output>(.*?)</output>", done.stdout)
    assert seen is not None
    assert seen[1], "the page was not drawn in time"
    return json.loads(seen[1].replace("&lt;", "<").replace("&amp;", "&")), re.findall(r"CONSOLE.*", done.stderr)


@pytest.mark.parametrize("width", [360, 1440])
def test_a_page_is_drawn_whole_and_in_silence_at_any_width(width: int, tmp_path: Path) -> None:
    ledger = make_ledger((1, 5, 10, 20, 40), 20, evil="<script>'\"")
    ledger.lose("count=5<script>'\"", 1, state="pruned")
    with ledger.connect() as connection:
        out = page.build(connection, EDITION, make_answer(ledger.plan), ledger.plan, tmp_path / "page.html")
    seen, console = open_at(width, out.read_text(), tmp_path)
    assert console == []
    assert int(seen["drawn"]) >= 9
    assert min(seen["marks"]) >= 10
    assert seen["width"] <= width
    assert seen["outside"] == []
    assert {"1", "5", "10", "20control", "40"} <= set(seen["levels"])
    assert "count=" in (seen["tooltip"] or "")
