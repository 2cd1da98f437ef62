"""GitHub Actions: workflows, reusable workflows and composite actions of the repository."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gradino.measure import yaml
from gradino.measure.automation import Job, Step, comes_round
from gradino.measure.code import Code
from gradino.measure.tree import Tree, glob

SYSTEM = "GitHub Actions"
_EVENTS = {
    "push": "push", "create": "push", "pull_request": "pull_request", "pull_request_target": "pull_request",
    "merge_group": "pull_request", "release": "release", "schedule": "schedule", "workflow_dispatch": "dispatch",
    "repository_dispatch": "event", "workflow_run": "run", "registry_package": "event", "issues": "event",
    "issue_comment": "dispatch", "workflow_call": "call", "deployment": "event", "check_suite": "run", "page_build": "push",
}  # fmt: skip
_FOLDERS = (".github/workflows", ".gitea/workflows", ".forgejo/workflows")
_MOST_JOBS = 400
_LONGEST_CHAIN = 20
_LONGEST = 2_000  # characters of a variable that is put in its place


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """Jobs of every workflow, with the triggers that reach them."""
    texts = {p: tree.text(p) for p in tree.under(*_FOLDERS) if p.endswith((".yml", ".yaml")) and p.count("/") == 2}
    files = {p: yaml.first(t) for p, t in texts.items() if t}
    for path in files:
        if not files[path].map("jobs"):
            tree.notes.append(f"{path}: no jobs could be read")
    jobs: list[Job] = []
    fires: dict[str, frozenset[str]] = {}
    for path, workflow in files.items():
        triggers, off = _triggers(workflow, tree)
        fires[workflow.text("name") or path] = triggers
        made = _jobs(tree, files, path, workflow, triggers, off, path, 0)
        jobs += (replace(j, title=workflow.text("name")) for j in made)
    yield from (_after(j, files, fires) for j in jobs[:_MOST_JOBS])


def _triggers(workflow: yaml.Map, tree: Tree) -> tuple[frozenset[str], str]:
    on = workflow.get("on")
    found: set[str] = set()
    for event in on if isinstance(on, list | dict) else [on]:
        known = _EVENTS.get(str(event))
        if known is None:
            continue
        options = on.map(str(event)) if isinstance(on, yaml.Map) else yaml.Map()
        if known == "push" and options.list("tags") and not options.list("branches"):
            known = "tag"
        if known == "pull_request" and options.list("types") == ["closed"]:
            known = "push"
        if known == "schedule" and isinstance(on, yaml.Map) and not _crons(on):
            continue
        if "**" in options.list("branches-ignore"):
            continue
        if known in ("push", "pull_request") and not _touched(options, tree):
            if not options.list("tags"):
                continue
            known = "tag"  # which no filter of paths holds back
        found.add(known)
    return frozenset(found), "" if found else "no active trigger"


def _touched(options: yaml.Map, tree: Tree) -> bool:
    """Whether the filters of paths let a change of some file through; the last pattern that fits a file decides."""
    said = [str(p) for p in options.list("paths")] or ["**", *(f"!{p}" for p in options.list("paths-ignore"))]
    patterns = [(glob(re.sub(r"[?+]", "*", p.removeprefix("!"))), p[:1] != "!") for p in reversed(said[:_MOST_JOBS])]
    return any(next((kept for p, kept in patterns if p.match(path)), False) for path in tree.sizes)


def _crons(on: yaml.Map) -> list[str]:
    return [e.text("cron") for e in on.list("schedule") if isinstance(e, yaml.Map) and comes_round(e.text("cron"))]


def _after(job: Job, files: dict[str, yaml.Map], fires: dict[str, frozenset[str]]) -> Job:
    """A workflow that follows another is automatic only where that one is."""
    if "run" not in job.triggers:
        return job
    on = files.get(job.group, yaml.Map()).get("on")
    parents = on.map("workflow_run").list("workflows") if isinstance(on, yaml.Map) else []
    known = [fires[p] for p in parents if p in fires]
    if parents and known:
        upstream = frozenset[str]().union(*known)
        if upstream <= {"dispatch", "call"}:
            return replace(job, triggers=job.triggers - {"run"} | {"dispatch"})
        if upstream <= {"pull_request"}:
            return replace(job, triggers=job.triggers - {"run"} | {"pull_request"})
    elif parents:
        return replace(job, triggers=job.triggers - {"run"}, off=job.off or "follows a workflow that does not exist")
    return job


def _jobs(
    tree: Tree,
    files: dict[str, yaml.Map],
    path: str,
    workflow: yaml.Map,
    triggers: frozenset[str],
    off: str,
    group: str,
    depth: int,
    given: dict[str, str] | None = None,
) -> list[Job]:
    """Jobs of a workflow; `given` are the inputs of one that another calls."""
    made: list[Job] = []
    on = workflow.get("on")
    cron = " ".join(_crons(on)) if isinstance(on, yaml.Map) else ""
    branches = _branches(on)
    default_folder = workflow.map("defaults").map("run").text("working-directory")
    for name, body in workflow.map("jobs").items():
        if not isinstance(body, yaml.Map):
            continue
        narrowed, why = _condition(_asked(body.text("if"), given), triggers, branches)
        why = off or why
        if narrowed == frozenset({"call"}) or (not narrowed and not why):
            why = why or "only other workflows call it"
        uses = body.text("uses")
        callee = uses.removeprefix("./") if uses.startswith("./") else ""
        environment = body.text("environment") or body.map("environment").text("name")
        environment = _each(environment, body.map("strategy").map("matrix"), on)
        needs = tuple(f"{group}#{n}" for n in body.list("needs"))
        line = workflow.map("jobs").lines.get(name, 0)
        if callee in files and depth < 3 and len(made) < _MOST_JOBS:
            called_on = files[callee].get("on")
            declared = called_on.map("workflow_call").map("inputs") if isinstance(called_on, yaml.Map) else yaml.Map()
            values = {k: _fill(v, given or {}) for k, v in _values(declared, body).items()}
            called = _jobs(tree, files, callee, files[callee], narrowed - {"call"}, why, group, depth + 1, values)
            made += [
                replace(c, name=f"{name}/{c.name}", needs=(*needs, *(n.replace("#", f"#{name}/") for n in c.needs)),
                        environment=_fill(c.environment, values) or environment,
                        steps=tuple(_passed(s, values) for s in c.steps))
                for c in called
            ]  # fmt: skip
            made.append(
                Job(
                    SYSTEM,
                    path,
                    line,
                    name,
                    narrowed,
                    (),
                    tuple(f"{group}#{c.name}" for c in made if c.name.startswith(f"{name}/")),
                    group,
                    environment,
                    why,
                )
            )
            continue
        folder = body.map("defaults").map("run").text("working-directory") or default_folder
        known, asked = {**workflow.map("env"), **body.map("env")}, body.text("if")
        steps = [
            replace(s, run=_known(s.run, {**known, **item.map("env")}), rescue="failure(" in asked + item.text("if"))
            for item in body.list("steps")
            if isinstance(item, yaml.Map)
            for s in _steps(tree, item, folder, narrowed, branches, given)
        ]
        if uses:
            steps.append(Step(body.lines.get("uses", line), uses=uses, inputs=_inputs(body)))
            environment = environment or body.map("with").text("environment")
        image = body.text("container") or body.map("container").text("image")
        approval = any("manual-approval" in s.uses for s in steps)
        soft = body.text("continue-on-error") == "true"
        made.append(
            Job(
                SYSTEM,
                path,
                line,
                name,
                narrowed - {"call"},
                tuple(steps),
                needs,
                group,
                environment,
                why,
                approval,
                soft,
                image,
                (),
                cron,
                " ".join(str(r) for r in body.list("runs-on")),
            )
        )
    return _met(made[:_MOST_JOBS], workflow.map("jobs"), group)


_REGARDLESS = re.compile(r"\b(always|failure|cancelled)\(")


def _met(jobs: list[Job], bodies: yaml.Map, group: str) -> list[Job]:
    """Jobs as their `needs` let them fire: never after one that never does, and on no trigger that skips that one."""
    known = {f"{group}#{j.name}": j for j in jobs}
    lost = {n for b in bodies.values() if isinstance(b, yaml.Map) for n in b.list("needs") if str(n) not in bodies}
    if lost:  # GitHub refuses the whole file
        return [replace(j, off=j.off or f"a job needs {min(map(str, lost))}, which does not exist") for j in jobs]
    for _ in range(min(len(jobs), _LONGEST_CHAIN)):
        for key, job in known.items():
            before = [known[n] for n in job.needs if n in known]
            if not before or _REGARDLESS.search(bodies.map(job.name.partition("/")[0]).text("if")):
                continue
            off = next((f"needs {b.name}, which is off: {b.off}" for b in before if b.off), "")
            triggers = job.triggers.intersection(*(b.triggers for b in before))
            off = off or ("what it needs runs on other triggers" if job.triggers and not triggers else "")
            known[key] = replace(job, off=job.off or off, triggers=triggers)
    return list(known.values())


def _values(declared: yaml.Map, caller: yaml.Map) -> dict[str, str]:
    """What a caller passes, or else the defaults that a reusable workflow or composite action declares."""
    defaults = {n: declared.map(n).text("default") for n in declared if "default" in declared.map(n)}
    return defaults | dict(_inputs(caller))


_ONE_OF = re.compile(r"\$\{\{\s*(?:matrix|inputs|github\.event\.inputs)\.([\w-]+)\s*\}\}")
_PLACES = ("environment", "env", "stage", "target")


def _each(environment: str, matrix: yaml.Map, on: object) -> str:
    """The environments that a job goes to by turns: those of its matrix, or those that a person may choose."""
    asked = on.map("workflow_dispatch").map("inputs") if isinstance(on, yaml.Map) else yaml.Map()
    known = {n: [str(v) for v in matrix.list(n)] for n in matrix} | {n: asked.map(n).list("options") for n in asked}
    named = next((n for n in _PLACES if n in matrix), "") if not environment else ""
    filled = _ONE_OF.sub(lambda m: " ".join(map(str, known.get(m[1], []))) or m[0], environment)
    return " ".join(known[named]) if named else filled


def _fill(text: str, values: dict[str, str]) -> str:
    """A text with the inputs that a caller passes in their place."""
    return re.sub(r"\$\{\{\s*inputs\.([\w-]+)\s*\}\}", lambda m: values.get(m[1], m[0])[:_LONGEST], text)


def _passed(step: Step, values: dict[str, str]) -> Step:
    if "inputs." not in f"{step.run} {step.inputs}":
        return step
    return replace(step, run=_fill(step.run, values), inputs=tuple((k, _fill(v, values)) for k, v in step.inputs))


_USED = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}|\$\{(\w+)\}|\$(\w+)")


def _known(run: str, values: dict[str, Any]) -> str:
    """A script with the variables that the workflow itself sets, unless the script sets them."""
    known = {k: v for k, v in values.items() if v and isinstance(v, str) and f"{k}=" not in run}
    return _USED.sub(lambda m: known.get(m[1] or m[2] or m[3], m[0])[:_LONGEST], run) if known else run


def _inputs(body: yaml.Map) -> tuple[tuple[str, str], ...]:
    inputs = ((k, v) for k, v in body.map("with").items() if isinstance(v, str))
    return tuple((k, re.sub(r"^\$\{\{\s*(true|false)\s*\}\}$", r"\1", v)) for k, v in inputs)


def _branches(on: object) -> tuple[str, ...]:
    """The branches of which a push starts a workflow, where they are listed one by one and no tag starts it."""
    push = on.map("push") if isinstance(on, yaml.Map) else yaml.Map()
    listed = tuple(str(b) for b in push.list("branches"))
    return () if push.list("tags") or any(re.search(r"[*?+!\[]", b) for b in listed) else listed


def _steps(
    tree: Tree,
    item: yaml.Map,
    folder: str,
    triggers: frozenset[str],
    branches: tuple[str, ...],
    given: dict[str, str] | None,
    depth: int = 0,
) -> list[Step]:
    narrowed, off = _condition(_asked(item.text("if"), given), triggers, branches)
    if not off and triggers and not (narrowed & (triggers | {"call"})):
        off = "its condition is never met"
    elif (
        not off and not (narrowed - {"pull_request", "dispatch"}) and (triggers - {"pull_request", "dispatch", "call"})
    ):
        off = "it is skipped on automatic runs"
    soft = item.text("continue-on-error") == "true"
    uses, run = item.text("uses"), item.text("run")
    if uses.startswith("./") and depth < 3:
        for name in ("action.yml", "action.yaml"):
            text = tree.text(f"{uses.removeprefix('./').rstrip('/')}/{name}")
            if text:
                action = yaml.first(text)
                inner = (i for i in action.map("runs").list("steps") if isinstance(i, yaml.Map))
                values = {k: _fill(v, given or {}) for k, v in _values(action.map("inputs"), item).items()}
                made = [s for i in inner for s in _steps(tree, i, folder, triggers, branches, values, depth + 1)]
                return [replace(_passed(s, values), off=off or s.off, soft=soft or s.soft) for s in made[:_MOST_JOBS]]
    line = item.lines.get("run", item.lines.get("uses", item.line))
    if run and "\n" in run:
        line += 1
    if item.text("shell") == "bash":
        run += "\n# pipefail"
    if item.text("shell").startswith("python"):
        run = f"python -c {run!r}"
    return [Step(line, run, uses, _inputs(item), off, soft, item.text("working-directory") or folder)]


_INPUT = re.compile(r"(!?)\s*(?<!event\.)\binputs\.([\w-]+)(?:\s*([!=]=)\s*(?:'([^']*)'|(true|false)))?")


def _asked(condition: str, given: dict[str, str] | None) -> str:
    """A condition with what its caller passes in the place of inputs; what only a run knows counts as met."""

    def said(found: re.Match[str]) -> str:
        value = (given or {}).get(found[2], "").strip()
        if value.startswith("${{"):
            return "true" if found[1] or found[3] else value[3:].removesuffix("}}").strip()
        if found[3]:
            return str((value == (found[5] or found[4])) == (found[3] == "==")).lower()
        return str((value.lower() not in ("", "false", "0")) != bool(found[1])).lower()

    return condition if given is None else _INPUT.sub(said, condition)


def _condition(text: str, triggers: frozenset[str], branches: tuple[str, ...]) -> tuple[frozenset[str], str]:
    """The triggers that a condition lets through, and why it lets none through; `branches` are those of a push."""
    said = text.strip().removeprefix("${{").removesuffix("}}").strip()
    if not said:
        return triggers, ""
    if said.lower() in ("false", "!true", "0", "'false'", "false && true"):
        return triggers, f"if: {said}"
    if re.match(r"^(false\s*&&|1\s*==\s*0|'a'\s*==\s*'b')", said) or re.search(r"&&\s*false\s*$", said):
        return triggers, f"if: {said}"
    if "||" in said:
        return triggers, ""
    kept = set(triggers)
    equal = [_EVENTS.get(e, e) for e in re.findall(r"github\.event_name\s*==\s*['\"](\w+)['\"]", said)]
    if equal:
        kept &= {*equal, "call"} | ({"tag"} if "push" in equal else set())
    for other in re.findall(r"github\.event_name\s*!=\s*['\"](\w+)['\"]", said):
        kept.discard(_EVENTS.get(other, other))
    if re.search(r"github\.ref(_name)?\s*==\s*['\"](refs/heads/)?\w", said) and "!" not in said:
        kept.discard("pull_request")
        kept.discard("tag")
    if re.search(r"startsWith\(\s*github\.ref\s*,\s*['\"]refs/tags", said):
        kept &= {"tag", "release", "call"} if branches else {"push", "tag", "release", "call"}
    named = re.search(r"^(?:[^!]*\s)?github\.ref(?:_name)?\s*==\s*['\"](?:refs/heads/)?([\w./-]+)['\"]", said)
    if named and branches and named[1] not in branches:
        kept.discard("push")
    if re.search(r"(github\.event\.)?inputs\.[\w-]+\s*(==|$)", said) or re.search(
        r"^\s*(github\.event\.)?inputs\.", said
    ):
        kept &= {"dispatch", "call"}
    merged = re.search(r"pull_request\.merged", said)
    if merged and "pull_request" in triggers:
        kept = {"push"}
    return frozenset(kept), "" if kept or not triggers else f"if: {said}"
