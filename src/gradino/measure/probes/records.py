"""Probes of what training leaves behind: the record of each run, and the versions of the models it makes."""

import re

from gradino.measure import rows, vocabulary
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.python import Module
from gradino.measure.scene import Firing, Scene

_STAGE = re.compile(r"(^|[/_])(train|fit|eval)\w*\.py$")  # what a submitted job runs, whatever it fits with
_METRICS = re.compile(r"log_\w*(metric|param|result)|\.log$|\.Live$|create_trial$|automl", re.I)
_LIVE = re.compile(r"monitor|drift|serv(?!ices/)|infer|predict|score", re.I)
# Orchestrators and services that keep what each run makes under the run's name; the first also its metrics.
_KEEPS_ALL = frozenset({"ZenML"})
_KEEPS = _KEEPS_ALL | {"Kubeflow", "Metaflow", "Step Functions"}

# What projects write themselves: a table of runs, or metrics where Kubeflow looks for them, and models put up under a
# name that their run gives them.
_TABLE = re.compile(
    r"mlpipeline[-_]metrics|insert\s+into\s+[\"'`]?([\w.]*\.)?"
    r"((experiments|runs|\w*(experiment|training|model|run)_?(run|metric|result|log|history|registry|league)s?)\b|"
    r"(?!\w*(threshold|drift|predict|monitor))\w+[\"'`]?\s*\([^)]{0,400}?\b(accuracy|f1|f1_score|roc_auc|auc|rmse|mae)\b)",
    re.I,
)
_OF_RUNS = re.compile(
    r"[\"'`]([\w.{}-]*[._-])?(experiment|training|model|ml|train)[_-](runs?|metrics?|results?|logs?|history|experiments?)[\"'`]|"
    r"[\"'`]([\w.{}-]*[._-])?runs?[_-](registry|history|metrics?|metadata|results?|logs?)[\"'`]|"
    r"[(\[][\"'](experiments|runs)[\"'][)\]]\.|"
    r"\b(Experiment|Training|Model)(Run|Metrics?|Result|Log|Record|History)\(|\b(RUNS?|EXPERIMENTS?|TRAINING_RUNS?)_TABLE\b"
)
_BY = r"(version|run_?id|run_name|time_?stamp|stamp|commit|sha\b|hash|uuid|job_?(id|name)|now\(\)|strftime)"
_RUN = rf"\{{[^}}\"'\n]{{0,40}}{_BY}[^}}\n]{{0,40}}\}}"
_FILE = r"(model|ckpt|checkpoint|weights|artifact|\.pkl|\.joblib|\.pth?|\.h5|\.onnx)"
_NAMED = re.compile(
    rf"""f["'][^"'\s]{{0,120}}({_FILE}[^"'\s]{{0,80}}{_RUN}|{_RUN}[^"'\s]{{0,80}}(["']\s*/\s*f?["'])?[^"'\s]{{0,40}}{_FILE})|"""
    rf"""(join\(|/)[^()\n]{{0,80}}[\s(/_]{_BY}\w*\)?\s*[,/]\s*f?["'][^"'\n]{{0,40}}{_FILE}""",
    re.I,
)
_REMOTE = re.compile(
    rf"""f["'](s3a?|gs|gcs|abfss?|wasbs?|az|hdfs|dbfs):/[^"'\s]{{0,120}}({_FILE}[^"'\s]{{0,80}}{_RUN}|{_RUN}[^"'\s]{{0,80}}{_FILE})""",
    re.I,
)
_PUTS = re.compile(r"\b(upload(_\w+)?|f?put_(object|file))\(")
# A registry of a project's own: models saved under their versions, and a list of these that names one of them.
_SAVES = re.compile(
    r"\b(joblib|c?pickle|cloudpickle|dill|torch|skops\.io)\.(dump|save)\(|\.save(_model|_pretrained)?\(|shutil\.(copy\w*|move)\(|\.upload\w*\("
)
_VERSIONED = re.compile(rf"""f["'][^"'\s]{{0,80}}{_RUN}|(join\([^()\n]{{0,80}}|/\s*)(str\()?\w*{_BY}\b""")
_LISTED = re.compile(r"[\"']version(_id)?[\"']\s*:|\bversion(_id)?=|\bModelVersion\(")
_LISTS = re.compile(r"\bjson\.dumps?\(|\byaml\.(safe_)?dump\(")
_REGISTRY = re.compile(
    r"registry|model_?store|model_?version|versions?\.json|manifest|active|champion|current|production", re.I
)


def _written(
    scene: Scene, pattern: re.Pattern[str], says: str, beside: re.Pattern[str] | None = None
) -> list[Evidence]:
    """Files of the training path in which a pattern stands, where another stands in one of them."""
    texts = {m.path: scene.tree.short(m.path) for m in _beside_training(scene)}
    if beside is not None and not any(beside.search(t) for t in texts.values()):
        return []
    found = {path: match for path, text in texts.items() if (match := pattern.search(text))}
    return [scene.see(p, texts[p][: m.start()].count("\n") + 1, says) for p, m in found.items()]


def tracks_experiments(scene: Scene) -> list[Evidence]:
    """Log parameters and metrics of every training run to one tracker, or version the metrics of each stage."""
    found: list[Evidence] = []
    near = scene.near(scene.training_files)
    launched = any(f.effect.verb == "submit" and f.job.triggers and not f.off for f in scene.firings)
    for use in scene.used("track"):
        module = scene.code.module(use.path)
        if module is None or _own(scene, module, use.says):
            continue
        measures = _METRICS.search(use.says) and not _LIVE.search(use.path) and not vocabulary.watches(module)
        wired = use.path in near or measures or (launched and _STAGE.search(use.path))
        strength = Strength.WIRED if wired else Strength.DECLARED
        found.append(scene.see(use.path, use.line, f"{use.says} on the training path", strength))
    found += scene.sights("versions its metrics", "versioned-metrics")
    found += [scene.show(f, "reports a run's metrics") for f in scene.firings if f.effect.verb == "report"
              and any(g.job is f.job and g.effect.verb == "train" for g in scene.firings)]  # fmt: skip
    found += _written(scene, _TABLE, "writes runs where they are kept")
    found += _tabled(scene)
    found += [scene.show(f, "keeps what the run makes") for f in scene.firings if _kept(f, _KEEPS_ALL)]
    return _strongest(found)


def _tabled(scene: Scene) -> list[Evidence]:
    """Files of the training path that write rows, into something that is named for runs."""
    return [
        scene.see(m.path, 1, "writes runs into a table")
        for m in _beside_training(scene)
        if _OF_RUNS.search(scene.tree.short(m.path)) and rows.written(m)
    ]


def _registries(scene: Scene) -> list[Evidence]:
    """Files of the training path that save models under their versions and keep a list of these."""
    found: list[Evidence] = []
    for module in _beside_training(scene):
        text = scene.tree.short(module.path)
        if all(p.search(text) for p in (_SAVES, _VERSIONED, _LISTED, _REGISTRY)) and (
            _LISTS.search(text) or rows.written(module)
        ):
            found.append(scene.see(module.path, 1, "keeps models by version, and a list of the versions"))
    return found


def _beside_training(scene: Scene) -> list[Module]:
    paths = sorted(p for p in scene.near(scene.training_files) if p.endswith(".py") and not _LIVE.search(p))
    return [m for p in paths if (m := scene.code.module(p))]


def _own(scene: Scene, module: Module, name: str) -> bool:
    """Whether the project defines what a name calls: what it does inside counts, not how it is called."""
    if name.startswith("self."):
        return any(f.endswith(f".{name.removeprefix('self.')}") for f in module.functions)
    path, rest = scene.code.find(name, module.path)
    other = scene.code.module(path) if path and rest else None
    return other is not None and rest in other.functions


def _kept(firing: Firing, systems: frozenset[str]) -> bool:
    return firing.job.system in systems and firing.effect.verb in ("train", "submit")


def versions_models(scene: Scene) -> list[Evidence]:
    """Keep training code in git and let the training run register each model it makes, or version it with its run."""
    level = Strength.WIRED if scene.tree.commit else Strength.DECLARED
    found = [
        scene.see(u.path, u.line, f"{u.says} gives the model a version", level)
        for u in scene.used("register", "keep", "store", "pin")
        if scene.training_files or not u.says.startswith("bentoml")  # there, others' models are copied
    ]
    found += scene.sights("versions models", "versioned-model", strength=level)
    found += [scene.show(f, "registers the model", level) for f in scene.firings if f.effect.verb == "register"]
    found += _written(scene, _NAMED, "puts models up under their runs' names", _PUTS) if scene.tree.commit else []
    found += _written(scene, _REMOTE, "keeps models under their runs' names") if scene.tree.commit else []
    found += _registries(scene) if scene.tree.commit else []
    found += [scene.show(f, "keeps each run's model", level) for f in scene.firings if _kept(f, _KEEPS)]
    return _strongest(found)


def _strongest(found: list[Evidence], most: int = 6) -> list[Evidence]:
    return sorted(found, key=lambda e: (-e.strength, e.locator))[:most]
