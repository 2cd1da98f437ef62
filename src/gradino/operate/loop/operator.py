"""The operator of a project: `python -m gradino.operate.loop.operator --project ROOT`."""

import argparse
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from gradino.errors import GradinoError, IntegrityError
from gradino.operate import incidents, lineage, monitoring, release, retraining, serving
from gradino.operate.loop.lead import lead
from gradino.operate.loop.slow import Slow
from gradino.operate.project import Project, load
from gradino.operate.store import Store

_EXPIRE = 3600.0  # seconds between two looks at what is older than `[serving] keep`
_AGAIN = 60.0  # seconds until a decision that failed is tried again
_MERGE = 60.0  # seconds between two looks at whether the log has many small files
_TICK = 0.25  # seconds between two rounds of the quick lane


class Operator:
    """One round after the other until told to stop."""

    def __init__(self, project: Project, store: Store) -> None:
        self.project, self.store = project, store
        self.slow = Slow(project, store)
        self.feedback = monitoring.Feedback(project, store)
        self._expires = self._merges = 0.0
        self._undecided = 0.0
        self.watchers = incidents.Watchers(project)

    def round(self) -> None:
        """Move everything that can be moved now. Each step may be repeated after a crash."""
        moved = serving.compact(self.store, release.PRODUCTION, self.project.serving.pace)
        clock = self._clock(moved.newest_event_time)
        self.feedback.step()
        monitoring.profile(self.store)
        lineage.seal(self.store)
        self._expire(clock)
        self._merge()
        live = release.champion(self.store)
        for raised in monitoring.watch(self.store, live) if live is not None else ():
            where = f" where {raised.slice}" if raised.slice else ""
            title = f"v{live} does harm{where}: its loss has risen"
            self.store.state.tell(
                "alarm", title, f"alarm:{live}:{raised.slice or ''}", clock, since=f"{raised.since:%Y-%m-%d}"
            )
        release.advance(self.project, self.store, clock)
        release.propose(self.store, clock)
        self._decide(clock)
        self.slow.start(clock)
        incidents.notice(self.store)

    def close(self) -> None:
        serving.compact(self.store, release.PRODUCTION)
        lineage.seal(self.store)
        self.feedback.save()
        self.slow.close()
        self.watchers.close()
        self.store.state.close()

    def _decide(self, clock: datetime | None) -> None:
        """What stands in the way of a decision, as canaries that cannot be read, is an incident; the rest goes on."""
        if time.monotonic() < self._undecided:
            return
        try:
            retraining.decide(self.project, self.store, clock)
        except Exception as error:  # noqa: BLE001  # a bad file must not end the operator
            self._undecided = time.monotonic() + _AGAIN
            found = error if isinstance(error, GradinoError) else GradinoError(f"{type(error).__name__}: {error}", "")
            incidents.report(self.store, "the retraining decision", found)

    def _expire(self, clock: datetime | None) -> None:
        keep = self.project.serving.keep
        if keep and clock and time.monotonic() >= self._expires:
            lineage.expire(self.store, keep, clock)
            self._expires = time.monotonic() + _EXPIRE

    def _merge(self) -> None:
        """A file that is not what was sealed is an incident, and is not merged."""
        if time.monotonic() < self._merges:
            return
        self._merges = time.monotonic() + _MERGE
        try:
            lineage.merge(self.store, self.project.serving.keep)
        except IntegrityError as error:
            incidents.report(self.store, "merging the log", error)

    def _clock(self, newest: datetime | None) -> datetime | None:
        """The event time that production has reached; it never goes back."""
        clock = self.store.clock()
        if newest and (clock is None or newest > clock):
            clock = newest
            with self.store.state.begin() as connection:
                self.store.state.move_cursor(connection, "clock", clock.isoformat())
        return clock


def main() -> int:
    """Operate until SIGTERM or SIGINT; a problem that a person can mend is said in two lines, with exit code 2."""
    parser = argparse.ArgumentParser(description="Operate one project until stopped.")
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--standby", action="store_true", help="where another operator leads, wait until it is gone")
    arguments = parser.parse_args()
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    try:
        project = load(arguments.project)
        store = Store.of(project.root)
        with lead(store, arguments.standby, stopped.is_set) as leadership:
            if leadership is None:
                return 0
            operator = Operator(project, store)
            while not stopped.wait(_TICK):
                leadership.check()
                operator.round()
            operator.close()
    except GradinoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
