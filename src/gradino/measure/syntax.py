"""Python's text as a syntax tree, and the words of an expression in it."""

import ast
import re
import warnings

_MOST_REPAIRS = 60
_MOST_READ = 3_000_000  # characters, all attempts at one file together


def tree(source: str) -> ast.Module:
    """The syntax tree; lines that only a newer Python reads are replaced, one by one."""
    lines = source.split("\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(min(_MOST_REPAIRS, _MOST_READ // (len(source) + 1))):
            try:
                return ast.parse("\n".join(lines))
            except SyntaxError as error:
                number = (error.lineno or 0) - 1
                if not 0 <= number < len(lines):
                    raise
                before = lines[number]
                lines[number] = _older(before)
                if lines[number] == before:
                    raise
        return ast.parse("\n".join(lines))


def _older(line: str) -> str:
    """A line of Python 3.12 or later as an older one would put it, as far as calls and names go."""
    changed = re.sub(r"(?<!\{)\{[^{}]+\}(?!\})", "{x}", line) if re.search(r"\b[rR]?[fF][rR]?[\"']", line) else line
    changed = re.sub(r"^(\s*(?:async\s+def|def|class)\s+\w+)\[[^\]]*\]", r"\1", changed)
    changed = re.sub(r"^(\s*)type\s+(\w+)(\[[^\]]*\])?\s*=", r"\1\2 =", changed)
    return re.sub(r"^(\s*except)\s+([\w.]+\s*,[\w.,\s]+):", r"\1 (\2):", changed)


def dotted(node: ast.AST) -> str:
    """The textual name of an expression: `a.b.c`, `a().b`, `?` where it has none."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        elif isinstance(node, ast.Call):
            inner = dotted(node.func)
            parts.append(f"{inner}()")
            break
        elif isinstance(node, ast.Subscript | ast.Await):
            node = node.value
        else:
            parts.append("?")
            break
    return ".".join(reversed(parts))


def literal(node: ast.AST) -> str | None:
    """A constant's text; an f-string or concatenation with `{}` for what is not constant; else None."""
    if isinstance(node, ast.Constant):
        return str(node.value) if not isinstance(node.value, bytes) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(v) or "{}" if isinstance(v, ast.Constant) else "{}" for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div | ast.Mod):
        left, right = literal(node.left), literal(node.right)
        if isinstance(left, str) or isinstance(right, str):
            return f"{left if left is not None else '{}'}{right if right is not None else '{}'}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return literal(node.func.value)
    return None


# Calls that read a setting, the last argument being its default; those of which the only argument is one; addresses.
_SETTINGS = frozenset({"getenv", "get", "config", "env", "Field", "field", "SettingsField"})
_OF_DEFAULT = frozenset({"Field", "field", "SettingsField"})
_ADDRESSES = frozenset({"urljoin", "Request", "URL", "Path", "str", "create_engine", "text", "SQL", "dedent"})
_DEEPEST = 5


def text(node: ast.expr, known: dict[str, str], depth: int = 0) -> str | None:
    """An expression's text as far as known names tell: their values put in, `{}` for what is not known."""
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Name | ast.Attribute):
        return known.get(dotted(node))
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.FormattedValue) else v for v in node.values)
        return "".join("{}" if (said := text(p, known, depth + 1)) is None else said for p in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div | ast.Mod):
        both = text(node.left, known, depth + 1), text(node.right, known, depth + 1)
        between = "/" if isinstance(node.op, ast.Div) else ""
        return None if both == (None, None) else between.join("{}" if x is None else x for x in both)
    if isinstance(node, ast.BoolOp):
        return next((t for v in node.values if (t := text(v, known, depth + 1)) is not None), None)
    return _called(node, known, depth + 1) if isinstance(node, ast.Call) else literal(node)


def _called(node: ast.Call, known: dict[str, str], depth: int) -> str | None:
    """What a call makes of a text: the default of a setting, a filled template, an address put together."""
    name = dotted(node.func).rpartition(".")[2]
    if name == "format" and isinstance(node.func, ast.Attribute):
        template = text(node.func.value, known, depth)
        return None if template is None else re.sub(r"\{[^{}]*\}", "{}", template)
    given = node.args[0] if name in _ADDRESSES and node.args else None
    if name in _SETTINGS:
        default = next((k.value for k in node.keywords if k.arg == "default"), None)
        given = default or (node.args[-1] if len(node.args) > (name not in _OF_DEFAULT) else None)
    return text(given, known, depth) if given is not None else None


def kind(annotation: ast.expr | None) -> str:
    """The class that an annotation names: `X`, `X | None`, `Optional[X]`, `"X"`; empty for what is none."""
    if isinstance(annotation, ast.BinOp):
        annotation = annotation.left
    if isinstance(annotation, ast.Subscript) and dotted(annotation.value).endswith(("Optional", "Annotated")):
        inner = annotation.slice
        annotation = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
    name = literal(annotation) or "" if isinstance(annotation, ast.Constant) else dotted(annotation or ast.Pass())
    return name if re.fullmatch(r"(\w+\.)*[A-Z]\w+", name) else ""
