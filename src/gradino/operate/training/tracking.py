"""A run as people see it in MLflow: parameters, metrics and tags, and the user's own calls beside them."""

import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from gradino.operate.registry import tracker
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


def log(client: MlflowClient, run: str, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
    """All at once: one transaction of the tracker."""
    at = int(time.time() * 1000)
    client.log_batch(
        run,
        metrics=[Metric(key, value, at, 0) for key, value in metrics.items()],
        params=[Param(key, str(value)) for key, value in params.items()],
    )


def machine() -> dict[str, object]:
    """What a result may depend on beside data, code and lock file."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "as many as cores"),
    }
