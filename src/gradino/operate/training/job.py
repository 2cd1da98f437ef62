"""The training job: rows in, a signed bundle and a registered version out. It runs from the snapshot."""

import os
import random
import sys
from datetime import UTC, datetime

import msgspec
import numpy as np
import pyarrow as pa

from gradino.errors import DataError
from gradino.operate.data import frames
from gradino.operate.data.columns import BATCH
from gradino.operate.project import Project, load
from gradino.operate.registry import inputs, keys, models, pack, tracker
from gradino.operate.registry.bundle import BASELINE, CODE, Lineage, lineage
from gradino.operate.store import Store
from gradino.operate.training import baseline, evaluate, tracking
from gradino.operate.training.task import Outcome, Task


def train(task: Task) -> Outcome:
    """Train, evaluate, pack, register. Registering is the point of no return: a run that got there only reports it."""
    sys.dont_write_bytecode = True
    store, code = Store(task.store), task.folder / CODE
    project = load(code)
    client = tracker.client(store)
    done = models.registered(client, project.name, task.run)
    if done:
        number, bundle = done
        origin = lineage(bundle)
        return Outcome(number, bundle.name, origin.metrics, origin.tracker_run)
    os.chdir(code)
    measure = evaluate.metric(project, code)
    rows = collected(store, project, task.data_version)
    frame = rows.to_pandas()
    past, holdout = evaluate.split(frame, project.project.time)
    _say(f"{len(past):,} rows to learn from, {len(holdout):,} newer ones to test on; seed {task.seed}")
    with tracking.tracked(client, store, project.name, task) as run:
        random.seed(task.seed)
        np.random.seed(task.seed)
        function = project.training.train.load(code)
        estimator = function(frames.given(past, frames.frame_library(function, parameter=0)))
        _say(f"{type(estimator).__name__} is fitted")

        # Released is what was evaluated: a refit on all rows would be a model that nobody has tested.
        staged = task.folder / f"staged-{os.getpid()}"
        description = inputs.describe(project, estimator, rows.schema, past, code)
        model = pack.stage(staged, estimator, code, description)
        answers = model.predict(holdout[[field.name for field in description.inputs]])
        metrics, reference = evaluate.evaluate(project, measure, past, holdout, answers)
        _say(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
        compared = baseline.baseline(project, description, past, holdout, answers, reference, project.training.slices)
        (staged / BASELINE).write_bytes(msgspec.json.encode(compared))
        params = {
            "estimator": type(estimator).__name__,
            "metric": measure[0],
            "seed": task.seed,
            "data_version": task.data_version,
        }
        tracking.log(client, run, params | tracking.machine(), metrics)
        origin = Lineage(
            task.run,
            task.snapshot.commit,
            task.snapshot.diff,
            task.snapshot.code,
            task.environment,
            task.data_version,
            task.data_digest,
            task.seed,
            run,
            metrics,
        )
        bundle = pack.finish(
            staged, store.folder("bundles"), holdout, answers, reference, origin, keys.private_key(store)
        )
        store.keep(f"bundles/{bundle.name}")
        _say(f"packed and signed as {bundle.name}")
    number = models.register(client, project.name, task.run, run, bundle)
    _say(f"registered as version {number}")
    return Outcome(number, bundle.name, metrics, run)


def collected(store: Store, project: Project, version: int) -> pa.Table:
    """The project's own columns of a table version, oldest row first."""
    table = store.tables.read("rows", version)
    if table is None:
        raise DataError(f"version {version} of the table `rows` is gone", "restore .gradino/tables from a backup")
    keys = [project.project.time, *([project.project.unit] if project.project.unit else [])]
    return table.drop_columns([BATCH]).sort_by([(key, "ascending") for key in keys])


def _say(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}")
