"""Adaptive micro-batching: whatever queued while the last model call ran goes into the next one.

A model in Python is called in a thread of its own. A compiled one takes less time than handing rows to a thread would:
it is called in the event loop, with all requests that this turn of the loop has brought – or, while the log is being
flushed, that have come until it is: they could not be answered earlier anyway.
"""

import asyncio
import sys
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from gradino.operate.serving.columns import Block, joined
from gradino.operate.serving.commit import Entry, PredictionLog, Scored
from gradino.operate.serving.live import Arm, Identified, Live
from gradino.operate.serving.served import answers
from gradino.operate.serving.shadow import Answered, Shadow

MOST_ROWS = 1024  # of one model call, unless one request alone has more
MOST_WAITING = 20_000  # rows, before callers are told to come back later
_AT_ONCE = 256  # rows of a request that is scored in the event loop
_PATIENCE = 0.02  # seconds, and at most half a call: for callers who were in the last call
_OTHER: dict[Arm, Arm] = {"champion": "challenger", "challenger": "champion"}


class ModelFailed(Exception):  # noqa: N818  # it becomes an answer
    """The model raised on rows that its schema allows."""


class Ticket(msgspec.Struct, eq=False):
    """One request on its way: rows in, values and arms out."""

    live: Live
    rows: Block
    ids: list[str]
    future: "asyncio.Future[None]"
    arms: Sequence[Arm] = ()
    values: list[Any] = []


class Batcher:
    """The answering thread, with the shadow behind it.

    `submit` from the event loop; the ticket's future resolves once its rows are in the log.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, log: PredictionLog) -> None:
        self._loop, self._log = loop, log
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._idle = threading.Event()
        self._turn: list[Ticket] = []
        self._flushing = 0  # calls of the event loop whose rows are on their way to the disk
        self._together, self._patience = 0, 0.0  # how many the last call was for, and how long to wait for them
        self._home = threading.get_ident()  # the loop's thread
        self.shadow = Shadow(log, self._idle)
        self.waiting = 0  # rows, counted in the event loop only
        self.predictions: Counter[tuple[int, Arm]] = Counter()
        self._thread = threading.Thread(target=self._answer, name="answer", daemon=True)
        self._thread.start()

    def submit(self, ticket: Ticket) -> None:
        self.waiting += len(ticket.ids)
        if len(ticket.ids) > _AT_ONCE or not ticket.live.is_compiled:
            self._queue.put(ticket)
            return
        if not self._turn and not self._flushing:
            self._loop.call_soon(self._end_turn)
        self._turn.append(ticket)

    def _end_turn(self) -> None:
        tickets, self._turn = self._turn, []
        while tickets:
            rows = list(accumulate(len(ticket.ids) for ticket in tickets))
            now = bisect_right(rows, MOST_ROWS)
            self._score_all(tickets[:now])
            tickets = tickets[now:]

    def close(self) -> None:
        """Answer what is waiting, then end both threads."""
        self._end_turn()
        self._queue.put(None)
        self._thread.join()
        self.shadow.close()

    def _answer(self) -> None:
        while True:
            tickets = self._take()
            if not tickets:
                return
            began = time.monotonic()
            self._score_all(tickets)
            self._together, self._patience = len(tickets), min((time.monotonic() - began) / 2, _PATIENCE)

    def _score_all(self, tickets: list[Ticket]) -> None:
        """Those for whom somebody waits. A swap may have come between them."""
        if forsaken := {ticket for ticket in tickets if ticket.future.done()}:  # too late, or hung up
            self._tell(list(forsaken), None)
            tickets = [ticket for ticket in tickets if ticket not in forsaken]
        while tickets:
            live = tickets[0].live
            self._score(live, [t for t in tickets if t.live is live])
            tickets = [t for t in tickets if t.live is not live]

    def _take(self) -> list[Ticket]:
        """What is waiting, up to the limit; waits for the first. Empty at the end.

        Callers who were answered together mostly ask again together: for as many as they were it waits a little, lest
        the first of them has a call of its own that all others wait for.
        """
        first = self._first()
        if first is None:
            return []
        tickets, rows = [first], len(first.ids)
        until = time.monotonic() + self._patience
        with suppress(Empty):
            while rows < MOST_ROWS:
                left = max(0.0, until - time.monotonic()) if len(tickets) < self._together else 0.0
                ticket = self._queue.get(timeout=left)
                if ticket is None:
                    self._queue.put(None)
                    break
                tickets.append(ticket)
                rows += len(ticket.ids)
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
            parts = self._parts(live, tickets)
        except BaseException as error:  # noqa: BLE001  # a model may raise anything, also SystemExit
            if len(tickets) > 1:
                for ticket in tickets:
                    self._score(live, [ticket])
                return
            failure = ModelFailed(f"the model raised {type(error).__name__}: {error}")
            print(f"gradino: the model raised {live.told(error)}", file=sys.stderr)
            self._tell(tickets, failure)
            return
        flushes = int(threading.get_ident() == self._home)
        self._flushing += flushes
        self._log.put(Entry([record for record, _ in parts], lambda failure: self._tell(tickets, failure, flushes)))
        for record, answered in parts:
            self.predictions[record.version, _OTHER[answered.arm]] += len(record.ids)
            if live.challenger:
                self.shadow.offer(answered)

    def _parts(self, live: Live, tickets: list[Ticket]) -> list[tuple[Scored, Answered]]:
        """Fill in the tickets; of each arm that answers, what the log keeps, and what is left to the other arm."""
        columns = joined(live.rows.layout, [ticket.rows for ticket in tickets])
        times = columns.moments(live.rows.time, time.time_ns() // 1000)
        rows = Identified(columns, [i for ticket in tickets for i in ticket.ids], times)
        arms = live.arms(columns, rows.ids)
        told: list[Any] = [None] * len(arms)
        parts = []
        for arm in _OTHER:
            share = arms.count(arm)
            if not share:
                continue
            where = range(len(arms)) if share == len(arms) else [i for i, who in enumerate(arms) if who == arm]
            part = rows if share == len(arms) else rows.take(where)
            values = live.score(arm, part.columns)
            for i, value in zip(where, answers(values), strict=True):
                told[i] = value
            parts.append((live.scored(arm, arm, part, values), Answered(live, _OTHER[arm], part)))
        start = 0
        for ticket in tickets:
            end = start + len(ticket.ids)
            ticket.values, ticket.arms = told[start:end], arms[start:end]
            start = end
        return parts

    def _tell(self, tickets: list[Ticket], failure: Exception | None, flushes: int = 0) -> None:
        """From any thread."""
        if threading.get_ident() == self._home:
            self._finish(tickets, failure, flushes)
        else:
            self._loop.call_soon_threadsafe(self._finish, tickets, failure, flushes)

    def _finish(self, tickets: list[Ticket], failure: Exception | None, flushes: int) -> None:
        for ticket in tickets:
            self.waiting -= len(ticket.ids)
            if not ticket.future.done():
                if failure:
                    ticket.future.set_exception(failure)
                else:
                    ticket.future.set_result(None)
        self._flushing -= flushes
        if flushes and self._turn and not self._flushing:
            self._end_turn()
