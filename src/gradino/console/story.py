"""What is recorded, read once and put in the order in which it is told. Nothing is judged here."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import pyarrow.parquet as pq
from sqlalchemy import Row

from gradino.console.series import HOUR, Point, Series
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store import state as s

RECENT = timedelta(days=7)
_EVENTS = 200

Kind = Literal["alarm", "promoted", "refused", "rejected"]


@dataclass(frozen=True, slots=True)
class Reign:
    """A version answers in production from `since` until `until` (None: still)."""

    version: int
    since: datetime
    until: datetime | None
    reason: str
    reference: float | None  # loss it was released with
    reference_error: float | None  # the same in the target's unit


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one moment, to be drawn on a time axis."""

    kind: Kind
    when: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Harm:
    """The running evidence that a champion does harm: (event time, evidence), and the threshold of its alarm."""

    version: int
    threshold: float
    reference: float
    history: list[tuple[datetime, float]]


@dataclass(frozen=True, slots=True)
class Experiment:
    """A paired comparison as recorded: (labels, evidence for, evidence against, mean difference)."""

    n: int
    evidence: float
    against: float
    mean: float
    threshold: float
    alpha: float
    history: list[tuple[int, float, float, float]]


@dataclass(frozen=True, slots=True)
class Gate:
    name: str
    verdict: str
    seconds: float
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Release:
    """The way of one version towards production."""

    version: int
    champion: int | None
    stage: str
    verdict: str | None
    status: str  # of the version
    reason: str
    weight: float
    when: datetime
    gates: list[Gate]
    experiment: Experiment | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One retraining decision, or several in a row with the same verdict and reasons."""

    id: str
    subject: str
    verdict: str
    reasons: list[str]
    numbers: dict[str, Any]
    since: datetime
    until: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Story:
    """All that the page shows of one project."""

    project: Project
    as_of: datetime | None  # event time the system has reached
    reigns: list[Reign]
    statuses: dict[int, str]
    challenger: int | None
    weight: float  # share of the traffic that the challenger answers
    recent: Point | None  # of the champion
    answered: int
    failed: int | None  # None: nobody has counted
    labelled: int
    hourly: bool  # a point is an hour, not a day
    answers: list[Point]
    listeners: list[Point]
    marks: list[Mark]
    harms: list[Harm]
    releases: list[Release]  # newest first
    decisions: list[Decision]  # newest first
    data: list[Row[Any]]  # newest first
    quarantined: dict[str, int]  # by reason
    incidents: list[Row[Any]]  # newest first
    events: list[Row[Any]]  # newest first
    event_count: int
    services: dict[str, str]

    @property
    def reign(self) -> Reign | None:
        """Who answers now."""
        return self.reigns[-1] if self.reigns else None

    @property
    def coverage(self) -> float | None:
        """Share of the answered requests whose label has come."""
        return self.labelled / self.answered if self.answered else None


def read(store: Store, project: Project, series: Series | None = None) -> Story:
    """Read everything; with `series`, outcomes that it has seen already are not read again."""
    state = store.state
    series = series or Series(store.tables)
    series.step()
    references = _references(store)
    reigns = _reigns(state.rows(s.deployments, s.deployments.c.environment == "production"), references)
    last = state.last(s.deployments, s.deployments.c.environment == "production")
    alarms = state.rows(s.alarms)
    statuses = {row.number: row.status for row in state.rows(s.versions)}
    releases = _releases(store, statuses)
    harms = [_harm(row) for row in state.rows(s.cursors, s.cursors.c.name.startswith("harm:"))]
    requests = state.cursor("requests", {})
    events = state.rows(s.events, newest=_EVENTS)[::-1]
    data = state.rows(s.data_versions)[::-1]
    times = [row.event_time for row in [*events, *data[:1]] if row.event_time]
    return Story(
        project=project,
        as_of=max([*times, *([series.newest] if series.newest else [])], default=None),
        reigns=reigns,
        statuses=statuses,
        challenger=last.challenger if last else None,
        weight=last.weight if last else 0.0,
        recent=series.recent(reigns[-1].version, RECENT) if reigns else None,
        answered=max(requests.get("answered", 0), series.answered),
        failed=requests.get("failed"),
        labelled=series.labelled,
        hourly=series.width == HOUR,
        answers=series.points(answers=True),
        listeners=series.points(answers=False),
        marks=_marks(alarms, reigns, releases),
        harms=sorted(harms, key=lambda harm: harm.version),
        releases=releases,
        decisions=_decisions(state.rows(s.decisions, s.decisions.c.kind == "retraining")),
        data=data,
        quarantined=_quarantined(store),
        incidents=state.rows(s.incidents)[::-1],
        events=events,
        event_count=state.count(s.events),
        services={row.name: row.address or "" for row in state.rows(s.services)},
    )


def status(story: Story) -> dict[str, Any]:
    """How things stand, as `/api/status` and `gradino status --json` give it. Times are event times, ISO 8601."""
    reign, recent = story.reign, story.recent
    states = Counter(story.statuses.values())
    return {
        "project": story.project.name,
        "as_of": _iso(story.as_of),
        "champion": reign and {"version": reign.version, "since": _iso(reign.since), "reason": reign.reason},
        "challenger": story.challenger,
        "live": recent
        and {
            "error": recent.error,
            "loss": recent.loss,
            "reference": reign.reference if reign else None,
            "labels": recent.n,
            "days": RECENT.days,
        },
        "requests": {"answered": story.answered, "failed": story.failed},
        "labels": {"joined": story.labelled, "coverage": story.coverage},
        "alarms": sum(mark.kind == "alarm" for mark in story.marks),
        "retrains": sum(decision.times for decision in story.decisions if decision.verdict == "pass"),
        "promotions": sum(mark.kind == "promoted" for mark in story.marks),
        "refused": states["refused"],
        "rejected": states["rejected"],
        "data": {
            "version": story.data[0].version if story.data else None,
            "rows": sum(row.rows for row in story.data),
            "quarantined": sum(row.quarantined for row in story.data),
            "until": _iso(story.data[0].until) if story.data else None,
        },
        "open_incidents": sum(row.closed is None for row in story.incidents),
        "services": story.services,
    }


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _when(row: Row[Any]) -> datetime:
    when: datetime = row.event_time or row.at
    return when


def _references(store: Store) -> dict[int, tuple[float | None, float | None]]:
    """Per version: the loss it was released with, and that times its scale."""
    found = {}
    for row in store.state.rows(s.runs, s.runs.c.version.is_not(None)):
        metrics = row.metrics or {}
        loss, scale = metrics.get("reference_loss"), metrics.get("loss_scale")
        found[row.version] = (loss, loss * scale if loss is not None and scale is not None else None)
    return found


def _reigns(rows: Sequence[Row[Any]], references: dict[int, tuple[float | None, float | None]]) -> list[Reign]:
    starts: list[Row[Any]] = []
    for row in rows:
        if not starts or starts[-1].champion != row.champion:
            starts.append(row)
    ends: list[datetime | None] = [_when(row) for row in starts[1:]]
    return [
        Reign(row.champion, _when(row), end, row.reason, *references.get(row.champion, (None, None)))
        for row, end in zip(starts, [*ends, None], strict=False)
    ]


def _marks(alarms: Sequence[Row[Any]], reigns: list[Reign], releases: list[Release]) -> list[Mark]:
    marks = [Mark("alarm", _when(row), row.version) for row in alarms]
    marks += [Mark("promoted", reign.since, reign.version) for reign in reigns[1:]]
    marks += [Mark("refused", r.when, r.version) for r in releases if r.status == "refused"]
    marks += [Mark("rejected", r.when, r.version) for r in releases if r.status == "rejected"]
    return sorted(marks, key=lambda mark: mark.when)


def _harm(row: Row[Any]) -> Harm:
    value = row.value
    history = [(datetime.fromisoformat(when), evidence) for when, _, _, evidence in value["history"]]
    return Harm(int(row.name.split(":")[1]), value["threshold"], value["reference"], history)


def _releases(store: Store, statuses: dict[int, str]) -> list[Release]:
    gates: dict[int, list[Gate]] = {}
    for row in store.state.rows(s.gates):
        gates.setdefault(row.release, []).append(Gate(row.name, row.verdict, row.seconds, row.evidence))
    return [
        Release(
            version=row.version,
            champion=row.champion,
            stage=row.stage,
            verdict=row.verdict,
            status=statuses.get(row.version, ""),
            reason=row.reason or "",
            weight=row.weight or 0.0,
            when=_when(row),
            gates=gates.get(row.id, []),
            experiment=_experiment(row.experiment),
        )
        for row in store.state.rows(s.releases)[::-1]
    ]


def _experiment(value: dict[str, Any] | None) -> Experiment | None:
    if not value or not value.get("n"):
        return None
    return Experiment(
        n=value["n"],
        evidence=value["evidence"],
        against=value["against"],
        mean=_number(value["mean"]),
        threshold=value["threshold"],
        alpha=value["alpha"],
        history=[(n, e, a, _number(mean)) for n, e, a, mean in value["history"]],
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _decisions(rows: Sequence[Row[Any]]) -> list[Decision]:
    """Newest first; what was decided again and again for the same reasons is one entry."""
    found: list[Decision] = []
    for row in sorted(rows, key=lambda row: row.at):
        certificate, when = row.certificate, _when(row)
        reasons = [str(reason) for reason in certificate["reasons"]]
        numbers = certificate["evidence"]
        since, times = when, 1
        if found and (found[-1].subject, found[-1].verdict, found[-1].reasons) == (row.subject, row.verdict, reasons):
            same = found.pop()
            since, times = same.since, same.times + 1
        found.append(Decision(row.id, row.subject, row.verdict, reasons, numbers, since, when, times))
    return found[::-1]


def _quarantined(store: Store) -> dict[str, int]:
    """Rows by the reason for which they were kept out, most frequent first."""
    table = store.tables.open("quarantine")
    if table is None:
        return {}
    counts: Counter[str] = Counter()
    for uri in table.file_uris():
        with pq.ParquetFile(uri.removeprefix("file://")) as file:
            counts.update(map(str, file.read(columns=["reason"], use_threads=False)["reason"].to_pylist()))
    return dict(counts.most_common())
