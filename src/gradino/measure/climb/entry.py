"""How a Python file of the project is started so that its imports are found."""

import re
import shlex
from dataclasses import dataclass

from gradino.measure.climb.environment import Environment
from gradino.measure.climb.ground import Ground


@dataclass(frozen=True, slots=True)
class Entry:
    """Words that start a file, and the folders that `PYTHONPATH` must name for it."""

    words: str
    python_path: tuple[str, ...] = ()


def roots(ground: Ground, path: str) -> set[str]:
    """The folders from which the project's own imports of a file are found; `.` for a relative import."""
    module = ground.scene.code.module(path)
    found = set[str]()
    for name in module.imports.values() if module else ():
        if name.startswith("."):
            found.add(".")
            continue
        target, rest = ground.scene.code.find(name, path)
        parts = name.split(".")
        inside = "/".join(parts[: len(parts) - (rest.count(".") + 1 if rest else 0)])
        stem = target.removesuffix(".py").removesuffix("/__init__")
        if target.endswith(".py") and (stem == inside or stem.endswith(f"/{inside}")):
            found.add(stem.removesuffix(inside).rstrip("/"))
    return found


def python_path(ground: Ground, paths: list[str], home: Environment) -> tuple[str, ...]:
    """The folders that an interpreter started in the environment's folder must be told to look in, too."""
    found_anyway = {home.folder, *({f"{home.folder}/src".lstrip("/")} if home.itself else ())}
    wanted = {r for p in paths for r in roots(ground, p) - {"."} if r not in found_anyway and r != p.rpartition("/")[0]}
    return tuple(home.path(r) if home.folder else r for r in sorted(wanted))


def started(ground: Ground, path: str, home: Environment) -> Entry:
    """The words that start a file, as a module where its imports are those of a package."""
    here, found = path.rpartition("/")[0], roots(ground, path)
    inside = home.path(path)
    names = inside.removesuffix(".py").split("/")
    as_module = "." in found or (here != home.folder and home.folder in found)
    if as_module and all(re.fullmatch(r"[A-Za-z_]\w*", n) for n in names):
        return Entry(f"python -m {'.'.join(names)}", python_path(ground, [path], home))
    return Entry(f"python {shlex.quote(inside)}", python_path(ground, [path], home))
