"""Write-ahead segments: what a worker promises before it answers, and how somebody else reads it back.

A segment is a file of frames `length u32 | crc32 u32 | msgpack`, little-endian, one writer each. The writer holds an
exclusive lock on the file for as long as it may write, so "is the writer gone?" needs no guess about process ids. A
frame that is incomplete or fails its checksum ends the segment: whoever wrote it never acknowledged it.
"""

import fcntl
import os
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

SUFFIX = ".wal"
_UNNAMED = ".new"
_ABANDONED = 3600.0  # seconds; a segment gets its name within milliseconds
LIMIT = 64 * 1024 * 1024
_FRAME = struct.Struct("<II")

Role = Literal["champion", "challenger", "shadow"]
FieldType = Literal["number", "integer", "string", "boolean", "timestamp"]


class Schema(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """What the features of later predictions in the same segment are called and typed."""

    task: str
    fields: tuple[tuple[str, FieldType], ...]


class Predictions(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Rows that one model scored in one call, by column; bytes are little-endian values of eight bytes, or booleans.

    `schema` is where in the segment their schema begins, `times` are microseconds since 1970 UTC. A missing value – NaN
    in `values` of a regression, None in classes – is a score that was dropped or failed. `numbers` holds one array per
    number of the schema, one after another; `others` one per other field. Both are missing for a shadow.
    """

    schema: int
    deployment: int
    version: int
    role: Role
    at: int
    ids: list[str]
    times: bytes
    values: bytes | list[str | None]
    numbers: bytes | None = None
    others: list[bytes | list[object]] = []


class Label(msgspec.Struct, frozen=True, array_like=True):
    """The truth, known at `event_time`, about one prediction, or with an empty `id` about those of a key.

    A key is the event time `of` what was predicted and, where the project has one, its unit.
    """

    id: str
    value: float | str
    event_time: int
    of: int | None = None
    unit: str | None = None


class Feedback(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Labels of one request."""

    at: int
    rows: list[Label]


Record = Schema | Predictions | Feedback

_decode = msgspec.msgpack.Decoder(Record).decode


def frame(encoder: msgspec.msgpack.Encoder, record: Record) -> bytes:
    """A record as it stands in the file."""
    payload = encoder.encode(record)
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


class Segment:
    """The file that one writer appends to."""

    def __init__(self, folder: Path, durable: bool) -> None:
        self._durable = durable
        self.path = folder / f"{time.time_ns()}-{os.getpid()}{SUFFIX}"
        self.size = 0
        # Locked before it has the name by which a compactor would find it.
        unnamed = self.path.with_suffix(_UNNAMED)
        self._file = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(self.path)
            if durable:
                _sync_folder(folder)
        except OSError:
            os.close(self._file)
            unnamed.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            raise

    def write(self, frames: bytes) -> None:
        """Append, and in a durable segment wait until it is on the disk; after an OSError only `abandon` is left."""
        rest = memoryview(frames)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        if self._durable:
            os.fdatasync(self._file)
        self.size += len(frames)

    def abandon(self) -> None:
        """Take back what a failed `write` left. A reader may have seen some of it, so nothing follows at that place."""
        os.ftruncate(self._file, self.size)
        if not self.size:
            self.path.unlink()
        self.close()

    def close(self) -> None:
        os.close(self._file)


@dataclass(frozen=True)
class Reader:
    """A segment as somebody else sees it."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    def records(self, start: int) -> Iterator[tuple[int, Record]]:
        """Each complete record from the byte `start`, with the byte after it."""
        with self.path.open("rb") as stream:
            stream.seek(start)
            end = start
            while len(head := stream.read(_FRAME.size)) == _FRAME.size:
                length, checksum = _FRAME.unpack(head)
                payload = stream.read(length)
                if len(payload) < length or zlib.crc32(payload) != checksum:
                    return
                end += _FRAME.size + length
                yield end, _decode(payload)

    def schema(self, offset: int) -> Schema:
        """The schema that begins at `offset`."""
        _, record = next(self.records(offset))
        assert isinstance(record, Schema)
        return record

    def finished(self) -> bool:
        """Whether nobody can write to it any more."""
        with self.path.open("rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True


def segments(folder: Path) -> list[Reader]:
    """Those of a folder, oldest first; clears away what a writer left that died before it had a segment."""
    for unnamed in folder.glob(f"*{_UNNAMED}"):
        with suppress(FileNotFoundError):
            if time.time() - unnamed.stat().st_mtime > _ABANDONED:
                unnamed.unlink()
    return [Reader(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
