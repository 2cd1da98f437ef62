"""The recipes that a make (or just) target runs."""

import re

from gradino.measure import loops

_TARGET = re.compile(r"^([A-Za-z0-9_.\-/ %]+?)(?:\s+\w+=\S*)*\s*::?(?!=)\s*([^#=]*?)\s*(?:#.*)?$")
_VARIABLE = re.compile(r"^(\w+)[ \t]*[:?+]?=[ \t]*((?:.*\\\n)*.*)$", re.M)
_LOOKED_UP = re.compile(r"^\$\(shell[\s\\(]+(?:command -v|which)\s+([\w.-]+)[\s\S]*")  # where a program lies
_LONGEST = 500  # characters of a rule's head, and of a variable that is put in its place
_MOST = 100_000


def recipes(text: str, wanted: list[str]) -> list[tuple[int, str]]:
    """(line, shell) of the wanted targets and what they depend on; the first target where none is named."""
    rules: dict[str, tuple[int, list[str], list[str]]] = {}
    values = {name: _LOOKED_UP.sub(r"\1", said) for name, said in _VARIABLE.findall(text)}
    current: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(("\t", "    ")) and current:
            for name in current:
                rules[name][2].append(line.strip())
        elif rule := _TARGET.match(line[:_LONGEST]):
            current = [t for t in rule[1].split() if not t.startswith(".")]
            for name in current:
                known = rules.get(name)
                rules[name] = (number, (known[1] if known else []) + rule[2].split(), known[2] if known else [])
        elif line.strip() and not re.match(r"#|(ifn?(def|eq)|else|endif)\b", line):
            current = []
    found: list[tuple[int, str]] = []
    waiting = wanted or list(rules)[:1]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in rules:
            continue
        seen.add(name)
        number, needs, lines = rules[name]
        waiting = [*needs, *waiting]
        body = "\n".join(
            line.lstrip("@+").removeprefix("-") + (" || true" if line.startswith("-") else "") for line in lines
        )
        found.append((number + 1, loops.unrolled(_expand(body, values), strict=".SHELLFLAGS" in text)))
    return found


def _expand(text: str, values: dict[str, str]) -> str:
    text = re.sub(r"\$[({]MAKE[)}]", "make", text)
    for _ in range(3):
        text = re.sub(r"\$[({](\w+)[)}]", lambda m: values.get(m[1], m[0])[:_LONGEST], text)[:_MOST]
    return text.replace("$$", "$")
