"""GitLab CI: `.gitlab-ci.yml`, the local files that it includes and the child pipelines that its jobs start."""

import re
from collections.abc import Iterator
from dataclasses import replace

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, glob, touches

SYSTEM = "GitLab CI"
_DEEPEST = 2  # levels of child pipelines, as GitLab allows
_WORDS = {
    "stages",
    "variables",
    "include",
    "default",
    "workflow",
    "image",
    "services",
    "before_script",
    "after_script",
    "cache",
    "pages:deploy",
}


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """Jobs with the triggers that their rules let through, in the order of the stages."""
    yield from _pipeline(tree, ".gitlab-ci.yml", 0)


def _pipeline(tree: Tree, root: str, depth: int) -> Iterator[Job]:
    """The jobs of a file and of what it includes, and those of the pipelines that its jobs start."""
    bodies: dict[str, tuple[str, int, yaml.Map]] = {}
    stages: list[str] = []
    whole: list[yaml.Map] = []  # the rules of the pipeline itself
    files = [root]
    for path in files:
        document = yaml.first(tree.text(path) or "")
        stages += [s for s in document.list("stages") if isinstance(s, str)]
        files += [p for p in dict.fromkeys(_included(tree, document)) if p not in files]
        whole += [r for r in document.map("workflow").list("rules") if isinstance(r, yaml.Map)]
        if any("Auto-DevOps" in i.text("template") for i in document.list("include") if isinstance(i, yaml.Map)):
            yield from _auto(path)
        for name, body in document.items():
            if isinstance(body, yaml.Map) and name not in _WORDS:
                bodies[name] = (path, document.lines.get(name, 0), body)
    order = stages or ["build", "test", "deploy"]
    made = [_job(tree, n, *b, bodies, root) for n, b in bodies.items() if not n.startswith(".")]
    made = [_within(job, whole) for job in made]
    stage_of = {n: _inherited(b[2], "stage", bodies) or "test" for n, b in bodies.items()}
    for job in made:
        yield _placed(job, bodies[job.name][2], made, stage_of, order)
        for child in _included(tree, bodies[job.name][2].map("trigger")) if depth < _DEEPEST else ():
            for inner in _pipeline(tree, child, depth + 1):
                triggers = inner.triggers if inner.manual else job.triggers
                yield replace(
                    inner, triggers=triggers, off=job.off or inner.off, approval=job.approval or inner.approval
                )


def _included(tree: Tree, document: yaml.Map) -> Iterator[str]:
    """Files of the repository that `include` names, by path or by a pattern with stars."""
    for item in document.list("include"):
        local = (item.text("local") if isinstance(item, yaml.Map) else str(item)).lstrip("/")
        if "*" in local:
            yield from filter(glob(local).match, tree.sizes)
        elif local in tree:
            yield local


def _auto(path: str) -> Iterator[Job]:
    """What GitLab's own template does with a Dockerfile: build and push the image, then deploy its chart."""
    push = frozenset({"push"})
    yield Job(SYSTEM, path, 1, "build", push, (Step(1, "docker build -t image . && docker push image"),), (), path)
    deploy = (Step(1, "helm upgrade --install production chart"),)
    yield Job(SYSTEM, path, 1, "production", push, deploy, (f"{path}#build",), path, "production")


def _within(job: Job, rules: list[yaml.Map]) -> Job:
    """A job as the rules of its whole pipeline let it fire."""
    if not rules:
        return job
    live = [_condition(r.text("if")) for r in rules if r.text("when") != "never"]
    found = frozenset[str]().union(*live)
    if not found:
        return replace(job, off=job.off or "no rule of the pipeline lets it start")
    loose = any(r.text("when") != "never" and not _SOURCE.search(r.text("if")) for r in rules)
    kept = job.triggers if loose else job.triggers & found or found
    return replace(job, triggers=kept)


def _inherited(body: yaml.Map, key: str, bodies: dict[str, tuple[str, int, yaml.Map]], depth: int = 0) -> str:
    if body.text(key) or depth > 5:
        return body.text(key)
    return next(
        (v for p in body.list("extends") if p in bodies and (v := _inherited(bodies[p][2], key, bodies, depth + 1))), ""
    )


def _lines(body: yaml.Map, bodies: dict[str, tuple[str, int, yaml.Map]], depth: int = 0) -> list[tuple[int, str]]:
    found = [
        (body.lines.get(k, 0) + (1 if isinstance(body.get(k), list) else 0), str(s))
        for k in ("before_script", "script")
        for s in _flat(body.list(k), bodies)
    ]
    if not body.list("script") and depth < 5:
        for parent in body.list("extends"):
            if parent in bodies:
                found += _lines(bodies[parent][2], bodies, depth + 1)
    return found


def _flat(items: list[object], bodies: dict[str, tuple[str, int, yaml.Map]], depth: int = 0) -> Iterator[str]:
    """Lines of a script, those that it takes from another job (`!reference [job, key]`) included."""
    for item in items:
        if isinstance(item, list) and len(item) == 2 and str(item[0]) in bodies and depth < 5:
            yield from _flat(bodies[str(item[0])][2].list(str(item[1])), bodies, depth + 1)
        elif isinstance(item, list):
            yield from _flat(item, bodies, depth)
        elif isinstance(item, str):
            yield item


def _job(
    tree: Tree,
    name: str,
    path: str,
    line: int,
    body: yaml.Map,
    bodies: dict[str, tuple[str, int, yaml.Map]],
    group: str,
) -> Job:
    triggers, off, approval = _rules(tree, body, bodies)
    soft = body.text("allow_failure") == "true"
    steps = tuple(Step(at, text, soft=soft) for at, text in _lines(body, bodies))
    environment = body.text("environment") or body.map("environment").text("name")
    return Job(
        SYSTEM,
        path,
        line,
        name,
        triggers,
        steps,
        (),
        group,
        environment,
        off,
        approval,
        soft,
        body.text("image"),
    )


def _only(body: yaml.Map) -> list[str]:
    """What a job is limited to, by the older word."""
    only = body.map("only")
    return [str(x) for x in (only.list("refs") if only else body.list("only"))]


def _deciding(body: yaml.Map, bodies: dict[str, tuple[str, int, yaml.Map]], depth: int = 0) -> yaml.Map | None:
    """The body, its own or one that it extends, which says when a job runs; the last that is extended goes first."""
    if body.list("rules") or _only(body) or depth > 5:
        return body
    parents = (bodies[p][2] for p in reversed(body.list("extends")) if p in bodies)
    return next((found for p in parents if (found := _deciding(p, bodies, depth + 1)) is not None), None)


def _rules(
    tree: Tree, body: yaml.Map, bodies: dict[str, tuple[str, int, yaml.Map]]
) -> tuple[frozenset[str], str, bool]:
    if _inherited(body, "when", bodies) == "manual":
        return frozenset({"dispatch"}), "", True
    if body.text("when") == "never":
        return frozenset(), "when: never", False
    body = _deciding(body, bodies) or body
    rules = [r for r in body.list("rules") if isinstance(r, yaml.Map)]
    only = _only(body)
    if rules:
        found: set[str] = set()
        manual = False
        for rule in rules:
            if rule.text("when") == "never" or not _changed(tree, rule):
                continue
            if rule.text("when") == "manual":
                manual = True
                continue
            found |= _condition(rule.text("if"))
        if not found:
            return (
                (frozenset({"dispatch"}), "", True) if manual else (frozenset(), "its rules let nothing through", False)
            )
        return frozenset(found), "", False
    if not _changed(tree, body.map("only")):
        return frozenset(), "no file is there that would start it", False
    if only:
        known = {
            "tags": "tag",
            "merge_requests": "pull_request",
            "schedules": "schedule",
            "triggers": "event",
            "web": "dispatch",
            "api": "event",
        }
        return frozenset(known.get(o, "push") for o in only), "", False
    return frozenset({"push"}), "", False


def _changed(tree: Tree, rule: yaml.Map) -> bool:
    """Whether a rule asks for a change of files of which the repository has some, or for none."""
    said = rule.map("changes").list("paths") or rule.list("changes")
    return "changes" not in rule or touches(said, [], tree.sizes)


_SOURCE = re.compile(r"CI_PIPELINE_SOURCE\s*==\s*['\"](\w+)")


def _condition(text: str) -> set[str]:
    source = _SOURCE.search(text)
    if source:
        return {
            {
                "merge_request_event": "pull_request",
                "schedule": "schedule",
                "web": "dispatch",
                "trigger": "event",
                "api": "event",
                "push": "push",
            }.get(source[1], "push")
        }
    if "CI_COMMIT_TAG" in text:
        return {"tag"}
    if re.search(r"CI_MERGE_REQUEST", text):
        return {"pull_request"}
    return {"push"}


def _placed(job: Job, body: yaml.Map, all_jobs: list[Job], stage_of: dict[str, str], order: list[str]) -> Job:
    named = [n.text("job") if isinstance(n, yaml.Map) else str(n) for n in body.list("needs")]
    if "needs" not in body:
        mine = order.index(stage_of[job.name]) if stage_of.get(job.name) in order else 0
        named = [j.name for j in all_jobs if stage_of[j.name] in order and order.index(stage_of[j.name]) < mine]
    return replace(job, needs=tuple(f"{job.group}#{n}" for n in named))
