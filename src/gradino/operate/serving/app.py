"""HTTP: which path leads where, what a body may weigh, and how a refusal reads. No rule about models lives here."""

import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gradino.operate.serving.metrics import Requests
from gradino.operate.serving.schema import BadInput, Problem

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

LARGEST_BODY = 16 * 1024 * 1024
_DRAINED = 4 * LARGEST_BODY  # of a body that is too large: who is still sending does not hear a refusal
_JSON = "application/json"
_MOST_ID = 128


class Answer(msgspec.Struct, frozen=True):
    """A body ready to be sent."""

    body: bytes
    status: int = 200
    kind: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class Failed(Exception):  # noqa: N818  # it is an answer, not a fault
    """The request was right and could not be served; `reason` may be told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unavailable(Exception):  # noqa: N818  # it is an answer, not a fault
    """Not now; `retry` seconds later perhaps."""

    def __init__(self, reason: str, retry: int = 1) -> None:
        super().__init__(reason)
        self.reason, self.retry = reason, retry


Handler = Callable[[bytes], Awaitable[Answer]]
Routes = dict[str, dict[str, Handler]]  # path → method → handler


class Service(Protocol):
    """What answers. `start` and `stop` run in the event loop's thread."""

    @property
    def routes(self) -> Routes: ...
    @property
    def requests(self) -> Requests: ...
    def start(self, loop: Any) -> None: ...
    def stop(self) -> None: ...


def json_answer(content: object, status: int = 200) -> Answer:
    return Answer(msgspec.json.encode(content), status)


class App:
    """The RSGI application."""

    def __init__(self, service: Service, prefix: str) -> None:
        self._service, self._prefix = service, prefix
        self._routes, self._requests = service.routes, service.requests
        self._count = 0

    def __rsgi_init__(self, loop: Any) -> None:
        self._service.start(loop)

    def __rsgi_del__(self, loop: Any) -> None:
        self._service.stop()

    async def __rsgi__(self, scope: "Scope", protocol: "HTTPProtocol") -> None:
        started = time.perf_counter()
        self._count += 1
        request = _given_id(scope) or f"{self._prefix}-r{self._count:x}"
        route = scope.path if scope.path in self._routes else "other"
        answer = await self._answer(scope, protocol, request)
        headers = [("content-type", answer.kind), ("x-request-id", request), *answer.headers]
        with suppress(Exception):  # the client is gone
            protocol.response_bytes(answer.status, headers, answer.body)
        self._requests.count(route, answer.status, time.perf_counter() - started)

    async def _answer(self, scope: "Scope", protocol: "HTTPProtocol", request: str) -> Answer:
        try:
            methods = self._routes.get(scope.path)
            if methods is None:
                near = get_close_matches(scope.path, self._routes, n=1)
                advice = f"did you mean {near[0]}?" if near else f"there are: {', '.join(self._routes)}"
                return refusal(404, Problem(f"there is no {scope.path}", next=advice), request)
            handler = methods.get(scope.method)
            if handler is None:
                allowed = ", ".join(methods)
                problem = Problem(f"{scope.path} does not take {scope.method}", next=f"use {allowed}")
                return refusal(405, problem, request, (("allow", allowed),))
            return await handler(await self._body(scope, protocol))
        except BadInput as error:
            return refusal(error.status, error.problem, request)
        except Unavailable as error:
            return refusal(503, Problem(error.reason), request, (("retry-after", str(error.retry)),))
        except Failed as error:
            return refusal(500, Problem(error.reason), request)
        except RecursionError:
            return refusal(400, Problem("the body is nested too deeply"), request)
        except Exception:  # noqa: BLE001  # the caller gets a request id, the operator the trace
            print(f"gradino: request {request}\n{traceback.format_exc()}", file=sys.stderr)
            return refusal(500, Problem("the server failed on this request", next="see its log"), request)

    async def _body(self, scope: "Scope", protocol: "HTTPProtocol") -> bytes:
        length = scope.headers.get("content-length")
        if length is None and scope.headers.get("transfer-encoding") is None and scope.http_version.startswith("1"):
            return b""
        if length is not None and int(length) <= LARGEST_BODY:
            return await protocol()
        parts = bytearray()
        size = 0
        async for part in protocol:
            size += len(part)
            if size <= LARGEST_BODY:
                parts += part
            elif size > _DRAINED:
                break
        if size > LARGEST_BODY:
            most = LARGEST_BODY // 1024**2
            raise BadInput(
                Problem(f"the body is larger than {most} MiB", next="send the rows in several requests"), 413
            )
        return bytes(parts)


def _given_id(scope: "Scope") -> str | None:
    """The caller's own id of the request, where it is fit to be sent back."""
    given = scope.headers.get("x-request-id")
    return given if given and len(given) <= _MOST_ID and given.isascii() and given.isprintable() else None


def refusal(status: int, problem: Problem, request: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = msgspec.json.encode({"error": problem, "request_id": request})
    return Answer(body, status, headers=headers)
