"""From gaps to increments: what to do next, in which order, who, how long, and how to know it is done."""

import re

import msgspec

from gradino import maturity
from gradino.maturity import Language, Rung
from gradino.measure.assessment import Assessment
from gradino.measure.reports.words import WORDS

# What a track leans on: a gap comes after the gaps of these, where they exist.
NEEDS: dict[str, tuple[str, ...]] = {
    "creation.compute": ("creation.versioning",),
    "creation.experiments": ("creation.versioning",),
    "creation.reproducibility": ("creation.versioning",),
    "creation.training": ("creation.compute", "creation.experiments", "creation.data-collection"),
    "release.process": ("release.scoring-script", "creation.versioning", "integration.builds"),
    "release.ownership": ("integration.builds", "integration.application-tests"),
    "release.traceability": ("creation.versioning", "creation.experiments", "release.process"),
    "release.environments": ("release.process",),
    "release.experimentation": ("release.environments", "operations.metrics"),
    "integration.model-tests": ("release.scoring-script",),
    "integration.independence": ("release.process",),
    "operations.feedback": ("release.process",),
    "operations.metrics": ("creation.experiments",),
    "operations.availability": ("release.process",),
    "operations.learning": ("operations.feedback",),
}
_ROLES: dict[str, tuple[str, ...]] = {
    "people": ("team lead",),
    "creation": ("data scientist", "data engineer"),
    "release": ("software engineer", "data scientist"),
    "integration": ("software engineer",),
    "operations": ("software engineer", "data engineer"),
}
_LARGEST = 4  # rungs in one increment


class Item(msgspec.Struct, frozen=True):
    """One rung to climb. `files` are those of this repository that change, `check` the command that says it is done."""

    track: str
    held: int
    level: int
    says: str
    deliverable: str
    criterion: str
    check: str
    files: tuple[str, ...]
    roles: tuple[str, ...]
    days: tuple[int, int]
    advice: str


class Increment(msgspec.Struct, frozen=True):
    """A few rungs that belong together; `days` is the sum in person-days, `level` what the project reaches with it."""

    number: int
    level: int
    items: tuple[Item, ...]
    days: tuple[int, int]


class Plan(msgspec.Struct, frozen=True):
    """Increments towards `to`, and what the effort assumes."""

    schema: str
    subject: str
    commit: str
    to: int
    increments: tuple[Increment, ...]
    days: tuple[int, int]
    assumes: tuple[str, ...]


def plan(assessment: Assessment, to: int | None = None, language: Language = "en") -> Plan:
    """Order the gaps of an assessment up to level `to` (the model's top where none is given)."""
    model = maturity.load(assessment.model)
    goal = model.top if to is None else to
    todo: dict[tuple[str, int], Item] = {}
    for found in assessment.tracks:
        track = model.track(found.id)
        held = found.level.wired
        for rung, judged in zip(track.rungs, found.rungs, strict=True):
            if judged.verdict != "pass" and rung.asked <= goal and rung.level > held:
                todo[(found.id, rung.level)] = _item(assessment, found.id, held, rung, judged.needs, language)
    increments: list[Increment] = []
    for level in range(1, goal + 1):
        due = [key for key in todo if _asked(model, key) == level]
        for chunk in _chunks(_ordered(due)):
            items = tuple(todo[k] for k in chunk)
            increments.append(Increment(len(increments) + 1, level, items, _sum(items)))
    every = tuple(i for x in increments for i in x.items)
    return Plan(
        "gradino.plan/1",
        assessment.subject.name,
        assessment.subject.commit,
        goal,
        tuple(increments),
        _sum(every),
        tuple(WORDS[language]["assumes"].split("|")),
    )


def _asked(model: maturity.Model, key: tuple[str, int]) -> int:
    return next(r.asked for r in model.track(key[0]).rungs if r.level == key[1])


def _item(assessment: Assessment, track: str, held: int, rung: Rung, advice: str, language: Language) -> Item:
    return Item(
        track, held, rung.level, rung.says.in_(language), rung.deliverable.in_(language), rung.criterion.in_(language),
        f"gradino assess . --require {track}@{rung.level}", _files(assessment, track),
        _ROLES.get(track.split(".", maxsplit=1)[0], ("engineer",)), rung.days, advice,
    )  # fmt: skip


def _files(assessment: Assessment, track: str) -> tuple[str, ...]:
    """Every file that the evidence of a track names; where it names none, those of the tracks that it leans on."""
    for names in ((track,), NEEDS.get(track, ())):
        seen = (
            e for t in assessment.tracks if t.id in names for r in t.rungs for e in r.evidence if e.source != "README"
        )
        paths = (re.sub(r":\d+$", "", e.locator) for e in seen)
        if found := tuple(dict.fromkeys(p for p in paths if "/" in p or "." in p)):
            return found
    return ()


def _ordered(keys: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Keys so that what a track leans on comes first; ties keep the model's order."""
    waiting, placed = list(keys), list[tuple[str, int]]()
    while waiting:
        open_tracks = {t for t, _ in waiting}
        ready = [k for k in waiting if not (set(NEEDS.get(k[0], ())) & (open_tracks - {k[0]}))] or waiting[:1]
        placed += ready
        waiting = [k for k in waiting if k not in ready]
    return placed


def _chunks(keys: list[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    return [keys[i : i + _LARGEST] for i in range(0, len(keys), _LARGEST)]


def _sum(items: tuple[Item, ...]) -> tuple[int, int]:
    return sum(i.days[0] for i in items), sum(i.days[1] for i in items)
