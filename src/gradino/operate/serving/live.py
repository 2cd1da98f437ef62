"""What is live: one immutable value, replaced as a whole, so that no request ever sees half a swap."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gradino.operate.serving.commit import Scored
from gradino.operate.serving.schema import Extra, Row, Rows
from gradino.operate.serving.served import Served, as_logged
from gradino.operate.serving.wal import Prediction, Role

Arm = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Live:
    """A deployment with its models loaded. `weight` 0: the challenger shadows; above: the share that it answers."""

    deployment: int
    champion: Served
    challenger: Served | None
    weight: float
    rows: Rows

    @classmethod
    def of(cls, deployment: int, champion: Served, challenger: Served | None, weight: float, extra: Extra) -> "Live":
        rows = Rows(champion.inputs, challenger.inputs if challenger else (), extra)
        return cls(deployment, champion, challenger, weight if challenger else 0.0, rows)

    def served(self, arm: Arm) -> Served:
        if arm == "challenger" and self.challenger:
            return self.challenger
        return self.champion

    def arm(self, row: Row, prediction_id: str) -> Arm:
        """Who answers. The same unit stays with its arm while the weight only grows."""
        if not self.weight:
            return "champion"
        assert self.challenger
        sticks = self.rows.unit(row) or prediction_id
        salted = f"{self.champion.version}:{self.challenger.version}:{sticks}"
        share = int.from_bytes(hashlib.blake2b(salted.encode(), digest_size=8).digest(), "big") / 2**64
        return "challenger" if share < self.weight else "champion"

    def score(self, arm: Arm, rows: Sequence[Row]) -> list[Any]:
        """One value per row by the model of an arm; raises whatever it raises."""
        served = self.served(arm)
        return served.predict(rows, served.places(self.rows.names))

    def scored(self, arm: Arm, role: Role, rows: Iterable[tuple[Row, str, int]], values: Sequence[Any]) -> Scored:
        """What the log keeps: `rows` with id and event time; a shadow's features are those of the answered row."""
        served = self.served(arm)
        places = served.places(self.rows.names)
        logged = as_logged(served.task)
        kept = [
            Prediction(
                prediction_id,
                event_time,
                None if value is None else logged(value),
                None if role == "shadow" else served.features(row, places),
            )
            for (row, prediction_id, event_time), value in zip(rows, values, strict=True)
        ]
        return Scored(served.schema, self.deployment, served.version, role, time.time_ns() // 1000, kept)
