"""Keeps a set of processes alive until told to stop, and takes all of them along when it ends."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from gradino.errors import ServiceError
from gradino.operate.store import Store
from gradino.operate.store.state import now, services

_GRACE = 10.0  # seconds a process may take to stop
_TRIES, _WITHIN = 3, 60.0  # so many deaths within so many seconds are no accident
_WRONG_INPUT = 2  # exit code of a process that a person must help
_FEW_ARENAS = {
    "MALLOC_ARENA_MAX": "2"
}  # else glibc gives each thread that reads tables its own, which keeps what is freed


@dataclass
class _Service:
    command: Sequence[str]
    address: str | None
    process: subprocess.Popen[bytes]
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=_TRIES))


class Supervisor:
    """A context: processes run inside it and are gone after it, in the reverse order of their start."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._services: dict[str, _Service] = {}

    def start(self, name: str, command: Sequence[str], port: int | None = None, address: str | None = None) -> None:
        """Start a process and keep it alive; its output goes to `.gradino/run/NAME.log`.

        Raises:
            ServiceError: `port`, which the process will listen on, is taken.
        """
        if port is not None:
            free(port)
        address = address or (f"http://127.0.0.1:{port}" if port else None)
        self._services[name] = _Service(command, address, self._spawn(name, command))
        self._record(name)

    def check(self) -> list[str]:
        """Restart what died; returns the names.

        Raises:
            ServiceError: one cannot start, or dies again and again; says what its log ends with.
        """
        restarted = []
        for name, service in self._services.items():
            code = service.process.poll()
            if code is None:
                continue
            service.deaths.append(time.monotonic())
            often = len(service.deaths) == _TRIES and service.deaths[-1] - service.deaths[0] < _WITHIN
            if code == _WRONG_INPUT or often:
                raise ServiceError(f"{name} cannot run: {self._last_words(name)}", f"its log is {self._log(name)}")
            service.process = self._spawn(name, service.command)
            self._record(name)
            self._store.state.tell(
                "service", f"{name} died (exit code {code}) and was started again", f"death:{name}:{time.time_ns()}"
            )
            restarted.append(name)
        return restarted

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = [service.process for service in reversed(self._services.values())]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _GRACE
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in self._services:
            self._store.state.remove(services, services.c.name == name)

    def _spawn(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._log(name).open("ab") as log:
            return subprocess.Popen(
                command,
                env=_FEW_ARENAS | os.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C reaches the supervisor, which stops them in order
                preexec_fn=follow_parent,
            )

    def _record(self, name: str) -> None:
        service = self._services[name]
        self._store.state.remove(services, services.c.name == name)
        self._store.state.add(services, name=name, pid=service.process.pid, address=service.address, at=now())

    def _log(self, name: str) -> Path:
        return self._store.folder("run") / f"{name}.log"

    def _last_words(self, name: str) -> str:
        lines = self._log(name).read_text(errors="replace").strip().splitlines()
        return " ".join(lines[-2:]) or "it says nothing"


def free(port: int) -> None:
    """Raise ServiceError when something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(f"port {port} is in use", "free it, or choose others with --port and --page") from error


def follow_parent() -> None:
    """For a child, before it begins: let the kernel end it when its parent ends, however it does (PR_SET_PDEATHSIG)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() == 1:
        os._exit(1)
