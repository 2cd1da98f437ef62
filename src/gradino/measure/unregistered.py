"""Services that ask MLflow's registry for a model under a name that nothing registers: they never load one."""

import re
from functools import lru_cache

from gradino.measure import vocabulary
from gradino.measure.python import Call
from gradino.measure.scene import Scene
from gradino.measure.scoring import served_files

_ADDRESS = re.compile(r"models:/([^/@]+)[/@]")
_NAME = re.compile(r"[\w .-]+")


@lru_cache(maxsize=1)
def strangers(scene: Scene) -> frozenset[str]:
    """Serving files that, with what they import, load models by such names only.

    Nothing is said where a name is not known, or where a setting outside the code mentions one that is registered.
    """
    registered = {n for m in scene.modules for c in m.calls() for n in _given(c)}
    if not registered or not all(map(_NAME.fullmatch, registered)):
        return frozenset()
    found = frozenset(p for p in served_files(scene) if (asked := _asked(scene, p)) and not asked & registered)
    settings = scene.tree.named("*.yml", "*.yaml", ".env*", "Dockerfile*", "*.tf", "*.sh") if found else ()
    told = any(n in scene.tree.short(p) for p in settings for n in registered)
    return frozenset() if told else found


def _given(call: Call) -> list[str]:
    """The name under which a call registers a model; a question mark where it is not known."""
    if "registered_model_name" in call.keywords:
        return [call.keywords["registered_model_name"] or "?"]
    if call.method not in ("register_model", "create_registered_model"):
        return []
    named = [call.keywords["name"]] if "name" in call.keywords else [t for t in call.texts if ":/" not in t]
    return [(named or ["?"])[-1] or "?"]


def _asked(scene: Scene, path: str) -> set[str]:
    """The names by which a file and what it imports load models; empty where one is loaded by another way."""
    module = scene.code.module(path)
    imported = {scene.code.find(n, path)[0] for n in module.imports.values()} if module else set()
    found = set[str]()
    for other in filter(None, map(scene.code.module, sorted({path, *imported} - {""}))):
        for call in other.calls():
            if any(v == "load" for v, _ in vocabulary.verbs(call, other)):
                names = {n for t in call.texts for n in _ADDRESS.findall(t)}
                if not names or not all(map(_NAME.fullmatch, names)):
                    return set()
                found |= names
    return found
