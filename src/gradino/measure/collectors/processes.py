"""What runs by itself on a machine of the project: services that never end, cron in a container, systemd timers."""

import re
from collections.abc import Iterator

from gradino.measure import images, shell, sources, yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

_PROGRAMS = re.compile(r"^[ \t]*(?:CMD|ENTRYPOINT)[ \t]+(.*)$", re.M)
_SERVED = re.compile(r"^(?:\S*/)?(?:uvicorn|gunicorn|hypercorn|fastapi|flask)\b.*?\s([A-Za-z_][\w.]*):\w+")
_CRON = re.compile(
    r"^[ \t]*(?:@(?:hourly|daily|weekly|monthly)|(?:[\d*/,-]+[ \t]+){4}[\d*/,A-Za-z-]+)[ \t]+(?:root[ \t]+)?"
    r"((?:cd |/|\$|\w+=|[a-z])[^\n]*)$",
    re.M,
)
_CRONTABS = re.compile(r"(^|/)([^/]*cron(tab|jobs?)?[^/.]*(\.txt)?|[^/]+\.cron(tab)?|cron\.d/[^/]+|cron/[^/]+)$")
_INSTALLED = re.compile(r"cron\.d|\bcrontab\b|supercronic|\bcrond?\b\s+-[fl]")
# A line of cron that a command writes: what stands in the quotes.
_WRITTEN = re.compile(
    r"echo\s+(?:-e\s+)?([\"'])((?:@\w+|(?:[\d*/,-]+\s+){4}\S+)\s.*?)\1.*?(?:\|\s*(?:sudo\s+)?crontab\b|>>?\s*/etc/cron)"
)
_STARTED = re.compile(r"^ExecStart\s*=\s*(.+)$", re.M)
_HOLE = re.compile(r"\{\{[^{}\n]*\}\}|\$\{\w+\}|%[hi]\b|@[A-Z_]+@")
_LATER = re.compile(r"\s*(?:>>?|2>|&>|\|\s*logger|\|\s*tee)\s.*$")


def collect(tree: Tree, code: Code) -> Iterator[Job]:
    """One job for each program that never ends, each line of an installed crontab and each timer of systemd."""
    docker = [p for p in tree.named("Dockerfile*", "*.Dockerfile", "*.dockerfile") if ours(p)]
    for path in docker:
        text = re.sub(r"^[ \t]*#.*$", "", tree.short(path), flags=re.M)
        for said in _PROGRAMS.findall(text)[-2:]:
            yield from _endless(tree, code, path, 1, " ".join(images.words(said)), path)
    for path in tree.named("docker-compose*.y*ml", "compose*.y*ml"):
        services = yaml.first(tree.text(path) or "").map("services")
        for name in services:
            body = services.map(name)
            if "build" in body and not body.list("profiles"):
                said = " ".join(str(c) for c in (*body.list("entrypoint"), *body.list("command")))
                yield from _endless(tree, code, path, services.lines.get(name, 0), said, name)
    for path in tree.named("Procfile"):
        for name, said in re.findall(r"^(\w+)[ \t]*:[ \t]*(.+)$", tree.short(path), re.M):
            yield from _endless(tree, code, path, 1, said, name)
    yield from _crontabs(tree, docker)
    for path in tree.named("*.timer", "*.timer.*"):  # a template of a unit ends in what makes it one
        name, _, end = path.rpartition(".timer")
        service = tree.text(f"{name}.service{end}") or ""
        if re.search(r"^On(Calendar|UnitActiveSec|BootSec)\s*=", tree.short(path), re.M):
            for said in _STARTED.findall(service):
                yield _job("systemd", path, 1, path, Step(1, _HOLE.sub("$X", said)))
    for path in tree.named("*.service", "*.service.*"):
        for said in _STARTED.findall(tree.short(path)):
            yield from _endless(tree, code, path, 1, _HOLE.sub("$X", said), path)


def _job(system: str, path: str, line: int, name: str, step: Step) -> Job:
    return Job(system, path, line, name, frozenset({"schedule"}), (step,), (), path)


def _endless(tree: Tree, code: Code, path: str, line: int, said: str, name: str) -> Iterator[Job]:
    """What the program of a container does again and again: its functions that never return."""
    for command in shell.commands(said, line):
        passed = shell.handover(command.text)
        if served := _SERVED.match(command.text):
            found = code.find(served[1], path)[0]
        elif passed is not None and passed.kind == "python":
            found = code.file(passed.target, path)
        elif passed is not None and passed.kind == "module":
            found = code.find(passed.target, path)[0]
        else:
            script = code.file(passed.target, path) if passed is not None and passed.kind == "shell" else ""
            inner = tree.short(script) if script else ""
            if inner and script != path:
                yield from _endless(tree, code, script, 1, inner, name)
            continue
        reached = list(code.reach(found)) if found else []
        again = [(m, f) for m, f in reached if f.endless]
        answers = any(c.method.startswith("predict") for _, f in reached for c in f.calls)
        if again and not answers:  # what they read may be made elsewhere
            again += [(m, f) for m, f in reached if any(sources.CONSUMERS.search(c.name) for c in f.calls)]
        calls = tuple(dict.fromkeys(f"{m.path}::{f.name}" for m, f in again))
        if calls:
            yield _job("process", path, line, name, Step(line, calls=calls))


def _crontabs(tree: Tree, docker: list[str]) -> Iterator[Job]:
    """Lines of the crontabs that something installs, and of those that a command writes."""
    makers = [*docker, *tree.named("*.sh", "docker-compose*.y*ml", "compose*.y*ml", "Makefile")]
    texts = {p: text for p in makers if "cron" in (text := tree.short(p))}
    said = "\n".join(texts.values())
    for path in tree.sizes:
        if _CRONTABS.search(path) and ours(path) and _INSTALLED.search(said) and path.rpartition("/")[2] in said:
            text = tree.short(path)
            for found in _CRON.finditer(text):
                line = text[: found.start()].count("\n") + 1
                yield _job("cron", path, line, path, Step(line, _LATER.sub("", found[1])))
    for path, text in texts.items():
        text = shell.filled(text)
        for found in _WRITTEN.finditer(text):
            line = text[: found.start()].count("\n") + 1
            if task := _CRON.match(found[2]):
                yield _job("cron", path, line, path, Step(line, _LATER.sub("", task[1])))
