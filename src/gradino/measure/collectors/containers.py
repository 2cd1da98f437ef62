"""Dockerfiles and compose files: what serves, and whether its health is checked."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator
from dataclasses import replace
from posixpath import join, normpath

from gradino.measure import yaml
from gradino.measure.automation import Resource
from gradino.measure.code import Code
from gradino.measure.images import lifeless
from gradino.measure.tree import Tree

_SERVES = re.compile(
    r"uvicorn|gunicorn|flask run|streamlit run|mlflow models serve|bentoml serve|torchserve|fastapi run|serving|tensorflow_model_server|tritonserver|hypercorn|(app|api|serve|main|server)\.py",
    re.I,
)
_PROXY = re.compile(r"(\S+/)?(nginx|traefik|haproxy|caddy|envoy)\b")
_NAMED = r"api|serv|app|predict|inference|model|backend|deploy|scor|recommend"


def collect(tree: Tree, _code: Code) -> Iterator[Resource]:
    """One resource for each image and for each service."""
    dead = lifeless(tree)
    for path in tree.named("Dockerfile*", "*.Dockerfile", "*.dockerfile"):
        text = re.sub(r"^[ \t]*#.*$", "", tree.text(path) or "", flags=re.M)
        commands = re.findall(r"^[ \t]*(?:CMD|ENTRYPOINT)[ \t]+(.*)$", text, re.M)
        traits: set[str] = set()
        if any(_SERVES.search(c) for c in commands):
            traits.add("serving")
            if re.search(r"^[ \t]*HEALTHCHECK[ \t]+(?!NONE)", text, re.M):
                traits.add("probe")
        if any("mlflow models serve" in c or "tensorflow_model_server" in c for c in commands):
            traits.add("serving-model")
        yield _alive(Resource("Docker", "image", path, 1, path, frozenset(traits)), dead.get(path, ""))
    for path in tree.named("docker-compose*.y*ml", "compose*.y*ml"):
        services = yaml.first(tree.text(path) or "").map("services")
        for name in services:
            body = services.map(name)
            own = (
                "build" in body
                and not {"command", "entrypoint"} & set(body)
                and not any(_BOUND.match(str(v)) for v in body.list("volumes"))
                and "PYTHONPATH" not in str(body)
            )
            why = dead.get(_built(path, body)[1], "") if own else ""
            yield _alive(_service(tree, path, services, name), _unbuilt(tree, path, body) or why)


def _alive(resource: Resource, why: str) -> Resource:
    """A resource, switched off where its container cannot start."""
    if not why:
        return resource
    return replace(resource, traits=resource.traits | {"off"}, detail={"off": f"cannot start: {why}"})


_BOUND = re.compile(r"[./~${]")  # a folder of the host, which may hide what the image holds


def _unbuilt(tree: Tree, path: str, body: yaml.Map) -> str:
    """Why a service cannot be built: the folder that it is made of is not in the repository."""
    folder = _built(path, body)[0]
    unclear = "build" not in body or "image" in body or folder.startswith(("/", "..")) or re.search(r"[$:]", folder)
    return "" if unclear or tree.holds(folder) else f"{folder} is not there"


def _built(path: str, body: yaml.Map) -> tuple[str, str]:
    """The folder that a service is built from, and its Dockerfile."""
    context = body.text("build") or body.map("build").text("context")
    folder = normpath(join(path.rpartition("/")[0], context))
    folder = "" if folder == "." else folder
    file = f"{folder}/{body.map('build').text('dockerfile') or 'Dockerfile'}".lstrip("/")
    return folder, file


def _service(tree: Tree, path: str, services: yaml.Map, name: str) -> Resource:
    body = services.map(name)
    command = " ".join(str(c) for c in (*body.list("command"), *body.list("entrypoint")))
    image = body.text("image")
    traits: set[str] = set()
    own = [n for n in services if "build" in services.map(n)]
    runs = " ".join(re.findall(r"^[ \t]*(?:CMD|ENTRYPOINT)[ \t]+(.*)$", tree.text(_built(path, body)[1]) or "", re.M))
    open_ = "ports" in body and (own == [name] or bool(_SERVES.search(runs)))
    api = bool(_SERVES.search(command)) or bool(re.search(_NAMED, name, re.I)) or open_
    if name in own and api and not re.search(r"train|mlflow|airflow|front|ui|db", name, re.I):
        traits.add("serving")
        check = body.map("healthcheck")
        if check and check.text("disable") != "true":
            traits.add("probe")
        deploy = body.map("deploy")
        if deploy.text("replicas").isdigit() and int(deploy.text("replicas")) > 1:
            traits.add("replicas")
            if any(_PROXY.match(services.map(n).text("image")) for n in services if n != name):
                traits.add("balanced")
        if deploy.map("update_config") or deploy.map("rollback_config"):
            traits.add("rolling")
    if "prom/prometheus" in image:
        traits.add("prometheus")
    if "grafana/grafana" in image:
        traits.add("grafana")
    if re.search(r"mlflow", f"{image} {command} {name}"):
        traits.add("tracker")
    return Resource("Docker Compose", "service", path, services.lines.get(name, 0), name, frozenset(traits))
