"""Mage: pipelines of blocks, and the triggers that start them."""

from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_FOLDERS = {"data_loader": "data_loaders", "transformer": "transformers", "data_exporter": "data_exporters",
            "custom": "custom", "sensor": "sensors"}  # fmt: skip


def collect(tree: Tree, code: Code) -> Iterator[Job]:
    """One job for each `pipelines/NAME/metadata.yaml`; an active trigger of time or events starts it."""
    for path in tree.named("metadata.yaml"):
        root, _, rest = path.rpartition("pipelines/")
        pipeline = yaml.first(tree.text(path) or "")
        blocks = [b for b in pipeline.list("blocks") if isinstance(b, yaml.Map)]
        if rest.count("/") != 1 or not blocks:
            continue
        name = rest.partition("/")[0]
        found = yaml.first(tree.text(f"{root}pipelines/{name}/triggers.yaml") or "").list("triggers")
        active = {t.text("schedule_type") for t in found if isinstance(t, yaml.Map) and t.text("status") == "active"}
        triggers = {"schedule" if "time" in active else "event" if active & {"api", "event"} else "dispatch"}
        steps = tuple(s for block in blocks for s in _step(code, root, block))
        yield Job("Mage", path, 1, name, frozenset(triggers), steps, (), path)


def _step(code: Code, root: str, block: yaml.Map) -> Iterator[Step]:
    """The file of a block; what it decorates runs."""
    file = f"{root}{_FOLDERS.get(block.text('type'), 'custom')}/{block.text('uuid')}.py"
    module = code.module(file)
    if module is not None:
        yield Step(block.line, calls=tuple(f"{file}::{name}" for name in module.functions))
