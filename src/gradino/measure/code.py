"""The project's Python as a graph: from a file or function to everything it would run."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gradino.measure import hollow, notebooks, python
from gradino.measure.python import BODY, MAIN, Call, Function, Module
from gradino.measure.tree import Tree, ours

_MOST_FUNCTIONS = 600
_DEEPEST = 4  # bases above a class
# What frameworks hang on a function of the project to run it: the function behind it is what runs.
_WRAPPED = re.compile(
    r"(\(\)|\.(fn|with_options|with_config|options|override|partial|remote|submit|map|expand|delay|apply_async|"
    r"create_snapshot|s|si))+$"
)
_LOOK_AT = frozenset(
    {"callable", "hasattr", "isinstance", "issubclass", "type", "inspect.signature", "inspect.getsource"}
)
# Libraries by whose names projects like to call a file of their own.
_OUTSIDE = frozenset(
    {"mlflow", "wandb", "airflow", "prefect", "dagster", "evidently", "bentoml", "sagemaker", "kfp", "celery", "redis", "kafka",
     "fastapi", "streamlit", "boto3", "torch", "sklearn", "xgboost", "lightgbm", "dvc", "feast", "ray", "tensorflow", "keras"}
)  # fmt: skip
_COMMON = frozenset(
    {"get", "run", "main", "read", "write", "close", "open", "items", "append", "format", "join", "split", "load", "save",
     "update", "add", "set", "call", "init", "setup", "start", "stop", "create", "delete", "execute", "submit", "keys",
     "values", "pop", "copy", "forward", "step", "log", "info", "debug", "error", "warning", "strip", "replace", "apply",
     "map", "filter", "transform", "mean", "sum", "count", "head", "group", "sort", "index", "list", "print", "exists"}
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Code:
    """Modules by path, parsed when first asked for."""

    tree: Tree
    paths: tuple[str, ...] = ()
    _modules: dict[str, Module | None] = field(default_factory=dict)
    _suffixes: dict[str, list[str]] = field(default_factory=dict)
    _found: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    _imports: dict[str, list[str]] = field(default_factory=dict)
    _entered: dict[tuple[int, str], list[tuple[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.paths = tuple(p for p in self.tree.sizes if p.endswith((".py", ".ipynb")) and ours(p))
        for path in self.paths:
            stem = path.rsplit(".", 1)[0].removesuffix("/__init__")
            parts = stem.split("/")
            for i in range(len(parts)):
                self._suffixes.setdefault(".".join(parts[i:]), []).append(path)

    def module(self, path: str) -> Module | None:
        """The module at `path`; None where there is none or it is not valid."""
        if path not in self._modules:
            text = self.tree.text(path)
            if text is None:
                self._modules[path] = None
            else:
                reader = notebooks.parse if path.endswith(".ipynb") else python.parse
                self._modules[path] = reader(path, text)
                if self._modules[path] is None:
                    self.tree.notes.append(f"{path}: not valid Python, not read")
        return self._modules[path]

    def holding(self, *words: str) -> Iterator[Module]:
        """Modules whose text holds one of the words, parsed; the others are never parsed."""
        for path in self.paths:
            text = self.tree.text(path)
            if text and any(map(text.__contains__, words)):
                module = self.module(path)
                if module is not None:
                    yield module

    def find(self, name: str, near: str = "") -> tuple[str, str]:
        """The file that holds the dotted `name`, and what is left of the name inside it; empty where none does."""
        folder = near.rsplit("/", 1)[0] if "/" in near else ""
        if (name, folder) not in self._found:
            self._found[name, folder] = self._find(name, folder)
        return self._found[name, folder]

    def _find(self, name: str, folder: str) -> tuple[str, str]:
        relative = name.startswith(".")
        parts = name.lstrip(".").split(".")
        for cut in range(len(parts), 0, -1):
            found = self._suffixes.get(".".join(parts[:cut]))
            if found and not relative and parts[0] in _OUTSIDE:
                found = [p for p in found if not self._inside(p, cut)]
            if found:
                full = "/".join(parts[:cut])
                if relative:
                    found = [p for p in found if p in (f"{full}.py", f"{full}/__init__.py")] or found
                best = max(found, key=lambda p: (_shared(p, folder), -p.count("/"), p))
                return best, ".".join(parts[cut:])
        return "", ""

    def _inside(self, path: str, depth: int) -> bool:
        """Whether a file lies in a package of the project's, so that its last `depth` names alone do not import it."""
        above = path.removesuffix("/__init__.py").rsplit("/", depth)
        return len(above) > depth and f"{above[0]}/__init__.py" in self.tree

    def file(self, path: str, near: str = "") -> str:
        """The repository's file that a script, string or option names, or an empty string."""
        path = path.strip().removeprefix("./").replace("\\", "/")
        folder = near.rsplit("/", 1)[0] + "/" if "/" in near else ""
        for candidate in (folder + path, path):
            if candidate in self.tree:
                return candidate
        absolute = path.startswith("/")
        while path.startswith(("../", "{}/", "/", "$")):
            path = path.partition("/")[2]
        if not path or "{}" in path:
            return ""
        found = [p for p in self.tree.sizes if p == path or p.endswith("/" + path)]
        while not found and path.count("/") > (1 - absolute):  # folders that only the machine that runs it has
            path = path.partition("/")[2]
            found = [p for p in self.tree.sizes if p == path or p.endswith("/" + path)]
        return max(found, key=lambda p: (_shared(p, folder), -p.count("/"), p)) if found else ""

    def reach(
        self, path: str, names: Iterable[str] = (BODY, MAIN), words: Iterable[str] = ()
    ) -> Iterator[tuple[Module, Function]]:
        """Every function that running `names` of the file would call, as far as names tell.

        `words` are command-line arguments: where one of them names a command of the file, only that command runs.
        """
        seen: set[tuple[str, str]] = set()
        start = [(path, n) for n in names]
        module = self.module(path)
        if module is not None and (chosen := _commands(module, words)):
            start = [(path, BODY), *((path, c) for c in chosen)]
        elif module is not None and any(n in (BODY, MAIN) for n in names):
            start += [(path, f.name) for f in module.functions.values() if _entry(f)]
        waiting = start[::-1]
        while waiting and len(seen) < _MOST_FUNCTIONS:
            here = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            module = self.module(here[0])
            function = module.functions.get(here[1]) if module else None
            if module is None or function is None:
                continue
            yield module, function
            if here[1] in (BODY, MAIN):
                waiting.extend((p, BODY) for p in self._imported(module) if (p, BODY) not in seen)
            before = (d for d in function.decorators if d.name.startswith(("invoke.", "fabric.")))
            for call in (*function.calls, *before):  # tasks that a task names run with it
                waiting.extend(t for t in self.targets(module, function, call) if t not in seen)
            waiting.extend((here[0], r) for r in function.refs)

    def beside(self, module: Module) -> list[str]:
        """Files that a module imports, and those in the packages among them."""
        found = self._imported(module)
        folders = tuple(p.removesuffix("__init__.py") for p in found if p.endswith("/__init__.py"))
        return [p for p in self.paths if p in found or p.startswith(folders or ("\n",))]

    def _imported(self, module: Module) -> list[str]:
        if module.path not in self._imports:
            found = {self.find(name, module.path)[0] for name in module.imports.values()}
            self._imports[module.path] = sorted(p for p in found if p and p != module.path and p.endswith(".py"))
        return self._imports[module.path]

    def targets(self, module: Module, function: Function, call: Call) -> list[tuple[str, str]]:
        """The project's own functions that a call may enter, callbacks passed to it included."""
        key = (id(call), module.path)
        if key not in self._entered:
            self._entered[key] = self._targets(module, function, call)
        return self._entered[key]

    def _targets(self, module: Module, function: Function, call: Call) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for name in (call.name, *(() if call.name in _LOOK_AT else call.refs)):
            found += self._named(module, function, name, call.maker if name == call.name else "")
        if call.method == "invoke":  # a command-line tool, asked as from a terminal
            places = {self.find(ref, module.path)[0] for ref in call.refs}
            others = (m for p in sorted(places) if p.endswith(".py") and (m := self.module(p)))
            found += [(m.path, f.name) for m in others for f in m.functions.values() if _entry(f)]
        for text in call.texts:
            if text.endswith((".py", ".ipynb")) and len(text) < 200:
                script = self.file(text.split()[-1], module.path)
                if script and script != module.path:
                    found += [(script, BODY), (script, MAIN)]
            elif "." in text and len(text) < 120 and re.fullmatch(r"[A-Za-z_][\w.]*", text):
                script, rest = self.find(text, module.path)
                if script and not rest and script != module.path:
                    found += [(script, BODY), (script, MAIN)]
        return found

    def _named(self, module: Module, function: Function, name: str, maker: str) -> list[tuple[str, str]]:
        name = _WRAPPED.sub("", name)
        if name in module.functions:
            return [(module.path, name)]
        if name in module.classes:
            return self._made(module, name)
        if name in module.tables:
            return [t for held in module.tables[name] if held != name for t in self._named(module, function, held, "")]
        head, _, rest = name.partition(".")
        if head in ("self", "cls", "super()") and "." in function.name and rest:
            owner = function.name.split(".", 1)[0]
            if found := self._method(module, owner, rest, above=head == "super()"):
                return found
        for dotted in (name, f"{maker}.{name.rsplit('.', 1)[-1]}" if maker else ""):
            dotted = dotted.replace("()", "")
            if dotted in module.functions:
                return [(module.path, dotted)]
            owner, _, rest = dotted.partition(".")
            found = self._method(module, owner, rest) if owner in module.classes else []
            found = found or (self.elsewhere(module, dotted) if dotted else [])
            if found:
                return found
        method = name.rsplit(".", 1)[-1]
        if "." in name and method not in _COMMON and not method.startswith("__"):
            near = [(module.path, f) for f in module.functions if f.endswith(f".{method}")]
            if near:
                return near
            for path in self._imported(module):
                other = self.module(path)
                near += [(path, f) for f in (other.functions if other else ()) if f.endswith(f".{method}")]
            return near
        return []

    def _held(self, module: Module, name: str) -> list[tuple[str, str]]:
        """What a name in a table stands for: a function or class of the module, or of another."""
        if name in module.functions:
            return [(module.path, name)]
        return self._made(module, name) if name in module.classes else self.elsewhere(module, name)

    def _made(self, module: Module, name: str) -> list[tuple[str, str]]:
        """What making an object of a class may run: itself, and what its bases in the project will call of it."""
        found = [(module.path, f"{name}.__init__"), (module.path, f"{name}.<class>")]
        for base, above in self._bases(module, name):
            asked = [f for f in base.functions if f.startswith(f"{above}.") and not f.endswith(("__", "<class>"))]
            own = (f"{name}.{f.partition('.')[2]}" for f in asked)
            found += [(module.path, f) for f in own if f in module.functions]
            found.append((base.path, f"{above}.__init__"))
        return found

    def _method(self, module: Module, owner: str, name: str, above: bool = False) -> list[tuple[str, str]]:
        """A method of a class, or what it inherits under that name; `above`: leave out the class itself."""
        if not above and f"{owner}.{name}" in module.functions:
            return [(module.path, f"{owner}.{name}")]
        bases = self._bases(module, owner)
        return next(([(b.path, f"{c}.{name}")] for b, c in bases if f"{c}.{name}" in b.functions), [])

    def method(self, module: Module, owner: str, name: str) -> list[tuple[str, str]]:
        """The method of a class, of this module or another of the project, as a module calls that class."""
        return (
            self._method(module, owner, name) if owner in module.classes else self.elsewhere(module, f"{owner}.{name}")
        )

    def idle(self, module: Module, function: Function, call: Call) -> bool:
        """Whether a call enters only functions of the project's own that do nothing but talk."""
        entered = self._named(module, function, call.name, call.maker)
        known = [(self.module(p), n) for p, n in entered]
        inside = [m.functions[n] for m, n in known if m is not None and n in m.functions]
        mute = (hollow.talks(f) and not f.decorators and False not in f.returns for f in inside)
        return bool(inside) and len(inside) == len(entered) and all(mute)

    def _bases(self, module: Module, owner: str, depth: int = 0) -> list[tuple[Module, str]]:
        """The classes of the project that a class extends, the nearest first."""
        found: list[tuple[Module, str]] = []
        for base in module.classes.get(owner, ()) if depth < _DEEPEST else ():
            path, name = (module.path, base) if base in module.classes else self.find(base, module.path)
            other = self.module(path) if path else None
            if other is not None and name in other.classes and (path, name) != (module.path, owner):
                found += [(other, name), *self._bases(other, name, depth + 1)]
        return found

    def elsewhere(self, module: Module, dotted: str) -> list[tuple[str, str]]:
        """File and function of the project that a dotted name stands for, as seen from a module."""
        head = dotted.partition(".")[0]
        if head and head not in module.packages and not any(name.startswith("*") for name in module.imports):
            return []  # a variable, whatever file is called so
        path, rest = self.find(dotted, module.path)
        if not path or path == module.path:
            return []
        other = self.module(path)
        if other is None:
            return []
        for _ in range(3):
            if rest in other.functions:
                return [(other.path, rest)]
            head, _, method = rest.partition(".")
            if rest in other.classes:
                return self._made(other, rest)
            if head in other.classes:
                return self._method(other, head, method)
            if rest in other.tables:
                return [t for held in other.tables[rest] for t in self._held(other, held)]
            again = other.imports.get(head) if head else None
            if not again:
                break
            path, rest = self.find(again + rest[len(head) :], other.path)
            following = self.module(path) if path else None
            if following is None or following is other:
                break
            other = following
        last = dotted.rsplit(".", 1)[-1]  # a package may export a function by the name of the module that holds it
        return [(other.path, last if last in other.functions else BODY)] if rest == "" else []


def _shared(path: str, folder: str) -> int:
    """How many leading folders two paths share."""
    count = 0
    for a, b in zip(path.split("/")[:-1], folder.strip("/").split("/"), strict=False):
        if a != b:
            break
        count += 1
    return count


def _entry(function: Function) -> bool:
    """Whether a decorator makes a function run with its file: a command, a flow, a pipeline."""
    return any(
        d.method
        in (
            "command",
            "main",
            "flow",
            "pipeline",
            "hydra_main",
            "callback",
            "remote",
            "local_entrypoint",
            "dag",
            "on_event",
        )
        for d in function.decorators
    )


def _commands(module: Module, words: Iterable[str]) -> list[str]:
    """Commands of a file that the arguments name."""
    wanted = {w.replace("-", "_") for w in words if re.fullmatch(r"[A-Za-z][\w-]+", w)}
    if not wanted:
        return []
    marked = [f.name for f in module.functions.values() if f.name in wanted and _entry(f)]
    fired = any(c.name.startswith("fire.") for f in module.functions.values() for c in f.calls)
    return marked or ([n for n in module.functions if n.rpartition(".")[2] in wanted] if fired else [])
