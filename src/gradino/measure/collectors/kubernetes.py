"""Kubernetes manifests, Helm templates, KServe, Seldon, Istio, Argo, Knative, Prometheus rules."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator
from dataclasses import replace

from gradino.measure import yaml
from gradino.measure.automation import Job, Resource, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree

SYSTEM = "Kubernetes"
_KINDS = re.compile(r"^[ \t]*kind:[ \t]*(\w+)", re.M)
_LONGEST_LINE = 2_000
_WANTED = {"Deployment", "StatefulSet", "Rollout", "CronJob", "Job", "InferenceService", "SeldonDeployment", "VirtualService", "Workflow",
           "CronWorkflow", "WorkflowTemplate", "HorizontalPodAutoscaler", "PrometheusRule", "ServiceMonitor", "PodMonitor", "Service", "Application",
           "AnalysisTemplate", "RayService", "RayJob", "RayCluster", "PyTorchJob", "TFJob", "Canary", "TrainJob", "ScaledObject", "BentoDeployment",
           "Kustomization", "HelmRelease", "Sensor", "SeldonModel", "Experiment", "Alertmanager", "TrafficSplit", "HTTPRoute", "RayCronJob", "DeliveryPipeline"}  # fmt: skip


_SERVING = r"kind:\s*[\"']?(InferenceService|SeldonDeployment|BentoDeployment|RayService|Deployment|Rollout)\b"
# Parts of a platform: how they are kept up says nothing of the model's service.
_PLATFORM = re.compile(
    r"grafana|prometheus|exporter|state-metrics|alertmanager|mlflow|postgres|mysql|mongo|redis|minio|kafka|zookeeper|airflow|"
    r"elastic|kibana|loki|jaeger|vault|nginx|prefect|localstack|rabbitmq|pushgateway|argocd|cert-manager"
)


def collect(tree: Tree, _code: Code) -> Iterator[Job | Resource]:
    """Resources and timed jobs of every manifest, and what follows the repository by itself."""
    followers: list[Job] = []
    found: list[tuple[str, yaml.Map]] = []
    waits = False
    for path in tree.sizes:
        if not path.endswith((".yaml", ".yml", ".tmpl", ".tpl", ".j2", ".template")) or ".github/" in path:
            continue
        text = tree.text(path) or ""
        kinds = set(_KINDS.findall(text))
        if "apiVersion" not in text or not kinds & _WANTED:
            continue
        documents = yaml.load(untemplated(_valued(tree, path, text)))
        found += [(path, d) for d in documents if isinstance(d, yaml.Map) and d.text("kind") in _WANTED]
    templates = {_name(d): d.map("spec") for _, d in found if d.text("kind").endswith("WorkflowTemplate")}
    for path, document in found:
        yield from _one(path, document, templates)
        followers += _follower(tree, path, document)
        waits = waits or (document.text("kind") == "Rollout" and _waits(document))
    yield from (replace(f, approval=waits) for f in followers)


_OF_ANOTHER = re.compile(r"<|your|example", re.I)


def _follower(tree: Tree, path: str, document: yaml.Map) -> Iterator[Job]:
    """Argo CD or Flux, where it applies a folder of the repository on every change of it."""
    spec, kind, name = document.map("spec"), document.text("kind"), document.map("metadata").text("name")
    argo = kind == "Application" and "automated" in spec.map("syncPolicy")
    flux = "fluxcd" in document.text("apiVersion") and spec.text("suspend") != "true"
    source = spec.map("source") or spec
    place = (source.text("path") or source.map("chart").map("spec").text("chart")).removeprefix("./").rstrip("/")
    if not (argo or flux) or _OF_ANOTHER.search(source.text("repoURL")) or not any(tree.under(place)):
        return
    step = Step(document.line, uses=f"GitOps/sync {place}")
    yield Job("Argo CD" if argo else "Flux", path, document.line, name, frozenset({"push"}), (step,), (), path)


def _waits(rollout: yaml.Map) -> bool:
    """Whether a canary pauses until a person says go on."""
    steps = rollout.map("spec").map("strategy").map("canary").list("steps")
    return any(isinstance(s, yaml.Map) and "pause" in s and not s.map("pause").get("duration") for s in steps)


_VALUE = re.compile(r"\{\{-?\s*\.Values\.([\w.]+)[^}]*\}\}")


def _valued(tree: Tree, path: str, text: str) -> str:
    """A template of a chart with what its own values.yaml sets in place of what it asks for."""
    chart = path.partition("templates/")[0] if "templates/" in path and ".Values." in text else ""
    values = yaml.first(tree.text(f"{chart}values.yaml") or "") if chart else yaml.Map()

    def value(asked: re.Match[str]) -> str:
        *outer, last = asked[1].split(".")
        inner = values
        for key in outer:
            inner = inner.map(key)
        return inner.text(last) or asked[0]

    return _VALUE.sub(value, text) if values else text


def untemplated(text: str) -> str:
    """A Helm or Jinja template with its directives taken out, so that what is left is YAML."""
    if "{{" not in text and "{%" not in text:
        return text
    kept = []
    for line in text.split("\n"):
        if len(line) > _LONGEST_LINE or re.match(r"^\s*(\{\{[^}]*\}\}|\{%[^%]*%\})\s*$", line):
            kept.append("")
        else:
            kept.append(re.sub(r"(?<!\$)\{\{[^}]*\}\}", "X", re.sub(r"\{%.*?%\}", "", line)))
    return "\n".join(kept)


def _one(path: str, document: yaml.Map, templates: dict[str, yaml.Map]) -> Iterator[Job | Resource]:
    kind, name = (
        document.text("kind"),
        document.map("metadata").text("name") or document.map("metadata").text("generateName"),
    )
    spec = document.map("spec")
    if kind in ("CronJob", "CronWorkflow", "Job", "Workflow", "WorkflowTemplate", "RayJob"):
        referred = spec.map("workflowSpec").map("workflowTemplateRef") or spec.map("workflowTemplateRef")
        yield from _job(path, kind, name, document, templates.get(referred.text("name"), spec))
        return
    traits = _traits(kind, document, spec)
    yield Resource(SYSTEM, kind, path, document.line, name, frozenset(traits))


# Images that are named for a task of a model's making.
_TASK = re.compile(r"(^|[/_-])(re)?(train|ingest|fetch|collect|etl|scrap|drift)\w*([:@_-]|$)", re.I)


def _name(document: yaml.Map) -> str:
    return document.map("metadata").text("name") or document.map("metadata").text("generateName")


def _job(path: str, kind: str, name: str, document: yaml.Map, spec: yaml.Map) -> Iterator[Job]:
    suspended = document.map("spec").text("suspend") == "true"
    timed = kind.startswith("Cron")
    steps = []
    for inner in yaml.walk(spec):
        words = [str(w) for w in (*inner.list("command"), *inner.list("args")) if isinstance(w, str)]
        if words:
            script = (
                words[-1]
                if (len(words) > 1 and "\n" in words[-1])
                or words[:2] in (["sh", "-c"], ["bash", "-c"], ["/bin/sh", "-c"], ["/bin/bash", "-c"])
                else " ".join(words)
            )
            steps.append(Step(inner.lines.get("command", inner.line), script))
        if re.search(_SERVING, inner.map("resource").text("manifest")):  # a step that applies what it holds
            steps.append(Step(inner.line, "kubectl apply -f -"))
        if inner.text("entrypoint") and kind == "RayJob":
            steps.append(Step(inner.line, inner.text("entrypoint")))
        if inner.text("source") and "\n" in inner.text("source"):
            steps.append(Step(inner.lines.get("source", 0), f"python -c {inner.text('source')!r}"))
        if not words and _TASK.search(inner.text("image")):  # which starts by its image's own command
            steps.append(Step(inner.line, f"docker run {inner.text('image')}"))
    triggers = frozenset({"schedule"} if timed else {"dispatch"})
    system = "Argo" if "Workflow" in kind else SYSTEM
    off = "suspended" if suspended else ""
    images = " ".join(dict.fromkeys(m.text("image") for m in yaml.walk(spec) if m.text("image")))
    yield Job(system, path, document.line, name, triggers, tuple(steps), (), path, "", off, image=images)


def _traits(kind: str, document: yaml.Map, spec: yaml.Map) -> set[str]:
    traits: set[str] = set()
    if kind in ("Deployment", "StatefulSet") and _PLATFORM.search(document.map("metadata").text("name")):
        return traits
    if kind in ("Deployment", "StatefulSet", "Rollout", "RayService"):
        traits.add("serving")
        for container in yaml.walk(spec):
            if {"livenessProbe", "readinessProbe", "startupProbe"} & container.keys():
                traits.add("probe")
        if _number(spec.text("replicas")) > 1:
            traits.add("replicas")
        if spec.map("strategy"):
            strategy = spec.map("strategy")
            if strategy.text("type") == "RollingUpdate" or strategy.map("rollingUpdate"):
                traits.add("rolling")
            if strategy.map("canary") or strategy.map("blueGreen"):
                traits.add("canary")
                if any("analysis" in m for m in yaml.walk(strategy)):
                    traits.add("canary-analysis")
    if kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        traits.add("autoscale")
    models = kind in ("InferenceService", "SeldonDeployment")
    if models and any(_number(m.text(key)) > 1 for m in yaml.walk(spec) for key in ("minReplicas", "replicas")):
        traits.add("replicas")
    if kind == "Service" and "knative" in document.text("apiVersion"):
        traits |= {"serving", "endpoint"}
        if any({"livenessProbe", "readinessProbe"} & m.keys() for m in yaml.walk(spec)):
            traits.add("probe")
        if any(
            _number(str(v)) > 1
            for m in yaml.walk(spec)
            for k, v in m.items()
            if k.lower().endswith(("/minscale", "/min-scale"))
        ):
            traits.add("replicas")
    if kind == "Kustomization" and any(
        _number(r.text("count")) > 1 for r in document.list("replicas") if isinstance(r, yaml.Map)
    ):
        traits.add("replicas")
    if kind == "InferenceService":
        traits |= {"serving", "serving-model", "endpoint"}
        if any(0 < _number(m.text("canaryTrafficPercent")) < 100 for m in yaml.walk(spec)):
            traits |= {"split", "canary"}
    if kind == "SeldonDeployment":
        traits |= {"serving", "serving-model", "endpoint"}
        predictors = [p for p in spec.list("predictors") if isinstance(p, yaml.Map)]
        if any(0 < _number(p.text("traffic")) < 100 for p in predictors):
            traits.add("split")
        if any(p.text("shadow") == "true" for p in predictors):
            traits.add("shadow")
    if kind in ("VirtualService", "TrafficSplit", "HTTPRoute"):
        weights = [_number(m.text("weight")) for m in yaml.walk(spec) if "weight" in m]
        templated = [m.text("weight") for m in yaml.walk(spec) if "weight" in m]
        if len([w for w in weights if 0 < w < 100]) >= 2 or sum("X" in t for t in templated) >= 2:
            traits.add("split")
        if any("mirror" in m for m in yaml.walk(spec)):
            traits.add("shadow")
    if kind in ("Canary", "AnalysisTemplate"):
        traits |= {"canary", "canary-analysis"}
    if kind in ("PyTorchJob", "TFJob", "RayCluster", "TrainJob"):
        traits.add("training-compute")
    if kind == "DeliveryPipeline" and len(document.map("serialPipeline").list("stages")) > 1:
        traits.add("promotes")
    if kind == "PrometheusRule":
        traits.add("alert-rule")
    if kind in ("ServiceMonitor", "PodMonitor"):
        traits.add("scrape")
    return traits


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
