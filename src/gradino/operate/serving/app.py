"""HTTP: which path leads where, and how a refusal reads. No rule about models lives here."""

import re
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from gradino.operate.serving.access import Access, Denied, Headers, Needs
from gradino.operate.serving.bodies import Bodies, Unavailable
from gradino.operate.serving.journal import Journal
from gradino.operate.serving.metrics import Requests
from gradino.operate.serving.patience import Gone, Late
from gradino.operate.serving.schema import BadInput, Problem

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

_JSON = "application/json"
_MOST_ID = 128
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, traceparent
_HUNG_UP = 499  # nginx's number: nobody is there to read the answer


class Request(msgspec.Struct, eq=False):
    """What a handler answers. `parameters` are the parts of the path that a route leaves open."""

    id: str
    path: str
    headers: Headers
    gone: Callable[[], Awaitable[None]]  # returns when the caller has hung up
    body: bytes = b""
    parameters: dict[str, str] = {}


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


Handler = Callable[[Request], Awaitable[Answer]]


class Route(NamedTuple):
    """Who answers a method of a path, and who may ask."""

    handler: Handler
    needs: Needs


Routes = dict[str, dict[str, Route]]  # path → method → route; a part of a path such as {version} is left open


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

    def __init__(self, service: Service, prefix: str, access: Access, journal: Journal) -> None:
        self._service, self._prefix, self._access, self._journal = service, prefix, access, journal
        self._routes, self._requests, self._bodies = service.routes, service.requests, Bodies()
        self._open = [(_pattern(path), path) for path in self._routes if "{" in path]
        self._count = 0

    def __rsgi_init__(self, loop: Any) -> None:
        self._bodies.start(loop)
        self._service.start(loop)

    def __rsgi_del__(self, loop: Any) -> None:
        self._bodies.stop()
        self._service.stop()

    async def __rsgi__(self, scope: "Scope", protocol: "HTTPProtocol") -> None:
        started = time.perf_counter()
        self._count += 1
        headers: Headers = scope.headers
        name = _given_id(headers) or f"{self._prefix}-r{self._count:x}"
        route = path = scope.path
        request = Request(name, path, headers, protocol.client_disconnect)
        if path not in self._routes:
            route, request.parameters = self._found(path)
        who = None
        try:
            methods = self._routes.get(route, {})
            chosen = methods.get(scope.method)
            holder = self._access.check(headers, chosen.needs if chosen else "token")
            who = holder.name if holder else None
            if chosen:
                request.body = await self._bodies.read(headers, scope.http_version, protocol)
                answer = await chosen.handler(request)
            else:
                answer = self._no_route(scope.method, methods, request)
        except Exception as error:  # noqa: BLE001  # every fault has its answer
            answer = _instead(error, request)
        finally:
            self._bodies.let_go(request.body)
        seconds = time.perf_counter() - started
        if answer.status != _HUNG_UP:
            sent = [("content-type", answer.kind), ("x-request-id", name), *answer.headers]
            with suppress(Exception):  # the client is gone
                protocol.response_bytes(answer.status, sent, answer.body)
        self._requests.count(route, answer.status, seconds)
        self._journal.note(answer.status, scope.method, path, seconds, name, who)

    def _found(self, path: str) -> tuple[str, dict[str, str]]:
        """The route of a path with open parts, and what stands there; `other` when there is none."""
        for pattern, route in self._open:
            if found := pattern.fullmatch(path):
                return route, found.groupdict()
        return "other", {}

    def _no_route(self, method: str, methods: Mapping[str, Route], request: Request) -> Answer:
        path = request.path
        if methods:
            allowed = ", ".join(methods)
            problem = Problem(f"{path} does not take {method}", next=f"use {allowed}")
            return _refused(405, problem, request, (("allow", allowed),))
        near = get_close_matches(path, self._routes, n=1)
        advice = f"did you mean {near[0]}?" if near else f"there are: {', '.join(self._routes)}"
        return _refused(404, Problem(f"there is no {path}", next=advice), request)


def _pattern(path: str) -> re.Pattern[str]:
    """Of a path such as `/v2/models/x/versions/{version}`."""
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile("".join(f"(?P<{p}>[^/]+)" if i % 2 else re.escape(p) for i, p in enumerate(parts)))


def _given_id(headers: Headers) -> str | None:
    """The caller's own id of the request or of the trace it belongs to, where it is fit to be sent back."""
    given = headers.get("x-request-id")
    if given is None:
        trace = headers.get("traceparent")
        found = _TRACE.fullmatch(trace) if trace else None
        return found[1] if found else None
    return given if given and len(given) <= _MOST_ID and given.isascii() and given.isprintable() else None


def _instead(error: Exception, request: Request) -> Answer:
    """What a caller is told of an exception."""
    match error:
        case BadInput():
            return _refused(error.status, error.problem, request)
        case Denied():
            return _refused(error.status, Problem(error.reason, next=error.advice), request, _challenge(error))
        case Unavailable():
            return _refused(503, Problem(error.reason), request, (("retry-after", str(error.retry)),))
        case Late():
            return _refused(504, Problem("the deadline passed before the rows were scored"), request)
        case Gone():
            return Answer(b"", _HUNG_UP)
        case Failed():
            return _refused(500, Problem(error.reason), request)
        case TimeoutError():
            return _refused(408, Problem("the body did not arrive"), request, (("connection", "close"),))
        case RecursionError():
            return _refused(400, Problem("the body is nested too deeply"), request)
    # the caller gets a request id, the operator the trace
    print(f"gradino: request {request.id!r}\n{_trace(error)}", file=sys.stderr)
    return _refused(500, Problem("the server failed on this request", next="see its log"), request)


def _trace(error: Exception) -> str:
    """Where it happened; not its words, in which a value of the row may stand."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


def _challenge(error: Denied) -> tuple[tuple[str, str], ...]:
    return (("www-authenticate", 'Bearer realm="gradino"'),) if error.status == 401 else ()


def _refused(status: int, problem: Problem, request: Request, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """The problem, and as the Open Inference Protocol wants it below `/v2`: in one sentence."""
    if request.path.startswith("/v2"):
        content: dict[str, object] = {"error": _sentence(problem), "detail": problem}
    else:
        content = {"error": problem}
    return Answer(msgspec.json.encode(content | {"request_id": request.id}), status, headers=headers)


def _sentence(problem: Problem) -> str:
    where = ", ".join(
        f"{name} {value}" for name, value in (("row", problem.row), ("field", problem.field)) if value is not None
    )
    return f"{where}: {problem.reason}" if where else problem.reason
