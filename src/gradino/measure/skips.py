"""On what a test waits before it runs: a file, a variable, a server; without it the test skips itself."""

import re

from gradino.measure.code import Code
from gradino.measure.python import Function, Module

_THERE = re.compile(r"not\s+\(?(?:Path\(|os\.path\.)?([\w.]+)\)?\.(?:exists|is_file|is_dir)\(\)")
_THERE_TOO = re.compile(r"not\s+\(?os\.path\.(?:exists|isfile|isdir)\(([^()]*)\)")
_NAMED = re.compile(r"not\s+\(?(?:Path\(|os\.path\.\w+\()[\"']([^\"']+)[\"']")
_VARIABLE = re.compile(
    r"(?:getenv\(|environ\.get\(|environ\[|(?=[\"']\w+[\"']\s+(?:not\s+)?in\s+os\.environ))\s*[\"'](\w+)[\"'](\s*,)?"
)
_WANTED = re.compile(r"\bnot\b|!=|\bis None")
_HOSTED = frozenset({"CI", "GITHUB_ACTIONS", "GITLAB_CI"})  # what the machines of a CI service set
_OPTION = re.compile(r"getoption\(\s*[\"'](--[\w-]+)[\"']")
_CALLED = re.compile(r"not\s+\(?(?:await\s+)?([\w.]+)\(")
_ASKS = re.compile(r"^(requests|httpx|urllib\.request|socket)\.|\.connect(_ex)?$")


def waits(code: Code, module: Module, functions: list[Function], marks: frozenset[str]) -> frozenset[str]:
    """What a test and its fixtures wait for: `file …`, `variable …`, `option …`, `server`, or `nothing hosted`."""
    found = _options(code, module.path, marks)
    for condition in (c for f in functions for c in f.skips):
        for variable, default in _VARIABLE.findall(condition):
            if variable in _HOSTED:
                found |= set() if _WANTED.search(condition) else {"nothing hosted"}
            elif not default and _WANTED.search(condition):
                found.add(f"variable {variable}")
        found |= {f"option {o}" for o in _OPTION.findall(condition) if _WANTED.search(condition)}
        path = _path(code, module, condition)
        if path and not code.tree.holds(path):
            found.add(f"file {path}")
        called = _CALLED.match(condition)
        helper = module.functions.get(called[1]) if called else None
        if helper and any(_ASKS.search(c.name) for c in helper.calls):
            found.add("server")
    return frozenset(found)


def _options(code: Code, path: str, marks: frozenset[str]) -> set[str]:
    """Options of the command line without which a conftest skips what bears a mark."""
    folders = [path.rsplit("/", n)[0] for n in range(1, path.count("/") + 1)]
    for place in (*(f"{f}/conftest.py" for f in folders), "conftest.py") if marks else ():
        text = code.tree.short(place) if place in code.tree else ""
        marked = set(re.findall(r"[\"'](\w+)[\"'] in item\.keywords|get_closest_marker\([\"'](\w+)", text))
        if "getoption" in text and marks & {a or b for a, b in marked}:
            return {f"option {o}" for o in re.findall(r"addoption\(\s*[\"'](--[\w-]+)", text)[:1]}
    return set()


def _path(code: Code, module: Module, condition: str) -> str:
    """The file without which a test does not run; empty where the condition names none."""
    if said := _NAMED.search(condition):
        return said[1]
    name = _THERE.search(condition) or _THERE_TOO.search(condition)
    return _value(code, module, name[1]) if name else ""


def _value(code: Code, module: Module, name: str) -> str:
    """The path that a name holds, here or where it is imported from."""
    text = module.constants.get(name, "")
    root, _, field = name.partition(".")
    if not text and root in module.imports:  # a constant, or a field of settings
        path, rest = code.find(module.imports[root], module.path)
        other = code.module(path) if path else None
        text = other.constants.get(field or rest, "") if other else ""
    return text if re.fullmatch(r"[\w./-]+\.\w+", text) else ""
