"""The deployer's key: one, whoever comes first."""

from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gradino.operate.project.process import start
from gradino.operate.registry import public_key, signing_key
from gradino.operate.store import Store


def public(root: Path) -> str:
    return b64encode(public_key(Store(root)).read_bytes()).decode()


def test_four_processes_that_come_first_get_one_key(tmp_path: Path) -> None:
    jobs = [start(public, tmp_path / "log.txt", tmp_path) for _ in range(4)]
    assert len({job.result() for job in jobs}) == 1


def test_the_private_half_is_its_owners_and_fits_the_public_one(tmp_path: Path) -> None:
    store = Store.of(tmp_path)
    signature = signing_key(store).sign(b"decision", ec.ECDSA(hashes.SHA256()))
    key = load_pem_public_key(public_key(store).read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signature, b"decision", ec.ECDSA(hashes.SHA256()))
    assert (store.root / "keys" / "private.pem").stat().st_mode & 0o777 == 0o600
    assert key.curve.name == "secp256r1"
