"""Presence is not maturity: what is switched off, or decided before it runs, lowers the right rung."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gradino.measure import assess
from tests.measure.decoys import DECOYS, GOOD, measure

Maker = Callable[..., Path]
EXPECTED = {
    "creation.data-collection": 4, "creation.compute": 4, "creation.experiments": 4, "creation.versioning": 4,
    "creation.reproducibility": 4, "creation.training": 4, "release.process": 4, "release.scoring-script": 4,
    "release.ownership": 4, "release.environments": 4, "release.experimentation": 4, "integration.builds": 4,
    "integration.application-tests": 4, "integration.model-tests": 4, "operations.feedback": 4, "operations.metrics": 4,
    "operations.availability": 4, "operations.learning": 4, "release.traceability": 4,
}  # fmt: skip


def test_a_good_project_stands_high() -> None:
    found = measure(GOOD)
    assert {t: found.track(t).level.wired for t in EXPECTED} == EXPECTED
    assert not found.notes


@pytest.mark.parametrize("name", DECOYS)
def test_a_decoy_lowers_the_right_rung(name: str) -> None:
    change, rung = DECOYS[name]
    track, level = rung.split("@")
    assert measure(GOOD).track(track).level.wired >= int(level)
    assert measure(change(dict(GOOD))).track(track).level.wired < int(level)


def test_there_are_enough_kinds_of_decoy() -> None:
    assert len(DECOYS) >= 25


def test_in_a_repository_it_is_the_same(repository: Maker) -> None:
    found, memory = assess(repository(GOOD)), measure(GOOD)
    assert [t.level.wired for t in found.tracks] == [t.level.wired for t in memory.tracks]
