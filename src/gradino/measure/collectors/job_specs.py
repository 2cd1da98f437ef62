"""Jobs described in YAML for machines elsewhere: SkyPilot, dstack, Valohai, Polyaxon, Determined, Kestra, Render."""

import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

_LIKELY = re.compile(
    r"^(resources|compute|searcher|namespace|kind|type|services|pipelines|-[ \t]*step)[ \t]*:|hydra/launcher", re.M
)
_NEVER = re.compile(r"(^|/)(\.github|\.gitlab|\.circleci|docker-compose|compose|charts?|templates)\b|apiVersion", re.I)
_MACHINE = {"accelerators", "cloud", "instance_type", "use_spot", "cpus", "gpu", "infra"}
_COMMANDS = ("commands", "command", "run", "script", "startCommand", "entrypoint")


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One job for each that such a file describes; a person starts it unless it carries a timer."""
    for path in tree.sizes:
        if not path.endswith((".yml", ".yaml")) or not ours(path) or _NEVER.search(path):
            continue
        text = tree.text(path) or ""
        if len(text) > 20_000 or not _LIKELY.search(text):
            continue
        for document in yaml.load(text):
            for system, body, timed in _specified(document):
                said = "\n".join(_commands(body))
                if said:
                    triggers = frozenset({"schedule"} if timed else {"dispatch"})
                    yield Job(system, path, body.line, path, triggers, (Step(body.line, said),), (), path)


def _specified(document: object) -> Iterator[tuple[str, yaml.Map, bool]]:
    """System, what it runs, and whether a timer starts it."""
    if isinstance(document, list):
        steps = [d.map("step") for d in document if isinstance(d, yaml.Map)]
        yield from (("Valohai", s, False) for s in steps if "image" in s and "command" in s)
    if not isinstance(document, yaml.Map) or "apiVersion" in document:
        return
    if document.text("run") and _MACHINE & document.map("resources").keys():
        yield "SkyPilot", document, False
    elif document.text("type") == "task" and document.list("commands"):
        yield "dstack", document, False
    elif document.text("kind") in ("component", "operation") and document.map("run"):
        yield "Polyaxon", document.map("run"), False
    elif document.text("entrypoint") and "searcher" in document:
        yield "Determined", document, False
    elif document.text("command") and {"gpus", "gpu_type", "cluster"} & document.map("compute").keys():
        yield "MosaicML", document, False
    elif document.text("namespace") and document.list("tasks"):
        timers = [t for t in document.list("triggers") if isinstance(t, yaml.Map) and t.text("disabled") != "true"]
        tasks = yaml.Map(document.line)
        tasks["tasks"] = document.list("tasks")
        yield "Kestra", tasks, any("Schedule" in t.text("type") for t in timers)
    for service in document.list("services"):
        if isinstance(service, yaml.Map) and service.text("type") == "cron":
            yield "Render", service, bool(service.text("schedule"))


def _commands(body: yaml.Map) -> Iterator[str]:
    """What the parts of a specification run, in their order."""
    for part in yaml.walk(body):
        for key in _COMMANDS:
            words = [str(w) for w in part.list(key) if isinstance(w, str)]
            if key in ("command", "entrypoint") and len(words) > 1 and " " not in words[0]:
                yield " ".join(words)  # one command, word by word
            else:
                yield from words
