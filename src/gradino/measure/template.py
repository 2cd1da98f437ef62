"""A template repository read as the project it would generate with its own defaults.

Cookiecutter, Copier and Databricks bundles keep a project whose paths and texts hold placeholders. Choices are made
with the defaults that the template declares; where it declares none, the first branch is taken. Seed code that a
template puts into a new repository is read as that repository. Nothing is executed.
"""

import json
import re
from dataclasses import replace
from typing import Any

from gradino.measure import yaml
from gradino.measure.tree import Tree

# The template's own tests and what runs them.
_OWN = re.compile(r"tests?/|\.github/|Makefile$|tox\.ini$|noxfile\.py$|pyproject\.toml$|setup\.(py|cfg)$")
_SUFFIXES = (".tmpl", ".jinja", ".jinja2", ".j2")
_GO = re.compile(r"(?<!\$)\{\{-?((?:(?!\{\{).)*?)-?\}\}", re.S)
_JINJA = re.compile(r"\{%-?((?:(?!\{%).)*?)-?%\}", re.S)
_EQUAL = re.compile(
    r"""\(?\s*(eq|ne)\s+\.?([\w.]+)\s+[`"']([^`"']*)[`"']|(?:cookiecutter\.)?([\w.]+)\s*(==|!=)\s*['"]([^'"]*)['"]"""
)


def generated(tree: Tree) -> Tree:
    """The tree of the generated project; the tree itself where it is no template."""
    root = _root(tree)
    if root is None:
        return tree
    answers = _answers(tree)
    others = _other_platforms(answers)
    sizes: dict[str, int] = {}
    real: dict[str, str] = {}
    for path, size in tree.sizes.items():
        if path.startswith(root):
            made = _path(path[len(root) :], answers)
            if not made or any(made.startswith(f) for f in others):
                continue
            if made not in sizes:
                sizes[made], real[made] = size, path
    seeded = not _marked(tree)  # what a repository is made by, and deployed by, stands outside its seed code
    for path in (p for p in tree.sizes if (seeded or _OWN.match(p)) and not p.startswith(root)):
        if path not in sizes:
            sizes[path], real[path] = tree.sizes[path], path
    return replace(tree, sizes=dict(sorted(sizes.items())), real=real, clean=lambda t: fill(t, answers), _texts={})


def _root(tree: Tree) -> str | None:
    seeds = {p[: m.end()] for p in tree.sizes if (m := re.match(r"(?:[^{/]+/)*seed[-_]?code/", p))}
    if len(seeds) == 1:
        seed = seeds.pop()
        inside = [p.removeprefix(seed) for p in tree.sizes if p.startswith(seed)]
        if any(p.startswith(".github/workflows/") or "buildspec" in p for p in inside):
            return seed
    if not _marked(tree):
        return None
    folders = {p[: m.end()] for p in tree.sizes if (m := re.match(r"(?:[^{/]+/)?\{\{[^/]*\}\}/", p))}
    best = max(sorted(folders), key=lambda f: sum(p.startswith(f) for p in tree.sizes), default=None)
    if best is None and any(p.startswith("template/") for p in tree.sizes):
        return "template/"
    return best


def _marked(tree: Tree) -> bool:
    marks = ("cookiecutter.json", "copier.yml", "copier.yaml", "databricks_template_schema.json")
    return any(m in tree for m in marks)


def _answers(tree: Tree) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("cookiecutter.json", "databricks_template_schema.json"):
        try:
            raw: Any = json.loads(tree.text(name) or "{}")
        except ValueError:
            continue
        for key, value in (raw.get("properties", raw) if isinstance(raw, dict) else {}).items():
            default = value.get("default", "") if isinstance(value, dict) else value
            found[key] = str(default[0] if isinstance(default, list) and default else default)
    for name in ("copier.yml", "copier.yaml"):
        for key, value in yaml.first(tree.text(name) or "").items():
            found.setdefault(key, value.text("default") if isinstance(value, yaml.Map) else str(value))
    return found


def _other_platforms(answers: dict[str, str]) -> tuple[str, ...]:
    """Folders of CI systems that the default answers do not choose."""
    folders = {"github": ".github/", "gitlab": ".gitlab/", "azure_devops": ".azure/"}
    chosen = next((v for k, v in answers.items() if "cicd" in k or "ci_platform" in k), "")
    kept = [f for name, f in folders.items() if name in chosen]
    return tuple(f for f in folders.values() if f not in kept) if kept else ()


def _path(path: str, answers: dict[str, str]) -> str:
    """Where a file would be generated; nowhere where a folder's or its own name comes out empty."""
    for suffix in _SUFFIXES:
        path = path.removesuffix(suffix)
    made = re.sub(r"\{\{([^{}]*)\}\}", lambda m: _word(m[1]), _branches(path, _JINJA, answers))
    return "" if "//" in f"/{made}" or made.endswith("/") else made


def _word(expression: str) -> str:
    names = re.findall(r"[A-Za-z_]\w*", expression.replace("cookiecutter", "").replace("template ", ""))
    return names[0] if names else "X"


def fill(text: str, answers: dict[str, str]) -> str:
    """A template's text, its branches chosen and its placeholders named. Lines keep their order, not their number."""
    text = re.sub(r"\{%-?\s*(end)?raw\s*-?%\}", "", text)
    text = re.sub(
        r"\{\{-?\s*`([^`]{0,999})`\s*-?\}\}", lambda m: m[1].replace("{{", "\x01").replace("}}", "\x02"), text
    )
    text = re.sub(
        r"""\{\{-?\s*"(\{\{[^{}]*\}\})"\s*-?\}\}""", lambda m: m[1].replace("{{", "\x01").replace("}}", "\x02"), text
    )
    for pattern in (_GO, _JINJA):
        text = _branches(text, pattern, answers)
    return text.replace("\x01", "{{").replace("\x02", "}}")


def _branches(text: str, pattern: re.Pattern[str], answers: dict[str, str]) -> str:
    out: list[str] = []
    live: list[tuple[bool, bool]] = []  # (this branch is taken, one was taken already)
    position = 0
    for match in pattern.finditer(text):
        if all(taken for taken, _ in live):
            out.append(text[position : match.start()])
        position = match.end()
        said = match[1].strip()
        head = said.split(" ", 1)[0]
        if head in ("if", "for", "range", "with", "define", "block", "macro", "call", "filter"):
            taken = _true(said[len(head) :], answers) if head == "if" else head not in ("define", "macro")
            live.append((taken, taken))
        elif head in ("else", "elif") and live:
            _, before = live[-1]
            condition = said.removeprefix("else").strip()
            taken = not before and (not condition or _true(condition, answers))
            live[-1] = (taken, before or taken)
        elif head in ("end", "endif", "endfor", "endwith", "endmacro", "endcall", "endfilter") and live:
            live.pop()
        elif pattern is _GO and all(taken for taken, _ in live) and not said.startswith(("/*", "#")):
            out.append(_word(said))
    out.append(text[position:])
    return "".join(out)


def _true(condition: str, answers: dict[str, str]) -> bool:
    parts, condition = list[bool](), condition[:500]
    for match in _EQUAL.finditer(condition):
        operator, name, value = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
        known = answers.get(name.split(".")[-1])
        if known is None:
            parts.append(True)
        else:
            parts.append((known == value) == (operator in ("eq", "==")))
    if not parts:
        return not condition.strip().startswith("not")
    return any(parts) if re.match(r"\s*\(?\s*or\b|.*\bor\b", condition) else all(parts)
