"""Our own interface: `/v1/score` and `/v1/feedback`."""

import time
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from gradino.operate.serving import arrow
from gradino.operate.serving.app import Answer, Request, Route, Routes, json_answer
from gradino.operate.serving.batching import Ticket
from gradino.operate.serving.columns import Block, microseconds
from gradino.operate.serving.schema import BadInput, Problem, decoded
from gradino.operate.serving.scoring import MOST_ROWS, Scoring, few
from gradino.operate.serving.served import as_logged
from gradino.operate.serving.wal import Feedback, Label


class Predicted(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """`version` only where another one than the champion answered."""

    id: str
    value: Any
    version: int | None = None


class Scores(msgspec.Struct, frozen=True):
    predictions: list[Predicted]
    version: int
    deployment: int


_Text = Annotated[str, msgspec.Meta(max_length=1024)]


class GivenLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A label of the prediction `id`, or of those for `event_time` (and `unit`); it became known at `time`."""

    label: bool | Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | float | _Text
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    event_time: datetime | None = None
    unit: _Text | int | None = None
    time: datetime | None = None


class GivenFeedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feedback: list[GivenLabel]


class Native:
    """`task` decides what a label may be."""

    def __init__(self, scoring: Scoring, task: Literal["regression", "classification"]) -> None:
        self._scoring, self._task = scoring, task
        self._unpacker = arrow.Unpacker(MOST_ROWS)
        self._feedback = msgspec.json.Decoder(GivenFeedback)
        self.routes: Routes = {
            "/v1/score": {"POST": Route(self.score, "scorer")},
            "/v1/feedback": {"POST": Route(self.feedback, "scorer")},
        }

    async def score(self, request: Request) -> Answer:
        live = self._scoring.live()
        sent = (request.headers.get("content-type") or "").partition(";")[0].lower()
        rows: Block = (
            await self._unpacker.read(sent, request.body, live.rows)
            if sent in arrow.KINDS
            else live.rows.decode(request.body)
        )
        ticket = await self._scoring.score(request, live, rows)
        kind = arrow.accepted(request.headers.get("accept"), sent)
        return Answer(_table(kind, ticket), kind=kind) if kind else json_answer(_scores(ticket))

    def stop(self) -> None:
        self._unpacker.close()

    async def feedback(self, request: Request) -> Answer:
        now = time.time_ns() // 1000
        advice = 'send {"feedback": [{"id": "…", "label": …, "time": "…"}]}'
        given: list[GivenLabel] = decoded(self._feedback, request.body, advice).feedback
        few(len(given))
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
        await self._scoring.keep(Feedback(now, rows))
        return json_answer({"accepted": len(rows)})


def _scores(ticket: Ticket) -> Scores:
    live = ticket.live
    challenger = live.challenger.version if live.challenger else None
    predictions = [
        Predicted(i, value, None if arm == "champion" else challenger)
        for i, value, arm in zip(ticket.ids, ticket.values, ticket.arms, strict=True)
    ]
    return Scores(predictions, live.champion.version, live.deployment)


def _table(kind: str, ticket: Ticket) -> bytes:
    live = ticket.live
    versions: dict[str, int] = {"champion": live.champion.version, "challenger": live.served("challenger").version}
    columns = {"id": ticket.ids, "value": ticket.values, "version": [versions[arm] for arm in ticket.arms]}
    about = {"version": str(live.champion.version), "deployment": str(live.deployment)}
    return arrow.written(kind, columns, about)
