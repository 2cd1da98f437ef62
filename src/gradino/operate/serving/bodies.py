"""How much a body may weigh and how long it may take, so that one that is too large or trickles harms nobody else."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from gradino.operate.serving.access import Headers
from gradino.operate.serving.schema import BadInput, Problem

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol

LARGEST = 16 * 1024 * 1024
SECONDS = 30.0
_DRAINED = 4 * LARGEST  # of a body that is too large: who is still sending does not hear a refusal
_MOST_HELD = 16 * LARGEST  # of all bodies that are being read or answered


class Unavailable(Exception):  # noqa: N818  # it is an answer, not a fault
    """Not now; `retry` seconds later perhaps."""

    def __init__(self, reason: str, retry: int = 1) -> None:
        super().__init__(reason)
        self.reason, self.retry = reason, retry


class Bodies:
    """All bodies of one event loop. A look at all of them now and then costs less than a timer for each."""

    def __init__(self) -> None:
        self.held = 0  # bytes of what is being read or answered
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop  # whoever says which one asks for the current task at half the price
        self._sweeper = loop.create_task(self._sweep())

    def stop(self) -> None:
        if self._sweeper:
            self._sweeper.cancel()

    async def read(self, headers: Headers, version: str, protocol: "HTTPProtocol") -> bytes:
        """A body, held until `let_go`. `version` is that of HTTP.

        Raises:
            BadInput, Unavailable: it is broken, too large, or too much for this moment.
            TimeoutError: it did not arrive.
        """
        length = headers.get("content-length")
        if length is None and headers.get("transfer-encoding") is None and version.startswith("1"):
            return b""
        task = asyncio.current_task(self._loop)
        assert task
        self._reading[task] = time.monotonic()
        try:
            if length is None or (size := int(length)) > LARGEST:
                return await self._parts(protocol)
            self._hold(size)
            try:
                return await protocol()
            except BaseException:
                self.held -= size
                raise
        except RuntimeError:  # Granian's word for a broken body and for a caller who hung up
            raise BadInput(Problem("the body broke off, or its chunks are none"), 400) from None
        except asyncio.CancelledError:
            if task in self._reading:  # it was not us
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            self._reading.pop(task, None)

    def let_go(self, body: bytes) -> None:
        self.held -= len(body)

    def _hold(self, size: int) -> None:
        """Raises Unavailable when all bodies together are too many."""
        if self.held + size > _MOST_HELD:
            raise Unavailable("too many large bodies at once")
        self.held += size

    async def _parts(self, protocol: "HTTPProtocol") -> bytes:
        parts = bytearray()
        size = 0
        try:
            async for part in protocol:
                size += len(part)
                if size <= LARGEST:
                    self._hold(len(part))
                    parts += part
                elif size > _DRAINED:
                    break
            if size > LARGEST:
                most = LARGEST // 1024**2
                raise BadInput(
                    Problem(f"the body is larger than {most} MiB", next="send the rows in several requests"), 413
                )
        except BaseException:
            self.held -= len(parts)
            raise
        return bytes(parts)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SECONDS / 30)
            now = time.monotonic()
            for task, since in list(self._reading.items()):
                if now - since > SECONDS:
                    del self._reading[task]
                    task.cancel()
