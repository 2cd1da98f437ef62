"""How a script ends where one of its commands failed."""

import re

_HANDLES = re.compile(
    r"(?:\b\w+\s*\(\)|\bfunction\s+\w+)[^}]*\$\?[\s\S]{0,400}?\bexit\b|\b(\w+)=\"?\$\?[\s\S]{0,600}?\bexit\s+\"?\$\{?\1\b"
)
_KEPT = re.compile(r"\|\|\s*([A-Za-z_]\w*)=")
_FARTHEST = 400  # characters from a condition to the exit behind it


def handles(script: str) -> bool:
    """Whether a script keeps how a command ended, or a function of it looks at that, and ends with it."""
    return "$?" in script and bool(_HANDLES.search(script))


def flags(script: str) -> frozenset[str]:
    """Variables that keep that a command failed (`… || FAILED=1`) and by which the script fails in the end."""
    return frozenset(name for name in set(_KEPT.findall(script)) if _ends_by(name, script))


def _ends_by(name: str, script: str) -> bool:
    for used in re.finditer(rf"\$\{{?{name}\b", script):
        start = script.rfind("\n", 0, used.start()) + 1
        line, _, after = script[start : used.end() + _FARTHEST].partition("\n")
        if re.search(rf"\bexit\s+[\"']?\$\{{?{name}\b", line) or re.match(r"\s*(\[|test\b|\(\().*\bexit\s+[1-9]", line):
            return True
        inside = re.split(r"^\s*fi\b", f"{line}\n{after}", maxsplit=1, flags=re.M)[0]
        if re.match(r"\s*if\b", line) and re.search(r"\bexit\s+[\"']?[1-9$]|\bfalse\s*$", inside, re.M):
            return True
    return False
