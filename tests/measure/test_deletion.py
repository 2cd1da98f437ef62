"""Deleting evidence never raises a verdict: files, entries of YAML and functions, alone and together."""

import ast
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradino.measure import Assessment
from tests.measure.decoys import GOOD, measure
from tests.measure.good import AZURE, GITLAB

Files = dict[str, str]
GOODS = {"github": GOOD, "gitlab": GITLAB, "azure": AZURE}
RANK = {"fail": 0, "unknown": 1, "not-applicable": 1, "pass": 2}


def verdicts(found: Assessment) -> dict[str, int]:
    """Every rung of every track: how well it stands."""
    return {f"{t.id}@{r.level}": RANK[r.verdict] for t in found.tracks for r in t.rungs}


BEFORE = {name: verdicts(measure(files)) for name, files in GOODS.items()}


def entries(path: str, text: str) -> Iterator[tuple[str, str]]:
    """The text without one entry: an item of a YAML list with all below it, or a function."""
    lines = text.split("\n")
    if path.endswith((".yml", ".yaml")):
        for start, line in enumerate(lines):
            if item := re.match(r"( *)- ", line):
                inside = (i for i in range(start + 1, len(lines)) if not lines[i].startswith(f"{item[1]} "))
                yield f"{path}:{start + 1}", "\n".join(lines[:start] + lines[next(inside, len(lines)) :])
    elif path.endswith(".py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                start = min(d.lineno for d in (node, *node.decorator_list)) - 1
                rest = [*lines[:start], " " * node.col_offset + "pass", *lines[node.end_lineno :]]
                yield f"{path}:{node.name}", "\n".join(rest)


def deletions(files: Files) -> Iterator[tuple[str, Files]]:
    """Each file, entry and function, one at a time."""
    for path, text in files.items():
        yield path, {p: t for p, t in files.items() if p != path}
        yield from ((name, files | {path: rest}) for name, rest in entries(path, text))


def raised(name: str, files: Files) -> dict[str, tuple[int, int]]:
    after = verdicts(measure(files))
    return {rung: (was, after[rung]) for rung, was in BEFORE[name].items() if after[rung] > was}


@pytest.mark.parametrize("name", GOODS)
def test_deleting_anything_raises_no_rung(name: str) -> None:
    found = {what: up for what, files in deletions(GOODS[name]) if (up := raised(name, files))}
    assert not found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(GOODS)), st.data())
def test_deleting_several_files_raises_no_rung(name: str, data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(GOODS[name])), min_size=2, max_size=8))
    assert not raised(name, {p: t for p, t in GOODS[name].items() if p not in gone})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(GOODS)), st.data())
def test_deleting_several_entries_raises_no_rung(name: str, data: st.DataObject) -> None:
    files = dict(GOODS[name])
    for _ in range(data.draw(st.integers(2, 5))):
        files = data.draw(st.sampled_from([rest for _, rest in deletions(files)]))
    assert not raised(name, files)
