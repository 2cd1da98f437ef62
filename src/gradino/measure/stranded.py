"""Classes of a project that nothing makes: what their methods would do never happens."""

import re

from gradino.measure.code import Code
from gradino.measure.python import Module

_SHOWS = re.compile(r"(^|[._])(demo|example|usage|sample|self_?test|test)", re.I)
_ASIDE = re.compile(r"(^|/)(tests?|docs|examples?)/|(^|/)(__init__|test_\w+|\w+_test|conftest)\.py$")
_NAMING = ("*.y*ml", "*.toml", "*.cfg", "*.json", "*.sh", "Dockerfile*", "Makefile")


def stranded(code: Code, module: Module, owner: str) -> bool:
    """Whether a file's class is named nowhere but where the project shows or tests it; or a function that shows one.

    A class that extends another, or that a decorator hands on, may be made by a framework.
    """
    if owner in module.functions and _SHOWS.match(owner):
        return any(stranded(code, module, shown) for shown in module.classes)
    if owner not in module.classes or set(module.classes[owner]) - {"object"} or module.path.endswith(".ipynb"):
        return False
    if module.functions[f"{owner}.<class>"].decorators or _made_here(module, owner):
        return False
    word = re.compile(rf"\b{re.escape(owner)}\b")
    others = (p for p in code.paths if p != module.path and not _ASIDE.search(p))
    named = any(owner in text and word.search(text) for p in others if (text := code.tree.text(p)))
    return not named and not any(owner in code.tree.short(p) for p in code.tree.named(*_NAMING))


def _made_here(module: Module, owner: str) -> bool:
    """Whether the file itself names the class, outside of it and of what only shows how it is used."""
    outside = [f for f in module.functions.values() if not f.name.startswith(f"{owner}.") and not _SHOWS.search(f.name)]
    called = [c for f in outside for c in (*f.calls, *f.decorators)]
    held = any(owner in names for names in module.tables.values()) or any(owner in b for b in module.classes.values())
    return held or any(owner in c.refs or c.name.partition(".")[0] == owner for c in called)
