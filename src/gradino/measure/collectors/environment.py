"""Environments: lock files, pinned requirements, images by version."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

SYSTEM = "environment"
_LOCKS = (
    "uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pixi.lock", "pylock.toml", "pylock.*.toml",
    "conda-lock.y*ml", "conda-*-64.lock", "renv.lock", "packrat.lock", "Manifest.toml",
)  # fmt: skip
# Locks of Python that say nothing where jobs and images install something else; what installs from them, and what else.
_OF_TOOLS = ("uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock")
_FROM_LOCK = re.compile(r"\b(uv|poetry|pipenv|pdm)[\"']?,?( --?\S+)* ?[\"']?(sync|run|install|export)\b")
_FROM_LIST = re.compile(r"\bpip3?\s+install\s[^\n&;|]*(?:-r\s*|--requirement[ =])[\"']?([^\s\"']+)")
_INSTALLERS = (
    "*.yml", "*.yaml", "Dockerfile*", "*.Dockerfile", "*.dockerfile", "Makefile", "justfile", "*.sh", "Jenkinsfile*",
    "tox.ini", "noxfile.py", "tasks.py",
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
_LEARNS = re.compile(rf"^{_TRAINS.pattern}", re.M | re.I)
_SHELL = re.compile(r"sklearn\s*(==|$)")
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
# What installs packages in Python: pipelines' components, flows, images and jobs that say themselves what they need.
_PINNERS = frozenset(
    {"packages_to_install", "pip_install", "uv_pip_install", "conda_base", "pypi_base", "conda", "pypi", "runtime_env"}
)
_PIP = re.compile(r"\bpip3?\s+install\s+((?:[^\n&;|\\]|\\\n)+)")
_SERVES = re.compile(r"\b(uvicorn|gunicorn|streamlit|flask|fastapi|serve|EXPOSE)\b")
_SOURCES = (".py", ".ipynb", ".yml", ".yaml", ".json", ".tf", ".sh", "Makefile")
# Runtimes of clouds, by version.
_NAMED = ("AzureML-", "registries/azureml", "vertex-ai/training", "--runtime-version", "spark_version")
_RUNTIME = re.compile(
    r"\bAzureML-[\w.-]+:\d+|registries/azureml/environments/[\w.-]+/versions/\d+|vertex-ai/training/[\w.-]+:(?!latest)\w+|"
    r"--runtime-version[= ]\d[\d.]+|\bspark_version\W{1,5}\d+\.[\w.-]*-ml\b"
)
_VERSION = ("version", "framework_version", "repo_version", "transformers_version")


def collect(tree: Tree, code: Code) -> Iterator[Resource]:
    """Every place that fixes versions, with how firmly it does."""
    unused = _OF_TOOLS if _installs_lists(tree) else ()
    for path in tree.named(*_LOCKS):
        if not path.endswith(unused):
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
    for path in tree.named("setup.cfg"):
        if block := re.search(r"^install_requires\s*=\s*((?:\n[ \t]+\S.*)+)", tree.short(path), re.M):
            yield _judged(path, _requirements(block[1]))
    for path in tree.named("Dockerfile*", "*.Dockerfile", "*.dockerfile"):
        text = tree.short(path)
        for image in filter(_BRINGS.search, _FROM.findall(text)):
            yield Resource(SYSTEM, "environment", path, 0, image, frozenset({"pinned", "image"}))
        if not _SERVES.search(text):
            yield from _inline(path, 0, " ".join(_PIP.findall(text)).split())
    for path in tree.sizes:
        text = tree.short(path) if path.endswith(_SOURCES) and ours(path) else ""
        if any(word in text for word in _NAMED) and (found := _RUNTIME.search(text)):
            yield Resource(SYSTEM, "environment", path, 0, found[0][:60], frozenset({"pinned", "image"}))
    for module in code.holding(
        "packages_to_install", "pip_install", "_base(", "@conda", "@pypi", "runtime_env", "pip install"
    ):
        for line, text in module.shell:
            yield from _inline(module.path, line, " ".join(_PIP.findall(text)).split())
        for call in module.calls():
            if call.method in _PINNERS or not _PINNERS.isdisjoint(call.keywords):
                yield from _inline(module.path, call.line, call.texts)
                named = call.keywords.get("libraries") or call.keywords.get("packages", "")
                versions = [t for t in call.texts if re.match(r"\d", t) and t != call.keywords.get("python")]
                if _TRAINS.search(named) and len(versions) >= len(named.split()):
                    yield Resource(SYSTEM, "environment", module.path, call.line, named, frozenset({"pinned"}))
    for module in code.holding("image_uris", "get_image_uri", "framework_version", "transformers_version"):
        for call in module.calls():
            version = next((call.keywords[k] for k in _VERSION if re.match(r"\d", call.keywords.get(k, ""))), "")
            given = next((t for t in call.texts if re.fullmatch(r"\d+\.\d[\w.-]*", t)), version)
            if given and _CONTAINER.search(call.name):
                says = f"{call.method} {given}"
                yield Resource(SYSTEM, "environment", module.path, call.line, says, frozenset({"pinned", "image"}))


def _installs_lists(tree: Tree) -> bool:
    """Whether jobs, images and scripts install what trains from lists of requirements, and never from a lock."""
    texts = [tree.short(p) for p in tree.named(*_INSTALLERS)]
    listed = {x.rpartition("/")[2] for t in texts for x in _FROM_LIST.findall(t)}
    trains = any(_LEARNS.search(tree.short(p)) for p in tree.named(*listed)) if listed else False
    return trains and not any(map(_FROM_LOCK.search, texts))


def _inline(path: str, line: int, words: Iterable[str]) -> Iterator[Resource]:
    """What an installation written on the spot pins: whatever trains, by version."""
    trains = [w for w in (x.strip("\"'\\") for x in words) if _TRAINS.match(w.lower())]
    if trains and all(_PINNED.match(w) for w in trains):
        yield Resource(
            SYSTEM, "environment", path, line, f"{path.rpartition('/')[2]}: {trains[0]}", frozenset({"pinned"})
        )


def _judged(path: str, pins: list[tuple[str, bool]]) -> Resource:
    """Pinned where most dependencies are, and whatever trains; the shell `sklearn` is no version of scikit-learn."""
    pins = [(n, p and not _SHELL.match(n)) for n, p in pins]
    if any(n.startswith("scikit-learn") for n, _ in pins):
        pins = [(n, p) for n, p in pins if not _SHELL.match(n)]
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
