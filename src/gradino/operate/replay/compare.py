"""Policies side by side on one history: error, retrainings and cost of each, and what needs no model."""

import time
from collections.abc import Callable
from datetime import timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from gradino.errors import DataError
from gradino.operate.project.config import Release, Retraining
from gradino.operate.replay import baselines
from gradino.operate.replay.drifting import Drifting
from gradino.operate.replay.history import History
from gradino.operate.replay.recipe import Recipe
from gradino.operate.replay.timeline import Clock, Timeline, Told

POLICIES = ("never", "every 7d", "every 30d", "drift", "alarm", "cost-aware")
_FIRST = 0.1  # of the rows, and at least so many, teach the first model
_LEAST = 500
_LOOKS = 400  # at least, where a day would give fewer

Progress = Callable[[str, float], None]


class Policy(msgspec.Struct, frozen=True):
    """What a policy came to. `loss`: mean error of what was served, the target's unit or share of wrong answers;
    `cost`: retrains × price + value × all losses."""

    policy: str
    loss: float
    retrains: int
    alarms: int
    promotions: int
    rollbacks: int
    cost: float


class Comparison(msgspec.Struct, frozen=True):
    """The result, as `--json` prints it. `rows` were replayed: those after the first model's."""

    policies: list[Policy]
    baselines: dict[str, float]
    rows: int
    seconds: float


class Replayed(msgspec.Struct, frozen=True):
    """The comparison and what a picture of it needs: the errors by row, what happened when, the price."""

    comparison: Comparison
    told: list[Told]
    losses: list[NDArray[np.float64]]
    start: int
    price: float
    fits: int


def replay(
    history: History,
    recipe: Recipe,
    policies: list[str],
    delay: timedelta,
    retraining: Retraining,
    release: Release,
    progress: Progress = lambda policy, share: None,
) -> Replayed:
    """Each policy through the same history with the same models.

    Raises:
        DataError: with that delay no label ever comes before the rows end.
    """
    began = time.perf_counter()
    ticks = clock(history, delay)
    told: list[Told] = []
    price = 0.0
    for policy in policies:
        settings = retraining.model_copy(update={"policy": policy})
        drifting = Drifting(history) if policy == "drift" else None
        timeline = Timeline(history, recipe, ticks, settings, release, drifting)
        ends = [*ticks.looks[1:].tolist(), len(history.times)]
        for done, (row, until) in enumerate(zip(ticks.looks.tolist(), ends, strict=True)):
            timeline.look(row, until)
            progress(policy, done / len(ends))
        told.append(timeline.told)
        price = timeline.price
    rows = np.arange(ticks.start, len(history.times))
    losses = [_served(recipe, one, rows) for one in told]
    found = [
        Policy(
            one.policy,
            float(lost.mean()),
            len(one.retrains),
            len(one.alarms),
            len(one.promotions),
            len(one.rollbacks),
            len(one.retrains) * price + retraining.value * float(lost.sum()),
        )
        for one, lost in zip(told, losses, strict=True)
    ]
    needless = baselines.losses(history, ticks.known, ticks.start)
    comparison = Comparison(found, needless, len(rows), round(time.perf_counter() - began, 2))
    return Replayed(comparison, told, losses, ticks.start, price, recipe.fits)


def clock(history: History, delay: timedelta) -> Clock:
    """When labels come, and a look a day, or more where a day would give too few.

    Raises:
        DataError: with that delay no label ever comes before the rows end.
    """
    times, n = history.times, len(history.times)
    known = np.searchsorted(times, times - np.timedelta64(delay), side="right")
    known = np.minimum(known, np.searchsorted(times, times, side="left"))  # never a label of the same moment
    first = max(int(n * _FIRST), min(_LEAST, n // 3))
    start = int(np.searchsorted(known, first))
    if start >= n - 1 or known[start] < 20:
        raise DataError(
            f"with a delay of {delay} too few labels come before the last row", "give a shorter --delay or more rows"
        )
    days = max((times[-1] - times[0]) / np.timedelta64(1, "D"), 1.0)
    step = max(min(round(n / days), n // _LOOKS), 1)
    return Clock(known, np.arange(start, n, step))


def _served(recipe: Recipe, told: Told, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    lost = np.empty(len(rows))
    served = told.served[rows]
    for model in np.unique(served):
        mine = served == model
        lost[mine] = recipe.errors(int(model))[rows[mine]]
    return lost
