"""What waited for the last model call shares the next one, and nobody can tell from the answer."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from gradino.operate.registry import Description, Field, Model
from gradino.operate.serving.batching import Batcher, ModelFailed, Ticket
from gradino.operate.serving.columns import Columns
from gradino.operate.serving.commit import PredictionLog
from gradino.operate.serving.evaluators import fastest
from gradino.operate.serving.live import Identified, Live
from gradino.operate.serving.schema import Extra
from gradino.operate.serving.served import Served
from gradino.operate.serving.shadow import Answered, Shadow
from gradino.operate.serving.wal import Predictions, segments
from tests.operate.serving.toy import INPUTS, Toy

NOON = datetime(2011, 1, 1, 12, tzinfo=UTC)


def live(toy: Toy, challenger: Toy | None = None) -> Live:
    second = Served(2, challenger) if challenger else None
    return Live.of(1, Served(1, toy), second, 0.0, Extra("hour", None))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    made = PredictionLog(tmp_path, durable=False)
    yield made
    made.close()


async def ask(log: PredictionLog, live: Live, temperatures: list[float]) -> list[object]:
    """One request a temperature, all at once; the value of each, or what it failed with."""
    loop = asyncio.get_running_loop()
    batcher = Batcher(loop, log)

    async def one(i: int, temperature: float) -> object:
        row = (temperature, None, "rain", False, NOON)
        ticket = Ticket(live, [row], [f"p{i}"], loop.create_future())
        batcher.submit(ticket)
        try:
            await ticket.future
        except ModelFailed as failure:
            return failure
        return ticket.values[0]

    answers = await asyncio.gather(*(one(i, t) for i, t in enumerate(temperatures)))
    assert batcher.waiting == 0
    await asyncio.to_thread(batcher.close)
    return list(answers)


def test_requests_that_wait_share_one_call_and_get_their_own_answers(log: PredictionLog) -> None:
    toy = Toy("slow:0.05")
    temperatures = [float(i) for i in range(50)]
    assert asyncio.run(ask(log, live(toy), temperatures)) == temperatures
    assert sum(toy.calls) == 50
    assert len(toy.calls) <= 5


def test_callers_who_come_back_together_share_their_next_call_as_well(log: PredictionLog) -> None:
    toy = Toy("slow:0.02")

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        batcher, model = Batcher(loop, log), live(toy)

        async def caller() -> None:
            for _ in range(10):
                ticket = Ticket(model, [(1.0, None, "rain", False, NOON)], ["p"], loop.create_future())
                batcher.submit(ticket)
                await ticket.future

        await asyncio.gather(*(caller() for _ in range(16)))
        await asyncio.to_thread(batcher.close)

    asyncio.run(scene())
    assert sum(toy.calls) == 160
    assert len(toy.calls) <= 14  # with calls of one between the others it would be 20


def test_one_bad_request_in_a_batch_fails_alone(log: PredictionLog) -> None:
    answers = asyncio.run(ask(log, live(Toy("poison")), [12.0, 13.0, 14.0]))
    assert answers[0] == 12.0
    assert isinstance(answers[1], ModelFailed)
    assert answers[2] == 14.0


@pytest.mark.parametrize("does", ["spoils", "spoils:numbers"])
def test_what_a_model_does_to_its_data_frame_does_not_reach_the_log(does: str) -> None:
    model = live(Toy(does))
    row = (3.0, NOON) if model.champion.inputs == INPUTS[:1] else (3.0, None, "rain", False, NOON)
    columns = Columns.of_rows(model.rows.layout, [row])
    assert model.score("champion", columns).tolist() == [6.0]
    assert columns.column(0).tolist() == [3.0]


def test_the_shadow_takes_what_gathered_in_few_calls_and_misses_only_what_it_fails_on(
    tmp_path: Path, log: PredictionLog
) -> None:
    shadow = Toy("poison")
    temperatures = [float(i) for i in range(40)]
    asyncio.run(ask(log, live(Toy("times:1"), shadow), temperatures))
    log.close()
    (segment,) = segments(tmp_path)
    rows = {
        i: None if value != value else value
        for _, record in segment.records(0)
        if isinstance(record, Predictions) and record.role == "shadow"
        for i, value in zip(record.ids, np.frombuffer(record.values), strict=True)
    }
    assert rows == {f"p{i}": None if i == 13 else float(i) for i in range(40)}


def test_what_the_shadow_has_no_room_for_is_logged_as_missing_and_nobody_waits(
    tmp_path: Path, log: PredictionLog
) -> None:
    shadow = Shadow(log, threading.Event())
    both = live(Toy("times:1"), Toy("slow:0.5"))
    columns = Columns.of_rows(both.rows.layout, [(1.0, None, "rain", False, NOON)])
    for i in range(3000):
        shadow.offer(Answered(both, "challenger", Identified(columns, [f"p{i}"], np.zeros(1, np.int64))))
    shadow.close()
    log.close()
    (segment,) = segments(tmp_path)
    values = np.concatenate([np.frombuffer(r.values) for _, r in segment.records(0) if isinstance(r, Predictions)])
    assert len(values) == 3000
    assert np.isnan(values).sum() == shadow.dropped > 0
    assert shadow.predictions[2] == 3000 - shadow.dropped > 0


def test_a_compiled_model_answers_in_the_event_loop_what_python_answers(tmp_path: Path, log: PredictionLog) -> None:
    frame = pd.DataFrame({"temperature": np.linspace(-20, 40, 200)})
    fitted = HistGradientBoostingRegressor(max_iter=8).fit(frame, frame["temperature"] ** 2)
    inputs = [Field("temperature", "number"), Field("weather", "string"), Field("hour", "timestamp")]
    described = Description("toys", "regression", "rentals", "hour", None, ["temperature"], inputs)
    model = fastest(Model(tmp_path, described, "d", fitted, lambda e, rows: e.predict(rows[["temperature"]])), frame)
    assert model.how == "8 trees as machine code"
    compiled = Live.of(1, Served(1, model), None, 0.0, Extra("hour", None))
    assert compiled.is_compiled
    temperatures = [float(i) for i in range(-30, 50)]

    async def run() -> list[list[float]]:
        loop = asyncio.get_running_loop()
        batcher = Batcher(loop, log)
        small = [Ticket(compiled, [(t, "rain", NOON)], [f"p{t}"], loop.create_future()) for t in temperatures]
        large = Ticket(compiled, [(t, "rain", NOON) for t in temperatures * 4], ["q"] * 320, loop.create_future())
        for ticket in (*small, large):
            batcher.submit(ticket)
        await asyncio.gather(*(ticket.future for ticket in (*small, large)))
        await asyncio.to_thread(batcher.close)
        return [[ticket.values[0] for ticket in small], large.values]

    alone, together = asyncio.run(run())
    expected = fitted.predict(pd.DataFrame({"temperature": temperatures})).tolist()
    assert alone == expected
    assert together == expected * 4
