"""Files and folders that last, and who may touch a name at a time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradino.errors import IntegrityError
from gradino.operate import registry
from gradino.operate.registry import bundle, keys
from gradino.operate.store import Store
from gradino.operate.store.state import events, versions
from tests.operate.store.contract.conftest import Place, at_once

FIRST_USE = """
from pathlib import Path
import pyarrow as pa
from gradino.operate.registry import keys
from gradino.operate.store import Store

def work(root):
    store = Store.of(Path(root))
    for number in range(5):
        store.state.tell("data", "told", f"key {number}")
        store.tables.append("rows", pa.table({"n": [number]}), "all", number)
    print(keys.public_key(store).read_text())
"""
HOLD = """
import os
from pathlib import Path
from gradino.operate.store import Store

def work(root, file):
    store = Store.of(Path(root))
    for _ in range(10):
        with store.alone("a name"):
            os.mkdir(file)
            os.rmdir(file)
"""
DIE = """
import os, signal
from pathlib import Path
from gradino.operate.store import Store

def work(root):
    with Store.of(Path(root)).alone("a name"):
        os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_a_fresh_project_may_be_used_by_four_at_once(place: Place) -> None:
    at_once(FIRST_USE, *[[place.root]] * 4)
    store = place.store
    assert store.state.count(events) == 5
    rows = store.tables.read("rows")
    assert rows is not None
    assert sorted(rows["n"].to_pylist()) == list(range(5))
    assert keys.signing_key(store)


def test_one_holds_a_name_at_a_time(place: Place, tmp_path: Path) -> None:
    at_once(HOLD, *[[place.root, tmp_path / "held"]] * 3)


def test_whoever_is_killed_lets_go(place: Place, store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", f"{DIE}\nimport sys\nwork(sys.argv[1])", place.root])
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    process.kill()
    process.wait()
    began = time.monotonic()
    with store.alone("a name"):
        assert time.monotonic() - began < 10


def test_what_is_kept_is_at_hand_on_every_machine(place: Place, store: Store) -> None:
    folder = store.folder("bundles", "abc", "code")
    (folder / "a.py").write_text("a = 1\n")
    (folder.parent / "model").write_bytes(bytes(range(256)) * 1000)
    raw = store.folder("raw") / "def.parquet"
    raw.write_bytes(b"raw")
    for name in ("bundles/abc", "raw/def.parquet"):
        store.keep(name)
        store.keep(name)
    other = place.elsewhere()
    for _ in range(2):
        found = other.at_hand("bundles/abc")
        assert (found / "model").read_bytes() == (folder.parent / "model").read_bytes()
        assert sorted(bundle.files(found)) == ["code/a.py", "model"]
    assert bytes(other.objects.get("raw/def.parquet").bytes()) == b"raw"
    assert not other.at_hand("bundles/unknown").exists()
    store.forget("raw/def.parquet")
    store.forget("raw/def.parquet")
    with pytest.raises(FileNotFoundError):
        store.objects.get("raw/def.parquet")


def test_a_signed_bundle_is_verified_wherever_it_was_fetched_and_a_changed_one_is_refused(
    place: Place, store: Store
) -> None:
    staged = store.folder("bundles", "staged")
    (staged / "model.skops").write_bytes(b"weights")
    digest = bundle.seal(staged, keys.private_key(store))
    os.rename(staged, store.root / "bundles" / digest)
    store.keep(f"bundles/{digest}")
    store.state.add(versions, number=1, run="run", bundle=digest, status="candidate")
    other = place.elsewhere()
    row = other.state.last(versions)
    assert row is not None
    key = keys.public_key(store)
    registry.verify(other.at_hand(f"bundles/{row.bundle}"), digest, key)
    (other.at_hand(f"bundles/{row.bundle}") / "model.skops").write_bytes(b"weighty")
    with pytest.raises(IntegrityError, match=r"model\.skops was changed"):
        registry.verify(other.at_hand(f"bundles/{row.bundle}"), digest, key)
