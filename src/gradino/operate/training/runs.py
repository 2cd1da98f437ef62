"""A run's life as rows: queued → running → finished, failed or cancelled. Every step can be repeated after a kill."""

import hashlib
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
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
from gradino.operate.training import compute, environment, snapshot
from gradino.operate.training.task import Outcome, Task

ACTIVE = ("queued", "running")
_LOOK = 0.1  # seconds between two looks at what a person may have changed
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, which sorts as its numbers do


def request(store: Store, project: Project, reason: str, event_time: datetime | None) -> str:
    """Ask for a run; returns its id, which sorts by time."""
    number = time.time_ns() // 1_000_000 << 20 | secrets.randbits(20)
    run = "".join(_ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))
    store.state.add(runs, id=run, status="queued", reason=reason, event_time=event_time)
    store.state.tell("run", f"training of {project.name} was asked for: {reason}", f"run:{run}", event_time, run=run)
    return run


def execute(project: Project, store: Store, run: str) -> int | None:
    """Bring a run to its end and return its model version; None where it failed or was cancelled.

    An ended run is left as it is. Interrupted (Ctrl-C), the run is cancelled.

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
        if row.status not in ACTIVE:
            return row.version  # type: ignore[no-any-return]
        try:
            task = _begin(project, store, row)
            outcome = _outcome(project, store, task)
        except GradinoError as error:
            raise _failed(project, store, row, error) from None
        if outcome is None:
            return None
        _finish(store, row, outcome)
        return outcome.version


def cancel(store: Store, run: str) -> None:
    """End a run that has not ended; whoever executes it stops its job within moments.

    Raises:
        TrainingError: there is no such run, or it has ended.
    """
    row = store.state.last(runs, runs.c.id == run)
    if row is None:
        raise TrainingError(f"there is no run {run}", "`gradino runs` lists them")
    data = store.state.last(data_versions)
    version = row.data_version if row.started else data.version if data else None
    ended = {"error": "cancelled", "ended": now(), "data_version": version}
    if not store.state.change(runs, runs.c.id == run, runs.c.status.in_(ACTIVE), status="cancelled", **ended):
        raise TrainingError(f"run {run} has ended already: it is {row.status}", "`gradino runs` lists them")
    store.state.tell("run", "training was cancelled", f"run:{run}:cancelled", row.event_time, run=run)


def follow(store: Store, run: str) -> Iterator[str]:
    """The lines of a run's log as they are written, until it has ended."""
    file, place = store.folder("runs", run) / "log.txt", 0
    while True:
        active = store.state.count(runs, runs.c.id == run, runs.c.status.in_(ACTIVE))
        if file.exists():
            with file.open(errors="replace") as log:
                log.seek(place)
                for line in iter(log.readline, ""):
                    if line.endswith("\n") or not active:
                        place = log.tell()
                        yield line.rstrip("\n")
        if not active:
            return
        time.sleep(_LOOK)


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
    for kept in (CODE, snapshot.DIFF) if taken.diff else (CODE,):
        store.keep(f"runs/{row.id}/{kept}")
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


def _outcome(project: Project, store: Store, task: Task) -> Outcome | None:
    """Run the job and see every moment whether it is still wanted; None when it was cancelled."""
    job = compute.submit(project, task, task.folder / "log.txt")
    try:
        while not job.done(_LOOK):
            if _cancelled(store, task.run):
                break
        if not _cancelled(store, task.run):
            return job.result()
    except KeyboardInterrupt:
        job.kill()
        with suppress(TrainingError):  # it was cancelled already
            cancel(store, task.run)
        _withdraw(project, task)
        raise
    job.kill()
    _withdraw(project, task)
    return None


def _cancelled(store: Store, run: str) -> bool:
    return bool(store.state.count(runs, runs.c.id == run, runs.c.status == "cancelled"))


def _withdraw(project: Project, task: Task) -> None:
    """Leave nothing behind of a job that was killed."""
    for leftover in task.folder.glob("staged*"):
        shutil.rmtree(leftover)
    call(_untrack, task.folder / "log.txt", task, project.name)


def _untrack(task: Task, name: str) -> None:
    """A job, for MLflow."""
    from gradino.operate.training.tracking import withdraw

    withdraw(task, name)


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
        slices=outcome.slices,
        parameters=outcome.parameters,
        machine=outcome.machine,
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
