"""MLflow's scoring protocol: `/invocations`, in each of its forms.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/#local-inference-server-spec
"""

import csv
import io
from collections.abc import Mapping
from typing import Any

import msgspec

from gradino.operate.serving.app import Answer, Request, Route, Routes, json_answer
from gradino.operate.serving.columns import Block
from gradino.operate.serving.schema import BadInput, Problem, Rows, decoded
from gradino.operate.serving.scoring import Scoring, few

_FORMS = "dataframe_split, dataframe_records, instances or inputs"
_ADVICE = f"send an object with one of {_FORMS}, or CSV with a header"


class _Split(msgspec.Struct, frozen=True):
    columns: list[str]
    data: list[list[Any]]


class Invocation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exactly one of the four."""

    dataframe_split: _Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[Any] | None = None
    inputs: dict[str, Any] | list[Any] | None = None


class Invocations:
    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        self._decoder = msgspec.json.Decoder(Invocation)
        self.routes: Routes = {"/invocations": {"POST": Route(self.invocations, "scorer")}}

    async def invocations(self, request: Request) -> Answer:
        live = self._scoring.live()
        if (request.headers.get("content-type") or "").partition(";")[0].strip().lower() == "text/csv":
            rows = _csv(live.rows, request.body)
        else:
            rows = _rows(live.rows, decoded(self._decoder, request.body, _ADVICE))
        ticket = await self._scoring.score(request, live, rows)
        return json_answer({"predictions": ticket.values})


def _rows(rows: Rows, given: Invocation) -> Block:
    match given:
        case Invocation(dataframe_split=_Split(columns, data), dataframe_records=None, instances=None, inputs=None):
            return rows.convert(_named(columns, data))
        case Invocation(dataframe_split=None, dataframe_records=list(records), instances=None, inputs=None):
            return rows.convert(records)
        case Invocation(dataframe_split=None, dataframe_records=None, instances=list(listed), inputs=None):
            return rows.convert(_listed(rows, listed))
        case Invocation(dataframe_split=None, dataframe_records=None, instances=None, inputs=list(listed)):
            return rows.convert(_listed(rows, listed))
        case Invocation(dataframe_split=None, dataframe_records=None, instances=None, inputs=dict(columns)):
            return rows.convert(_transposed(columns))
    raise BadInput(Problem(f"the body must have exactly one of {_FORMS}", next=_ADVICE), 400)


def _named(columns: list[str], data: list[list[Any]]) -> list[dict[str, Any]]:
    wrong = next((i for i, row in enumerate(data) if len(row) != len(columns)), None)
    if wrong is not None:
        raise BadInput(Problem(f"the row does not have the {len(columns)} values of the columns", wrong))
    return [dict(zip(columns, row, strict=True)) for row in data]


def _listed(rows: Rows, listed: list[Any]) -> list[dict[str, Any]]:
    """Objects, or rows of a tensor in the order of the model's inputs."""
    if all(isinstance(row, dict) for row in listed):
        return listed
    names = [name for name, _ in rows.layout.inputs]
    return _named(names, [row if isinstance(row, list) else [row] for row in listed])


def _transposed(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A dictionary of tensors, of shape (rows,) or (rows, 1)."""
    values = [[v[0] if isinstance(v, list) and len(v) == 1 else v for v in c] if isinstance(c, list) else [c]
              for c in columns.values()]  # fmt: skip
    if len({len(column) for column in values}) > 1:
        raise BadInput(Problem("the columns are not of one length"))
    return _named(list(columns), [list(row) for row in zip(*values, strict=True)])


def _csv(rows: Rows, body: bytes) -> Block:
    """A header, then values as text; an empty one is missing."""
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, [])
        if unknown := next((name for name in header if name not in rows.names), None):
            raise BadInput(rows.unknown(unknown))
        data = []
        for line in lines:
            if line:
                data.append(line)
                few(len(data))
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadInput(Problem(f"the body is not CSV in UTF-8: {error}", next=_ADVICE), 400) from None
    return rows.convert([{k: v for k, v in row.items() if v} for row in _named(header, data)], strict=False)
