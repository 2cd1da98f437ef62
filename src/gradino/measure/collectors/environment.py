"""Environments: lock files, pinned requirements, images by version."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree

SYSTEM = "environment"
_LOCKS = (
    "uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pixi.lock", "pylock.toml", "pylock.*.toml",
    "conda-lock.y*ml", "conda-*-64.lock", "renv.lock", "packrat.lock", "Manifest.toml",
)  # fmt: skip
_REQUIREMENTS = re.compile(r"(^|/)(([\w.-]*requirements|constraints)[^/]*|requirements/[^/]+)\.(txt|lock)$")
_CONDA = re.compile(
    r"^dependencies:[ \t]*\n(?:[ \t]*#[^\n]*\n)?[ \t]*-[ \t]+\"?[\w.:-]+[ \t]*(?:[=<>~!][^\n]*)?$", re.M
)
_PINNED = re.compile(r"^[A-Za-z0-9_.\-\[\],]+\s*===?\s*[\w.!+*-]+")
_ENOUGH = 0.7  # share of direct dependencies that must be pinned, all of those that train among them
_TRAINS = re.compile(
    r"(torch|tensorflow|keras|scikit-learn|sklearn|xgboost|lightgbm|catboost|transformers|pytorch-lightning|lightning|jax)\b"
)
_FROM = re.compile(r"^FROM[ \t]+(?:--\S+[ \t]+)?(\S+)", re.M)
# Images that bring what trains, by their version.
_BRINGS = re.compile(
    r"(kaggle-(gpu-)?images/|pytorch/pytorch|tensorflow/tensorflow|nvidia/(pytorch|tensorflow)|huggingface/|rapidsai|"
    r"rocker/|sagemaker-|-training)[^:@]*[:@]\S*\d"
)
_CONTAINER = re.compile(
    r"(image_uris\.retrieve|get_image_uri|\.(SKLearn|PyTorch|TensorFlow|XGBoost|HuggingFace|MXNet))$"
)
_INSTALLS = re.compile(r"(?:install_requires|require\w*|dependencies)\s*=\s*\[(.*?)\][,\s]*$", re.S | re.M)
_FAR = 10_000  # characters of a setup.py
_VERSION = ("version", "framework_version", "repo_version", "transformers_version")


def collect(tree: Tree, code: Code) -> Iterator[Resource]:
    """Every place that fixes versions, with how firmly it does."""
    for path in tree.named(*_LOCKS):
        yield Resource(SYSTEM, "environment", path, 0, path.rpartition("/")[2], frozenset({"pinned", "lock"}))
    for path in tree.sizes:
        if _REQUIREMENTS.search(path):
            yield _judged(path, _requirements(tree.text(path) or ""))
        elif path.endswith((".yml", ".yaml")) and _CONDA.search(tree.text(path) or ""):
            yield _judged(path, _conda(tree.text(path) or ""))
    for path in tree.named("pyproject.toml", "Pipfile"):
        if listed := _toml(tree.text(path) or ""):
            yield _judged(path, listed)
    for path in tree.named("setup.py"):
        if block := _INSTALLS.search(tree.short(path)[:_FAR]):
            listed = [(x, bool(_PINNED.match(x))) for x in re.findall(r"""["']([A-Za-z][^"']*)["']""", block[1])]
            yield _judged(path, listed)
    for path in tree.named("Dockerfile*", "*.Dockerfile", "*.dockerfile"):
        for image in filter(_BRINGS.search, _FROM.findall(tree.short(path))):
            yield Resource(SYSTEM, "environment", path, 0, image, frozenset({"pinned", "image"}))
    for module in code.holding("image_uris", "get_image_uri", "framework_version", "transformers_version"):
        for call in module.calls():
            version = next((call.keywords[k] for k in _VERSION if re.match(r"\d", call.keywords.get(k, ""))), "")
            given = next((t for t in call.texts if re.fullmatch(r"\d+\.\d[\w.-]*", t)), version)
            if given and _CONTAINER.search(call.name):
                says = f"{call.method} {given}"
                yield Resource(SYSTEM, "environment", module.path, call.line, says, frozenset({"pinned", "image"}))


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
        if name not in ("pip", "pip:", "defaults", "conda-forge")
    ]


def _toml(text: str) -> list[tuple[str, bool]]:
    """The direct dependencies of a pyproject.toml, by its standard or by Poetry, or of a Pipfile."""
    try:
        found: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return []
    listed = _part(found, "project").get("dependencies")
    pins = [(str(x), bool(_PINNED.match(str(x)))) for x in listed] if isinstance(listed, list) else []
    for table in (_part(found, "tool", "poetry", "dependencies"), _part(found, "packages")):
        for name, version in table.items():
            said = str(version.get("version", "") if isinstance(version, dict) else version)
            if name != "python":
                pins.append((name, bool(re.match(r"(==)?\s*\d+(\.\w+)*$", said))))
    return pins


def _part(found: Any, *names: str) -> dict[str, Any]:
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
