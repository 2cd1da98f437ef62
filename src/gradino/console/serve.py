"""The page over HTTP on 127.0.0.1: `/`, `/events`, `/api/status`, `/metrics`, `/report`.

One process, one thread at a time reads the records. A refresh takes at most a tenth of the time, however slow the
machine: the loop that is watched matters more than who watches it.
"""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, get
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.datastructures import ResponseHeader
from litestar.response import Response, ServerSentEvent, ServerSentEventMessage

from gradino.console import render
from gradino.console.draw import Drawer
from gradino.console.series import Series
from gradino.console.story import read, status
from gradino.console.watch import exposition
from gradino.errors import GradinoError, ServiceError
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import deployments

HOST = "127.0.0.1"
_REFRESH = 2.0  # seconds, at least
_SHARE = 10  # and so many times what the last refresh took
_ASSESS = 60.0  # seconds between assessments while somebody looks

T = TypeVar("T")
Assess = Callable[[], render.Assessment | None]
Trace = Callable[[str], render.Chain]


class Console:
    """One project's page, kept warm: what was read and drawn serves the next reader. For one thread at a time."""

    def __init__(
        self, store: Store, project: Project, assess: Assess | None = None, trace: Trace | None = None
    ) -> None:
        self._store, self._project, self._assess, self._trace = store, project, assess, trace
        self._drawer, self._series = Drawer(), Series(store.tables)
        self._assessing = threading.Lock()
        self._assessment: render.Assessment | None = None
        self._assessed = self._fresh = -float("inf")
        self._sections: dict[str, str] = {}

    def page(self, prediction: str | None = None) -> str:
        """The live page, with the chain of one prediction if asked."""
        self._judge()
        return self._page(live=True, chain=self._trace(prediction) if prediction and self._trace else None)

    def report(self) -> str:
        """The page as a file."""
        return self._page(live=False)

    def sections(self) -> dict[str, str]:
        """The parts that change; read again when the last reading is old enough."""
        self._judge()
        began = time.monotonic()
        if began >= self._fresh:
            self._sections = render.sections(self._page(live=True))
            self._fresh = time.monotonic() + max(_REFRESH, _SHARE * (time.monotonic() - began))
        return self._sections

    def status(self) -> dict[str, Any]:
        """How things stand."""
        return status(read(self._store, self._project, self._series))

    def metrics(self) -> str:
        """What Prometheus asks for."""
        live = self._store.state.last(deployments, deployments.c.environment == "production")
        return exposition(self._store, live.champion if live else None)

    def close(self) -> None:
        self._drawer.rest()

    def _page(self, *, live: bool, chain: render.Chain | None = None) -> str:
        return render.page(
            self._store,
            self._project,
            self._assessment,
            live=live,
            tracing=live and self._trace is not None,
            chain=chain,
            drawer=self._drawer,
            series=self._series,
        )

    def _judge(self) -> None:
        """Assess again, beside the page, when the last assessment is old."""
        if self._assess is None or time.monotonic() < self._assessed + _ASSESS:
            return
        if self._assessing.acquire(blocking=False):
            self._assessed = time.monotonic()
            threading.Thread(target=self._judge_now, daemon=True).start()

    def _judge_now(self) -> None:
        assert self._assess is not None
        try:
            self._assessment = self._assess() or self._assessment
        finally:
            self._assessing.release()


def application(console: Console, port: int, closing: asyncio.Event) -> Litestar:
    """The routes. `closing` ends the streams, so that a stop does not wait for readers."""
    thread = ThreadPoolExecutor(1)  # one thread reads; a second would only wait for it and take memory

    async def beside(work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, work, *arguments)

    @get("/", media_type="text/html")
    async def index(trace: str | None = None) -> str:
        return await beside(console.page, trace)

    @get("/api/status")
    async def how() -> dict[str, Any]:
        return await beside(console.status)

    @get("/metrics", media_type="text/plain")
    async def metrics() -> str:
        return await beside(console.metrics)

    @get("/report", media_type="text/html")
    async def report() -> Response[str]:
        headers = {"Content-Disposition": 'attachment; filename="gradino.html"'}
        return Response(await beside(console.report), headers=headers)

    @get("/events")
    async def events() -> ServerSentEvent:
        return ServerSentEvent(_changes(partial(beside, console.sections), closing))

    return Litestar(
        [index, how, metrics, report, events],
        allowed_hosts=AllowedHostsConfig(allowed_hosts=[f"{host}:{port}" for host in (HOST, "localhost")]),
        response_headers=_headers(),
        openapi_config=None,
        logging_config=None,
    )


async def _changes(
    sections: Callable[[], Awaitable[dict[str, str]]], closing: asyncio.Event
) -> AsyncIterator[ServerSentEventMessage]:
    sent: dict[str, str] = {}
    while not closing.is_set():
        now = await sections()
        for name, html in now.items():
            if sent.get(name) != html:
                yield ServerSentEventMessage(event="section", data=json.dumps({"id": name, "html": html}))
        sent = now
        try:
            await asyncio.wait_for(closing.wait(), _REFRESH)
        except TimeoutError:
            yield ServerSentEventMessage(comment="still here")


def _headers() -> list[ResponseHeader]:
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{render.script_digest()}'; img-src data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return [
        ResponseHeader(name="Content-Security-Policy", value=policy),
        ResponseHeader(name="X-Content-Type-Options", value="nosniff"),
        ResponseHeader(name="Referrer-Policy", value="no-referrer"),
        ResponseHeader(name="Cache-Control", value="no-store"),
    ]


def serve(
    store: Store, project: Project, port: int, *, assess: Assess | None = None, trace: Trace | None = None
) -> None:
    """Answer on 127.0.0.1 until SIGTERM or SIGINT.

    Raises:
        ServiceError: the port is in use.
    """
    _free(port)
    console = Console(store, project, assess, trace)
    try:
        asyncio.run(_run(console, port))
    finally:
        console.close()


async def _run(console: Console, port: int) -> None:
    closing = asyncio.Event()
    server = Server(
        application(console, port, closing),
        address=HOST,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        closing.set()
        server.stop()  # type: ignore[no-untyped-call]

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    await server.serve()


def _free(port: int) -> None:
    """Two servers may share a port and take turns: ask first."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise ServiceError(
                f"port {port} of {HOST} is in use", "choose another, or end the process that holds it"
            ) from None


def assess_beside(project: Project) -> render.Assessment | None:
    """The assessment, made in a process of its own, so that what it reads does not stay in this one's memory."""
    return _ask("assess", str(project.root), "--json")[0]


def trace_beside(project: Project, prediction: str) -> render.Chain:
    """The chain behind a prediction, walked in a process of its own."""
    found, said = _ask("trace", "--project", str(project.root), "--json", "--", prediction)
    return {"verified": False, "links": []} | (found or {}) | {"prediction": prediction, "says": said}


def _ask(*arguments: str) -> tuple[dict[str, Any] | None, str]:
    """What the command line prints as JSON, if it does, and otherwise why not, in words."""
    command = [sys.executable, "-m", "gradino", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout), ""
    except json.JSONDecodeError:
        said = done.stderr.strip().removeprefix("✗ ")
        return None, said if done.returncode == GradinoError.exit_code else f"`gradino {arguments[0]}` failed"
