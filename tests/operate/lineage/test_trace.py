"""From a prediction back to raw bytes: flip one byte anywhere on the way, and the trace names it."""

from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gradino.errors import ServiceError
from gradino.operate import data, lineage, training
from gradino.operate.lineage.seal import chained_rows
from gradino.operate.serving.batch import score_file
from gradino.operate.store.state import decisions, seals, versions
from tests.operate.conftest import START, Shop


def broken(shop: Shop) -> list[str]:
    return [link.kind for link in lineage.trace(shop.project, shop.store, "p1") if not link.verified]


# What an answer rests on, and what the trace calls it.
FILES = {
    "raw/*.parquet": "data",
    "tables/rows/*.parquet": "data",
    "bundles/*/*": "bundle",
    "bundles/*/code/*": "bundle",
    "runs/*/code/*": "code",
    "tables/predictions/*.parquet": "log",
}
TRIALS = 12  # of each file


def test_an_untouched_chain_is_whole_and_names_the_commit(traced: Shop) -> None:
    assert broken(traced) == []
    commit = traced.git("rev-parse", "HEAD").strip()
    names = {link.kind: link.name for link in lineage.trace(traced.project, traced.store, "v1")}
    assert names["code"] == f"commit {commit[:12]}"
    assert all(link.verified for link in lineage.everything(traced.project, traced.store))


def test_one_flipped_byte_anywhere_is_named_every_time(traced: Shop) -> None:
    random, root, links = Random(8), traced.store.root, lineage.trace(traced.project, traced.store, "p1")
    log = next(link.name for link in links if link.kind == "log")
    for pattern, kind in FILES.items():
        files = [f for f in sorted(root.glob(pattern)) if f.is_file() and (kind != "log" or f.name == log)]
        assert files, pattern
        for file in files:
            content = file.read_bytes()
            for _ in range(TRIALS):
                place, change = random.randrange(len(content)), random.randrange(1, 256)
                file.write_bytes(content[:place] + bytes([content[place] ^ change]) + content[place + 1 :])
                assert broken(traced) == [kind], f"byte {place} of {file}"
            file.write_bytes(content)
            file.rename(file.with_suffix(".away"))
            assert broken(traced) == [kind], f"{file} is gone"
            file.with_suffix(".away").rename(file)
    assert broken(traced) == []


def test_an_id_that_a_scored_file_has_leads_to_the_file_and_its_model(traced: Shop) -> None:
    rows, given = traced.store.tables.read("rows"), traced.root / "in.parquet"
    assert rows is not None
    pq.write_table(rows.slice(0, 20), given)
    for out in (traced.root / "out.parquet", traced.root / "out.csv", traced.root / "out"):
        batch = score_file(traced.project, given, out, "production", lambda _: None)
        found = lineage.trace(traced.project, traced.store, f"{batch.run}-7")
        kinds = [link.kind for link in found]
        assert kinds == ["prediction", "file", "bundle", "run", "code", "environment", "data"]
        assert all(link.verified for link in found)
        assert found[1].digest == batch.sha256
        with pytest.raises(ServiceError, match="no prediction"):
            lineage.trace(traced.project, traced.store, f"{batch.run}-{20:x}")
        if out.is_file():
            out.write_bytes(out.read_bytes().replace(b"1", b"2", 1))
            (link,) = lineage.trace(traced.project, traced.store, f"{batch.run}-7")
            assert (link.kind, link.verified) == ("file", False)
        out.rename(out.with_name(f"away-{out.name}"))
        (link,) = lineage.trace(traced.project, traced.store, f"{batch.run}-7")
        assert link.says == "is no longer there"


def test_a_forged_decision_is_named(traced: Shop) -> None:
    row = traced.store.state.rows(decisions)[0]
    traced.store.state.change(decisions, decisions.c.id == row.id, certificate=row.certificate | {"verdict": "fail"})
    assert broken(traced) == ["decision"]


def test_a_seal_put_right_after_a_change_is_not_ours(traced: Shop) -> None:
    """Whoever changes a file and its record, and even the chain after it, lacks the key."""
    first, second = traced.store.state.rows(seals, seals.c.table == "predictions")
    file = traced.store.root / "tables" / "predictions" / second.file
    file.write_bytes((traced.store.root / "tables" / "predictions" / first.file).read_bytes())
    digest = traced.store.tables.file_digest("predictions", second.file)
    forged = chained_rows(first.seal, traced.store.tables.content("predictions", second.file), second.version)
    traced.store.state.change(seals, seals.c.id == second.id, digest=digest, seal=forged)
    assert broken(traced) == ["log"]


def test_all_is_checked_where_a_trace_does_not_look(traced: Shop) -> None:
    """`p1` does not rest on the file of `p0`."""
    first = traced.store.state.rows(seals, seals.c.table == "predictions")[0]
    file = traced.store.root / "tables" / "predictions" / first.file
    file.write_bytes(file.read_bytes() + b"!")
    assert broken(traced) == []
    found = [link for link in lineage.everything(traced.project, traced.store) if not link.verified]
    assert [(link.kind, link.name) for link in found] == [("log", first.file)]
    traced.store.state.remove(seals, seals.c.id == first.id)  # and a seal that is gone breaks the next
    found = [link for link in lineage.everything(traced.project, traced.store) if not link.verified]
    assert [(link.kind, link.says) for link in found] == [("log", "the chain of seals is broken here")]


def test_sealing_again_after_a_kill_seals_the_rest_and_nothing_twice(traced: Shop) -> None:
    sealed = traced.store.state.rows(seals)
    traced.store.state.remove(seals, seals.c.id == sealed[-1].id)
    for _ in range(2):
        lineage.seal(traced.store)
    assert [row.seal for row in traced.store.state.rows(seals)] == [row.seal for row in sealed]
    assert broken(traced) == []


def test_a_prediction_is_found_by_its_number_among_those_of_other_workers(traced: Shop) -> None:
    row = {"event_time": START, "deployment": 1, "version": 1}
    for file, numbers in enumerate(((0, 9, 10), (11, 16, 17))):
        rows = [
            row | {"prediction_id": f"{worker}-{number:x}", "role": role, "prediction": float(number)}
            for worker in ("abc", "abd-1")
            for number in numbers
            for role in ("shadow", "champion")
        ]
        traced.store.tables.append("predictions", pa.Table.from_pylist(rows), "more", file)
    lineage.seal(traced.store)
    for subject, answered in {"abc-0": 0.0, "abc-a": 10.0, "abc-b": 11.0, "abd-1-11": 17.0}.items():
        links = lineage.trace(traced.project, traced.store, subject)
        assert f"answered {answered}" in links[0].says
        assert all(link.verified for link in links)
    with pytest.raises(ServiceError, match="no prediction abc-f"):
        lineage.trace(traced.project, traced.store, "abc-f")


def test_what_is_not_on_record_is_said(traced: Shop) -> None:
    with pytest.raises(ServiceError, match="no prediction p9"):
        lineage.trace(traced.project, traced.store, "p9")
    with pytest.raises(ServiceError, match="no version v9"):
        lineage.trace(traced.project, traced.store, "v9")
    assert traced.store.state.count(versions) == 1


def test_uncommitted_changes_are_part_of_the_chain(shop: Shop) -> None:
    shop.rewrite("Sales of a shop", "What a shop sells")
    data.collect(shop.project, shop.store)
    training.execute(shop.project, shop.store, training.request(shop.store, shop.project, "dirty", None))
    (code,) = [link for link in lineage.trace(shop.project, shop.store, "v1") if link.kind == "code"]
    assert (code.verified, code.says) == (True, "with uncommitted changes")
    patch = next((shop.store.root / "runs").glob("*/diff.patch"))
    patch.write_bytes(patch.read_bytes() + b" ")
    (code,) = [link for link in lineage.trace(shop.project, shop.store, "v1") if not link.verified]
    assert code.says.endswith("diff.patch is not what was uncommitted")
