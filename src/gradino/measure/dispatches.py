"""Workflows that a step sends for: by GitHub's command line, by its interface, or by an action made for that."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradino.measure.automation import Step

_ACTION = re.compile(
    r"(workflow|repository)[-_]?dispatch|(dispatch|trigger)[-_](an?[-_])?(\w+[-_])?workflow|workflow[-_]trigger", re.I
)
_INPUTS = re.compile(r"workflow([-_](id|name|file|file[-_]name))?", re.I)
_ASKS = re.compile(r"\bcreateWorkflowDispatch\b|\bcreateDispatchEvent\b|actions/workflows/[^\s/]+/dispatches")
_NAMED = re.compile(
    r"\bgh\s+workflow\s+run\s+(?:-\S+[ =]\S+\s+)*(?:\"([^\"\n]+)\"|'([^'\n]+)'|([\w./-]+))"
    r"|actions/workflows/([\w.-]+)/dispatches|\bworkflow_id:\s*[\"'`]([^\"'`\n]+)"
)


def asks(step: "Step") -> bool:
    """Whether an action sends for a workflow, or runs a script that does."""
    return bool(_ACTION.search(step.uses)) or ("github-script" in step.uses and bool(_ASKS.search(_script(step))))


def named(step: "Step") -> list[str]:
    """Files or titles of the workflows that a step sends for, as far as it says them."""
    said = f"{step.run}\n{_script(step)}".replace("\\\n", " ")
    found = [next(name for name in m.groups() if name) for m in _NAMED.finditer(said)]
    if _ACTION.search(step.uses):
        found += [value for name, value in step.inputs if value and _INPUTS.fullmatch(name)]
    return [n.rpartition("/")[2] if n.endswith((".yml", ".yaml")) else n for n in found]


def _script(step: "Step") -> str:
    return step.input("script")
