"""What goes into a training job and what comes out of it; light, for both sides of the process border."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradino.operate.training.snapshot import Snapshot


@dataclass(frozen=True)
class Task:
    """One run, fixed: the same task on the same machine gives the same model, where the libraries allow."""

    store: Path
    run: str
    folder: Path
    snapshot: Snapshot
    environment: str
    data_version: int
    data_digest: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What a run became."""

    version: int
    bundle: str
    metrics: dict[str, float]
    tracker_run: str
    parameters: dict[str, Any]
    slices: dict[str, Any]
    machine: dict[str, Any]
