"""Probe of reproducibility: the environment of training, its data and one command, all of the same model."""
# ruff: noqa: E501 - a table reads better unwrapped

import re

from gradino.measure.evidence import Evidence, Strength
from gradino.measure.probes.traceability import DATA_VERSION, written
from gradino.measure.scene import Scene

_SHOWN_ONLY = re.compile(r"(^|/)(examples?|docs?|tutorials?|demos?|benchmarks?|samples?|sandbox|playground)(/|$)")
# Environments of something other than training, and folders that hold nothing but environments.
_BESIDE = re.compile(
    r"(^|[-_.])(tests?|dev|ci|lint|docs?|api|app|lambda|serv\w*|deploy\w*|dashboard|monitor\w*|demo|scor\w*|infer\w*|predict\w*|airflow|front\w*)([-_.]|$)",
    re.I,
)
_ENVIRONMENTS = re.compile(r"(^|/)(env\w*|requirements|dockers?|conda|config\w*|images?|resources|train\w*)$", re.I)
_FROZEN_DATA = re.compile(
    r"kaggle\.com/(datasets|c|competitions|\w+/)|kaggle (datasets|competitions) download|archive\.ics\.uci|zenodo\.org|"
    r"huggingface\.co/datasets|openml\.org|figshare|raw\.githubusercontent\.com/\S+\.(csv|zip|parquet)",
    re.I,
)
_NOT_TRAINING = re.compile(
    r"(^|/)[^/]*(monitor|test|drift|reference|serv|deploy|sample|predict|infer|api|mlruns)[^/]*/", re.I
)


def retrains_the_same(scene: Scene) -> list[Evidence]:
    """Pin the environment, version the data or fix a snapshot, and offer one command that retrains."""
    command, started = _one_command(scene) or (None, "")
    environment, home = _environment(scene, started) or (None, "")
    parts = [e for e in (environment, _fixed_data(scene, home), command) if e is not None]
    if len(parts) == 3:
        return parts
    return [Evidence(e.source, e.locator, e.says, Strength.DECLARED) for e in parts]


def _trainers(scene: Scene) -> set[str]:
    """Files that train the project's own model, not one to show how."""
    return {p for p in scene.training_files if not _SHOWN_ONLY.search(p.rpartition("/")[0])}


def _environment(scene: Scene, started: str) -> tuple[Evidence, str] | None:
    """The pinned environment nearest to the training that a command starts, lock files first, and the folder it is for."""
    folders = {p.rpartition("/")[0] for p in _trainers(scene) | {u.path for u in scene.used("submit")}}
    if started.endswith(".py"):
        folders = {started.rpartition("/")[0]}
    pinned = [
        (r, home)
        for r in scene.resources
        if r.kind == "environment" and "pinned" in r.traits and not _BESIDE.search(r.name)
        for home in (_home(r.path),)
        if not home or any(f == home or f.startswith(f"{home}/") for f in folders)
    ]
    best = max(pinned, key=lambda found: ("lock" in found[0].traits, found[0].path.count("/")), default=None)
    if best is None:
        return None
    resource, home = best
    return scene.see(
        resource.path, resource.line, f"the environment is pinned ({resource.name})", source="environment"
    ), home


def _home(path: str) -> str:
    """The folder that an environment file is for: where it lies, or above the folders that hold nothing else."""
    place = path.rpartition("/")[0]
    while place and _ENVIRONMENTS.search(place):
        place = place.rpartition("/")[0]
    return place


def _fixed_data(scene: Scene, home: str) -> Evidence | None:
    training = scene.near(scene.training_files)
    for resource in scene.resources:
        if "versioned-data" in resource.traits:
            return scene.see(resource.path, resource.line, f"{resource.name} is versioned by DVC", source="DVC")
    recorded = training | {u.path for u in scene.used("track", "register")}
    for use in scene.used("record-data"):
        if use.path in recorded and not use.path.endswith(".ipynb"):
            return scene.see(use.path, use.line, f"{use.says} names the data's version")
    if named := written(scene, recorded, DATA_VERSION, "names the data's version"):
        return named[0]
    if any(u.path in training for u in scene.used("collect")):
        return None
    for use in scene.used("fixed"):
        if _same(home, use.path) and not _SHOWN_ONLY.search(use.path):
            return scene.see(use.path, use.line, f"{use.says} reads data that does not change")
    for path, size in scene.tree.sizes.items():
        table = path.endswith((".csv", ".parquet")) and size > 20_000
        inside = re.search(
            r"(^|/)(data|dataset|input|raw)s?/.*\.(csv|parquet|json|jsonl|tsv|xlsx|feather|txt|npz)$", path
        )
        if (table or (inside and size > 2_000)) and _same(home, path) and not _NOT_TRAINING.search(path):
            return scene.see(path, 0, "the data lies at a commit", source="git")
    for path, number, line in scene.documents():
        if _same(home, path) and (found := _FROZEN_DATA.search(line)):
            return scene.see(path, number, f"names where its data lies: {found[0]}", source="documentation")
    return None


def _same(home: str, path: str) -> bool:
    """Whether a place belongs to the part of the repository that an environment is for; the root's belong to all."""
    top = path.partition("/")[0]
    return not home or "/" not in path or top in ("data", "docs") or top == home.partition("/")[0]


def _one_command(scene: Scene) -> tuple[Evidence, str] | None:
    """What retrains, and the file it starts."""
    trainers = _trainers(scene)
    for resource in scene.resources:
        if "stage" in resource.traits and trainers:
            return scene.see(resource.path, resource.line, "dvc repro retrains", source="DVC"), resource.path
    for firing in scene.firings:
        if firing.effect.verb in ("train", "submit") and not firing.off and firing.job.triggers:
            return scene.show(firing, "retrains"), firing.effect.path
    if "MLproject" in scene.tree:
        return scene.see("MLproject", 1, "mlflow run retrains", source="MLflow"), "MLproject"
    for path in sorted(p for p in scene.near(trainers) if not p.endswith(".ipynb")):
        module = scene.code.module(path)
        if module is None:
            continue
        start = module.functions.get("<main>")
        reached = scene.code.reach(path) if start or path in trainers else ()
        if any(m.path in trainers and _fits(scene, m.path, f.name) for m, f in reached):
            return scene.see(path, start.line if start else 1, f"python {path} retrains"), path
    return None


def _fits(scene: Scene, path: str, function: str) -> bool:
    return any(u.path == path and u.function == function for u in scene.used("train"))
