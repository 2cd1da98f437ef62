"""Who moves the project: one operator leads, others stand by and take over when it is gone, however it went.

On one machine the kernel gives back a dead process's file lock. Where the state is in PostgreSQL, operators of several
machines compete for an advisory lock of the server, which belongs to a connection: it is given back when the process
dies, and within some 20 seconds when its machine is unreachable. The leader asks over that connection whether it still
leads; if not, it ends, and whatever it left half-done is found again by its successor.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from gradino.errors import ServiceError
from gradino.operate.store import Store
from gradino.operate.store.lock import sole

_KEY = 0x67726C64  # the advisory lock of all operators of one database: "grld"
_PAUSE = 0.5  # seconds between two attempts
_ASKED = 5.0  # seconds between two questions whether one still leads
_ADVICE = "stop it first, or wait for it with --standby: one operator moves a project"


class Leadership:
    """Held inside `lead`."""

    def __init__(self, connection: Connection | None) -> None:
        self._connection, self._asked = connection, time.monotonic()

    def check(self) -> None:
        """Raise ServiceError where it was lost."""
        if self._connection is None or time.monotonic() - self._asked < _ASKED:
            return
        self._asked = time.monotonic()
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise ServiceError(f"the database is gone, and with it the lead: {error}", "it is tried again") from error


@contextmanager
def lead(store: Store, standby: bool, stopped: Callable[[], bool]) -> Iterator[Leadership | None]:
    """Lead the project inside the context. With `standby`, wait for it; None where `stopped` came first.

    Raises:
        ServiceError: another operator leads, and this one does not stand by.
    """
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(sole(store.root / "operator.lock", _ADVICE))
                connection = held.enter_context(_sole_in_database(store))
                break
            except ServiceError:
                held.close()
                if not standby:
                    raise
            if stopped():
                yield None
                return
            time.sleep(_PAUSE)
        yield Leadership(connection)


@contextmanager
def _sole_in_database(store: Store) -> Iterator[Connection | None]:
    engine = store.state.engine
    if engine.dialect.name != "postgresql":
        yield None
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting, seconds in (("idle", 5), ("interval", 5), ("count", 3)):
            connection.execute(text(f"SET tcp_keepalives_{setting} = {seconds}"))
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar_one():
            raise ServiceError("an operator on another machine moves this project", _ADVICE)
        try:
            yield connection
        finally:
            connection.invalidate()  # closes it, and with it the lock, also where the server no longer answers
