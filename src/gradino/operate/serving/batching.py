"""Adaptive micro-batching: whatever queued while the last model call ran goes into the next one, in one thread.

Beside it the shadow: a thread of lower priority that scores answered rows again with the other model. It works from a
bounded queue, waits for a pause of the answering thread, and what does not fit is logged as dropped.
"""

import asyncio
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Full, Queue, SimpleQueue
from typing import Any

from gradino.operate.serving.commit import Entry, PredictionLog, Scored
from gradino.operate.serving.live import Arm, Live
from gradino.operate.serving.schema import Row
from gradino.operate.serving.served import as_logged
from gradino.operate.serving.wal import Prediction, Role

MOST_ROWS = 1024  # of one model call, unless one request alone has more
MOST_WAITING = 20_000  # rows, before callers are told to come back later
_SHADOW_WAITING = 512  # answered batches that wait for their shadow
_PAUSE = 0.05  # seconds the shadow waits for a pause, at most, before each of its calls
_SHADOW_NICE = 10


class ModelFailed(Exception):  # noqa: N818  # it becomes an answer
    """The model raised on rows that its schema allows."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One request on its way: rows in, values and arms out."""

    live: Live
    rows: list[Row]
    ids: list[str]
    event_times: list[int]
    future: "asyncio.Future[None]"
    arms: list[Arm]
    values: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Answered:
    """Rows that wait for the model which did not answer them."""

    live: Live
    arm: Arm
    rows: list[Row]
    ids: list[str]
    event_times: list[int]


class Batcher:
    """The two threads. `submit` from the event loop; the ticket's future resolves once its rows are in the log."""

    def __init__(self, loop: asyncio.AbstractEventLoop, log: PredictionLog) -> None:
        self._loop, self._log = loop, log
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._shadows: Queue[_Answered | None] = Queue(_SHADOW_WAITING)
        self._idle = threading.Event()
        self.waiting = 0  # rows, counted in the event loop only
        self.predictions: Counter[tuple[int, Role]] = Counter()
        self.shadow_errors = 0
        self.shadow_dropped = 0
        self._threads = [
            threading.Thread(target=self._answer, name="answer", daemon=True),
            threading.Thread(target=self._shadow, name="shadow", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, ticket: Ticket) -> None:
        self.waiting += len(ticket.rows)
        self._queue.put(ticket)

    def close(self) -> None:
        """Answer what is waiting, then end both threads."""
        self._queue.put(None)
        self._threads[0].join()
        self._shadows.put(None)
        self._threads[1].join()

    def _answer(self) -> None:
        while True:
            tickets = self._take()
            if not tickets:
                return
            while tickets:
                live = tickets[0].live
                self._score(live, [t for t in tickets if t.live is live])
                tickets = [t for t in tickets if t.live is not live]

    def _take(self) -> list[Ticket]:
        """What is waiting, up to the limit; waits for the first. Empty at the end."""
        tickets: list[Ticket] = []
        rows = 0
        try:
            while rows < MOST_ROWS:
                ticket = self._queue.get_nowait() if tickets else self._first()
                if ticket is None:
                    if tickets:
                        self._queue.put(None)
                    break
                tickets.append(ticket)
                rows += len(ticket.rows)
        except Empty:
            pass
        return tickets

    def _first(self) -> Ticket | None:
        with suppress(Empty):
            return self._queue.get_nowait()
        self._idle.set()
        ticket = self._queue.get()
        self._idle.clear()
        return ticket

    def _score(self, live: Live, tickets: list[Ticket]) -> None:
        """Score together; where that fails, each request alone, so that one bad request fails only itself."""
        try:
            records = self._records(live, tickets)
        except BaseException as error:  # noqa: BLE001  # a model may raise anything, also SystemExit
            if len(tickets) > 1:
                for ticket in tickets:
                    self._score(live, [ticket])
                return
            failure = ModelFailed(f"the model raised {type(error).__name__}: {error}")
            print(f"gradino: {failure}", file=sys.stderr)
            self._loop.call_soon_threadsafe(self._finish, tickets, failure)
            return
        self._log.put(Entry(records, lambda failure: self._loop.call_soon_threadsafe(self._finish, tickets, failure)))
        if live.challenger:
            self._offer(live, tickets)

    def _records(self, live: Live, tickets: list[Ticket]) -> list[Scored]:
        """Fill in the values of the tickets; returns what the log has to keep."""
        for ticket in tickets:
            ticket.values = [None] * len(ticket.rows)
        records = []
        arms: tuple[Arm, ...] = ("champion", "challenger") if live.weight else ("champion",)
        for arm in arms:
            where = [(t, i) for t in tickets for i, answers in enumerate(t.arms) if answers == arm]
            if where:
                values = score(live, arm, [t.rows[i] for t, i in where])
                for (ticket, i), value in zip(where, values, strict=True):
                    ticket.values[i] = value
                rows = [(t.rows[i], t.ids[i], t.event_times[i]) for t, i in where]
                records.append(_scored(live, arm, arm, rows, values))
                self.predictions[live.served(arm).version, arm] += len(rows)
        return records

    def _finish(self, tickets: list[Ticket], failure: Exception | None) -> None:
        for ticket in tickets:
            self.waiting -= len(ticket.rows)
            if not ticket.future.done():
                if failure:
                    ticket.future.set_exception(failure)
                else:
                    ticket.future.set_result(None)

    def _offer(self, live: Live, tickets: list[Ticket]) -> None:
        others: dict[Arm, Arm] = {"champion": "challenger", "challenger": "champion"}
        for answered, other in others.items():
            where = [(t, i) for t in tickets for i, arm in enumerate(t.arms) if arm == answered]
            if not where:
                continue
            job = _Answered(
                live,
                other,
                [t.rows[i] for t, i in where],
                [t.ids[i] for t, i in where],
                [t.event_times[i] for t, i in where],
            )
            try:
                self._shadows.put_nowait(job)
            except Full:
                self.shadow_dropped += len(job.rows)
                self._keep(job, [None] * len(job.rows))

    def _shadow(self) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _SHADOW_NICE)
        while job := self._shadows.get():
            self._idle.wait(_PAUSE)
            values: list[Any]
            try:
                values = score(job.live, job.arm, job.rows)
                self.predictions[job.live.served(job.arm).version, "shadow"] += len(job.rows)
            except BaseException as error:  # noqa: BLE001  # a challenger may raise anything and must harm nobody
                if not self.shadow_errors:
                    print(f"gradino: the shadow raised {type(error).__name__}: {error}", file=sys.stderr)
                self.shadow_errors += len(job.rows)
                values = [None] * len(job.rows)
            self._keep(job, values)

    def _keep(self, job: _Answered, values: Sequence[Any]) -> None:
        rows = list(zip(job.rows, job.ids, job.event_times, strict=True))
        self._log.put(Entry([_scored(job.live, job.arm, "shadow", rows, values)]))


def score(live: Live, arm: Arm, rows: Sequence[Row]) -> list[Any]:
    """One value per row by the model of an arm."""
    served = live.served(arm)
    return served.predict(rows, served.places(live.rows.names))


def _scored(live: Live, arm: Arm, role: Role, rows: Sequence[tuple[Row, str, int]], values: Sequence[Any]) -> Scored:
    served = live.served(arm)
    places = served.places(live.rows.names)
    logged = as_logged(served.task)
    return Scored(
        served.schema,
        live.deployment,
        served.version,
        role,
        time.time_ns() // 1000,
        [
            Prediction(
                prediction_id,
                event_time,
                None if value is None else logged(value),
                None if role == "shadow" else served.features(row, places),
            )
            for (row, prediction_id, event_time), value in zip(rows, values, strict=True)
        ],
    )
