"""The interface as an OpenAPI 3.1 document; the row is that of the model which is live."""

from typing import Any

import msgspec

import gradino

_ERROR = {
    "description": "What was wrong, in which row and field, and what to do",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_COMPONENTS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "required": ["error", "request_id"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["reason"],
                "properties": {
                    "reason": {"type": "string"},
                    "row": {"type": ["integer", "null"], "description": "from 0"},
                    "field": {"type": ["string", "null"]},
                    "next": {"type": "string", "description": "what to do"},
                },
            },
            "request_id": {"type": "string"},
        },
    },
    "Label": {
        "type": "object",
        "required": ["label"],
        "oneOf": [{"required": ["id"]}, {"required": ["event_time"]}],
        "properties": {
            "label": {"type": ["number", "string", "boolean"]},
            "id": {"type": "string", "minLength": 1, "maxLength": 64, "description": "of one prediction"},
            "event_time": {"type": "string", "format": "date-time", "description": "of what was predicted"},
            "unit": {"type": ["string", "integer", "null"], "description": "of what was predicted"},
            "time": {"type": ["string", "null"], "format": "date-time", "description": "event time of the label"},
        },
        "additionalProperties": False,
    },
    "Scores": {
        "type": "object",
        "required": ["predictions", "version", "deployment"],
        "properties": {
            "predictions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "value"],
                    "properties": {
                        "id": {"type": "string"},
                        "value": {},
                        "version": {"type": "integer", "description": "where the challenger answered"},
                    },
                },
            },
            "version": {"type": "integer"},
            "deployment": {"type": "integer"},
        },
    },
}


def document(row: type[msgspec.Struct] | None, most_rows: int) -> dict[str, Any]:
    """The document. Without a live model a row is any object."""
    components = dict(_COMPONENTS)
    if row is None:
        components["Row"] = {"type": "object"}
    else:
        _, found = msgspec.json.schema_components([row], ref_template="#/components/schemas/{name}")
        components |= found
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}, "maxItems": most_rows}
    values = {"type": "object", "properties": {"predictions": {"type": "array", "items": {}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "gradino scoring server", "version": gradino.__version__},
        "paths": {
            "/v1/score": {"post": _post("Score rows", _object(rows=rows), {"$ref": "#/components/schemas/Scores"})},
            "/v1/feedback": {
                "post": _post(
                    "Tell the truth about earlier predictions",
                    _object(feedback={"type": "array", "items": {"$ref": "#/components/schemas/Label"}}),
                    _object(accepted={"type": "integer"}),
                )
            },
            "/invocations": {
                "post": _post(
                    "Score a dataframe as MLflow does",
                    {
                        "type": "object",
                        "properties": {"dataframe_split": {"type": "object"}, "dataframe_records": rows},
                    },
                    values,
                )
            },
            "/health": {"get": _get("Whether a model is live", "application/json", unavailable=True)},
            "/version": {"get": _get("What each worker serves", "application/json")},
            "/metrics": {"get": _get("Metrics for Prometheus", "text/plain")},
            "/ping": {"get": _get("MLflow's health check", "application/json", unavailable=True)},
            "/openapi.json": {"get": _get("This document", "application/json")},
        },
        "components": {"schemas": components},
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _post(summary: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": answer}}},
            **dict.fromkeys(("400", "413", "422", "500", "503"), _ERROR),
        },
    }


def _get(summary: str, kind: str, unavailable: bool = False) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": summary, "content": {kind: {}}}}
    if unavailable:
        responses["503"] = {"description": "No model is live yet", "content": {kind: {}}}
    return {"summary": summary, "responses": responses}
