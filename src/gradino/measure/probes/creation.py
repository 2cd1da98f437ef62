"""Probes of model creation: data, compute, experiments, versions, training."""

import re
from dataclasses import replace
from functools import lru_cache

from gradino.measure import fed_back, shell, sources, vocabulary
from gradino.measure.automation import AUTOMATIC, CHECKED, REHEARSED, UNASKED, Job, called, starts
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.python import Call, Function, Module
from gradino.measure.scene import Firing, Scene, tested

_ORCHESTRATED = frozenset(
    {
        "Airflow",
        "Prefect",
        "Dagster",
        "Metaflow",
        "ZenML",
        "Kubeflow",
        "Argo",
        "SageMaker",
        "Vertex",
        "Azure ML",
        "Databricks",
        "Kedro",
        "Mage",
    }
)
# Without a schedule or a worker these run in the process of whoever starts them.
_LOCAL = frozenset({"Prefect", "Dagster", "ZenML", "Metaflow", "Flyte", "Kedro", "Mage", "scheduler"})
_LOOKS_AFTER = re.compile(
    r"verif|deploy|health|probe|smoke|monitor|drift|alert|notif|webhook|predict|dashboard|"
    r"cookie|authenticat|access_token|^(api|app|ui)\.",
    re.I,
)


def collects_new_data(scene: Scene) -> list[Evidence]:
    """Let a schedule, an event or an orchestrated stage run the code that fetches new data from its source."""
    found: list[Evidence] = []
    for firing in scene.firings:
        job, verb = firing.job, firing.effect.verb
        file = firing.effect.path.rpartition("/")[2]
        if verb not in ("collect", "maybe-collect") or _LOOKS_AFTER.search(f"{file}::{firing.effect.function}"):
            continue
        if verb == "maybe-collect" and _frozen(scene, firing.effect.path):
            continue
        timed = bool(job.triggers & {"schedule", "event", "metric"})
        fresh = verb == "collect" or _moving(scene, firing.effect.path)
        if (timed and (fresh or _trains_too(scene, firing))) or (
            job.system in _ORCHESTRATED and job.triggers & AUTOMATIC and verb == "collect"
        ):
            found.append(scene.show(firing, "brings in new data"))
        elif verb == "collect":
            found.append(
                scene.see(
                    firing.effect.path,
                    firing.effect.line,
                    "fetches data, but nothing runs it by itself",
                    Strength.DECLARED,
                )
            )
    found += scene.sights("receives new data", "ingest")
    found += fed_back.received(scene)
    if not found:
        found += [
            scene.see(u.path, u.line, f"{u.says} fetches data when somebody runs it", Strength.DECLARED)
            for u in scene.used("collect")[:3]
        ]
    return found


def _frozen(scene: Scene, path: str) -> bool:
    """Whether all addresses that a file names hold data that does not change."""
    named = re.findall(r"https?://[^\s\"'`)>]+", scene.tree.short(path))
    return bool(named) and all(sources.frozen(url) for url in named)


def _moving(scene: Scene, path: str) -> bool:
    """Whether a file names an address with a hole for a date or a page in it."""
    return bool(re.search(r"https?://[^\s\"'`)>]*(\{\w+\}|%s)", scene.tree.short(path)))


def _trains_too(scene: Scene, firing: Firing) -> bool:
    return any(f.job is firing.job and f.effect.verb in ("train", "submit", "drift", "register") for f in scene.firings)


_DEPLOYS = re.compile(r"deploy(er|ing)\w*/|deploy[^/]*$", re.I)


def trains_on_defined_compute(scene: Scene) -> list[Evidence]:
    """Describe the training job in a file (job specification, cluster, CI job) and let something launch it."""
    firings = [_on_demand(f) for f in scene.firings]
    found = [scene.show(f, "launches a training job") for f in firings if f.effect.verb == "submit"]
    found += [
        scene.show(f, "trains on a machine that a file defines")
        for f in firings
        if f.effect.verb == "train"
        and f.job.system not in ("Makefile", "Docker Compose")
        and not f.effect.soft
        and not _rehearsed(f)
        and (f.job.automatic or f.job.triggers & CHECKED or f.job.system not in _LOCAL)
    ]
    found += scene.sights("defines training compute", "training-compute")
    found += [
        scene.see(r.path, r.line, f"{r.kind} {r.name} defines training compute", source=r.system)
        for r in scene.with_trait("training-compute")
    ]
    found += [
        scene.see(u.path, u.line, f"{u.says} submits training to managed compute")
        for u in scene.used("submit")
        if not _DEPLOYS.search(u.path)
    ][:5]
    found += [
        scene.see(path, command.line, f"a script submits training: {command.text[:120]}")
        for path in scene.tree.named("*.sh")
        if scene.training_files and not tested(path)
        for command in shell.commands(scene.tree.short(path), 1)
        if "submit" in shell.verbs(command.text)
    ][:5]
    return found


def _on_demand(firing: Firing) -> Firing:
    """A job whose schedule is only paused can still be started by hand."""
    paused = re.search(r"paus|suspend", firing.job.off)
    return replace(firing, job=replace(firing.job, off="")) if paused else firing


def _rehearsed(firing: Firing) -> bool:
    said = f"{firing.job.name} {firing.step.run} {firing.step.folder}"
    return tested(firing.effect.path) or tested(firing.job.path) or bool(REHEARSED.search(said))


def trains_by_itself(scene: Scene) -> list[Evidence]:
    """Let an active schedule, event or pipeline start training, not a person."""
    found: list[Evidence] = []
    for firing in scene.firings:
        if firing.effect.verb not in ("train", "submit") or firing.job.system in ("Makefile", "Docker Compose"):
            continue
        if _rehearsed(firing):
            found.append(scene.show(firing, "rehearses training", Strength.DECLARED))
            continue
        if firing.off or firing.job.triggers & CHECKED or firing.job.automatic:
            found.append(scene.show(firing, "trains without a person"))
        else:
            found.append(
                scene.see(
                    firing.job.path,
                    firing.job.line,
                    f"{firing.job.name} trains, but a person starts it",
                    Strength.DECLARED,
                    firing.job.system,
                )
            )
    senders = {f.job.path: f.job for f in scene.fired("dispatch")}
    found += [scene.show(f, "is sent for by another job") for j in senders.values() for f in _sent(scene, j)]
    found += scene.sights("starts training", "training-schedule")
    return _strongest(found)


def production_metrics_retrain(scene: Scene) -> list[Evidence]:
    """Compute a metric of the deployed model on its newest data and let it start retraining."""
    found: list[Evidence] = []
    for job in scene.jobs:
        if job.off or not job.triggers & UNASKED:
            continue
        does = [f for f in scene.firings if f.job is job and not f.off]
        trains = [f for f in does if f.effect.verb in ("train", "submit")] or _sent(scene, job)
        judged = [f for f in scene.before(job) if f.effect.verb == "drift"]
        if trains and "metric" in job.triggers:
            found.append(scene.show(trains[0], "a production metric starts training"))
        elif trains and (deciding := [f for f in judged if _decides(scene, f)]):
            found.append(scene.show(deciding[0], "drift on the newest data decides whether to train"))
    found += scene.sights("starts training", "metric-trigger")
    return _strongest(found)


def _sent(scene: Scene, job: Job) -> list[Firing]:
    """Trainings of other jobs that a job starts by name, or of whichever workflows wait where it names none."""
    if named := set(starts(job)):
        return [f for f in scene.fired("train", "submit", when=AUTOMATIC | {"dispatch"}) if named & called(f.job)]
    waiting = scene.fired("train", "submit", when=frozenset({"dispatch", "event"}))
    sends = any(f.job is job and f.effect.verb == "dispatch" and not f.off for f in scene.firings)
    return [f for f in waiting if sends and f.job.system == "GitHub Actions"]


def _decides(scene: Scene, judged: Firing) -> bool:
    """Whether what judges the live model leads to training, or it or its job speaks of training on condition."""
    path = judged.effect.path
    module = scene.code.module(path)
    if _weighed(scene):
        return True
    if module and any(m.path in scene.training_files for m, _ in scene.code.reach(path, tuple(module.functions))):
        return True
    said = "".join(scene.tree.short(p) for p in {path, judged.job.path})
    return bool(re.search(r"re-?train|should_\w*train|trigger\w*_train|if\b[^\n]*(drift|degrad)", said, re.I))


@lru_cache(maxsize=4)
def _weighed(scene: Scene) -> bool:
    """Whether some function trains, or sends for it, on a condition, and what it calls first judges the live model."""
    return any(_weighs(scene, m, f) for m in scene.modules for f in m.functions.values() if f.conditional)


def _weighs(scene: Scene, module: Module, function: Function) -> bool:
    if not any(_leads(scene, module, function, [c], _ACTS) for c in function.conditional):
        return False
    return _leads(scene, module, function, [c for c in function.calls if c not in function.conditional], _JUDGES)


_ACTS, _JUDGES = frozenset({"train", "submit", "dispatch"}), frozenset({"drift"})


def _leads(scene: Scene, module: Module, function: Function, calls: list[Call], wanted: frozenset[str]) -> bool:
    """Whether calls of a function do what is wanted, themselves or by what they reach."""
    does = {(u.path, u.function) for u in scene.used(*wanted)}
    if any(v in wanted for c in calls for v, _ in vocabulary.verbs(c, module, f"{module.path}::{function.name}")):
        return True
    entered = (t for c in calls for t in scene.code.targets(module, function, c))
    return any((m.path, f.name) in does for path, name in entered for m, f in scene.code.reach(path, (name,)))


def _strongest(found: list[Evidence], most: int = 6) -> list[Evidence]:
    return sorted(found, key=lambda e: (-e.strength, e.locator))[:most]
