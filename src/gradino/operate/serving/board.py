"""What every worker tells its siblings: one slot each in memory that they inherit from their common parent."""

import mmap
import struct
import zlib

import msgspec

from gradino.operate.serving.metrics import Snapshot

_SLOT = 64 * 1024
_HEAD = struct.Struct("<II")
_READS = 3


class Board:
    """Slots for `workers`. Made before the workers are forked."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._memory = mmap.mmap(-1, workers * _SLOT)

    def publish(self, snapshot: Snapshot) -> None:
        """Replace what this worker said last."""
        payload = msgspec.msgpack.encode(snapshot)
        start = snapshot.worker * _SLOT
        self._memory[start : start + _HEAD.size + len(payload)] = (
            _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        )

    def read(self) -> list[Snapshot]:
        """The newest of each worker that has said anything."""
        return [found for index in range(self._workers) if (found := self._slot(index))]

    def _slot(self, index: int) -> Snapshot | None:
        start = index * _SLOT
        for _ in range(_READS):  # a sibling may just be writing
            length, checksum = _HEAD.unpack_from(self._memory, start)
            payload = self._memory[start + _HEAD.size : start + _HEAD.size + length]
            if length and zlib.crc32(payload) == checksum:
                return msgspec.msgpack.decode(payload, type=Snapshot)
        return None
