"""Charts, the process that draws them, and the picture of the loop."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gradino.console import charts, read
from gradino.console.draw import Drawer
from gradino.console.loop_picture import picture
from gradino.console.story import Mark
from tests.console import stories
from tests.console.conftest import Told

ROOT = Path(__file__).parents[2]
SPEC = {"mark": "point", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a", "type": "quantitative"}}}


def texts(spec: charts.Spec) -> list[str]:
    return [row["s"] for layer in spec["layer"] for row in layer["data"]["values"] if row.get("s")]


def test_the_error_chart_names_champions_and_happenings(full: Told) -> None:
    spec = charts.live(read(*full), charts.WIDE)
    assert spec is not None
    found = texts(spec)
    for words in ("v1 champion", "v6 champion", "alarm", "v3 refused", "v4 rejected", "v4"):
        assert words in found


def test_words_that_would_cover_each_other_are_left_out(full: Told) -> None:
    story = read(*full)
    crowd = [Mark("refused", stories.day(200 + number / 10), number) for number in range(20)]
    spec = charts.live(replace(story, marks=crowd), charts.WIDE)
    assert spec is not None
    assert texts({"layer": spec["layer"][-1:]}) == ["v0 refused"]


def test_charts_hold_numbers_only(full: Told) -> None:
    story = read(*full)
    for spec in (charts.live(story, 300), charts.harm(story, 300)):
        json.dumps(spec, allow_nan=False)
    odd = [(1, float("inf"), float("nan"), float("nan")), (2, 1e300, 0.0, 0.1)]
    for release in story.releases:
        if release.experiment:
            json.dumps(charts.experiment(replace(release.experiment, history=odd)), allow_nan=False)


def test_without_labels_there_is_no_chart(young: Told) -> None:
    story = read(*young)
    assert charts.live(story, charts.WIDE) is None
    assert charts.harm(story, charts.WIDE) is None


def test_a_drawing_is_made_once_and_fits_its_place() -> None:
    with Drawer() as drawer:
        first = drawer.svg(SPEC)
        drawer.rest()
        assert drawer.svg(SPEC) is first  # without the process
        assert first.startswith("<svg")
        assert 'aria-hidden="true"' in first
        assert ' width="' not in first.split(">")[0]


def test_a_drawing_that_fails_says_so_and_the_next_one_works() -> None:
    with Drawer() as drawer:
        with pytest.raises(RuntimeError):
            drawer.svg({"mark": "nonsense"})
        assert "<svg" in drawer.svg(SPEC)


def test_a_drawing_process_that_was_killed_is_started_again() -> None:
    with Drawer() as drawer:
        drawer.svg(SPEC)
        assert drawer._process is not None
        drawer._process.kill()
        drawer._process.wait()
        with pytest.raises(RuntimeError):
            drawer.svg(SPEC | {"width": 50})
        assert "<svg" in drawer.svg(SPEC | {"width": 50})


def test_the_picture_of_the_loop_in_the_docs_is_up_to_date() -> None:
    command = [sys.executable, "-W", "error", "-m", "gradino.console.loop_picture"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert made == picture() == (ROOT / "docs/images/loop.svg").read_text(encoding="utf-8")
