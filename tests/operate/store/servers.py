"""A real PostgreSQL cluster and a real object store, each in a folder of its own on a free port."""

import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

KEYS = {"AWS_ACCESS_KEY_ID": "gradino", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
_USER = "nobody"  # whom PostgreSQL runs as where we are root, which it refuses


class Postgres:
    """A cluster that hands out empty databases."""

    def __init__(self, port: int) -> None:
        self._server = f"postgresql+psycopg://gradino@127.0.0.1:{port}"
        self._made = 0

    def database(self) -> str:
        self._made += 1
        self.run(f"CREATE DATABASE store{self._made}")
        return f"{self._server}/store{self._made}"

    def run(self, statement: str) -> None:
        engine = create_engine(f"{self._server}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `postgres`, which Debian does not put on the path."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((p for p in reversed(places) if (p / "initdb").exists() and (p / "postgres").exists()), None)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A cluster without a password that only this machine reaches; gone afterwards."""
    programs = postgres_programs()
    assert programs is not None
    folder, port = Path(tempfile.mkdtemp(prefix="gradino-postgres-")), free_port()
    root = os.geteuid() == 0
    if root:
        shutil.chown(folder, _USER)
    who = {"user": _USER, "extra_groups": []} if root else {}
    data = folder / "data"
    made = [programs / "initdb", "-D", data, "-U", "gradino", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
    settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off"]
    options = [word for setting in settings for word in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(  # type: ignore[call-overload]
            [programs / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=folder, **who
        )
    try:
        cluster = Postgres(port)
        wait(lambda: _answers(cluster), folder / "log")
        yield cluster
    finally:
        server.send_signal(signal.SIGINT)  # PostgreSQL's word for: now, whoever is connected
        server.wait(20)
        shutil.rmtree(folder)


@contextmanager
def object_store(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 endpoint with the bucket `gradino`; yields the environment that leads there."""
    program, port = Path(sys.executable).parent / "rclone", free_port()
    (folder / "gradino").mkdir(parents=True)
    keys = ",".join(KEYS.values())
    with (folder.parent / "rclone.log").open("wb") as log:
        server = subprocess.Popen(
            [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", keys, folder], stdout=log, stderr=log
        )
    try:
        wait(lambda: _listens(port), folder.parent / "rclone.log")
        with _partial_content(port) as front:
            endpoint = f"http://127.0.0.1:{front}"
            yield KEYS | {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def _partial_content(port: int) -> Iterator[int]:
    """Relay to rclone, which answers a range with status 200 where RFC 9110 (15.3.7) wants 206, and put that right."""

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as rclone:
                threading.Thread(target=self._pass, args=(self.request, rclone), daemon=True).start()
                self._pass(rclone, self.request)

        @staticmethod
        def _pass(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(1 << 16):
                    if data.startswith(b"HTTP/1.1 200 OK") and b"\r\nContent-Range:" in data:
                        data = data.replace(b"200 OK", b"206 Partial Content", 1)
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as relay:
        relay.daemon_threads = True
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        yield relay.server_address[1]
        relay.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def _answers(cluster: Postgres) -> bool:
    try:
        cluster.run("SELECT 1")
    except OperationalError:
        return False
    return True


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
