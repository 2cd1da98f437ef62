"""Task runners other than make: mise, poethepoet, pixi, pdm, hatch, Task, invoke, tox, nox and npm."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from gradino.measure import yaml
from gradino.measure.code import Code
from gradino.measure.tree import Tree


def scripts(tree: Tree, name: str) -> list[tuple[str, str]]:
    """(file, shell) that the task called `name` runs, what it depends on included."""
    found: list[tuple[str, str]] = []
    for path, tasks in _all(tree).items():
        waiting, seen = [name], set[str]()
        while waiting:
            task = waiting.pop(0)
            if task in seen or task not in tasks:
                continue
            seen.add(task)
            needs, lines = tasks[task]
            waiting = [*needs, *waiting]
            found += [(path, line) for line in lines]
    if not found and name == "pre-commit":
        found = [(_HOOKS, hook.text("entry")) for hook in _hooks(tree) if hook.text("entry")]
    return found


_HOOKS = ".pre-commit-config.yaml"


def _hooks(tree: Tree) -> list[yaml.Map]:
    """Hooks of pre-commit that the project defines itself and that run on every commit."""
    repos = [r for r in yaml.first(tree.text(_HOOKS) or "").list("repos") if isinstance(r, yaml.Map)]
    hooks = [h for r in repos if r.text("repo") == "local" for h in r.list("hooks") if isinstance(h, yaml.Map)]
    return [h for h in hooks if "manual" not in " ".join(str(x) for x in h.list("stages"))]


def functions(code: Code, name: str, folder: str) -> Iterator[tuple[str, str]]:
    """File and name of the function of invoke, fabric or nox that a task names.

    A collection of invoke may be a file of its own beside the others; named alone, it runs its default task.
    """
    task = name.replace("-", "_")
    collection, _, inner = task.partition(".")
    places = [(p, task.rpartition(".")[2]) for p in ("tasks.py", "tasks/__init__.py", "fabfile.py", "noxfile.py")]
    for place, wanted in (*places, (f"tasks/{collection}.py", inner)):
        path = f"{folder}/{place}" if folder else place
        module = code.module(path) if path in code.tree else None
        for function in module.functions.values() if module else ():
            marks = [d for d in function.decorators if d.method in ("task", "session")]
            default = not wanted and any(d.keywords.get("default") == "True" for d in marks)
            if marks and (function.name == wanted or default):
                yield path, function.name
                return


def sessions(code: Code, folder: str, words: tuple[str, ...]) -> list[tuple[str, str]]:
    """File and function of each session that `nox` runs: those named, else its default ones, else all."""
    path = f"{folder}/noxfile.py" if folder else "noxfile.py"
    module = code.module(path) if path in code.tree else None
    found = module.functions.values() if module else ()
    every = [f.name for f in found if any(d.method == "session" for d in f.decorators)]
    wanted = [w.partition("=")[2] or w for w in words if not w.startswith("-") or "=" in w]
    default = re.search(r"nox\.options\.sessions\s*=\s*[\[(]([^\])]*)", code.tree.text(path) or "")
    wanted = wanted or (re.findall(r"[\w-]+", default[1]) if default else [])
    named = {re.sub(r"-\d[\d.]*(\(.*)?$", "", w).replace("-", "_") for w in wanted}
    return [(path, n) for n in every if n in named or not wanted]


_SECTION = re.compile(r"^\[(?:tox:)?([^\]]+)\][ \t]*$(.*?)(?=^\[|\Z)", re.M | re.S)


def tox(tree: Tree, folder: str, words: tuple[str, ...]) -> tuple[str, str]:
    """(file, shell) of the environments that `tox` runs in a folder: those after `-e`, else those of `envlist`."""
    names = [f"{folder}/{n}" if folder else n for n in ("tox.ini", "setup.cfg")]
    path = next((p for p in names if "testenv" in (tree.text(p) or "")), "")
    sections = {m[1].strip(): m[2] for m in _SECTION.finditer(tree.text(path) or "")} if path else {}
    wanted = words[words.index("-e") + 1] if "-e" in words and words.index("-e") + 1 < len(words) else ""
    listed = re.split(r"[\s,]+", wanted or _key(sections.get("tox", ""), "envlist|env_list"))
    bodies = [sections.get(f"testenv:{n}") or sections.get("testenv", "") for n in dict.fromkeys(listed)]
    lines = [line.strip() for b in dict.fromkeys(bodies) for line in _key(b, "commands").split("\n")]
    kept = "\n".join(re.sub(r"\{posargs(:([^}]*))?\}", r"\2", x).removeprefix("- ") for x in lines if x)
    return path, re.sub(r"\{\[[^\]]*\][^}]*\}", "", kept)


def _key(body: str, name: str) -> str:
    found = re.search(rf"^(?:{name})\s*=[ \t]*(.*?)(?=^\S|\Z)", body, re.M | re.S)
    return found[1].strip() if found else ""


def _all(tree: Tree) -> dict[str, dict[str, tuple[list[str], list[str]]]]:
    made: dict[str, dict[str, tuple[list[str], list[str]]]] = {}
    for path in ("mise.toml", ".mise.toml", "pixi.toml", "pyproject.toml"):
        raw = _toml(tree.text(path))
        tool = raw.get("tool", {}) if path == "pyproject.toml" else {}
        groups = [tool.get("poe", {}).get("tasks"), tool.get("pdm", {}).get("scripts"), *_pixi(tool.get("pixi", raw))]
        groups += [e.get("scripts") for e in tool.get("hatch", {}).get("envs", {}).values() if isinstance(e, dict)]
        made[path] = {n: _task(t) for tasks in groups if isinstance(tasks, dict) for n, t in tasks.items()}
    for path in _TASKFILES:
        document = yaml.first(tree.text(path) or "")
        made[path] = _tasks(document)
        for name, value in document.map("includes").items():
            place = (
                (value.text("taskfile") if isinstance(value, yaml.Map) else str(value)).removeprefix("./").rstrip("/")
            )
            for other in (place, *(f"{place}/{n}" for n in _TASKFILES)):
                if other in tree:
                    made[other] = {f"{name}:{n}": t for n, t in _tasks(yaml.first(tree.text(other) or "")).items()}
    invoked = tree.text("tasks.py") or ""
    made["tasks.py"] = {
        m[1]: ([], re.findall(r"""\.run\(\s*[rf]*["']([^"']+)""", m[2]))
        for m in re.finditer(r"^def (\w+)\([^\n]*\n(.*?)(?=^@|^def |\Z)", invoked, re.S | re.M)
    }
    return made


def npm(tree: Tree, folder: str, name: str) -> list[tuple[str, str]]:
    """(file, shell) of a script of package.json in a folder."""
    path = f"{folder}/package.json" if folder else "package.json"
    try:
        found = json.loads(tree.text(path) or "{}")["scripts"][name]
    except (ValueError, KeyError, TypeError):
        return []
    return [(path, found)] if isinstance(found, str) else []


_TASKFILES = ("Taskfile.yml", "Taskfile.yaml", "taskfile.yml", "taskfile.yaml")


def _tasks(document: yaml.Map) -> dict[str, tuple[list[str], list[str]]]:
    """What each task of a Taskfile needs and runs; what a template would fill in is left out."""
    tasks = document.map("tasks")
    made = {}
    for name in tasks:
        body = tasks.map(name)
        listed = body.list("cmds") or body.list("cmd")
        lines = [c if isinstance(c, str) else c.text("cmd") if isinstance(c, yaml.Map) else "" for c in listed]
        needs = [d for d in body.list("deps") if isinstance(d, str)]
        needs += [c.text("task") for c in listed if isinstance(c, yaml.Map) and c.text("task")]
        made[name] = (needs, [re.sub(r"\{\{[^}]*\}\}", "", line) for line in lines if line])
    return made


def _pixi(raw: dict[str, Any]) -> list[Any]:
    """Tables of tasks: of the project itself, and of its features."""
    features = raw.get("feature", {})
    return [raw.get("tasks"), *(f.get("tasks") for f in features.values() if isinstance(f, dict))]


def _toml(text: str | None) -> dict[str, Any]:
    try:
        return tomllib.loads(text or "")
    except tomllib.TOMLDecodeError:
        return {}


def _task(task: Any) -> tuple[list[str], list[str]]:
    if isinstance(task, str):
        return [], [task]
    if isinstance(task, list):
        return [str(x) for x in task if isinstance(x, str)], []
    if not isinstance(task, dict):
        return [], []
    run = task.get("run") or task.get("cmd") or task.get("shell") or task.get("sequence") or []
    needs = task.get("depends") or task.get("deps") or []
    return [str(n) for n in needs if isinstance(n, str)], [
        str(x) for x in (run if isinstance(run, list) else [run]) if isinstance(x, str)
    ]
