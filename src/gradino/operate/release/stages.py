"""A release is a row that moves one stage at a time: gates → experiment → ramp → probation → done.

Each function looks at the row and the records, moves it if it can, and may be repeated after a crash.
"""

from datetime import datetime
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Row, update

from gradino.operate.project import Project
from gradino.operate.release import certificate, experiment, follow, health, randomised
from gradino.operate.release.rollout import PRODUCTION, champion, deploy, dismiss, promote, rollback, settle
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, gates, releases, versions

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
        reason = "gates passed; the project runs no experiment"
        probation = _probation(project, store, against)
        promote(store, release.id, version, reason, decision, event_time, probation)
    else:
        j = store.state.count(releases, releases.c.champion == against) + 1
        begun = experiment.begin(project.release, j, bool(project.project.unit))
        position = store.tables.version("outcomes")
        begun |= {"j": j, "since": position, "health": [store.tables.version("predictions"), 0, 0]}
        with store.state.begin() as connection:
            moved = {"stage": "experiment", "champion": against, "experiment": begun, "position": position}
            connection.execute(update(releases).where(releases.c.id == release.id).values(**moved))
            connection.execute(update(versions).where(versions.c.number == version).values(status="challenger"))


def advance(project: Project, store: Store, event_time: datetime | None) -> None:
    """Move the release that is on live traffic, one at a time and oldest first."""
    moves = {"experiment": _experiment, "ramp": _ramp, "probation": _watch}
    live = store.state.rows(releases, releases.c.stage.in_(tuple(moves)))
    if live:
        moves[live[0].stage](project, store, live[0], event_time)


def _experiment(project: Project, store: Store, release: Row[Any], event_time: datetime | None) -> None:
    version, against = release.version, release.champion
    if against != champion(store):  # rolled back or overtaken: the comparison has lost its other half
        dismiss(store, release.id, version, "rejected", "insufficient", "the champion has changed", event_time)
        return
    shadow = release.experiment["kind"] == "shadow"
    told = f"v{version} {'shadows' if shadow else 'shares the units with'} v{against}"
    weight = 0.0 if shadow else randomised.SHARE
    deploy(store, PRODUCTION, against, told, challenger=version, weight=weight, event_time=event_time)
    store.state.tell("experiment", told, f"experiment:{release.id}", event_time)
    evidence, until = follow.catch_up(project, store, release.experiment, release.position, against, version)
    if evidence != release.experiment:
        store.state.change(releases, releases.c.id == release.id, experiment=evidence, position=until)
    ill = health.left_out(*evidence["health"][1:]) or (None if shadow else _ill(project, store, release))
    found = (
        experiment.Judgement("fail", False, ill, "none needed") if ill else experiment.judge(evidence, project.release)
    )
    if found is None:
        return
    reason = f"v{version} against v{against}: {found.says}"
    decision = certificate.issue(
        store,
        "experiment",
        f"v{version}",
        found.verdict,
        event_time,
        inputs=_inputs(project, store, release, evidence, until),
        evidence={key: evidence[key] for key in ("n", "evidence", "against", "mean", "alpha", "broken", "log")}
        | {"deff": evidence.get("deff"), "health": ill, "guarantee": found.guarantee, "promote": found.promote},
        reasons=[reason],
    )
    if not found.promote:
        dismiss(store, release.id, version, "rejected", found.verdict, reason, event_time)
        return
    store.state.tell("experiment", reason, f"experiment:{release.id}:pass", event_time)
    store.state.change(
        releases, releases.c.id == release.id, stage="ramp", verdict=found.verdict, reason=reason, weight=weight,
        experiment=evidence | {"decision": decision}, position=store.tables.version("predictions"),
    )  # fmt: skip


def _ramp(project: Project, store: Store, release: Row[Any], event_time: datetime | None) -> None:
    """5 → 25 → 100 % of the traffic; each step waits until enough requests were answered under it, in good health."""
    version, weight, decision = release.version, release.weight or 0.0, release.experiment["decision"]
    if release.champion != champion(store):
        dismiss(store, release.id, version, "rejected", "insufficient", "the champion has changed", event_time)
        return
    ill = _ill(project, store, release) if weight else None
    if ill:
        reason = f"stopped at {weight:.0%} of the traffic: {ill}"
        inputs = {"release": release.id, "bundle": _bundle(store, version), "decision": decision}
        evidence = {"weight": weight, "health": ill}
        certificate.issue(
            store, "ramp", f"v{version}", "fail", event_time, inputs=inputs, evidence=evidence, reasons=[reason]
        )
        dismiss(store, release.id, version, "rejected", "fail", reason, event_time)
        return
    if weight and _answered(store, release) < _ANSWERED:
        return
    later = [step for step in RAMP if step > weight]
    if not later:
        probation = _probation(project, store, release.champion)
        promote(store, release.id, version, release.reason, decision, event_time, probation)
        return
    told = f"ramp of v{version}"
    why = {"challenger": version, "weight": later[0], "decision": decision, "event_time": event_time}
    deploy(store, PRODUCTION, release.champion, told, **why)
    position = store.tables.version("predictions")
    store.state.change(releases, releases.c.id == release.id, weight=later[0], position=position)


def _watch(project: Project, store: Store, release: Row[Any], event_time: datetime | None) -> None:
    """The new champion, shadowed by the one before: shown to be worse, or ill, it is rolled back."""
    version, before = release.version, release.champion
    if champion(store) != version:  # rolled back by hand
        store.state.change(releases, releases.c.id == release.id, stage="done")
        return
    evidence, until = follow.catch_up(project, store, release.probation, release.position, before, version)
    if evidence != release.probation:
        store.state.change(releases, releases.c.id == release.id, probation=evidence, position=until)
    ill = _ill(project, store, release)
    if ill or evidence["verdict"] == "fail":
        found = experiment.judge(evidence, project.release)
        reason = f"v{version} in its probation: {ill or (found.says if found else '')}"
        shown = {key: evidence[key] for key in ("n", "evidence", "against", "mean", "alpha", "deff", "log")}
        rollback(store, reason, event_time, _inputs(project, store, release, evidence, until), health=ill, **shown)
    elif evidence["verdict"] == "pass" or evidence["n"] >= project.release.probation:
        settle(store, release.id, before, f"the probation of v{version} is over", event_time)


def _probation(project: Project, store: Store, before: int) -> dict[str, Any] | None:
    """What a release's row becomes when its version is promoted on probation; None where the project has none.

    In an A/B the served answer changes what happens, so no shadow can say what would have happened.
    """
    if not project.release.probation or project.release.experiment == "ab":
        return None
    position = store.tables.version("outcomes")
    begun = experiment.begin(project.release.model_copy(update={"experiment": "shadow"}), 1)
    begun |= {"j": 1, "since": position, "health": [store.tables.version("predictions"), 0, 0]}
    return {"stage": "probation", "champion": before, "probation": begun, "position": position}


def _ill(project: Project, store: Store, release: Row[Any]) -> str | None:
    """What has gone wrong with the service since this release last changed what production serves."""
    since = store.state.last(deployments, deployments.c.environment == PRODUCTION)
    return health.service(store, since.at, project.release.latency) if since else None


def _inputs(project: Project, store: Store, release: Row[Any], evidence: dict[str, Any], until: int) -> dict[str, Any]:
    """What a certificate rests on, all by digest: both bundles, the rule, the log's part."""
    keys = {"experiment", "alpha", "worse_by", "horizon", "at_horizon", "outcome"}
    return {
        "release": release.id,
        "champion": _bundle(store, release.champion),
        "challenger": _bundle(store, release.version),
        "versions": [release.champion, release.version],
        "kind": evidence["kind"],
        "settings": project.release.model_dump(include=keys),
        "by_unit": bool(project.project.unit),
        "j": evidence["j"],
        "outcomes": [evidence["since"], until],
        "log": evidence["log"],
    }


def _answered(store: Store, release: Row[Any]) -> int:
    """Requests answered since the step began."""
    new = store.tables.added("predictions", release.position, store.tables.version("predictions"))
    return int(pc.sum(pc.not_equal(new["role"], "shadow")).as_py() or 0) if new is not None else 0


def _bundle(store: Store, version: int) -> str:
    row = store.state.last(versions, versions.c.number == version)
    assert row is not None
    return str(row.bundle)
