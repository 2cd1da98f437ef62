"""What drills are made of: verdicts, rows and how they drift, the copy's files, reports."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.core import TyperGroup
from typer.main import get_command

from gradino import maturity
from gradino.cli import app
from gradino.drills import report
from gradino.drills.course import DRILLS, Course, chosen
from gradino.drills.project import _PATHS, _seen_from, written
from gradino.drills.result import Drill, Insufficient
from gradino.drills.rows import Rows, drifted
from gradino.errors import GradinoError
from gradino.operate.project.config import Identity


def rows(target: list[Any], task: str = "regression", every: str = "h") -> Rows:
    """Rows of a shop, with times as its source writes them."""
    hour = pd.date_range("2026-01-01", periods=len(target), freq=every)
    known = pd.DataFrame({"hour": hour.tz_localize("UTC"), "temp": np.arange(len(target), dtype=float), "sold": target})
    identity = Identity(name="shop", task=task, target="sold", time="hour")  # type: ignore[arg-type]
    return Rows(identity, known.assign(hour=hour.strftime("%Y-%m-%d %H:%M")), known)


def test_there_is_a_drill_for_every_proof_that_a_model_names() -> None:
    named = {name for model in maturity.names() for track in maturity.load(model).tracks for name in track.proof}
    assert named == set(DRILLS)


def test_drills_go_in_their_order_with_what_they_build_upon() -> None:
    assert chosen([]) == list(DRILLS)
    assert chosen(["drift", "incident", "no-downtime"]) == ["promote", "no-downtime", "bad-data", "incident", "drift"]
    with pytest.raises(GradinoError, match=r"no drill `chaos`(.|\n)*crash"):
        chosen(["chaos"])


def test_one_check_that_does_not_hold_fails_a_drill_whatever_else_held() -> None:
    drill = Drill("gate", "it refuses")
    drill.check(True, "one was refused")
    drill.check(False, "one became champion", version=3)
    drill.check(True, "another was refused")
    drill.end()
    assert (drill.verdict, drill.why, drill.numbers) == ("fail", "one became champion", {"version": 3})


def test_a_drill_that_broke_or_checked_nothing_is_no_proof() -> None:
    for error, why in (
        (None, "nothing was checked"),
        (Insufficient("too few rows"), "too few rows"),
        (KeyError("x"), "the drill broke: KeyError: 'x'"),
    ):
        drill = Drill("gate", "it refuses")
        if error:
            drill.check(True, "one was refused")
        drill.end(error)
        assert (drill.verdict, drill.why) == ("insufficient", why)
    failed = Drill("gate", "it refuses")
    failed.check(False, "one became champion")
    failed.end(Insufficient("and then the rows ended"))
    assert failed.verdict == "fail", "what was seen is not unseen by what came after"


def test_days_are_lived_through_once_and_in_order() -> None:
    town = rows([float(i) for i in range(600)])
    assert town.history() == 288, "whole days: twelve of them"
    assert town.days_left == 13
    first = town.day()
    assert [town.known["hour"][i].day for i in (first[0], first[-1])] == [13, 13]
    assert town.ends(first) == datetime(2026, 1, 14, tzinfo=UTC)
    asked = town.asked(first, ["temp"])
    assert asked[0] == {"temp": 288.0, "hour": "2026-01-13T00:00:00.000000Z"}
    assert town.truth(first) == [float(i) for i in range(288, 312)]
    assert town.delivered(first)["hour"].iloc[0] == "2026-01-13 00:00", "as the source writes it"
    while town.days_left:
        town.day()
    with pytest.raises(Insufficient, match="lived through"):
        town.day()


def test_a_project_of_few_rows_is_told_so() -> None:
    with pytest.raises(Insufficient, match="320 rows, too few"):
        rows([1.0] * 320).history()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=50))
def test_a_drifted_number_stays_within_what_was_seen_and_keeps_its_type(target: list[int]) -> None:
    town = rows(target)
    town.drift, _ = drifted(town)
    moved = town.delivered(town.known.index)["sold"]
    assert moved.dtype == np.int64
    assert ((moved >= min(target)) & (moved <= max(target))).all()
    assert (moved >= pd.Series(target)).all()


def test_drifted_classes_change_places_in_one_half_of_the_rows() -> None:
    target = ["yes", "no", "maybe", "yes", "no", "yes", "no", "maybe"]
    town = rows(target, "classification")
    town.drift, says = drifted(town)
    assert town.truth(town.known.index) == [*target[:4], "yes", "no", "yes", "maybe"]
    assert "where `temp` is above 3.5" in says
    with pytest.raises(Insufficient):
        drifted(rows(["yes", "yes"], "classification"))


TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.é ", min_size=1), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
SECTIONS = st.dictionaries(st.sampled_from(["data", "release", "rule"]), st.dictionaries(st.text("ab-_ é"), VALUES))


@settings(max_examples=50, deadline=None)
@given(SECTIONS | st.dictionaries(st.just("rule"), st.lists(st.dictionaries(st.text("ab"), VALUES), min_size=1)))
def test_what_is_written_as_toml_reads_back_the_same(content: dict[str, Any]) -> None:
    assert tomllib.loads(written(content)) == content


def test_a_path_of_a_lock_file_leads_where_it_led(tmp_path: Path) -> None:
    project, copy, library = tmp_path / "a" / "project", tmp_path / "b" / "c" / "copy", tmp_path / "a" / "library"
    for folder in (project, copy, library):
        folder.mkdir(parents=True)
    line = 'source = { editable = "../library" }'
    found = _PATHS.search(line)
    assert found
    moved = re.search(r'"(.*)"', _seen_from(copy, project, found))
    assert moved
    assert (copy / moved[1]).resolve() == library
    assert _seen_from(library.parent / "project", project, found) in line, "what leads there already is left as it is"


@pytest.mark.parametrize("kind", [".html", ".md"])
def test_a_report_tells_each_drill_with_its_timeline(tmp_path: Path, kind: str) -> None:
    drill = Drill("gate", "It refuses what is broken.")
    drill.inject("a commit <script>alert(1)</script>")
    drill.check(False, "it became champion")
    drill.end()
    file = tmp_path / f"report{kind}"
    report.check(file)
    report.write(file, Course([drill], "0123456789abcdef", "", tmp_path))
    text = file.read_text()
    for said in ("0123456789ab", "gate", "fail", "It refuses what is broken.", "it became champion"):
        assert said in text
    assert "<script>" not in text or kind == ".md"
    assert "http" not in text, "it needs nothing beside it"


def test_a_report_that_could_not_be_written_is_refused_before_the_drills(tmp_path: Path) -> None:
    for file in (tmp_path / "report.pdf", tmp_path / "nowhere" / "report.html"):
        with pytest.raises(GradinoError, match="cannot be written"):
            report.check(file)
    report.check(None)


def test_the_commands_of_the_page_are_ones_that_there_are() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "drills.md"
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    lines = re.findall(r"^gradino (.*?)(?:\s{3,}.*)?$", page.read_text(), re.MULTILINE)
    assert len(lines) > 4
    for line in lines:
        name, *words = line.split()
        command = group.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, line
        if name == "drill" and "--project" not in words:
            chosen([word for word in words if not word.startswith("-") and "." not in word])


def test_the_page_tells_of_every_drill() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "drills.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE) == list(DRILLS)
