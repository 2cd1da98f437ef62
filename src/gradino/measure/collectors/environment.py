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
_ENOUGH = 0.8  # share of direct dependencies that must be pinned


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
            yield _judged(path, [bool(re.match(r"[\w.\-\[\]]+\s*===?", x)) for x in listed])


def _judged(path: str, pins: list[bool]) -> Resource:
    enough = bool(pins) and sum(pins) / len(pins) >= _ENOUGH
    return Resource(SYSTEM, "environment", path, 0, path.rpartition("/")[2], frozenset({"pinned"} if enough else ()))


def _requirements(text: str) -> list[bool]:
    lines = [x.split("#")[0].strip() for x in text.splitlines()]
    return [bool(_PINNED.match(x)) or "@" in x for x in lines if x and not x.startswith(("-", "--"))]


def _conda(text: str) -> list[bool]:
    named = re.findall(r"^\s*-\s+([A-Za-z][\w.\-\[\]:/]*)\s*([=<>~!].*)?$", text, re.M)
    return [
        bool(version and re.match(r"={1,2}\s*\d", version))
        for name, version in named
        if name not in ("pip", "defaults", "conda-forge")
    ]
