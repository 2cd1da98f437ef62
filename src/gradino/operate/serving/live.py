"""What is live: one immutable value, replaced as a whole, so that no request ever sees half a swap."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.columns import Columns
from gradino.operate.serving.commit import Scored
from gradino.operate.serving.privacy import Keeper, Privacy
from gradino.operate.serving.schema import Extra, Rows
from gradino.operate.serving.served import Places, Served, logged
from gradino.operate.serving.wal import Role, Schema

Arm = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Live:
    """A deployment with its models loaded. `weight` 0: the challenger shadows; above: the share that it answers."""

    deployment: int
    champion: Served
    challenger: Served | None
    weight: float
    rows: Rows
    schema: Schema
    places: dict[Arm, Places]
    keeper: Keeper | None = None
    is_compiled: bool = False  # all that answer are

    @classmethod
    def of(
        cls,
        deployment: int,
        champion: Served,
        challenger: Served | None,
        weight: float,
        extra: Extra,
        privacy: Privacy | None = None,
    ) -> "Live":
        rows = Rows(champion.inputs, challenger.inputs if challenger else (), extra)
        places: dict[Arm, Places] = {"champion": champion.places(rows.layout)}
        if challenger:
            places["challenger"] = challenger.places(rows.layout, rows.optional)
        keeper = privacy.keeper(rows.layout) if privacy else None
        schema = Schema(champion.task, keeper.layout.inputs if keeper else rows.layout.inputs)
        weight = weight if challenger else 0.0
        answering = [champion, challenger] if challenger and weight else [champion]
        is_compiled = all(served.direct for served in answering)
        return cls(deployment, champion, challenger, weight, rows, schema, places, keeper, is_compiled)

    def served(self, arm: Arm) -> Served:
        if arm == "challenger" and self.challenger:
            return self.challenger
        return self.champion

    def arms(self, columns: Columns, ids: list[str]) -> list[Arm]:
        """Who answers each row. The same unit stays with its arm while the weight only grows."""
        if not self.weight:
            return ["champion"] * len(columns)
        assert self.challenger
        salt = f"{self.champion.version}:{self.challenger.version}:"
        sticks = ids if self.rows.unit is None else columns.column(self.rows.unit)
        return [
            "challenger" if _share(f"{salt}{row if unit is None else unit}") < self.weight else "champion"
            for unit, row in zip(sticks, ids, strict=True)
        ]

    def told(self, error: BaseException) -> str:
        """What may be written of an error: its words may hold values of the row."""
        return type(error).__name__ if self.keeper else f"{type(error).__name__}: {error}"

    def score(self, arm: Arm, columns: Columns) -> NDArray[Any]:
        """One value per row by the model of an arm; raises whatever it raises."""
        return self.served(arm).predict(columns, self.places[arm])

    def scored(self, arm: Arm, role: Role, rows: "Identified", values: NDArray[Any] | None) -> Scored:
        """What the log keeps of a call; None: it failed. A shadow's features are those of the answered row."""
        served = self.served(arm)
        kept = logged(served.task, np.full(len(rows.ids), np.nan) if values is None else values)
        features = None if role == "shadow" else self.keeper(rows.columns) if self.keeper else rows.columns
        now = time.time_ns() // 1000
        return Scored(self.schema, self.deployment, served.version, role, now, rows.ids, rows.times, kept, features)


@dataclass(frozen=True, slots=True)
class Identified:
    """Rows with their prediction ids and event times, in microseconds since 1970 UTC."""

    columns: Columns
    ids: list[str]
    times: NDArray[np.int64]

    def take(self, where: Sequence[int]) -> "Identified":
        """Some of the rows."""
        index = np.array(where, dtype=np.intp)
        return Identified(self.columns.take(index), [self.ids[i] for i in where], self.times[index])


def _share(salted: str) -> float:
    return int.from_bytes(hashlib.blake2b(salted.encode(), digest_size=8).digest(), "big") / 2**64
