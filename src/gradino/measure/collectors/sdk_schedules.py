"""Schedules of training that Python makes by a cloud's SDK: Vertex, Azure ML, SageMaker, EventBridge, Databricks."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Resource, Step
from gradino.measure.code import Code
from gradino.measure.python import Call, Module
from gradino.measure.tree import Tree

# What makes a schedule → what is imported beside it. Each of them starts a pipeline or job of the cloud's.
_MAKERS = {
    "create_schedule": ("google", {"cron", "cron_expression", "schedule"}),
    "JobSchedule": ("azure", {"trigger"}),
    "Schedule.create": ("azureml", {"recurrence", "datastore"}),
    "PipelineSchedule": ("sagemaker", {"cron", "rate", "at"}),
    "CronSchedule": ("databricks", {"quartz_cron_expression"}),
}
_PIPELINE = re.compile(r"pipeline|train", re.I)
_TESTS = re.compile(r"(^|/)tests?/", re.I)


def collect(_tree: Tree, code: Code) -> Iterator[Job | Resource]:
    """One resource for each schedule that starts a pipeline, one job for each that starts a notebook or script."""
    for module in code.holding("chedule", "put_rule"):
        if _TESTS.search(module.path):
            continue
        for call in module.calls():
            package, wanted = _MAKERS.get(call.method) or _MAKERS.get(".".join(call.name.split(".")[-2:]), ("", set()))
            if package in module.packages and wanted & call.keywords.keys():
                yield from _started(code, module, call, package)
            elif call.method == "put_rule" and call.keywords.get("ScheduleExpression"):
                said = " ".join(t for c in module.calls() if c.method == "put_targets" for t in c.texts)
                if _PIPELINE.search(said) and "DISABLED" not in call.texts:
                    yield _resource(module, call)


def _resource(module: Module, call: Call) -> Resource:
    traits = frozenset({"training-schedule", "schedule"})
    return Resource("Python", "schedule", module.path, call.line, call.method, traits)


def _started(code: Code, module: Module, call: Call, package: str) -> Iterator[Job | Resource]:
    if package != "databricks":
        yield _resource(module, call)
        return
    named = [t for c in module.calls() for k in ("notebook_path", "python_file") if (t := c.keywords.get(k, ""))]
    for name in named if call.keywords.get("pause_status") != "PAUSED" else ():
        script = code.file(name if name.endswith((".py", ".ipynb")) else f"{name}.py", module.path)
        if script:
            step = Step(call.line, f"python {script}")
            yield Job("Databricks", module.path, call.line, name, frozenset({"schedule"}), (step,), (), module.path)
