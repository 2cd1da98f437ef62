"""Functions of Python that a timer, an event or a machine elsewhere runs: schedulers in a process, clouds' decorators."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.python import MAIN, Call, Function, Module
from gradino.measure.tree import Tree

_LIKELY = (
    "cheduler", "celery", "schedule", "modal", "arq", "repeat_every", "_trigger", "cloud_event", "(event", "periodic", "watchdog",
    "coiled", "ray.init", "remote_function", "task.docker", "task.kubernetes",
)  # fmt: skip
_TESTS = re.compile(r"(^|/)tests?/", re.I)
# Decorators that have a function run by itself → the package that they belong to.
_DECORATORS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("scheduled_job", "task"), ("apscheduler|flask_apscheduler", "schedule")),
    "repeat_every": ("fastapi_utils|fastapi_utilities", "schedule"),
    "repeat": ("schedule", "schedule"),
    **dict.fromkeys(("timer_trigger", "schedule"), ("azure", "schedule")),
    **dict.fromkeys(("blob_trigger", "queue_trigger", "event_grid_trigger", "service_bus_queue_trigger", "event_hub_message_trigger"), ("azure", "event")),
    **dict.fromkeys(("cloud_event",), ("functions_framework", "event")),
    **dict.fromkeys(("periodic_task", "db_periodic_task"), ("huey|celery", "schedule")),
}  # fmt: skip
# Decorators that send a function to machines which they describe.
_SENT = re.compile(r"^coiled\.function$|^sagemaker\.remote_function\.remote$|\btask\.(docker|kubernetes)$")
_TIMES = frozenset({"trigger", "weeks", "days", "hours", "minutes", "seconds", "day", "week", "day_of_week", "hour", "minute", "second"})  # fmt: skip
_HANDLER = re.compile(r"\b[hH]andler[\"']?\s*[:=]\s*[\"']?[\w./-]+\.(\w+)")  # of functions whose events are told there
_BEAT = re.compile(r"""["']task["']\s*:\s*["']([\w.]+)["']""")


def collect(tree: Tree, code: Code) -> Iterator[Job]:
    """One job for each such function."""
    modules = [m for m in code.holding(*_LIKELY) if not _TESTS.search(m.path)]
    begun = any(c.method in ("start", "init_app") for m in modules for c in m.calls())
    texts = (tree.text(p) or "" for p in tree.sizes if p.endswith((".yml", ".yaml", ".tf")))
    handlers = frozenset(name for text in texts if "andler" in text for name in _HANDLER.findall(text))
    for module in modules:
        yield from _marked(module, begun, handlers)
        for function in module.functions.values():
            for call in function.calls:
                if (target := _timed(call, module, function)) is not None and (
                    begun or "apscheduler" not in module.packages
                ):
                    calls = tuple(located(name, module, code, function) for name in target)
                    calls = calls or (f"{module.path}::{function.name}",)
                    yield _job("scheduler", module, call.line, target[0] if target else module.path, "schedule", calls)
        if "beat_schedule" in (text := tree.text(module.path) or ""):
            wanted = set(_BEAT.findall(text))
            yield from _beaten(code, module, wanted)


def _job(system: str, module: Module, line: int, name: str, trigger: str, calls: tuple[str, ...]) -> Job:
    step = Step(line, calls=calls)
    return Job(system, module.path, line, name, frozenset({trigger}), (step,), (), module.path)


def located(name: str, module: Module, code: Code, inside: Function | None = None) -> str:
    """Where a function lies that is passed on by name, as its file and name."""
    owner = inside.name.partition(".")[0] if inside is not None and "." in inside.name else ""
    for known in (name, name.replace("self.", f"{owner}.") if owner else name):
        if known in module.functions:
            return f"{module.path}::{known}"
    path, rest = code.find(name, module.path)
    if path and rest:
        return f"{path}::{rest}"
    held, _, method = name.partition(".")
    places = code.method(module, module.made.get(held, ""), method)
    return "::".join(places[0]) if places else f"{module.path}::{MAIN}"


def _users(call: Call, module: Module, inside: Function) -> bool:
    """Whether a command of a program plans a job at times that it does not say: those of whoever runs it."""
    named = {call.keywords.get("id"), call.keywords.get("name")}
    made = any("Trigger" in f"{ref} {module.made.get(ref, '')}" for ref in call.refs)
    said = made or not named.issuperset(call.texts) or not _TIMES.isdisjoint(call.keywords)
    return not said and any(d.method == "command" for d in inside.decorators)


def _timed(call: Call, module: Module, inside: Function) -> list[str] | None:
    """What a call has run at times: a name, or nothing where that stands inside the call."""
    packages = module.packages
    if (
        packages & {"apscheduler", "flask_apscheduler"}
        and call.method == "add_job"
        and not _users(call, module, inside)
    ):
        return [r for r in call.refs if r in module.functions] or list(call.refs[:1])
    if "schedule" in packages and call.method == "do" and "every" in call.name:
        return list(call.refs)[:1]
    if "celery" in packages and call.method == "add_periodic_task":
        return list(module.functions)[:20]
    if "arq" in packages and call.method == "cron":
        return list(call.refs[:1])
    if "watchdog" in packages and call.method == "schedule":
        return [f for f in module.functions if re.search(r"\.on_(created|modified|closed|any_event)$", f)] or None
    return None


def _marked(module: Module, begun: bool, handlers: frozenset[str]) -> Iterator[Job]:
    """Functions that a decorator has run, and those that a cloud calls with an event."""
    for function in module.functions.values():
        calls = (f"{module.path}::{function.name}",)
        for system, trigger in filter(None, (_meaning(mark, module, begun) for mark in function.decorators)):
            yield _job(system, module, function.line, function.name, trigger, calls)
        told = function.params[:2] == ("event", "context") and not function.name.endswith("handler")
        if told and function.name not in handlers:
            yield _job("cloud function", module, function.line, function.name, "event", calls)


def _meaning(mark: Call, module: Module, begun: bool) -> tuple[str, str] | None:
    """System and trigger of a function with this decorator; `begun`: something starts the schedulers of the project."""
    packages, trigger = _DECORATORS.get(mark.method, ("", ""))
    if "modal" in module.packages and mark.method in ("function", "cls"):
        return "Modal", "schedule" if "schedule" in mark.keywords else "dispatch"
    if not module.packages.isdisjoint(packages.split("|")) and (begun or "apscheduler" not in packages):
        return "scheduler" if trigger == "schedule" else "cloud function", trigger
    joined = any(c.name == "ray.init" and "address" in c.keywords for c in module.calls())
    return ("remote", "dispatch") if _SENT.search(mark.name) or (mark.name == "ray.remote" and joined) else None


def _beaten(code: Code, module: Module, wanted: set[str]) -> Iterator[Job]:
    """Tasks of Celery that its beat starts, by the name or the place they are registered under."""
    for name in sorted(wanted):
        marked = [f for f in module.functions.values() if any(d.keywords.get("name") == name for d in f.decorators)]
        place = f"{module.path}::{marked[0].name}" if marked else located(name, module, code)
        if not place.endswith(MAIN):
            yield _job("scheduler", module, 1, name, "schedule", (place,))
        elif (last := name.rpartition(".")[2]) in module.functions:
            yield _job("scheduler", module, 1, name, "schedule", (f"{module.path}::{last}",))
