"""A decision that anybody can check: what went in by digest, what was seen, the verdict, and our signature on it.

The certificate is canonical JSON; its SHA-256 is the decision's id, so deciding the same thing twice is one decision.
"""

import hashlib
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gradino.operate.registry import signing_key
from gradino.operate.store import Store
from gradino.operate.store.state import decisions

Kind = Literal["gates", "experiment", "ramp", "retraining", "rollback"]
_canonical = msgspec.json.Encoder(order="deterministic")


def issue(
    store: Store,
    kind: Kind,
    subject: str,
    verdict: str,
    event_time: datetime | None,
    *,
    inputs: dict[str, Any],
    evidence: dict[str, Any],
    reasons: list[str],
) -> str:
    """Sign and record a decision; returns its id. Repeating the call records nothing new."""
    certificate = {
        "schema": "gradino/decision/1",
        "kind": kind,
        "subject": subject,
        "verdict": verdict,
        "event_time": event_time.isoformat() if event_time else None,
        "inputs": inputs,
        "evidence": evidence,
        "reasons": reasons,
    }
    signed = content(certificate)
    identity = hashlib.sha256(signed).hexdigest()
    signature = signing_key(store).sign(signed, ec.ECDSA(hashes.SHA256()))
    store.state.add_once(
        decisions,
        {"id": identity},
        kind=kind,
        subject=subject,
        verdict=verdict,
        certificate=certificate,
        signature=b64encode(signature).decode(),
        event_time=event_time,
    )
    return identity


def content(certificate: dict[str, Any]) -> bytes:
    """The bytes that are hashed and signed."""
    return _canonical.encode(certificate)


def signed_by(certificate: dict[str, Any], signature: str, public_key: bytes) -> bool:
    """Whether the signature is one of this certificate by the owner of a public key (PEM)."""
    try:
        key = load_pem_public_key(public_key)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(b64decode(signature), content(certificate), ec.ECDSA(hashes.SHA256()))
    except (ValueError, AssertionError, InvalidSignature):
        return False
    return True
