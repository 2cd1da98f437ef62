"""The recipe: rows, code, seed and hyper-parameters give a model and what it is worth. A run and its reproduction
follow it alike; nothing here is registered, signed or told to anybody."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gradino.operate.data import frames
from gradino.operate.project import Project
from gradino.operate.registry import inputs, pack
from gradino.operate.registry.schema import Description, Reference
from gradino.operate.training import evaluate, hardware
from gradino.operate.training.search import search

Say = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """A model staged in a folder, with the rows around it and what its evaluation showed.

    To the holdout, `answers` are of the model that has not seen it, `served` of the one that is released.
    """

    estimator: str
    metric: str
    parameters: dict[str, Any]
    description: Description
    past: pd.DataFrame
    holdout: pd.DataFrame
    answers: NDArray[Any]
    served: NDArray[Any]
    metrics: dict[str, float]
    slices: evaluate.Slices
    reference: Reference
    machine: dict[str, str | int | float]


def make(
    project: Project,
    code: Path,
    rows: pa.Table,
    seed: int,
    staged: Path,
    say: Say,
    parameters: Mapping[str, Any] | None = None,
) -> Made:
    """Train on the past of `rows`, which are sorted by time, evaluate on the newest, and train on all of them.

    The second fit is what is released: by the same recipe – code, seed, hyper-parameters – whose worth the first has
    shown. Held back for good, the newest rows would make every model weeks older than it need be.

    `parameters` are a finished search's; None: search, where the project asks for it.
    """
    measure = evaluate.metric(project, code)
    frame = rows.to_pandas()
    past, holdout = evaluate.split(frame, project.project.time)
    say(f"{len(past):,} rows to learn from, {len(holdout):,} newer ones to test on; seed {seed}")
    function = project.training.train.load(code)
    library = frames.frame_library(function, parameter=0)

    def fit(frame: pd.DataFrame, chosen: Mapping[str, Any]) -> Any:
        random.seed(seed)
        np.random.seed(seed)
        return function(frames.given(frame, library), **chosen)

    if parameters is None:
        parameters = search(project, code, measure, past, fit, seed, say) if project.training.search else {}
    tested = fit(past, parameters)
    say(f"{type(tested).__name__} is fitted on the past, to be tested")
    estimator = fit(frame, parameters)
    say("and on all rows, to be released")
    description = inputs.describe(project, estimator, rows.schema, frame, code)
    shown = holdout[[field.name for field in description.inputs]]
    served, answers = (model.predict(shown) for model in pack.stage(staged, estimator, tested, code, description))
    metrics, reference = evaluate.evaluate(project, measure, past, holdout, answers)
    slices = evaluate.by_slice(project, measure, past, holdout, answers, reference.scale)
    say(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    return Made(
        type(estimator).__name__, measure[0], dict(parameters), description, past, holdout, answers, served,
        metrics, slices, reference, hardware.describe(),
    )  # fmt: skip
