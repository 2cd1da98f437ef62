"""Scripts of cluster schedulers (Slurm, PBS, LSF): their first lines ask for the machine, somebody submits them."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Resource, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

_ASKS = re.compile(r"^#(SBATCH|PBS|BSUB)\s+-", re.M)
_LAUNCHER = re.compile(r"hydra/launcher:[ \t]*(submitit_slurm)")
_SYSTEMS = {"SBATCH": "Slurm", "PBS": "PBS", "BSUB": "LSF"}


def collect(tree: Tree, _code: Code) -> Iterator[Job | Resource]:
    """One job for each script, started by a person; one resource for each launcher of Hydra's that submits to one."""
    for path in tree.sizes:
        if path.endswith((".yml", ".yaml")) and (found := _LAUNCHER.search(tree.short(path))):
            yield Resource("Slurm", "launcher", path, 1, found[1], frozenset({"training-compute"}))
    for path in tree.named("*.sh", "*.slurm", "*.sbatch", "*.sub", "*.pbs", "*.lsf", "*.job"):
        text = tree.text(path) or "" if ours(path) else ""
        if asked := _ASKS.search(text):
            yield Job(_SYSTEMS[asked[1]], path, 1, path, frozenset({"dispatch"}), (Step(1, text),), (), path)
