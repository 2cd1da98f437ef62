"""What starting a program imports, statement by statement: a circle that cannot close, a package that is not there.

Only what certainly runs is followed: imports at the top of a module. One inside `try`, `if` or a function may be meant
to fail, or never come; what such a statement binds counts as bound.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gradino.measure import syntax
from gradino.measure.code import Code

_MOST = 200  # modules of one program
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


_GENERATED = re.compile(r"_pb2(_grpc)?$|version$")


class FailsError(Exception):
    """The import of a program fails, and why."""


class _UnsureError(Exception):
    """A name may or may not be there: nothing can be said of this program."""


_TAKES = re.compile(r"^from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n\\]*)", re.M)
_MAKES_NAMES = re.compile(
    r"import[ \t]+\*|__getattr__|globals\(\)|\bexec\(|sys\.modules|collect_ignore|allow_module_level"
)


def absent(code: Code, path: str) -> str:
    """A name that a file takes, at its top, from a module of the repository whose text does not hold it; else empty."""
    text, module = code.tree.short(path), code.module(path)
    known = set(module.imports.values()) if module else set()
    for taken in _TAKES.finditer(text) if known and not _MAKES_NAMES.search(text) else ():
        if _lacks(code, taken[1], path):
            return f"it imports {taken[1]}, which is not there"
        for name in re.findall(r"\w+(?=\s*(?:,|\)|#|$|as\b))", re.sub(r"\bas\s+\w+|#.*", "", taken[2])):
            where, rest = code.find(f"{taken[1]}.{name}", path)
            if "." not in taken[1] or rest != name or not where.endswith(".py") or f"{taken[1]}.{name}" not in known:
                continue
            there = code.tree.text(where) or ""
            if re.search(rf"\b{name}\b", there) or _MAKES_NAMES.search(there):
                continue
            end = where.removesuffix(".py").removesuffix("/__init__")
            alike = [p for p in code.paths if f"/{p}".endswith(f"/{taken[1].replace('.', '/')}{where[len(end) :]}")]
            folder = code.tree.holds(f"{end}/{name}") or code.tree.holds(f"{end}/{name}.py")
            if len(alike) == 1 and not folder:
                return f"it imports {name} from {where}, where there is none"
    return ""


def _lacks(code: Code, name: str, path: str) -> bool:
    """Whether a module is of a package of the repository that has no such part, in no language, nor makes one."""
    head, _, rest = name.partition(".")
    package, left = code.find(head, path) if head and rest and not _GENERATED.search(name) else ("", "")
    if left or package not in (f"{head}/__init__.py", f"src/{head}/__init__.py"):
        return False
    part = f"{head}/{rest.partition('.')[0]}"
    other = [p for p in code.tree.sizes if f"/{p}".endswith(f"/{head}/__init__.py") and p != package]
    there = any(f"/{part}{end}" in f"/{p}" for p in code.tree.sizes for end in "./")
    behind = code.tree.holds(f"{package.removesuffix(f'{head}/__init__.py')}{part}")  # a link, or a submodule
    return not (other or there or behind or "path" in (code.tree.text(package) or ""))


@dataclass(slots=True)
class Program:
    """A program that starts with one file. `files` maps each path where it runs to the repository's path."""

    files: Mapping[str, str]
    roots: tuple[str, ...]  # folders in which it looks for modules, without a slash at the end
    text: Callable[[str], str | None]
    lacks: Callable[[str], bool]  # whether a package that is imported is certainly not installed
    script: bool = False  # whether it starts as a script: imported again by its name, it is another module
    whole: bool = False  # whether `files` are all that there is of the project
    _bound: dict[str, set[str]] = field(default_factory=dict)
    _going: list[str] = field(default_factory=list)
    _folders: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        ends = (p.rsplit("/", n)[0] for p in self.files for n in range(1, p.count("/") + 1))
        self._folders = frozenset(ends)

    def fault(self, path: str) -> str:
        """Why starting `path` (where it runs) fails; empty where it may work."""
        try:
            self._load(path)
        except FailsError as error:
            return str(error)
        except (_UnsureError, *_UNREADABLE):
            pass
        return ""

    def _load(self, path: str) -> None:
        if path in self._bound:
            return
        if len(self._bound) >= _MOST:
            raise _UnsureError
        bound = self._bound[path] = {"__name__", "__file__", "__doc__", "__path__"}
        self._going.append(path)
        for statement in syntax.tree(self.text(self.files[path]) or "").body:
            if isinstance(statement, ast.Import):
                for name in statement.names:
                    self._module(name.name, path)
            elif isinstance(statement, ast.ImportFrom):
                self._from(statement, path)
            bound |= _binds(statement)
        self._going.remove(path)

    def _from(self, statement: ast.ImportFrom, path: str) -> None:
        name = statement.module or ""
        if statement.level:
            base = path.split("/")[: -statement.level]
            found = self._named("/".join(base), name)
        else:
            found = self._module(name, path)
        if found is None:
            return
        folder = found.removesuffix("/__init__.py") if found.endswith(("/__init__.py", "/")) else ""
        for alias in statement.names:
            inner = f"{folder.rstrip('/')}/{alias.name}" if folder else ""
            module = next((p for p in (f"{inner}.py", f"{inner}/__init__.py") if inner and p in self.files), "")
            if alias.name == "*":
                raise _UnsureError
            if found in self._going and alias.name not in self._bound[found] and not module:
                twice = self.script and found == self._going[0]
                if twice or "__getattr__" in self._bound[found] or (inner and inner in self._folders):
                    raise _UnsureError
                here, there = self.files[path], self.files[found]
                raise FailsError(f"{here} imports {alias.name} from {there}, which is still being imported")
            if module and alias.name not in self._bound.get(found, ()):
                self._load(module)

    def _module(self, name: str, path: str) -> str | None:
        """Import a dotted name as far as it is the repository's; the file, or folder with a slash, that it ends at."""
        head = name.partition(".")[0]
        for root in self.roots:
            if (found := self._named(root, name)) is not None:
                return found
            if f"{root}/{head}" in self._folders or f"{root}/{head}.py" in self.files:
                own = f"{root}/{head}/__init__.py" in self.files  # hides any other of its name
                if self.whole and (own or self.lacks(head)) and not _GENERATED.search(name):
                    raise FailsError(f"{self.files[path]} imports {name}, which is not there")
                raise _UnsureError  # a part of it is there
        if self.lacks(head):
            raise FailsError(f"{self.files[path]} imports {head}, which is not there")
        return None

    def _named(self, base: str, name: str) -> str | None:
        place, found = base, None
        for part in name.split(".") if name else ():
            place = f"{place}/{part}"
            found = next((p for p in (f"{place}/__init__.py", f"{place}.py") if p in self.files), None)
            if found is None and place not in self._folders:
                return None
            if found:
                self._load(found)
        if not name and f"{base}/__init__.py" in self.files:
            return f"{base}/__init__.py"
        return found or f"{place}/"


def _binds(statement: ast.stmt) -> set[str]:
    """Names that a statement may bind in its module."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).partition(".")[0] for a in node.names}
            if any(a.name == "*" for a in node.names):
                raise _UnsureError
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found
