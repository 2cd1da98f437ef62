"""Delta tables: append exactly once, read any version, know each by its content."""

from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradino.operate.store import Store
from gradino.operate.store.tables import Tables, content_digest
from tests.operate.store.contract.conftest import Place, at_once


def rows(*numbers: int) -> pa.Table:
    return pa.table({"n": pa.array(numbers, pa.int64())})


def read(tables: Tables, version: int | None = None) -> list[int]:
    table = tables.read("rows", version)
    return [] if table is None else sorted(table["n"].to_pylist())


@pytest.fixture
def tables(store: Store) -> Tables:
    return store.tables


def test_a_table_that_was_never_written_is_empty(tables: Tables) -> None:
    assert tables.version("rows") == tables.position("rows", "w") == -1
    assert tables.read("rows") is tables.added("rows", -1, -1) is tables.open("rows") is None


def test_a_sequence_is_appended_once(tables: Tables) -> None:
    assert tables.append("rows", rows(1), "w", 0) == 0
    assert tables.append("rows", rows(1), "w", 0) == 0
    assert tables.append("rows", rows(2), "w", 1) == 1
    assert tables.append("rows", rows(3), "other", 0) == 2
    assert read(tables) == [1, 2, 3]
    assert tables.position("rows", "w") == 1


def test_every_version_stays_readable_and_what_it_added_is_known(tables: Tables) -> None:
    for number in range(3):
        tables.append("rows", rows(number), "w", number)
    assert [read(tables, version) for version in range(3)] == [[0], [0, 1], [0, 1, 2]]
    added = tables.added("rows", 0, 2)
    assert added is not None
    assert sorted(added["n"].to_pylist()) == [1, 2]
    assert tables.read("rows", where=pc.field("n") > 1, columns=["n"]) == rows(2)


def test_what_another_process_appended_is_seen_at_once(place: Place, tables: Tables) -> None:
    tables.append("rows", rows(1), "w", 0)
    place.store.tables.append("rows", rows(2), "w", 1)
    assert read(tables) == [1, 2]
    assert tables.position("rows", "w") == 1


def test_nothing_is_forgotten_after_thirty_days(tables: Tables) -> None:
    tables.append("rows", rows(1), "w", 0)
    table = tables.open("rows")
    assert table is not None
    kept = table.metadata().configuration
    assert set(kept.values()) == {"interval 3650 days"}


APPEND_ALL = """
from pathlib import Path
import pyarrow as pa
from gradino.operate.store import Store

def work(root, own):
    tables = Store.of(Path(root)).tables
    for number in range(8):
        tables.append("rows", pa.table({"n": [number]}), "same", number)
        tables.append("rows", pa.table({"n": [100 * int(own) + number]}), f"own-{own}", number)
"""


@pytest.mark.slow
def test_processes_that_append_the_same_append_it_once(place: Place, tables: Tables) -> None:
    """delta-rs commits two equal transactions when they meet; and a bucket may overwrite one commit with another."""
    at_once(APPEND_ALL, *[[place.root, own] for own in (1, 2, 3)])
    assert read(tables) == sorted([*range(8), *(100 * own + n for own in (1, 2, 3) for n in range(8))])


files = st.dictionaries(st.text("abc/", min_size=1), st.text("0123456789abcdef", min_size=4, max_size=4), min_size=1)


@settings(max_examples=50)
@given(files, st.randoms())
def test_a_content_digest_depends_on_all_names_and_contents_and_on_nothing_else(
    manifest: dict[str, str], random: Random
) -> None:
    shuffled = list(manifest.items())
    random.shuffle(shuffled)
    assert content_digest(dict(shuffled)) == content_digest(manifest)
    name = random.choice(sorted(manifest))
    assert content_digest(manifest | {name: manifest[name] + "0"}) != content_digest(manifest)
    assert content_digest({k: v for k, v in manifest.items() if k != name}) != content_digest(manifest)


def test_digests_are_of_the_files_and_known_ones_are_not_read_again(tables: Tables) -> None:
    tables.append("rows", rows(1), "w", 0)
    tables.append("rows", rows(2), "w", 1)
    first, both = tables.digests("rows", 0, {}), tables.digests("rows", 1, {})
    assert both.items() > first.items()
    (file,) = first
    assert tables.digests("rows", 1, {file: "known"})[file] == "known"
