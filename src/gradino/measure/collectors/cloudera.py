"""Cloudera AI prototypes: `.project-metadata.yaml` lists the tasks that the platform runs when somebody launches it."""

from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_DEPLOYS = frozenset({"create_model", "deploy_model", "build_model", "start_application"})


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One job, started by a person, with what each task runs and deploys."""
    for path in tree.named(".project-metadata.y*ml"):
        tasks = [t for t in yaml.first(tree.text(path) or "").list("tasks") if isinstance(t, yaml.Map)]
        steps: list[Step] = []
        for task in tasks:
            script = task.text("script") or task.text("target_file_path")
            if script.endswith((".py", ".ipynb")) and "model" not in task.text("type"):
                steps.append(Step(task.line, f"python {script}"))
            if task.text("type") in _DEPLOYS:
                steps.append(Step(task.line, uses=f"Cloudera/{task.text('type')}"))
        if steps:
            yield Job("Cloudera", path, 1, path, frozenset({"dispatch"}), tuple(steps), (), path)
