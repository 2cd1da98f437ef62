"""Which folders of the project Airflow is given: a pipeline that lies in none of them is never seen."""

import re
from collections.abc import Iterator
from posixpath import join, normpath

from gradino.measure.tree import Tree

_GIVEN = re.compile(
    r"^[ \t]*-[ \t]*[\"']?([^\s:\"'#]+):(?:/opt|/usr/local|/root)/airflow/dags/?(?::\w+)?[\"']?[ \t]*$", re.M
)
_COPIED = re.compile(r"^[ \t]*(?:COPY|ADD)[ \t]+(?:--\S+[ \t]+)*(\S+)[ \t]+\S*dags\b", re.M)
_DEFAULT = re.compile(r"\$\{\w+:?-([^{}]*)\}")
_OTHERWISE = re.compile(r"git-?sync|composer|mwaa|astro\b|astronomer", re.I)


def unseen(tree: Tree, path: str) -> str:
    """Why Airflow never sees the file at `path`: what starts it, above the file, gives it other folders; else empty."""
    given = list(_given(tree, path))
    if not given or any(f is None or path.startswith(f"{f}/") for f in given):
        return ""
    said = (p for p in tree.sizes if p.endswith((".yml", ".yaml", ".sh", ".tf", "Makefile", "Dockerfile", ".md")))
    return "" if any(_OTHERWISE.search(tree.short(p)) for p in said) else f"Airflow is given {given[0]} only"


def _given(tree: Tree, path: str) -> Iterator[str | None]:
    """The folders of pipelines in containers that files above `path` define; None for one that is not known."""
    for file in tree.named("*compose*.y*ml"):
        above = file.rpartition("/")[0]
        if not above or path.startswith(f"{above}/"):
            for folder in _GIVEN.findall(_DEFAULT.sub(r"\1", tree.short(file))):
                place = normpath(join(above, folder))
                yield place if folder.startswith(".") and not place.startswith("..") and tree.holds(place) else None
    for file in tree.named("*Dockerfile*"):
        for folder in _COPIED.findall(tree.short(file)):
            place = folder.removeprefix("./").rstrip("/")
            yield from {place, join(file.rpartition("/")[0], place).strip("/")}
