"""Presence is not maturity: what is switched off lowers the right rung, and less evidence never raises one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradino.measure import Assessment, assess
from gradino.measure.assessment import conclude
from gradino.measure.history import History
from gradino.measure.scene import survey
from gradino.measure.tree import Tree
from tests.measure.decoys import DECOYS, GOOD

Maker = Callable[..., Path]
EXPECTED = {
    "creation.data-collection": 4, "creation.compute": 4, "creation.experiments": 4, "creation.versioning": 4,
    "creation.reproducibility": 4, "creation.training": 4, "release.process": 4, "release.scoring-script": 4,
    "release.ownership": 4, "release.environments": 4, "release.experimentation": 4, "integration.builds": 4,
    "integration.application-tests": 4, "integration.model-tests": 4, "operations.feedback": 4, "operations.metrics": 4,
    "operations.availability": 4, "operations.learning": 4, "release.traceability": 4,
}  # fmt: skip


def measure(files: dict[str, str]) -> Assessment:
    """Assess files in memory, as at a commit."""
    from datetime import date

    from gradino import maturity

    blobs = {path: text.encode() for path, text in sorted(files.items())}
    tree = Tree("0" * 40, {p: len(b) for p, b in blobs.items()}, blobs.get)
    return conclude(survey(tree, History()), maturity.load(), "memory", date(2026, 1, 1))


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


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(st.sampled_from(sorted(GOOD)), min_size=1, max_size=6))
def test_deleting_a_file_never_raises_a_level(gone: set[str]) -> None:
    before, after = measure(GOOD), measure({k: v for k, v in GOOD.items() if k not in gone})
    for track in before.tracks:
        # a data source that no longer moves can only be one that is no longer read
        if track.id == "creation.reproducibility" and "bikes/data.py" in gone:
            continue
        assert after.track(track.id).level.wired <= track.level.wired, (track.id, gone)


def test_in_a_repository_it_is_the_same(repository: Maker) -> None:
    found, memory = assess(repository(GOOD)), measure(GOOD)
    assert [t.level.wired for t in found.tracks] == [t.level.wired for t in memory.tracks]
