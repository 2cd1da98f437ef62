"""Make targets: a person starts them."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One manual job for each target of each Makefile or justfile."""
    for path in tree.named("Makefile", "makefile", "justfile", "Justfile", "*.mk"):
        text = tree.text(path) or ""
        for match in list(re.finditer(r"^([A-Za-z][\w-]*)\s*:(?!=)", text, re.M))[:80]:
            line = text[: match.start()].count("\n") + 1
            step = Step(line, f"make {match[1]}", folder=path.rpartition("/")[0])
            yield Job("Makefile", path, line, match[1], frozenset({"dispatch"}), (step,), (), path)
