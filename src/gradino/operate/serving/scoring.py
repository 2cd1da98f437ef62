"""What all protocols share: rows go in, a ticket with their values comes out, and they are in the log by then."""

import asyncio
from collections.abc import Callable

from gradino.operate.serving.app import Failed, Request
from gradino.operate.serving.batching import MOST_WAITING, Batcher, ModelFailed, Ticket
from gradino.operate.serving.bodies import Unavailable
from gradino.operate.serving.columns import Block
from gradino.operate.serving.commit import Entry, PredictionLog
from gradino.operate.serving.deployments import Deployments
from gradino.operate.serving.live import Live
from gradino.operate.serving.patience import Patience, seconds
from gradino.operate.serving.schema import BadInput, Problem
from gradino.operate.serving.wal import Feedback

MOST_ROWS = 10_000  # of one request


class Scoring:
    """The way of one worker's rows to the model and into the log. `prefix` begins each prediction id."""

    def __init__(self, deployments: Deployments, log: PredictionLog, prefix: str) -> None:
        self._deployments, self._log, self._prefix = deployments, log, f"{prefix}-"
        self._count = 0
        self.patience = Patience()
        self.batcher: Batcher | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.batcher = Batcher(loop, self._log)
        self.patience.start(loop)

    def stop(self) -> None:
        self.patience.stop()
        if self.batcher:
            self.batcher.close()

    def live(self) -> Live:
        """What serves now; raises Unavailable when nothing does."""
        live = self._deployments.live
        if live is None:
            raise Unavailable(self._deployments.error or "no model is deployed yet")
        return live

    async def score(self, request: Request, live: Live, rows: Block, timeout: float | None = None) -> Ticket:
        """The rows with their values, in the log. `timeout` in seconds, where the body has one; else the header's.

        Raises:
            BadInput, Unavailable, Failed, Late, Gone: why there are none.
        """
        size = len(rows)
        few(size)
        if timeout is None and (given := request.headers.get("grpc-timeout")) is not None:
            timeout = _timeout(given)
        batcher = self.batcher
        assert batcher
        if batcher.waiting and batcher.waiting + size > MOST_WAITING:
            raise Unavailable("too many rows are waiting")
        first, self._count = self._count, self._count + size
        ids = [f"{self._prefix}{i:x}" for i in range(first, first + size)]
        ticket = Ticket(live, rows, ids, self._loop.create_future())
        if ids:
            self.patience.watch(ticket.future, request.gone, timeout)
            batcher.submit(ticket)
            try:
                await ticket.future
            except ModelFailed as error:
                raise Failed(str(error)) from None
            except OSError as error:
                raise _unwritten(error) from None
        return ticket

    async def keep(self, feedback: Feedback) -> None:
        """Labels into the log; raises Unavailable when it cannot be written."""
        committed = self._loop.create_future()
        self._log.put(Entry([feedback], _threadsafe(self._loop, committed)))
        try:
            await committed
        except OSError as error:
            raise _unwritten(error) from None


def few(rows: int) -> None:
    """Raises BadInput where one request has too many rows."""
    if rows > MOST_ROWS:
        raise BadInput(Problem(f"{rows} rows in one request", next=f"send at most {MOST_ROWS}"), 413)


def _timeout(given: str) -> float:
    try:
        return seconds(given)
    except ValueError:
        problem = Problem("the header grpc-timeout is no duration", next="send for example 250m for 250 milliseconds")
        raise BadInput(problem, 400) from None


def _unwritten(error: OSError) -> Unavailable:
    return Unavailable(f"the prediction log cannot be written: {error.strerror}", retry=5)


def _threadsafe(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[None]") -> Callable[[OSError | None], object]:
    def resolve(failure: OSError | None) -> None:
        if not future.done():
            future.set_exception(failure) if failure else future.set_result(None)

    return lambda failure: loop.call_soon_threadsafe(resolve, failure)
