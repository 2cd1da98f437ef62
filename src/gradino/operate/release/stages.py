"""A release is a row that moves one stage at a time: gates → experiment → ramp → done.

Each function looks at the row and the records, moves it if it can, and may be repeated after a crash.
"""

from datetime import datetime
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Row, update

from gradino.operate.project import Project
from gradino.operate.release import certificate, experiment
from gradino.operate.release.rollout import PRODUCTION, champion, deploy, dismiss, promote
from gradino.operate.store import Store
from gradino.operate.store.state import gates, releases, versions

RAMP = (0.05, 0.25)  # shares of live traffic on the way to all of it
_ANSWERED = 20  # requests of each ramp step that must have been answered before the next


def propose(store: Store, event_time: datetime | None) -> None:
    """Open a release for each version that has none; a version is released once."""
    open_versions = {row.version for row in store.state.rows(releases)}
    for version in store.state.rows(versions, versions.c.status == "candidate"):
        if version.number not in open_versions:
            store.state.add_once(releases, {"version": version.number}, stage="gates", event_time=event_time)


def after_gates(project: Project, store: Store, release_id: int, event_time: datetime | None) -> None:
    """The gates have spoken: refuse, promote the first model, or start the experiment."""
    release = store.state.last(releases, releases.c.id == release_id)
    assert release is not None
    if release.stage != "gates":
        return
    version, results = release.version, store.state.rows(gates, gates.c.release == release.id)
    refused = [gate for gate in results if gate.verdict != "pass"]
    reasons = [f"{g.name}: {g.evidence.get('says', g.verdict)}" for g in refused] or ["all gates passed"]
    decision = certificate.issue(
        store,
        "gates",
        f"v{version}",
        "fail" if refused else "pass",
        event_time,
        inputs={"release": release.id, "version": version, "bundle": _bundle(store, version)},
        evidence={gate.name: {"verdict": gate.verdict, **gate.evidence} for gate in results},
        reasons=reasons,
    )
    against = champion(store)
    if refused:
        dismiss(store, release.id, version, "refused", "fail", "; ".join(reasons), event_time)
    elif against is None:
        promote(store, release.id, version, "the first model needs the gates only", decision, event_time)
    elif project.release.experiment == "none":
        promote(store, release.id, version, "gates passed; the project runs no experiment", decision, event_time)
    else:
        begun = {"stage": "experiment", "champion": against, "experiment": experiment.begin(project, store)}
        position = store.tables.version("outcomes")
        with store.state.begin() as connection:
            connection.execute(update(releases).where(releases.c.id == release.id).values(**begun, position=position))
            connection.execute(update(versions).where(versions.c.number == version).values(status="challenger"))


def advance(project: Project, store: Store, event_time: datetime | None) -> None:
    """Move the release that is on live traffic, one at a time and oldest first."""
    live = store.state.rows(releases, releases.c.stage.in_(("experiment", "ramp")))
    if live and live[0].stage == "experiment":
        _experiment(project, store, live[0], event_time)
    elif live:
        _ramp(store, live[0], event_time)


def _experiment(project: Project, store: Store, release: Row[Any], event_time: datetime | None) -> None:
    version = release.version
    if release.champion != champion(store):  # rolled back or overtaken: the comparison has lost its other half
        dismiss(store, release.id, version, "rejected", "insufficient", "the champion has changed", event_time)
        return
    deploy(store, PRODUCTION, release.champion, f"shadow of v{version}", challenger=version, event_time=event_time)
    told = f"v{version} shadows v{release.champion}"
    store.state.tell("experiment", told, f"experiment:{release.id}", event_time)
    evidence, until = release.experiment, store.tables.version("outcomes")
    new = store.tables.added("outcomes", release.position, until)
    if new is not None:
        evidence = experiment.fold(evidence, new, release.champion, version)
        store.state.change(releases, releases.c.id == release.id, experiment=evidence, position=until)
    verdict, n, horizon = evidence["verdict"], evidence["n"], project.release.horizon
    if verdict == "insufficient" and n < horizon:
        return
    risk = f"wrong with probability at most {evidence['alpha']:.2g}"
    reason = {
        "pass": f"v{version} beats v{release.champion} after {n} labels; {risk}",
        "fail": f"v{version} is worse than v{release.champion} after {n} labels; {risk}",
        "insufficient": f"v{version} was not shown to beat v{release.champion} within {horizon} labels",
    }[verdict]
    decision = certificate.issue(
        store,
        "experiment",
        f"v{version}",
        verdict,
        event_time,
        inputs={
            "release": release.id,
            "champion": _bundle(store, release.champion),
            "challenger": _bundle(store, version),
            "outcomes": until,
        },
        evidence={key: evidence[key] for key in ("state", "n", "evidence", "against", "mean", "alpha")},
        reasons=[reason],
    )
    if verdict != "pass":
        dismiss(store, release.id, version, "rejected", verdict, reason, event_time)
        return
    store.state.tell("experiment", reason, f"experiment:{release.id}:pass", event_time)
    store.state.change(
        releases, releases.c.id == release.id, stage="ramp", verdict="pass", reason=reason, position=until,
        experiment=evidence | {"decision": decision},
    )  # fmt: skip


def _ramp(store: Store, release: Row[Any], event_time: datetime | None) -> None:
    """5 → 25 → 100 % of the traffic; each step waits until enough requests were answered under it."""
    version, weight = release.version, release.weight
    if weight and _answered(store, release) < _ANSWERED:
        return
    step = 0 if not weight else RAMP.index(weight) + 1
    if step == len(RAMP):
        promote(store, release.id, version, release.reason, release.experiment["decision"], event_time)
        return
    deploy(
        store,
        PRODUCTION,
        release.champion,
        f"ramp of v{version}",
        challenger=version,
        weight=RAMP[step],
        decision=release.experiment["decision"],
        event_time=event_time,
    )
    position = store.tables.version("predictions")
    store.state.change(releases, releases.c.id == release.id, weight=RAMP[step], position=position)


def _answered(store: Store, release: Row[Any]) -> int:
    """Requests answered since the step began; a challenger that fails to answer is not logged and stops the ramp."""
    new = store.tables.added("predictions", release.position, store.tables.version("predictions"))
    return int(pc.sum(pc.not_equal(new["role"], "shadow")).as_py() or 0) if new is not None else 0


def _bundle(store: Store, version: int) -> str:
    row = store.state.last(versions, versions.c.number == version)
    assert row is not None
    return str(row.bundle)
