"""Training that is not Python: what scripts of R, Julia and the JVM log and register, and what spaCy projects keep."""

import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

_TRACKED, _VERSIONED = frozenset({"versioned-metrics"}), frozenset({"versioned-model"})
# How a file's name ends → language, its calls that log a run's metrics, its calls that give a model a version.
_LANGUAGES: dict[str, tuple[str, str, str]] = {
    ".r": (
        "R",
        r"mlflow_log_(?:metric|param|batch)|log_metric_to_run|wandb\$log|neptune_log",
        r"mlflow_(?:log_model|register_model|create_model_version)|vetiver_pin_write|register_model(?:_from_run)?",
    ),
    ".jl": ("Julia", r"logmetric|logbatch|log_metric|WandbLogger|Wandb\.log", r"createmodelversion|registermodel"),
    ".scala": ("Scala", r"logMetrics?|logParams?", r"createModelVersion|registerModel"),
    ".java": ("Java", r"logMetrics?|logParams?", r"createModelVersion|registerModel"),
}
_LANGUAGES[".rmd"] = _LANGUAGES[".qmd"] = _LANGUAGES[".r"]
_CALLS = {
    end: tuple(re.compile(rf"^[^#\n]{{0,200}}?\b({names})\(", re.M) for names in spec[1:])
    for end, spec in _LANGUAGES.items()
}
_JVM = re.compile(r"\bmlflow\b", re.I)


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """One resource for each script that logs metrics or registers models, and for each spaCy project with a remote."""
    for path in tree.sizes:
        end = path[path.rfind(".") :].lower()
        if end in _LANGUAGES and ours(path):
            text = tree.short(path)
            if end in (".scala", ".java") and not _JVM.search(text):
                continue
            for pattern, traits in zip(_CALLS[end], (_TRACKED, _VERSIONED), strict=True):
                if call := pattern.search(text):
                    line = text[: call.start(1)].count("\n") + 1
                    yield Resource(_LANGUAGES[end][0], "call", path, line, call[1], traits)
    for path in tree.named("*.cfg"):
        packed = f"{path.rpartition('/')[0]}/meta.json".lstrip("/") in tree  # a model that was made elsewhere
        text = "" if packed else tree.short(path)
        if logger := re.search(r"^@loggers\s*=\s*[\"']([\w-]+\.(?!Console)\w+Logger)", text, re.M):
            yield Resource("spaCy", "logger", path, text[: logger.start()].count("\n") + 1, logger[1], _TRACKED)
    for path in tree.named("project.yml"):
        text = tree.short(path)
        project = yaml.first(text) if "spacy project push" in text else yaml.Map()
        if project.map("remotes"):
            traits = _VERSIONED | _TRACKED if "spacy evaluate" in text else _VERSIONED
            yield Resource("spaCy", "project", path, project.lines["remotes"], path, traits)
