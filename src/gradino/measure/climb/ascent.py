"""From a plan to what can be written of it: a draft is laid over the commit, measured, and kept if it truly climbs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gradino import maturity
from gradino.errors import EvidenceError
from gradino.measure import tree
from gradino.measure.assessment import Assessment, conclude, day_of, name_of, scene_at
from gradino.measure.climb.ground import Draft, Host, NotKnownError, survey
from gradino.measure.climb.recipes import RECIPES, adoption
from gradino.measure.evidence import redacted
from gradino.measure.plan import Increment, Item, plan
from gradino.measure.scene import Scene

SCHEMA = "gradino.climb/1"


class File(msgspec.Struct, frozen=True):
    """A file to write; `there`: it lies in the work tree already, word for word."""

    path: str
    text: str
    does: str
    there: bool = False


class Risen(msgspec.Struct, frozen=True):
    """A rung that holds with the new files: strength before and after, level of the track before, files that did it."""

    track: str
    level: int
    was: str
    now: str
    held: int
    files: tuple[str, ...]


class Left(msgspec.Struct, frozen=True):
    """A rung that a person must climb: why nothing was written for it, and how the plan knows that it is done."""

    track: str
    level: int
    says: str
    why: str
    criterion: str
    check: str


class Climb(msgspec.Struct, frozen=True):
    """What one increment comes to. `todo` is what the new files still need from a person; `level` is with them.

    `passed` are increments before it in which nothing could be written.
    """

    schema: str
    subject: str
    commit: str
    increment: int
    files: tuple[File, ...]
    rose: tuple[Risen, ...]
    todo: tuple[str, ...]
    left: tuple[Left, ...]
    passed: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class _Stand:
    """A place with files laid over it, and how it measures."""

    place: tree.Place
    scene: Scene
    found: Assessment


def adopt(path: Path, told: Mapping[str, str]) -> Climb:
    """A project file of gradino's own for the project at `path`; `told` are values that its files do not show.

    Raises:
        EvidenceError: as `climb`, or a value is missing.
    """
    stand = _look(_placed(path))
    try:
        draft = adoption.write(survey(stand.scene, stand.place, "github"), told)
        higher, why = _tried(stand, draft, "creation.training", 3)
    except NotKnownError as missing:
        higher, why = None, str(missing)
    if higher is None:
        why = why or "it would not make training hold"
        raise EvidenceError(f"{adoption.FILE} was not written: {why}.", "docs/project.md says what it must hold.")
    return _climb(stand, 0, [draft], list(_risen(stand.found, higher.found, draft)), [])


def climb(path: Path, to: int | None = None, track: str = "", host: Host | None = None, command: str = "") -> Climb:
    """The first increment of the plan of `path` in which something can be written. Nothing is written here.

    Args:
        path: the work tree of a git repository, or a project inside one.
        to: the level to reach; the model's highest where none is given.
        track: climb this track only.
        host: where pipelines run, if not where those that are there do.
        command: the command that trains, where it cannot be found.

    Raises:
        EvidenceError: not a work tree with a commit, more than one project, or no such track.
    """
    stand = _look(_placed(path))
    made = plan(stand.found, to)
    known = {t.id for t in stand.found.tracks}
    if track and track not in known:
        raise EvidenceError(f"There is no track '{track}'.", f"Choose one of: {', '.join(sorted(known))}.")
    passed: list[Left] = []
    for increment in made.increments:
        items = tuple(i for i in increment.items if not track or i.track == track)
        one = _increment(stand, msgspec.structs.replace(increment, items=items), host, command)
        if one.files:
            return msgspec.structs.replace(one, passed=tuple(passed))
        passed += one.left
    return Climb(SCHEMA, made.subject, made.commit, 0, (), (), (), (), tuple(passed))


def _placed(path: Path) -> tree.Place:
    place = tree.locate(path)
    if place.commit is None or place.repository.is_bare:
        raise EvidenceError(
            f"{path} is not a work tree of git with a commit.",
            "Climb where what is written can be reviewed: git init, git commit.",
        )
    return place


def _look(place: tree.Place) -> _Stand:
    scene = scene_at(place)
    if place.prefix and not any(p.startswith(place.prefix) for p in scene.tree.sizes):
        raise EvidenceError(f"{place.path} is a folder of a project.", f"Climb the whole: {place.repository.workdir}")
    found = conclude(scene, maturity.load(maturity.DEFAULT), name_of(place), day_of(place))
    if found.subject.kind in ("monorepo", "template"):
        inside = ", ".join(found.subject.projects) or "what is made from it"
        raise EvidenceError(f"{place.path} is a {found.subject.kind}.", f"Climb one project at a time: {inside}.")
    return _Stand(place, scene, found)


def _increment(stand: _Stand, increment: Increment, host: Host | None, command: str) -> Climb:
    start, drafts, rose, left = stand, list[Draft](), list[Risen](), list[Left]()
    for item in sorted(increment.items, key=_turn):
        if _holds(stand.found, item.track, item.level):
            continue
        whys: list[str] = []
        for draft in _drafts(stand, item, host, command, whys):
            higher, why = _tried(stand, draft, item.track, item.level)
            if higher is None:
                whys.append(why or f"no recipe makes it hold here: {item.advice}")
                continue
            drafts.append(draft)
            rose += _risen(stand.found, higher.found, draft)
            stand = higher
            break
        if not _holds(stand.found, item.track, item.level):
            left.append(Left(item.track, item.level, item.says, redacted("; ".join(whys)), item.criterion, item.check))
    return _climb(start, increment.number, drafts, rose, left)


def _climb(start: _Stand, number: int, drafts: list[Draft], rose: list[Risen], left: list[Left]) -> Climb:
    subject = start.found.subject
    todo = dict.fromkeys(x for d in drafts for x in d.left)
    files = tuple(_file(start.place, d, p, t) for d in drafts for p, t in d.files.items())
    return Climb(SCHEMA, subject.name, subject.commit, number, files, tuple(rose), tuple(todo), tuple(left), ())


def _turn(item: Item) -> int:
    """When an item's turn comes: in the order of the recipes, since the later ones build on the earlier."""
    fits = [f"{item.track}@{item.level}" in raises for _, raises in RECIPES.values()]
    return fits.index(True) if True in fits else len(fits)


def _drafts(stand: _Stand, item: Item, host: Host | None, command: str, whys: list[str]) -> Iterator[Draft]:
    """What recipes offer for an item; `whys` gathers what they miss."""
    if item.track.startswith("people."):
        whys.append("people attest it: gradino interview")
        return
    fitting = [write for write, raises in RECIPES.values() if f"{item.track}@{item.level}" in raises]
    if not fitting:
        whys.append(item.advice or item.deliverable)
    for write in fitting:
        try:
            yield write(survey(stand.scene, stand.place, host, command))
        except NotKnownError as missing:
            whys.append(str(missing))
        except Exception as error:  # noqa: BLE001 - a recipe that fails leaves its rung to people, not the whole
            whys.append(
                f"{write.__module__.rpartition('.')[2]}: {type(error).__name__}: {error}. This is a bug: report it."
            )


def _tried(stand: _Stand, draft: Draft, track: str, level: int) -> tuple[_Stand | None, str]:
    """Where a draft leads, if it may be written and the measure agrees that it climbs; else why not, or nothing."""
    for path, text in draft.files.items():
        if path in stand.scene.tree or _lying(stand.place, path) not in (None, text):
            return None, f"{path} is there already and is left alone"
        if stand.place.repository.path_is_ignored(path):
            return None, f"{path} would be ignored by git"
    higher = _look(replace(stand.place, over=stand.place.over | draft.files))
    tracks = zip(higher.found.tracks, stand.found.tracks, strict=True)
    if any(now.level.wired < was.level.wired for now, was in tracks) or not _holds(higher.found, track, level):
        return None, ""
    changed = [p for p in draft.rests_on if not _clean(stand.place, p)]
    if changed:
        raise EvidenceError(f"{changed[0]} has changes that are not committed.", "Commit or stash them, then climb.")
    return higher, ""


def _lying(place: tree.Place, path: str) -> str | None:
    """What lies at a path of the work tree; None where nothing does."""
    at = Path(place.repository.workdir) / path
    if at.is_file():
        return at.read_text(errors="replace")
    return "" if at.exists() or at.is_symlink() else None


def _clean(place: tree.Place, path: str) -> bool:
    from pygit2.enums import FileStatus

    return bool(path in place.over or place.repository.status_file(path) in (FileStatus.CURRENT, FileStatus.IGNORED))


def _holds(found: Assessment, track: str, level: int) -> bool:
    return any(r.level == level and r.verdict == "pass" for r in found.track(track).rungs)


def _risen(before: Assessment, after: Assessment, draft: Draft) -> Iterator[Risen]:
    for was, now in zip(before.tracks, after.tracks, strict=True):
        for old, new in zip(was.rungs, now.rungs, strict=True):
            if new.verdict == "pass" and old.verdict != "pass":
                seen = {f for f in draft.files for e in new.evidence if e.locator.startswith(f)}
                files = tuple(sorted(seen or draft.files))
                yield Risen(now.id, new.level, old.strength, new.strength, was.level.wired, files)


def _file(place: tree.Place, draft: Draft, path: str, text: str) -> File:
    return File(path, text, draft.does[path], _lying(place, path) is not None)
