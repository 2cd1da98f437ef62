"""The decision in production: the facts of the store go to the rules, the answer into the ledger, a yes to training."""

from dataclasses import replace
from datetime import datetime

from gradino.operate import monitoring, training
from gradino.operate.project import Project
from gradino.operate.release import certificate, champion
from gradino.operate.retraining import ledger, poison, rules
from gradino.operate.retraining.rules import Outcome
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, releases, runs, versions

_CURSOR = "retraining"


def decide(project: Project, store: Store, event_time: datetime | None) -> None:
    """Take the decision, record it when it differs from the last one, and ask for a run when it says so."""
    ledger.settle(store)
    data = store.state.last(data_versions)
    if data is None or _busy(store):
        return
    live = champion(store)
    outcome = _first(store, data.version) if live is None else _weigh(project, store, live, data.version, event_time)
    run = store.state.last(runs)
    now = [outcome.retrain, outcome.blocked, live, run.id if run else None]
    if now == store.state.cursor(_CURSOR, None):
        return
    certificate.issue(
        store,
        "retraining",
        f"v{live}" if live else "first model",
        "pass" if outcome.retrain else "fail",
        event_time,
        inputs={"data": data.digest, "data_version": data.version, "policy": project.retraining.policy},
        evidence=outcome.numbers,
        reasons=outcome.reasons,
    )
    title = "retrain: " if outcome.retrain else "do not retrain: "
    key = f"{_CURSOR}:{':'.join(map(str, now))}"
    store.state.tell(_CURSOR, title + "; ".join(outcome.reasons), key, event_time, **outcome.numbers)
    if outcome.retrain:
        asked = training.request(store, project, "; ".join(outcome.reasons), event_time)
        if live is not None:
            ledger.promise(store, asked, live, project.retraining.policy, outcome.numbers, event_time)
    with store.state.begin() as connection:
        store.state.move_cursor(connection, _CURSOR, now)


def _busy(store: Store) -> bool:
    """A run or a release is under way: its end comes first."""
    return bool(
        store.state.count(runs, runs.c.status.in_(("queued", "running")))
        or store.state.count(releases, releases.c.stage.not_in(("done", "probation")))
        or store.state.count(versions, versions.c.status == "candidate")
    )


def _first(store: Store, data_version: int) -> Outcome:
    """No model yet: train on what there is, again only when there is more."""
    failed = store.state.last(runs)
    if failed and failed.data_version == data_version:
        why = failed.error or "the gates refused it"
        return Outcome(False, [f"the last run on these rows gave no champion: {why}"], ["data"], {})
    return Outcome(True, ["the project has no model yet"], [], {})


def _weigh(project: Project, store: Store, live: int, data_version: int, event_time: datetime | None) -> Outcome:
    """The rules on the facts; what costs time is looked at only where all else says yes."""
    settings, last = project.retraining, store.state.last(runs)
    assert last is not None
    facts = ledger.facts(store, live, last, data_version, settings.min_labels, event_time)
    wished = replace(facts, drifted=True) if settings.policy == "drift" else facts
    outcome = rules.weigh(settings, wished)
    if not outcome.retrain:
        return outcome
    if settings.policy == "drift":
        days = facts.waited.days + 1 if facts.waited is not None else None  # a week of hourly rows is too few
        found = monitoring.diagnose(store, live, days)
        facts = replace(facts, drifted=found is not None and found.verdict == "drift")
    new = store.tables.added("rows", last.data_version if last.data_version is not None else -1, data_version)
    known = store.tables.read("rows", last.data_version)
    if new is not None and known is not None:
        facts = replace(facts, suspicions=poison.suspicions(project, new, known))
    return rules.weigh(settings, facts)
