"""Databricks jobs as dbx describes them: `conf/deployment.yml`, by environment; `dbx launch` starts one by its name."""

import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One job for each that an environment defines; a quartz schedule starts it unless it is paused."""
    for path in tree.named("deployment*.y*ml", "deployment*.json"):
        text = tree.text(path) or ""
        if not re.search(r"python_file|python_wheel_task|notebook_path", text):
            continue
        document = yaml.first(untemplated(text))
        environments = document.map("environments") or document
        for name in environments:
            body = environments.map(name)
            for job in (*body.list("jobs"), *body.list("workflows")):
                if isinstance(job, yaml.Map) and job.text("name"):
                    yield _job(path, name, job)


def untemplated(text: str) -> str:
    """A Jinja template of dbx without its directives."""
    return re.sub(r"\{[%{][^}\n]{0,300}[%}]\}", "X", text)


def _job(path: str, environment: str, body: yaml.Map) -> Job:
    schedule = body.map("schedule")
    off = "schedule is paused" if schedule.text("pause_status") == "PAUSED" else ""
    trigger = "schedule" if schedule.text("quartz_cron_expression") else "dispatch"
    steps = tuple(
        Step(task.line, f"python {target}")
        for task in yaml.walk(body)
        if (target := _target(task))
    )  # fmt: skip
    return Job(
        "Databricks", path, body.line, body.text("name"), frozenset({trigger}), steps, (), path, environment, off
    )


def _target(task: yaml.Map) -> str:
    """The file that a task runs, without the scheme by which dbx finds it."""
    named = task.text("python_file") or task.text("notebook_path")
    return re.sub(r"^(file:)?(fuse:)?(//)?(\.\./)*", "", named)
