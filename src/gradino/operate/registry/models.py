"""Model versions in MLflow's registry. Jobs only; each can be done twice."""

from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from gradino.operate.registry import tracker
from gradino.operate.store import Store


def registered(client: MlflowClient, name: str, run: str) -> tuple[int, Path] | None:
    """The version that a run became, and its bundle."""
    found = client.search_model_versions(f"name = '{name}' and tag.`gradino.run` = '{run}'")
    return (int(found[0].version), Path(str(found[0].source))) if found else None


def register(client: MlflowClient, name: str, run: str, tracker_run: str, bundle: Path) -> int:
    """Make a run's bundle a model version; returns its number. This is the moment a run has succeeded."""
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    version = client.create_model_version(name, str(bundle), tracker_run, tags=tracker.tag(run))
    return int(version.version)


def set_alias(root: Path, name: str, alias: str, number: int | None) -> None:
    """Point an alias at a version, or remove it."""
    client = tracker.client(Store(root))
    if number is None:
        client.delete_registered_model_alias(name, alias)
    else:
        client.set_registered_model_alias(name, alias, str(number))
