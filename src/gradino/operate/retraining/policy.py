"""Retrain when even a cautious estimate says that it pays, and no guard forbids it.

    lower estimate of the loss a fresh model avoids × traffic × value  >  cost

The loss a fresh model avoids is estimated by the rise of the champion's loss in production over its holdout; the
traffic, by what the champion has answered so far: a model is expected to serve as long as the one before it. Where
nobody gave a price, one retraining costs 5 % of the champion's reference loss over `min_labels` predictions.
Sources: arXiv 2310.04216, 2505.14903.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gradino.inference import gain
from gradino.operate import training
from gradino.operate.monitoring import reference
from gradino.operate.project import Project
from gradino.operate.release import certificate, champion
from gradino.operate.store import Store
from gradino.operate.store.state import alarms, data_versions, releases, runs, versions

_DEFAULT_COST = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether to retrain; `reasons` are sentences, `blocked` names the guards that said no."""

    retrain: bool
    reasons: list[str]
    blocked: list[str]
    numbers: dict[str, Any]


def decide(project: Project, store: Store, event_time: datetime | None) -> None:
    """Take the decision, record it when it differs from the last one, and ask for a run when it says so."""
    data = store.state.last(data_versions)
    if data is None or _busy(store):
        return
    live = champion(store)
    outcome = _first(store, data.version) if live is None else _weigh(project, store, live, data.version, event_time)
    last = store.state.cursor("retraining", None)
    run = store.state.last(runs)
    now = [outcome.retrain, outcome.blocked, live, run.id if run else None]
    if now == last:
        return
    certificate.issue(
        store,
        "retraining",
        f"v{live}" if live else "first model",
        "pass" if outcome.retrain else "fail",
        event_time,
        inputs={"data": data.digest, "data_version": data.version},
        evidence=outcome.numbers,
        reasons=outcome.reasons,
    )
    title = "retrain: " if outcome.retrain else "do not retrain: "
    key = f"retraining:{':'.join(map(str, now))}"
    store.state.tell("retraining", title + "; ".join(outcome.reasons), key, event_time, **outcome.numbers)
    if outcome.retrain:
        training.request(store, project, "; ".join(outcome.reasons), event_time)
    with store.state.begin() as connection:
        store.state.move_cursor(connection, "retraining", now)


def _busy(store: Store) -> bool:
    """A run or a release is under way: its end comes first."""
    return bool(
        store.state.count(runs, runs.c.status.in_(("queued", "running")))
        or store.state.count(releases, releases.c.stage != "done")
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
    if not store.state.count(alarms, alarms.c.version == live):
        return Outcome(False, [f"no harm by v{live} has been shown"], ["alarm"], {})
    settings, last = project.retraining, store.state.last(runs)
    assert last is not None
    outcomes = _answers(store, live)
    new = int(pc.sum(pc.greater(outcomes["label_time"], last.event_time)).as_py()) if last.event_time else len(outcomes)
    held = reference(store, live)
    early = np.array(held.losses) * held.scale
    recent = outcomes["loss"].to_numpy()[-settings.min_labels :] * held.scale
    cost = settings.cost
    if cost is None:
        cost = _DEFAULT_COST * float(early.mean()) * settings.min_labels * settings.value
    worth = gain.retraining_value(recent, early, traffic=len(outcomes), value=settings.value, cost=cost)
    waited = not (event_time and last.event_time) or event_time - last.event_time >= settings.cooldown
    guards = {
        "labels": (new >= settings.min_labels, f"fewer than {settings.min_labels} labels since the last training"),
        "cooldown": (waited, f"the last training is less than {settings.cooldown} ago"),
        "data": (data_version > (last.data_version or 0), "no rows that the last training had not"),
        "value": (worth.worthwhile, "it would not pay"),
    }
    blocked = [name for name, (holds, _) in guards.items() if not holds]
    reasons = [guards[name][1] for name in blocked] or [
        f"v{live} does harm",
        f"a fresh model avoids about {worth.avoidable:.3g} of loss per prediction",
        f"worth {worth.expected:.3g} beyond its cost of {cost:.3g}",
    ]
    numbers = {
        "labels": new,
        "avoidable": worth.avoidable,
        "expected": worth.expected,
        "cautious": worth.cautious,
        "cost": cost,
    }
    return Outcome(not blocked, reasons, blocked, numbers)


def _answers(store: Store, version: int) -> pa.Table:
    """The labelled answers of a version, oldest label first: `label_time`, `loss`."""
    table = store.tables.open("outcomes")
    assert table is not None
    own = (pc.field("version") == version) & (pc.field("role") != "shadow")
    return table.to_pyarrow_dataset().to_table(["label_time", "loss"], filter=own).sort_by("label_time")
