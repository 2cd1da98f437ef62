"""Settings that a platform reads when it deploys: whether it asks after a service's health, keeps several, swaps gently."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator

from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

# Platform, names of its file, what the file always holds, and patterns of traits.
_PROBE, _SEVERAL, _GENTLE = "probe", "replicas", "rolling"
_PLATFORMS: tuple[tuple[str, tuple[str, ...], str, dict[str, str]], ...] = (
    ("Fly", ("fly*.toml",), r"^app\s*=|^\[", {
        _PROBE: r"^\s*\[\[?(\w+\.)*(\w*checks)(\.\w+)?\]\]?", _SEVERAL: r"^\s*min_machines_running\s*=\s*([2-9]|\d\d)",
        _GENTLE: r"^\s*strategy\s*=\s*[\"'](bluegreen|canary|rolling)"}),
    ("Railway", ("railway.json", "railway.toml"), r"\bdeploy\b", {
        _PROBE: r"healthcheckPath[\"']?\s*[:=]", _SEVERAL: r"numReplicas[\"']?\s*[:=]\s*([2-9]|\d\d)"}),
    ("App Engine", ("app*.yaml", "app*.yml"), r"^runtime:", {
        _PROBE: r"^(readiness_check|liveness_check|health_check):", _SEVERAL: r"^\s*(min_num_instances|min_instances|instances):\s*([2-9]|\d\d)"}),
    ("Kamal", ("deploy*.yml",), r"^service:", {_PROBE: r"^\s*(healthcheck:|proxy:)"}),
    ("Elastic Beanstalk", ("*.config",), r"^option_settings:", {
        _GENTLE: r"DeploymentPolicy[\"']?:\s*[\"']?(Rolling|Immutable|TrafficSplitting)|RollingUpdateEnabled[\"']?:\s*[\"']?true",
        _PROBE: r"(HealthCheckPath|Application Healthcheck URL)[\"']?\s*[:=]", _SEVERAL: r"MinSize[\"']?:\s*[\"']?([2-9]|\d\d)"}),
    ("ECS", ("*task*def*.json", "*service*.json"), r"containerDefinitions|taskDefinition", {
        _PROBE: r"\"healthCheck(GracePeriodSeconds)?\"", _SEVERAL: r"\"desiredCount\"\s*:\s*([2-9]|\d\d)",
        _GENTLE: r"\"(deploymentCircuitBreaker|minimumHealthyPercent)\""}),
    ("Ray Serve", ("*.yaml", "*.yml"), r"^\s*-?\s*import_path:", {
        _SEVERAL: r"^\s*-?\s*(num_replicas|min_replicas):\s*([2-9]|\d\d)", _PROBE: r"^\s*health_check_\w+:"}),
    ("nginx", ("*nginx*.conf", "default.conf", "*nginx*.conf.template"), r"\bupstream\b|proxy_pass", {
        _SEVERAL: r"\bupstream\s+[\w.-]+\s*\{[^}]{0,500}\bserver\b[^}]{0,500}\bserver\b", "split": r"^\s*split_clients\b"}),
)  # fmt: skip
_COMPILED = tuple(
    (system, names, re.compile(holds, re.M), {t: re.compile(p, re.M) for t, p in traits.items()})
    for system, names, holds, traits in _PLATFORMS
)
_WEIGHED = re.compile(
    r"\bupstream\s+[\w.-]+\s*\{[^}]{0,120}\bserver\s[^;}]{0,60}\bweight=(\d+)[^}]{0,120}\bserver\s[^;}]{0,60}\bweight=(\d+)"
)
_COMMENT = re.compile(r"^\s*(#|//).*$", re.M)


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """One resource for each file that says any of it."""
    for system, names, holds, patterns in _COMPILED:
        for path in filter(ours, tree.named(*names)):
            text = _COMMENT.sub("", tree.short(path))
            if not holds.search(text):
                continue
            traits = {trait for trait, pattern in patterns.items() if pattern.search(text)}
            if system == "nginx" and (weights := _WEIGHED.search(text)) and weights[1] != weights[2]:
                traits.add("split")
            if traits:
                yield Resource(system, "settings", path, 1, path, frozenset(traits))
