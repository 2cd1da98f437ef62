"""Drone and Woodpecker: pipelines of containers; events and references decide what starts them."""

import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_EVENTS = {"push": "push", "tag": "tag", "pull_request": "pull_request", "cron": "schedule", "promote": "dispatch",
           "custom": "dispatch", "manual": "dispatch", "release": "release", "deployment": "dispatch"}  # fmt: skip


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One job per step, since each has conditions of its own; steps follow each other."""
    for path in (*tree.named(".drone.yml", ".drone.yaml", ".woodpecker.y*ml"), *tree.under(".woodpecker")):
        for number, pipeline in enumerate(d for d in yaml.load(tree.text(path) or "") if isinstance(d, yaml.Map)):
            before: tuple[str, ...] = ()
            group = f"{path}#{pipeline.text('name') or number}"
            outer = _triggers(pipeline.map("trigger") or pipeline.map("when"))
            steps = pipeline.get("steps")
            items = steps.items() if isinstance(steps, yaml.Map) else [("", s) for s in pipeline.list("steps")]
            for called, body in items:
                if not isinstance(body, yaml.Map):
                    continue
                name = called or body.text("name")
                triggers = _triggers(body.map("when"))
                wanted = outer & triggers if outer and triggers else outer or triggers or {"push", "pull_request"}
                yield Job("Drone", path, body.line, name, frozenset(wanted), _steps(body), before, group)
                before = (*before, f"{group}#{name}")


def _triggers(when: yaml.Map) -> set[str]:
    listed = when.list("event") + when.map("event").list("include")
    found = {_EVENTS[e] for e in listed if isinstance(e, str) and e in _EVENTS}
    if not found and "refs/tags" in " ".join(str(r) for r in when.list("ref") + when.map("ref").list("include")):
        return {"tag"}
    return found


def _steps(body: yaml.Map) -> tuple[Step, ...]:
    """Its commands, or the image of a plugin that publishes."""
    line = body.lines.get("commands", body.line)
    found = [Step(line + 1 + n, c) for n, c in enumerate(body.list("commands")) if isinstance(c, str)]
    if not found and re.search(r"plugins/(docker|ecr|gcr|acr)|kaniko|buildx", body.text("image")):
        found.append(Step(body.line, "docker push image"))
    return tuple(found)
