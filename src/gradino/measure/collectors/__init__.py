"""Collectors: each turns one kind of source into facts and never fails the whole. A new one is a file and a line."""

from collections.abc import Callable, Iterable

from gradino.measure.automation import Job, Resource
from gradino.measure.collectors import github_actions
from gradino.measure.tree import Tree

Fact = Job | Resource
Collector = Callable[[Tree], Iterable[Fact]]

COLLECTORS: dict[str, Collector] = {
    "github-actions": github_actions.collect,
}
