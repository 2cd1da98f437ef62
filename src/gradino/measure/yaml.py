"""YAML as described by its text: every scalar a string, every key with its line, unknown tags ignored.

YAML 1.2, so the key `on:` of a workflow stays what it is. Anchors are followed; a document that expands without end,
nests too deeply or is broken gives nothing rather than an error.
"""

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

_LARGEST = 300_000  # characters: larger files are data
_MOST_NODES = 50_000


class Map(dict[str, Any]):
    """A mapping that knows the line of each key (from 1) and its own."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def map(self, key: str) -> "Map":
        """The mapping under `key`, or an empty one."""
        value = self.get(key)
        return value if isinstance(value, Map) else Map(self.lines.get(key, self.line))

    def list(self, key: str) -> list[Any]:
        """What is under `key` as a list: a scalar becomes one element, nothing an empty list."""
        value = self.get(key)
        if isinstance(value, list):
            return value
        return [] if value is None or value == "" else [value]

    def text(self, key: str) -> str:
        """The scalar under `key`, or an empty string."""
        value = self.get(key)
        return value if isinstance(value, str) else ""


class _WallError(Exception):
    """The document is larger than anything a person writes."""


def load(text: str) -> list[Any]:
    """The documents in `text`: `Map`, list or string each. Broken or oversized input gives an empty list."""
    if len(text) > _LARGEST or "\x00" in text:
        return []
    yaml = YAML(typ="safe", pure=True)
    budget = [_MOST_NODES]
    try:
        return [_value(node, budget) for node in yaml.compose_all(text) if node is not None]
    except (YAMLError, _WallError, RecursionError, ValueError, AttributeError, TypeError, AssertionError, KeyError):
        return []


def first(text: str) -> Map:
    """The first mapping among the documents, or an empty one."""
    return next((d for d in load(text) if isinstance(d, Map)), Map())


def _value(node: Any, budget: list[int], depth: int = 0) -> Any:
    budget[0] -= 1
    if budget[0] < 0 or depth > 60:
        raise _WallError
    if isinstance(node, ScalarNode):
        plain_null = node.tag == "tag:yaml.org,2002:null" or (str(node.tag).endswith(":null"))
        return None if plain_null else str(node.value)
    if isinstance(node, SequenceNode):
        return [_value(child, budget, depth + 1) for child in node.value]
    if isinstance(node, MappingNode):
        made = Map(node.start_mark.line + 1)
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                name = str(key.value)
                content = _value(value, budget, depth + 1)
                if name == "<<":
                    merged = content if isinstance(content, list) else [content]
                    for k, v in (item for m in merged if isinstance(m, Map) for item in m.items()):
                        made.setdefault(k, v)
                        made.lines.setdefault(k, key.start_mark.line + 1)
                    continue
                made[name] = content
                made.lines[name] = key.start_mark.line + 1
        return made
    return None


def walk(value: Any, depth: int = 0) -> Iterator[Map]:
    """Every mapping inside a value, outermost first."""
    if depth > 60:
        return
    if isinstance(value, Map):
        yield value
        for child in value.values():
            yield from walk(child, depth + 1)
    elif isinstance(value, list):
        for child in value:
            yield from walk(child, depth + 1)
