"""Probes of people: what git can show beside attestations. It corroborates; alone it never lifts a track."""

from gradino.measure.evidence import Evidence, Strength
from gradino.measure.scene import Scene

_TRAINING, _SERVING, _PIPELINE = (
    ("train", "model", "experiment", "notebook"),
    ("serv", "api", "app", "deploy", "docker"),
    ("pipeline", "workflow", "etl", "ingest", "dag", "dvc"),
)
_METRICS = ("monitor", "metric", "drift", "prometheus", "grafana")


_ENOUGH = 20  # commits on each side before it means something that nobody works on both


def _shared(scene: Scene, one: tuple[str, ...], other: tuple[str, ...], says: str) -> list[Evidence]:
    """What git and CODEOWNERS show of two sides of the work; evidence of no strength speaks against the rung."""
    here, there = scene.history.authors(*one), scene.history.authors(*other)
    both, people = here.keys() & there.keys(), here.keys() | there.keys()
    found = _owned(scene, one, other)
    if len(people) > 1 and both:
        words = f"{says}: {len(both)} of {len(people)} people work on both sides"
        found.append(Evidence("git", "history", words, Strength.CLAIMED))
    elif min(here.total(), there.total()) >= _ENOUGH:
        words = f"nobody works on both sides: {here.total()} commits here, {there.total()} there"
        found.append(Evidence("git", "history", words, Strength.NONE))
    return found


def _owned(scene: Scene, one: tuple[str, ...], other: tuple[str, ...]) -> list[Evidence]:
    """Owners who must review both sides, where each side has a line of its own."""
    for path in (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"):
        rules = [line.split("#")[0].split() for line in scene.tree.short(path).splitlines()]
        here, there = (
            {o for r in rules if r and any(w in r[0].lower() for w in s) for o in r[1:]} for s in (one, other)
        )
        if len(here | there) > 1 and here & there:
            words = f"{', '.join(sorted(here & there))} must review both sides"
            return [Evidence("CODEOWNERS", path, words, Strength.DECLARED)]
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
