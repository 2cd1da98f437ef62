"""The deployer's key: EC P-256, in `.gradino/keys/`, made on first use and readable by its owner only.

On a machine that has none yet, GRADINO_KEY may hold it (PEM), as the secrets of a pipeline do.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gradino.errors import ProjectError
from gradino.operate.store import Store
from gradino.operate.store.lock import alone

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


def private_key(store: Store) -> Path:
    """File of the private key, PEM."""
    folder = store.folder("keys")
    path = folder / "private.pem"
    if not path.exists():
        with alone(folder / ".lock"):
            if not path.exists():
                _make(path)
    return path


def public_key(store: Store) -> Path:
    """File of the public key, PEM: what bundles and decisions are verified with."""
    return _public(private_key(store))


def signing_key(store: Store) -> "EllipticCurvePrivateKey":
    """The private key, loaded."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private_key(store).read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return key


def _given(pem: str) -> "EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    with suppress(ValueError, TypeError):
        key = load_pem_private_key(pem.encode(), password=None)
        if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
            return key
    raise ProjectError("GRADINO_KEY is not a P-256 private key", "give it the content of .gradino/keys/private.pem")


def _public(private: Path) -> Path:
    return private.with_name("public.pem")


def _make(path: Path) -> None:
    """The public half first: where the private one exists, both do."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    given = os.environ.get("GRADINO_KEY", "")
    key = _given(given) if given.strip() else ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    _public(path).write_bytes(public)
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    staged = path.with_suffix(".new")
    staged.unlink(missing_ok=True)
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    staged.rename(path)
