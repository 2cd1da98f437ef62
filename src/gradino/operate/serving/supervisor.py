"""The parent of the workers: pays for the imports once, forks, and forks again when a worker dies."""

import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

_SLOW_START = 5.0  # seconds: a worker that dies younger waits before it is replaced
_GRACE = 10.0  # seconds a worker has to end what it began


@dataclass
class _Child:
    index: int
    started: float = field(default_factory=time.monotonic)


def supervise(workers: int, work: Callable[[int], None]) -> None:
    """Keep `workers` processes alive, each running `work(index)`, until SIGTERM or SIGINT.

    The workers end with this process, however it ends.
    """
    watched, held = os.pipe()  # a worker that reads the end of this pipe has lost its parent
    children: dict[int, _Child] = {}
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for pid in list(children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def fork(index: int) -> None:
        pid = os.fork()
        if not pid:
            os.close(held)
            _child(watched, index, work)
        children[pid] = _Child(index)
        if stopping:
            os.kill(pid, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    gc.collect()
    gc.freeze()  # a collection in a worker would write to every object, and so copy the pages that all share
    for index in range(workers):
        fork(index)
    deadline: float | None = None
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            if stopping:
                deadline = deadline or time.monotonic() + _GRACE
                if time.monotonic() > deadline:
                    for late in children:
                        os.kill(late, signal.SIGKILL)
            time.sleep(0.02)
            continue
        child = children.pop(pid)
        if stopping:
            continue
        print(
            f"gradino: worker {child.index} (pid {pid}) ended with status {os.waitstatus_to_exitcode(status)}; "
            "it is replaced",
            file=sys.stderr,
        )
        if time.monotonic() - child.started < _SLOW_START:
            time.sleep(0.5)
        fork(child.index)


def _child(watched: int, index: int, work: Callable[[int], None]) -> NoReturn:
    """Run and never return into the parent's code."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=(watched,), daemon=True).start()
    status = 1
    try:
        work(index)
        status = 0
    except Exception:  # noqa: BLE001  # the parent only sees a status
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _end_with_parent(watched: int) -> None:
    os.read(watched, 1)
    os._exit(1)
