"""Probes of people: what git can show beside attestations. It corroborates; alone it never lifts a track."""

from gradino.measure.evidence import Evidence, Strength
from gradino.measure.scene import Scene

_TRAINING, _SERVING, _PIPELINE = (
    ("train", "model", "experiment", "notebook"),
    ("serv", "api", "app", "deploy", "docker"),
    ("pipeline", "workflow", "etl", "ingest", "dag", "dvc"),
)
_METRICS = ("monitor", "metric", "drift", "prometheus", "grafana")


def _shared(scene: Scene, one: tuple[str, ...], other: tuple[str, ...], says: str) -> list[Evidence]:
    both = scene.history.authors(*one).keys() & scene.history.authors(*other).keys()
    people = scene.history.authors(*one).keys() | scene.history.authors(*other).keys()
    if len(people) > 1 and both:
        return [
            Evidence(
                "git", "history", f"{says}: {len(both)} of {len(people)} people work on both sides", Strength.CLAIMED
            )
        ]
    return []


def scientists_and_engineers(scene: Scene) -> list[Evidence]:
    """Let data scientists and data engineers write and review the training pipeline together, and attest it."""
    return _shared(scene, _TRAINING, _PIPELINE, "training and pipelines share authors")


def scientists_and_signals(scene: Scene) -> list[Evidence]:
    """Let data scientists and software engineers choose the monitored signals together, and attest it."""
    return _shared(scene, _TRAINING, _METRICS, "training and monitoring share authors")


def contracts_of_three(scene: Scene) -> list[Evidence]:
    """Give the model's inputs and outputs owners in three roles, and attest it."""
    return _shared(scene, _PIPELINE, _SERVING, "pipelines and serving share authors")


def engineers_automate(scene: Scene) -> list[Evidence]:
    """Let software and data engineers automate together how a model enters the application, and attest it."""
    return _shared(scene, _SERVING, _PIPELINE, "serving and pipelines share authors")


def engineers_measure(scene: Scene) -> list[Evidence]:
    """Let software engineers build the collection of metrics after deployment, and attest it."""
    return _shared(scene, _SERVING, _METRICS, "serving and monitoring share authors")
