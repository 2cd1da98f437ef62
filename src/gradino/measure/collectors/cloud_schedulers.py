"""What calls an address of the project's service by itself, a scheduler or an alert: it does what the route does."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.python import Function, Module
from gradino.measure.tree import Tree, ours

# A scheduler made by a command, by Terraform, by a library or by the serverless framework.
_MADE = re.compile(
    r"gcloud\s+scheduler\s+jobs\s+(create|update)|google_cloud_scheduler_job|\bscheduler_v1\b|CloudSchedulerClient|"
    r"azurerm_logic_app_trigger_recurrence|webhook_configs|upstash|cron-job\.org|vercel\.json|\bcrons\b"
)
_WORDS = ("cheduler", "trigger_recurrence", "webhook_configs", "upstash", "cron-job.org", "vercel.json", "crons")
_SOURCES = (".sh", ".py", ".tf", ".yml", ".yaml", ".json", "Makefile")
_ROUTES = ("get", "post", "put", "route", "api_route")


def collect(tree: Tree, code: Code) -> Iterator[Job]:
    """One job for each route whose path stands where such a scheduler is made, or where it is asked for."""
    texts = {p: tree.text(p) or "" for p in tree.sizes if p.endswith(_SOURCES) and ours(p)}
    likely = {p: t for p, t in texts.items() if any(word in t for word in _WORDS)}
    makers = [p for p, text in likely.items() if _MADE.search(text) and not re.search(r"(^|/)tests?/", p)]
    if not makers:
        return
    names = "|".join(re.escape(p.rpartition("/")[2].partition(".")[0]) for p in makers)
    asking = re.compile(rf"\b({names})\b")
    said = "\n".join(t for p, t in texts.items() if p in makers or (not p.endswith(".py") and asking.search(t)))
    for found in re.finditer(r"/jobs/([\w-]+):run\b", said):
        step = Step(0, f"gcloud run jobs execute {found[1]}")
        yield Job("cloud scheduler", makers[0], 0, found[1], frozenset({"schedule"}), (step,), (), makers[0])
    for module in code.holding("fastapi", "flask", "Flask", "FastAPI", "functions_framework"):
        for function in module.functions.values():
            path = _route(function)
            if len(path) > 2 and re.search(rf"{re.escape(path)}(?![\w/-])", said) and module.path not in makers:
                alerts = [p for p in makers if "webhook_configs" in texts[p] and path in texts[p]]
                yield _job(module, function, path, {"event", "metric"} if alerts else {"schedule"})


def _route(function: Function) -> str:
    if any(d.name == "functions_framework.http" for d in function.decorators):
        return f"/{function.name}"
    return next((d.texts[0] for d in function.decorators if d.method in _ROUTES and d.texts), "")


def _job(module: Module, function: Function, path: str, triggers: set[str]) -> Job:
    step = Step(function.line, calls=(f"{module.path}::{function.name}",))
    return Job("cloud scheduler", module.path, function.line, path, frozenset(triggers), (step,), (), module.path)
