"""The story: two years of rides, one hour after the other, against a project that `gradino up` operates.

Event time runs as fast as the operator follows: it is never more than a few days behind, and while it trains or tests,
the town slows down. Nothing here reaches into the operator: traffic and labels go through HTTP, rows through the
station's feed, commits through git and `gradino train`.
"""

import json
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from gradino.console import write_report
from gradino.demo import commits, feed
from gradino.errors import ServiceError
from gradino.operate.project import load, scaffold
from gradino.operate.store import Store
from gradino.operate.store.state import events, releases, runs
from gradino.outside.commands import ask, command, free_port, git, up
from gradino.outside.traffic import Traffic

FIRST = date(2012, 1, 1)  # production begins; what was counted before is the first data
MISTAKES = {date(2012, 1, 3): commits.BROKEN, date(2012, 1, 8): commits.WORSE}
_AHEAD = timedelta(days=3)  # that the town may be ahead of the operator
_SLOW = 0.2  # seconds between two hours while the operator trains or tests; else they come as fast as they go
_PATIENCE = 120.0  # seconds in which something must happen until the first model answers
_EXAMPLE = "bike-sharing"


@dataclass
class Town:
    """A copy of the example project, operated, and the people who ride."""

    folder: Path
    counts: pd.DataFrame
    tell: Callable[[Any], None]
    progress: Callable[[int, int, str], None]
    port: int = field(default_factory=free_port)
    page: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.store = Store.of(self.folder)
        self.traffic = Traffic(self.port)
        self.ids: list[str] = []
        self._told = 0
        self._working = False
        self._mistakes = deque(sorted(MISTAKES.items()))
        self._pending: subprocess.Popen[bytes] | None = None

    @classmethod
    def settle(cls, folder: Path, counts: pd.DataFrame, **faces: Any) -> "Town":
        """Write the project; what was counted before production begins lies in its feed."""
        scaffold.write(folder, example())
        scaffold.commit(folder)
        for day, rows in feed.days(counts):
            if day < FIRST:
                feed.deliver(day, rows, folder / "feed")
        return cls(folder, counts, **faces)

    def up(self, keep: bool) -> None:
        """Operate the project, as its user would, and wait until its first model answers; `keep` lets it outlive us."""
        log = self.store.folder("run") / "up.log"
        self.process = up(self.folder, self.port, self.page, log, outlive=keep)
        told, deadline = -1, 0.0
        while not self.traffic.healthy():
            self.follow()
            if self._told > told:
                told, deadline = self._told, time.monotonic() + _PATIENCE
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.down()
                raise ServiceError("the project did not come up", f"see {self.store.root / 'run'}")
            time.sleep(0.1)
        self.follow()

    def live(self) -> None:
        """Ride through all days: ask every hour, tell the truth a day later, make the mistakes when they are due."""
        days = [(day, rows) for day, rows in feed.days(self.counts) if day >= FIRST]
        yesterday: tuple[date, pd.DataFrame, list[Any]] | None = None
        for number, (day, rows) in enumerate(days):
            answers = self._ask(_requests(rows))
            self.ids += [answer[0] for answer in answers if answer]
            if yesterday:
                self._truth(*yesterday, known=datetime.combine(day, datetime.min.time(), UTC))
            yesterday = (day, rows, answers)
            self._mistake(day)
            self._wait(day)
            self.progress(
                number + 1, len(days), f"{day}  requests {self.traffic.requests:,}  failed {self.traffic.failed}"
            )
        self._settle()

    def summary(self) -> dict[str, Any]:
        """What happened, by the records and by what the application saw; one prediction is traced."""
        found = ask("status", str(self.folder))
        traced = ask("trace", self.ids[len(self.ids) // 2], "--project", str(self.folder))
        assessment = ask("assess", str(self.folder))
        write_report(self.store, load(self.folder), assessment, self.folder / "report.html")
        return {
            "requests": self.traffic.requests,
            "failed_requests": self.traffic.failed,
            "alarms": found["alarms"],
            "retrains": found["retrains"] - 1,  # the first model is a training, but no retraining
            "promotions": found["promotions"],
            "refused": found["refused"] + found["rejected"],
            "quarantined_rows": found["data"]["quarantined"],
            "trace_verified": traced["verified"],
            "level": assessment["level"]["technical"]["wired"],
        }

    def down(self) -> None:
        """Stop what `up` started."""
        self.traffic.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def follow(self) -> None:
        """Tell what has happened since the last time."""
        for event in self.store.state.rows(events, events.c.id > self._told):
            self._told = event.id
            self.tell(event)

    def _ask(self, requests: list[dict[str, Any]]) -> list[Any]:
        """A day's requests; while the operator trains or tests, one after the other and slowly."""
        if not self._working:
            return self.traffic.score(requests)
        answers = []
        for request in requests:
            answers += self.traffic.score([request])
            time.sleep(_SLOW)
        return answers

    def _truth(self, day: date, rows: pd.DataFrame, answers: list[Any], known: datetime) -> None:
        """The station's file of a day, and the labels of its predictions."""
        feed.deliver(day, rows, self.folder / "feed")
        pairs = zip(answers, rows["cnt"], strict=True)
        self.traffic.tell([(answer[0], float(truth), known.isoformat()) for answer, truth in pairs if answer])

    def _mistake(self, day: date) -> None:
        """Commit what is due, once the one before has met its fate and is reverted."""
        if self._pending and self._pending.poll() is not None:
            git(self.folder, "revert", "--no-edit", "HEAD")
            self._pending = None
        if self._mistakes and not self._pending and day >= self._mistakes[0][0] and not self._busy():
            _, commit = self._mistakes.popleft()
            commit.apply(self.folder)
            git(self.folder, "commit", "--all", "-m", commit.message)
            train = command("train", str(self.folder), "--reason", commit.message)
            self._pending = subprocess.Popen(train, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _busy(self) -> bool:
        state = self.store.state
        return bool(
            state.count(runs, runs.c.status.in_(("queued", "running")))
            or state.count(releases, releases.c.stage != "done")
        )

    def _wait(self, day: date) -> None:
        """Let the operator follow."""
        now = datetime.combine(day, datetime.min.time(), UTC)
        while True:
            self.follow()
            state = self.store.state
            clock = self.store.clock()
            if self.process.poll() is not None:
                raise ServiceError("the operator is gone", f"see {self.store.root / 'run'}")
            if clock is not None and now - clock <= _AHEAD:
                break
            time.sleep(0.02)
        self._working = bool(
            self._pending
            or state.count(runs, runs.c.status.in_(("queued", "running")))
            or state.count(releases, releases.c.stage == "gates")
        )

    def _settle(self) -> None:
        """The last labels are joined and whatever is at work comes to its end."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            self.follow()
            if not self.store.state.count(runs, runs.c.status.in_(("queued", "running"))):
                break
            time.sleep(0.1)


def example() -> Path:
    """The example project: in the checkout, or where the wheel carries it."""
    here = Path(__file__).resolve()
    places = (here.parents[3] / "examples" / _EXAMPLE, here.parent / _EXAMPLE)
    return next(place for place in places if place.is_dir())


def _requests(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """What the application knows of each hour when it asks."""
    known = rows[["season", "holiday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed"]]
    asked = known.assign(hour=feed.hours(rows).dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    requests: list[dict[str, Any]] = json.loads(asked.to_json(orient="records"))
    return requests
