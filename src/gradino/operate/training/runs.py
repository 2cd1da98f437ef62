"""A run's life as rows: queued → running → finished or failed. Every step can be repeated after a kill."""

import hashlib
import secrets
import shutil
import time
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from gradino.errors import GradinoError, TrainingError
from gradino.operate.project import Project
from gradino.operate.project.process import JobError, call
from gradino.operate.registry.bundle import CODE, SIGNATURE, sha256
from gradino.operate.store import Store
from gradino.operate.store.lock import alone
from gradino.operate.store.state import data_versions, now, runs, versions
from gradino.operate.training import environment, snapshot
from gradino.operate.training.task import Outcome, Task

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, which sorts as its numbers do


def request(store: Store, project: Project, reason: str, event_time: datetime | None) -> str:
    """Ask for a run; returns its id, which sorts by time."""
    number = time.time_ns() // 1_000_000 << 20 | secrets.randbits(20)
    run = "".join(_ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))
    store.state.add(runs, id=run, status="queued", reason=reason, event_time=event_time)
    store.state.tell("run", f"training of {project.name} was asked for: {reason}", f"run:{run}", event_time, run=run)
    return run


def execute(project: Project, store: Store, run: str) -> int | None:
    """Bring a run to its end and return its model version. An ended run is left as it is: None where it failed.

    It takes the newest data version and the project's files as they are when it first begins; begun again after a
    kill, it starts over with the same ones, unless its version is registered already.

    Raises:
        TrainingError: the project's function failed, or there is nothing to train on; the run is `failed` then.
        GradinoError: the project or its environment is not as it must be; likewise.
    """
    folder = store.folder("runs", run)
    with alone(folder / "lock"):
        row = store.state.last(runs, runs.c.id == run)
        if row is None:
            raise TrainingError(f"there is no run {run}", "`gradino runs` lists them")
        if row.status in ("finished", "failed"):
            return row.version  # type: ignore[no-any-return]
        try:
            task = _begin(project, store, row)
            outcome = call(_work, folder / "log.txt", task)
        except GradinoError as error:
            raise _failed(project, store, row, error) from None
        _finish(store, row, outcome)
        return outcome.version


def _begin(project: Project, store: Store, row: Row[Any]) -> Task:
    """Fix what the run depends on, and say so in its row."""
    data = store.state.last(data_versions, *([data_versions.c.version == row.data_version] if row.started else []))
    if data is None:
        raise TrainingError("there are no rows to train on", f"see what {project.data.source} delivers")
    lock = environment.identity(project.root)
    unlike = environment.differences(project.root, lock)
    if unlike:
        raise TrainingError(
            f"this Python is not the locked environment: {unlike[0]}" + (" and more" if len(unlike) > 1 else ""),
            "start with `gradino up`, which makes it; or bring the lock file up to date with `uv lock`",
        )
    folder = store.folder("runs", row.id)
    for leftover in folder.glob("staged*"):
        shutil.rmtree(leftover)
    taken = snapshot.take(project.root, folder)
    seed = int(hashlib.sha256(row.id.encode()).hexdigest()[:8], 16)
    store.state.change(
        runs,
        runs.c.id == row.id,
        status="running",
        commit=taken.commit,
        diff=taken.diff,
        code=taken.code,
        environment=lock,
        data_version=data.version,
        data_digest=data.digest,
        seed=seed,
        started=row.started or now(),
    )
    return Task(store.root, row.id, folder, taken, lock, data.version, data.digest, seed)


def _work(task: Task) -> Outcome:
    """The job; scikit-learn, MLflow and the project's code are imported there, not here."""
    from gradino.operate.training.job import train

    return train(task)


def _finish(store: Store, row: Row[Any], outcome: Outcome) -> None:
    store.state.add_once(
        versions,
        {"run": row.id},
        number=outcome.version,
        bundle=outcome.bundle,
        signature=sha256(store.at_hand(f"bundles/{outcome.bundle}") / SIGNATURE),
        status="candidate",
        event_time=row.event_time,
    )
    metric, baseline = list(outcome.metrics.items())[:2]
    store.state.tell(
        "run",
        f"v{outcome.version} trained: {metric[0]} {metric[1]:.4g} on the holdout, {baseline[1]:.4g} without a model",
        f"run:{row.id}:finished",
        store.clock(),
        run=row.id,
        version=outcome.version,
        metrics=outcome.metrics,
    )
    store.state.change(
        runs,
        runs.c.id == row.id,
        status="finished",
        metrics=outcome.metrics,
        tracker_run=outcome.tracker_run,
        version=outcome.version,
        ended=now(),
    )


def _failed(project: Project, store: Store, row: Row[Any], error: GradinoError) -> GradinoError:
    """Put the failure on record; returns what to raise, with paths of the project and not of the snapshot."""
    if isinstance(error, JobError):
        frames = error.trace.replace(str(store.root / "runs" / row.id / CODE), str(project.root))
        log = store.root / "runs" / row.id / "log.txt"
        error = TrainingError(f"{project.training.train} failed: {error.what}", frames or f"see {log}")
    store.state.tell("run", f"training failed: {error.what}", f"run:{row.id}:failed", row.event_time, run=row.id)
    store.state.change(runs, runs.c.id == row.id, status="failed", error=str(error), ended=now())
    return error
