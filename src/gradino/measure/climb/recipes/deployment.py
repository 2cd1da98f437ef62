"""Deployment to Kubernetes by the manifests that exist: the published image, rolled out, and back if it fails."""

import re
from dataclasses import dataclass

from gradino.measure import yaml
from gradino.measure.climb.ground import Draft, Ground, NotKnownError
from gradino.measure.climb.text import written
from gradino.measure.deployments import PRODUCTION, STAGING
from gradino.measure.scene import tested

RAISES = (
    "release.ownership@3",
    "release.ownership@4",
    "release.process@4",
    "release.environments@4",
    "operations.availability@4",
)
_OTHERS = re.compile(
    r"(^|/)(postgres|mysql|mariadb|redis|mongo|nginx|mlflow|prom|grafana|minio|rabbitmq|kafka|zookeeper|airflow|python|"
    r"busybox|alpine|elasticsearch|kibana|traefik|envoy|memcached|adminer)"
)
_ROOTS = ("kustomization.yaml", "kustomization.yml")


@dataclass(frozen=True, slots=True)
class Service:
    """The application's own Deployment: its file, name, name space and image (without a tag)."""

    path: str
    name: str
    namespace: str
    image: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One environment: the folder that kustomize builds, and what the Deployment is called there."""

    name: str
    folder: str
    deployment: str
    namespace: str


def write(ground: Ground) -> Draft:
    """One pipeline that follows the one of the image; and a kustomization, where the manifests have none."""
    service = _service(ground)
    image = _published(ground)
    stages, beside = _stages(ground, service)
    files = beside | written(ground, "deploy", stages=stages, service=service, image_name=_name(ground, image))
    names = " then ".join(s.name for s in stages)
    does = dict.fromkeys(
        files, f"rolls {service.name} out to {names} once its image is published, and back if it does not come up"
    )
    does |= dict.fromkeys(beside, "lists the manifests, so that kustomize can set the image")
    left = [f"give the environment {s.name} the secret KUBE_CONFIG: what lets it into your cluster" for s in stages]
    left.append("let the cluster pull from ghcr.io, where the image is private until you say otherwise")
    rests = (service.path, image, *(p for s in stages for n in _ROOTS if (p := f"{s.folder}/{n}") in ground.files))
    return Draft(files, does, rests, tuple(left))


def _service(ground: Ground) -> Service:
    """The one Deployment whose image is the project's own."""
    found: dict[tuple[str, str], Service] = {}
    for resource in ground.scene.resources:
        if resource.kind != "Deployment" or resource.system != "Kubernetes" or tested(resource.path):
            continue
        text = ground.files.text(resource.path) or ""
        if "{{" in text:
            continue
        for document in yaml.load(text):
            if not isinstance(document, yaml.Map) or document.text("kind") != "Deployment":
                continue
            containers = document.map("spec").map("template").map("spec").list("containers")
            images = [c.text("image") for c in containers if isinstance(c, yaml.Map)]
            own = [i for i in images if i and not _OTHERS.search(i) and "$" not in i]
            meta = document.map("metadata")
            if len(own) == 1 and re.fullmatch(r"[a-z0-9.-]+", meta.text("name")):
                name = re.sub(r"(@|:[^/]*$).*", "", own[0])
                found.setdefault(
                    (meta.text("name"), name), Service(resource.path, meta.text("name"), meta.text("namespace"), name)
                )
    if len(found) != 1:
        said = ", ".join(sorted(s.path for s in found.values())) or "none"
        raise NotKnownError(f"one Deployment of Kubernetes with an image of its own was looked for; found: {said}")
    return next(iter(found.values()))


def _published(ground: Ground) -> str:
    """The workflow that publishes one image under the commit's name."""
    for path in ground.files.under(".github/workflows"):
        text = ground.files.text(path) or ""
        if "ghcr.io/${{ github.repository }}\n" in text and "type=sha,format=long,prefix=\n" in text:
            return path
    raise NotKnownError(
        "a workflow that publishes the image under its commit was looked for; climb integration.builds first"
    )


def _name(ground: Ground, path: str) -> str:
    return yaml.first(ground.files.text(path) or "").text("name") or path


def _stages(ground: Ground, service: Service) -> tuple[list[Stage], dict[str, str]]:
    """An overlay for staging and one for production, or production alone; and a kustomization if there is none."""
    roots = {p.rpartition("/")[0]: yaml.first(ground.files.text(p) or "") for p in ground.files.named(*_ROOTS)}
    words = {f: re.sub(r"[_\W]+", " ", f.rpartition("/")[2]) for f in roots}
    staging = [f for f in roots if STAGING.search(words[f])]
    production = [f for f in roots if PRODUCTION.search(words[f])]
    here = service.path.rpartition("/")[0]
    if len(production) == 1 and len(staging) < 2:
        chosen = [("staging", f) for f in staging] + [("production", production[0])]
        return [_stage(n, f, roots[f], service) for n, f in chosen], {}
    if here in roots:
        return [_stage("production", here, roots[here], service)], {}
    if roots:
        raise NotKnownError(f"which of {', '.join(sorted(roots)[:4])} is production cannot be seen")
    if not here:
        raise NotKnownError(f"{service.path} lies at the root, among files that are no manifests")
    inside = [
        p for p in ground.files.under(here) if p.count("/") == here.count("/") + 1 and p.endswith((".yml", ".yaml"))
    ]
    listed = [
        p
        for p in inside
        if all(isinstance(d, yaml.Map) and d.text("kind") for d in yaml.load(ground.files.text(p) or ""))
    ]
    lines = "".join(f"  - {p.rpartition('/')[2]}\n" for p in listed)
    text = f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{lines}"
    return [_stage("production", here, yaml.Map(), service)], {f"{here}/kustomization.yaml": text}


def _stage(name: str, folder: str, kustomization: yaml.Map, service: Service) -> Stage:
    called = f"{kustomization.text('namePrefix')}{service.name}{kustomization.text('nameSuffix')}"
    return Stage(name, folder, called, kustomization.text("namespace") or service.namespace)
