"""Merged, the log still keeps its word: each flipped byte is named, and its rows still give the seals they had."""

import subprocess
import sys
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from gradino.errors import IntegrityError
from gradino.operate import lineage, registry
from gradino.operate.store.merged import VERSION, Merged
from gradino.operate.store.state import sealed_ids, seals
from tests.operate.conftest import START, Shop

MERGE = "gradino.operate.lineage.merge"


@pytest.fixture
def merged(traced: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The files of `p0` and `p1` in one, and a newer file."""
    monkeypatch.setattr(sys.modules[MERGE], "FAN", 2)
    log(traced, "p2")
    assert lineage.merge(traced.store) == 2
    return traced


def log(shop: Shop, *ids: str, days: int = 0) -> None:
    row = {"event_time": START + timedelta(days=days), "deployment": 1, "version": 1, "role": "champion"}
    table = pa.Table.from_pylist([row | {"prediction_id": name, "prediction": 1.0} for name in ids])
    shop.store.tables.append("predictions", table, ids[0], 0)
    lineage.seal(shop.store)


def file_of(shop: Shop) -> Path:
    """The merged file."""
    (name,) = [file for file in shop.store.tables.files("predictions") if Merged.of(file)]
    return shop.store.root / "tables" / "predictions" / name


def broken(shop: Shop, subject: str | None = None) -> list[tuple[str, str]]:
    links = (
        lineage.trace(shop.project, shop.store, subject) if subject else lineage.everything(shop.project, shop.store)
    )
    return [(link.kind, link.name) for link in links if not link.verified]


def test_a_merged_log_is_whole_and_its_predictions_are_found(merged: Shop) -> None:
    sealed = merged.store.state.rows(seals, seals.c.table == "predictions")
    assert len(sealed) == 2
    assert merged.store.state.count(sealed_ids) == 3
    for subject in ("p0", "p1", "p2"):
        assert broken(merged, subject) == []
    assert broken(merged) == []
    (link,) = [link for link in lineage.trace(merged.project, merged.store, "p1") if link.kind == "log"]
    assert link.says == "merged from files that were sealed"


def test_one_flipped_byte_of_a_merged_file_is_named_every_time(merged: Shop) -> None:
    random, file = Random(8), file_of(merged)
    content = file.read_bytes()
    for _ in range(24):
        place, change = random.randrange(len(content)), random.randrange(1, 256)
        file.write_bytes(content[:place] + bytes([content[place] ^ change]) + content[place + 1 :])
        assert broken(merged, "p1") == [("log", file.name)], f"byte {place}"
    file.rename(file.with_suffix(".away"))
    assert broken(merged, "p1") == broken(merged) == [("log", file.name)]


def test_not_even_who_has_the_key_changes_a_merged_row_unseen(merged: Shop) -> None:
    """The chain was signed on, row by row, before the files were merged: the newer seals rest on it."""
    file, store = file_of(merged), merged.store
    rows = pq.read_table(file)
    for altered in (
        rows.set_column(rows.column_names.index("prediction"), "prediction", [pa.array([1.0, 2.0])]),
        rows.set_column(rows.column_names.index(VERSION), VERSION, [pa.array([0, 0])]),
        rows.take([1, 0]),
        rows.slice(0, 1),
        rows.rename_columns({"prediction": "predicted"}),
    ):
        pq.write_table(altered, file)
        row = store.state.rows(seals, seals.c.file == file.name)[0]
        digest = store.tables.file_digest("predictions", file.name)
        said = f"{row.before}\n{row.seal}\n{row.file}\n{digest}".encode()
        signature = b64encode(registry.signing_key(store).sign(said, ec.ECDSA(hashes.SHA256()))).decode()
        store.state.change(seals, seals.c.id == row.id, digest=digest, signature=signature)
        assert broken(merged) == [("log", file.name)]


def test_a_merged_file_that_we_did_not_make_is_named(merged: Shop) -> None:
    tables, file = merged.store.tables, file_of(merged)
    forged = Merged(2, 0, 2)
    tables.stage("predictions", forged, file)
    tables.replace("predictions", [file.name], forged)
    assert broken(merged) == [("log", forged.file)]


def test_what_is_not_what_was_sealed_is_not_merged(traced: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[MERGE], "FAN", 2)
    log(traced, "p2")
    row = traced.store.state.rows(seals, seals.c.table == "predictions")[0]
    file = traced.store.root / "tables" / "predictions" / row.file
    content = file.read_bytes()
    for damaged in (content + b"!", None):
        if damaged is None:
            file.unlink()
        else:
            file.write_bytes(damaged)
        with pytest.raises(IntegrityError, match="not what was sealed"):
            lineage.merge(traced.store)
        assert broken(traced, "p0") == [("log", row.file)]
    file.write_bytes(content)
    assert lineage.merge(traced.store) == 2
    assert broken(traced) == []


def test_retention_lets_merged_files_go_and_merges_none_that_are_far_apart(
    merged: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keep = merged.store, timedelta(days=30)
    for day in range(40, 48):
        log(merged, f"q{day}", days=day)
    assert lineage.expire(store, keep, START + timedelta(days=45)) == 2, "one of two rows, and p2"
    lineage.expire(store, keep, START + timedelta(days=45))
    assert not [file for file in (store.root / "tables" / "predictions").glob("*") if file.name.startswith("merged")]
    assert len(list((store.root / "tables" / "predictions").glob("*.parquet"))) == 8, "nor is any that was merged left"
    monkeypatch.setattr(sys.modules[MERGE], "FAN", 4)
    assert lineage.merge(store, timedelta(days=20)) == 0, "four days are more than a tenth of twenty"
    assert lineage.merge(store, keep) == 4
    lineage.seal(store)
    assert broken(merged) == []
    for subject, says in (("p1", "expired by retention"), ("p2", "expired by retention")):
        (link,) = lineage.trace(merged.project, store, subject)
        assert (link.verified, link.says) == (True, says)
    assert broken(merged, "q41") == broken(merged, "q47") == []


@pytest.mark.slow
def test_a_merge_killed_at_any_point_leaves_every_row_and_every_seal_once(tmp_path: Path) -> None:
    script = Path(__file__).parent / "kill_the_merge.py"
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=300, cwd=root,
        env={"PYTHONPATH": str(root), "PATH": ""},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 20  # points at which it was killed
