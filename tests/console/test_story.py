"""What is recorded is what is told."""

import json
from datetime import timedelta

import pyarrow as pa
import pytest

from gradino.console.series import DAY, HOUR, Series
from gradino.console.story import read, status
from tests.console import stories
from tests.console.conftest import Told


def test_the_status_of_a_full_story(full: Told) -> None:
    found = status(read(*full))
    assert found["champion"] == {
        "version": 6,
        "since": stories.day(404).isoformat(),
        "reason": "v6 beat v5 in the experiment",
    }
    assert found["requests"] == {"answered": 11995, "failed": 0}
    counts = {"alarms": 3, "retrains": 3, "promotions": 3, "refused": 1, "rejected": 1, "open_incidents": 1}
    assert {name: found[name] for name in counts} == counts
    retrained = {"champion": 5, "avoided": 41.2, "cost": 4.4, "outcome": "promoted", "gained": 38.5}
    assert found["last_retraining"] == retrained
    assert found["live"]["labels"] == 7 * 24
    assert found["live"]["reference"] == 0.15
    assert found["labels"]["coverage"] == pytest.approx(1 - 24 / 11995)
    rows = 2880 + 71 * 168 - (142 - 3)
    until = stories.day(497).isoformat()
    assert found["data"] == {"version": 72, "rows": rows, "quarantined": 142, "until": until}
    json.dumps(found, allow_nan=False)


def test_nothing_recorded_is_nothing_told(empty: Told) -> None:
    found = status(read(*empty))
    assert found["champion"] is None
    assert found["live"] is None
    assert found["labels"] == {"joined": 0, "coverage": None}
    assert found["requests"] == {"answered": 0, "failed": None}


def test_a_champion_without_labels_has_no_error(young: Told) -> None:
    story = read(*young)
    assert story.reign is not None
    assert story.recent is None
    assert story.coverage == 0


def test_each_champion_reigns_until_the_next(full: Told) -> None:
    story = read(*full)
    assert [reign.version for reign in story.reigns] == [1, 2, 5, 6]
    assert [reign.until for reign in story.reigns[:-1]] == [reign.since for reign in story.reigns[1:]]
    assert story.reigns[-1].until is None
    assert story.reigns[0].reference_error == pytest.approx(0.18 * stories.SCALE)


def test_the_same_decision_taken_again_is_told_once(full: Told) -> None:
    kept = [decision for decision in read(*full).decisions if decision.reasons == ["no harm by v2 has been shown"]]
    assert [(decision.times, decision.verdict) for decision in kept] == [(3, "fail")]


def test_quarantined_rows_are_counted_by_reason_most_frequent_first(full: Told) -> None:
    found = read(*full).quarantined
    assert next(iter(found.items())) == ("humidity: 0.0 is below 0.05", 118)
    assert sum(found.values()) == 133


def test_a_series_that_grows_equals_one_read_at_once(young: Told) -> None:
    store, _ = young
    kept = Series(store.tables)
    kept.step()
    writer = stories.Writer(store)
    writer.sequence = 100
    for begin in (1, 3, 6):
        writer.outcomes(1, "champion", begin, begin + 2, lambda _: 0.2)
        writer.outcomes(2, "shadow", begin, begin + 1, lambda _: 0.1)
        kept.step()
    whole = Series(store.tables)
    whole.step()
    assert (kept.answered, kept.labelled) == (whole.answered, whole.labelled) == (16 + 3 * 48, 3 * 48)
    for answers in (True, False):
        for one, other in zip(kept.points(answers=answers), whole.points(answers=answers), strict=True):
            assert (one.when, one.version, one.n) == (other.when, other.version, other.n)
            assert one.loss == pytest.approx(other.loss)


def test_days_are_the_mean_of_their_rows_and_a_short_story_is_told_by_the_hour(empty: Told) -> None:
    store, _ = empty
    rows = [
        {
            "prediction_id": str(index),
            "event_time": stories.day(0) + timedelta(minutes=20 * index),
            "version": 1,
            "role": "champion",
            "loss": float("nan") if index == 5 else index / 10,
            "error": -float(index),
        }
        for index in range(6)
    ]
    store.tables.append("outcomes", pa.Table.from_pylist(rows), "test", 1)
    series = Series(store.tables)
    series.step()
    assert series.width == HOUR
    points = series.points(answers=True)
    assert [(p.n, p.error) for p in points] == [(3, 1.0), (2, 3.5)]
    assert [p.loss for p in points] == pytest.approx([0.1, 0.35])
    late = [row | {"event_time": stories.day(9), "prediction_id": "late"} for row in rows[:1]]
    store.tables.append("outcomes", pa.Table.from_pylist(late), "test", 2)
    series.step()
    assert series.width == DAY
    assert [p.n for p in series.points(answers=True)] == [5, 1]


def test_before_the_first_prediction_there_is_no_event_time(young: Told) -> None:
    story = read(*young)
    assert [reign.since for reign in story.reigns] == [None]
    assert story.as_of == stories.day(0.9)
    assert status(story)["champion"] == {"version": 1, "since": None, "reason": "first model"}


def test_a_roll_back_is_no_promotion(young: Told) -> None:
    store, project = young
    writer = stories.Writer(store)
    writer.sequence = 100
    writer.release(2, 2, 1, "pass", reason="better")
    writer.deploy(2, 2, "better")
    writer.deploy(1, 3, "the operator said so")
    writer.finish()
    story = read(store, project)
    assert [(mark.kind, mark.version) for mark in story.marks] == [("promoted", 2), ("rolled back", 1)]
    assert status(story)["promotions"] == 1


def test_a_release_is_dated_by_its_decision(full: Told) -> None:
    found = {release.version: release.when for release in read(*full).releases}
    assert found[4] == stories.day(216)
    assert found[3] == stories.day(150)  # no decision is recorded: its beginning
