"""Group commit: what many requests hand over while one flush runs becomes the next flush; then all of them may answer.

A thread of its own flushes a durable log. On an error of the disk nothing of the group is kept and every waiting
request is told so; the next group tries again.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.columns import Columns
from gradino.operate.serving.wal import LIMIT, Feedback, Predictions, Role, Schema, Segment, frame

Done = Callable[[OSError | None], object]


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows that one model scored in one call; becomes a `Predictions` record when it is written."""

    schema: Schema
    deployment: int
    version: int
    role: Role
    at: int
    ids: list[str]
    times: NDArray[np.int64]
    values: NDArray[np.float64] | list[str | None]
    features: Columns | None

    def at_schema(self, offset: int) -> Predictions:
        values = self.values if isinstance(self.values, list) else self.values.tobytes()
        numbers, others = None, []
        if self.features:
            inputs = len(self.schema.fields)
            numbers = self.features.numbers.tobytes()
            others = [_stored(self.features.column(i)) for i in self.features.layout.others if i < inputs]
        head = (offset, self.deployment, self.version, self.role, self.at)
        return Predictions(*head, self.ids, self.times.tobytes(), values, numbers, others)


def _stored(values: NDArray[Any]) -> bytes | list[object]:
    return values.tolist() if values.dtype == object else values.tobytes()


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written together; `done` is called by the thread that wrote it once it is safe, or with why it is not."""

    records: Sequence[Scored | Feedback]
    done: Done | None = None


class PredictionLog:
    """The write-ahead log of one worker."""

    def __init__(self, folder: Path, durable: bool = True, limit: int = LIMIT) -> None:
        self._folder, self._durable, self._limit = folder, durable, limit
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._encoder = msgspec.msgpack.Encoder()
        self._segment: Segment | None = None
        self._schemas: dict[Schema, int] = {}
        self.commits = 0
        self.errors = 0
        self._alone = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Entries that no flush has taken yet."""
        return self._queue.qsize()

    def put(self, entry: Entry) -> None:
        """What is not to be durable only has to reach the system: that takes less time than to hand it on."""
        if self._durable:
            self._queue.put(entry)
        else:
            with self._alone:
                self._commit([entry])

    def close(self) -> None:
        """Write what is waiting and let go of the segment."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            group = [self._queue.get()]
            try:
                while True:
                    group.append(self._queue.get_nowait())
            except Empty:
                pass
            open_ = None not in group
            self._commit([entry for entry in group if entry])
        if self._segment:
            self._segment.close()

    def _commit(self, group: list[Entry]) -> None:
        failure: OSError | None = None
        try:
            self._write(group)
            self.commits += 1
        except OSError as error:
            failure = error
            self.errors += 1
            if self._segment:
                self._segment.abandon()
                self._segment = None
            print(f"gradino: the prediction log cannot be written: {error}", file=sys.stderr)
        for entry in group:
            if entry.done:
                entry.done(failure)

    def _write(self, group: list[Entry]) -> None:
        if self._segment and self._segment.size >= self._limit:
            self._segment.close()
            self._segment = None
        if not self._segment:
            self._segment = Segment(self._folder, self._durable)
            self._schemas.clear()
        frames = bytearray()
        for entry in group:
            for record in entry.records:
                if isinstance(record, Scored):
                    schema = self._schema(record.schema, frames, self._segment.size)
                    frames += frame(self._encoder, record.at_schema(schema))
                else:
                    frames += frame(self._encoder, record)
        self._segment.write(bytes(frames))

    def _schema(self, schema: Schema, frames: bytearray, start: int) -> int:
        """Where the segment says `schema`; it is said before its first use."""
        if schema not in self._schemas:
            self._schemas[schema] = start + len(frames)
            frames += frame(self._encoder, schema)
        return self._schemas[schema]
