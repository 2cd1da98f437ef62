"""From a prediction back to raw bytes: flip one byte anywhere on the way, and the trace names it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gradino.errors import ServiceError
from gradino.operate import data, lineage, training
from gradino.operate.release import certificate
from gradino.operate.store.state import decisions, deployments, seals, versions
from tests.operate.conftest import START, Shop


@pytest.fixture
def traced(shop: Shop) -> Iterator[Shop]:
    """A shop with one model, deployed by a signed decision, and one prediction `p1` in the sealed log."""
    store, project = shop.store, shop.project
    data.collect(project, store)
    training.execute(project, store, training.request(store, project, "first", None))
    decided = certificate.issue(
        store, "gates", "v1", "pass", None, inputs={}, evidence={}, reasons=["all gates passed"]
    )
    store.state.add(deployments, environment="production", champion=1, weight=0.0, reason="first", decision=decided)
    for key in ("p0", "p1"):
        row = {"prediction_id": key, "event_time": START, "deployment": 1, "version": 1, "role": "champion"}
        table = pa.Table.from_pylist([row | {"prediction": 1.0}])
        store.tables.append("predictions", table, key, 0)
    lineage.seal(store)
    yield shop
    store.state.close()


def broken(shop: Shop) -> list[str]:
    return [link.kind for link in lineage.trace(shop.project, shop.store, "p1") if not link.verified]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def only(root: Path, pattern: str) -> Path:
    return sorted(root.glob(pattern))[-1]


def forge(shop: Shop) -> None:
    row = shop.store.state.rows(decisions)[0]
    shop.store.state.change(decisions, decisions.c.id == row.id, certificate=row.certificate | {"verdict": "fail"})


FLIPS: dict[str, tuple[str, Callable[[Shop, Path], None]]] = {
    "a raw batch": ("data", lambda _, g: flip(only(g, "raw/*.parquet"))),
    "a data file": ("data", lambda _, g: flip(only(g, "tables/rows/*.parquet"))),
    "the model": ("bundle", lambda _, g: flip(only(g, "bundles/*/model.skops"))),
    "the lock in the bundle": ("bundle", lambda _, g: flip(only(g, "bundles/*/uv.lock"))),
    "the signature": ("bundle", lambda _, g: flip(only(g, "bundles/*/model.sig"))),
    "the code it was trained from": ("code", lambda _, g: flip(only(g, "runs/*/code/shop.py"))),
    "the log": ("log", lambda s, _: flip(log(s))),
    "the decision": ("decision", lambda s, _: forge(s)),
}


def log(shop: Shop) -> Path:
    name = next(link.name for link in lineage.trace(shop.project, shop.store, "p1") if link.kind == "log")
    return shop.store.root / "tables" / "predictions" / name


def test_an_untouched_chain_is_whole_and_one_flipped_byte_is_named(traced: Shop) -> None:
    assert broken(traced) == []
    commit = traced.git("rev-parse", "HEAD").strip()
    names = {link.kind: link.name for link in lineage.trace(traced.project, traced.store, "v1")}
    assert names["code"] == f"commit {commit[:12]}"
    for what, (kind, harm) in FLIPS.items():
        files = [file for file in traced.store.root.rglob("*") if file.is_file() and ".db" not in file.name]
        kept = {file: file.read_bytes() for file in files}
        before = traced.store.state.rows(decisions)[0]
        harm(traced, traced.store.root)
        assert broken(traced) == [kind], what
        for file, content in kept.items():
            if file.read_bytes() != content:
                file.write_bytes(content)
        traced.store.state.change(decisions, decisions.c.id == before.id, certificate=before.certificate)
    assert broken(traced) == []


def test_a_seal_cannot_be_put_right_without_all_that_follow(traced: Shop) -> None:
    first = traced.store.state.rows(seals)[0]
    traced.store.state.change(seals, seals.c.id == first.id, digest="0" * 64)
    assert broken(traced) == ["log"]


def test_what_is_not_on_record_is_said(traced: Shop) -> None:
    with pytest.raises(ServiceError, match="no prediction p9"):
        lineage.trace(traced.project, traced.store, "p9")
    with pytest.raises(ServiceError, match="no version v9"):
        lineage.trace(traced.project, traced.store, "v9")
    assert traced.store.state.count(versions) == 1
