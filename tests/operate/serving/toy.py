"""Models that need no bundle: what they do is written in what stands for their digest."""

import os
import signal
import time
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None


INPUTS = (
    Field("temperature", "number", minimum=-50, maximum=60),
    Field("riders", "integer", nullable=True),
    Field("weather", "string", categories=("clear", "rain")),
    Field("holiday", "boolean"),
    Field("hour", "timestamp"),
)


@dataclass
class Toy:
    """`times:2` answers twice the temperature; the others do as they are called."""

    digest: str
    inputs: tuple[Field, ...] = INPUTS
    task: str = "regression"
    calls: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.does, _, self.by = self.digest.partition(":")
        if self.does == "class":
            self.task = "classification"
        if self.does == "mail":
            self.inputs = (*INPUTS, Field("email", "string", nullable=True), Field("income", "number", nullable=True))
        if self.does == "more":
            self.inputs = (*INPUTS, Field("wind", "number"))
        if self.by == "numbers":
            self.inputs = INPUTS[:1]

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        self.calls.append(len(frame))
        value = frame["temperature"].to_numpy()
        match self.does:
            case "times":
                return value * float(self.by)
            case "slow":
                time.sleep(float(self.by))
                return value
            case "spoils":
                frame.loc[:, "temperature"] = value * 2
                return frame["temperature"].to_numpy()
            case "class":
                return np.where(value > 10, 1, 0)
            case "raises":
                raise KeyError("temperature")
            case "poison":
                if (value == 13).any():
                    raise ValueError("thirteen")
                return value
            case "mail":
                if (value == 13).any():
                    raise ValueError(f"unlucky: {frame['email'][0]}")
                return value
            case "wrong":
                return value[:-1]
            case "exits":
                raise SystemExit(3)
            case "crashes":
                if (value == 13).any():
                    os.kill(os.getpid(), signal.SIGKILL)
                return value
            case "more":
                return value + frame["wind"].to_numpy()
        raise AssertionError(self.digest)


def load(digest: str) -> Toy:
    if digest.startswith("unloadable"):
        raise ValueError("its signature is not ours")
    if digest.startswith("late"):
        time.sleep(1.5)
        return Toy("times:7")
    return Toy(digest)
