"""Training by DVC: `dvc repro`, once all that its stages take can be had."""

import re

from gradino.measure import yaml
from gradino.measure.climb.ground import Ground, NotKnownError
from gradino.measure.climb.machine import MODEL, reached
from gradino.measure.climb.ways import Way, trains

# A remote of DVC, and the secrets that let a machine in.
_REMOTES: dict[str, tuple[str, ...]] = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS_DATA",),
    "azure": ("AZURE_STORAGE_CONNECTION_STRING",),
    "gdrive": ("GDRIVE_CREDENTIALS_DATA",),
    "http": (),
    "https": (),
}


def way(ground: Ground) -> Way | None:
    """`dvc repro`, after what its remote holds has been fetched."""
    if "dvc.yaml" not in ground.files:
        return None
    effects = tuple(ground.scene.follower.stages(""))
    if not trains(effects):
        return None
    pipeline = yaml.first(ground.files.text("dvc.yaml") or "")
    stages = pipeline.map("stages")
    _supplied(ground, stages)
    outs = [o for s in stages for k in ("outs", "metrics") for o in _outs(stages.map(s), k)]
    outs += [m for m in pipeline.list("metrics") if isinstance(m, str)]
    runs = [r for p in dict.fromkeys(e.path for e in effects if e.path.endswith(".py")) for r in reached(ground, p)]
    pulled, secrets, extra = _remote(ground)
    return Way("dvc repro", "dvc.yaml", runs, effects, pulled, secrets, tuple(outs), (f"dvc{extra}",))


def _supplied(ground: Ground, stages: yaml.Map) -> None:
    """Each file that a stage takes is in git, made by another stage, or fetched by DVC; else say which is not."""
    made = {o for s in stages for k in ("outs", "metrics", "plots") for o in _listed(stages.map(s), k)}
    for stage in stages:
        for need in _listed(stages.map(stage), "deps"):
            if "${" in need or "://" in need or stages.map(stage).text("wdir"):
                continue
            inside = need.rstrip("/") + "/"
            known = any(m == need or f"{m}/".startswith(inside) or need.startswith(f"{m.rstrip('/')}/") for m in made)
            at = (need in ground.files, f"{inside[:-1]}.dvc" in ground.files, *ground.files.under(inside))
            if not known and not any(at):
                raise NotKnownError(f"the stage {stage} of dvc.yaml takes {need}, which neither git nor DVC holds")


def _listed(stage: yaml.Map, key: str) -> list[str]:
    return [next(iter(o), "") if isinstance(o, yaml.Map) else str(o) for o in stage.list(key)]


def _outs(stage: yaml.Map, key: str) -> list[str]:
    return [
        n
        for n in _listed(stage, key)
        if n and "${" not in n and (key != "outs" or MODEL.search(n) or "model" in n.lower())
    ]


def _remote(ground: Ground) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """What fetches the data, the secrets for it, and the extra of DVC that speaks to the remote."""
    tracked = any(True for _ in ground.files.named("*.dvc")) or "dvc.lock" in ground.files
    address = re.search(r"url\s*=\s*(\S+)", ground.files.text(".dvc/config") or "")
    sources = [p for p in ground.files.named("*.dvc") if p != ".dvc"]
    if not tracked or (not address and not sources):
        return (), (), ""
    if not address:
        raise NotKnownError(f"{sources[0]} names data that .dvc/config names no remote for: a machine cannot fetch it")
    scheme = address[1].partition("://")[0] if "://" in address[1] else ""
    if scheme not in _REMOTES:
        raise NotKnownError(f".dvc/config keeps the data in {address[1]}, which a hosted runner does not reach")
    return ("dvc pull",), _REMOTES[scheme], f"[{scheme}]" if not scheme.startswith("http") else ""
