"""Conditions that hold a model's quality against a bound, in the words of Python and of shell."""

import re

METRIC = r"\w*(?:accuracy|_acc\b|f1|auc|rmse|mae|mse|mape|r2|metric|loss|recall|precision)\w*"
# Words that say less, and the bound that they are held against.
QUALITY = r"\w*(?:score|error|improvement|gain|uplift|performance)\w*"
BOUND = r"\w*(?:thresh|floor|minim|min_|maxim|max_|limit|required|baseline|bound|toleranc|target_)\w*"
_THAN = r"(?<![-<>])[<>](?![<>])"
_HELD = re.compile(rf"{METRIC}[^\n]*{_THAN}|{_THAN}[^\n]*{METRIC}|{QUALITY}[^\n]*{_THAN}[^\n]*{BOUND}", re.I)
# A score held against a number, where there is a model that was scored.
_SCORED = re.compile(r"^(?!.*(drift|missing)).*score\w*\b[^\n]*[<>]=?\s*(0?\.\d+|1)\b", re.I)
_ASKED = re.compile(r"\.(predict|score|evaluate)\w*\(|load_model|joblib")
# A verdict that was reached before.
_VERDICT = re.compile(
    r"\bnot\b.*(pass(ed|es)?|accept\w*|approved?|meets?_\w+|is_valid|ok)\b|^(len\()?\w*(failures|failed|violations|breaches|passed|accepted|approved)\b",
    re.I,
)
_JUDGES = re.compile(r"\b(evidently|deepchecks|giskard)\b")
_IN_SHELL = re.compile(
    rf"^[^#\n]*\b(?:jq\s+-\w*e\w*\s+[\"'][^\n]*{METRIC}[^\n]*[<>]"
    rf"|awk\b[^\n]*(?:{METRIC}|\$ACC\b)[^\n]*\bexit\b[^\n]*[<>]"
    rf"|if\b[^\n]*\$\{{?(?:{METRIC}|acc|ACC|{QUALITY})\b[^\n]*(?:[<>]|-[lg][te]\b)(?:(?!^\s*fi\b)[^\0])*?\bexit\s+1)",
    re.M | re.I,
)


_FIXED = re.compile(rf"^[ \t]*(?:export\s+)?({METRIC})=[\"']?[\d.]+[\"']?\s*(?:#.*)?$", re.M | re.I)


def on_quality(condition: str, text: str) -> bool:
    """Whether a condition of a file of this text is a bound on how good a model is."""
    if _HELD.search(condition) or (_SCORED.search(condition) and _ASKED.search(text)):
        return not hollow(condition, text)
    return bool(_VERDICT.search(condition)) and bool(_HELD.search(text) or _JUDGES.search(text))


def held(text: str) -> bool:
    """Whether a text compares a metric with anything."""
    return bool(_HELD.search(text))


def in_shell(script: str) -> re.Match[str] | None:
    """The place where a script ends because a metric misses its bound."""
    return None if fixed(script) else _IN_SHELL.search(script)


def fixed(script: str) -> bool:
    """Whether a script writes down itself how good the model is."""
    return any(not re.fullmatch(BOUND, m[1], re.I) for m in _FIXED.finditer(script))


def hollow(condition: str, text: str) -> bool:
    """Whether a comparison is decided before it is made: of a number in the code, or of a thing with itself."""
    condition = condition.rpartition("\n")[2].strip()
    names = re.findall(
        r"(?<![\w.\"'])[a-z]\w*(?![\w.(\[\"'])", re.sub(r"^(el)?if\b|^assert\b|^return\b", "", condition)
    )
    before = text.partition(condition)[0]
    for name in names:
        made = re.findall(rf"^[^#\n]*?\b{name}\s*=(?!=)[ \t]*([^\n#]*)", before, re.M)
        measured = re.fullmatch(METRIC, name, re.I) and not re.fullmatch(BOUND, name, re.I)
        if measured and made and re.fullmatch(r"[\d._]+\s*", made[-1]):
            return True
        if any(re.match(rf"{other}\s*(=(?!=)|$)", m) for m in made for other in names if other != name):
            return True
    return False
