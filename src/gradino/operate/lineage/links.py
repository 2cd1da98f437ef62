"""The links of the chain. Each is recomputed from the bytes it stands for, and says what it found."""

import hashlib
import json
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pygit2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from deltalake import DeltaTable
from pyarrow.dataset import Dataset, dataset
from sqlalchemy import Row

from gradino.errors import IntegrityError
from gradino.operate import data, registry
from gradino.operate.lineage import dsse
from gradino.operate.lineage.retention import expired
from gradino.operate.lineage.seal import chained_rows, sound
from gradino.operate.project import Project
from gradino.operate.registry.bundle import CODE, LOCK, MANIFEST, SIGNATURE, sha256, verify_files
from gradino.operate.release import certificate
from gradino.operate.store import Store
from gradino.operate.store.state import decisions, deployments, runs
from gradino.operate.training import snapshot


@dataclass(frozen=True)
class Link:
    """One link: what it is, its digest, whether the bytes still have it, and a sentence."""

    kind: str
    name: str
    digest: str | None
    verified: bool
    says: str


def log(store: Store, sealed: Row[Any], content: memoryview | None, *, rows: bool = False) -> Link:
    """A file of the log, with its bytes, against its seal, and the seal against the one before it and our key.

    With `rows`, the chain is also recomputed from what the file says row by row, commit by commit.
    """
    if content is None and expired(store, sealed):
        says = "expired by retention" if sound(store, sealed) else "the chain of seals is broken here"
        return Link("log", sealed.file, sealed.digest, sound(store, sealed), says)
    found = hashlib.sha256(content).hexdigest() if content is not None else "nothing"
    if found != sealed.digest:
        says = f"tables/{sealed.table}/{sealed.file} now has {found}"
        return Link("log", sealed.file, sealed.digest, False, says)
    chained = not rows or content is None or chained_rows(sealed.before, content, sealed.version) == sealed.seal
    if not sound(store, sealed) or not chained:
        return Link("log", sealed.file, sealed.digest, False, "the chain of seals is broken here")
    says = "sealed when it was written" if sealed.replaces is None else "merged from files that were sealed"
    return Link("log", sealed.file, sealed.digest, True, says)


def scored(told: dict[str, Any], subject: str) -> list[Link]:
    """What `gradino score` said of one row, and the file it stands in against the digest that the story has of it.

    A Delta table has no digest: others may write to it.
    """
    path = Path(told["output"])
    if not path.exists():
        return [Link("file", str(path), told["sha256"], False, "is no longer there")]
    if told["sha256"] and (found := sha256(path)) != told["sha256"]:
        return [Link("file", str(path), told["sha256"], False, f"now has {found}")]
    rows = _written(path).filter(pc.field("prediction_id") == subject).head(1, columns=["version", "prediction"])
    if not rows.num_rows:
        return []
    (row,) = rows.to_pylist()
    answer = Link("prediction", subject, None, True, f"v{row['version']} answered {row['prediction']}")
    says = f"scored from {told['input']} with bundle {told['bundle'][:12]}"
    return [answer, Link("file", str(path), told["sha256"], True, says)]


def _written(path: Path) -> Dataset:
    if path.is_dir():
        return DeltaTable(str(path)).to_pyarrow_dataset()
    return dataset(path, format=path.suffix.removeprefix("."))


def deployment(store: Store, number: int) -> list[Link]:
    """What served, and the decision that let its champion serve."""
    row = store.state.last(deployments, deployments.c.id == number)
    if row is None:
        return [Link("deployment", str(number), None, False, "is not on record")]
    here = Link("deployment", f"{row.environment} #{row.id}", None, True, row.reason)
    same = (deployments.c.environment == row.environment, deployments.c.champion == row.champion)
    allowed = store.state.last(deployments, *same, deployments.c.id <= number, deployments.c.decision.is_not(None))
    return [here, decision(store, allowed.decision)] if allowed else [here]


def decision(store: Store, identity: str) -> Link:
    """A certificate against its digest and our signature."""
    row = store.state.last(decisions, decisions.c.id == identity)
    if row is None:
        return Link("decision", identity[:12], identity, False, "is not on record")
    signed, key = certificate.content(row.certificate), registry.signing_key(store).public_key()
    try:
        key.verify(b64decode(row.signature), signed, ec.ECDSA(hashes.SHA256()))
        intact = hashlib.sha256(signed).hexdigest() == identity
    except (InvalidSignature, ValueError):
        intact = False
    says = "; ".join(row.certificate["reasons"]) if intact else "the certificate is not what was signed"
    return Link("decision", f"{row.kind} of {row.subject}: {row.verdict}", identity, intact, says)


def bundle(store: Store, version: Row[Any]) -> Link:
    """The files of a version against its digest, and the digest against our signature."""
    name, path = f"v{version.number}", store.at_hand(f"bundles/{version.bundle}")
    try:
        verify_files(path, version.bundle)
        _signed(store, path, version)
    except IntegrityError as error:
        return Link("bundle", name, version.bundle, False, error.what)
    return Link("bundle", name, version.bundle, True, "every file is what was signed")


def _signed(store: Store, path: Path, version: Row[Any]) -> None:
    """The OpenSSF model signature lists all files; raises IntegrityError where it is not ours or lists others."""
    manifest = json.loads((path / MANIFEST).read_bytes()) | {MANIFEST: version.bundle}
    try:
        content = (path / SIGNATURE).read_bytes()
        payload = dsse.verify(json.loads(content)["dsseEnvelope"], registry.signing_key(store).public_key())
        resources = json.loads(payload or b"")["predicate"]["resources"]
        listed = {item["name"]: item["digest"] for item in resources}
    except (OSError, ValueError, KeyError, TypeError):
        content, listed = b"", {}
    changed = version.signature and hashlib.sha256(content).hexdigest() != version.signature
    if changed or listed != manifest:
        raise IntegrityError(f"{path / SIGNATURE} is not our signature of this bundle")


def run(store: Store, origin: registry.Lineage) -> Link:
    """The run on record against what the bundle says of it."""
    row = store.state.last(runs, runs.c.id == origin.run)
    if row is None:
        return Link("run", origin.run, None, False, "is not on record")
    recorded = (row.code, row.environment, row.data_version, row.data_digest)
    agrees = recorded == (origin.code, origin.environment, origin.data_version, origin.data_digest)
    return Link("run", row.id, None, agrees, row.reason if agrees else "the run on record is not the one in the bundle")


def code(project: Project, store: Store, origin: registry.Lineage) -> Link:
    """The snapshot's own digest and, where nothing was uncommitted, git's: every file is the commit's blob."""
    folder = store.at_hand(f"runs/{origin.run}/{CODE}")
    name = f"commit {origin.commit[:12]}" if origin.commit else "no commit"
    if snapshot.digest(folder) != origin.code:
        return Link("code", name, origin.code, False, f"{folder} is not what was trained from")
    if origin.commit is None:
        return Link("code", name, origin.code, True, "not in git")
    if origin.diff:
        patch = f"runs/{origin.run}/{snapshot.DIFF}"
        with suppress(FileNotFoundError):
            if hashlib.sha256(memoryview(store.objects.get(patch).bytes())).hexdigest() == origin.diff:
                return Link("code", name, origin.code, True, "with uncommitted changes")
        return Link("code", name, origin.code, False, f"{patch} is not what was uncommitted")
    repository = pygit2.Repository(str(project.root))
    below = project.root.relative_to(Path(repository.workdir).resolve())
    try:
        tree = repository[origin.commit].peel(pygit2.Tree)
        changed = [
            str(file.relative_to(folder))
            for file in folder.rglob("*")
            if file.is_file() and tree[(below / file.relative_to(folder)).as_posix()].id != pygit2.hashfile(str(file))
        ]
    except KeyError as error:
        return Link("code", name, origin.code, False, f"git does not have {error}")
    says = f"not as committed: {', '.join(changed)}" if changed else "every file is as committed"
    return Link("code", name, origin.code, not changed, says)


def environment(path: Path, origin: registry.Lineage) -> Link:
    """The lock file in the bundle."""
    same = sha256(path / LOCK) == origin.environment
    return Link("environment", LOCK, origin.environment, same, "the lock it was made from")


def collected(store: Store, version: int, digest: str | None = None) -> Link:
    """Every data file of a table version and every raw batch it grew from."""
    name = f"version {version}"
    try:
        found = data.verify(store, version)
    except IntegrityError as error:
        return Link("data", name, digest, False, error.what)
    says = "every data file and every raw batch is what was collected"
    return Link("data", name, found, digest in (None, found), says)
