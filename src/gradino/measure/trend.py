"""Levels over past commits, and which commit took a rung away."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from gradino.errors import EvidenceError
from gradino.measure import tree
from gradino.measure.assessment import Assessment, assess


class Point(msgspec.Struct, frozen=True):
    """One commit's levels: hash, date, first line, overall without people, and each track's wired level."""

    commit: str
    date: str
    title: str
    level: int
    tracks: dict[str, int]


@dataclass(frozen=True, slots=True)
class Loss:
    """A track that fell: from which level to which, at which commit, and what was there before."""

    track: str
    was: int
    now: int
    commit: str
    gone: str


def history(path: Path, points: int = 12) -> list[Point]:
    """Levels at up to `points` commits along the first parents, oldest first, the newest always among them.

    Raises:
        EvidenceError: there is no git history at `path`.
    """
    from datetime import UTC, datetime

    place = tree.locate(path)
    if place.commit is None:
        raise EvidenceError(f"{path} has no git history.", "Levels over time need a git repository.")
    line: list[Any] = []
    commit = place.commit
    while commit is not None and len(line) < 5_000:
        line.append(commit)
        try:
            commit = commit.parents[0] if commit.parents else None
        except KeyError:  # a shallow history ends here
            commit = None
    count = min(points, len(line))
    wanted = sorted({round(i * (len(line) - 1) / max(count - 1, 1)) for i in range(count)}, reverse=True)
    made = []
    for index in wanted:
        found = assess(path, str(line[index].id))
        when = datetime.fromtimestamp(line[index].commit_time, UTC).date().isoformat()
        title = line[index].message.split("\n", 1)[0][:80]
        levels = {t.id: t.level.wired for t in found.tracks}
        made.append(Point(found.subject.commit, when, title, found.level.technical.wired, levels))
    return made


def losses(before: Assessment, after: Assessment) -> list[Loss]:
    """Tracks that stand lower after than before, with the evidence that is gone."""
    found = []
    for old in before.tracks:
        new = after.track(old.id)
        if new.level.wired < old.level.wired:
            rung = next(r for r in old.rungs if r.level == old.level.wired)
            gone = f"{rung.evidence[0].locator}: {rung.evidence[0].says}" if rung.evidence else ""
            found.append(Loss(old.id, old.level.wired, new.level.wired, after.subject.commit, gone))
    return found


def falls(points: list[Point]) -> list[tuple[str, int, int, Point]]:
    """(track, from, to, the point at which it had fallen) along a history."""
    return [
        (track, earlier.tracks[track], later.tracks[track], later)
        for earlier, later in pairwise(points)
        for track in later.tracks
        if later.tracks[track] < earlier.tracks.get(track, 0)
    ]
