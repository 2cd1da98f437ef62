"""A run as people see it in MLflow: parameters, metrics and tags, and the user's own calls beside them."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from gradino.operate.registry import models, tracker
from gradino.operate.store import Store
from gradino.operate.training.task import Task


@contextmanager
def tracked(client: MlflowClient, store: Store, name: str, task: Task) -> Iterator[str]:
    """An MLflow run that ends as the block ends; an earlier attempt of the same run is put away.

    In the block, `mlflow.log_metric` and its like, called by the project's code, land in this run.
    """
    experiment = tracker.experiment(client, store, name)
    for attempt in client.search_runs([experiment], f"tags.`gradino.run` = '{task.run}'"):
        client.delete_run(attempt.info.run_id)
    facts = {
        "mlflow.runName": task.run,
        "gradino.commit": task.snapshot.commit,
        "gradino.diff": task.snapshot.diff,
        "gradino.code": task.snapshot.code,
        "gradino.environment": task.environment,
        "gradino.data_version": str(task.data_version),
        "gradino.data_digest": task.data_digest,
    }
    tags = {key: value for key, value in facts.items() if value} | tracker.tag(task.run)
    run = str(client.create_run(experiment, tags=tags).info.run_id)
    os.environ["MLFLOW_RUN_ID"], os.environ["MLFLOW_EXPERIMENT_ID"] = run, experiment
    try:
        yield run
    except BaseException:
        client.set_terminated(run, "FAILED")
        raise
    client.set_terminated(run, "FINISHED")


def log(
    client: MlflowClient,
    run: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    slices: dict[str, Any],
) -> None:
    """Parameters and metrics at once, in one transaction; slices, whose names are refused, as a file."""
    at = int(time.time() * 1000)
    client.log_batch(
        run,
        metrics=[Metric(key, value, at, 0) for key, value in metrics.items()],
        params=[Param(key, str(value)) for key, value in params.items()],
    )
    if slices:
        client.log_dict(run, slices, "slices.json")


def withdraw(task: Task, name: str) -> None:
    """A job: what a cancelled run left in the tracker is marked as killed, and is no version."""
    store = Store(task.store)
    client = tracker.client(store)
    done = models.registered(client, name, task.run)
    if done:
        client.delete_model_version(name, str(done[0]))
    for attempt in client.search_runs([tracker.experiment(client, store, name)], f"tags.`gradino.run` = '{task.run}'"):
        client.set_terminated(attempt.info.run_id, "KILLED")
