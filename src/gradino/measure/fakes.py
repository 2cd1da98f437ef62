"""What a test puts where the model would be: patches, mocks, classes of its own, libraries put aside."""

import re
from functools import lru_cache
from itertools import islice

from gradino.measure import vocabulary
from gradino.measure.code import Code
from gradino.measure.python import BODY, Call, Function, Module

# Variables and folders that pytest's `monkeypatch` sets are the environment of a test; what it sets on objects is not.
_FAKES = re.compile(
    r"(mock|Mock(?!\w*(Db|DB|Database|Session|User|Redis|Response|Request|Transport|Logger|Store|Repo|Cache|Producer|S3|File))\w*|MagicMock|(?<!monkey)patch|monkeypatch\.(setattr|setitem|delattr)|Fake\w*|"
    r"Dummy(?!Classifier|Regressor)\w*|Stub\w*)\b"
)
# What a route takes by `Depends`, and what it asks such a thing for where that is, or holds, the model.
_DEPENDS = re.compile(
    r"\b(\w+)\s*(?:(?::[^=(),\n]{0,80})?=|:\s*Annotated\[[^\n]{0,80}?)\s*(?:\w+\.)?Depends\(\s*([\w.]+)"
)
_ASKED = re.compile(
    r"^(predict|scor|infer|classif|recommend|forecast|detect|extract|link|rank|embed|generat|transcrib|translat|summar|answer)"
)
_BARE = re.compile(r"(^|\.)(Magic|Async)?Mock$")
_BESIDE = re.compile(
    r"mlflow(?!\S*load)|wandb|log(?!istic)|environ|getenv|setenv|print|path|exists|makedirs|plt|show|savefig|sleep|time|"
    r"(_|\b)dir(_|\b)|folder|argv|cwd|ur[li]\b|root\b|settings|config|seed",
    re.I,
)
# Whole libraries are put aside before anything is imported.
_WITHOUT = re.compile(
    r"sys\.modules(\[[^\]]+\]\s*=\s*\w*|\.setdefault\([^\n]*)([mM]ock|Fake|[sS]tub)|patch\.dict\(\s*[\"']sys\.modules"
)
_MODEL = re.compile(
    r"model|predict|pipeline|classif|regress|estimator|artifact|inference|engine|scor(e|ing)|infer|load|bundle", re.I
)
_GIVES = re.compile(
    r"(model|predictor|pipeline|classifier|regressor|estimator|artifacts?|bundle|engine)s?$|^_?(predict|score|infer|classify)",
    re.I,
)
_HOLDERS = re.compile(r"(^|\.)(app|application|state|config|main|api|\w*service\w*)(\.|$)")  # of an application's model
_TRAINS = re.compile(
    r"train|fit|model|classif|regress|estimator|boost|pipeline|forest|sklearn|xgb|lgb|keras|torch|trainer", re.I
)
_ANSWERS = re.compile(r"\.(predict\w*|transcribe|generate)$")


def faked(said: str) -> bool:
    """Whether the names that a test mentions are those of fakes."""
    return bool(_FAKES.search(said))


def replaced(code: Code, module: Module, said: str, put: list[Call], reached: list[tuple[Module, Function]]) -> bool:
    """Whether something of the test's own stands where the model would be.

    `module` is the file of the test, `said` the names that it mentions, `put` the calls of the test and its fixtures,
    `reached` the functions that they enter.
    """
    files = {m.path: m for m, _ in reached if "test" in m.path} | {module.path: module}
    entered = [*reached, *((m, m.functions[BODY]) for m in files.values())]
    handed = {name for _, f in entered for t, names in f.puts if "dependency_overrides[" in t for name in names}
    fakes = [c for c in put if _FAKES.search(c.name)]
    patched = (faked(said) or bool(fakes)) and not (fakes and all(c.name in handed for c in fakes))
    bare = any(_BARE.search(c.name) and c.name not in handed for c in put)
    without = _WITHOUT.search(code.tree.text(module.path) or "")
    return (
        (patched and (_a_model(code, module, put) or (bare and bool(_targets(put)))))
        or bool(without)
        or any(_answers(m, f) or _put_aside(code, m, f) for m, f in entered)
    )


def around(code: Code, module: Module) -> list[Call]:
    """Patches that a test file puts in a model's place as it is imported."""
    body = module.functions.get(BODY)
    found = [c for c in (body.calls if body else ()) if re.search(r"(^|\.)patch(\.object)?$", c.name)]
    return found if _targets(found) and _a_model(code, module, found) else []


def trains(put: list[Call]) -> bool:
    """Whether what is replaced may be what trains, so that nothing is trained."""
    targets = _targets(put)
    ends = (".".join(t.split(".")[-2:]) for t in targets)
    return not targets or any(_TRAINS.search(end) for end in ends)


def _a_model(code: Code, module: Module, calls: list[Call]) -> bool:
    """Whether what is replaced may be a model; a silenced tracker or variable is none."""
    targets = _targets(calls)
    known = (t for t in targets if "." in t or t.isidentifier())
    return not targets or any(not _BESIDE.search(t) and _concerns(code, module, t) for t in known)


def _concerns(code: Code, module: Module, target: str) -> bool:
    """Whether a name may stand for a model or for what needs one; what is not the project's own may."""
    own = [o for o in code.elsewhere(module, target) if o[1] != BODY]
    own = own or [(module.path, f) for f in module.functions if f == target]
    path, rest = code.find(target, module.path)
    last = target.rpartition(".")[2]
    if (_GIVES if own else _MODEL).search(last) or (not own and (not path or "." in rest)):
        return True
    return any(_verbs(m, f) & {"load", "predict", "train"} for p, n in own for m, f in islice(code.reach(p, (n,)), 60))


def _verbs(module: Module, function: Function) -> set[str]:
    return {verb for call in function.calls for verb, _ in vocabulary.verbs(call, module)}


def _targets(calls: list[Call]) -> list[str]:
    """What patches name."""
    made = [c for c in calls if c.method in ("patch", "object", "setattr") or _FAKES.search(c.name)]
    named = [c.texts if c.texts and c.method in ("object", "setattr") else (*c.texts, *c.refs) for c in made]
    named = [(c.refs or c.texts)[:1] if c.method == "dict" else words for c, words in zip(made, named, strict=True)]
    return [t for words in named for t in words]


def _answers(module: Module, function: Function) -> bool:
    """Whether a class that a test file defines for itself predicts."""
    owner = function.name.removesuffix(".<class>")
    return (
        owner != function.name
        and not owner.startswith("Test")
        and "test" in module.path
        and any(name.startswith(f"{owner}.") and _ANSWERS.search(name) for name in module.functions)
    )


def _put_aside(code: Code, module: Module, function: Function) -> bool:
    """Whether a test hands the application, or whatever asks it for a model, one that is none."""
    for target, names in function.puts:
        name, _, key = target.removesuffix("]").partition("[")
        holder, _, last = name.rpartition(".")
        handed = bool(key) and name.endswith("dependency_overrides")
        handed = handed and (_concerns(code, module, key) or key.rpartition(".")[2] in _answering(code))
        imported = code.find(module.imports.get(name.partition(".")[0], ""), module.path)[0]
        held = _HOLDERS.search(name if key else holder) or (imported and "test" not in imported)
        kept = held and _MODEL.search(key or last)
        if (handed or kept) and not any(_real(code, module, n) for n in names):
            return True
    return False


@lru_cache(maxsize=1)
def _answering(code: Code) -> frozenset[str]:
    """Names of the dependencies that routes ask for their answers."""
    found: set[str] = set()
    for module in code.holding("Depends("):
        text = code.tree.short(module.path) if "test" not in module.path else ""
        taken = {(param, provider.rpartition(".")[2]) for param, provider in _DEPENDS.findall(text)}
        asked = {c.name.partition(".")[0] for c in module.calls() if "." in c.name and _ASKED.match(c.method)}
        found |= {provider for param, provider in taken if param in asked}
    return frozenset(found)


def _real(code: Code, module: Module, name: str) -> bool:
    """Whether a name in a test stands for something that trains or loads, or that the project itself makes."""
    made = module.made.get(name, name)
    path, rest = code.find(made, module.path)
    if faked(f"{name} {made}"):
        return False
    if path and rest and "test" not in path:
        return True
    trained = {v for c in module.calls() if c.name == made for v, _ in vocabulary.verbs(c, module)}
    reach = (pair for n in {name, made} & set(module.functions) for pair in islice(code.reach(module.path, (n,)), 40))
    return bool(trained & {"load", "train"}) or any(_verbs(m, f) & {"load", "train"} for m, f in reach)
