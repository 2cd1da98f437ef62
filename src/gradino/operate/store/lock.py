"""One at a time, across processes: a lock that the kernel releases when its holder dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradino.errors import ServiceError


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Wait until nobody else holds `file`, and hold it. Not for two threads that must not block each other."""
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def sole(file: Path, next: str) -> Iterator[None]:  # noqa: A002
    """Hold `file`, which then names this process; ServiceError, with what to do `next`, where another one does."""
    with file.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip() or "of unknown number"
            raise ServiceError(f"process {holder} already holds {file.parent.parent}", next) from None
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
