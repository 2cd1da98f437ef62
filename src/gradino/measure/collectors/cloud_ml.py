"""Machine-learning services described in YAML: Azure ML jobs, schedules, deployments and monitors; Databricks bundles."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator
from dataclasses import replace

from gradino.measure import yaml
from gradino.measure.automation import Job, Resource, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_LOOKS_BACK = re.compile(r"drift|monitor|infer|predict|scor|export", re.I)


def azure_ml(tree: Tree, code: Code) -> Iterator[Job | Resource]:
    """Files that carry an Azure ML schema."""
    for path in tree.sizes:
        if not path.endswith((".yml", ".yaml")):
            continue
        text = tree.text(path) or ""
        schema = re.search(r"\$schema:\s*\S*azureml\S*/(\w+)\.schema", text) or re.search(
            r"\$schema:\s*\S*ml[/.]\S*?(\w+)\.schema\.json", text
        )
        if not schema:
            continue
        document = yaml.first(text)
        name = document.text("name") or path
        what = schema[1]
        if "Schedule" in what or "schedule" in what:
            paused = "off" if document.text("is_enabled") == "false" else "schedule"
            monitor = "create_monitor" in document
            steps = () if monitor else _commands(tree, code, path, document)
            trains = not any(_LOOKS_BACK.search(s.run) for s in steps)
            traits = {"monitor", "monitor-schedule"} if monitor else {"training-schedule"} if trains else set()
            if steps:
                off = "schedule is switched off" if paused == "off" else ""
                yield Job("Azure ML", path, 1, name, frozenset({"schedule"}), steps, (), path, "", off)
            yield Resource("Azure ML", "schedule", path, 1, name, frozenset({paused, *traits}))
        elif "Deployment" in what:
            traits = {"endpoint", "serving", "serving-model"}
            if {"liveness_probe", "readiness_probe"} & document.keys():
                traits.add("probe")
            if document.text("instance_count").isdigit() and int(document.text("instance_count")) > 1:
                traits.add("replicas")
            if "data_collector" in document:
                traits.add("capture")
            if document.text("app_insights_enabled").lower() == "true":
                traits |= {"monitor", "model-metrics"}
            yield Resource("Azure ML", "deployment", path, 1, name, frozenset(traits))
        elif "Endpoint" in what:
            shares = [v for v in document.map("traffic").values() if v not in ("0", "100")]
            traits = (
                {"endpoint", "serving"}
                | ({"split"} if len(shares) >= 2 else set())
                | ({"shadow"} if document.map("mirror_traffic") else set())
            )
            yield Resource("Azure ML", "endpoint", path, 1, name, frozenset(traits))
        elif "Job" in what or "pipeline" in what.lower() or "command" in what.lower() or "sweep" in what.lower():
            steps = _commands(tree, code, path, document)
            yield Job("Azure ML", path, 1, name, frozenset({"dispatch"}), steps, (), path)
            if named := re.search(r"^\s*path:\s*[\"']?(azureml:(?:[\w-]+:\d+|//\S+/versions/\d+))", text, re.M):
                yield Resource("Azure ML", "data", path, 1, named[1], frozenset({"versioned-data"}))
            trains = "compute:" in text and not _LOOKS_BACK.search(f"{path} {name}")
            yield Resource("Azure ML", "job", path, 1, name, frozenset({"training-compute"} if trains else ()))


def _commands(tree: Tree, code: Code, path: str, document: yaml.Map, seen: set[str] | None = None) -> tuple[Step, ...]:
    """The commands of a job, with those of the jobs and components that it names as files, each once."""
    found: list[Step] = []
    seen = seen or {path}
    for part in yaml.walk(document):
        if part.text("command"):
            said = re.sub(r"\$\{\{[^}]*\}\}", "X", part.text("command"))
            found.append(Step(part.lines.get("command", 0), said, folder=part.text("code").removeprefix("./")))
        for key in ("create_job", "job", "component"):
            named = part.text(key).removeprefix("file:")
            other = code.file(named, path) if named.endswith((".yml", ".yaml")) else ""
            if other and other not in seen:
                seen.add(other)
                inner = _commands(tree, code, other, yaml.first(tree.text(other) or ""), seen)
                found += [replace(step, line=part.lines[key]) for step in inner]
    return tuple(found)


def deployment_configs(tree: Tree, _code: Code) -> Iterator[Resource]:
    """Older Azure ML deployment configurations and Ray Serve service files."""
    for path in tree.sizes:
        if not path.endswith((".yml", ".yaml", ".json")):
            continue
        text = tree.text(path) or ""
        if "computeType" in text and re.search(r"appInsightsEnabled|containerResourceRequirements", text):
            document = yaml.first(text)
            traits = {"endpoint", "serving", "serving-model"}
            if document.text("appInsightsEnabled").lower() == "true":
                traits |= {"monitor", "model-metrics"}
            if document.map("autoScaler").text("autoscaleEnabled").lower() == "true":
                traits.add("autoscale")
            yield Resource("Azure ML", "deployment configuration", path, 1, path, frozenset(traits))
        elif re.search(r"^(ray_serve_config|rollout_strategy|serveConfigV2)\s*:", text, re.M):
            document = yaml.first(text)
            rolls = {"rolling"} if document.text("rollout_strategy").upper() == "ROLLOUT" else set()
            yield Resource("Ray Serve", "service", path, 1, path, frozenset({"serving", "endpoint", *rolls}))


def databricks(tree: Tree, _code: Code) -> Iterator[Job | Resource]:
    """Jobs, serving endpoints, registries and monitors of a Databricks asset bundle."""
    known: dict[str, tuple[str, yaml.Map]] = {}
    bundles: list[tuple[str, yaml.Map]] = []
    for path in tree.sizes:
        if not path.endswith((".yml", ".yaml")):
            continue
        text = tree.text(path) or ""
        if not re.search(r"^resources\s*:", text, re.M) or not re.search(
            r"notebook_task|spark_python_task|python_wheel_task|job_cluster|registered_models|model_serving_endpoints|quality_monitors|bundle:",
            text,
        ):
            continue
        resources = yaml.first(text).map("resources")
        bundles.append((path, resources))
        if runtime := re.search(r"spark_version:\s*[\"']?(\d+\.\S*-ml\S*)", text):
            pinned = frozenset({"pinned"})
            yield Resource("Databricks", "environment", path, 0, runtime[1], pinned)
        known |= {name: (path, resources.map("jobs").map(name)) for name in resources.map("jobs")}
    for path in tree.named("*.json"):
        if re.search(r'"(new_cluster|existing_cluster_id)"', tree.text(path) or ""):
            body = yaml.first(tree.text(path) or "")
            steps = [s for t in (body, *body.list("tasks")) if isinstance(t, yaml.Map) for s in _task(t)]
            if steps:
                timer = body.map("schedule")
                timed = timer.text("quartz_cron_expression") and timer.text("pause_status") != "PAUSED"
                triggers = frozenset({"schedule"} if timed else {"dispatch"})
                yield Job("Databricks", path, 1, path, triggers, tuple(steps), (), path)
    paused = _paused(tree)
    for path, resources in bundles:
        for name in resources.map("jobs"):
            job = _databricks_job(path, resources.map("jobs"), name, known)
            yield replace(job, off=job.off or "every target pauses schedules") if paused and job.automatic else job
        for name in resources.map("registered_models") or resources.map("models"):
            yield Resource("Databricks", "registered model", path, 1, name, frozenset({"versioned-model"}))
        for name in resources.map("model_serving_endpoints"):
            yield Resource(
                "Databricks", "serving endpoint", path, 1, name, frozenset({"endpoint", "serving", "serving-model"})
            )
        for name in resources.map("quality_monitors"):
            body = resources.map("quality_monitors").map(name)
            paused = body.map("schedule").text("pause_status") == "PAUSED" or not body.map("schedule")
            yield Resource(
                "Databricks",
                "quality monitor",
                path,
                1,
                name,
                frozenset({"monitor", "off" if paused else "monitor-schedule", "model-metrics"}),
            )


def _paused(tree: Tree) -> bool:
    """Whether every target of the bundle pauses what a schedule would start; development mode does."""
    found = [yaml.first(tree.text(p) or "").map("targets") for p in tree.named("databricks.y*ml", "bundle.y*ml")]
    bodies = [targets.map(name) for targets in found for name in targets]
    return bool(bodies) and all(
        b.text("mode") == "development" or b.map("presets").text("trigger_pause_status") == "PAUSED" for b in bodies
    )


def _databricks_job(path: str, jobs: yaml.Map, name: str, known: dict[str, tuple[str, yaml.Map]]) -> Job:
    body = jobs.map(name)
    schedule = body.map("schedule")
    triggers = (
        {"schedule"} if schedule.text("quartz_cron_expression") else {"event"} if body.map("trigger") else {"dispatch"}
    )
    off = "schedule is paused" if schedule.text("pause_status") == "PAUSED" else ""
    steps, judged, decides, starts = list[Step](), False, False, False
    for task in (t for t in body.list("tasks") if isinstance(t, yaml.Map)):
        decides = decides or "condition_task" in task
        judged = judged or bool(
            re.search(r"metric|drift|monitor|violation", f"{_target(task)} {task.text('task_key')}", re.I)
        )
        steps += _task(task)
        started = re.search(r"resources\.jobs\.(\w+)\.id", task.map("run_job_task").text("job_id"))
        if started and started[1] in known:
            starts = True
            steps += [s for t in known[started[1]][1].list("tasks") if isinstance(t, yaml.Map) for s in _task(t)]
    if judged and decides and starts:
        triggers.add("metric")
    return Job("Databricks", path, jobs.lines.get(name, 0), name, frozenset(triggers), tuple(steps), (), path, "", off)


def _target(task: yaml.Map) -> str:
    return task.map("notebook_task").text("notebook_path") or task.map("spark_python_task").text("python_file")


def _task(task: yaml.Map) -> list[Step]:
    if program := task.map("python_wheel_task").text("entry_point"):  # a console script that the wheel brings
        return [Step(task.line, program)]
    target = re.sub(r"^(\.\./)+|^dbfs:/(.*/)?", "", _target(task))
    if not target:
        return []
    return [Step(task.line, f"python {target if target.endswith(('.py', '.ipynb')) else target + '.py'}")]
