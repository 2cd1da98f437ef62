"""Where the project's own code refuses a model: bounds and comparisons that stand before its registration or release."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator

from gradino.measure.bounds import BOUND, METRIC, QUALITY, hollow
from gradino.measure.deployments import deployments
from gradino.measure.evidence import Evidence
from gradino.measure.python import MAIN
from gradino.measure.scene import Scene, tested

_SIDES = r"\b\w*(?:candidate|challenger|new_|current)\w*[^\n]*[<>]=?\s*[\w.(]*(?:incumbent|champion|best|baseline|prod|old|current)"
_IF = r"^[ \t]*(?:el)?if\b(?![^\n]*drift)"
_REFUSES = re.compile(
    rf"{_IF}[^\n]*\b{METRIC}\b[^\n]*[<>][^\n]*:"
    rf"|{_IF}[^\n]*[<>]=?\s*[\w.\[\]\"']*{METRIC}[^\n]*:"
    rf"|{_IF}[^\n]*\b{QUALITY}[^\n]*[<>]=?[^\n]*\b{BOUND}[^\n]*:"
    rf"|{_IF}[^\n]*{_SIDES}[^\n]*:"
    rf"|{_IF}(?![^\n]*(?:greater|higher|larger|bigger|lower|smaller)_is_better)[^\n]*\b\w*(?:accepted|better|improve\w*|approved|acceptable|deploy_flag|should_(?:promote|register|deploy|replace\w*)|(?:model|eval\w*|quality|metrics?|gate)_?\w*(?:passe[ds]|ok)|meets_\w+)\w*[^\n<>=]*:"
    rf"|{_IF}[^\n]*\b(?:benchmarks?|thresholds?|criteria|requirements)_(?:were_)?(?:met|passed)\b[^\n]*:"
    rf"|{_IF}[^\n]*\b\w*promoted\b[^\n<>=]*:",
    re.M | re.I,
)
# An assertion ends the script, and a function that decides answers yes or no.
_ASSERTS = re.compile(rf"^[ \t]*assert\b[ \t(]*\n?[^\n]*(?:{METRIC}[^\n]*[<>]|[<>][^\n]*{METRIC})[^\n]*", re.M | re.I)
_DECIDES = re.compile(
    r"^[ \t]*(?:async )?def (?!\w*(?:train|alert|drift|roll_?back|early|stop))(\w+)\([^:]*:[^\n]*\n"
    rf"(?:(?!\S)(?![ \t]*(?:async )?def )[^\n]*\n)*?[ \t]+return\b[ \t(]*[^\n]*{METRIC}[^\n]*[<>][^\n]*",
    re.M | re.I,
)
_STOPS = re.compile(
    r"raise\s+\w|sys\.exit\(\s*[1-9\"']|\.cancel\(|exit\(1\)|register(ed)?_model|transition_model|set_registered_model_alias|push|deploy|promote|upload|(dump|save\w*|copy\w*)\([^\n]*(production|champion)"
)
# What only says something: a call with all of its lines, and sentences, but for those of a command that is run.
_TALKS = re.compile(
    r"^([ \t]*)(?:(?:self|cls|context)\.)?_?(?:print|log\w*|logging|console|st|click)(?:\.\w+)*\([^\n]*(?:\n\1(?:[ \t]+[^\n]*|\)))*",
    re.M,
)
_SENTENCE = re.compile(r"(?<!\w)[rf]?(\"[^\"\n]* [^\"\n]* [^\"\n]*\"|'[^'\n]* [^'\n]* [^'\n]*')")
_RUNS = re.compile(r"\b(run|system|popen|Popen|check_\w+|call|execute|sh|shell|cmd|command)\w*\b")
_RELEASING = re.compile(r"deploy|promot|gate|accept|approv|should|bless", re.I)
_LEAVES = re.compile(r"(return|continue|break)\b")
_ELSE = re.compile(r"(else|elif)\b|\)")
_RELEASES = ("register", "promot", "deploy", "transition", "push", "champion", "production")


def refusals(scene: Scene) -> list[Evidence]:
    """Code between training and registration that refuses a model below a bound, or worse than the one in use."""
    found: list[Evidence] = []
    for path in scene.code.paths:
        text = scene.tree.short(path)
        low = text.lower()
        if path.endswith(".ipynb") or tested(path) or not any(word in low for word in _RELEASES):
            continue
        match = next(_refusing(text), None)
        if match and not _too_late(scene, path):
            line = text[: match.end()].count("\n") + 1
            said = match[0].strip().rpartition("\n")[2].strip()
            found.append(scene.see(path, line, f"refuses below a threshold: {said[:90]}"))
    return found


def _refusing(text: str) -> Iterator[re.Match[str]]:
    for match in _REFUSES.finditer(text):
        if (
            not re.search(r"epoch|fold|trial", match[0])
            and not hollow(match[0], text)
            and _STOPS.search(_unspoken(_depending(text, match)))
        ):
            yield match
    yield from (m for m in _ASSERTS.finditer(text) if not hollow(m[0], text))
    for match in _DECIDES.finditer(text):
        asked = _RELEASING.search(match[1]) or re.search(rf"\bif\b[^\n]*\b{match[1]}\(", text)
        if asked and not hollow(match[0], text):
            yield match


def _unspoken(block: str) -> str:
    lines = _TALKS.sub("", block).split("\n")
    return "\n".join(line if _RUNS.search(line) else _SENTENCE.sub("''", line) for line in lines)


def _depending(text: str, condition: re.Match[str]) -> str:
    """What runs only where a condition holds, or where it does not: its blocks, and after a block that leaves the rest."""
    lines = text[condition.end() : condition.end() + 4_000].split("\n")
    indent = len(condition[0].lstrip("\n")) - len(condition[0].lstrip())
    blocks, rest, leaves = [lines[0]], list[str](), bool(_LEAVES.match(lines[0].strip()))
    for line in filter(str.strip, lines[1:]):
        depth = len(line) - len(line.lstrip())
        if not rest and (depth > indent or _ELSE.match(line.strip())):
            blocks.append(line)
            leaves = leaves or bool(_LEAVES.match(line.strip()))
        elif depth < indent:
            break
        else:
            rest.append(line)
    return "\n".join([*blocks, *(rest if leaves else ())])


def _too_late(scene: Scene, path: str) -> bool:
    """Whether a file is run only by jobs that come after every deployment, or by nothing at all."""
    module = scene.code.module(path)
    jobs = [f.job for f in scene.firings if f.effect.path == path and not f.off]
    if jobs:
        makes = {"train", "submit", "register", "promote"}
        if any(f.job in jobs and f.effect.verb in makes for f in scene.firings):
            return False
        before = [f.job for d in deployments(scene) for f in scene.before(d.job)]
        return bool(before) and not any(job in before for job in jobs)
    near = scene.near({u.path for u in scene.used("train", "submit", "register", "promote", "deploy")})
    stem = path.rpartition("/")[2].removesuffix(".py")
    named = any(stem in (scene.tree.short(p)) for p in scene.code.paths if p != path)
    return module is not None and not (path in near or named or MAIN in module.functions)
