"""The deployer's key: one, whoever comes first."""

from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gradino.errors import ProjectError
from gradino.operate.project.process import start
from gradino.operate.registry import public_key, signing_key
from gradino.operate.registry.keys import private_key
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


def test_a_machine_without_a_key_takes_the_one_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = []
    for name in ("mine", "runner", "wrong"):
        (tmp_path / name).mkdir()
        stores.append(Store.of(tmp_path / name))
    mine, runner, wrong = stores
    monkeypatch.setenv("GRADINO_KEY", private_key(mine).read_text())
    assert public_key(runner).read_text() == public_key(mine).read_text()
    monkeypatch.setenv("GRADINO_KEY", "not a key")
    with pytest.raises(ProjectError, match="GRADINO_KEY is not a P-256 private key"):
        private_key(wrong)
    assert not (wrong.root / "keys" / "private.pem").exists()
    monkeypatch.setenv("GRADINO_KEY", "")
    assert private_key(wrong).exists()
