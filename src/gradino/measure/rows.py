"""What code writes where it stays: rows, documents, messages, objects, lines added to a file.

A service that does so while it answers keeps what its model said, whatever the table and the library are called.
"""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from gradino.measure import vocabulary
from gradino.measure.python import Call, Function, Module
from gradino.measure.scene import Scene
from gradino.measure.scoring import scoring_files, served_files
from gradino.measure.unregistered import strangers

_WRITES = re.compile(
    r"(insert_(one|many|rows\w*)|load_table_from_\w+|put_(items?|records?|events|object)|batch_write_item|to_(sql|gbq)|"
    r"saveAsTable|insertInto|add_all|bulk_(save_objects|insert_mappings)|append_rows?|[lr]push|xadd|write_points|"
    r"send_and_wait|basic_publish)$|"
    r"(^|[._])(session|sess|db|database|uow|[sS]ession(Local)?\(\))\.(add|merge)$|\.objects\.(bulk_)?create$|"
    r"(^|[._])(table|from_|collection|document)\(\)\.(insert|upsert|add|set)$|write_?api\.write$|[._]table\.insert$|insert\(\)\.values$|"
    r"(producer|publisher|event_?bus|broker|topic)\w*\.(send|produce|publish)$",
    re.I,
)
_INSERTS = re.compile(r"\binsert\s+(or\s+\w+\s+)?into\s", re.I)
_ADDS = frozenset({"a", "a+", "at", "ab"})
_LINE = re.compile(r"(^|[\w.]+\.)_?(logging|logger|log)\.(info|warning)$", re.I)
# What a model is asked and answers, as code calls it, or as a line says before it gives the value.
_SAID = re.compile(
    r"(?<![\w.])((\w+_)?(predictions?|preds?|predicted(_\w+)?|y_?(hat|pred)|prob(a|as|s|ability|abilities)?|scores?)|(input|output)(s|_data)?|"
    r"results?|features?|payload|instances?)\b(?!\s*\(|\.(shape|status_code|columns|id)\b)"
)
_SAYS = re.compile(
    r"\b(inputs?|outputs?|predict(?:ed|ions?)|scores?|payload|request|request[_ ]body)( data| results?| label| class| value)?( is)?\W{0,3}(\{|%[sdfr.])",
    re.I,
)
_ASKED = re.compile(
    r"(^|[._])(predict|infer|classif(?!ier|ication_?(model|report))|recommend|forecast|generate|score|invoke|inference|detect|feedback|ground_?truth|outcome)\w*$",
    re.I,
)
_MEASURES = re.compile(r"(put_metric_data|\.add_metric|\bwrite_points|\bstatsd\.\w+)( |$)|write_?api(\.write)?( |$)")
_WATCHES = re.compile(r"monitor|drift|alert|anomal|degrad|confiden|threshold|observe|webhook", re.I)
_LONGEST = 12  # lines of a statement


def writes(call: Call, function: Function, constants: Iterable[str] = ()) -> bool:
    """Whether a call adds something to what is kept outside the process: to a file, only a record.

    `constants` are texts of other files that the call is passed.
    """
    if _WRITES.search(call.name) or any(_INSERTS.search(t) for t in (*call.texts, *constants)):
        return True
    if call.method == "open" and not any(
        c.method in ("dumps", "dump", "writerow", "DictWriter") for c in function.calls
    ):
        return False
    mode = {call.keywords.get("mode", ""), *(call.texts if call.method == "open" else ())}
    return call.method in ("open", "to_csv", "to_json") and bool(_ADDS & mode)


def written(module: Module) -> bool:
    """Whether a file writes rows."""
    return any(writes(c, f) for f in module.functions.values() for c in f.calls)


def of_answers(scene: Scene) -> Iterator[tuple[str, int, str]]:
    """Path, line and words of each place where what a model answers is kept.

    A service keeps what it writes on the way from the question to the answer, and the lines of a log that hold either;
    a batch keeps what goes into a table that is named for predictions.
    """
    served = set(served_files(scene))
    for path in scoring_files(scene) if not (served and served == strangers(scene)) else ():
        module = scene.code.module(path)
        if module and path in served:
            yield from _while_answering(scene, module)
        for call in module.calls() if module else ():
            if _of_predictions(call):
                yield path, call.line, f"{call.name} keeps what the model answered"


def _while_answering(scene: Scene, module: Module) -> Iterator[tuple[str, int, str]]:
    asked = _asked(scene, module)
    for key, function in ({(module.path, f.name): f for f in module.functions.values()} | asked).items():
        if key[0] in scene.training_files or any(d.method == "command" for d in function.decorators):
            continue
        lines = (scene.tree.text(key[0]) or "").split("\n")
        for call in function.calls:
            if key in asked and writes(call, function, _constants(scene, key[0], call)):
                yield key[0], call.line, f"{call.name} keeps what the model answered"
            elif _logs(call, function) and says_answer(statement(lines, call.line), loosely=key in asked):
                yield key[0], call.line, f"{call.name} logs the model's work"


def _asked(scene: Scene, module: Module) -> dict[tuple[str, str], Function]:
    """What a service goes through from the question to the answer, by path and name."""
    return {(m.path, f.name): f for m, f in scene.code.reach(module.path, _answering(module))}


def _constants(scene: Scene, path: str, call: Call) -> Iterator[str]:
    """Texts that other files of the project hold under the names which a call is passed."""
    for name in call.refs if call.method.startswith("execute") else ():
        where, rest = scene.code.find(name, path)
        module = scene.code.module(where) if where and rest else None
        if module and rest in module.constants:
            yield module.constants[rest]


@lru_cache(maxsize=1)
def signals(scene: Scene) -> tuple[tuple[str, str, int, str], ...]:
    """What services do with their answers: "alert" somebody or "measure", sent away; with path, line and name."""
    found: list[tuple[str, str, int, str]] = []
    for module in filter(None, map(scene.code.module, served_files(scene))):
        for (path, name), function in _asked(scene, module).items():
            inside = scene.code.module(path) or module
            for call in function.calls:
                if _MEASURES.search(f"{call.name} {call.maker}"):
                    found.append(("measure", path, call.line, call.name))
                elif _WATCHES.search(f"{path} {name}") and ("alert", call.name) in vocabulary.verbs(call, inside):
                    found.append(("alert", path, call.line, call.name))
    return tuple(found)


def _of_predictions(call: Call) -> bool:
    """Whether a call writes a table that is named for predictions."""
    into = _WRITES.search(call.name) or (call.method == "option" and ".write" in call.name)
    return bool(into) and any(re.search(r"predict", t, re.I) for t in call.texts)


def _logs(call: Call, function: Function) -> bool:
    """Whether a call writes a line that is kept: of a log, or what a function of a cloud prints."""
    return bool(_LINE.match(call.name)) or (call.name == "print" and function.name.endswith("lambda_handler"))


def _answering(module: Module) -> list[str]:
    """Functions that ask the model, or are named for it."""
    return [
        f.name
        for f in module.functions.values()
        if _ASKED.search(f.name)
        or any(_ASKED.search(c.name) or ("predict", c.name) in vocabulary.verbs(c, module) for c in f.calls)
    ]


def says_answer(text: str, loosely: bool) -> bool:
    """Whether a statement passes on what a model is asked or answers, not words about it; `loosely`: by any of its names."""
    if _SAYS.search(text):
        return True
    text = re.sub(r"\blen\([^()]*\)", "", text)
    holes = " ".join(re.findall(r"\{([^{}]+)\}", text))
    bare = re.sub(r"\"[^\"\n]*\"|'[^'\n]*'", " ", text.partition("(")[2])
    return loosely and bool(_SAID.search(holes) or _SAID.search(bare))


def statement(lines: list[str], line: int) -> str:
    """The text of a call from its first line until its brackets close."""
    text = ""
    for one in lines[line - 1 : line - 1 + _LONGEST]:
        text += one + "\n"
        if text.count("(") <= text.count(")"):
            break
    return text
