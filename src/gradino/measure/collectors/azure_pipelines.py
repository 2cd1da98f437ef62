"""Azure Pipelines: any YAML that has its shape, templates of the repository included."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, touches

SYSTEM = "Azure Pipelines"
_MOST = 400  # stages of a pipeline, jobs of a stage, steps of a job, templates included
_LIKELY = re.compile(
    r"azure-pipelines|(^|/)\.?(pipelines?|azure|azuredevops|ado|devops-pipelines|build|cicd|environment_setup)(/|-)",
    re.I,
)
_TASK = re.compile(r"^\s*-\s*task:\s*[\"']?[\w.-]+@\d", re.M)  # says what a file is, wherever it lies
_KEYS = ("task", "script", "bash", "pwsh", "powershell", "template", "publish", "checkout", "download")


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """Jobs of every pipeline that something outside can start."""
    documents: dict[str, yaml.Map] = {}
    for path in tree.sizes:
        if not path.endswith((".yml", ".yaml")) or ".github/" in path:
            continue
        text = tree.text(path) or ""
        if (_LIKELY.search(path) or "vmImage" in text or _TASK.search(text)) and re.search(
            r"^(steps|jobs|stages|trigger|extends|variables)\s*:", text, re.M
        ):
            documents[path] = yaml.first(text)
    templates = set[str]()
    waiting = list(documents)
    for path in waiting:  # a template may lie anywhere, and name others
        named = {_resolve(path, s) for s in _templates(documents[path])}
        templates |= named
        for other in sorted(n for n in named if n in tree and n not in documents):
            documents[other] = yaml.first(tree.text(other) or "")
            waiting.append(other)
    for path, document in documents.items():
        if path in templates or not (
            {"trigger", "pr", "schedules", "resources"} & document.keys()
            or "pool" in document
            or "azure-pipelines" in path
        ):
            continue
        if not {"steps", "jobs", "stages"} & document.keys():
            continue
        off = "" if _touched(tree, document) else "no file is there whose change would start it"
        yield from (replace(j, off=j.off or off) for j in _pipeline(path, document, documents))


def _touched(tree: Tree, document: yaml.Map) -> bool:
    """Whether a change of some file starts a pipeline that nothing else starts."""
    paths = document.map("trigger").map("paths")
    if not paths or _triggers(document) != {"push"}:
        return True
    return touches(paths.list("include") or ["**"], paths.list("exclude"), tree.sizes)


def _templates(document: yaml.Map) -> Iterator[str]:
    for inner in yaml.walk(document):
        if inner.text("template"):
            yield inner.text("template").split("@")[0]


def _resolve(path: str, target: str) -> str:
    if target.startswith("/"):
        return target.lstrip("/")
    parts = path.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _triggers(document: yaml.Map) -> frozenset[str]:
    found: set[str] = set()
    trigger = document.get("trigger")
    if trigger != "none" and trigger != ["none"]:
        tags = isinstance(trigger, yaml.Map) and trigger.map("tags") and not trigger.map("branches")
        found.add("tag" if tags else "push")
    if "pr" in document and document.get("pr") != "none":
        found.add("pull_request")
    if document.list("schedules"):
        found.add("schedule")
    for source in document.map("resources").list("pipelines"):
        if isinstance(source, yaml.Map) and "trigger" in source and source.text("trigger") not in ("none", "false"):
            found.add("run")
    for source in document.map("resources").list("containers"):
        if isinstance(source, yaml.Map) and "trigger" in source and source.text("trigger") not in ("none", "false"):
            found.add("event")
    return frozenset(found) or frozenset({"dispatch"})


def _pipeline(path: str, document: yaml.Map, documents: dict[str, yaml.Map]) -> Iterator[Job]:
    triggers, document = _triggers(document), _called(document, yaml.Map())
    known = _variables(path, document, documents)
    stages = list(islice(_expand(path, document.list("stages"), documents, "stages"), _MOST)) or [(path, document)]
    before: tuple[str, ...] = ()
    for number, (where, stage) in enumerate(stages):
        name = stage.text("stage") or f"stage{number}"
        off = (
            _off(stage.text("condition"))
            or _elsewhere(stage.text("condition"), document)
            or ("enabled: false" if stage.text("enabled") == "false" else "")
        )
        needs = (
            tuple(f"{path}#{n}" for n in stage.list("dependsOn") if isinstance(n, str))
            if "dependsOn" in stage
            else before
        )
        jobs = list(islice(_expand(where, stage.list("jobs"), documents, "jobs"), _MOST)) or [(where, stage)]
        approval, steps, environment, line = False, list[Step](), stage.text("environment"), stage.line
        soft = False
        shared = known | _variables(where, stage, documents)
        for place, job in jobs:
            job_off = _off(job.text("condition"))
            values = shared | _variables(place, job, documents)
            environment = environment or job.text("environment") or job.map("environment").text("name")
            items = job.list("steps") or _deployment(job)
            approval = approval or (not items and _asks_a_person(job))
            for step in islice(_steps(place, items, documents, 0), _MOST):
                approval = approval or step.uses.startswith("ManualValidation")
                inputs = tuple((k, _known(v, values)) for k, v in step.inputs)
                folder = _known(step.folder, values)
                steps.append(
                    replace(
                        step,
                        run=_known(step.run, values),
                        inputs=inputs,
                        off=job_off or step.off,
                        folder=folder if "$(" not in folder else "",
                    )
                )
        yield Job(SYSTEM, path, line, name, triggers, tuple(steps), needs, path, environment, off, approval, soft)
        before = (f"{path}#{name}",)


def _variables(path: str, owner: yaml.Map, documents: dict[str, yaml.Map]) -> dict[str, str]:
    """Variables that a pipeline, stage or job sets, those of the files that it names included."""
    listed = owner.get("variables")
    found: dict[str, str] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, yaml.Map) and item.text("name"):
            found[item.text("name")] = item.text("value")
        elif isinstance(item, yaml.Map) and (named := _resolve(path, item.text("template"))) in documents:
            found |= _variables("", documents[named], {})
    return found | {k: v for k, v in owner.map("variables").items() if isinstance(v, str)}


_VARIABLE = re.compile(r"\$\(([\w.]+)\)")


def _known(text: str, values: dict[str, str]) -> str:
    """A text with the variables that the files themselves set, which may name others."""
    for _ in range(2 if "$(" in text else 0):
        text = _VARIABLE.sub(lambda m: values.get(m[1], m[0])[:_LONGEST], text)
    return text


def _asks_a_person(job: yaml.Map) -> bool:
    """Whether a deployment without steps is there for the approval that its environment asks for."""
    return bool(re.search(r"approv", f"{job.text('deployment')} {job.text('displayName')}", re.I))


def _deployment(job: yaml.Map) -> list[object]:
    strategy = job.map("strategy")
    return [s for inner in yaml.walk(strategy) for s in inner.list("steps")]


def _expand(
    path: str, items: list[object], documents: dict[str, yaml.Map], key: str, depth: int = 0
) -> Iterator[tuple[str, yaml.Map]]:
    for item in items:
        if not isinstance(item, yaml.Map):
            continue
        for conditional in (v for k, v in item.items() if k.startswith("${{") and isinstance(v, list) and depth < 4):
            yield from _expand(path, conditional, documents, key, depth + 1)
        target = item.text("template").split("@")[0]
        inner = _resolve(path, target) if target else ""
        if inner in documents and depth < 4:
            yield from _expand(inner, _called(documents[inner], item).list(key), documents, key, depth + 1)
        else:
            yield path, item


def _called(template: yaml.Map, caller: yaml.Map) -> yaml.Map:
    """A template with the values that its caller passes, or its own defaults, in place of its parameters."""
    values: dict[str, str] = {}
    for parameter in template.list("parameters"):
        if isinstance(parameter, yaml.Map) and parameter.text("default"):
            values[parameter.text("name")] = parameter.text("default")
    values |= {k: v for m in (template, caller) for k, v in m.map("parameters").items() if isinstance(v, str)}
    filled = _filled(template, values)
    return filled if isinstance(filled, yaml.Map) else template


_LONGEST = 2_000  # characters of a value that is put in place of a parameter
_PARAMETER = re.compile(r"\$\{\{\s*parameters\.([\w-]+)\s*\}\}")


def _filled(value: object, values: dict[str, str]) -> object:
    if isinstance(value, str):
        return _PARAMETER.sub(lambda m: values.get(m[1], m[0])[:_LONGEST], value)
    if isinstance(value, list):
        return [_filled(v, values) for v in value]
    if isinstance(value, yaml.Map):
        made = yaml.Map(value.line)
        made.lines = value.lines
        made.update((k, _filled(v, values)) for k, v in value.items())
        return made
    return value


def _steps(path: str, items: list[object], documents: dict[str, yaml.Map], depth: int) -> Iterator[Step]:
    for item in items:
        if not isinstance(item, yaml.Map):
            continue
        nested = [v for k, v in item.items() if k.startswith("${{") and isinstance(v, list)]
        for inner in nested:
            yield from _steps(path, inner, documents, depth + 1)
        key = next((k for k in _KEYS if k in item), "")
        if key == "template" and depth < 5:
            target = _resolve(path, item.text("template").split("@")[0])
            if target in documents:
                yield from _steps(target, _called(documents[target], item).list("steps"), documents, depth + 1)
            continue
        off = _off(item.text("condition")) or ("enabled: false" if item.text("enabled") == "false" else "")
        soft = item.text("continueOnError") == "true"
        line = item.lines.get(key, item.line)
        if key in ("script", "bash", "pwsh", "powershell"):
            text = item.text(key)
            yield Step(line + (1 if "\n" in text else 0), text, "", (), off, soft, item.text("workingDirectory"))
        elif key == "task":
            inputs = tuple((k, v) for k, v in item.map("inputs").items() if isinstance(v, str))
            folder = dict(inputs).get("workingDirectory", "")
            yield Step(line, "", item.text("task"), inputs, off, soft, folder)


_ON_BRANCH = re.compile(
    r"^\s*(?:and\([^!]*?)?eq\(variables\['Build\.SourceBranch(?:Name)?'\],\s*'(?:refs/heads/)?([\w./-]+)'\)"
)


def _elsewhere(condition: str, document: yaml.Map) -> str:
    """Why a condition on a branch is never met: no push of that branch starts the pipeline."""
    trigger = document.get("trigger")
    listed = trigger.map("branches").list("include") if isinstance(trigger, yaml.Map) else document.list("trigger")
    wanted = _ON_BRANCH.match(condition)
    known = listed and not any(re.search(r"[*?]", str(b)) for b in listed) and _triggers(document) == {"push"}
    return f"condition: {condition}" if wanted and known and wanted[1] not in listed else ""


def _off(condition: str) -> str:
    return (
        f"condition: {condition}"
        if re.fullmatch(r"\s*(false|never\(\)|eq\(\s*1\s*,\s*2\s*\)|and\(false.*\))\s*", condition)
        else ""
    )
