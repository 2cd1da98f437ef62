"""Platforms that build and deploy each push by a file of the repository: Render's blueprints, DigitalOcean's apps."""

from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Resource, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_SERVES = ("web", "pserv", "worker")


def collect(tree: Tree, _code: Code) -> Iterator[Job | Resource]:
    """One job for each service that a push deploys, and whether the platform asks after its health."""
    for path, system in (("render.yaml", "Render"), (".do/app.yaml", "DigitalOcean")):
        document = yaml.first(tree.text(path) or "")
        for service in document.list("services"):
            static = isinstance(service, yaml.Map) and "static" in (service.text("runtime"), service.text("env"))
            if not isinstance(service, yaml.Map) or static or service.text("type") not in (*_SERVES, ""):
                continue
            if system == "Render":
                said = service.text("autoDeployTrigger") or service.text("autoDeploy") or "yes"
                follows = said not in ("false", "no", "off")
            else:
                follows = any(m.text("deploy_on_push") == "true" for m in yaml.walk(service))
            name = service.text("name")
            if "healthCheckPath" in service or "health_check" in service:
                yield Resource(system, "service", path, service.line, name, frozenset({"serving", "probe"}))
            step = Step(service.line, uses=f"{system}/deploy")
            trigger = "push" if follows else "dispatch"
            yield Job(system, path, service.line, name, frozenset({trigger}), (step,), (), path)
