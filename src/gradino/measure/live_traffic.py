"""Where live traffic is parted between models, or sent to two: by what code deploys, or by the service itself."""

import re
from collections.abc import Iterator

from gradino.measure import vocabulary
from gradino.measure.evidence import Evidence
from gradino.measure.python import Call, Module
from gradino.measure.scene import Scene
from gradino.measure.scoring import scoring_files
from gradino.measure.steady import at, deploying

_SHARE = r"[\"'\w.\[\]]+\s*:\s*(?:100\s*-\s*\w+|(?!0\b|100\b)\d{1,2}\b)"
_SPLIT = re.compile(
    rf"\btraffic(_split)?[\"']?\s*[:=]\s*\{{[^{{}}]{{0,200}}?{_SHARE}|\bmirror_traffic[\"']?\s*[:=]\s*\{{\s*[^}}\s]|\bShadowProductionVariants\b"
    r"|\btraffic_percentage[\"']?\s*[:=]\s*(?!0\b|100\b)\d{1,2}\b"
)
_WEIGHT = re.compile(r"[\"'](?:InitialVariantWeight|DesiredWeight)[\"']\s*:\s*([\w.]+)|\binitial_weight\s*=\s*([\w.]+)")
# What a page says of it compares nothing; words in quotes may.
_PROSE = re.compile(r"(\"[^\"\s]*\"|'[^'\s]*')|\"[^\"]*\"|'[^']*'")
_NAMED = re.compile(r"\b(shadow|challenger|canary|ab_?test|traffic_split|experiment_group)\w*\b", re.I)
_DRAWN = re.compile(
    r"random\.(random|choices?|uniform|randint|beta)\(|\bhash\(|hashlib|crc32|mmh3|% ?100\b|(?<!font-)weight"
)
_BY_CHANCE = re.compile(
    r"^(numpy\.)?random\.(random|rand|choices?|uniform|randint)$|^(secrets\.randbelow|hash|hashlib\.\w+)$"
)
_MIRRORED = re.compile(r"shadow\w*\.predict|challenger\w*\.predict|predict\w*\(.*(shadow|challenger)", re.I)
# Words that say less: two models must be at hand, too.
_MAYBE = re.compile(
    r"\b(variant|treatment|bandit|arm|thompson\w*)\b|random\.choices?\((list\()?[\w.]*(model|version)s?\b", re.I
)


def splits(scene: Scene) -> Iterator[Evidence]:
    """Live traffic that the code of a deployment parts between two models, or sends to both."""
    for path, text in deploying(scene):
        weights = [m for m in _WEIGHT.finditer(text) if (m[1] or m[2]).strip("0.")]
        found = _SPLIT.search(text) or (weights[1] if len(weights) > 1 else None)
        if found:
            yield at(scene, path, text, found, "parts live traffic")


def while_serving(scene: Scene) -> Iterator[Evidence]:
    """Services that draw a model for each request, or ask a second one beside the first."""
    served = scoring_files(scene)
    modules = [m for p in served if (m := scene.code.module(p))]
    used = {scene.code.find(name, m.path)[0] for m in modules for name in m.imports.values()}
    for path in (*served, *sorted(used - set(served) - scene.training_files - {""})):
        text = "\n".join(
            "" if x.strip().startswith("#") else _PROSE.sub(lambda m: m[1] or '""', x)
            for x in scene.tree.short(path).split("\n")
        )
        drawn = bool(_DRAWN.search(text))
        words = _NAMED if drawn or _MIRRORED.search(text) else None
        if words is None or not _stated(words, text):
            words = _MAYBE if drawn and _loads(scene, path) > 1 else None
        if words and (line := _stated(words, text)):
            number, said = line
            yield scene.see(path, number, f"compares models while serving: {said[:80]}")
        module = scene.code.module(path)
        for call in _asked_by_turns(module) if module else ():
            yield scene.see(path, call.line, f"asks one of two models by chance: {call.name}")


def _asked_by_turns(module: Module) -> Iterator[Call]:
    """Of each function that draws by chance and asks more than one model, the last of these calls."""
    for function in module.functions.values():
        asked = {c.name.rpartition(".")[0]: c for c in function.calls if re.match(r"predict(_proba)?$", c.method)}
        if len(asked) > 1 and any(_BY_CHANCE.search(c.name) for c in function.calls):
            yield list(asked.values())[-1]


def _stated(words: re.Pattern[str], text: str) -> tuple[int, str] | None:
    """The first line that does something with one of the words: its number, and what it says."""
    lines = ((n, x.strip()) for n, x in enumerate(text.split("\n"), 1) if words.search(x))
    return next(((n, x) for n, x in lines if "=" in x or "(" in x), None)


def _loads(scene: Scene, path: str) -> int:
    module = scene.code.module(path)
    calls = module.calls() if module else []
    return sum(any(v == "load" for v, _ in vocabulary.verbs(c, module)) for c in calls) if module else 0
