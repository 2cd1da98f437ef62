"""What a reproduction is told and what it answers; light, for both sides of the process border."""

from typing import Any

import msgspec

ORDER, MADE = "order.json", "made.json"


class Order(msgspec.Struct, frozen=True):
    """What to make: the code, rows, seed, hyper-parameters and threads of the record; `bundle` is what it gave."""

    store: str
    code: str
    bundle: str
    data_version: int
    seed: int
    parameters: dict[str, Any]
    threads: int | None


class Result(msgspec.Struct, frozen=True):
    """What was made. `apart` is the largest difference to the recorded answers on the rows of the bundle: of numbers
    the absolute one, of classes 1 where one differs; `rows` are those that differ at all."""

    files: dict[str, str]  # model files by SHA-256
    metrics: dict[str, float]
    apart: float
    rows: int
    machine: dict[str, str | int | float]
