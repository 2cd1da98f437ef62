"""Decisions and history in one SQL database. Rows are appended or moved one stage on, never rewritten.

Times: `at` is the wall clock when the row was written, `event_time` the event time the system had reached.
Both are UTC. JSON columns hold plain objects. `measure` reads this file as it reads anybody else's tracker.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)

from gradino.operate.store import dialect
from gradino.operate.store.dialect import JSON, Utc

metadata = MetaData()


def now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


def _table(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(name, metadata, *columns, Column("at", Utc, nullable=False, default=now), Column("event_time", Utc))


# One row per happening a person would want to hear of; the page and the demo tell the story from it.
events = _table(
    "events",
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),  # data, run, gate, release, experiment, alarm, retraining, …
    Column("title", String, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("key", String, unique=True),  # says the same thing once, however often a step is repeated
)
# One row per version of the table `rows`: what it holds, by digest, and from which raw batch it came.
data_versions = _table(
    "data_versions",
    Column("version", Integer, primary_key=True),  # of the Delta table
    Column("digest", String, nullable=False),
    Column("files", JSON, nullable=False),  # {data file: sha256}, those that the version added
    Column("raw", String, nullable=False, unique=True),  # sha256 of the batch as it came
    Column("rows", Integer, nullable=False),  # accepted from this batch
    Column("quarantined", Integer, nullable=False),
    Column("until", Utc),  # newest event time in the table
)
runs = _table(
    "runs",
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),  # queued, running, finished, failed, cancelled
    Column("reason", String, nullable=False),
    Column("commit", String),
    Column("diff", String),  # sha256 of the uncommitted changes, null when clean
    Column("code", String),  # sha256 of the snapshot the run used
    Column("environment", String),  # sha256 of the lock file
    Column("data_version", Integer),
    Column("data_digest", String),
    Column("seed", BigInteger),  # 32 bits without a sign
    Column("metrics", JSON),
    Column("slices", JSON),  # metrics of each slice of the holdout
    Column("parameters", JSON),  # hyper-parameters that a search chose
    Column("machine", JSON),  # processor, cores, threads, Python
    Column("tracker_run", String),
    Column("version", Integer),
    Column("error", String),
    Column("started", Utc),
    Column("ended", Utc),
)
versions = _table(
    "versions",
    Column("number", Integer, primary_key=True, autoincrement=False),  # as in the MLflow registry
    Column("run", String, nullable=False, unique=True),
    Column("bundle", String, nullable=False),  # sha256
    Column("signature", String),  # sha256 of the file that signs it
    Column("status", String, nullable=False),  # candidate, refused, challenger, rejected, champion, retired
)
# A version made again from its record alone, and how like it the second one is.
reproductions = _table(
    "reproductions",
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("verdict", String, nullable=False),  # pass, fail
    Column("how", String, nullable=False),  # identical, predictions, metric, different, broken
    Column("evidence", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
)
releases = _table(
    "releases",
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False, unique=True),  # a version is released once
    Column("champion", Integer),  # whom it was measured against, null for the first
    Column("stage", String, nullable=False),  # gates, experiment, ramp, probation, done
    Column("verdict", String),  # pass, fail, insufficient
    Column("reason", String),
    Column("experiment", JSON),  # the running evidence
    Column("probation", JSON),  # that of the champion it became, against the one before
    Column("position", Integer),  # version of the table `outcomes` the evidence has consumed
    Column("weight", Float),  # share of live traffic the challenger answers
)
gates = _table(
    "gates",
    Column("id", Integer, primary_key=True),
    Column("release", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("verdict", String, nullable=False),  # pass, fail, insufficient
    Column("evidence", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
)
# What serves, per environment: the newest row is the truth, all rows are the history.
deployments = _table(
    "deployments",
    Column("id", Integer, primary_key=True),
    Column("environment", String, nullable=False),  # test, production
    Column("champion", Integer, nullable=False),
    Column("challenger", Integer),
    Column("weight", Float, nullable=False, default=0.0),  # answered by the challenger; 0 = shadow
    Column("reason", String, nullable=False),
    Column("decision", String),  # certificate that allowed it
    Index("deployments_of_champion", "environment", "champion"),
)
decisions = _table(
    "decisions",
    Column("id", String, primary_key=True),  # sha256 of the certificate
    Column("kind", String, nullable=False),  # gates, experiment, retraining, rollback
    Column("subject", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("certificate", JSON, nullable=False),
    Column("signature", String, nullable=False),
)
# Each file of the log, signed: seal = sha256(seal before, version, digest of its rows), so a chain through all commits.
seals = _table(
    "seals",
    Column("id", Integer, primary_key=True),
    Column("table", String, nullable=False),
    Column("file", String, nullable=False),
    Column("version", Integer, nullable=False),  # of the Delta table: that added it, of a merged file the last one
    Column("digest", String, nullable=False),  # SHA-256 of the file
    Column("before", String, nullable=False),  # the seal before its first row; empty for the first
    Column("seal", String, nullable=False, index=True),  # after its last row
    Column("signature", String, nullable=False),  # base64, under both seals, file and digest
    Column("replaces", JSON),  # the files that it was merged from and whose bytes are still there; null if none
    Column("expired", String),  # the signature under letting the file go
)
# Which prediction ids a sealed file holds: those with a prefix and a number from `first` to `last`, if any.
sealed_ids = _table(
    "sealed_ids",
    Column("id", Integer, primary_key=True),
    Column("seal", Integer, nullable=False),  # the id of its row
    Column("prefix", String, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Index("sealed_ids_by_id", "prefix", "first"),
)
alarms = _table(
    "alarms",
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),  # a champion alarms once, and once for each slice
    Column("slice", String),  # "column=value"; null for all rows
    Column("evidence", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("since", Utc),  # event time from which harm accumulated
    Column("detail", JSON, nullable=False),
)
incidents = _table(
    "incidents",
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("title", String, nullable=False),
    Column("key", String, unique=True),
    Column("evidence", JSON, nullable=False),
    Column("cause", String),  # the same for what goes wrong again
    Column("repeats", Integer),  # an earlier incident of the same cause, which was closed
    Column("timeline", JSON),  # [{at, says}], oldest first
    Column("improved_by", String),  # gate, contract, test, slice, threshold, accepted
    Column("improvement", String),  # what closes it, in words
    Column("closed", Utc),
)
# A day of event time of one version's answers: its rows counted over the baseline's cells, and what labels said.
profiles = _table(
    "profiles",
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False, index=True),
    Column("day", String, nullable=False),  # ISO 8601
    Column("rows", Integer, nullable=False, default=0),
    Column("counts", JSON, nullable=False, default=dict),
    Column("labels", Integer, nullable=False, default=0),
    Column("loss", Float, nullable=False, default=0.0),  # sums over the labels
    Column("error", Float, nullable=False, default=0.0),
    Column("delay", Float, nullable=False, default=0.0),  # seconds from prediction to label
)
# The scoring server over time: a minute of wall clock each, an hour once it is old.
metrics = _table(
    "metrics",
    Column("id", Integer, primary_key=True),
    Column("start", Utc, nullable=False, index=True),
    Column("seconds", Integer, nullable=False),  # that the row covers
    Column("version", Integer),  # the champion at the time
    Column("answered", Integer, nullable=False),
    Column("refused", Integer, nullable=False),  # 4xx: the caller's mistake
    Column("failed", Integer, nullable=False),  # 5xx
    Column("latency", JSON, nullable=False),  # counts by bucket of serving.metrics.BUCKETS
    Column("predictions", JSON, nullable=False),  # {"version role": rows}
    Column("waiting", Float, nullable=False),  # most rows that waited for an answer
    Column("log_lag", Float, nullable=False),  # seconds since the log last reached the tables
)
# What was told to people, or still must be.
notifications = _table(
    "notifications",
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),  # rule, subject, channel: told once
    Column("channel", String, nullable=False),
    Column("title", String, nullable=False),
    Column("body", String, nullable=False),
    Column("status", String, nullable=False),  # waiting, sent, given up
    Column("attempts", Integer, nullable=False, default=0),
    Column("due", Utc, nullable=False),
    Column("problem", String),
)
# What each retraining after the first was expected to bring, and brought; losses per prediction, unit of the target.
retrainings = _table(
    "retrainings",
    Column("id", Integer, primary_key=True),
    Column("run", String, nullable=False, unique=True),
    Column("champion", Integer, nullable=False),  # the version it was to improve on
    Column("policy", String, nullable=False),
    Column("labels", Integer, nullable=False),  # since the training before
    Column("promised", Float, nullable=False),  # by the rise of the loss
    Column("avoided", Float, nullable=False),  # the estimate that was weighed
    Column("cost", Float, nullable=False),
    Column("outcome", String),  # promoted, rejected, refused, failed; null while it goes on
    Column("gained", Float),  # as the experiment saw it, against that champion
)
# What drills of a rehearsed copy showed.
drills = _table(
    "drills",
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("verdict", String, nullable=False),  # pass, fail, insufficient
    Column("commit", String, nullable=False),
    Column("settings", String, nullable=False),  # sha256 of gradino.toml: contract, gates, experiment
    Column("seconds", Float, nullable=False),
    Column("evidence", JSON, nullable=False),
)
# How far an incremental step has come, with the state it folds.
cursors = _table(
    "cursors",
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
)
services = _table(
    "services",
    Column("name", String, primary_key=True),  # operator, serving, console
    Column("pid", Integer, nullable=False),
    Column("address", String),
)
# Who may ask: the SHA-256 of each token, never the token.
tokens = _table(
    "tokens",
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),  # scorer, viewer, operator
    Column("digest", String, nullable=False, unique=True),
    Column("revoked", Utc),
)


class State:
    """The database. `begin()` is one transaction; the few verbs below cover what most callers need."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = dialect.engine(url)
        if metadata.tables.keys() - inspect(self.engine).get_table_names():
            with self.begin() as connection:  # so that of many first users one makes the tables
                metadata.create_all(connection)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing. Writers take turns."""
        with self.engine.begin() as connection:
            dialect.take_turn(connection)
            yield connection

    def rows(self, table: Table, *where: Any, newest: int | None = None) -> list[Row[Any]]:
        """Rows that match, oldest first; with `newest`, only the last so many."""
        key = next(iter(table.primary_key.columns))
        query = select(table).where(*where)
        with self.engine.connect() as connection:
            if newest is None:
                return list(connection.execute(query.order_by(key)))
            return list(connection.execute(query.order_by(key.desc()).limit(newest)))[::-1]

    def last(self, table: Table, *where: Any) -> Row[Any] | None:
        """The newest row that matches."""
        found = self.rows(table, *where, newest=1)
        return found[0] if found else None

    def count(self, table: Table, *where: Any) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())

    def add(self, table: Table, **values: Any) -> Any:
        """Insert one row; returns its primary key."""
        with self.begin() as connection:
            return connection.execute(insert(table).values(**values)).inserted_primary_key[0]  # type: ignore[index]

    def add_once(self, table: Table, key: Mapping[str, Any], **values: Any) -> bool:
        """Insert unless a row with `key` is there; returns whether it was inserted."""
        with self.begin() as connection:
            where = [table.c[name] == value for name, value in key.items()]
            if connection.execute(select(table).where(*where)).first():
                return False
            connection.execute(insert(table).values(**key, **values))
            return True

    def change(self, table: Table, *where: Any, **values: Any) -> int:
        """Move the rows that match; returns how many there were."""
        with self.begin() as connection:
            return connection.execute(update(table).where(*where).values(**values)).rowcount

    def remove(self, table: Table, *where: Any) -> None:
        """Delete rows of what is only about now (services)."""
        with self.begin() as connection:
            connection.execute(delete(table).where(*where))

    def tell(self, kind: str, title: str, key: str, event_time: datetime | None = None, **detail: Any) -> bool:
        """Add to the story, once per `key`."""
        return self.add_once(events, {"key": key}, kind=kind, title=title, detail=detail, event_time=event_time)

    def tell_within(
        self, connection: Connection, kind: str, title: str, key: str, event_time: datetime | None, **detail: Any
    ) -> None:
        """Add to the story with what it tells of, in the caller's transaction: a kill leaves both or neither."""
        if not connection.execute(select(events.c.id).where(events.c.key == key)).first():
            told = {"kind": kind, "title": title, "key": key, "event_time": event_time}
            connection.execute(insert(events).values(**told, detail=detail))

    def cursor(self, name: str, default: Any) -> Any:
        """What an incremental step left behind."""
        row = self.last(cursors, cursors.c.name == name)
        return row.value if row else default

    def move_cursor(self, connection: Connection, name: str, value: Any) -> None:
        """Leave behind how far a step has come, in the caller's transaction."""
        if not connection.execute(update(cursors).where(cursors.c.name == name).values(value=value, at=now())).rowcount:
            connection.execute(insert(cursors).values(name=name, value=value))

    def close(self) -> None:
        self.engine.dispose()
