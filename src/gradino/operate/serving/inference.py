"""The Open Inference Protocol v2 for one model, which KServe, Triton and their clients speak.

Each field of the model is an input of shape [rows] (or [rows, 1]); a model of numbers alone also takes one matrix
[rows, fields]. Outputs are `prediction` and `prediction_id`, by which feedback is given.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

import gradino
from gradino.operate.serving import tensors
from gradino.operate.serving.app import Answer, Request, Route, Routes, json_answer
from gradino.operate.serving.columnar import checked
from gradino.operate.serving.columns import Columns
from gradino.operate.serving.live import Live
from gradino.operate.serving.schema import BadInput, Problem, Rows, decoded
from gradino.operate.serving.scoring import Scoring, few

HEADER = "inference-header-content-length"
OUTPUTS = ("prediction", "prediction_id")
_ADVICE = 'send {"inputs": [{"name": "…", "shape": [1], "datatype": "FP64", "data": […]}]}'
_DATATYPES = {"number": "FP64", "integer": "INT64", "string": "BYTES", "boolean": "BOOL", "timestamp": "BYTES"}


class Wanted(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class Inference(msgspec.Struct):
    """A request."""

    inputs: list[tensors.Tensor]
    id: str | None = None
    outputs: list[Wanted] | None = None
    parameters: dict[str, Any] = {}


class OpenInference:
    """`name` is what clients call the model: the project's."""

    def __init__(self, scoring: Scoring, name: str, task: str) -> None:
        self._scoring, self._name, self._task = scoring, name, task
        self._decoder = msgspec.json.Decoder(Inference)
        self.routes: Routes = {
            "/v2": {"GET": Route(self.server, "token")},
            "/v2/health/live": {"GET": Route(self.alive, None)},
            "/v2/health/ready": {"GET": Route(self.ready, None)},
        }
        for model in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{{version}}"):
            self.routes[model] = {"GET": Route(self.model, "token")}
            self.routes[f"{model}/ready"] = {"GET": Route(self.model_ready, "token")}
            self.routes[f"{model}/infer"] = {"POST": Route(self.infer, "scorer")}

    async def server(self, _request: Request) -> Answer:
        return json_answer({"name": "gradino", "version": gradino.__version__, "extensions": ["binary_tensor_data"]})

    async def alive(self, _request: Request) -> Answer:
        return json_answer({"live": True})

    async def ready(self, _request: Request) -> Answer:
        self._scoring.live()
        return json_answer({"ready": True})

    async def model(self, request: Request) -> Answer:
        live = self._live(request)
        inputs = [
            {"name": name, "datatype": _DATATYPES[kind], "shape": [-1]}
            for name, kind in zip(live.rows.names, live.rows.layout.types, strict=True)
        ]
        value = "FP64" if self._task == "regression" else "BYTES"
        outputs = [{"name": n, "datatype": d, "shape": [-1]} for n, d in zip(OUTPUTS, (value, "BYTES"), strict=True)]
        versions = [str(live.champion.version)]
        about = {"name": self._name, "versions": versions, "platform": "gradino", "inputs": inputs, "outputs": outputs}
        return json_answer(about)

    async def model_ready(self, request: Request) -> Answer:
        self._live(request)
        return json_answer({"name": self._name, "ready": True})

    async def infer(self, request: Request) -> Answer:
        live = self._live(request)
        head, binary = _parted(request)
        given: Inference = decoded(self._decoder, head, _ADVICE)
        columns = _columns(live.rows, tensors.read(given.inputs, binary))
        ticket = await self._scoring.score(request, live, columns, _timeout(given))
        values = {"prediction": ticket.values, "prediction_id": ticket.ids}
        in_binary = given.parameters.get("binary_data_output") is True
        wanted = [Wanted(name, {"binary_data": in_binary}) for name in OUTPUTS] if not given.outputs else given.outputs
        outputs, packed = [], b""
        for one in wanted:
            told, more = tensors.output(one.name, values[_known(one.name)], one.parameters.get("binary_data") is True)
            outputs.append(told)
            packed += more
        about = {"model_name": self._name, "model_version": str(live.champion.version), "outputs": outputs}
        body = msgspec.json.encode(about | ({"id": given.id} if given.id else {}))
        if not packed:
            return Answer(body)
        return Answer(body + packed, kind="application/octet-stream", headers=((HEADER, str(len(body))),))

    def _live(self, request: Request) -> Live:
        """What serves, if it is the version that the path names."""
        live = self._scoring.live()
        wanted = request.parameters.get("version")
        if wanted and wanted != str(live.champion.version):
            problem = Problem(f"version {wanted} does not serve", next=f"ask for {live.champion.version}, or for none")
            raise BadInput(problem, 404)
        return live


def _parted(request: Request) -> tuple[bytes, bytes]:
    """The JSON, and the binary tensors behind it."""
    given = request.headers.get(HEADER)
    if given is None:
        return request.body, b""
    if not (given.isascii() and given.isdigit() and int(given[:12]) <= len(request.body)):
        raise BadInput(Problem(f"the header {HEADER} is not the length of the JSON"), 400)
    return request.body[: int(given)], request.body[int(given) :]


def _columns(rows: Rows, given: dict[str, NDArray[Any]]) -> Columns:
    if not given:
        raise BadInput(Problem("there are no inputs", next=_ADVICE))
    inputs = [name for name, _ in rows.layout.inputs]
    if len(given) == 1:
        (matrix,) = given.values()
        if matrix.ndim > 1 and matrix.shape[1] == len(inputs) > 1:
            few(len(matrix))
            return checked(rows, dict(zip(inputs, matrix.T, strict=True)), len(matrix))
    columns = {}
    size = len(next(iter(given.values())))
    few(size)
    for name, array in given.items():
        if array.ndim > 1 and array.shape[1] != 1:
            raise BadInput(Problem("the shape is not [rows] or [rows, 1]", field=name))
        if len(array) != size:
            raise BadInput(Problem(f"the input has {len(array)} rows, another has {size}", field=name))
        columns[name] = np.ascontiguousarray(array.reshape(-1))
    return checked(rows, columns, size)


def _timeout(given: Inference) -> float | None:
    """Triton's parameter `timeout`, in microseconds."""
    microseconds = given.parameters.get("timeout")
    if isinstance(microseconds, int) and not isinstance(microseconds, bool) and 0 < microseconds < 2**53:
        return microseconds / 1e6
    return None


def _known(name: str) -> str:
    if name not in OUTPUTS:
        raise BadInput(Problem("unknown output", field=name, next=f"known: {', '.join(OUTPUTS)}"))
    return name
