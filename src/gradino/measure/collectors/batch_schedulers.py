"""Scripts of cluster schedulers (Slurm, PBS, LSF): their first lines ask for the machine, somebody submits them."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

_ASKS = re.compile(r"^#(SBATCH|PBS|BSUB)\s+-", re.M)
_SYSTEMS = {"SBATCH": "Slurm", "PBS": "PBS", "BSUB": "LSF"}


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One job for each script, started by a person."""
    for path in tree.named("*.sh", "*.slurm", "*.sbatch", "*.sub", "*.pbs", "*.lsf", "*.job"):
        text = tree.text(path) or "" if ours(path) else ""
        if asked := _ASKS.search(text):
            yield Job(_SYSTEMS[asked[1]], path, 1, path, frozenset({"dispatch"}), (Step(1, text),), (), path)
