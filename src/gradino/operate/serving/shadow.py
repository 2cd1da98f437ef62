"""The shadow: answered rows are scored again by the model that did not answer, and no answer ever waits for it.

A thread of lower priority works from a bounded queue, takes all that has gathered in one call, and waits for a pause of
the answering thread before each. A row it fails on, or has no room for, is logged without a value: whoever pairs the
predictions sees what is missing.
"""

import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.columns import joined
from gradino.operate.serving.commit import Entry, PredictionLog
from gradino.operate.serving.live import Arm, Identified, Live

_WAITING = 512  # answered batches that wait for their shadow
_MOST_ROWS = 1024  # of one call
_PAUSE = 0.05  # seconds to wait for a pause, at most
_NICE = 10


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows that one arm answered in one call; `arm` is the other one."""

    live: Live
    arm: Arm
    rows: Identified


class Shadow:
    """The thread. `idle` is set while nobody waits for an answer."""

    def __init__(self, log: PredictionLog, idle: threading.Event) -> None:
        self._log, self._idle = log, idle
        self._queue: Queue[Answered | None] = Queue(_WAITING)
        self.predictions: Counter[int] = Counter()  # by version
        self.errors = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, answered: Answered) -> None:
        """Score these later, or log them as dropped when there is no room. Never waits."""
        try:
            self._queue.put_nowait(answered)
        except Full:
            self.dropped += len(answered.rows.ids)
            self._keep(answered, None)

    def close(self) -> None:
        """Finish what is waiting."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        following = self._queue.get()
        while following:
            batch, following = self._gather(following)
            self._idle.wait(_PAUSE)
            self._score(batch)
            following = following or self._queue.get()

    def _gather(self, first: Answered) -> tuple[Answered, Answered | None]:
        """What has gathered for the same model, and what came after it."""
        parts = [first]
        following: Answered | None = None
        try:
            while sum(len(part.rows.ids) for part in parts) < _MOST_ROWS:
                following = self._queue.get_nowait()
                if following is None:
                    self._queue.put(None)
                    break
                if following.live is not first.live or following.arm != first.arm:
                    break
                parts.append(following)
                following = None
        except Empty:
            pass
        if len(parts) == 1:
            return first, following
        columns = joined(first.live.rows.layout, [part.rows.columns for part in parts])
        times = np.concatenate([part.rows.times for part in parts])
        rows = Identified(columns, [i for part in parts for i in part.rows.ids], times)
        return Answered(first.live, first.arm, rows), following

    def _score(self, batch: Answered) -> None:
        """Together; where that fails each row alone, so that one bad row is the only one that is missing."""
        try:
            values = batch.live.score(batch.arm, batch.rows.columns)
        except BaseException as error:  # noqa: BLE001  # a challenger may raise anything and must harm nobody
            if len(batch.rows.ids) > 1:
                for i in range(len(batch.rows.ids)):
                    self._score(Answered(batch.live, batch.arm, batch.rows.take([i])))
                return
            if not self.errors:
                print(f"gradino: the shadow raised {batch.live.told(error)}", file=sys.stderr)
            self.errors += 1
            self._keep(batch, None)
            return
        self.predictions[batch.live.served(batch.arm).version] += len(batch.rows.ids)
        self._keep(batch, values)

    def _keep(self, batch: Answered, values: NDArray[Any] | None) -> None:
        self._log.put(Entry([batch.live.scored(batch.arm, "shadow", batch.rows, values)]))
