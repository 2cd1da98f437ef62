"""What code that deploys says of the service that it deploys: several instances, probes, gentle updates."""

import re
from collections.abc import Iterator

from gradino.measure.evidence import Evidence
from gradino.measure.scene import Scene

_MANY = r"[\"']?\s*[:=]\s*([2-9]|\d\d)"
_KEPT = re.compile(
    rf"\b(initial_instance_count|InitialInstanceCount|min_replica_count|min_replicas|num_replicas|desired_?[cC]ount|autoscale_min_replicas|MinCapacity){_MANY}"
    r"|\bautoscale_enabled\s*=\s*True\b"
    r"|\b(liveness_probe|readiness_probe|startup_probe|health_check_period_s|health_check_path)\s*="
    r"|\b(BlueGreenUpdatePolicy|RollingUpdatePolicy|AutoRollbackConfiguration|BlueGreenDeployment\w*|minimumHealthyPercent)\b|\bregister_scalable_target\("
)
_OF_AZURE = re.compile(rf"\binstance_count{_MANY}")  # of other platforms' jobs, too


def stays_up(scene: Scene) -> Iterator[Evidence]:
    """Instances, probes and ways of updating that the code of a deployment names."""
    for path, text in deploying(scene):
        found = _KEPT.search(text) or ("OnlineDeployment" in text and _OF_AZURE.search(text))
        if found:
            yield at(scene, path, text, found, "keeps the service up")


def deploying(scene: Scene) -> Iterator[tuple[str, str]]:
    """Path and text of every file of code that deploys; a notebook takes away what it showed."""
    served = (c.path for c in scene.code.holding("serve.deployment") if "ray" in c.packages)
    for path in sorted({u.path for u in scene.used("deploy")} | set(served)):
        if not path.endswith(".ipynb"):
            yield path, re.sub(r"(?m)^\s*#.*$", "", scene.tree.short(path))


def at(scene: Scene, path: str, text: str, found: re.Match[str], says: str) -> Evidence:
    """Evidence from a match in the text of a file."""
    line = text[: found.start()].count("\n") + 1
    return scene.see(path, line, f"{says}: {' '.join(found[0].split())[:80]}")
