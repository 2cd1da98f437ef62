"""A notebook as the Python module that its code cells amount to."""

import json
import re

from gradino.measure import python


def parse(path: str, text: str) -> python.Module | None:
    """Read a notebook's code cells as one module; None where there is nothing valid to read.

    Lines count within the concatenated cells. Shell escapes (`!cmd`, `%%bash`) are kept as `shell`.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = raw.get("cells") if isinstance(raw, dict) else None
    if not isinstance(cells, list):
        return None
    good: list[str] = []
    shell: list[tuple[int, str]] = []
    count = 0
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        source = "".join(x for x in source if isinstance(x, str)) if isinstance(source, list) else str(source)
        lines = _plain(source, count, shell)
        if python.valid(lines):
            good.append(lines)
            count += lines.count("\n") + 1
    module = python.parse(path, "\n".join(good))
    if module is not None:
        module.shell = shell
    return module


def _plain(source: str, before: int, shell: list[tuple[int, str]]) -> str:
    """A cell without magics."""
    if re.match(r"\s*%%(bash|sh|writefile|script|capture|html|sql)", source):
        if re.match(r"\s*%%(bash|sh|script)", source):
            shell.extend((before + i + 1, line) for i, line in enumerate(source.splitlines()[1:]))
        return "\n" * source.count("\n")
    kept: list[str] = []
    for i, line in enumerate(source.split("\n")):
        if magic := re.match(r"(\s*)[!%](.*)", line):
            if line.lstrip().startswith("!"):
                shell.append((before + i + 1, magic[2].strip()))
            kept.append(f"{magic[1]}pass")
        else:
            kept.append(line)
    return "\n".join(kept)
