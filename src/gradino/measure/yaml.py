"""YAML as described by its text: every scalar a string, every key with its line, unknown tags ignored.

No scalar is converted, so the key `on:` of a workflow stays what it is. Anchors are followed; a document that expands
without end, nests too deeply or is broken gives nothing rather than an error. libyaml splits the text into events; what
they make is put together here, since its own composer recurses in C and ends the process where a document is hostile.
"""

from collections.abc import Iterator
from typing import Any

import yaml
from yaml import events

_LARGEST = 300_000  # characters: larger files are data
_MOST_NODES = 50_000
_DEEPEST = 60
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_NULL = frozenset({"", "~", "null", "Null", "NULL"})


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
    try:
        return list(_Reader(text).documents())
    except (yaml.YAMLError, _WallError, RecursionError, ValueError, AttributeError, TypeError, KeyError):
        return []


def first(text: str) -> Map:
    """The first mapping among the documents, or an empty one."""
    return next((d for d in load(text) if isinstance(d, Map)), Map())


class _Reader:
    """Puts values together from events."""

    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.left = _MOST_NODES
        self.known: dict[str, tuple[Any, int]] = {}  # by anchor: the value and how many nodes it has

    def documents(self) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, events.DocumentStartEvent):
                self.known = {}
                yield self._value(next(self.events), 0)

    def _value(self, event: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            raise _WallError
        if isinstance(event, events.AliasEvent):
            value, nodes = self.known[event.anchor or ""]
            self.left -= nodes
            return value
        before = self.left
        value = self._made(event, depth + 1)
        if event.anchor:
            self.known[event.anchor] = value, before - self.left
        return value

    def _made(self, event: Any, depth: int) -> Any:
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, events.SequenceStartEvent):
            made = []
            while not isinstance(child := next(self.events), events.SequenceEndEvent):
                made.append(self._value(child, depth))
            return made
        null = event.value in _NULL if event.tag is None and event.implicit[0] else str(event.tag).endswith(":null")
        return None if null else event.value

    def _mapping(self, start: Any, depth: int) -> Map:
        made = Map(start.start_mark.line + 1)
        while not isinstance(key := next(self.events), events.MappingEndEvent):
            name, content = self._value(key, depth), self._value(next(self.events), depth)
            line = key.start_mark.line + 1
            if name == "<<":
                merged = content if isinstance(content, list) else [content]
                for k, v in (item for m in merged if isinstance(m, Map) for item in m.items()):
                    made.setdefault(k, v)
                    made.lines.setdefault(k, line)
            elif isinstance(name, str):
                made[name] = content
                made.lines[name] = line
        return made


def walk(value: Any, depth: int = 0) -> Iterator[Map]:
    """Every mapping inside a value, outermost first."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Map):
        yield value
        for child in value.values():
            yield from walk(child, depth + 1)
    elif isinstance(value, list):
        for child in value:
            yield from walk(child, depth + 1)
