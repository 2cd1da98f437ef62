"""A copy of the project, operated by `gradino up`, and the people who use it: all drills of one call share it.

Event time runs as fast as the operator follows. Nothing here reaches into the operator: requests and labels go through
HTTP, rows through the feed, changes through git and the command line, and what is known of it comes back that way.
"""

import json
import math
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gradino.drills.project import FEED, Copy
from gradino.drills.pulse import Pulse
from gradino.drills.result import Insufficient
from gradino.drills.rows import Rows, deliver
from gradino.errors import ServiceError
from gradino.outside.commands import ask, free_port, up
from gradino.outside.traffic import Answered, Traffic, read

_AHEAD = timedelta(days=2)  # that the users may be ahead of the operator
_PATIENCE = 300.0  # seconds in which something that is under way must come to its end
_FIRST = 600.0  # until the first model answers: the locked environment may have to be made
_HORIZON, _WEEKS = 1000, 42  # labels and days of an experiment where the project does not say
_WRONG = {"regression": 0.35, "classification": 0.15}  # of the labels that the first model is taught


class Rehearsal:
    """`champion` and `challenger` are the versions that answer and shadow now, `answered` all predictions we got."""

    def __init__(self, copy: Copy, rows: Rows, progress: Callable[[str], None]) -> None:
        self.copy, self.rows, self.root = copy, rows, copy.root
        self.scratch = copy.clone.parent
        self.port, self.page = free_port(), free_port()
        self.traffic, self.pulse = Traffic(self.port), Pulse(self.port)
        self.answered: list[Answered] = []
        self.labels: dict[str, Any] = {}  # of predictions, by their id
        self.inputs: list[str] = []
        self.done: dict[str, Any] = {}  # what one drill leaves to the next
        self._progress = progress
        self.fed = 0  # rows that are in the feed, or were
        self._files = 0
        self._yesterday: tuple[Any, list[Answered | None]] | None = None

    # its life

    def start(self, handicapped: bool) -> None:
        """Operate the copy until its first model answers; `handicapped`: taught wrong in part, to be improved upon.

        Raises:
            Insufficient: the project has too few rows, or its gates refuse the first model.
        """
        history = self.rows.history()
        self.feed(self.rows.given.iloc[:history])
        if handicapped:
            self.teach(self.handicap, "A first model, taught in haste")
        self._progress("starting the rehearsal: the first model takes a while")
        self.up()
        self.wait(lambda: self.traffic.healthy() or self._refused(), "the first model answers", _FIRST)
        if not self.traffic.healthy():
            raise Insufficient(f"the first model is refused: {self._refused()}")
        self.inputs = self._inputs()
        self.pulse.start(self.rows.asked(self.rows.known.index[history - 24 : history], self.inputs))

    def up(self) -> None:
        self.process = up(self.root, self.port, self.page, self.scratch / "up.log")

    def down(self) -> None:
        """Stop what was started."""
        self.pulse.stop()
        self.traffic.close()
        if hasattr(self, "process") and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(40)

    # what its users do

    def feed(self, frame: Any, name: str = "") -> Path:
        """Put rows into the feed."""
        self._files += 1
        self.fed += len(frame)
        file = self.root / FEED / f"{self._files:05}{name}.parquet"
        deliver(frame, file)
        return file

    def live(self, days: int = 0, until: Callable[[], bool] = lambda: False, at_most: int = 0) -> int:
        """Live through so many days, or until something is so, or `at_most`: ask every row, a day later tell the truth
        and feed it.

        Returns the days. Raises Insufficient where the rows end first.
        """
        lived = 0
        while (lived < days) if days else not (until() or (at_most and lived >= at_most)):
            which = self.rows.day()
            answers = self.traffic.score(self.rows.asked(which, self.inputs))
            self.answered += [answer for answer in answers if answer]
            self.truth(known=self.rows.ends(which) - timedelta(days=1))
            self._yesterday = (which, answers)
            self.pulse.ask(self.rows.asked(which, self.inputs))
            lived += 1
            self._follow(self.rows.ends(which) - timedelta(days=1))
        return lived

    def truth(self, known: datetime | None = None) -> int:
        """The rows of the day before come into the feed, and its labels to the server; how many."""
        if self._yesterday is None:
            return 0
        which, answers = self._yesterday
        self._yesterday = None
        self.feed(self.rows.delivered(which))
        when = (known or self.rows.ends(which)).isoformat()
        labels = [(a.id, truth, when) for a, truth in zip(answers, self.rows.truth(which), strict=True) if a]
        self.traffic.tell(labels)
        self.labels |= {key: truth for key, truth, _ in labels}
        return len(labels)

    def teach(self, wrong: float, message: str) -> None:
        """Commit a training that learns a share of labels wrong."""
        self.copy.train_with(wrong, message, self.rows.number())

    @property
    def handicap(self) -> float:
        """The share of wrong labels that makes the first model worse than the project's own."""
        return _WRONG[self.rows.identity.task]

    def train(self, reason: str) -> int:
        """`gradino train`, as a pipeline does after a commit; the version. Raises ServiceError where it fails."""
        self._progress(f"training: {reason}")
        return int(ask("train", str(self.root), "--reason", reason)["version"])

    # what is known of it

    def command(self, *words: str) -> Any:
        return ask(*words, "--project", str(self.root))

    def serving(self) -> dict[str, Any]:
        """What the scoring server says it serves; empty while it does not answer."""
        said = read(self.port, "/version")
        return json.loads(said)["workers"][0] if said else {}

    def status(self) -> dict[str, Any]:
        """What the page says; where it does not answer, what the command says."""
        said = read(self.page, "/api/status")
        return json.loads(said) if said else ask("status", str(self.root))  # type: ignore[no-any-return]

    @property
    def champion(self) -> int | None:
        return self.serving().get("champion")

    @property
    def challenger(self) -> int | None:
        return self.serving().get("challenger")

    def decision(self, kind: str, version: int) -> dict[str, Any] | None:
        """The newest signed decision of that kind about a version."""
        found = self.command("decisions", "--newest", "60")
        return next((d for d in found[::-1] if d["kind"] == kind and d["subject"] == f"v{version}"), None)

    def judged(self, version: int) -> dict[str, Any]:
        """Wait for the gates of a version; their decision."""
        self._progress(f"the gates of v{version}")
        before = self.status()["refused"]
        found: list[dict[str, Any]] = []

        def spoken() -> bool:
            if self.challenger == version or self.champion == version or self.status()["refused"] != before or late():
                found[:] = [d for d in [self.decision("gates", version)] if d]
            return bool(found)

        late = _every(8.0)
        self.wait(spoken, f"the gates judge v{version}")
        return found[0]

    def released(self, version: int) -> bool:
        """Live on until an experiment on live traffic has ended; whether the version has become champion.

        Raises Insufficient where it goes on beyond its horizon.
        """

        def ended() -> bool:
            now = self.serving()
            self._progress(
                f"v{version} against v{now.get('champion')} on live traffic, {self.rows.days_left} days left"
            )
            if now.get("champion") == version:
                return True
            return now.get("challenger") != version and self.decision("experiment", version) is not None

        patience = 2 * max(self.days_for(self.copy.project.release.horizon or _HORIZON), _WEEKS)
        if self.live(until=ended, at_most=patience) >= patience:
            raise Insufficient(f"{patience} days of event time did not bring the experiment to its end")
        return self.champion == version

    def days_for(self, labels: int) -> int:
        """Days of event time that bring so many labels; not less than an experiment takes at least."""
        return max(20, math.ceil(labels / len(self.rows) * self.rows.days))

    def idle(self) -> None:
        """Live on until nothing is trained, tested or tried; by itself the project may have begun something."""
        while self.settled() in ("experiment", "ramp"):
            self._progress("a release of the project's own goes first")
            self.live(days=2)

    def settled(self) -> str:
        """Wait, without living on, until nothing is trained or tested; the stage that the newest release is in then."""
        stage = [""]

        def still() -> bool:
            runs = self.command("runs")["runs"]
            stage[0] = self.command("release").get("stage") or ""
            return stage[0] != "gates" and all(run["status"] not in ("queued", "running") for run in runs)

        self.wait(still, "training and gates end")
        return stage[0]

    def wait(self, so: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> float:
        """Wait until something is so; how long it took. Raises ServiceError where it does not come."""
        began = time.monotonic()
        while not so():
            if self.process.poll() is not None:
                raise ServiceError(f"`gradino up` ended while we waited until {what}", f"see {self.scratch}/up.log")
            if time.monotonic() - began > seconds:
                raise ServiceError(
                    f"it did not come within {seconds:.0f} s that {what}", f"see {self.root}/.gradino/run"
                )
            time.sleep(0.2)
        return time.monotonic() - began

    def comes(self, so: Callable[[], Any], seconds: float) -> bool:
        """Whether something is so within a time; what must come may not."""
        deadline = time.monotonic() + seconds
        while not so():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        return True

    def taken_in(self) -> int:
        """Wait until every row of the feed is in the table or in quarantine; how many these are."""

        def rows() -> int:
            data = self.status()["data"]
            return int(data["rows"] + data["quarantined"])

        self.comes(lambda: rows() >= self.fed, 120)
        return rows()

    def _follow(self, reached: datetime) -> None:
        """Let the operator follow."""

        def near() -> bool:
            clock = self.status()["as_of"]
            return clock is not None and reached - datetime.fromisoformat(clock) <= _AHEAD

        self.wait(near, "the operator follows")

    def _refused(self) -> str:
        """Why the first model was not released; empty while nothing says so."""
        if not read(self.page, "/api/status") or not self.status()["refused"]:
            return ""
        found = self.decision("gates", 1)
        return "; ".join(found["reasons"]) if found else ""

    def _inputs(self) -> list[str]:
        said = read(self.port, f"/v2/models/{self.copy.settings['project']['name']}")
        if said is None:
            raise ServiceError("the scoring server does not describe its model", f"see {self.root}/.gradino/run")
        return [tensor["name"] for tensor in json.loads(said)["inputs"]]


def _every(seconds: float) -> Callable[[], bool]:
    """True once in so many seconds, and not at once."""
    last = time.monotonic()

    def due() -> bool:
        nonlocal last
        if time.monotonic() - last < seconds:
            return False
        last = time.monotonic()
        return True

    return due
