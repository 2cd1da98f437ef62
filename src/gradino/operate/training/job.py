"""The training job: rows in, a signed bundle and a registered version out. It runs from the snapshot."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
from mlflow import MlflowClient

from gradino.errors import DataError
from gradino.operate.data.columns import BATCH
from gradino.operate.project import Project, load
from gradino.operate.registry import keys, models, pack, tracker
from gradino.operate.registry.bundle import BASELINE, CODE, Lineage, lineage
from gradino.operate.store import Store
from gradino.operate.training import baseline, tracking
from gradino.operate.training.recipe import make
from gradino.operate.training.task import Outcome, Task

_PACKED = "bundle"  # in a run's folder: leads to what it packed


def train(task: Task) -> Outcome:
    """Train, evaluate, pack, register. Registering is the point of no return: a run that got there only reports it."""
    sys.dont_write_bytecode = True
    store, code = Store(task.store), task.folder / CODE
    project = load(code)
    client = tracker.client(store)
    done = models.registered(client, project.name, task.run)
    if done:
        number, bundle = done
        return _outcome(number, bundle.name, lineage(bundle))
    packed = task.folder / _PACKED
    if packed.exists():  # an earlier attempt was killed before it could register what it had made
        bundle = packed.resolve()
        store.keep(f"bundles/{bundle.name}")
    else:
        bundle = _make(client, store, project, task, packed)
    origin = lineage(bundle)
    client.set_terminated(origin.tracker_run, "FINISHED")
    number = models.register(client, project.name, task.run, origin.tracker_run, bundle)
    _say(f"registered as version {number}")
    return _outcome(number, bundle.name, origin)


def _make(client: MlflowClient, store: Store, project: Project, task: Task, packed: Path) -> Path:
    """Train, evaluate and pack, watched by MLflow; the bundle, to which `packed` leads."""
    code = task.folder / CODE
    os.chdir(code)
    rows = collected(store, project, task.data_version)
    with tracking.tracked(client, store, project.name, task) as run:
        staged = task.folder / f"staged-{os.getpid()}"
        made = make(project, code, rows, task.seed, staged, _say)
        past, holdout, answers = made.past, made.holdout, made.answers
        compared = baseline.baseline(
            project, made.description, past, holdout, answers, made.reference, project.training.slices
        )
        (staged / BASELINE).write_bytes(msgspec.json.encode(compared))
        params = {
            "estimator": made.estimator,
            "metric": made.metric,
            "seed": task.seed,
            "data_version": task.data_version,
        }
        chosen = {f"parameter.{name}": value for name, value in made.parameters.items()}
        tracking.log(client, run, params | chosen | made.machine, made.metrics, made.slices)
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
            made.metrics,
            made.parameters,
            made.machine,
            made.slices,
        )
        bundles, key = store.folder("bundles"), keys.private_key(store)
        bundle = pack.finish(staged, bundles, holdout, made.served, made.reference, origin, key, packed)
        store.keep(f"bundles/{bundle.name}")
        _say(f"packed and signed as {bundle.name}")
    return bundle


def _outcome(number: int, bundle: str, origin: Lineage) -> Outcome:
    return Outcome(number, bundle, origin.metrics, origin.tracker_run, origin.parameters, origin.slices, origin.machine)


def collected(store: Store, project: Project, version: int) -> pa.Table:
    """The project's own columns of a table version, oldest row first."""
    table = store.tables.read("rows", version)
    if table is None:
        raise DataError(f"version {version} of the table `rows` is gone", "restore .gradino/tables from a backup")
    keys = [project.project.time, *([project.project.unit] if project.project.unit else [])]
    return table.drop_columns([BATCH]).sort_by([(key, "ascending") for key in keys])


def _say(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}")
