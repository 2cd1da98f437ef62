"""The page as a reader meets it."""

import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gradino.console import page, read, status, write_report
from gradino.console.draw import Drawer
from gradino.console.render import sections
from gradino.console.series import Series
from gradino.console.watch import exposition
from gradino.operate.store import state as s
from tests.console import stories
from tests.console.conftest import Told

EVIL = "<script>alert(1)</script>\"'&"


class Outline(HTMLParser):
    """Tags, ids and headings of a document; complains about tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag not in {"meta", "link", "input", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def html(full: Told, drawer: Drawer) -> str:
    return page(*full, stories.assessment(), live=True, tracing=True, drawer=drawer)


def test_it_is_well_formed_and_its_headings_descend_one_at_a_time(html: str) -> None:
    outline = Outline(html)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(lower - higher <= 1 for higher, lower in zip(outline.headings, outline.headings[1:], strict=False))
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_it_needs_nothing_from_outside(html: str) -> None:
    for tag, attributes in Outline(html).tags:
        for name in ("src", "href", "xlink:href", "action"):
            assert not re.match(r"\w+:|//", (attributes.get(name) or "").removeprefix("data:")), (tag, attributes)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_every_picture_has_words(html: str) -> None:
    outline = Outline(html)
    pictures = [attributes for _, attributes in outline.tags if attributes.get("role") == "img"]
    assert len(pictures) > 50
    assert all(attributes.get("aria-label") for attributes in pictures)
    drawings = [attributes for tag, attributes in outline.tags if tag == "svg"]
    assert len(drawings) == 1 + 4 + 4  # the brand; two charts in two widths; four experiments
    assert all(attributes.get("aria-hidden") for attributes in drawings)


@pytest.mark.parametrize(
    "words",
    [
        "v6</span> answers since 8 Jun 2012",
        "v6 beats v5: promoted after 262 labels; wrong with probability ≤ 2 %.",
        "v4 is worse than v2: rejected after 640 labels; wrong with probability ≤ 2.5 %.",
        "v3 never met live traffic: a gate refused it.",
        "humidity: 0.0 is below 0.05",
        "gate: `replay-sensor` scores these 118 rows before every release",
        "to avoid 41.2 of v5&#39;s loss per prediction at a cost of 4.40: promoted, gained 38.5.",
        "DevOps but no MLOps",
        "alarm at 8,760",
    ],
)
def test_it_tells_what_happened(html: str, words: str) -> None:
    assert words in html


def test_what_people_wrote_is_escaped_everywhere(young: Told, drawer: Drawer) -> None:
    store, project = young
    store.state.tell("alarm", EVIL, "evil", stories.day(1), **{EVIL: EVIL})
    writer = stories.Writer(store)
    writer.sequence = 100
    writer.quarantine({EVIL: 3}, 1)
    writer.decide("retraining", EVIL, "pass", 1, [EVIL])
    writer.deploy(1, 2, EVIL)
    writer.add(2, s.incidents, kind=EVIL, title=EVIL, key="evil", evidence={}, improvement=EVIL)
    writer.release(7, 2, None, "fail", reason=EVIL)
    writer.finish()
    found = stories.assessment()
    found["tracks"][0]["rungs"][0] |= {"needs": EVIL, "evidence": [{"source": EVIL, "locator": EVIL, "says": EVIL}]}
    link = {"kind": EVIL, "name": EVIL, "digest": EVIL, "verified": False, "says": EVIL}
    chain = {"prediction": EVIL, "verified": False, "links": [link], "says": EVIL}
    html = page(store, project, found, live=True, tracing=True, chain=chain, drawer=drawer)
    assert "alert(1)" in html
    assert "<script>alert" not in html
    Outline(html)


@pytest.mark.parametrize(
    ("verified", "words"), [(True, "Every hash agrees."), (False, "Something is not what it was.")]
)
def test_a_chain_says_whether_every_hash_agrees(empty: Told, drawer: Drawer, verified: bool, words: str) -> None:
    link = {"kind": "bundle", "name": "v3", "digest": None, "verified": verified, "says": "signed"}
    chain = {"prediction": "p-1", "verified": verified, "says": "", "links": [link]}
    html = page(*empty, chain=chain, drawer=drawer)
    assert words in html
    assert "<b>bundle</b> v3" in html


def test_a_new_project_sees_the_loop_and_what_to_do(empty: Told, drawer: Drawer) -> None:
    html = page(*empty, drawer=drawer)
    assert "No model answers yet" in html
    assert "gradino up" in html
    assert 'class="loop"' in html
    Outline(html)


def test_a_young_project_says_what_it_waits_for(young: Told, drawer: Drawer) -> None:
    html = page(*young, drawer=drawer)
    assert "no label has come yet" in html
    assert "The chart begins with the first label." in html


def test_failed_requests_are_only_shown_where_somebody_counted_them(empty: Told, drawer: Drawer) -> None:
    store, project = empty
    stories.Writer(store).deploy(1, 1, "first")
    writer = stories.Writer(store)
    writer.deploy(1, 1, "first")
    writer.finish()
    assert "Requests failed" not in page(store, project, drawer=drawer)
    writer.cursor("requests", {"answered": 5, "failed": 2})
    assert '<dd class="bad">2</dd>' in page(store, project, drawer=drawer)


def test_the_sections_are_the_parts_of_the_page_that_change(html: str) -> None:
    found = sections(html)
    assert list(found) == ["now", "ladder", "live", "drift", "releases", "retraining", "data", "timeline"]
    assert all(part in html and part.endswith("</section>") for part in found.values())


def test_rendering_takes_less_than_100_ms_when_the_charts_are_drawn(full: Told, drawer: Drawer) -> None:
    series = Series(full[0].tables)
    page(*full, stories.assessment(), drawer=drawer, series=series)
    taken = []
    for _ in range(5):
        began = time.process_time()
        page(*full, stories.assessment(), drawer=drawer, series=series)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.1


def test_a_report_is_one_file_without_a_script(full: Told, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(*full, stories.assessment(), path)
    html = path.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "v6 beats v5" in html
    assert list(tmp_path.iterdir()) == [path]


def test_the_story_does_not_depend_on_who_reads_it(full: Told) -> None:
    assert read(*full) == read(*full)


def test_the_page_says_what_changed_since_when_where_and_whether_it_matters(html: str) -> None:
    section = sections(html)["drift"]
    text = re.sub(r"<[^>]+>", " ", section)
    assert "temp, prediction changed since" in text
    assert "the loss should go from" in text
    assert re.search(r"temp .* to [\d.]+: \d+ % → \d+ %", text, re.DOTALL)
    assert "17,880" in text, "requests of the last hour"
    assert "v6 champion" in text


def test_status_and_prometheus_say_the_same(full: Told) -> None:
    store, project = full
    found = status(read(store, project))
    assert found["drift"]["columns"] == ["x_temp", "prediction"]
    assert found["feedback"]["coverage"] == pytest.approx(5 * 110 / (7 * 120))
    assert found["feedback"]["delay_hours"] == 25
    assert found["service"]["failed"] == 0
    text = exposition(store, 6)
    assert f'gradino_label_coverage{{version="6"}} {found["feedback"]["coverage"]}' in text
    assert "gradino_open_incidents 1" in text
    assert 'gradino_psi{version="6",column="x_temp"}' in text
    assert 'gradino_scored_total{outcome="answered"} 11995' in text
    assert 'gradino_service_rate{version="6"}' in text
