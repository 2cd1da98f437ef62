"""How long one waits for another: until a deadline, and for a caller who has hung up not at all.

Looking at all waiting requests twenty times a second costs the many that are answered at once almost nothing; a watch
for each of them would cost more than their answer.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

_EVERY = 0.05
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class Late(Exception):  # noqa: N818  # it is an answer, not a fault
    """The caller's deadline has passed before the rows were scored."""


class Gone(Exception):  # noqa: N818  # there is nobody left to answer
    """The caller has hung up."""


class Patience:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.Future[None], Callable[[], Awaitable[None]]]] = []
        self._watching: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeper = loop.create_task(self._sweep())

    def stop(self) -> None:
        for task in (self._sweeper, *self._watching):
            if task:
                task.cancel()

    def watch(
        self, future: "asyncio.Future[None]", gone: Callable[[], Awaitable[None]], seconds: float | None = None
    ) -> None:
        """Fail `future` with Gone when `gone` says so, and with Late after `seconds`."""
        self._waiting.append((future, gone))
        if seconds is not None:
            timer = asyncio.get_running_loop().call_later(seconds, _fail, future, Late())
            future.add_done_callback(lambda _: timer.cancel())

    async def _sweep(self) -> None:
        """Follow what is as old as the last look."""
        while True:
            old, self._waiting = self._waiting, []
            await asyncio.sleep(_EVERY)
            for future, gone in old:
                if not future.done():
                    self._follow(future, gone)

    def _follow(self, future: "asyncio.Future[None]", gone: Callable[[], Awaitable[None]]) -> None:
        async def wait() -> None:
            with suppress(asyncio.CancelledError):
                await gone()
                _fail(future, Gone())

        task = asyncio.get_running_loop().create_task(wait())
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        future.add_done_callback(lambda _: task.cancel())


def seconds(timeout: str) -> float:
    """The header `grpc-timeout`: a number of at most eight digits and one of H, M, S, m, u, n.

    https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests

    Raises:
        ValueError: it is something else.
    """
    found = _TIMEOUT.fullmatch(timeout)
    if not found:
        raise ValueError(timeout)
    return int(found[1]) * _UNITS[found[2]]


def _fail(future: "asyncio.Future[None]", failure: Exception) -> None:
    if not future.done():
        future.set_exception(failure)
