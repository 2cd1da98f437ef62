"""One worker: a process that loads models, listens, scores and logs, until it is told to stop."""

import asyncio
import gc
import hashlib
import os
import secrets
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from gradino.operate.project import Project
from gradino.operate.project import load as load_project
from gradino.operate.project.config import Serving
from gradino.operate.serving.access import Access
from gradino.operate.serving.app import App
from gradino.operate.serving.board import Board
from gradino.operate.serving.commit import PredictionLog
from gradino.operate.serving.deployments import Deployments, Load
from gradino.operate.serving.journal import Journal
from gradino.operate.serving.listening import Renewal, SharedServer, listen
from gradino.operate.serving.privacy import Privacy
from gradino.operate.serving.schema import Extra
from gradino.operate.serving.service import ScoringService
from gradino.operate.store import Store
from gradino.operate.store.tokens import Tokens

Ack = Literal["durable", "buffered"]

_YOUNG = 20_000  # objects between two looks for garbage
_PATIENCE = 30.0  # seconds to wait for the first model before answering without one


def serve_embedded(root: Path, environment: str, port: int, ack: Ack = "durable") -> None:
    """Serve an environment of a project to this machine, in this process, until SIGTERM or SIGINT.

    For a process that has imported the libraries already: a forked job listens within milliseconds.

    Raises:
        ServiceError: the port is taken.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    project = load_project(root)
    private = Serving(drop=project.serving.drop, hash=project.serving.hash)
    listener = listen(port, private.host)
    with threadpool_limits(1):
        run(project.model_copy(update={"serving": private}), environment, listener, ack, Board(1), 0)


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
    deployments = Deployments(store.state, environment, extra, load or _bundles(store), _privacy(project, store))
    service = ScoringService(deployments, log, board, worker, project.project, folder, prefix)
    serving = project.serving
    access = Access(None if serving.local else Tokens(store.state))
    renewal = Renewal(serving)

    def each_look() -> None:
        service.publish()
        with suppress(SQLAlchemyError):  # `deployments` tells of it
            access.refresh()
        if renewal.due():
            os.kill(os.getpid(), signal.SIGTERM)

    deployments.start(each_look)
    deployments.settled.wait(_PATIENCE)
    app = App(service, prefix, access, Journal(serving.log == "requests"))
    uvloop.run(_serve(SharedServer(listener, serving, app)))
    deployments.close()
    log.close()
    store.state.close()


async def _serve(server: Any) -> None:
    # What was loaded until here is not garbage, and of what a request makes nearly nothing outlives it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 100)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def _privacy(project: Project, store: Store) -> Privacy | None:
    serving = project.serving
    if not serving.drop and not serving.hash:
        return None
    from gradino.operate.registry.keys import private_key

    key = hashlib.blake2b(private_key(store).read_bytes(), person=b"gradino privacy", digest_size=32).digest()
    return Privacy(serving.drop, serving.hash, key)


def _bundles(store: Store) -> Load:
    from gradino.operate.registry import load
    from gradino.operate.serving.evaluators import fastest

    key = store.root / "keys" / "public.pem"
    return lambda digest: fastest(load(store.at_hand(f"bundles/{digest}"), digest, key))
