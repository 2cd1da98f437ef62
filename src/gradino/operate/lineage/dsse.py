"""Dead Simple Signing Envelopes (DSSE 1.0.2): a payload, its type, and our signature over both.

What provenance is shipped in, and what the OpenSSF signature of a bundle is. model-signing reads these too; its import
takes half a second, which is more than a whole trace.
"""

import hashlib
from base64 import b64decode, b64encode
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

IN_TOTO = "application/vnd.in-toto+json"


def sign(payload: bytes, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """An envelope around an in-toto statement."""
    form = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = key.sign(_encoded(payload), ec.ECDSA(hashes.SHA256()))
    return {
        "payload": b64encode(payload).decode(),
        "payloadType": IN_TOTO,
        "signatures": [{"keyid": hashlib.sha256(form).hexdigest(), "sig": b64encode(signature).decode()}],
    }


def verify(envelope: dict[str, Any], key: ec.EllipticCurvePublicKey) -> bytes | None:
    """The payload, if the envelope holds an in-toto statement that this key signed."""
    try:
        payload = b64decode(envelope["payload"], validate=True)
        signature = b64decode(envelope["signatures"][0]["sig"], validate=True)
        key.verify(signature, _encoded(payload), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, KeyError, IndexError, TypeError):
        return None
    return payload if envelope.get("payloadType") == IN_TOTO else None


def _encoded(payload: bytes) -> bytes:
    """PAE of the specification."""
    return b"DSSEv1 %d %b %d %b" % (len(IN_TOTO), IN_TOTO.encode(), len(payload), payload)
