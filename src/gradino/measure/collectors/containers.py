"""Dockerfiles and compose files: what serves, and whether its health is checked."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_SERVES = re.compile(
    r"uvicorn|gunicorn|flask run|streamlit run|mlflow models serve|bentoml serve|torchserve|fastapi run|serving|tensorflow_model_server|tritonserver|hypercorn|(app|api|serve|main|server)\.py",
    re.I,
)


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """One resource for each image and for each service."""
    for path in tree.named("Dockerfile*", "*.Dockerfile", "*.dockerfile"):
        text = re.sub(r"^\s*#.*$", "", tree.text(path) or "", flags=re.M)
        commands = re.findall(r"^\s*(?:CMD|ENTRYPOINT)\s+(.*)$", text, re.M)
        traits: set[str] = set()
        if any(_SERVES.search(c) for c in commands):
            traits.add("serving")
            if re.search(r"^\s*HEALTHCHECK\s+(?!NONE)", text, re.M):
                traits.add("probe")
        if any("mlflow models serve" in c or "tensorflow_model_server" in c for c in commands):
            traits.add("serving-model")
        yield Resource("Docker", "image", path, 1, path, frozenset(traits))
    for path in tree.named("docker-compose*.y*ml", "compose*.y*ml"):
        services = yaml.first(tree.text(path) or "").map("services")
        for name in services:
            yield _service(path, services, name)


def _service(path: str, services: yaml.Map, name: str) -> Resource:
    body = services.map(name)
    command = " ".join(str(c) for c in (*body.list("command"), *body.list("entrypoint")))
    image = body.text("image")
    traits: set[str] = set()
    own = "build" in body
    api = bool(_SERVES.search(command)) or bool(re.search(r"api|serv|app|predict|inference|model|backend", name, re.I))
    if own and api and not re.search(r"train|mlflow|airflow|front|ui|db", name, re.I):
        traits.add("serving")
        check = body.map("healthcheck")
        if check and check.text("disable") != "true":
            traits.add("probe")
        deploy = body.map("deploy")
        if deploy.text("replicas").isdigit() and int(deploy.text("replicas")) > 1:
            traits.add("replicas")
        if deploy.map("update_config") or deploy.map("rollback_config"):
            traits.add("rolling")
    if "prom/prometheus" in image:
        traits.add("prometheus")
    if "grafana/grafana" in image:
        traits.add("grafana")
    if re.search(r"mlflow", f"{image} {command} {name}"):
        traits.add("tracker")
    return Resource("Docker Compose", "service", path, services.lines.get(name, 0), name, frozenset(traits))
