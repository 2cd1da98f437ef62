"""One assessment: the document that every report, page and badge is made of."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from gradino import maturity
from gradino.measure import history, statements, template, tree
from gradino.measure.claims import claims
from gradino.measure.evidence import Evidence, redacted
from gradino.measure.kind import kind_of, projects_of
from gradino.measure.probes import PROBES, advice
from gradino.measure.scene import Scene, survey
from gradino.measure.store import records
from gradino.measure.verdicts import Interval, TrackResult, Verdict, judge, lowest

SCHEMA = "gradino.assessment/1"
# What a kind of repository need not climb: a library is published, it serves and watches no model.
BESIDE = {"library": ("release.", "operations.", "creation.training", "creation.data-collection")}


class Shown(msgspec.Struct, frozen=True):
    """A piece of evidence: kind of source, where, what it says, how strong it is."""

    source: str
    locator: str
    says: str
    strength: str


class RungVerdict(msgspec.Struct, frozen=True):
    """A rung: the level it attains, whether it holds, on what evidence, and what it would need."""

    level: int
    verdict: str
    strength: str
    evidence: tuple[Shown, ...]
    needs: str


class TrackLevel(msgspec.Struct, frozen=True):
    """A track with its level and rungs."""

    id: str
    level: Interval
    rungs: tuple[RungVerdict, ...]


class Gap(msgspec.Struct, frozen=True):
    """The next rung of a track that does not hold: from which level to which, advice, and where a README claims it."""

    track: str
    held: int
    next: int
    verdict: str
    needs: str
    exempt: str = ""
    claimed: str = ""


class Subject(msgspec.Struct, frozen=True):
    """What was measured: its name, commit (empty without git), kind, and the projects that a monorepo holds."""

    name: str
    commit: str
    kind: str
    projects: tuple[str, ...] = ()


class Overall(msgspec.Struct, frozen=True):
    """The overall level, and the same without the people tracks."""

    wired: int
    proven: int
    possible: int
    technical: Interval


class Assessment(msgspec.Struct, frozen=True):
    """The whole result; `to_json` is its documented form (docs/measure.md)."""

    schema: str
    model: str
    subject: Subject
    level: Overall
    dimensions: dict[str, Interval]
    tracks: tuple[TrackLevel, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...] = ()

    def to_json(self, indent: int = 2) -> str:
        """The assessment as JSON; the same commit gives the same bytes."""
        return msgspec.json.format(msgspec.json.encode(self), indent=indent).decode()

    def track(self, id: str) -> TrackLevel:  # noqa: A002
        """The track called `id`. Raises `KeyError` if there is none."""
        for track in self.tracks:
            if track.id == id:
                return track
        raise KeyError(id)


def assess(
    path: Path,
    rev: str = "HEAD",
    model: str = maturity.DEFAULT,
    worktree: bool = False,
    today: date | None = None,
    seen: tuple[tuple[str, Evidence], ...] = (),
    exemptions_at: str = "",
    inside: str = "",
    store: str = "",
) -> Assessment:
    """Measure the project at `path`.

    Args:
        path: a work tree, a folder inside one, a bare repository, or a directory without git.
        rev: the commit to read; ignored without git.
        model: which maturity model to judge by.
        worktree: read the files as they lie there, not as they were committed.
        today: the day on which attestations and exemptions must hold; the commit's day where none is given.
        seen: evidence from elsewhere (`measure.live`), by rung.
        exemptions_at: take exemptions from this commit, so that no change can exempt itself.
        inside: a project of the monorepo at `path`, by its folder; the same as measuring that folder.
        store: the address of the project's own store, where that is a PostgreSQL database.

    Raises:
        EvidenceError: there is no such directory, commit or model, or the address is of no database that can be read.
    """
    place = tree.locate(path, rev, worktree)
    if inside:
        place = replace(place, path=place.path / inside, prefix=f"{place.prefix}{inside}/")
    scene = scene_at(place)
    files = scene.tree
    scene.records += seen
    scene.store = store or scene.store
    day = today or day_of(place)
    base = tree.read(tree.locate(path, exemptions_at)) if exemptions_at else files
    return conclude(scene, maturity.load(model), name_of(place), day, statements.exemptions(base))


def projects(path: Path, rev: str = "HEAD", worktree: bool = False) -> tuple[str, ...]:
    """The folders of the projects that the repository at `path` holds, if it is a monorepo."""
    found = projects_of(template.generated(tree.read(tree.locate(path, rev, worktree))))
    return found if len(found) > 1 else ()


def scene_at(place: tree.Place) -> Scene:
    """The facts of a place. A project of a monorepo is the whole repository without its siblings: CI stands outside."""
    files, home = template.generated(tree.read(replace(place, prefix=""))), place.prefix.rstrip("/")
    projects = projects_of(files) if home else ()
    if home and home not in projects:
        files, home = template.generated(tree.read(place)), ""
    elif home:
        files = files.without(tuple(f"{p}/" for p in projects if p != home and not home.startswith(f"{p}/")))
    return survey(files, history.read(place), place.path, home and f"{home}/")


def conclude(
    scene: Scene, model: maturity.Model, name: str, today: date, exempt: list[statements.Exemption] | None = None
) -> Assessment:
    """Judge the facts and write the document."""
    kind = kind_of(scene)
    evidence = gather(scene)
    for rung, said in statements.attested(scene.tree, evidence, today):
        evidence.setdefault(rung, []).append(said)
    results = judge(model, evidence, not scene.tree.sizes and bool(scene.tree.notes), BESIDE.get(kind, ()))
    dimensions = {d: lowest([r.level for r in results if r.track.dimension == d]) for d in model.dimensions}
    overall = lowest(list(dimensions.values()))
    technical = lowest([level for d, level in dimensions.items() if d != "people"])
    return Assessment(
        schema=SCHEMA,
        model=model.id,
        subject=Subject(name, scene.tree.commit, kind, projects_of(scene.tree) if kind == "monorepo" else ()),
        level=Overall(overall.wired, overall.proven, overall.possible, technical),
        dimensions=dimensions,
        tracks=tuple(_track(r) for r in results),
        gaps=tuple(g for r in results if (g := _gap(r, exempt or [], today)) is not None),
        notes=tuple(sorted({*scene.tree.notes, *scene.problems})),
    )


def gather(scene: Scene) -> dict[str, list[Evidence]]:
    """Run every probe and add what records say. Keys are track@level."""
    found: dict[str, list[Evidence]] = {}
    for rung, probes in PROBES.items():
        for probe in probes:
            try:
                found.setdefault(rung, []).extend(probe(scene))
            except Exception as error:  # noqa: BLE001 - a probe that fails leaves its rung unanswered, not the whole
                scene.problems.append(f"{rung}: {type(error).__name__} in {getattr(probe, '__name__', 'probe')}")
    for rung, evidence in (*records(scene), *claims(scene), *scene.records):
        found.setdefault(rung, []).append(evidence)
    return found


def day_of(place: tree.Place) -> date:
    """The day of the measured commit; today without git."""
    return datetime.fromtimestamp(place.commit.commit_time, UTC).date() if place.commit else datetime.now(UTC).date()


def name_of(place: tree.Place) -> str:
    """What the repository or folder at a place is called."""
    name = place.path.name
    return place.path.parent.name if name in ("repo", ".git") else name.removesuffix(".git")


def _track(result: TrackResult) -> TrackLevel:
    rungs = []
    for judged in result.rungs:
        missing = judged.verdict in (Verdict.FAIL, Verdict.UNKNOWN)
        keys = judged.rung.shown_by or (f"{result.track.id}@{judged.rung.level}",)
        rungs.append(
            RungVerdict(
                level=judged.rung.level,
                verdict=judged.verdict.value,
                strength=judged.strength.name.lower(),
                evidence=tuple(_shown(e) for e in judged.evidence[:8]),
                needs=" ".join(advice(k) for k in keys) if missing else "",
            )
        )
    return TrackLevel(result.track.id, result.level, tuple(rungs))


def _shown(evidence: Evidence) -> Shown:
    return Shown(
        evidence.source, redacted(evidence.locator), redacted(evidence.says[:500]), evidence.strength.name.lower()
    )


def _gap(result: TrackResult, exempt: list[statements.Exemption], today: date) -> Gap | None:
    for judged in result.rungs:
        if judged.verdict in (Verdict.FAIL, Verdict.UNKNOWN):
            track, level = result.track.id, judged.rung.level
            by = next(
                (f"{x.approver} until {x.expires}: {x.reason}" for x in exempt if x.holds(track, level, today)), ""
            )
            keys = judged.rung.shown_by or (f"{track}@{level}",)
            open_rungs = (r for r in result.rungs if r.verdict is not Verdict.PASS)
            claimed = next((e.locator for r in open_rungs for e in r.evidence if e.source == "README"), "")
            needs = " ".join(advice(k) for k in keys)
            return Gap(track, result.level.wired, level, judged.verdict.value, needs, by, claimed)
    return None


def from_json(text: str | bytes) -> Assessment:
    """Read an assessment back. Raises `msgspec.ValidationError` for another schema."""
    return msgspec.json.decode(text, type=Assessment)


def as_builtins(assessment: Assessment) -> dict[str, Any]:
    """The assessment as plain dictionaries and lists."""
    made: dict[str, Any] = msgspec.to_builtins(assessment)
    return made
