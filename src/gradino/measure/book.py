"""The rows of gradino's own store, read as anybody else's: from its file, or from a PostgreSQL server that was named.

Only read, by names of tables and columns; what is missing is an empty table.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradino.errors import EvidenceError

_TABLES = (
    "data_versions", "runs", "versions", "reproductions", "releases", "gates", "deployments", "decisions", "alarms",
    "incidents", "profiles", "metrics", "retrainings", "drills"
)  # fmt: skip
_PATIENCE = 5  # seconds
Row = dict[str, Any]


@dataclass(frozen=True)
class Book:
    """Rows by table, oldest first, and where they lie."""

    tables: dict[str, list[Row]]
    place: str

    def __getitem__(self, name: str) -> list[Row]:
        return self.tables[name]

    def chain(self) -> tuple[Row, Row, Row] | None:
        """The newest production deployment's version, its run and its data version, if all three are there."""
        live = [d for d in self["deployments"] if d.get("environment") == "production"]
        if not live:
            return None
        version = next((v for v in self["versions"] if v.get("number") == live[-1].get("champion")), None)
        run = next((r for r in self["runs"] if version and r.get("id") == version.get("run")), None)
        data = next((d for d in self["data_versions"] if run and d.get("version") == run.get("data_version")), None)
        return (version, run, data) if version and run and data else None


def of_file(path: Path) -> Book:
    """Of a SQLite file. Raises OSError where it is none."""
    uri, place = path.resolve().as_uri(), f"{path.parent.name}/{path.name}"
    try:
        try:
            connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=2)
            connection.execute("select count(*) from sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True)
        with closing(connection):
            connection.row_factory = sqlite3.Row
            there = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
            return Book(
                {t: [dict(r) for r in connection.execute(_all(t))] if t in there else [] for t in _TABLES}, place
            )
    except sqlite3.Error as error:
        raise OSError(f"{place}: {type(error).__name__}") from None


def of_server(address: str) -> Book:
    """Of a PostgreSQL database, in a transaction that only reads.

    Raises:
        EvidenceError: the address is none of PostgreSQL, or its driver is not installed.
        OSError: it does not answer.
    """
    try:
        from sqlalchemy import create_engine, inspect, make_url, text
        from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    except ImportError:
        raise EvidenceError("A store on PostgreSQL needs its driver.", "pip install 'gradino[operate]'") from None
    try:
        url = make_url(address)
    except ArgumentError:
        raise EvidenceError("--store is no address of a database.", "Name it as `[store] state` does.") from None
    place = f"{url.drivername.partition('+')[0]}://{url.host}/{url.database}"
    if url.drivername != "postgresql+psycopg":
        raise EvidenceError(
            f"--store does not read {place}.", "Name it as `[store] state` does: postgresql+psycopg://…"
        )
    engine = create_engine(url, connect_args={"connect_timeout": _PATIENCE})
    try:
        with engine.connect().execution_options(postgresql_readonly=True) as connection:
            there = set(inspect(connection).get_table_names())
            return Book(
                {
                    t: [dict(r) for r in connection.execute(text(_all(t))).mappings()] if t in there else []
                    for t in _TABLES
                },
                place,
            )
    except SQLAlchemyError as error:
        raise OSError(f"{place}: unavailable ({type(error).__name__})") from None
    finally:
        engine.dispose()


def _all(table: str) -> str:
    return f'select * from "{table}" order by 1'  # noqa: S608 - our own names
