"""What is live: one immutable value, replaced as a whole, so that no request ever sees half a swap."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from gradino.operate.serving.schema import Extra, Row, Rows
from gradino.operate.serving.served import Served

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
