"""A project file of gradino's own, from the training function and the table that exist; only where it is asked for."""

import ast
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gradino.measure import syntax
from gradino.measure.climb.entry import roots
from gradino.measure.climb.ground import Draft, Ground, NotKnownError
from gradino.measure.scene import tested

FILE = "gradino.toml"
KEYS = ("name", "task", "target", "time", "source", "train")
_CLASSES = re.compile(r"^(\w*Classifier\w*|LogisticRegression\w*|\w*NB|\w*SVC|LinearDiscriminantAnalysis)$")
_NUMBERS = re.compile(r"^(\w*Regressor\w*|\w*Regression|Ridge\w*|Lasso\w*|ElasticNet\w*|\w*SVR)$")
_TEXT = """\
[project]
name = "{name}"
task = "{task}"
target = "{target}"
time = "{time}"

[data]
source = "{source}"

[training]
train = "{train}"
"""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """A function (frame) -> fitted estimator, the column that it learns, and the kind of task; empty where unseen."""

    train: str
    target: str
    task: str


def write(ground: Ground, told: Mapping[str, str]) -> Draft:
    """The project file; `told` are values that somebody gave.

    Raises:
        NotKnownError: there is one, or a value is neither given nor to be seen.
    """
    if ground.folder:
        raise NotKnownError(f"{ground.folder}/ is one of several projects of a repository")
    if FILE in ground.files:
        raise NotKnownError(f"{FILE} is there already")
    values = {"name": re.sub(r"[^\w.-]+", "-", ground.name).strip("-._") or "project"} | dict(told)
    if "train" not in values or "target" not in values or "task" not in values:
        values = _filled(_trainer(ground, values.get("train", ""))) | values
    if "target" in values and "source" not in values:
        values["source"] = _table(ground, values["target"])
    if "source" in values and "time" not in values:
        values["time"] = _time(ground, values["source"])
    if missing := [k for k in KEYS if not values.get(k)]:
        found = ", ".join(f"{k} = {v}" for k, v in values.items() if v)
        raise NotKnownError(
            f"{', '.join(missing)} cannot be seen in the files (found: {found}); give --set {missing[0]}=…"
        )
    text = _TEXT.format(**{k: v.replace("\\", "\\\\").replace('"', '\\"') for k, v in values.items()})
    does = f"names {values['train']} and {values['source']}, so that gradino up runs the project"
    left = (
        'uv add "gradino[operate]", then uv lock: runs happen in the locked environment',
        "gradino up, to operate it",
    )
    rests = [
        p for p in (values["source"], f"{values['train'].partition(':')[0].replace('.', '/')}.py") if p in ground.files
    ]
    return Draft({FILE: text}, {FILE: does}, tuple(rests), left)


def _filled(found: _Recipe) -> dict[str, str]:
    return {k: v for k, v in (("train", found.train), ("target", found.target), ("task", found.task)) if v}


def _trainer(ground: Ground, named: str) -> _Recipe:
    """The one function that takes a frame and returns what it fitted."""
    found = [r for r in _functions(ground) if named in ("", r.train)]
    if named and not found:
        return _Recipe(named, "", "")
    if len(found) != 1:
        said = ", ".join(r.train for r in found[:4]) if found else "none"
        raise NotKnownError(
            f"one function that takes a table and returns the estimator that it fitted was looked for; found: {said}."
            " Give --set train=module:function"
        )
    return found[0]


def _functions(ground: Ground) -> Iterator[_Recipe]:
    for path in sorted(ground.scene.training_files):
        if path.endswith(".ipynb") or tested(path) or roots(ground, path) - {"", "."}:
            continue
        parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
        try:
            tree = syntax.tree(ground.files.text(path) or "")
        except (SyntaxError, ValueError, RecursionError):
            continue
        if not all(part.isidentifier() for part in parts):
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and _takes_one(node) and (found := _fitted(node)):
                yield _Recipe(f"{'.'.join(parts)}:{node.name}", *found)


def _takes_one(node: ast.FunctionDef) -> bool:
    takes = node.args
    needed = len(takes.posonlyargs) + len(takes.args) - len(takes.defaults)
    return needed == 1 and all(d is not None for d in takes.kw_defaults) and not takes.vararg


def _fitted(node: ast.FunctionDef) -> tuple[str, str] | None:
    """(target, task) of a function that returns what it fitted; None where it does not."""
    fits = [
        c
        for c in ast.walk(node)
        if isinstance(c, ast.Call) and isinstance(c.func, ast.Attribute) and c.func.attr == "fit"
    ]
    made = {
        t.id: a.value for a in ast.walk(node) if isinstance(a, ast.Assign) for t in a.targets if isinstance(t, ast.Name)
    }
    for fit in fits:
        if len(fit.args) < 2 or not isinstance(fit.func, ast.Attribute):
            continue
        for back in (r.value for r in ast.walk(node) if isinstance(r, ast.Return)):
            whole = made.get(back.id) if isinstance(back, ast.Name) else back
            itself = (
                isinstance(back, ast.Name) and isinstance(fit.func.value, ast.Name) and back.id == fit.func.value.id
            )
            if whole is fit or itself:
                return _column(fit.args[1], made), _task(node)
    return None


def _column(node: ast.expr, made: Mapping[str, ast.expr]) -> str:
    """The column that an expression takes from a frame."""
    if isinstance(node, ast.Name):
        node = made.get(node.id, node)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr
    key = node.slice if isinstance(node, ast.Subscript) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and node.args:
        key = node.args[0]
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""


def _task(node: ast.FunctionDef) -> str:
    names = [n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    names += [n.func.attr for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    kinds = {
        k for n in names for k, known in (("classification", _CLASSES), ("regression", _NUMBERS)) if known.match(n)
    }
    kinds -= {"regression"} if any(n.startswith("LogisticRegression") for n in names) else set()
    return kinds.pop() if len(kinds) == 1 else ""


def _table(ground: Ground, target: str) -> str:
    """The one committed table that has the target."""
    found = [p for p in ground.files.named("*.csv") if target in next(iter(_rows(ground, p)), [])]
    return found[0] if len(found) == 1 else ""


def _rows(ground: Ground, path: str) -> list[list[str]]:
    raw = ground.files.data(path) or b""
    return list(csv.reader(raw[:20_000].decode("utf-8", errors="replace").splitlines()[:21]))


def _time(ground: Ground, source: str) -> str:
    """The one column of a committed table whose values are moments."""
    head, *rows = _rows(ground, source) or [[]]
    found = [name for i, name in enumerate(head) if rows and all(_moment(r[i]) for r in rows if len(r) == len(head))]
    return found[0] if len(found) == 1 else ""


def _moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return not text.isdigit()
