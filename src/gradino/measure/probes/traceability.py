"""Probe of traceability: from a deployment to its run, its commit and the version of its data."""

import re

from gradino.measure.deployments import deployments
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.scene import Scene
from gradino.measure.scoring import scoring_files


def traces_to_data(scene: Scene) -> list[Evidence]:
    """Record commit and data version with each training run, and deploy versions that name their run."""
    near = scene.near(scene.training_files) | {u.path for u in scene.used("register", "keep", "track")}
    asked = {*scoring_files(scene), *(p for p in near if re.search(r"(^|/)(infer|predict|serv)\w*/", p))}
    near -= asked - scene.training_files  # what a request brings is no version of what was learnt
    data = [
        scene.see(u.path, u.line, f"{u.says} records the data's version")
        for u in scene.used("record-data")
        if u.path in near
    ]
    data += written(scene, near, DATA_VERSION, "records the data's version")
    locked = any({"stage", "versioned-model"} <= r.traits for r in scene.resources)
    pinned = [r for r in scene.resources if "versioned-data" in r.traits and locked]
    data += [scene.see(r.path, r.line, f"{r.name} is pinned by the commit", source="DVC") for r in pinned]
    code = [scene.see(u.path, u.line, f"{u.says} records the commit") for u in scene.used("record-commit")]
    code += written(scene, near, COMMIT, "records the commit")
    code += [
        scene.see(u.path, u.line, f"{u.says} records the commit with the run")
        for u in scene.used("track")
        if u.says.startswith(("mlflow", "wandb", "clearml", "comet", "neptune", "dvclive"))
        and not u.path.endswith(".ipynb")
    ]
    released = [scene.show(f, "deploys a version") for f in deployments(scene) if not f.off]
    released += [
        scene.see(u.path, u.line, f"{u.says} deploys a version")
        for u in scene.used("deploy")
        if not u.path.endswith(".ipynb")
    ]
    versions = bool(scene.used("register", "keep")) or any("versioned-model" in r.traits for r in scene.resources)
    if data and (code or pinned) and released and versions:
        return [data[0], *(code[:1]), released[0]]
    return [Evidence(e.source, e.locator, e.says, Strength.DECLARED) for e in (*data[:1], *code[:1])]


COMMIT = re.compile(
    r"""["']?\b\w*(git_?(commit|sha|hash|revision)|commit_?(sha|hash|id)|GIT_COMMIT\w*|BuildId|build_id|source_?revision)\b["']?\s*[:=,\])]""",
    re.I,
)
DATA_VERSION = re.compile(
    r"""["']\w*(data(set)?_?(version(_?id)?|hash|digest|id|snapshot|checksum|md5|sha256)|manifest_?(hash|id|sha256))\w*["']\s*[:=,\])]""",
    re.I,
)


def written(scene: Scene, paths: set[str], pattern: re.Pattern[str], says: str) -> list[Evidence]:
    """Lines of the training path that put something of that name beside the run."""
    found: list[Evidence] = []
    for path in sorted(paths):
        text = scene.tree.short(path)
        if (
            path.endswith(".py")
            and re.search(r"\btags?\b|log_param|metadata|manifest|set_tag", text)
            and (match := pattern.search(text))
        ):
            found.append(scene.see(path, text[: match.start()].count("\n") + 1, says))
    return found
