"""An assessment in rows."""

import msgspec

from gradino import maturity
from gradino.console.ladder import ladder
from gradino.measure import assess
from tests.console import stories
from tests.console.conftest import Told


def test_a_real_assessment_fills_every_track_of_the_model(young: Told) -> None:
    _, project = young
    found = ladder(msgspec.json.decode(assess(project.root).to_json()))
    rows = [track for dimension in found.dimensions for track in dimension.tracks]
    assert [row.id for row in rows] == [track.id for track in maturity.load().tracks]
    assert all(len(row.steps) == 5 for row in rows)


def test_a_step_shows_the_strength_of_the_rung_that_answers_for_it() -> None:
    rungs = [
        {"level": 1, "verdict": "pass", "strength": "none", "evidence": [], "needs": ""},
        {"level": 2, "verdict": "pass", "strength": "executed", "evidence": [], "needs": ""},
        {"level": 3, "verdict": "unknown", "strength": "none", "evidence": [], "needs": "look"},
        {"level": 4, "verdict": "fail", "strength": "none", "evidence": [], "needs": "more"},
    ]
    level = stories.three(2, 2, 3)
    track = {"id": "odd.new-track", "level": level, "rungs": rungs}
    found = ladder({"level": level, "dimensions": {"odd": level}, "tracks": [track]})
    (row,) = found.dimensions[0].tracks
    assert (found.dimensions[0].name, row.name) == ("Odd", "New track")
    assert [step.fill for step in row.steps] == ["given", "given", "executed", "unknown", "fail"]
    assert row.needs == "look"
