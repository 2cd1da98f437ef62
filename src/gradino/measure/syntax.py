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
