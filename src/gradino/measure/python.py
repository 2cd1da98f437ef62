"""One Python file as calls by function, read from its syntax tree. Nothing is imported or run."""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gradino.measure import syntax
from gradino.measure.syntax import dotted, literal

BODY, MAIN = "<body>", "<main>"
_DEEPEST = 200
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_TOOL = re.compile(
    r"^(gcloud|aws|az|docker|kubectl|helm|terraform|dvc|make|bash|sh|mlflow|databricks|anyscale|kaggle|cdk|sam|fly|flyctl|sbatch|qsub|sky|ray|modal|runpodctl|vastai)$"
)


class Call(msgspec.Struct, frozen=True):
    """A call: its dotted `name` with imports resolved, the `method` that ends it, and what a reader of the line knows.

    `keywords` maps to the literal's text, to a dictionary's keys, or to nothing; `texts` are the string constants among
    the arguments (an f-string's holes read `{}`), `refs` the names passed, `maker` the call that made the receiver.
    """

    name: str
    method: str
    line: int
    keywords: dict[str, str]
    texts: tuple[str, ...]
    refs: tuple[str, ...]
    maker: str


@dataclass(slots=True)
class Function:
    """A function or method (`Class.method`), or the module's body or main block, with what it calls."""

    name: str
    line: int
    calls: list[Call] = field(default_factory=list)
    decorators: list[Call] = field(default_factory=list)
    refs: list[str] = field(default_factory=list)
    asserts: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)  # conditions on which it raises or exits
    skips: list[str] = field(default_factory=list)  # conditions on which a test skips itself
    puts: list[tuple[str, tuple[str, ...]]] = field(
        default_factory=list
    )  # of a test: what it sets, and names in the value
    raises: bool = False
    endless: bool = False
    returns: set[bool] = field(default_factory=set)  # of each value: is it a constant?
    commands: list[tuple[int, str]] = field(default_factory=list)
    conditional: list[Call] = field(default_factory=list)  # of its calls, those that a condition may leave out
    params: tuple[str, ...] = ()


@dataclass(slots=True)
class Module:
    """A file's imports (alias → dotted name), functions and classes (name → bases)."""

    path: str
    imports: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    shell: list[tuple[int, str]] = field(default_factory=list)
    doc: str = ""
    made: dict[str, str] = field(default_factory=dict)  # name → the call whose value it holds
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)  # name → what it holds a collection of
    skips: dict[str, str] = field(default_factory=dict)  # name of a mark → the condition on which it skips
    packages: frozenset[str] = frozenset()  # top-level names of everything imported
    known: dict[tuple[int, str], list[tuple[str, str]]] = field(default_factory=dict, repr=False)

    def calls(self) -> list[Call]:
        """Every call of the file, decorators included."""
        return [c for f in self.functions.values() for c in (*f.decorators, *f.calls)]


def valid(source: str) -> bool:
    """Whether a piece of text is Python by itself."""
    try:
        syntax.tree(source)
    except _UNREADABLE:
        return False
    return True


def parse(path: str, source: str) -> Module | None:
    """Read a module; None where it is not valid Python (any version that the running interpreter reads, or 2)."""
    if source.startswith("# Databricks notebook source"):
        source = re.sub(r"^[ \t]*[%!].*$", "pass", source, flags=re.M)
    for text in (source, _renewed(source), _filled(source)):
        try:
            reader = _Reader(path, text)
            reader.read(syntax.tree(text))
        except _UNREADABLE:
            continue
        return reader.module
    return None


_PRINT = re.compile(r"^([ \t]*)print[ \t]+(?![(=])(?:>>[^,\n]*,?)?([^\n]*)$", re.M)
_EXCEPT = re.compile(r"^([ \t]*except\b[^\n:]*?),[ \t]*(\w+)[ \t]*:", re.M)


_HOLE = re.compile(r"\{%[^%\n]*%\}|\{\{-?\s*(?:\w+\.)*(\w+)[^{}\n]*\}\}")


def _filled(source: str) -> str:
    """A template of Python with the names of its holes in them."""
    return _HOLE.sub(lambda m: m[1] or "", source)


def _renewed(source: str) -> str:
    """Statements of Python 2 as those of 3, line for line: what a file says, not how it would run."""
    return _EXCEPT.sub(r"\1 as \2:", _PRINT.sub(r"\1print(\2)", source))


_SKIPS = re.compile(r"(^|\.)(skip|skipTest)$")
_SKIPS_IF = re.compile(r"(^|\.)(skipif|skipIf|skipUnless)$")
_EXITS = re.compile(r"(^|\.)(exit|_exit|fail|abort)$")
# Conditions of loops that only a signal ends, and calls that do not return.
_RUNNING = re.compile(r"is_set\(\)|running|shutdown|\bstop|\balive")
_FOREVER = frozenset({"loop_forever", "start_consuming", "run_forever"})
_EVERYTHING = {"AssertionError", "Exception", "BaseException"}
_LAST = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_LEAVES = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop, ast.alias)


class _Reader:
    def __init__(self, path: str, source: str) -> None:
        self.module = Module(path)
        self.lines = source.split("\n")
        self.exits = "exit(" in source
        self.here = self._function(BODY, 1)
        self.owner = ""
        self.depth = 0
        self.guards = 0  # conditions around what is being read
        self.swallowed = False

    def read(self, tree: ast.Module) -> None:
        self.module.doc = ast.get_docstring(tree) or ""
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
            for name in _BLOCKS:
                block = getattr(node, name, ())
                waiting.extend(block if isinstance(block, list) else ())
        self.module.packages = frozenset(name.split(".", 1)[0] for name in self.module.imports.values())
        for statement in tree.body:
            self._visit(statement)

    def _function(self, name: str, line: int) -> Function:
        made = self.module.functions.get(name)
        if made is None:
            made = self.module.functions[name] = Function(name, line)
        return made

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.split(".", 1)[0]
                self.module.imports[name] = alias.name if alias.asname else name
                if not alias.asname and "." in alias.name:
                    self.module.imports.setdefault(alias.name, alias.name)
            return
        base = node.module or ""
        if node.level:
            folders = self.module.path.split("/")[:-1]
            folders = folders[: len(folders) - (node.level - 1)]
            base = "." + ".".join([*folders, *([base] if base else [])])
        for alias in node.names:
            if alias.name == "*":
                self.module.imports.setdefault(f"*{base}", base)
            else:
                self.module.imports[alias.asname or alias.name] = f"{base}.{alias.name}"

    def _visit(self, node: ast.AST) -> None:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            return
        self.depth += 1
        if self.depth > _DEEPEST:
            raise RecursionError
        handler(self, node)
        self.depth -= 1

    def _block(self, statements: Sequence[ast.AST]) -> None:
        """Statements up to the first after which nothing runs."""
        before = self.guards
        for one in statements:
            self._visit(one)
            if isinstance(one, _LAST):
                break
            if isinstance(one, ast.If) and one.body and isinstance(one.body[-1], _LAST):
                self.guards += 1  # what follows runs only where this did not end the block
        self.guards = before

    def _children(self, node: ast.AST) -> None:
        for name in node._fields:
            child: Any = getattr(node, name, None)
            for one in child if type(child) is list else (child,):
                if type(one) in _HANDLERS:
                    self._visit(one)
                    if type(one) in _LAST:
                        break

    def _on_if(self, node: ast.If) -> None:
        test = node.test
        both = (*node.body, *node.orelse)
        if not self.swallowed and any(
            isinstance(n, ast.Raise) or _calls(n, _EXITS) or (self.exits and _fails(n)) for n in both
        ):
            self.here.ends.append(self._said(test))
        if (
            self.here.name == BODY
            and isinstance(test, ast.Compare)
            and isinstance(test.left, ast.Name)
            and test.left.id == "__name__"
        ):
            before, self.here = self.here, self._function(MAIN, node.lineno)
            self._block(node.body)
            self.here = before
        elif isinstance(test, ast.Constant) and not test.value:
            self._block(node.orelse)
        elif "status_code" in self.lines[test.lineno - 1]:  # what is asserted of one answer only accepts any other
            outside, self.swallowed = self.swallowed, True
            self._children(node)
            self.swallowed = outside or any(isinstance(n, ast.Return) or _calls(n, _SKIPS) for n in node.body)
        else:
            if any(_calls(n, _SKIPS) for n in node.body):
                self.here.skips.append(self._said(test))
            self._visit(test)
            self.guards += 1
            self._block(node.body)
            self._block(node.orelse)
            self.guards -= 1

    def _on_classdef(self, node: ast.ClassDef) -> None:
        self.module.classes[node.name] = tuple(self._resolve(dotted(b)) for b in node.bases)
        body = self._function(f"{node.name}.<class>", node.lineno)
        body.decorators.extend(self._call_of(d) for d in node.decorator_list)
        owner, self.owner = self.owner, node.name
        before, self.here = self.here, body
        self._block(node.body)
        self.owner, self.here = owner, before

    def _on_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        inside = self.here.name not in (BODY, MAIN) and not self.here.name.endswith("<class>")
        name = f"{self.owner}.{node.name}" if self.owner else node.name
        made = self._function(name, node.lineno)
        made.decorators.extend(self._call_of(d) for d in node.decorator_list)
        for decorator in node.decorator_list:
            made.skips += filter(None, [self._condition(decorator) or self.module.skips.get(dotted(decorator), "")])
            self._children(decorator)
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        made.params = tuple(a.arg for a in arguments)
        for argument in arguments:
            if (kind := syntax.kind(argument.annotation)) and argument.arg not in self.module.made:
                self.module.made[argument.arg] = self._resolve(kind)
        if inside:
            self.here.refs.append(name)
        before, self.here = self.here, made
        outside, self.swallowed = self.swallowed, False
        guards, self.guards = self.guards, 0
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if isinstance(default, ast.Call):  # what a framework is asked to pass
                self._visit(default)
        self._block(node.body)
        self.here, self.swallowed, self.guards = before, outside, guards

    _on_asyncfunctiondef = _on_functiondef

    def _on_assign(self, node: ast.Assign) -> None:
        self._note_maker(node.targets, node.value)
        if condition := self._condition(node.value):
            self.module.skips.update((dotted(t), condition) for t in node.targets)
        if len(node.targets) == 1:
            self._note_text(node.targets[0], node.value)
        if isinstance(node.value, ast.Dict | ast.List | ast.Tuple):
            members = node.value.values if isinstance(node.value, ast.Dict) else node.value.elts
            held = tuple(self._resolve(dotted(m)) for m in members[:50] if isinstance(m, ast.Name | ast.Attribute))
            self.module.tables.update({dotted(t): held for t in node.targets if held})
        if "test" in self.module.path:
            self.here.puts += [
                self._put(t, node.value) for t in node.targets if isinstance(t, ast.Attribute | ast.Subscript)
            ]
        if any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            self.module.constants["pytestmark"] = self._said(node.value)
        self._children(node)

    def _condition(self, mark: ast.expr) -> str:
        """The condition on which a mark skips a test; empty for any other."""
        if not isinstance(mark, ast.Call) or not mark.args or not (kind := _SKIPS_IF.search(dotted(mark.func))):
            return ""
        return f"not ({self._said(mark.args[0])})" if kind[0].endswith("Unless") else self._said(mark.args[0])

    def _put(self, target: ast.expr, value: ast.expr) -> tuple[str, tuple[str, ...]]:
        key = target.slice if isinstance(target, ast.Subscript) else None
        said = f"{dotted(target)}[{literal(key) or self._resolve(dotted(key))}]" if key else dotted(target)
        names = (dotted(n) for n in ast.walk(value) if isinstance(n, ast.Name | ast.Attribute))
        return said, tuple(dict.fromkeys(self._resolve(n) for n in names))

    def _on_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._note_maker([node.target], node.value)
            self._note_text(node.target, node.value)
        self._children(node)

    def _on_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._note_maker([node.optional_vars], node.context_expr)
        self._children(node)

    def _note_maker(self, targets: list[ast.expr], value: ast.expr) -> None:
        made_by = self._maker(value)
        for target in targets if made_by else ():
            self.module.made[dotted(target)] = made_by

    def _note_text(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name | ast.Attribute) and (text := self._text(value)) is not None:
            self.module.constants[dotted(target)] = text[:300]

    def _text(self, node: ast.expr) -> str | None:
        return syntax.text(node, self.module.constants)

    def _maker(self, value: ast.expr) -> str:
        """The call whose value an expression has, or that of a name it stands for; empty where neither is known."""
        if isinstance(value, ast.Await | ast.NamedExpr):
            return self._maker(value.value)
        if isinstance(value, ast.BoolOp):
            return next(filter(None, map(self._maker, value.values)), "")
        if isinstance(value, ast.IfExp):
            return self._maker(value.body) or self._maker(value.orelse)
        if isinstance(value, ast.Call):
            return self._resolve(dotted(value.func))
        return self.module.made.get(dotted(value), "") if isinstance(value, ast.Name | ast.Attribute) else ""

    def _on_assert(self, node: ast.Assert) -> None:
        if not self.swallowed and not _constant(node.test):
            self.here.asserts.append(self._said(node.test))
        self._children(node)

    def _on_raise(self, node: ast.Raise) -> None:
        self.here.raises = self.here.raises or not self.swallowed
        self._children(node)

    def _on_try(self, node: ast.Try) -> None:
        before, self.swallowed = self.swallowed, self.swallowed or any(_swallows(h) for h in node.handlers)
        self._block(node.body)
        self.swallowed = before
        for block in (node.handlers, node.orelse, node.finalbody):
            self._block(block)

    def _on_list(self, node: ast.List) -> None:
        words = [literal(e) or "{}" for e in node.elts]
        if len(words) >= 2 and words[0] == "{}" and (words[1] == "-m" or words[1].endswith(".py")):
            words[0] = "python"
            self.here.commands.append((node.lineno, " ".join(words)[:2000]))
        elif len(words) >= 2 and _TOOL.match(words[0]) and "{}" not in words[0]:
            self.here.commands.append((node.lineno, " ".join(words)[:2000]))
        self._children(node)

    def _on_return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.here.returns.add(_constant(node.value))
        self._children(node)

    def _on_while(self, node: ast.While) -> None:
        if not isinstance(node.test, ast.Constant):
            self.here.endless = self.here.endless or bool(_RUNNING.search(self._said(node.test)))
            self._children(node)
        elif node.test.value:
            self.here.endless = True
            self._block(node.body)

    def _on_for(self, node: ast.For | ast.AsyncFor) -> None:
        self.here.endless = self.here.endless or self._maker(node.iter).endswith("Consumer")
        self._children(node)

    _on_asyncfor = _on_for

    def _on_call(self, node: ast.Call) -> None:
        if (
            node.args
            and isinstance(node.args[0], ast.IfExp)
            and _EXITS.search(dotted(node.func))
            and not self.swallowed
        ):
            self.here.ends.append(self._said(node.args[0].test))
        made = self._call_of(node)
        self.here.calls.append(made)
        if self.guards:
            self.here.conditional.append(made)
        self.here.endless = self.here.endless or made.method in _FOREVER
        self._children(node)

    def _call_of(self, node: ast.expr) -> Call:
        call = node if isinstance(node, ast.Call) else None
        text = dotted(call.func if call else node)
        keywords: dict[str, str] = {}
        texts: list[str] = []
        refs: list[str] = []
        if call:
            for argument in call.args:
                self._argument(argument, texts, refs)
            for keyword in call.keywords:
                value = literal(keyword.value)
                if isinstance(keyword.value, ast.Name):
                    value = self.module.constants.get(keyword.value.id)
                if isinstance(keyword.value, ast.Dict):
                    value = " ".join(str(k.value) for k in keyword.value.keys if isinstance(k, ast.Constant))
                if keyword.arg:
                    keywords[keyword.arg] = (value or "")[:300]
                self._argument(keyword.value, texts, refs)
        receiver = text.rsplit(".", 1)[0] if "." in text else ""
        maker = self.module.made.get(receiver, "")
        name = self._resolve(text)
        return Call(name, name.rsplit(".", 1)[-1], node.lineno, keywords, tuple(texts), tuple(refs), maker)

    def _argument(self, node: ast.expr, texts: list[str], refs: list[str], depth: int = 0) -> None:
        if depth > 4:
            return
        text = self._text(node)
        if text is not None:
            texts.append(text[:2000])
        if isinstance(node, ast.Name | ast.Attribute):
            refs.append(self._resolve(dotted(node)))
        elif text is not None:
            return
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            for child in node.elts[:50]:
                self._argument(child, texts, refs, depth + 1)
        elif isinstance(node, ast.Dict):
            for value in node.values[:50]:
                self._argument(value, texts, refs, depth + 1)
        elif isinstance(node, ast.Starred):
            self._argument(node.value, texts, refs, depth + 1)
        elif named := _setting(node):
            refs.append(named)

    def _said(self, node: ast.expr) -> str:
        """An expression as the file writes it, on one line."""
        lines = [line.encode() for line in self.lines[node.lineno - 1 : node.end_lineno]] or [b""]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b" ".join(line.strip() for line in lines).decode(errors="ignore")[:300]

    def _resolve(self, name: str) -> str:
        head, dot, rest = name.partition(".")
        called = head.endswith("()")
        found = self.module.imports.get(head.removesuffix("()"))
        return f"{found}{'()' if called else ''}{dot}{rest}" if found else name


def _setting(node: ast.expr) -> str | None:
    """The name of the variable of the environment that an expression reads."""
    if isinstance(node, ast.Subscript) and dotted(node.value).endswith("environ"):
        return literal(node.slice)
    asks = isinstance(node, ast.Call) and dotted(node.func).endswith(("getenv", "environ.get")) and node.args
    return literal(node.args[0]) if isinstance(node, ast.Call) and asks else None


def _constant(node: ast.expr) -> bool:
    """Whether an expression is made of constants only."""
    return not any(isinstance(n, ast.Name | ast.Call | ast.Attribute | ast.Await) for n in ast.walk(node))


def _fails(statement: ast.AST) -> bool:
    """Whether a statement returns the exit code of a failure."""
    value = statement.value if isinstance(statement, ast.Return) else None
    return isinstance(value, ast.Constant) and type(value.value) is int and value.value != 0


def _calls(statement: ast.AST, name: re.Pattern[str]) -> bool:
    """Whether a statement is a call of something by a name."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and bool(name.search(dotted(call.func)))
        and not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in (0, None))
    )


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether an except block catches a failed assertion and goes on as if nothing had happened."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {dotted(c) if c is not None else "BaseException" for c in caught}
    ends = (n for s in handler.body for n in ast.walk(s) if isinstance(n, ast.Raise | ast.Assert | ast.Call))
    return bool(names & _EVERYTHING) and not any(
        not isinstance(n, ast.Call) or re.search(r"fail|exit|abort|skip", dotted(n.func)) for n in ends
    )


_HANDLERS: dict[type, Callable[[_Reader, Any], None]] = {
    kind: getattr(_Reader, f"_on_{kind.__name__.lower()}", _Reader._children)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST) and not issubclass(kind, _LEAVES)
}
