"""What is recorded, read once and put in the order in which it is told. Nothing is judged here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row

from gradino.console import watch
from gradino.console.series import HOUR, Point, Series
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store import state as s

RECENT = timedelta(days=7)
_EVENTS = 200

Kind = Literal["alarm", "promoted", "rolled back", "refused", "rejected"]


@dataclass(frozen=True, slots=True)
class Reign:
    """A version answers in production from `since` (None: nothing was asked yet) until `until` (None: still)."""

    version: int
    since: datetime | None
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
    when: datetime | None  # of the decision; None before the first prediction, when there is no event time
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
    since: datetime | None
    until: datetime | None
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
    alarms: int
    harms: list[Harm]
    releases: list[Release]  # newest first
    decisions: list[Decision]  # newest first
    retraining: Row[Any] | None  # the last one: what it promised, what it gained
    data: list[Row[Any]]  # newest first
    quarantined: dict[str, int]  # by reason
    incidents: list[Row[Any]]  # newest first
    events: list[Row[Any]]  # newest first
    event_count: int
    services: dict[str, str]
    watched: watch.Watched

    @property
    def reign(self) -> Reign | None:
        """Who answers now."""
        return self.reigns[-1] if self.reigns else None

    @property
    def promotions(self) -> int:
        """Releases that replaced a champion: all that passed, but for the first."""
        passed = sum(release.verdict == "pass" and release.stage in ("probation", "done") for release in self.releases)
        return max(passed - 1, 0)

    def count(self, status: str) -> int:
        """How many versions have this status."""
        return sum(own == status for own in self.statuses.values())

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
    deployed = state.rows(s.deployments, s.deployments.c.environment == "production")
    last, answers = deployed[-1] if deployed else None, series.points(answers=True)
    reigns = _reigns(deployed, references, {point.version: point.when for point in answers[::-1]})
    alarms = state.rows(s.alarms)
    statuses = {row.number: row.status for row in state.rows(s.versions)}
    releases = _releases(store, statuses)
    harms = [_harm(row) for row in state.rows(s.cursors, s.cursors.c.name.startswith("harm:"))]
    requests = state.cursor("requests", {})
    events = state.rows(s.events, newest=_EVENTS)[::-1]
    data = state.rows(s.data_versions)[::-1]
    return Story(
        project=project,
        as_of=store.clock() or series.newest,
        reigns=reigns,
        statuses=statuses,
        challenger=last.challenger if last and statuses.get(last.challenger) == "challenger" else None,
        weight=last.weight if last else 0.0,
        recent=series.recent(reigns[-1].version, RECENT) if reigns else None,
        answered=max(requests.get("answered", 0), series.answered),
        failed=requests.get("failed"),
        labelled=series.labelled,
        hourly=series.width == HOUR,
        answers=answers,
        listeners=series.points(answers=False),
        marks=_marks(alarms, reigns, releases),
        alarms=len(alarms),
        harms=sorted(harms, key=lambda harm: harm.version),
        releases=releases,
        decisions=_decisions(state.rows(s.decisions, s.decisions.c.kind == "retraining")),
        retraining=state.last(s.retrainings),
        data=data,
        quarantined=dict(series.quarantined.most_common()),
        incidents=state.rows(s.incidents)[::-1],
        events=events,
        event_count=state.count(s.events),
        services={row.name: row.address or "" for row in state.rows(s.services)},
        watched=watch.watched(store, reigns[-1].version if reigns else None),
    )


def status(story: Story) -> dict[str, Any]:
    """How things stand, as `/api/status` and `gradino status --json` give it. Times are event times, ISO 8601."""
    reign, recent = story.reign, story.recent
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
        "alarms": story.alarms,
        "retrains": sum(decision.times for decision in story.decisions if decision.verdict == "pass"),
        "last_retraining": story.retraining
        and {name: getattr(story.retraining, name) for name in ("champion", "avoided", "cost", "outcome", "gained")},
        "promotions": story.promotions,
        "refused": story.count("refused"),
        "rejected": story.count("rejected"),
        "data": {
            "version": story.data[0].version if story.data else None,
            "rows": sum(row.rows for row in story.data),
            "quarantined": sum(row.quarantined for row in story.data),
            "until": _iso(story.data[0].until) if story.data else None,
        },
        "open_incidents": sum(row.closed is None for row in story.incidents),
        "services": story.services,
        **watch.facts(story.watched),
    }


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _references(store: Store) -> dict[int, tuple[float | None, float | None]]:
    """Per version: the loss it was released with, and that times its scale."""
    found = {}
    for row in store.state.rows(s.runs, s.runs.c.version.is_not(None)):
        metrics = row.metrics or {}
        loss, scale = metrics.get("reference_loss"), metrics.get("loss_scale")
        found[row.version] = (loss, loss * scale if loss is not None and scale is not None else None)
    return found


def _reigns(
    rows: Sequence[Row[Any]],
    references: dict[int, tuple[float | None, float | None]],
    first: dict[int, datetime],
) -> list[Reign]:
    """One entry for each change of champion. The first model is deployed before there is an event time."""
    starts: list[Row[Any]] = []
    for row in rows:
        if not starts or starts[-1].champion != row.champion:
            starts.append(row)
    since = [row.event_time or first.get(row.champion) for row in starts]
    return [
        Reign(row.champion, begin, end, row.reason, *references.get(row.champion, (None, None)))
        for row, begin, end in zip(starts, since, [*since, None][1:], strict=True)
    ]


def _marks(alarms: Sequence[Row[Any]], reigns: list[Reign], releases: list[Release]) -> list[Mark]:
    found: list[tuple[Kind, datetime | None, int]] = [("alarm", row.event_time, row.version) for row in alarms]
    for index, reign in enumerate(reigns[1:], 1):
        again = reign.version in {earlier.version for earlier in reigns[:index]}
        found.append(("rolled back" if again else "promoted", reign.since, reign.version))
    found += [("refused", r.when, r.version) for r in releases if r.status == "refused"]
    found += [("rejected", r.when, r.version) for r in releases if r.status == "rejected"]
    return sorted((Mark(kind, when, version) for kind, when, version in found if when), key=lambda mark: mark.when)


def _harm(row: Row[Any]) -> Harm:
    value = row.value
    history = [(datetime.fromisoformat(when), evidence) for when, _, _, evidence in value["history"]]
    return Harm(int(row.name.split(":")[1]), value["threshold"], value["reference"], history)


def _releases(store: Store, statuses: dict[int, str]) -> list[Release]:
    """Dated by the last decision on them; a release that nobody has decided on, by its beginning."""
    decided = {
        row.subject: row.event_time
        for row in sorted(store.state.rows(s.decisions, s.decisions.c.kind.in_(("gates", "experiment"))), key=_written)
    }
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
            when=decided.get(f"v{row.version}") or row.event_time,
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


def _written(row: Row[Any]) -> datetime:
    at: datetime = row.at
    return at


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _decisions(rows: Sequence[Row[Any]]) -> list[Decision]:
    """Newest first; what was decided again and again for the same reasons is one entry."""
    found: list[Decision] = []
    for row in sorted(rows, key=_written):
        certificate, when = row.certificate, row.event_time
        reasons = [str(reason) for reason in certificate["reasons"]]
        numbers = certificate["evidence"]
        since, times = when, 1
        if found and (found[-1].subject, found[-1].verdict, found[-1].reasons) == (row.subject, row.verdict, reasons):
            same = found.pop()
            since, times = same.since, same.times + 1
        found.append(Decision(row.id, row.subject, row.verdict, reasons, numbers, since, when, times))
    return found[::-1]
