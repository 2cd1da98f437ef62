"""MLflow, the tracker and registry that people look at. Its import takes seconds: only jobs come here."""

import os

from mlflow import MlflowClient

from gradino.operate.store import Store
from gradino.operate.store.lock import alone


def client(store: Store) -> MlflowClient:
    """A client of the project's tracker; the first one makes its database.

    Under a lock, because two that make the schema at the same time leave a broken one; and apart, because SQLite cannot
    take back half a schema that a killed one leaves.
    """
    os.environ["MLFLOW_TRACKING_URI"] = os.environ["MLFLOW_REGISTRY_URI"] = store.tracking_uri
    with alone(store.root / "mlflow.lock"):
        place = store.root / "mlflow.db"
        if store.tracking_uri.startswith("sqlite") and not place.exists():
            staged = place.with_suffix(".new")
            staged.unlink(missing_ok=True)
            _opened(f"sqlite:///{staged}")
            staged.rename(place)
        return _opened(store.tracking_uri)


def _opened(uri: str) -> MlflowClient:
    """A client of a database, which now has its tables."""
    found = MlflowClient(uri, uri)
    found.search_experiments(max_results=1)
    return found


def experiment(tracker: MlflowClient, store: Store, name: str) -> str:
    """The id of the experiment of this name, made when absent; its artifacts lie in the store."""
    with alone(store.root / "mlflow.lock"):
        found = tracker.get_experiment_by_name(name)
        place = (store.root / "artifacts").as_uri()
        return found.experiment_id if found else tracker.create_experiment(name, artifact_location=place)


def tag(run: str) -> dict[str, str]:
    """What marks everything in MLflow that belongs to one of our runs."""
    return {"gradino.run": run}
