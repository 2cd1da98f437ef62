"""The endpoints of one worker: each takes a body and returns an answer, or raises a refusal."""

import asyncio
import os
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from gradino.operate.serving import openapi
from gradino.operate.serving.app import Answer, Failed, Routes, Unavailable, json_answer
from gradino.operate.serving.batching import MOST_WAITING, Batcher, ModelFailed, Ticket
from gradino.operate.serving.board import Board
from gradino.operate.serving.columns import Block, microseconds
from gradino.operate.serving.commit import Entry, PredictionLog
from gradino.operate.serving.compactor import COMPACTED
from gradino.operate.serving.deployments import Deployments
from gradino.operate.serving.live import Live
from gradino.operate.serving.metrics import Requests, Snapshot, text
from gradino.operate.serving.schema import BadInput, Problem, located
from gradino.operate.serving.served import as_logged
from gradino.operate.serving.wal import SUFFIX, Feedback, Label

MOST_ROWS = 10_000  # of one request
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_DATAFRAME = 'send {"dataframe_split": {"columns": […], "data": [[…]]}} or {"dataframe_records": [{…}]}'


class Predicted(msgspec.Struct, frozen=True, omit_defaults=True):
    """`version` only where another one than the champion answered."""

    id: str
    value: Any
    version: int | None = None


class Scores(msgspec.Struct, frozen=True):
    predictions: list[Predicted]
    version: int
    deployment: int


class GivenLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A label of the prediction `id`, or of those for `event_time` (and `unit`); it became known at `time`."""

    label: bool | int | float | str
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    event_time: datetime | None = None
    unit: str | int | None = None
    time: datetime | None = None


class GivenFeedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feedback: list[GivenLabel]


class _Split(msgspec.Struct, frozen=True):
    columns: list[str]
    data: list[list[Any]]


class _Invocation(msgspec.Struct, frozen=True):
    dataframe_split: _Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None


class ScoringService:
    """Everything a worker answers with. `task` decides what a label may be."""

    def __init__(
        self,
        deployments: Deployments,
        log: PredictionLog,
        board: Board,
        worker: int,
        task: Literal["regression", "classification"],
        folder: Path,
        prefix: str,
    ) -> None:
        self._deployments, self._log, self._board, self._worker = deployments, log, board, worker
        self._task, self._folder, self._prefix = task, folder, prefix
        self._feedback = msgspec.json.Decoder(GivenFeedback)
        self._invocation = msgspec.json.Decoder(_Invocation)
        self._count = 0
        self._batcher: Batcher | None = None
        self.requests = Requests()
        self.routes: Routes = {
            "/v1/score": {"POST": self.score},
            "/v1/feedback": {"POST": self.feedback},
            "/health": {"GET": self.health},
            "/version": {"GET": self.version},
            "/metrics": {"GET": self.metrics},
            "/ping": {"GET": self.ping},
            "/invocations": {"POST": self.invocations},
            "/openapi.json": {"GET": self.openapi},
        }

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._batcher = Batcher(loop, self._log)

    def stop(self) -> None:
        if self._batcher:
            self._batcher.close()

    def publish(self) -> None:
        """Tell the siblings; called after each look at the deployments."""
        self._board.publish(self.snapshot())

    async def score(self, body: bytes) -> Answer:
        live = self._live()
        ticket = await self._scored(live, live.rows.decode(body))
        champion = live.champion.version
        challenger = live.challenger.version if live.challenger else None
        predictions = [
            Predicted(i, value, None if arm == "champion" else challenger)
            for i, value, arm in zip(ticket.ids, ticket.values, ticket.arms, strict=True)
        ]
        return json_answer(Scores(predictions, champion, live.deployment))

    async def invocations(self, body: bytes) -> Answer:
        """MLflow's scoring protocol, its two dataframe forms."""
        live = self._live()
        given = _decoded(self._invocation, body, _DATAFRAME)
        if given.dataframe_records is not None:
            rows: list[dict[str, Any]] = given.dataframe_records
        elif given.dataframe_split is not None:
            columns = given.dataframe_split.columns
            wrong = next((i for i, row in enumerate(given.dataframe_split.data) if len(row) != len(columns)), None)
            if wrong is not None:
                raise BadInput(Problem(f"the row does not have the {len(columns)} values of `columns`", wrong))
            rows = [dict(zip(columns, row, strict=True)) for row in given.dataframe_split.data]
        else:
            raise BadInput(Problem("there is no dataframe in the body", next=_DATAFRAME), 400)
        ticket = await self._scored(live, live.rows.convert(rows))
        return json_answer({"predictions": ticket.values})

    async def feedback(self, body: bytes) -> Answer:
        now = time.time_ns() // 1000
        given = _decoded(self._feedback, body, 'send {"feedback": [{"id": "…", "label": …, "time": "…"}]}').feedback
        _few(len(given))
        convert = as_logged(self._task)
        rows = []
        for i, label in enumerate(given):
            if self._task == "regression" and isinstance(label.label, bool | str):
                raise BadInput(Problem("a label of a regression is a number", i, "label"))
            if (label.id is None) == (label.event_time is None):
                raise BadInput(Problem("a label has either an id or an event_time", i, "id"))
            event_time = microseconds(label.time) if label.time else now
            of = microseconds(label.event_time) if label.event_time else None
            unit = None if label.unit is None else str(label.unit)
            rows.append(Label(label.id or "", convert(label.label), event_time, of, unit))
        loop = asyncio.get_running_loop()
        committed = loop.create_future()

        def done(failure: OSError | None) -> None:
            loop.call_soon_threadsafe(_resolve, committed, failure)

        self._log.put(Entry([Feedback(now, rows)], done))
        await _safe(committed)
        return json_answer({"accepted": len(rows)})

    async def health(self, _body: bytes) -> Answer:
        live, error = self._deployments.live, self._deployments.error
        status = "starting" if live is None else "degraded" if error else "ok"
        content = {"status": status, "version": live.champion.version if live else None, "error": error}
        return json_answer(content, 200 if live else 503)

    async def ping(self, _body: bytes) -> Answer:
        return Answer(b"\n", 200 if self._deployments.live else 503)

    async def version(self, _body: bytes) -> Answer:
        """What each worker serves; a worker's own line is of this instant, its siblings' at most 200 ms old."""
        fields = ("worker", "pid", "deployment", "champion", "challenger", "weight", "error")
        workers = [{name: getattr(s, name) for name in fields} for s in self._snapshots()]
        return json_answer({"workers": workers})

    async def metrics(self, _body: bytes) -> Answer:
        size, compacted = 0, 0.0
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # compacted just now
                found = path.stat()
                if path.suffix == SUFFIX:
                    size += found.st_size
                elif path.name == COMPACTED:
                    compacted = found.st_mtime
        return Answer(text(self._snapshots(), size, compacted).encode(), kind=_PROMETHEUS)

    async def openapi(self, _body: bytes) -> Answer:
        live = self._deployments.live
        return json_answer(openapi.document(live.rows.row_type if live else None, MOST_ROWS))

    def snapshot(self) -> Snapshot:
        live, batcher = self._deployments.live, self._batcher
        return Snapshot(
            worker=self._worker,
            pid=os.getpid(),
            deployment=live.deployment if live else None,
            champion=live.champion.version if live else None,
            challenger=live.challenger.version if live and live.challenger else None,
            weight=live.weight if live else 0.0,
            error=self._deployments.error,
            answers=[(route, status, n) for (route, status), n in list(self.requests.answers.items())],
            latency=[(r, list(counts), self.requests.seconds[r]) for r, counts in list(self.requests.latency.items())],
            predictions=_counted(batcher) if batcher else [],
            shadow_errors=batcher.shadow.errors if batcher else 0,
            shadow_dropped=batcher.shadow.dropped if batcher else 0,
            waiting_rows=batcher.waiting if batcher else 0,
            log_waiting=self._log.waiting,
            log_commits=self._log.commits,
            log_errors=self._log.errors,
        )

    def _snapshots(self) -> list[Snapshot]:
        others = [s for s in self._board.read() if s.worker != self._worker]
        return sorted([*others, self.snapshot()], key=lambda s: s.worker)

    def _live(self) -> Live:
        live = self._deployments.live
        if live is None:
            reason = self._deployments.error or "no model is deployed yet"
            raise Unavailable(reason)
        return live

    async def _scored(self, live: Live, rows: Block) -> Ticket:
        """The rows with their values, in the log; raises what keeps them from it."""
        _few(len(rows))
        batcher = self._batcher
        assert batcher
        if batcher.waiting + len(rows) > MOST_WAITING:
            raise Unavailable("too many rows are waiting")
        first, self._count = self._count, self._count + len(rows)
        ids = [f"{self._prefix}-{first + i:x}" for i in range(len(rows))]
        ticket = Ticket(live, rows, ids, asyncio.get_running_loop().create_future())
        if ids:
            batcher.submit(ticket)
            try:
                await _safe(ticket.future)
            except ModelFailed as error:
                raise Failed(str(error)) from None
        return ticket


def _counted(batcher: Batcher) -> list[tuple[int, str, int]]:
    answered: list[tuple[int, str, int]] = [(v, arm, n) for (v, arm), n in list(batcher.predictions.items())]
    return answered + [(v, "shadow", n) for v, n in list(batcher.shadow.predictions.items())]


async def _safe(committed: "asyncio.Future[None]") -> None:
    """Wait for the log; raises Unavailable when it cannot be written."""
    try:
        await committed
    except OSError as error:
        raise Unavailable(f"the prediction log cannot be written: {error.strerror}", retry=5) from None


def _resolve(future: "asyncio.Future[None]", failure: OSError | None) -> None:
    if future.done():
        return
    if failure:
        future.set_exception(failure)
    else:
        future.set_result(None)


def _decoded(decoder: "msgspec.json.Decoder[Any]", body: bytes, advice: str) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadInput(located(str(error), advice)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(Problem(f"the body is not JSON: {error}", next=advice), 400) from None


def _few(rows: int) -> None:
    if rows > MOST_ROWS:
        raise BadInput(Problem(f"{rows} rows in one request", next=f"send at most {MOST_ROWS}"), 413)
