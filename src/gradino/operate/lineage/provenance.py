"""How a bundle was made, as others check it: an in-toto statement with SLSA provenance in a signed envelope.

Formats: in-toto Attestation Framework v1, SLSA Provenance v1.0, DSSE 1.0.2. Verified with the project's public key,
`.gradino/keys/public.pem`.
"""

import json
from importlib.metadata import version
from typing import Any

from gradino.operate import registry
from gradino.operate.lineage import dsse
from gradino.operate.lineage.record import Record
from gradino.operate.registry.bundle import LOCK, MANIFEST
from gradino.operate.store import Store
from gradino.operate.training.snapshot import DIFF


def provenance(store: Store, found: Record) -> dict[str, Any]:
    """The envelope. Its subjects are all files of the bundle, and `manifest.json`, whose digest is the bundle's."""
    return dsse.sign(json.dumps(statement(found)).encode(), registry.signing_key(store))


def statement(found: Record) -> dict[str, Any]:
    """The statement inside."""
    files = json.loads((found.bundle / MANIFEST).read_bytes()) | {MANIFEST: found.version.bundle}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [_resource(name, digest) for name, digest in sorted(files.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": _definition(found), "runDetails": _details(found)},
    }


def _definition(found: Record) -> dict[str, Any]:
    origin, settings = found.origin, found.project.training
    sources = [_resource("code", origin.code), _resource(LOCK, origin.environment)]
    if origin.commit:
        sources.append({"name": "commit", "digest": {"gitCommit": origin.commit}})
    if origin.diff:
        sources.append(_resource(DIFF, origin.diff))
    sources.append(_resource(f"rows@{origin.data_version}", origin.data_digest))
    sources += [_resource(f"raw/{row.raw}.parquet", row.raw) for row in found.data]
    return {
        "buildType": "urn:gradino:train:1",
        "externalParameters": {
            "project": found.project.name,
            "version": found.version.number,
            "reason": found.run.reason,
            "train": str(settings.train),
        },
        "internalParameters": {"seed": origin.seed},
        "resolvedDependencies": sources,
    }


def _details(found: Record) -> dict[str, Any]:
    run = found.run
    times = {"startedOn": run.started, "finishedOn": run.ended}
    moments = {name: time.isoformat(timespec="seconds").replace("+00:00", "Z") for name, time in times.items() if time}
    return {
        "builder": {"id": "urn:gradino:operator", "version": {"gradino": version("gradino")}},
        "metadata": {"invocationId": run.id, **moments},
    }


def _resource(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}}
