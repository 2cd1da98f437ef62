"""DVC: stages, versioned metrics, data and models."""

import re
from collections.abc import Iterator
from dataclasses import replace

from gradino.measure import yaml
from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree

SYSTEM = "DVC"
_MODEL = re.compile(r"model|weights|checkpoint|(^|/)artifacts?$|\.(pkl|joblib|pt|pth|h5|onnx|keras|bin|cbm)$", re.I)


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """Stages of dvc.yaml and the files that .dvc pointers name; what has no remote stays on one machine."""
    texts = {p: tree.text(p) or "" for p in tree.named("config", "*.y*ml", "*.sh", "Dockerfile*")}
    remote = any(
        re.search(r"url\s*=\s*\S+://", t) if p.endswith(".dvc/config") else "dvc remote add" in t
        for p, t in texts.items()
    )
    for found in _collect(tree):
        yield found if remote else replace(found, traits=found.traits - {"versioned-model", "versioned-data"})


def _collect(tree: Tree) -> Iterator[Resource]:
    for path in tree.named("*.dvc"):
        if path.endswith("/.dvc") or path == ".dvc":
            continue
        pointer = yaml.first(tree.text(path) or "")
        outs = [o for o in pointer.list("outs") if isinstance(o, yaml.Map)]
        if not any(o.text("md5") or o.text("hash") or o.text("etag") for o in outs):
            continue
        name = outs[0].text("path") or path.removesuffix(".dvc")
        trait = "versioned-model" if _MODEL.search(name) and "data" not in path.lower() else "versioned-data"
        yield Resource(SYSTEM, "pointer", path, 1, name, frozenset({trait}))
    for path in tree.named("dvc.yaml"):
        pipeline = yaml.first(tree.text(path) or "")
        folder = path.rpartition("/")[0]
        locked = f"{folder}/dvc.lock".lstrip("/") in tree
        stages = pipeline.map("stages")
        for name in stages:
            yield from _stage(path, stages, name, locked)
        if pipeline.list("metrics") and stages:
            yield Resource(
                SYSTEM, "pipeline", path, pipeline.lines.get("metrics", 1), path, frozenset({"versioned-metrics"})
            )


def _stage(path: str, stages: yaml.Map, name: str, locked: bool) -> Iterator[Resource]:
    body = stages.map(name)
    line = stages.lines.get(name, 0)
    traits = {"stage"}
    if body.list("metrics"):
        traits.add("versioned-metrics")
    outs = [next(iter(o)) if isinstance(o, yaml.Map) and o else o for o in body.list("outs")]
    uncached = {
        next(iter(o))
        for o in body.list("outs")
        if isinstance(o, yaml.Map) and o and o.map(next(iter(o))).text("cache") == "false"
    }
    if any(isinstance(o, str) and _MODEL.search(o) and o not in uncached for o in outs):
        traits.add("versioned-model")
    if locked and outs:
        traits.add("versioned-data")
    yield Resource(SYSTEM, "stage", path, line, name, frozenset(traits))
