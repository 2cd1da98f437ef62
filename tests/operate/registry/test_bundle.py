"""A bundle is loaded as it was signed, or not at all."""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from gradino.errors import IntegrityError
from gradino.operate.registry import describe, lineage, reference, verify
from gradino.operate.registry.bundle import seal
from gradino.operate.registry.keys import private_key
from gradino.operate.store import Store
from tests.operate.registry.conftest import FRAME, LINEAGE, Packed


def test_a_bundle_predicts_and_says_what_it_is(packed: Packed) -> None:
    model = packed.load()
    assert np.allclose(model.predict(FRAME), 2 * FRAME["warmth"])
    assert (model.task, model.digest) == ("regression", packed.digest)
    assert [field.name for field in model.inputs] == ["hour", "warmth"]
    assert lineage(packed.path) == LINEAGE
    assert reference(packed.path).scale == 2.0
    assert describe(packed.path).target == "sold"


def test_its_name_is_the_digest_of_its_manifest(original: Packed) -> None:
    assert original.path.name == hashlib.sha256((original.path / "manifest.json").read_bytes()).hexdigest()


def flip(name: str) -> Callable[[Path], None]:
    def tamper(path: Path) -> None:
        content = (path / name).read_bytes()
        middle = len(content) // 2
        (path / name).write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])

    tamper.__name__ = f"one bit of {name}"
    return tamper


def file_added(path: Path) -> None:
    (path / "code" / "extra.py").write_text("")


def compiled_module_planted(path: Path) -> None:
    (path / "code" / "__pycache__").mkdir()
    (path / "code" / "__pycache__" / "shop.cpython-311.pyc").write_bytes(b"")


def file_that_git_knows_added(path: Path) -> None:
    (path / ".gitignore").write_text("*")  # model-signing would overlook it by default


def file_removed(path: Path) -> None:
    (path / "code" / "shop.py").unlink()


def file_moved(path: Path) -> None:
    (path / "code" / "shop.py").rename(path / "code" / "stop.py")


def two_files_exchanged(path: Path) -> None:
    one, other = path / "code" / "shop.py", path / "uv.lock"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def file_became_a_link(path: Path) -> None:
    outside = path.parent / "shop.py"
    (path / "code" / "shop.py").rename(outside)
    (path / "code" / "shop.py").symlink_to(outside)


def folder_became_a_link(path: Path) -> None:
    (path / "code").rename(path.parent / "elsewhere")
    (path / "code").symlink_to(path.parent / "elsewhere")


def file_became_a_pipe(path: Path) -> None:
    (path / "uv.lock").unlink()
    os.mkfifo(path / "uv.lock")


def signature_removed(path: Path) -> None:
    (path / "model.sig").unlink()


def signature_emptied(path: Path) -> None:
    (path / "model.sig").write_text("{}")


def signature_truncated(path: Path) -> None:
    content = (path / "model.sig").read_bytes()
    (path / "model.sig").write_bytes(content[: len(content) // 2])


def signature_of_something_else(path: Path) -> None:
    envelope = json.loads((path / "model.sig").read_text())
    envelope["dsseEnvelope"]["payload"] = envelope["dsseEnvelope"]["payload"][::-1]
    (path / "model.sig").write_text(json.dumps(envelope))


def manifest_removed(path: Path) -> None:
    (path / "manifest.json").unlink()


def model_replaced_with_its_manifest(path: Path) -> None:
    (path / "model.skops").write_bytes(b"another")
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest["model.skops"] = hashlib.sha256(b"another").hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))


def manifest_that_reaches_outside(path: Path) -> None:
    (path.parent / "outside").write_bytes(b"code")
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest["../outside"] = hashlib.sha256(b"code").hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))


def signed_by_another_key(path: Path) -> None:
    (path / "model.sig").unlink()
    (path / "manifest.json").unlink()
    assert seal(path, private_key(Store.of(path.parent))) == path.name


def another_bundle_of_the_same_key_in_its_place(path: Path) -> None:
    other = shutil.copytree(path, path.parent / "other")
    flip("uv.lock")(other)
    (other / "model.sig").unlink()
    (other / "manifest.json").unlink()
    seal(other, private_key(Store.of(path.parent)))
    shutil.rmtree(path)
    other.rename(path)


TAMPERINGS = [
    *map(flip, ["model.skops", "code/shop.py"]),
    *map(flip, ["uv.lock", "schema.json", "reference.json", "holdout.parquet", "lineage.json"]),
    *map(flip, ["manifest.json", "model.sig"]),
    file_added,
    compiled_module_planted,
    file_that_git_knows_added,
    file_removed,
    file_moved,
    two_files_exchanged,
    file_became_a_link,
    folder_became_a_link,
    file_became_a_pipe,
    signature_removed,
    signature_emptied,
    signature_truncated,
    signature_of_something_else,
    manifest_removed,
    model_replaced_with_its_manifest,
    manifest_that_reaches_outside,
    signed_by_another_key,
    another_bundle_of_the_same_key_in_its_place,
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_a_tampered_bundle_is_refused(packed: Packed, tamper: Callable[[Path], None]) -> None:
    verify(packed.path, packed.digest, packed.key)
    tamper(packed.path)
    with pytest.raises(IntegrityError):
        packed.load()


@pytest.mark.parametrize("name", ["model.skops", "code/shop.py", "uv.lock", "holdout.parquet", "model.sig"])
def test_the_changed_file_is_named(packed: Packed, name: str) -> None:
    flip(name)(packed.path)
    with pytest.raises(IntegrityError, match=name):
        packed.load()


class Bomb:
    """Unpickling it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_nothing_is_deserialised_before_it_is_verified(packed: Packed, tmp_path: Path) -> None:
    (packed.path / "model.skops").unlink()
    (packed.path / "model.pkl").write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
    (packed.path / "model.sig").unlink()
    (packed.path / "manifest.json").unlink()
    digest = seal(packed.path, private_key(Store.of(tmp_path)))  # all in order, but not our key
    with pytest.raises(IntegrityError, match=r"model\.sig is not our signature"):
        Packed(packed.path, digest, packed.key).load()
    assert not (tmp_path / "mark").exists()


def test_a_model_cannot_allow_its_own_types(packed: Packed, tmp_path: Path) -> None:
    (packed.path / "model.skops").write_bytes(skops.io.dumps(FunctionTransformer(os.system)))
    (packed.path / "model.sig").unlink()
    (packed.path / "manifest.json").unlink()
    store = Store.of(tmp_path)
    digest = seal(packed.path, private_key(store))
    with pytest.raises(IntegrityError, match="types that are not allowed"):
        Packed(packed.path, digest, store.root / "keys" / "public.pem").load()


def test_a_manifest_that_reaches_outside_is_refused_whoever_signed_it(packed: Packed, tmp_path: Path) -> None:
    manifest_that_reaches_outside(packed.path)
    digest = hashlib.sha256((packed.path / "manifest.json").read_bytes()).hexdigest()
    with pytest.raises(IntegrityError, match="is missing"):
        Packed(packed.path, digest, packed.key).load()


def test_its_json_files_hold_nothing_but_their_fields(packed: Packed) -> None:
    (packed.path / "lineage.json").write_text("{}")
    with pytest.raises(msgspec.ValidationError):
        lineage(packed.path)
