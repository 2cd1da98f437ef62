"""Environments: lock files, pinned requirements, images by version."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree

SYSTEM = "environment"
_LOCKS = (
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "pdm.lock",
    "conda-lock.yml",
    "pixi.lock",
    "renv.lock",
    "pylock.toml",
)
_PINNED = re.compile(r"^[A-Za-z0-9_.\-\[\],]+\s*===?\s*[\w.!+*-]+")
_ENOUGH = 0.7  # share of direct dependencies that must be pinned, all of those that train among them
_TRAINS = re.compile(
    r"(torch|tensorflow|keras|scikit-learn|sklearn|xgboost|lightgbm|catboost|transformers|pytorch-lightning|lightning|jax)\b"
)


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """Every place that fixes versions, with how firmly it does."""
    for path in tree.named(*_LOCKS):
        yield Resource(SYSTEM, "environment", path, 0, path.rpartition("/")[2], frozenset({"pinned", "lock"}))
    for path in tree.named("requirements*.txt", "requirements*.lock", "*requirements.txt", "constraints*.txt"):
        yield _judged(path, _requirements(tree.text(path) or ""))
    for path in tree.named(
        "environment*.y*ml", "conda*.y*ml", "*_dependencies*.yml", "*conda_env*.y*ml", "python_env.y*ml"
    ):
        yield _judged(path, _conda(tree.text(path) or ""))
    for path in tree.named("pyproject.toml", "setup.py", "Pipfile"):
        listed = re.findall(r"""["']([A-Za-z][\w.\-\[\]]*\s*[=<>~!^][^"']*)["']""", tree.text(path) or "")
        if listed:
            yield _judged(path, [(x, bool(re.match(r"[\w.\-\[\]]+\s*===?", x))) for x in listed])


def _judged(path: str, pins: list[tuple[str, bool]]) -> Resource:
    """Pinned where most dependencies are, and whatever trains."""
    enough = bool(pins) and sum(p for _, p in pins) / len(pins) >= _ENOUGH
    loose = any(not p and _TRAINS.match(name.lower()) for name, p in pins)
    traits = frozenset({"pinned"} if enough and not loose else ())
    return Resource(SYSTEM, "environment", path, 0, path.rpartition("/")[2], traits)


def _requirements(text: str) -> list[tuple[str, bool]]:
    lines = [x.split("#")[0].strip() for x in text.splitlines()]
    return [(x, bool(_PINNED.match(x)) or "@" in x) for x in lines if x and not x.startswith(("-", "--"))]


def _conda(text: str) -> list[tuple[str, bool]]:
    named = re.findall(r"^\s*-\s+([A-Za-z][\w.\-\[\]:/]*)\s*([=<>~!].*)?$", text, re.M)
    return [
        (name, bool(version and re.match(r"={1,2}\s*\d", version)))
        for name, version in named
        if name not in ("pip", "defaults", "conda-forge")
    ]
