"""Prometheus configurations and alert rules, Grafana dashboards, Evidently and the like as files."""

import json
import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_ABOUT_MODELS = re.compile(r"predict|model|drift|accuracy|inference|latency|request|psi|score|error|quality", re.I)


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """What scrapes, alerts and shows."""
    for path in tree.named("prometheus*.y*ml"):
        text = tree.text(path) or ""
        config = yaml.first(text)
        jobs = [j for j in config.list("scrape_configs") if isinstance(j, yaml.Map)]
        if any(j.text("job_name") != "prometheus" and _finds_targets(j) for j in jobs):
            yield Resource(
                "Prometheus",
                "scrape configuration",
                path,
                config.lines.get("scrape_configs", 1),
                path,
                frozenset({"scrape"}),
            )
    for path in tree.sizes:
        text = (tree.text(path) or "") if path.endswith((".yml", ".yaml")) else ""
        if (
            "ConfigMap" in text
            and "scrape_configs:" in text
            and re.search(r"job_name:\s*['\"]?(?!prometheus\b)\w", text)
        ):
            yield Resource("Prometheus", "scrape configuration", path, 1, path, frozenset({"scrape"}))
        rule = re.search(r"^[ \t]*-?[ \t]*alert[ \t]*:", text, re.M) if "expr" in text else None
        asked = re.findall(r"^[ \t]*expr[ \t]*:[ \t]*(.{0,500})", text, re.M)
        if rule and any(_measures(e) for e in asked) and _ABOUT_MODELS.search(text):
            line = text[: rule.start()].count("\n") + 1
            yield Resource("Prometheus", "alert rule", path, line, path, frozenset({"alert-rule"}))
    for path in tree.sizes:
        if (path.endswith(".json") and "grafana" in path.lower()) or (
            path.endswith(".json") and "dashboard" in path.lower()
        ):
            try:
                board = json.loads(tree.text(path) or "")
            except (ValueError, RecursionError):
                continue
            inner = board.get("dashboard", board) if isinstance(board, dict) else None
            if isinstance(inner, dict) and ("panels" in board or "panels" in inner):
                yield Resource("Grafana", "dashboard", path, 1, path, frozenset({"dashboard"}))


def _finds_targets(job: yaml.Map) -> bool:
    """Whether a scrape job has addresses to ask, or a service that tells them."""
    fixed = [s.list("targets") for s in job.list("static_configs") if isinstance(s, yaml.Map)]
    return any(fixed) or any(key.endswith("_sd_configs") for key in job)


def _measures(expression: str) -> bool:
    """Whether an alert's expression asks for a series; one of constants only is decided before it is asked."""
    return expression.strip() in ("", "|", ">", "|-", ">-") or bool(
        re.search(r"[A-Za-z_:][\w:]*\b(?!\s*\()", expression)
    )
