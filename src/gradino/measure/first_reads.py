"""Which file a script certainly reads before anything that it does can have written it.

Statements are followed in their order, into the main block and the function that it calls, up to the first call that
is not known to leave files alone: what is read until then is there from the start, or the script fails.
"""

import ast
import re
from collections.abc import Iterator

from gradino.measure import syntax
from gradino.measure.syntax import dotted

_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_READS = re.compile(
    r"^(open|(pd|pandas|pl)\.read_(csv|parquet|json|excel|pickle|feather)|joblib\.load|pickle\.load|np\.load)$"
)
# Calls that write no file.
_QUIET = re.compile(
    r"^(print|str|int|float|bool|len|dict|list|set|tuple|range|zip|getattr|isinstance|(pathlib\.)?Path|load_dotenv|FastAPI|Flask|"
    r"os\.(getenv|environ\.get|path\.\w+)|(json|yaml|pickle|toml|tomllib)\.(safe_)?loads?|(logging|logger|log|warnings|random|np\.random)\.\w+|"
    r"sys\.path\.\w+|boto3\.\w+|mlflow\.set_\w+|argparse\.ArgumentParser|\w*parser\.(add_argument|parse_args)|\w+\.(read|strip|split|get|items))$"
)  # fmt: skip
_DEEPEST = 3  # functions that call one another


def first_reads(source: str) -> list[str]:
    """The literal paths, in the order in which they are read; relative ones are seen from where the script runs."""
    try:
        body = syntax.tree(source).body
        return list(_Follow(body).through(body, 0))
    except _UNREADABLE:
        return []


class _UnsureError(Exception):
    """From here on, files may have been written."""


class _Follow:
    def __init__(self, body: list[ast.stmt]) -> None:
        self._functions = {s.name: s for s in body if isinstance(s, ast.FunctionDef) and not s.decorator_list}
        self._texts: dict[str, str] = {}

    def through(self, body: list[ast.stmt], depth: int) -> Iterator[str]:
        """Reads of a block; ends where files may have been written."""
        try:
            for statement in body:
                yield from self._one(statement, depth)
        except _UnsureError:
            return

    def _one(self, statement: ast.stmt, depth: int) -> Iterator[str]:
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return
        if isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test):
            for inner in statement.body:
                yield from self._one(inner, depth)
            return
        if isinstance(statement, ast.With):
            for item in statement.items:
                yield from self._calls(item.context_expr, depth)
            for inner in statement.body:
                yield from self._one(inner, depth)
            return
        if not isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign) or statement.value is None:
            raise _UnsureError
        yield from self._calls(statement.value, depth)
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        for target in targets:
            if isinstance(target, ast.Name):
                self._texts.pop(target.id, None)
                if isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str):
                    self._texts[target.id] = statement.value.value

    def _calls(self, value: ast.expr, depth: int) -> Iterator[str]:
        for call in (n for n in ast.walk(value) if isinstance(n, ast.Call)):
            name = dotted(call.func)
            if _READS.match(name):
                if path := self._path(call):
                    yield path
            elif name in self._functions and depth < _DEEPEST and not call.args:
                for statement in self._functions[name].body:
                    yield from self._one(statement, depth + 1)
            elif not _QUIET.match(name):
                raise _UnsureError

    def _path(self, call: ast.Call) -> str:
        """The path that a call reads, where it is written out; a file that is opened to be written is none."""
        mode = next((k.value for k in call.keywords if k.arg == "mode"), call.args[1] if len(call.args) > 1 else None)
        if dotted(call.func) == "open" and isinstance(mode, ast.Constant) and set("wax+") & set(str(mode.value)):
            raise _UnsureError
        first = call.args[0] if call.args else None
        if isinstance(first, ast.Name):
            return self._texts.get(first.id, "")
        return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
