"""Follows the newest row of `deployments`: loads, verifies and warms off the path, then flips one reference.

Two threads: one asks the database every 200 ms, one loads. So a roll back to a model that is still warm is live at
the next look, also while something else is being loaded. What cannot be loaded is told; the old model goes on.
"""

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gradino.operate.serving.live import Live
from gradino.operate.serving.privacy import Privacy
from gradino.operate.serving.schema import Extra
from gradino.operate.serving.served import Scorer, Served
from gradino.operate.store.state import State, deployments, versions

EVERY = 0.2  # seconds
_RETRY = 5.0  # seconds until a failed load is tried again
_WARM = 4  # versions kept loaded beside the live ones

Load = Callable[[str], Scorer]  # by the digest of the bundle


@dataclass(frozen=True, slots=True)
class _Failure:
    error: str
    at: float


class Deployments:
    """What one worker serves of an environment. `live` may be read at any time, from any thread."""

    def __init__(
        self, state: State, environment: str, extra: Extra, load: Load, privacy: Privacy | None = None
    ) -> None:
        self._state, self._environment, self._extra, self._load = state, environment, extra, load
        self._privacy = privacy or Privacy()
        self._query = (
            select(deployments.c.id, deployments.c.champion, deployments.c.challenger, deployments.c.weight)
            .where(deployments.c.environment == environment)
            .order_by(deployments.c.id.desc())
            .limit(1)
        )
        self.live: Live | None = None
        self.error: str | None = None
        self.settled = threading.Event()  # there is something to serve, or nothing to wait for
        self._partial = False
        self._warm: dict[int, Served] = {}  # by version, least recently live first
        self._loading: dict[int, Future[Served]] = {}
        self._failed: dict[int, _Failure] = {}
        self._loader = ThreadPoolExecutor(1, "load")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, each_look: Callable[[], object]) -> None:
        """Begin to follow; `each_look` is called after every look."""
        self._thread = threading.Thread(target=self._follow, args=(each_look,), name="deployments", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self._loader.shutdown(cancel_futures=True)

    def _follow(self, each_look: Callable[[], object]) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except SQLAlchemyError as error:
                self.error = f"the database does not answer: {error.__class__.__name__}"
            each_look()
            self._stop.wait(EVERY)

    def _look(self) -> None:
        with self._state.engine.connect() as connection:
            row = connection.execute(self._query).first()
        if row is None:
            self.settled.set()
            return
        self._collect(row)
        if self.live and self.live.deployment == row.id and not self._partial:
            self.error = None
            return
        self._begin(row.champion, row.challenger)
        if self._flip(row):
            self._begin(self._predecessor(row.champion))  # of which a worker that has just begun has nothing

    def _collect(self, row: Any) -> None:
        """Take what was loaded."""
        for version, future in list(self._loading.items()):
            if not future.done():
                continue
            del self._loading[version]
            if error := future.exception():
                self._failed[version] = _Failure(f"version {version} cannot be loaded: {error}", time.monotonic())
                self._tell(row, version, self._failed[version].error)
            else:
                self._warm[version] = future.result()
                self._failed.pop(version, None)

    def _begin(self, *wanted: int | None) -> None:
        """To load what is missing."""
        for version in wanted:
            if version is None or version in self._warm or version in self._loading:
                continue
            if (failure := self._failed.get(version)) and time.monotonic() - failure.at < _RETRY:
                continue
            self._loading[version] = self._loader.submit(self._read, version)

    def _predecessor(self, champion: int) -> int | None:
        """To which a roll back would lead."""
        here = deployments.c.environment == self._environment
        row = self._state.last(deployments, here, deployments.c.champion != champion)
        return row.champion if row else None

    def _read(self, version: int) -> Served:
        found = self._state.last(versions, versions.c.number == version)
        if not found:
            raise LookupError(f"there is no version {version}")
        served = Served(version, self._load(found.bundle))
        served.warm()
        for name in self._privacy.unknown(field.name for field in served.inputs):
            self._say(f"[serving] protects `{name}`, which version {version} has not", f"privacy:{name}:{version}")
        return served

    def _flip(self, row: Any) -> bool:
        """Serve it, if it is loaded; returns whether anything new serves."""
        failed = [self._failed[v].error for v in (row.champion, row.challenger) if v in self._failed]
        self.error = "; ".join(failed) or None
        champion = self._warm.get(row.champion)
        challenger = self._warm.get(row.challenger)
        complete = champion is not None and (row.challenger is None or challenger is not None)
        # Without anything to keep, a champion whose challenger fails is better than nothing.
        alone = champion is not None and self.live is None and row.challenger in self._failed
        is_new = champion is not None and (complete or alone)
        if champion and is_new:
            self.live = Live.of(row.id, champion, challenger, row.weight, self._extra, self._privacy)
            self._partial = not complete
            self._keep_warm(row)
        if self.live or row.champion in self._failed:
            self.settled.set()
        return is_new

    def _keep_warm(self, row: Any) -> None:
        for version in (row.challenger, row.champion):
            if version in self._warm:
                self._warm[version] = self._warm.pop(version)
        while len(self._warm) > _WARM + 2:
            del self._warm[next(iter(self._warm))]

    def _tell(self, row: Any, version: int, error: str) -> None:
        self._say(error, f"serving:{self._environment}:{row.id}:{version}", deployment=row.id, version=version)

    def _say(self, what: str, key: str, **detail: Any) -> None:
        print(f"gradino: {what}", file=sys.stderr)
        with suppress(SQLAlchemyError):  # a sibling has told it already
            self._state.tell("service", what, key, environment=self._environment, **detail)
