"""Which firings put a model, or the service that embeds it, into use, and where to."""

import re
from functools import lru_cache

from gradino.measure.scene import Firing, Scene

STAGING = re.compile(r"\b(stag(e|ing)|stg|uat|qa|pre ?prod(uction)?|acceptance|preview|nonprod)\b", re.I)
TESTING = re.compile(r"\b(dev(elopment)?|test(ing)?)\b", re.I)
PRODUCTION = re.compile(r"\b(prod(uction)?|prd|live)\b", re.I)


@lru_cache(maxsize=1)
def deployments(scene: Scene) -> list[Firing]:
    """Every firing that puts a model, or the service that embeds it, into use."""
    defined = any(
        r.traits & {"serving", "endpoint"} and r.system in ("Terraform", "CloudFormation", "CDK", "Kubernetes")
        for r in scene.resources
    )
    asked = _asks_the_registry(scene)
    return [
        f
        for f in scene.firings
        if f.effect.verb in ("deploy", "bundle-deploy")
        or (f.effect.verb == "provision" and defined)
        or (f.effect.verb == "promote" and asked and f.job.system != "Makefile")
    ]


def _asks_the_registry(scene: Scene) -> bool:
    """Whether some code uses what a registry says is live; a promotion that nobody reads deploys nothing."""
    asks = re.compile(
        r"models:/|get_latest_versions|get_model_version_by_alias|/versions/|load_registered|ModelPackage"
    )
    return any(asks.search(scene.tree.text(m.path) or "") for m in scene.modules)


def released(scene: Scene) -> list[Firing]:
    """The deployments that reach users: those to production where any is named so, else all."""
    every = deployments(scene)
    named = [f for f in every if PRODUCTION.search(place(f))]
    if any(f.job.system != "Makefile" for f in named):
        return named
    return [f for f in every if not TESTING.search(target(f))]


def target(firing: Firing) -> str:
    """The words that say where a deployment goes."""
    named = (
        f"{firing.job.environment} {firing.job.name}"
        if re.search(r"deploy|release|stage", firing.job.name, re.I)
        else firing.job.environment
    )
    flags = " ".join(re.findall(r"(?:-t|--target|--env|--environment|--stage)[ =](\S+)", firing.effect.says))
    return _words(f"{named} {flags}")


def place(firing: Firing) -> str:
    job = firing.job
    return _words(f"{job.environment} {job.name} {job.path.rpartition('/')[2]} {job.group} {firing.effect.says}")


def _words(text: str) -> str:
    return re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))
