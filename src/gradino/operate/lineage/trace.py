"""Walk the chain, and believe nothing: every hash is recomputed from the bytes it stands for.

prediction → log file and its seal → deployment and its decision → bundle → run → code and commit
           → environment → table version → raw batches
"""

import hashlib
import re
from base64 import b64decode
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pygit2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Row

from gradino.errors import IntegrityError, ServiceError
from gradino.operate import data, registry
from gradino.operate.lineage.seal import chained
from gradino.operate.project import Project
from gradino.operate.registry.bundle import sha256
from gradino.operate.release import certificate
from gradino.operate.store import Store
from gradino.operate.store.state import decisions, deployments, runs, seals, versions
from gradino.operate.training import snapshot


@dataclass(frozen=True)
class Link:
    """One link: what it is, its digest, whether the bytes still have it, and a sentence."""

    kind: str
    name: str
    digest: str | None
    verified: bool
    says: str


def trace(project: Project, store: Store, subject: str) -> list[Link]:
    """The chain behind a prediction id or a version (`v3`), all of it, broken links included.

    Raises:
        ServiceError: nothing of that name is on record.
    """
    if re.fullmatch(r"v\d+", subject):
        return _version(project, store, int(subject[1:]))
    return _prediction(project, store, subject)


def _prediction(project: Project, store: Store, subject: str) -> list[Link]:
    table = store.tables.open("predictions")
    columns = ["event_time", "deployment", "version", "role", "prediction", "__filename"]
    wanted = pc.field("prediction_id") == subject
    try:
        found = table.to_pyarrow_dataset().to_table(columns, filter=wanted).to_pylist() if table else []
    except OSError:  # a file so damaged that it cannot be read: say which
        sealed = store.state.rows(seals, seals.c.table == "predictions")
        return [link for link in map(partial(_sealed, store), sealed) if not link.verified]
    answer = next((row for row in found if row["role"] != "shadow"), None)
    if answer is None:
        raise ServiceError(
            f"no prediction {subject} is on record",
            "give the id that /v1/score answered; the newest ones reach the tables within a second",
        )
    said = f"v{answer['version']} answered {answer['prediction']} for {answer['event_time']:%Y-%m-%d %H:%M}"
    links = [Link("prediction", subject, None, True, said), _log(store, Path(answer["__filename"]).name)]
    links += _deployment(store, answer["deployment"])
    return links + _version(project, store, answer["version"])


def _log(store: Store, file: str) -> Link:
    """The file of the log that holds the prediction, and the chain of seals up to it."""
    sealed = store.state.last(seals, seals.c.table == "predictions", seals.c.file.endswith(file))
    if sealed is None:
        return Link("log", file, None, False, "the file has no seal")
    before = ""
    for row in store.state.rows(seals, seals.c.table == "predictions", seals.c.id <= sealed.id):
        if chained(before, row.file, row.digest) != row.seal:
            return Link("log", row.file, row.digest, False, "the chain of seals is broken here")
        before = row.seal
    return _sealed(store, sealed)


def _sealed(store: Store, sealed: Row[Any]) -> Link:
    """A file of the log against its seal."""
    path = store.root / "tables" / "predictions" / sealed.file
    found = sha256(path) if path.exists() else "nothing"
    says = "sealed when it was written" if found == sealed.digest else f"{path} now has {found}"
    return Link("log", sealed.file, sealed.digest, found == sealed.digest, says)


def _deployment(store: Store, number: int) -> list[Link]:
    row = store.state.last(deployments, deployments.c.id == number)
    if row is None:
        return [Link("deployment", str(number), None, False, "is not on record")]
    here = Link("deployment", f"{row.environment} #{row.id}", None, True, row.reason)
    same = (deployments.c.environment == row.environment, deployments.c.champion == row.champion)
    allowed = store.state.last(deployments, *same, deployments.c.id <= number, deployments.c.decision.is_not(None))
    return [here, _decision(store, allowed.decision)] if allowed else [here]


def _decision(store: Store, identity: str) -> Link:
    row = store.state.last(decisions, decisions.c.id == identity)
    if row is None:
        return Link("decision", identity[:12], identity, False, "is not on record")
    signed, key = certificate.content(row.certificate), registry.signing_key(store).public_key()
    try:
        key.verify(b64decode(row.signature), signed, ec.ECDSA(hashes.SHA256()))
        sound = hashlib.sha256(signed).hexdigest() == identity
    except InvalidSignature:
        sound = False
    says = "; ".join(row.certificate["reasons"]) if sound else "the certificate is not what was signed"
    return Link("decision", f"{row.kind} of {row.subject}: {row.verdict}", identity, sound, says)


def _version(project: Project, store: Store, number: int) -> list[Link]:
    row = store.state.last(versions, versions.c.number == number)
    if row is None:
        raise ServiceError(f"no version v{number} is on record", "see `gradino status`")
    bundle = store.root / "bundles" / row.bundle
    try:
        registry.verify(bundle, row.bundle, registry.public_key(store))
    except IntegrityError as error:
        return [Link("bundle", f"v{number}", row.bundle, False, error.what)]
    run = store.state.last(runs, runs.c.id == row.run)
    assert run is not None
    lineage = registry.lineage(bundle)
    sealed = Link("bundle", f"v{number}", row.bundle, True, "every file is what was signed")
    return [sealed, *_run(project, store, run, lineage), _environment(bundle, lineage), *_data(store, lineage)]


def _run(project: Project, store: Store, run: Row[Any], lineage: registry.Lineage) -> list[Link]:
    recorded = (run.code, run.environment, run.data_version, run.data_digest)
    agrees = recorded == (lineage.code, lineage.environment, lineage.data_version, lineage.data_digest)
    says = run.reason if agrees else "the run on record is not the one in the bundle"
    return [Link("run", run.id, None, agrees, says), _code(project, store, lineage)]


def _code(project: Project, store: Store, lineage: registry.Lineage) -> Link:
    """The snapshot's own digest and, where nothing was uncommitted, git's: every file is the commit's blob."""
    folder = store.root / "runs" / lineage.run / "code"
    name = f"commit {lineage.commit[:12]}" if lineage.commit else "no commit"
    if snapshot.digest(folder) != lineage.code:
        return Link("code", name, lineage.code, False, f"{folder} is not what was trained from")
    if lineage.commit is None or lineage.diff:
        return Link("code", name, lineage.code, True, "with uncommitted changes" if lineage.diff else "not in git")
    repository = pygit2.Repository(str(project.root))
    below = project.root.relative_to(Path(repository.workdir).resolve())
    try:
        tree = repository[lineage.commit].peel(pygit2.Tree)
        changed = [
            str(file.relative_to(folder))
            for file in folder.rglob("*")
            if file.is_file() and tree[(below / file.relative_to(folder)).as_posix()].id != pygit2.hashfile(str(file))
        ]
    except KeyError as error:
        return Link("code", name, lineage.code, False, f"git does not have {error}")
    says = f"not as committed: {', '.join(changed)}" if changed else "every file is as committed"
    return Link("code", name, lineage.code, not changed, says)


def _environment(bundle: Path, lineage: registry.Lineage) -> Link:
    found = sha256(bundle / "uv.lock")
    return Link(
        "environment", "uv.lock", lineage.environment, found == lineage.environment, "the lock it was made from"
    )


def _data(store: Store, lineage: registry.Lineage) -> list[Link]:
    try:
        digest = data.verify(store, lineage.data_version)
    except IntegrityError as error:
        return [Link("data", f"version {lineage.data_version}", lineage.data_digest, False, error.what)]
    says = "every data file and every raw batch is what was collected"
    return [Link("data", f"version {lineage.data_version}", digest, digest == lineage.data_digest, says)]
