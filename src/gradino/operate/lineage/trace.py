"""Walk the chain, and believe nothing: every hash is recomputed from the bytes it stands for.

prediction → log file and its seal → deployment and its decision → bundle → run → code and commit
           → environment → table version → raw batches
prediction of a scored file → the file → bundle → …

A trace reads what its answer rests on and nothing else, so it costs the same however long the log is; `everything`
reads all that is on record.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Row

from gradino.errors import ServiceError
from gradino.operate import registry, serving
from gradino.operate.lineage import links
from gradino.operate.lineage.links import Link
from gradino.operate.lineage.seal import sealed_with
from gradino.operate.project import Project
from gradino.operate.release import PRODUCTION
from gradino.operate.store import Store
from gradino.operate.store.merged import Merged
from gradino.operate.store.state import data_versions, decisions, events, seals, versions
from gradino.operate.store.tables import LOG, rows_of

_PATIENCE = 10.0  # seconds the operator gets to move a prediction into the tables
_ANSWER = ["prediction_id", "event_time", "deployment", "version", "role", "prediction"]


def trace(project: Project, store: Store, subject: str) -> list[Link]:
    """The chain behind a prediction id or a version (`v3`), all of it, broken links included.

    Raises:
        ServiceError: nothing of that name is on record.
    """
    if re.fullmatch(r"v\d+", subject):
        return _version(project, store, int(subject[1:]))
    batch = store.state.last(events, events.c.key == f"batch:{subject.rpartition('-')[0]}")
    return _scored(project, store, batch.detail, subject) if batch else _prediction(project, store, subject)


def everything(project: Project, store: Store) -> Iterator[Link]:
    """Every link there is: all files of the log, all decisions, all versions with their runs, all data versions."""
    for name in LOG:
        yield from _log(store, name)
    for decided in store.state.rows(decisions):
        yield links.decision(store, decided.id)
    for version in store.state.rows(versions):
        yield from _made(project, store, version)
    newest = store.state.last(data_versions)
    if newest:  # it holds all files and batches of those before it
        yield links.collected(store, newest.version)


def _log(store: Store, name: str) -> Iterator[Link]:
    """All files of a table of the log; what is merged meanwhile comes later, as what it became."""
    seen = 0
    while rows := store.state.rows(seals, seals.c.table == name, seals.c.id > seen):
        for sealed in rows:
            content = _content(store, name, sealed.file)
            if content is not None or store.state.count(seals, seals.c.id == sealed.id):
                yield links.log(store, sealed, content, rows=True)
        seen = rows[-1].id
    live, rows = store.tables.files(name), store.state.rows(seals, seals.c.table == name)
    replaced = {file for row in rows if row.file not in live for file in row.replaces or ()}  # in a moment
    for file in live.keys() - {row.file for row in rows} - replaced:
        if Merged.of(file):  # one that was appended is sealed in a moment
            yield Link("log", file, None, False, "is in the table, but was never sealed")


def _prediction(project: Project, store: Store, subject: str) -> list[Link]:
    broken = []
    for sealed in _candidates(store, subject):
        content = _content(store, sealed.table, sealed.file)
        log = links.log(store, sealed, content)
        if not log.verified or content is None:
            broken.append(log)
            continue
        answer = _answer(content, subject)
        if answer:
            said = f"v{answer['version']} answered {answer['prediction']} for {answer['event_time']:%Y-%m-%d %H:%M}"
            found = [Link("prediction", subject, None, True, said), log]
            found += links.deployment(store, answer["deployment"])
            return found + _version(project, store, answer["version"])
    if broken:
        return broken
    raise _unknown(subject)


def _scored(project: Project, store: Store, told: dict[str, Any], subject: str) -> list[Link]:
    """A row of a file that `gradino score` wrote."""
    found = links.scored(told, subject)
    if not found:
        raise _unknown(subject)
    return found + _version(project, store, told["version"]) if found[-1].verified else found


def _unknown(subject: str) -> ServiceError:
    advice = "give the id that /v1/score answered, or one that `gradino score` wrote"
    return ServiceError(f"no prediction {subject} is on record", advice)


def _candidates(store: Store, subject: str) -> list[Row[Any]]:
    """The seals of the files that may hold a prediction; one on its way into the tables is waited for."""
    found = sealed_with(store, subject)
    if not found and serving.waits(store, PRODUCTION, subject):
        deadline = time.monotonic() + _PATIENCE
        while not found and time.monotonic() < deadline:
            time.sleep(0.1)
            found = sealed_with(store, subject)
        if not found:
            raise ServiceError(f"{subject} was answered but is not sealed yet", "start `gradino up`, which does that")
    return found


def _content(store: Store, table: str, file: str) -> memoryview | None:
    try:
        return store.tables.content(table, file)
    except FileNotFoundError:
        return None


def _answer(content: memoryview, subject: str) -> dict[str, Any] | None:
    """The row of what was answered; a shadow's is not."""
    rows: pa.Table = rows_of(content, _ANSWER)
    own = pc.and_(pc.equal(rows["prediction_id"], subject), pc.not_equal(rows["role"], "shadow"))
    found = rows.filter(own).to_pylist()
    return found[0] if found else None


def _version(project: Project, store: Store, number: int) -> list[Link]:
    row = store.state.last(versions, versions.c.number == number)
    if row is None:
        raise ServiceError(f"no version v{number} is on record", "see `gradino status`")
    made = _made(project, store, row)
    if not made[0].verified:
        return made
    origin = registry.lineage(store.at_hand(f"bundles/{row.bundle}"))
    return [*made, links.collected(store, origin.data_version, origin.data_digest)]


def _made(project: Project, store: Store, version: Any) -> list[Link]:
    """The bundle of a version and, if what it says can be trusted, what it was made with."""
    sealed = links.bundle(store, version)
    if not sealed.verified:
        return [sealed]
    path = store.at_hand(f"bundles/{version.bundle}")
    origin = registry.lineage(path)
    run, code = links.run(store, origin), links.code(project, store, origin)
    return [sealed, run, code, links.environment(path, origin)]
