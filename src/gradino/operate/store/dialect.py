"""What SQLite and PostgreSQL do not do alike, so that nobody above has to know which of them it is."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from sqlite3 import OperationalError
from typing import Any

from sqlalchemy import Connection, Engine, Text, TypeDecorator, create_engine, event, text
from sqlalchemy.types import DateTime

_WRITER = 0x67726164  # one number for all writers: "grad"
_PATIENCE = 10  # seconds a writer waits for its turn


class Utc(TypeDecorator[datetime]):
    """A moment in UTC; databases forget the zone, this puts it back."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class JSON(TypeDecorator[Any]):
    """A plain object as text. PostgreSQL's own type refuses NaN and infinity, which evidence may well contain."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: object) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: object) -> Any:
        return None if value is None else json.loads(value)


def engine(url: str) -> Engine:
    """Connections to a database. On SQLite readers never wait for the writer, as they never do on PostgreSQL."""
    made = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if made.dialect.name == "sqlite":
        event.listen(made, "connect", _configure_sqlite)
    return made


def take_turn(connection: Connection) -> None:
    """Begin to write, after all who write now: what is read from here on still holds when it is committed."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER})


@contextmanager
def alone(postgresql: Engine, name: str) -> Iterator[None]:
    """Hold `name` on every machine that shares the database, which lets go of it when its holder dies."""
    with postgresql.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
        yield


def make_schema(postgresql: Engine, name: str) -> None:
    """Make a schema of the database, once."""
    with postgresql.begin() as connection:
        take_turn(connection)
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {name}"))


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout={_PATIENCE * 1000}")
    connection.execute("PRAGMA synchronous=NORMAL")
    deadline = time.monotonic() + _PATIENCE
    while True:  # the mode stays with the file; of many first users, who do not wait here, one sets it
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
