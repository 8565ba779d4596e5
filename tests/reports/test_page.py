import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from models import catalog
from models.catalog import UnknownName
from reports import embed, page
from results.edition import UnknownEdition
from results.files import UnwritableError
from tests.reports.made_ledger import EDITION, EPOCHS, Ledger, make_answer, make_ledger

EVIL = "</script><script>alert('gone')</script><img src=x onerror=alert(1)>\"'&"


class Reader(HTMLParser):
    """Collects what a browser would see: tags with their attributes, texts of scripts, and plain text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts.append((self.tags[-1][1], data))
        elif self.cdata_elem is None:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def build(ledger: Ledger, folder: Path, evil: str = "") -> str:
    with ledger.connect() as connection:
        out = page.build(
            connection, EDITION, make_answer(ledger.plan, evil=evil), ledger.plan, folder / "page.html"
        ).path
    return out.read_text()


def charts_of(ledger: Ledger) -> int:
    """Count the charts that apply to a ledger's study."""
    modules = [catalog.load("reports.chart", name) for name in catalog.names("reports.chart")]
    return sum(bool(module.applies(ledger.plan)) for module in modules)


def test_a_page_asks_for_nothing_from_outside(ledger: Ledger, tmp_path: Path) -> None:
    reader = Reader(build(ledger, tmp_path))
    policy = next(meta["content"] or "" for meta in reader.of("meta") if "http-equiv" in meta)
    addresses = [
        value for _, attributes in reader.tags for name, value in attributes.items() if name in ("src", "href")
    ]
    assert [address for address in addresses if not re.match(r"#|data:text/csv|index\.html$", address or "")] == []
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert not reader.of("link")
    assert "@import" not in build(ledger, tmp_path)


def test_the_scripts_are_there_once_and_are_the_ones_the_policy_admits(ledger: Ledger, tmp_path: Path) -> None:
    text = build(ledger, tmp_path)
    reader = Reader(text)
    running = [content for attributes, content in reader.scripts if "type" not in attributes]
    policy = str(reader.of("meta")[2]["content"]).partition("script-src ")[2].partition(";")[0]
    assert [embed.policy_hash(content) for content in running] == policy.split()
    assert text.count("window.vegaEmbed=") == 1


def test_every_figure_has_a_title_words_sql_data_and_a_drawing(ledger: Ledger, tmp_path: Path) -> None:
    text = build(ledger, tmp_path)
    reader = Reader(text)
    drawings = [div for div in reader.of("div") if div.get("role") == "img"]
    specs = [json.loads(content) for attributes, content in reader.scripts if attributes.get("class") == "spec"]
    downloads = [link for link in reader.of("a") if "download" in link]
    assert len(reader.of("figure")) == len(drawings) == len(specs) == len(downloads) == charts_of(ledger)
    assert all(re.search(r"\d", div["aria-label"] or "") for div in drawings)
    assert all((link["href"] or "").startswith("data:text/csv") for link in downloads)
    assert text.count(f"edition = &#39;{EDITION}&#39;") > charts_of(ledger)


def test_the_first_rows_of_a_charts_data_can_be_read_without_seeing_it(ledger: Ledger, tmp_path: Path) -> None:
    ledger.plan["charts"] = ["gap"]
    text = build(ledger, tmp_path)
    table = text.partition('<table class="data">')[2].partition("</table>")[0]
    names = re.findall(r'<th scope="col">(.*?)</th>', table)
    rows = [re.findall("<td>(.*?)</td>", row) for row in table.split("<tr>")[2:]]
    assert names == ["arm", "is_control", "seed", "replicate", "split", "map"]
    assert rows[0][:5] == ["count=1", "false", "0", "0", "val_seen"]
    assert len(rows) == 8
    assert "Download all 18 rows as CSV" in text


def test_no_text_of_a_spec_an_arm_or_an_error_becomes_markup(tmp_path: Path) -> None:
    ledger = make_ledger(evil=EVIL)
    ledger.plan["question"]["source"] = EVIL
    ledger.plan["command"] = f"study run {EVIL}"
    ledger.plan["overrides"] = {"data.path": EVIL}
    ledger.plan["settings"] = {"path": EVIL}
    ledger.skipped = [EVIL]
    ledger.lose(f"count=5{EVIL}", 1, error=f"RuntimeError: {EVIL}")
    for run in ledger.runs.values():
        run |= {"host": EVIL, "device": EVIL, "versions": json.dumps({EVIL: EVIL})}
    text = build(ledger, tmp_path, evil=EVIL)
    plain = build(make_ledger(), tmp_path)
    reader, harmless = Reader(text), Reader(plain)
    assert len(reader.of("script")) == len(harmless.of("script"))
    assert not reader.of("img")
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert reader.text.count(EVIL) >= 12


def test_what_is_embedded_as_json_reads_back_as_it_was(tmp_path: Path) -> None:
    ledger = make_ledger(evil=EVIL)
    reader = Reader(build(ledger, tmp_path, evil=EVIL))
    summary = next(json.loads(content) for attributes, content in reader.scripts if attributes.get("id") == "summary")
    assert summary["question"] == ledger.plan["question"]["ask"]
    assert summary["sentence"].endswith(EVIL)


def test_a_page_says_what_was_run_and_how_to_repeat_it(ledger: Ledger, tmp_path: Path) -> None:
    text = Reader(build(ledger, tmp_path)).text
    for part in (
        "study run token_count_sweep --set optim.lr=0.0003",
        "optim.lr=0.0003",
        "1938b16d66f2",
        "cpu, 1 thread, 1 process",
        "model.tokens.count: 1, 5 and 20",
        ledger.plan["claim_hash"][:16],
        "2.14.1",
        "sealed",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("spec", "overrides", "told"),
    [
        ({}, {}, "none"),
        ({"phases": {"rgb_epochs": 4}}, {"optim.lr": 0.01}, "phases.rgb_epochs=4, optim.lr=0.01"),
        ({"optim.lr": 0.1, "model": {"fusion": "mean"}}, {"optim.lr": 0.01}, "optim.lr=0.01, model.fusion=mean"),
    ],
)
def test_settings_of_the_spec_and_of_the_command_are_told_together(
    ledger: Ledger, tmp_path: Path, spec: dict[str, Any], overrides: dict[str, Any], told: str
) -> None:
    ledger.plan |= {"spec_settings": spec, "overrides": overrides}
    assert f"<dt>Settings that differ from the profile</dt><dd>{told}</dd>" in build(ledger, tmp_path)


def test_a_page_says_which_arms_start_from_which_weights_and_what_from_scratch(ledger: Ledger, tmp_path: Path) -> None:
    assert "<dt>Weights at the start</dt><dd>from scratch</dd>" in build(ledger, tmp_path)
    start = {"setting": "model.weights", "file": "mvit_v2_s.pth", "digest": "1a2b3c4d5e6f" + "0" * 52}
    for arm in ledger.plan["arms"][1:]:
        arm["weights"] = [start]
    told = "mvit_v2_s.pth (SHA-256 1a2b3c4d5e6f) as model.weights in count=5 and count=20; everything else from scratch"
    assert f"<dt>Weights at the start</dt><dd>{told}</dd>" in build(ledger, tmp_path)
    ledger.plan["arms"][0]["weights"] = [start]
    assert "as model.weights in every arm; everything else from scratch" in build(ledger, tmp_path)


def test_charts_are_those_the_plan_names_in_its_order(ledger: Ledger, tmp_path: Path) -> None:
    ledger.plan["charts"] = ["cost", "gap"]
    assert re.findall(r'<h2 id="(\w+)">', build(ledger, tmp_path))[:2] == ["cost", "gap"]


def test_a_named_chart_that_does_not_apply_is_said_not_to(tmp_path: Path) -> None:
    ledger = make_ledger(("mctf", "mean"), "mctf", factor="model.fusion")
    ledger.plan["charts"] = ["response_curve"]
    text = build(ledger, tmp_path)
    assert "does not apply" in text
    assert "vegaEmbed" not in text


def test_a_chart_that_is_not_there_is_an_error_that_names_the_others(ledger: Ledger, tmp_path: Path) -> None:
    ledger.plan["charts"] = ["respons_curve"]
    with pytest.raises(UnknownName, match="Did you mean 'response_curve'"):
        build(ledger, tmp_path)


def test_an_edition_that_is_not_in_the_ledger_is_an_error_that_names_what_is(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.connect() as connection, pytest.raises(UnknownEdition, match="There are: token_count_sweep"):
        page.build(connection, "tokens", make_answer(ledger.plan), ledger.plan, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_a_study_without_results_has_a_page_that_says_so(ledger: Ledger, tmp_path: Path) -> None:
    ledger.runs.clear()
    ledger.records.clear()
    text = Reader(build(ledger, tmp_path)).text
    assert text.count("Nothing to draw yet") == charts_of(ledger)
    assert "9 planned trials are waiting" in text


def test_a_page_is_written_whole_or_not_at_all(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(ledger, tmp_path)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UnwritableError, match="the disk is full"):
        build(ledger, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert (tmp_path / "page.html").read_text() == first


@pytest.mark.slow
def test_a_page_of_fifty_arms_is_small_and_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EPOCHS, "rgb", 40)
    monkeypatch.setitem(EPOCHS, "joint", 10)
    ledger = make_ledger(
        tuple(f"kind {number:02}" for number in range(50)), "kind 07", (0, 1, 2, 3, 4), factor="fusion"
    )
    with ledger.connect() as connection:
        began = time.process_time()
        out = page.build(connection, EDITION, make_answer(ledger.plan), ledger.plan, tmp_path / "page.html").path
        took_s = time.process_time() - began
    assert out.stat().st_size < 3_000_000
    assert took_s < 5
