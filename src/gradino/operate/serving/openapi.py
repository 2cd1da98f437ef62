"""The interface as an OpenAPI 3.1 document: its types are those that decode and encode, its row is the live model's."""

from typing import Any

import msgspec

import gradino
from gradino.operate.serving import arrow
from gradino.operate.serving.inference import HEADER, Inference
from gradino.operate.serving.invocations import Invocation
from gradino.operate.serving.native import GivenFeedback, Scores
from gradino.operate.serving.schema import Problem, Rows

_REF = "#/components/schemas/{name}"
_BINARY = {"type": "string", "format": "binary"}
_REFUSALS = {
    400: "The body cannot be read",
    401: "No valid token",
    403: "A token of another role",
    408: "The body did not arrive in time",
    413: "Too large",
    422: "What was wrong, in which row and field, and what to do",
    500: "The model failed on these rows",
    503: "Not now: see Retry-After",
    504: "The deadline passed",
}
_TOKEN = {"token": {"type": "http", "scheme": "bearer"}, "browser": {"type": "http", "scheme": "basic"}}


class Refusal(msgspec.Struct):
    """What every refusal says."""

    error: Problem
    request_id: str


class InferenceRefusal(msgspec.Struct):
    """The same below `/v2`."""

    error: str
    detail: Problem
    request_id: str


def document(rows: Rows | None, name: str, most_rows: int) -> dict[str, Any]:
    """The document for the model `name`. Without a live model a row is any object."""
    types = [Scores, GivenFeedback, Invocation, Inference, Refusal, InferenceRefusal]
    live = [rows.row_type, rows.columns_type] if rows else []
    _, components = msgspec.json.schema_components([*types, *live], ref_template=_REF)
    if not rows:
        components |= {"Row": {"type": "object"}, "Columns": {"type": "object"}}
    paths = {
        "/v1/score": {"post": _score(most_rows)},
        "/v1/feedback": {
            "post": _operation("Tell the truth about earlier predictions", _object(accepted="integer"), "GivenFeedback")
        },
        "/invocations": {
            "post": _operation("Score a dataframe as MLflow does", _object(predictions="array"), "Invocation")
        },
        "/health": {"get": _operation("Whether a model is live", _object(status="string"), starting=True)},
        "/version": {"get": _operation("What each worker serves", _object(workers="array"))},
        "/metrics": {"get": _operation("Metrics for Prometheus", {"type": "string"}, kind="text/plain")},
        "/ping": {"get": _operation("MLflow's health check", {"type": "string"}, kind="text/plain", starting=True)},
        "/openapi.json": {"get": _operation("This document", _object(openapi="string"))},
        **_inference(name),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "gradino scoring server", "version": gradino.__version__},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _TOKEN},
        "security": [{}, *({scheme: []} for scheme in _TOKEN)],
    }


def _score(most_rows: int) -> dict[str, Any]:
    operation = _operation("Score rows", {"$ref": _REF.format(name="Scores")}, "Row")
    listed = {"type": "array", "items": {"$ref": _REF.format(name="Row")}, "maxItems": most_rows}
    columns = {"$ref": _REF.format(name="Columns")}
    by_form = [_closed("rows", listed), _closed("columns", columns)]
    operation["requestBody"]["content"] = {
        "application/json": {"schema": {"oneOf": by_form}},
        **{kind: {"schema": _BINARY} for kind in arrow.KINDS},
    }
    operation["responses"]["200"]["content"] |= {kind: {"schema": _BINARY} for kind in arrow.KINDS}
    operation["parameters"] = [
        {
            "name": "grpc-timeout",
            "in": "header",
            "description": "The caller's deadline, for example 250m (milliseconds)",
            "schema": {"type": "string", "pattern": "^[0-9]{1,8}[HMSmun]$"},
        }
    ]
    return operation


def _inference(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "/v2": {"get": _operation("Name and version of the server", _object(name="string"), v2=True)},
        "/v2/health/live": {"get": _operation("Whether it runs", _object(live="boolean"), v2=True)},
        "/v2/health/ready": {"get": _operation("Whether it can score", _object(ready="boolean"), v2=True)},
    }
    version = {"name": "version", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}
    for path in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{{version}}"):
        infer = _operation("Score tensors", _object(model_name="string", outputs="array"), "Inference", v2=True)
        infer["responses"]["200"]["content"]["application/octet-stream"] = {"schema": _BINARY}
        length = {"name": HEADER, "in": "header", "schema": {"type": "integer", "minimum": 0}}
        infer["parameters"] = [length | {"description": "Length of the JSON, where binary tensors follow it"}]
        ready = _operation("Whether the model can score", _object(ready="boolean"), v2=True)
        found[path] = {"get": _operation("Inputs and outputs", _object(inputs="array", outputs="array"), v2=True)}
        found |= {f"{path}/ready": {"get": ready}, f"{path}/infer": {"post": infer}}
        if "{" in path:
            for one in (path, f"{path}/ready", f"{path}/infer"):
                found[one]["parameters"] = [version]
                for operation in (found[one].get("get"), found[one].get("post")):
                    if operation:
                        operation["responses"]["404"] = _refused("Another version serves", v2=True)
    return found


def _operation(
    summary: str,
    answer: dict[str, Any],
    body: str | None = None,
    *,
    kind: str = "application/json",
    starting: bool = False,
    v2: bool = False,
) -> dict[str, Any]:
    """`body` names the schema of a JSON body; `starting`: 503 answers as 200 does."""
    answered = {"description": summary, "content": {kind: {"schema": answer}}}
    responses: dict[str, Any] = {"200": answered}
    for status, said in _REFUSALS.items():
        responses[str(status)] = _refused(said, v2)
    if starting:
        responses["503"] = answered | {"description": "No model is live yet"}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if body:
        schema = {"$ref": _REF.format(name=body)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        if body == "Invocation":
            operation["requestBody"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    return operation


def _refused(said: str, v2: bool) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name="InferenceRefusal" if v2 else "Refusal")}
    return {"description": said, "content": {"application/json": {"schema": schema}}}


def _object(**properties: str) -> dict[str, Any]:
    types = {name: {"type": kind} for name, kind in properties.items()}
    return {"type": "object", "required": list(properties), "properties": types}


def _closed(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [name], "properties": {name: schema}, "additionalProperties": False}
