"""Trackers that a configuration names: what a trainer is told to report to, loggers by their class, plugins."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

_TRAITS = frozenset({"versioned-metrics"})
_NAMES = r"[\"']?(?:wandb|mlflow|comet_ml|clearml|neptune|swanlab|trackio|dvclive|all)\b"
# As an option of a command, a key of YAML or JSON, a field of a settings class with its default.
_KEY = r"^[ \t]*[\"']?report_to[\"']?[ \t]*(?::[^=\n#]*=|:|=)[ \t]*(?:field\(default=)?[\[\-\s]*"
_REPORTS = re.compile(rf"(?:--report[_-]to(?:[= ]|\s*\\\n\s*)|{_KEY}){_NAMES}", re.M)
_LOGGER = re.compile(
    r"^[ \t]*-?[ \t]*_target_:[ \t]*\S*\b((?:Wandb|MLFlow|Comet|Neptune|ClearML|Aim|SwanLab)Logger)\b", re.M
)
_KEDRO = re.compile(r"^[ \t]*(?:mlflow_)?tracking(?:_uri)?:", re.M)


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """One resource for each file that tells a training where to report."""
    for path in tree.sizes:
        if not path.endswith((".yaml", ".yml", ".json", ".sh", ".toml", ".py", "Makefile")) or not ours(path):
            continue
        text = tree.text(path) or ""
        found = _REPORTS.search(text) if "report" in text and "_to" in text.replace("-", "_") else None
        if not found and "_target_" in text and (named := _LOGGER.search(text)) and _chosen(tree, path):
            found = named
        if not found and path.endswith("/mlflow.yml") and "server:" in text:
            found = _KEDRO.search(text)
        if found:
            line = text[: found.start()].count("\n") + 1
            yield Resource("configuration", "tracker", path, line, found[0].strip()[:80], _TRAITS)


def _chosen(tree: Tree, path: str) -> bool:
    """Whether a file of a group of configurations is the one that another takes by default."""
    folder, _, file = path.rpartition("/")
    group, name = folder.rpartition("/")[2], file.rpartition(".")[0]
    takes = re.compile(
        rf"^[ \t]*-[ \t]*(?:override[ \t]+)?/?{re.escape(group)}:[ \t]*\[?[^\n#]*\b{re.escape(name)}\b", re.M
    )
    others = [p for p in tree.sizes if p.endswith((".yaml", ".yml")) and "defaults:" in (tree.text(p) or "")]
    return any(takes.search(tree.text(p) or "") for p in others) or path in others
