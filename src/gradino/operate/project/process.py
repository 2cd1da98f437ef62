"""The project's own code runs here: in a process of its own, which can be killed and cannot take the operator along.

One warm parent imports the heavy libraries once (seconds) and forks a child per job (milliseconds). A child ends
with the process that asked for it, however that one dies.
"""

import multiprocessing
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from gradino.errors import GradinoError

P = ParamSpec("P")
T = TypeVar("T")

_PRELOAD = "gradino.operate.loop.preload"
_FOREIGN = re.compile(r"site-packages|[/\\\\]gradino[/\\\\](operate|errors)|<frozen")


class JobError(GradinoError):
    """A job raised, or its process died; `trace` is the project's part of the stack."""

    def __init__(self, what: str, trace: str = "") -> None:
        super().__init__(what)
        self.trace = trace


def start(function: Callable[P, T], /, log: Path, *args: P.args, **kwargs: P.kwargs) -> "Job[T]":
    """Start `function` (importable by name) in its own process; its output goes to the end of the file `log`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOAD])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, str(log), function, args, kwargs), daemon=True)
    process.start()
    sender.close()
    return Job(process, receiver)


def call(function: Callable[P, T], /, log: Path, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in its own process and return what it returned.

    Raises:
        GradinoError: what the function raised, when it was one.
        JobError: it raised anything else, or its process died.
    """
    return start(function, log, *args, **kwargs).result()


class Job(Generic[T]):
    """A started job. Leaving it to itself is allowed: it ends with this process."""

    def __init__(self, process: Any, receiver: Connection) -> None:
        self._process, self._receiver = process, receiver

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def ended(self) -> bool:
        return not self._process.is_alive()

    def result(self) -> T:
        try:
            outcome, value = self._receiver.recv()
        except EOFError:
            self._process.join()
            raise JobError(f"the job's process ended with exit code {self._process.exitcode}") from None
        finally:
            self.stop()
        if outcome == "error":
            raise value
        return value  # type: ignore[no-any-return]

    def done(self, seconds: float) -> bool:
        """Wait for the end, so long at most; whether there is a result."""
        return self._receiver.poll(seconds)

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self.stop()

    def stop(self) -> None:
        """End it now, if it has not ended."""
        self._receiver.close()
        self._process.join(timeout=1.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _work(sender: Connection, log: str, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(log, "a", buffering=1) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        answer = ("done", function(*args, **kwargs))
    except GradinoError as error:
        answer = ("error", error)
    except BaseException as error:  # noqa: BLE001  # the project's code may raise anything
        traceback.print_exc()
        answer = ("error", JobError(f"{type(error).__name__}: {error}", _own_part(error)))
    with suppress(BrokenPipeError):
        sender.send(answer)


def _own_part(error: BaseException) -> str:
    """The frames outside installed packages and outside gradino: what the project's author can change."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _FOREIGN.search(f.filename)]
    return "".join(traceback.format_list(frames[-3:]))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
