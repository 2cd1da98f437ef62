"""CDK Pipelines in Python: stages in order, what runs before and after each, who must approve."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.python import Call, Module
from gradino.measure.tree import Tree

_RUNS = frozenset({"ShellStep", "CodeBuildStep"})
_APPROVES = "ManualApprovalStep"


def collect(_tree: Tree, code: Code) -> Iterator[Job]:
    """One job for what is built first and one for each stage; a pipeline without a stage deploys nothing but itself."""
    for module in code.holding(*_RUNS):
        if any(name.startswith("aws_cdk.pipelines") for name in module.imports.values()):
            yield from _stages(module)


def _stages(module: Module) -> Iterator[Job]:
    calls = sorted(module.calls(), key=lambda c: c.line)
    marks = [c for c in calls if c.method == "add_stage"]
    told = [c for c in calls if c.method in _RUNS or c.method == _APPROVES or c.method in ("add_pre", "add_post")]
    before: tuple[str, ...] = ()
    waits = False
    for number, mark in enumerate([None, *marks] if marks else []):
        start = mark.line if mark else 0
        end = marks[number].line if number < len(marks) else 10**9
        here = [c for c in told if start <= c.line < end]
        first = (mark is not None and "pre" in mark.keywords) or any(c.method == "add_pre" for c in here)
        approved = any(c.method == _APPROVES for c in here)
        waits = waits or (approved and first)
        name = _name(mark, calls) if mark else "Synth"
        runs = [Step(c.line, "\n".join(c.texts[1:])) for c in here if c.method in _RUNS]
        deploys = [Step(start, f"cdk deploy {name}")] if mark else []
        steps = (*runs, *deploys) if first else (*deploys, *runs)
        yield Job(
            "CodePipeline",
            module.path,
            start,
            name,
            frozenset({"push"}),
            steps,
            before,
            module.path,
            name,
            approval=waits,
        )
        waits = waits or approved
        before = (*before, f"{module.path}#{name}")


def _name(mark: Call, calls: list[Call]) -> str:
    """What a stage is called: the name it has in the program, or that of the class of which it is made on the spot."""
    made = (c.method for c in calls if mark.line <= c.line <= mark.line + 1 and c.method.endswith("Stage"))
    named = (r.rpartition(".")[2] for r in mark.refs)
    name = next(named, "") or next(made, f"line{mark.line}")
    return re.sub(r"_?[Ss]tage$", "", name)  # not the one before production
