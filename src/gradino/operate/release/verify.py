"""A decision, exported with what it rests on, is decided again: offline, by anybody who has the file.

`export` writes the certificate, its signature, the public key and the losses of every row that counted; `check` needs
nothing else. It recomputes the id, the signature, the digest of the rows, the evidence and the verdict, and names each
that does not agree.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from gradino.errors import EvidenceError
from gradino.operate import registry
from gradino.operate.project import Project
from gradino.operate.project.config import Release
from gradino.operate.release import certificate, experiment, follow, pairs, randomised
from gradino.operate.store import Store
from gradino.operate.store.state import decisions

SCHEMA = "gradino/decision-file/1"


class File(msgspec.Struct, frozen=True):
    """What is exported. `seen` are rows of the log: [id, day, loss, loss] or, of an A/B, [unit, whether the
    challenger's, loss]."""

    id: str
    certificate: dict[str, Any]
    signature: str
    public_key: str
    seen: list[list[Any]] = []
    schema: str = SCHEMA


@dataclass(frozen=True)
class Check:
    """One thing that was recomputed."""

    name: str
    agrees: bool
    says: str


def find(store: Store, prefix: str) -> Any:
    """The row of the decision whose id begins so.

    Raises:
        EvidenceError: there is none, or more than one.
    """
    found = [row for row in store.state.rows(decisions) if row.id.startswith(prefix)]
    if len(found) != 1:
        many = f"{len(found)} decisions begin" if found else "no decision begins"
        raise EvidenceError(f"{many} with {prefix}", "`gradino decisions` lists them")
    return found[0]


def export(project: Project, store: Store, identity: str) -> bytes:
    """A decision with all that it needs to be checked elsewhere, as JSON."""
    row = find(store, identity)
    file = File(row.id, row.certificate, row.signature, registry.public_key(store).read_text())
    inputs = row.certificate["inputs"]
    if "log" in inputs:
        seen = [list(one) for one in _seen(project, store, inputs)]
        file = msgspec.structs.replace(file, seen=seen)
    return msgspec.json.format(msgspec.json.encode(file), indent=1)


def read(content: bytes) -> File:
    """An exported decision; raises EvidenceError where it is none."""
    try:
        file = msgspec.json.decode(content, type=File)
        if file.schema != SCHEMA:
            raise msgspec.ValidationError(f"its schema is {file.schema}")
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise EvidenceError(
            f"this is no exported decision: {error}", "write one with `gradino decisions ID --export FILE`"
        ) from None
    return file


def check(file: File, trusted_key: bytes | None = None) -> list[Check]:
    """Recompute everything; `trusted_key` (PEM) is the signer's as known from elsewhere, else the file's own."""
    identity = hashlib.sha256(certificate.content(file.certificate)).hexdigest()
    signed = certificate.signed_by(file.certificate, file.signature, trusted_key or file.public_key.encode())
    whose = "the key that was given" if trusted_key else "the key in the file, which says nothing of whose that is"
    checks = [
        Check("id", identity == file.id, f"the certificate's SHA-256 is {identity[:16]}"),
        Check("signature", signed, f"by {whose}"),
    ]
    try:
        match file.certificate["kind"]:
            case "gates":
                return checks + _gates(file.certificate)
            case "experiment" | "rollback" if "log" in file.certificate["inputs"]:
                return checks + _evidence(file)
    except (KeyError, TypeError, ValueError, msgspec.ValidationError, pa.ArrowException) as error:
        return [*checks, Check("content", False, f"it cannot be recomputed: {type(error).__name__}: {error}")]
    return checks


def _gates(told: dict[str, Any]) -> list[Check]:
    refused = [name for name, gate in told["evidence"].items() if gate["verdict"] != "pass"]
    verdict = "fail" if refused else "pass"
    says = f"{len(told['evidence'])} gates, not passed: {', '.join(refused) or 'none'}"
    return [Check("verdict", bool(told["evidence"]) and verdict == told["verdict"], says)]


def _evidence(file: File) -> list[Check]:
    told, inputs = file.certificate["evidence"], file.certificate["inputs"]
    settings = Release.model_validate(inputs["settings"] | {"experiment": inputs["kind"]})
    now = experiment.begin(settings, inputs["j"], inputs["by_unit"])
    if inputs["kind"] == "ab":
        now = randomised.take(now, [(name, arm, loss) for name, arm, loss in file.seen])
        now |= {"broken": told["broken"] or now["broken"]}
    else:
        now = experiment.take(now, _table(file.seen))
    log = now["log"] == inputs["log"] == told["log"]
    checks = [Check("rows", log, f"{len(file.seen)} rows of the log, by digest")]
    for name in ("n", "evidence", "against", "mean", "deff", "alpha"):
        if name in told and told[name] is not None:
            same = math.isclose(now[name], told[name], rel_tol=1e-9, abs_tol=1e-12)
            checks.append(Check(name, same, f"{now[name]:.6g}, told {told[name]:.6g}"))
    return [*checks, _verdict(file.certificate, now, settings)]


def _verdict(told: dict[str, Any], now: dict[str, Any], settings: Release) -> Check:
    if told["evidence"].get("health"):
        return Check("verdict", told["verdict"] == "fail", f"it was stopped: {told['evidence']['health']}")
    if told["kind"] == "rollback":
        return Check("verdict", now["verdict"] == "fail", f"the evidence says {now['verdict']} of the new champion")
    found = experiment.judge(now, settings)
    says = found.says if found else "the experiment was not over"
    same = found is not None and (found.verdict, found.promote) == (told["verdict"], told["evidence"]["promote"])
    return Check("verdict", same, says)


def _seen(project: Project, store: Store, inputs: dict[str, Any]) -> list[Any]:
    """The rows of the log that counted, in their order: the experiment is followed once more."""
    champion, challenger = inputs["versions"]
    settings = Release.model_validate(inputs["settings"] | {"experiment": inputs["kind"]})
    now = experiment.begin(settings, inputs["j"], inputs["by_unit"])
    seen: list[Any] = []
    for new in follow.commits(project, store, *inputs["outcomes"]):
        if inputs["kind"] == "ab":
            now, rows = randomised.gather(now, new, champion, challenger)
            after = randomised.take(now, rows)
        else:
            live = pairs.live(new, champion, challenger)
            rows, after = pairs.rows(live), experiment.take(now, live)
        seen += rows[: after["n"] - now["n"]]
        now = after
    return seen


def _table(rows: list[list[Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(pairs.SCHEMA.names, row, strict=True)) for row in rows], schema=pairs.SCHEMA)
