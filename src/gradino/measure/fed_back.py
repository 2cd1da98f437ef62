"""What a service is sent and keeps in a file, where a training that nobody starts reads it: new data by itself."""

import re
from collections.abc import Iterator
from itertools import islice

from gradino.measure import rows
from gradino.measure.automation import UNASKED
from gradino.measure.evidence import Evidence
from gradino.measure.scene import Scene
from gradino.measure.scoring import served_files

_KEPT = re.compile(r"[\w.-]+/[\w.-]+\.(csv|jsonl?|parquet|tsv|db|sqlite)$")
_WRITES = frozenset({"to_csv", "to_parquet", "to_json"})
_MOST = 200  # functions behind a service's routes


def received(scene: Scene) -> Iterator[Evidence]:
    """Files, told by folder and name, that a route writes and some file of such a training names."""
    jobs = {id(f.job) for f in scene.fired("train", "submit", when=UNASKED)}
    files = {p for f in scene.firings if id(f.job) in jobs and not f.off for p in (f.effect.path, f.job.path)}
    texts = [scene.tree.short(p) for p in sorted(files)]
    for module in filter(None, map(scene.code.module, served_files(scene) if texts else ())):
        routes = [f.name for f in module.functions.values() if any(d.method == "post" for d in f.decorators)]
        for other, function in islice(scene.code.reach(module.path, routes), _MOST):
            if any(c.method in _WRITES or rows.writes(c, function) for c in function.calls):
                named = ((c.line, m[0]) for c in function.calls for t in c.texts if (m := _KEPT.search(t)))
                for line, name in named:
                    if any(name in text for text in texts):
                        yield scene.see(other.path, line, f"what is sent goes into {name}, which training reads")
