"""Pipelines written in Python, and their schedules: Airflow, Prefect, Dagster, Metaflow, ZenML, Kubeflow, Flyte."""

import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Resource, Step
from gradino.measure.code import Code
from gradino.measure.collectors import operators
from gradino.measure.collectors.dag_folders import unseen
from gradino.measure.collectors.timers import located
from gradino.measure.python import BODY, MAIN, Call, Module
from gradino.measure.tree import Tree

_LIKELY = (
    "airflow", "DAG(", "prefect", "dagster", "metaflow", "zenml", "kfp", "flytekit",
)  # fmt: skip
_NONE = ("", "None", "@once", "none")


def collect(tree: Tree, code: Code) -> Iterator[Job | Resource]:
    """One job for each pipeline, with a schedule where one is set."""
    for module in code.holding(*_LIKELY):
        if re.search(r"(^|/)tests?/", module.path, re.I):
            continue
        packages = module.packages
        if "airflow" in packages or any("airflow" in m.packages for m in _taken_from(module, code)):
            yield from _airflow(tree, module, code)
        if "prefect" in packages:
            yield from _prefect(tree, module, code)
        if "dagster" in packages:
            yield from _dagster(module, code)
        if "metaflow" in packages:
            yield from _metaflow(module, code)
        if "zenml" in packages:
            yield from _decorated(module, code, "ZenML", ("pipeline",), "Schedule")
            asked = [c for c in module.calls() if c.method == "ResourceSettings"]
            if asked:
                traits = frozenset({"training-compute"})
                yield Resource("ZenML", "resources", module.path, asked[0].line, asked[0].name, traits)
        if "kfp" in packages:
            yield from _decorated(module, code, "Kubeflow", ("pipeline",), "create_recurring_run")
        if "flytekit" in packages:
            yield from _decorated(module, code, "Flyte", ("workflow",), "CronSchedule")


def _taken_from(module: Module, code: Code) -> list[Module]:
    """The modules of the project from which a module takes the name of a DAG."""
    named = [v for v in module.imports.values() if v.endswith(".DAG")]
    return [m for v in named if (path := code.find(v, module.path)[0]) and (m := code.module(path))]


def _whole(module: Module, line: int, code: Code) -> tuple[Step, ...]:
    """Everything the file defines: a pipeline file exists to run its own functions."""
    calls = tuple(f"{module.path}::{name}" for name in module.functions)
    return (Step(line, calls=calls), *operators.steps(module, code))


def _airflow(tree: Tree, module: Module, code: Code) -> Iterator[Job]:
    dags = [c for c in module.calls() if c.method in ("DAG", "dag")]
    for dag in dags:
        schedule = next(
            (dag.keywords[k] for k in ("schedule_interval", "schedule", "timetable") if k in dag.keywords), None
        )
        if schedule == "":
            schedule = _told(module, dag)
        references = bool(dag.refs) and schedule == ""
        event = "Dataset" in " ".join(module.imports.values()) or "Asset" in " ".join(module.imports.values())
        if schedule is None:
            triggers = {"schedule"} if not _airflow_3(module) else {"dispatch"}
        elif schedule in _NONE and not references:
            triggers = {"dispatch"}
        else:
            triggers = {"event"} if references and event and not schedule else {"schedule"}
        name = dag.keywords.get("dag_id") or (dag.texts[0] if dag.texts else module.path)
        if schedule == "" and not references:
            triggers = {"schedule"} if any("timedelta" in c.name for c in module.calls()) else {"dispatch"}
        yield Job(
            "Airflow",
            module.path,
            dag.line,
            name,
            frozenset(triggers),
            _whole(module, dag.line, code),
            (),
            module.path,
            off=unseen(tree, module.path),
        )


_TIMES = re.compile(r"@(hourly|daily|weekly|monthly|yearly|midnight)|[\d*/,-]+( [\w*/,#?-]+){4}")


def _told(module: Module, dag: Call) -> str:
    """The times that a call inside the call of a DAG falls back on: a setting's default."""
    near = (t for c in module.calls() if dag.line <= c.line < dag.line + 12 for t in c.texts)
    return next((t for t in near if _TIMES.fullmatch(t)), "")


def _airflow_3(module: Module) -> bool:
    return any(v.startswith("airflow.sdk") for v in module.imports.values())


def _prefect(tree: Tree, module: Module, code: Code) -> Iterator[Job | Resource]:
    flows = [f for f in module.functions.values() if any(d.method == "flow" for d in f.decorators)]
    schedules = [
        c
        for c in module.calls()
        if {"cron", "interval", "schedule", "schedules", "rrule"} & c.keywords.keys()
        and c.method in ("serve", "deploy", "to_deployment", "build_from_flow", "Deployment", "DeploymentSpec")
    ]
    unknown = next((why for c in schedules if (why := _unknown_parameters(c, module, code))), "")
    declared = any(module.path.endswith(file) for file in _timed_files(tree))
    imported = any(c.method in ("CronSchedule", "IntervalSchedule") for c in module.calls())
    timed = bool(schedules or declared or imported)
    if flows or schedules:
        line = schedules[0].line if schedules else flows[0].line
        if _elsewhere(tree, module):
            yield Resource("Prefect", "deployment", module.path, line, module.path, frozenset({"training-compute"}))
        given = [n for c in schedules for n in (c.name.rpartition(".")[0].removesuffix("()"), *c.refs)]
        elsewhere = [p for n in given if not (p := located(n, module, code)).startswith(f"{module.path}::")]
        steps = (*_whole(module, line, code), Step(line, calls=tuple(elsewhere)))
        triggers = frozenset({"schedule"} if timed else {"dispatch"})
        name = flows[0].name if flows else module.path
        yield Job("Prefect", module.path, line, name, triggers, steps, (), module.path, off=unknown)


def _timed_files(tree: Tree) -> Iterator[str]:
    """Files of flows that a deployment's YAML gives a schedule which is not switched off."""
    for path in tree.named("prefect.yaml", "*deployment.yaml"):
        document = yaml.first(tree.text(path) or "")
        for body in (d for d in (document, *document.list("deployments")) if isinstance(d, yaml.Map)):
            listed = [s for k in ("schedule", "schedules") for s in body.list(k) if isinstance(s, yaml.Map)]
            live = [s for s in listed if s.text("active") != "false" and (s.text("cron") or s.text("interval"))]
            file = (body.text("entrypoint") or body.text("path")).partition(":")[0].removeprefix("./")
            if live and file and body.text("paused") != "true":
                yield file


def _elsewhere(tree: Tree, module: Module) -> bool:
    """Whether a deployment of Prefect sends its runs to containers or a cluster that a file defines."""
    blocks = (
        "KubernetesJob",
        "DockerContainer",
        "ECSTask",
        "CloudRunJob",
        "VertexAICustomTrainingJob",
        "AzureContainerInstanceJob",
    )
    if any(c.method in blocks for c in module.calls()):
        return True
    kinds = r"type:[ \t]*(kubernetes|docker|ecs|cloud-run|vertex-ai|azure-container)[\w-]*"
    return any(re.search(kinds, tree.text(p) or "") for p in tree.named("prefect.yaml", "*deployment.yaml"))


def _unknown_parameters(call: Call, module: Module, code: Code) -> str:
    """Why every scheduled run must fail: it is passed a parameter that its flow does not take."""
    given = set(call.keywords.get("parameters", "").split())
    flow = next((r for r in call.refs if r.split(".")[-1]), call.name.rpartition(".")[0])
    path, _, name = located(flow.removesuffix("()"), module, code).rpartition("::")
    taken = code.module(path)
    function = taken.functions.get(name) if taken and given else None
    if function is None or name in (BODY, MAIN) or given <= set(function.params):
        return ""
    return f"passes {', '.join(sorted(given - set(function.params)))}, which {name} does not take"


def _dagster(module: Module, code: Code) -> Iterator[Job]:
    calls = module.calls()
    marks = [d for f in module.functions.values() for d in f.decorators]
    timed = [
        c
        for c in calls
        if c.method in ("ScheduleDefinition", "build_schedule_from_partitioned_job", "schedule")
        and (c.method != "schedule" or "cron_schedule" in c.keywords)
    ]
    sensors = [
        c for c in calls if c.method in ("sensor", "asset_sensor", "run_status_sensor", "AutomationCondition.eager")
    ]
    timed += [d for d in marks if {"automation_condition", "auto_materialize_policy"} & d.keywords.keys()]
    if timed or sensors:
        one = (timed or sensors)[0]
        others = [m for p in code.beside(module) if (m := code.module(p)) and "dagster" in m.packages]
        calls_all = tuple(f"{m.path}::{n}" for m in (module, *others) for n in m.functions)
        yield Job(
            "Dagster",
            module.path,
            one.line,
            module.path,
            frozenset({"schedule"} if timed else {"event"}),
            (Step(one.line, calls=(*calls_all, f"{module.path}::{BODY}")),),
            (),
            module.path,
        )
    elif any(c.method in ("asset", "job", "op") for c in calls):
        yield Job(
            "Dagster", module.path, 1, module.path, frozenset({"dispatch"}), _whole(module, 1, code), (), module.path
        )


def _metaflow(module: Module, code: Code) -> Iterator[Job | Resource]:
    for name, bases in module.classes.items():
        if not any(b.endswith("FlowSpec") for b in bases):
            continue
        marks = [d for f in module.functions.values() for d in f.decorators]
        timed = any(d.method == "schedule" for d in marks)
        event = any(d.method in ("trigger", "trigger_on_finish") for d in marks)
        triggers = {"schedule"} if timed else {"event"} if event else {"dispatch"}
        yield Job(
            "Metaflow",
            module.path,
            module.functions[f"{name}.<class>"].line,
            name,
            frozenset(triggers),
            _whole(module, 1, code),
            (),
            module.path,
        )
        if any(d.method in ("batch", "kubernetes", "titus") for d in marks):
            yield Resource("Metaflow", "flow", module.path, 1, name, frozenset({"training-compute"}))


def _decorated(module: Module, code: Code, system: str, marks: tuple[str, ...], timer: str) -> Iterator[Job]:
    found = [f for f in module.functions.values() if any(d.method in marks for d in f.decorators)]
    timed = any(
        c.method == timer and {"cron_expression", "cron", "interval_second", "schedule"} & c.keywords.keys()
        for c in module.calls()
    ) or any(c.method == timer and timer != "Schedule" for c in module.calls())
    for function in found:
        yield Job(
            system,
            module.path,
            function.line,
            function.name,
            frozenset({"schedule"} if timed else {"dispatch"}),
            _whole(module, function.line, code),
            (),
            module.path,
        )
