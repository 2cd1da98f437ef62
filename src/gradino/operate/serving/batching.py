"""Adaptive micro-batching: whatever queued while the last model call ran goes into the next one, in one thread."""

import asyncio
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from gradino.operate.serving.commit import Entry, PredictionLog, Scored
from gradino.operate.serving.live import Arm, Live
from gradino.operate.serving.schema import Row
from gradino.operate.serving.shadow import Answered, Shadow

MOST_ROWS = 1024  # of one model call, unless one request alone has more
MOST_WAITING = 20_000  # rows, before callers are told to come back later
_OTHER: dict[Arm, Arm] = {"champion": "challenger", "challenger": "champion"}


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
    values: list[Any]


class Batcher:
    """The answering thread, with the shadow behind it.

    `submit` from the event loop; the ticket's future resolves once its rows are in the log.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, log: PredictionLog) -> None:
        self._loop, self._log = loop, log
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._idle = threading.Event()
        self.shadow = Shadow(log, self._idle)
        self.waiting = 0  # rows, counted in the event loop only
        self.predictions: Counter[tuple[int, Arm]] = Counter()
        self._thread = threading.Thread(target=self._answer, name="answer", daemon=True)
        self._thread.start()

    def submit(self, ticket: Ticket) -> None:
        self.waiting += len(ticket.rows)
        self._queue.put(ticket)

    def close(self) -> None:
        """Answer what is waiting, then end both threads."""
        self._queue.put(None)
        self._thread.join()
        self.shadow.close()

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
            parts = [part for arm in _OTHER if (part := self._part(live, arm, tickets))]
        except BaseException as error:  # noqa: BLE001  # a model may raise anything, also SystemExit
            if len(tickets) > 1:
                for ticket in tickets:
                    self._score(live, [ticket])
                return
            failure = ModelFailed(f"the model raised {type(error).__name__}: {error}")
            print(f"gradino: {failure}", file=sys.stderr)
            self._loop.call_soon_threadsafe(self._finish, tickets, failure)
            return
        records = [record for record, _ in parts]
        self._log.put(Entry(records, lambda failure: self._loop.call_soon_threadsafe(self._finish, tickets, failure)))
        for record, answered in parts:
            self.predictions[record.version, _OTHER[answered.arm]] += len(record.rows)
            if live.challenger:
                self.shadow.offer(answered)

    def _part(self, live: Live, arm: Arm, tickets: list[Ticket]) -> tuple[Scored, Answered] | None:
        """Fill in the values that an arm answers; what the log keeps of it, and what is left to the other arm."""
        where = [(ticket, i) for ticket in tickets for i, answers in enumerate(ticket.arms) if answers == arm]
        if not where:
            return None
        rows = [(ticket.rows[i], ticket.ids[i], ticket.event_times[i]) for ticket, i in where]
        values = live.score(arm, [row for row, _, _ in rows])
        for (ticket, i), value in zip(where, values, strict=True):
            ticket.values[i] = value
        return live.scored(arm, arm, rows, values), Answered(live, _OTHER[arm], rows)

    def _finish(self, tickets: list[Ticket], failure: Exception | None) -> None:
        for ticket in tickets:
            self.waiting -= len(ticket.rows)
            if not ticket.future.done():
                if failure:
                    ticket.future.set_exception(failure)
                else:
                    ticket.future.set_result(None)
