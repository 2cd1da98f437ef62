"""One worker: a process that loads models, listens, scores and logs, until it is told to stop."""

import asyncio
import secrets
import signal
import socket
import time
from pathlib import Path
from typing import Any, Literal

from granian._granian import SocketHolder
from granian.constants import Interfaces
from granian.server.embed import Server

from gradino.errors import ServiceError
from gradino.operate.project import Project
from gradino.operate.project import load as load_project
from gradino.operate.serving.app import App
from gradino.operate.serving.board import Board
from gradino.operate.serving.commit import PredictionLog
from gradino.operate.serving.deployments import Deployments, Load
from gradino.operate.serving.schema import Extra
from gradino.operate.serving.service import ScoringService
from gradino.operate.store import Store

Ack = Literal["durable", "buffered"]

HOST = "127.0.0.1"
_BACKLOG = 2048
_PATIENCE = 30.0  # seconds to wait for the first model before answering without one


class _SharedServer(Server):
    """Granian in this process, on a socket that outlives it: what arrives while a worker is replaced waits there."""

    def __init__(self, listener: socket.socket, target: App) -> None:
        super().__init__(
            target, HOST, listener.getsockname()[1], interface=Interfaces.RSGI, log_enabled=False, websockets=False
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        holder: Any = SocketHolder
        self._shd = holder(self._listener.fileno(), False, _BACKLOG)


def listen(port: int) -> socket.socket:
    """The socket of all workers of one server; raises ServiceError when somebody else has the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ServiceError(
            f"the scoring server cannot have port {port} of {HOST}: {getattr(error, 'strerror', error)}",
            "stop what uses it, or give another one with --port",
        ) from None
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def serve_embedded(root: Path, environment: str, port: int, ack: Ack = "durable") -> None:
    """Serve an environment of a project in this process, until SIGTERM or SIGINT.

    For a process that has imported the libraries already: a forked job listens within milliseconds.

    Raises:
        ServiceError: the port is taken.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    listener = listen(port)
    with threadpool_limits(1):
        run(load_project(root), environment, listener, ack, Board(1), 0)


def run(
    project: Project,
    environment: str,
    listener: socket.socket,
    ack: Ack,
    board: Board,
    worker: int,
    load: Load | None = None,
) -> None:
    """The life of a worker. `board` and `listener` are shared with its siblings; `load` is the registry's."""
    store = Store.of(project.root)
    folder = store.folder("wal", environment)
    log = PredictionLog(folder, durable=ack == "durable")
    prefix = f"{int(time.time()):x}{secrets.token_hex(4)}"
    extra = Extra(project.project.time, project.project.unit)
    deployments = Deployments(store.state, environment, extra, load or _bundles(store))
    service = ScoringService(deployments, log, board, worker, project.project.task, folder, prefix)
    deployments.start(service.publish)
    deployments.settled.wait(_PATIENCE)
    asyncio.run(_serve(_SharedServer(listener, App(service, prefix))))
    deployments.close()
    log.close()
    store.state.close()


async def _serve(server: Any) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def _bundles(store: Store) -> Load:
    from gradino.operate.registry import load

    key = store.root / "keys" / "public.pem"
    return lambda digest: load(store.at_hand(f"bundles/{digest}"), digest, key)
