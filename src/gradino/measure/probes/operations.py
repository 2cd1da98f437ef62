"""Probes of operations: feedback, metrics, availability, learning."""
# ruff: noqa: E501 - a table reads better unwrapped

import re

from gradino.measure import rows, steady
from gradino.measure.automation import AUTOMATIC, UNASKED
from gradino.measure.deployments import deployments
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.probes import creation, records
from gradino.measure.scene import Scene, Use, tested
from gradino.measure.scoring import scoring_files, served_files

# What services call to keep or count what they were asked and answered.
_NOTES = re.compile(
    r"(^|[._])(log|save|store|write|record|publish|add|persist|track|capture|insert)_(\w+_)?(predictions?|inferences?|requests?|scores?)$|"
    r"(prediction|inference)_?(logger|log|store|recorder|tracker)\.\w+$",
    re.I,
)
_SWITCHED = re.compile(r"[\"'](auto_capture_config|inference_table_config|DataCaptureConfig)[\"']")
# Watchers that carry what they see to a place of their own, and ways to keep a number where others can see it.
_COLLECTED = re.compile(
    r"^(aporia|arize|fiddler|whylabs|langfuse|langsmith|phoenix|opik|datadog|ddtrace|newrelic|elasticapm|logfire|opencensus|statsd|markus|applicationinsights|azure\.monitor)\b"
)
# Platforms that keep what these calls measure; the schedules among them judge the model from then on.
_SCHEDULES = re.compile(
    r"create_monitoring_schedule$|ModelDeploymentMonitoringJob(\.create)?$|\bMonitorSchedule$|^azureml\S+DataDriftDetector\.create"
)
_PLATFORMS = re.compile(rf"^cml\.|(quality_monitors|data_quality|lakehouse_monitoring)\.create|{_SCHEDULES.pattern}")
_KEPT = re.compile(
    r"put_metric_data|push_to_gateway|pushadd_to_gateway|log_metrics?\(|(Cloud|Remote)Workspace|track_metric\(|AzureLogHandler|configure_azure_monitor"
)
_OF_MODEL = re.compile(r"sagemaker|invocation|modellatency|drift|predict", re.I)


def _watching(scene: Scene, *verbs: str) -> list[Use]:
    """Uses of what watches; counters of a project that answers nobody are not about a deployed model."""
    answers = bool(scoring_files(scene))
    return [u for u in scene.used(*verbs) if answers or not u.says.startswith("prometheus")]


def something_is_watched(scene: Scene) -> list[Evidence]:
    """Log the deployed model's inputs and answers, or watch it with a monitor."""
    watching = _watching(scene, "watch", "drift")
    found = [scene.see(u.path, u.line, f"{u.says} watches the deployed model") for u in watching]
    told = scene.near({u.path for u in scene.used("alert")})
    found += [
        scene.see(u.path, u.line, f"{u.says} looks back at what the model answered")
        for u in scene.used("look-back")
        if u.path in told and u.path not in scene.training_files
    ]
    found += [scene.see(u.path, u.line, f"{u.says} reports its errors") for u in scene.used("errors")]
    for path in served_files(scene):
        module = scene.code.module(path)
        noted = [c for c in module.calls() if _NOTES.search(c.name)] if module else []
        found += [scene.see(path, c.line, f"{c.name} keeps what the model answered") for c in noted]
    found += [scene.see(path, line, says) for path, line, says in rows.of_answers(scene)]
    found += [
        scene.see(r.path, r.line, f"{r.kind} {r.name} watches", source=r.system)
        for r in scene.with_trait("monitor", "scrape", "model-alarm", "capture")
        if r.traits != {"scrape"} or scoring_files(scene)
    ]
    for module in scene.modules:
        text = scene.tree.text(module.path) or ""
        if switch := _SWITCHED.search(text):
            line = text[: switch.start()].count("\n") + 1
            found.append(scene.see(module.path, line, f"{switch[1]} records what the model answers"))
    return found[:6]


def production_says_how_to_improve(scene: Scene) -> list[Evidence]:
    """Let signals of the live model reach a report, an alert or a retraining without a person."""
    found: list[Evidence] = []
    for job in scene.jobs:
        if job.off or not job.triggers & UNASKED:
            continue
        does = [f for f in scene.firings if f.job is job and not f.off]
        for firing in does:
            if firing.effect.verb in ("drift", "watch"):
                found.append(scene.show(firing, "judges the live model by itself"))
                break
        back = [f for f in does if f.effect.verb == "look-back" and f.effect.path not in scene.training_files]
        if back and any(f.effect.verb in ("alert", "train", "submit", "dispatch") for f in does):
            found.append(scene.show(back[0], "looks back at what the model answered, and acts on it"))
    found += [
        scene.see(path, line, f"{says} tells what the model does")
        for verb, path, line, says in rows.signals(scene)
        if verb == "alert"
    ]
    found += [
        scene.see(u.path, u.line, f"{u.says} sets an alarm on the live model")
        for u in scene.used("alert")
        if u.says.endswith("put_metric_alarm") and _OF_MODEL.search(scene.tree.short(u.path))
    ]
    found += [
        scene.see(r.path, r.line, f"{r.kind} {r.name} raises an alert or a report", source=r.system)
        for r in scene.with_trait("model-alarm", "monitor-schedule", "alert-rule")
    ]
    found += [
        scene.see(u.path, u.line, f"{u.says} judges the live model by itself")
        for u in scene.used("watch")
        if _SCHEDULES.search(u.says) and not u.path.endswith(".ipynb")  # a notebook takes away what it showed
    ]
    found += [e for e in creation.production_metrics_retrain(scene) if e.strength >= Strength.WIRED]
    for resource in scene.resources:
        if "off" in resource.traits and resource.traits & {"monitor-schedule", "model-alarm"}:
            found.append(
                scene.see(
                    resource.path,
                    resource.line,
                    f"{resource.kind} {resource.name} is switched off",
                    Strength.DECLARED,
                    resource.system,
                )
            )
    return _strongest(found)


def training_metrics_central(scene: Scene) -> list[Evidence]:
    """Send every training run's metrics to one tracker that the team shares."""
    return records.tracks_experiments(scene)


def deployed_metrics_central(scene: Scene) -> list[Evidence]:
    """Compute quality, drift and service metrics of the deployed model and keep them in one place."""
    found = [
        scene.see(r.path, r.line, f"{r.kind} {r.name} collects metrics of the deployed model", source=r.system)
        for r in scene.with_trait("monitor-schedule", "model-metrics", "model-alarm")
    ]
    exposed = _watching(scene, "watch")
    near = scene.near(scoring_files(scene))
    scraped = scene.with_trait("scrape", "dashboard")
    if exposed and scraped:
        found += [
            scene.see(exposed[0].path, exposed[0].line, f"{exposed[0].says} exposes metrics"),
            scene.see(scraped[0].path, scraped[0].line, f"{scraped[0].kind} collects them", source=scraped[0].system),
        ]
    elif exposed:
        found.append(
            scene.see(
                exposed[0].path,
                exposed[0].line,
                f"{exposed[0].says} exposes metrics that nothing collects",
                Strength.DECLARED,
            )
        )
    found += [
        scene.see(u.path, u.line, f"{u.says} sends what it sees to one place")
        for u in exposed
        if (u.path in near and _COLLECTED.match(u.says))
        or (_PLATFORMS.search(u.says) and not u.path.endswith(".ipynb"))
    ]
    found += [
        scene.see(path, line, f"{says} sends a number to one place")
        for verb, path, line, says in rows.signals(scene)
        if verb == "measure"
    ]
    drifts = [u for u in scene.used("drift") if not u.path.endswith(".ipynb")]
    keeping = {p for p in {u.path for u in drifts} if _KEPT.search(scene.tree.short(p)) or _writes(scene, p)}
    found += [scene.see(u.path, u.line, f"{u.says} is computed and kept") for u in drifts if u.path in keeping]
    for firing in scene.fired("drift", when=UNASKED):
        found.append(scene.show(firing, "computes drift by itself"))
    return _strongest(found)


def _writes(scene: Scene, path: str) -> bool:
    module = scene.code.module(path)
    return module is not None and rows.written(module)


# Deployments to what looks at the health check of an image or a compose file.
_MINDS = re.compile(r"compose|\bdocker|\bssh\b|\bssm\b|\becs\b|nomad|beanstalk|\beb\b")


def hardly_any_downtime(scene: Scene) -> list[Evidence]:
    """Give the deployment health checks, a rolling or blue/green strategy, replicas and automatic roll back."""
    found = [
        scene.see(
            r.path,
            r.line,
            f"{r.kind} {r.name} has {', '.join(sorted(r.traits & {'probe', 'replicas', 'rolling', 'rollback', 'canary', 'autoscale'}))}",
            source=r.system,
        )
        for r in scene.with_trait("probe", "replicas", "rolling", "rollback", "canary", "autoscale")
    ]
    found += steady.stays_up(scene)
    several = scene.fired("several", when=AUTOMATIC | {"dispatch"})
    found += [scene.show(f, "keeps several running") for f in several if f.job.system != "Makefile"]
    found += [
        scene.show(f, "rolls back by itself")
        for f in scene.firings
        if not f.off
        and (f.effect.verb == "rollback" or (f.effect.verb == "deploy" and re.search(r"roll_?back", f.job.name, re.I)))
        and f.job.triggers & AUTOMATIC
    ]
    moves = scene.fired("shift-traffic", when=AUTOMATIC | {"dispatch", "pull_request"})
    found += [scene.show(f, "moves traffic only then") for f in moves if f.job.system != "Makefile"]
    acted_on = any(f.job.system != "Makefile" and _MINDS.search(f.effect.says) for f in deployments(scene))
    if not acted_on:  # Docker itself does nothing about a container that is not well, and most platforms ask it nothing
        behind = {scene.tree.at(r.path, r.line) for r in scene.with_trait("balanced")}  # a proxy asks the others then
        found = [e for e in found if e.source not in ("Docker", "Docker Compose", "nginx") or e.locator in behind]
    if found and not (deployments(scene) or any(r.traits & {"serving", "endpoint"} for r in scene.resources)):
        return [Evidence(e.source, e.locator, e.says, Strength.DECLARED) for e in found[:3]]
    return found[:6]


_INCIDENT = re.compile(
    r"(^|/)([\w-]*[-_])?(post-?mortems?|incidents?|retrospectives?|rcas?|lessons[-_]learned)([-_/.].*)?\.(md|rst|toml|ya?ml|json)$",
    re.I,
)
_IN_GENERAL = re.compile(r"template|sprint|triage|runbook|playbook|response|(^|/)\.", re.I)
_TIED = re.compile(r"tests?/\S+\.py|test_\w+|regression test|gate|#\d+|[0-9a-f]{7,40}")
_DATED = re.compile(r"20\d\d-\d\d")
# A test named for an incident that has a date or a number.
_BORN = re.compile(
    r"\bdef test_\w*incident_?\d|\b(incident|post-?mortem|outage)\b[^\n]{0,80}(20\d\d-\d\d|#\d+|\bINC-?\d+)", re.I
)


def learns_from_incidents(scene: Scene) -> list[Evidence]:
    """Write down each incident and tie it to the test, gate or change that now prevents it."""
    found: list[Evidence] = []
    for path in scene.tree.sizes:
        text = scene.tree.short(path) if _INCIDENT.search(path) and not _IN_GENERAL.search(path) else ""
        if text:
            tied = _TIED.search(text)
            strength = Strength.WIRED if tied and _DATED.search(path + text) else Strength.DECLARED
            says = "an incident and what now prevents it" if tied else "an incident"
            found.append(scene.see(path, 1, says, strength, "documentation"))
        elif tested(path) and path.endswith(".py") and (named := _BORN.search(scene.tree.short(path))):
            line = scene.tree.short(path)[: named.start()].count("\n") + 1
            found.append(scene.see(path, line, "a test that an incident led to", source="test"))
    return _strongest(found)


def _strongest(found: list[Evidence], most: int = 6) -> list[Evidence]:
    return sorted(found, key=lambda e: (-e.strength, e.locator))[:most]
