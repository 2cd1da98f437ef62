"""Probe of traceability: from a deployment to its run, its commit and the version of its data."""

import re
from collections.abc import Iterator

from gradino.measure.deployments import deployments
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.probes.records import versions_models
from gradino.measure.scene import Scene
from gradino.measure.scoring import scoring_files


def traces_to_data(scene: Scene) -> list[Evidence]:
    """Record commit and data version with each training run, and deploy versions that name their run."""
    near = scene.near(scene.training_files) | {u.path for u in scene.used("register", "keep", "track")}
    asked = {*scoring_files(scene), *(p for p in near if re.search(r"(^|/)(infer|predict|serv)\w*/", p))}
    near -= asked - scene.training_files  # what a request brings is no version of what was learnt
    locked = any({"stage", "versioned-model"} <= r.traits for r in scene.resources)
    pinned = [r for r in scene.resources if "versioned-data" in r.traits and locked]
    data = _data(scene, near) + [
        scene.see(r.path, r.line, f"{r.name} is pinned by the commit", source="DVC") for r in pinned
    ]
    code = _code(scene, near) if data else []
    released = [scene.show(f, "deploys a version") for f in deployments(scene) if not f.off]
    released += [
        scene.see(u.path, u.line, f"{u.says} deploys a version")
        for u in scene.used("deploy")
        if not u.path.endswith(".ipynb")
    ]
    if data and (code or pinned) and released and any(e.strength >= Strength.WIRED for e in versions_models(scene)):
        return [data[0], *(code[:1]), released[0]]
    return [Evidence(e.source, e.locator, e.says, Strength.DECLARED) for e in (*data[:1], *code[:1])]


def _data(scene: Scene, near: set[str]) -> list[Evidence]:
    """Where the version of the data is recorded with a run, or named by its job."""
    found = [
        scene.see(u.path, u.line, f"{u.says} records the data's version")
        for u in scene.used("record-data")
        if u.path in near
    ]
    found += written(scene, near, _DATA, "records the data's version")
    for path in scene.tree.named("*.yml", "*.yaml"):
        text = scene.tree.short(path)
        if "azureml:" in text and (asset := _ASSET.search(text)):
            found.append(scene.see(path, text[: asset.start()].count("\n") + 1, f"{asset[0]} is data by version"))
    return found


def _code(scene: Scene, near: set[str]) -> list[Evidence]:
    """Where the commit is recorded with a run; MLflow and its like do that by themselves."""
    found = [scene.see(u.path, u.line, f"{u.says} records the commit") for u in scene.used("record-commit")]
    found += written(scene, near, COMMIT, "records the commit")
    found += [
        scene.see(u.path, u.line, f"{u.says} records the commit with the run")
        for u in scene.used("track", "keep", "record-data")
        if u.says.startswith(("mlflow", "wandb", "clearml", "comet", "neptune", "dvclive"))
        and not u.path.endswith(".ipynb")
    ]
    return found


COMMIT = re.compile(
    r"""["']?\b\w*(git_?(commit|sha|hash|revision)|commit_?(sha|hash|id)|GIT_COMMIT\w*|BuildId|build_id|source_?revision)\b["']?\s*[:=,\])]|"""
    r"""rev-parse["', -]+(short["', ]+)?HEAD|\b(GITHUB_SHA|CI_COMMIT_(SHORT_)?SHA|BUILD_SOURCEVERSION)\b|\.hexsha\b""",
    re.I,
)
DATA_VERSION = re.compile(
    r"""["']\w*(data(set)?_?(version(_?id)?|hash|digest|id|snapshot|checksum|md5|sha256)|manifest_?(hash|id|sha256))\w*["']\s*[:=,\])]""",
    re.I,
)
# What says which data it was, without a name for the version: digests, made or passed on.
_HASH = r"(hash|digest|checksum|fingerprint|md5|sha256)"
_DATA = re.compile(
    rf"{DATA_VERSION.pattern}|"
    rf"(?<!def )\b\w*(data(set|frame)?|file|csv|df|frame|train(ing)?)_?{_HASH}\(|\bhash_pandas_object\(|"
    rf"(?<!def )\b{_HASH}(_of)?(_the)?_(data\w*|file|csv|df|frame)\(|\bdata(set)?_?({_HASH}|version)=|\.dvc[\"']\)",
    re.I,
)
_ASSET = re.compile(r"\bpath:\s*[\"']?azureml:[\w.-]+:\d+")
_RECORDS = re.compile(r"\btags?\b|log_param|metadata|manifest|set_tag|\bjson\.dump|\.add\(")


def written(scene: Scene, paths: set[str], pattern: re.Pattern[str], says: str) -> list[Evidence]:
    """Lines of the training path that put something of that name beside the run, there or in a file beside it."""
    texts = {path: scene.tree.short(path) for path in sorted(paths) if path.endswith(".py")}
    if not any(_RECORDS.search(t) for t in texts.values()):
        return []
    found = {p: match for p, text in texts.items() if (match := next(_values(pattern, text), None))}
    return [scene.see(p, texts[p][: m.start()].count("\n") + 1, says) for p, m in found.items()]


_TODAY = re.compile(r"\b(now|utcnow|today)\(")
_VERSION = re.compile(r"version|snapshot", re.I)


def _values(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Matches that hand a value on: no parameter or field only declared, and for a version not the day of the run."""
    for match in pattern.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
        if re.match(r"\s*(async )?def ", line) or re.search(r"^\w+\s*:$", match[0]):
            continue
        name = re.search(r"[:=,]\s*([A-Za-z_]\w*)[\s,)}\]]*$", line)
        made = re.search(rf"^[ \t]*{name[1]}\s*=([^\n]*)", text, re.M) if name else None
        if not (_VERSION.search(match[0]) and (_TODAY.search(line) or (made and _TODAY.search(made[1])))):
            yield match
