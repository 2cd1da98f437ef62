"""What a test puts where the model would be: patches, mocks, classes of its own, libraries put aside."""

import re
from collections.abc import Iterable

from gradino.measure.python import BODY, Call, Function, Module

# Variables and folders that pytest's `monkeypatch` sets are the environment of a test; what it sets on objects is not.
_FAKES = re.compile(
    r"(mock|Mock|MagicMock|(?<!monkey)patch|monkeypatch\.(setattr|setitem|delattr)|Fake\w*|Dummy\w*|Stub\w*)\b"
)
_BESIDE = re.compile(
    r"mlflow|wandb|log|environ|getenv|setenv|print|path|exists|makedirs|plt|show|savefig|sleep|time|(_|\b)dir(_|\b)|"
    r"folder|argv|cwd|ur[li]\b|root\b|settings|config|seed",
    re.I,
)
# Whole libraries are put aside before anything is imported, or an application is handed another model.
_WITHOUT = re.compile(
    r"sys\.modules\[[^\]]+\]\s*=\s*\w*(Mock|mock|Fake|Stub)|patch\.dict\(\s*[\"']sys\.modules|"
    r"dependency_overrides\[[^\]\n]*(model|predict|pipeline|classif|artifact|inference|engine)[^\]\n]*\]\s*=",
    re.I,
)
_TRAINS = re.compile(
    r"train|fit|model|classif|regress|estimator|boost|pipeline|forest|sklearn|xgb|lgb|keras|torch|trainer", re.I
)
_ANSWERS = re.compile(r"\.(predict\w*|transcribe|generate)$")


def faked(said: str) -> bool:
    """Whether the names that a test mentions are those of fakes."""
    return bool(_FAKES.search(said))


def replaced(said: str, put: list[Call], reached: Iterable[tuple[Module, Function]], text: str) -> bool:
    """Whether something of the test's own stands where the model would be.

    `said` are the names that the test mentions, `put` the calls of the test and its fixtures, `reached` the functions
    that they enter, `text` the file of the test.
    """
    patched = (faked(said) or any(_FAKES.search(c.name) for c in put)) and _a_model(put)
    return patched or bool(_WITHOUT.search(text)) or any(_answers(m, f) for m, f in reached)


def around(module: Module) -> list[Call]:
    """Patches that a test file puts in a model's place as it is imported."""
    body = module.functions.get(BODY)
    found = [c for c in (body.calls if body else ()) if re.search(r"(^|\.)patch(\.object)?$", c.name)]
    return found if _targets(found) and _a_model(found) else []


def trains(put: list[Call]) -> bool:
    """Whether what is replaced may be what trains, so that nothing is trained."""
    targets = _targets(put)
    ends = (".".join(t.split(".")[-2:]) for t in targets)
    return not targets or any(_TRAINS.search(end) for end in ends)


def _a_model(calls: list[Call]) -> bool:
    """Whether what is replaced may be a model; a silenced tracker or variable is none."""
    targets = _targets(calls)
    return not targets or any(not _BESIDE.search(t) for t in targets if "." in t or t.isidentifier())


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
