"""The slow lane: collect, train, gates and the aliases in MLflow, each a DBOS workflow whose id is the row it works on.

A workflow that a crash interrupted is found again at the next start and done over; what it calls looks up by key,
acts and returns a reference, so doing it over gives the same result. No workflow waits for the world.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

from gradino.errors import GradinoError
from gradino.operate import data, incidents, registry, release, training
from gradino.operate.project import Project, load
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, deployments, releases, runs

_PAUSE = 2.0  # seconds of wall clock between two collections, however fast event time runs
_RETRY = 10.0  # seconds between two while there are no rows at all
_ALIAS = "alias"  # cursor: the aliases that MLflow knows
_QUEUES = ("data", "models")


class Slow:
    """Starts what is due and was not started before."""

    def __init__(self, project: Project, store: Store) -> None:
        self._project, self._store = project, store
        self._begun: set[str] = set()
        self._collected: tuple[float, datetime | None] | None = None  # when: wall clock, event time
        self._collecting = ""  # the workflow of it
        DBOS(
            config=DBOSConfig(
                name="gradino",
                system_database_url=store.workflows_uri,
                application_version="1",
                executor_id="operator",
                log_level="ERROR",
                console_log_level="ERROR",
            )
        )
        DBOS.launch()
        for queue in _QUEUES:
            DBOS.register_queue(queue, concurrency=1, polling_interval_sec=0.1)

    def start(self, clock: datetime | None) -> None:
        """Enqueue what is due, once."""
        root = str(self._project.root)
        for run in self._store.state.rows(runs, runs.c.status.in_(("queued", "running"))):
            self._once(f"train-{run.id}", "models", train, root, run.id)
        for row in self._store.state.rows(releases, releases.c.stage == "gates"):
            self._once(f"gates-{row.id}", "models", gates, root, row.id)
        wanted = release.aliases(self._store)
        if wanted and wanted != self._store.state.cursor(_ALIAS, None):
            names = "-".join(map(str, wanted.values()))
            self._once(f"alias-{names}-{self._store.state.count(deployments)}", "models", alias, root)
        if self._due(clock):
            self._collected, key = (time.monotonic(), clock), f"collect-{time.time_ns()}"
            self._once(key, "data", collect, root)
            self._collecting = f"{key}.1"

    def close(self) -> None:
        """Stop at once; the next start finishes what was begun."""
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def _once(self, key: str, queue: str, workflow: Callable[..., None], *args: object) -> None:
        """Enqueue, unless it was; one that failed unforeseen gets another attempt at the next start."""
        if key in self._begun:
            return
        self._begun.add(key)
        for attempt in count(1):
            identity = f"{key}.{attempt}"
            before = DBOS.get_workflow_status(identity)
            if before is None:
                with SetWorkflowID(identity):
                    DBOS.enqueue_workflow(queue, workflow, *args)
            if before is None or before.status != "ERROR":
                return

    def _due(self, clock: datetime | None) -> bool:
        """At start, when `every` has passed by the wall clock or by event time, sooner while there is nothing.

        However many times were missed, it is due once, and not while the last one is still under way.
        """
        if self._collected is None:
            return True
        under_way = DBOS.get_workflow_status(self._collecting)
        if under_way and under_way.status in ("ENQUEUED", "PENDING"):
            return False
        wall, event = self._collected
        waited = timedelta(seconds=time.monotonic() - wall)
        every = self._project.data.every if self._store.state.last(data_versions) else timedelta(seconds=_RETRY)
        return waited >= every or (
            waited.total_seconds() >= _PAUSE and clock is not None and (event is None or clock - event >= every)
        )


@DBOS.workflow()
def collect(root: str) -> None:
    """Take in what the source has gained."""
    _collect(root)


@DBOS.workflow()
def train(root: str, run: str) -> None:
    """Bring the data up to date, then finish the run."""
    _collect(root)
    _train(root, run)


@DBOS.workflow()
def gates(root: str, release_id: int) -> None:
    """Put a candidate through its gates and move its release on."""
    _gates(root, release_id)


@DBOS.workflow()
def alias(root: str) -> None:
    """Let MLflow say who is champion, challenger and previous champion."""
    _alias(root)


@DBOS.step()
def _collect(root: str) -> None:
    with _opened(root, "collection") as (project, store):
        data.collect(project, store)


@DBOS.step()
def _train(root: str, run: str) -> None:
    with _opened(root, f"run {run}") as (project, store):
        training.execute(project, store, run)


@DBOS.step()
def _gates(root: str, release_id: int) -> None:
    with _opened(root, f"release {release_id}") as (project, store):
        release.run_gates(project, store, release_id)
        release.after_gates(project, store, release_id, store.clock())


@DBOS.step()
def _alias(root: str) -> None:
    with _opened(root, "aliases") as (project, store):
        wanted, known = release.aliases(store), store.state.cursor(_ALIAS, None) or {}
        for name, version in wanted.items():
            if version != known.get(name):
                registry.set_alias(project, store, name, version)
        with store.state.begin() as connection:
            store.state.move_cursor(connection, _ALIAS, wanted)


@contextmanager
def _opened(root: str, what: str) -> Iterator[tuple[Project, Store]]:
    """The project and its store; what goes wrong becomes an incident. Only a GradinoError is an answer."""
    store = Store.of(Path(root))
    try:
        yield load(Path(root)), store
    except data.BadBatchError:
        pass  # the story tells of it already
    except GradinoError as error:
        incidents.report(store, what, error)
    except Exception as error:
        incidents.report(store, what, GradinoError(f"{type(error).__name__}: {error}", "see .gradino/run/operator.log"))
        raise
    finally:
        store.state.close()
