"""Prometheus configurations and alert rules, Grafana dashboards, Evidently and the like as files."""

import json
import re
from collections.abc import Iterator

from gradino.measure import shell, yaml
from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_ABOUT_MODELS = re.compile(r"predict|model|drift|accuracy|inference|latency|request|psi|score|error|quality", re.I)


# What else collects what services expose, or takes it from them, in a configuration of its own.
_JOBS = re.compile(r"job_name:\s*['\"]?(?!prometheus\b)\w")
_SCRAPES = re.compile(
    r"^prometheus\.scrape\s+\"|^\[\[inputs\.(prometheus|opentelemetry)\]\]|^[ \t]*prometheus\.io/scrape:\s*[\"']?true",
    re.M,
)
_COLLECTS = ("receivers:", "otlp:", "exporters:", "pipelines:", "metrics:")  # of OpenTelemetry's collector
# Rules of Prometheus and of Grafana; alarms that a script sets; what a server of models is told to pass on.
_RULE = re.compile(r"^[ \t]*-?[ \t]*alert[ \t]*:", re.M)
_CONDITION = re.compile(r"^[ \t]*condition:[ \t]*[\"']?[A-Z]\b", re.M)
_EXPR = re.compile(r"^[ \t]*(?:-[ \t]+)?expr[ \t]*:[ \t]*(.{0,500})", re.M)
_OF_MODEL = re.compile(r"sagemaker|invocation|modellatency|drift|predict", re.I)
_PAYLOADS = re.compile(r"^[ \t]+logger:[ \t]*\n[ \t]+(?:mode|url):", re.M)


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """What scrapes, alerts and shows."""
    for path in tree.named("prometheus*.y*ml"):
        text = tree.text(path) or ""
        config = yaml.first(text)
        jobs = [j for j in config.list("scrape_configs") if isinstance(j, yaml.Map)]
        if any(j.text("job_name") != "prometheus" and _finds_targets(j) for j in jobs):
            yield _seen("Prometheus", "scrape configuration", path, config.lines.get("scrape_configs", 1), "scrape")
    for path in tree.sizes:
        if path.endswith((".yml", ".yaml", ".alloy", ".river", ".conf", ".sh")):
            yield from _configured(path, tree.text(path) or "")
    for path in tree.sizes:
        if (path.endswith(".json") and "grafana" in path.lower()) or (
            path.endswith(".json") and "dashboard" in path.lower()
        ):
            text = tree.text(path) or ""
            try:
                board = json.loads(text)
            except (ValueError, RecursionError):
                continue
            inner = board.get("dashboard", board) if isinstance(board, dict) else None
            if isinstance(inner, dict) and ("panels" in board or "panels" in inner):
                traits = {"dashboard"} | ({"model-metrics"} if _asks_rows(tree, text) else set())
                yield Resource("Grafana", "dashboard", path, 1, path, frozenset(traits))


_QUERY = re.compile(r"\"rawSql\"\s*:\s*\"((?:[^\"\\]|\\.){0,4000})\"")
_TABLE = re.compile(r"\b(?:from|join)\s+(?:[\w\\\"`]+\.)*[\\\"`]*(\w*(?:predict|inference|drift|metrics)\w*)", re.I)


def _asks_rows(tree: Tree, board: str) -> bool:
    """Whether a dashboard computes what it shows from rows about the model, in a table that the project fills."""
    tables = {table for query in _QUERY.findall(board) for table in _TABLE.findall(query)} if "rawSql" in board else ()
    return any(t in tree.short(p) for t in sorted(tables) for p in tree.sizes if p.endswith((".py", ".sql")))


def _configured(path: str, text: str) -> Iterator[Resource]:
    if path.endswith(".sh"):
        for command in shell.commands(text, 1) if "metric-alarm" in text or "model-monitoring-jobs" in text else ():
            words = command.text
            if "model-monitoring-jobs create" in words or ("put-metric-alarm" in words and _OF_MODEL.search(words)):
                yield _seen("monitoring", "alarm", path, command.line, "model-alarm")
        return
    if "ConfigMap" in text or not path.rpartition("/")[2].startswith("prometheus"):
        if "scrape_configs:" in text:
            yield from _found(_JOBS, "scrape configuration", "scrape", path, text)
        elif "scrape" in text or "inputs." in text:
            yield from _found(_SCRAPES, "scrape configuration", "scrape", path, text)
        elif all(word in text for word in _COLLECTS):
            yield _seen("OpenTelemetry", "collector", path, 1, "scrape")
    if "InferenceService" in text or "SeldonDeployment" in text:
        yield from _found(_PAYLOADS, "payload logger", "capture", path, text)
    asked = _EXPR.findall(text) if "expr" in text else []
    if any(_measures(e) for e in asked) and _ABOUT_MODELS.search(text):
        yield from _found(
            _CONDITION if "datasourceUid" in text or "orgId" in text else _RULE, "alert rule", "alert-rule", path, text
        )


def _found(pattern: re.Pattern[str], kind: str, trait: str, path: str, text: str) -> Iterator[Resource]:
    if found := pattern.search(text):
        yield _seen("monitoring", kind, path, text[: found.start()].count("\n") + 1, trait)


def _seen(system: str, kind: str, path: str, line: int, trait: str) -> Resource:
    return Resource(system, kind, path, line, path, frozenset({trait}))


def _finds_targets(job: yaml.Map) -> bool:
    """Whether a scrape job has addresses to ask, or a service that tells them."""
    fixed = [s.list("targets") for s in job.list("static_configs") if isinstance(s, yaml.Map)]
    return any(fixed) or any(key.endswith("_sd_configs") for key in job)


def _measures(expression: str) -> bool:
    """Whether an alert's expression asks for a series; one of constants only is decided before it is asked."""
    return expression.strip() in ("", "|", ">", "|-", ">-") or bool(
        re.search(r"[A-Za-z_:][\w:]*\b(?!\s*\()", expression)
    )
