"""Files of the log are merged while others read it: each reader gets each row once, however far it is behind."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradino.operate.store import Store
from gradino.operate.store.merged import Merged, write
from gradino.operate.store.tables import Tables
from tests.operate.store.contract.conftest import Place

LOG = "outcomes"
START = datetime(2026, 1, 1, tzinfo=UTC)


def append(tables: Tables, number: int) -> list[int]:
    """A commit of some rows; later ones have a column more."""
    numbers = [10 * number + i for i in range(1 + number % 3)]
    columns: dict[str, object] = {"n": numbers, "event_time": [START + timedelta(hours=n) for n in numbers]}
    if number % 4 == 3:
        columns["word"] = [str(n) for n in numbers]
    schema = pa.schema({"n": pa.int64(), "event_time": pa.timestamp("us", tz="UTC"), "word": pa.string()})
    names = [name for name in schema.names if name in columns]
    table = pa.table(columns, schema=pa.schema([schema.field(name) for name in names]))
    tables.append(LOG, table, "w", number)
    return numbers


def in_order(tables: Tables) -> list[tuple[int, int, str]]:
    """The files that are there: from and up to which version, and the name."""
    known = {}
    for version in range(tables.version(LOG) + 1):
        known |= dict.fromkeys(tables.added_files(LOG, version - 1, version), (version, version))
    for file in tables.files(LOG):
        if merged := Merged.of(file):
            known[file] = merged.first, merged.last
    return sorted((*known[file], file) for file in tables.files(LOG))


def merge(tables: Tables, run: list[tuple[int, int, str]], scratch: Path, *, commit: bool = True) -> list[str]:
    """Merge files, or stop where a crash would leave the merged one beside them; returns those that were merged."""
    tiers = [merged.tier for _, _, file in run if (merged := Merged.of(file))]
    new = Merged(max(tiers, default=0) + 1, run[0][0], run[-1][1])
    staged, files = scratch / "staged.parquet", [file for _, _, file in run]
    write([(last, tables.content(LOG, file)) for _, last, file in run], staged)
    tables.stage(LOG, new, staged)
    if commit:
        tables.replace(LOG, files, new)
        tables.replace(LOG, files, new)  # as after a crash
    return files if commit else []


@dataclass
class Reader:
    """One that follows the log, in steps that others may come between."""

    tables: Tables
    at: int = -1
    seen: list[list[int]] = field(default_factory=list)
    begun: Iterator[pa.Table] | None = None
    until: int = -1

    def step(self) -> None:
        if self.begun is None:
            self.until = self.tables.version(LOG)
            self.begun = self.tables.commits(LOG, self.at, self.until)
        rows = next(self.begun, None)
        if rows is not None:
            self.seen.append(rows["n"].to_pylist())
        else:
            self.begun, self.at = None, self.until

    def finish(self) -> None:
        while self.begun is not None or self.at < self.tables.version(LOG):
            self.step()


steps = st.one_of(
    st.tuples(st.just("append")),
    st.tuples(st.just("read"), st.integers(0, 1)),
    st.tuples(st.sampled_from(("merge", "crash")), st.integers(0, 30), st.integers(2, 5)),
    st.tuples(st.just("forget")),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(steps, min_size=12, max_size=30))
def test_any_interleaving_gives_each_reader_each_row_once(story: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        tables = Store.of(root).tables
        readers = [Reader(tables), Reader(Store.of(root).tables)]
        written = [append(tables, number) for number in range(4)]
        gone: list[str] = []
        for step in story:
            match step:
                case ("append",):
                    written.append(append(tables, len(written)))
                case ("read", int(which)):
                    readers[which].step()
                case ("merge" | "crash" as how, int(place), int(count)):
                    files = in_order(tables)
                    begin = place % max(len(files) - 1, 1)
                    run = files[begin : begin + count]
                    if len(run) > 1:
                        gone += merge(tables, run, root, commit=how == "merge")
                case _:
                    forget(tables, gone)
        for reader in readers:
            reader.finish()
            assert reader.seen == written
        late = Reader(Store.of(root).tables)
        late.finish()
        assert late.seen == written
        found = tables.read(LOG)
        assert sorted(found["n"].to_pylist() if found else []) == sorted(n for rows in written for n in rows)


def forget(tables: Tables, files: list[str]) -> None:
    """All that nobody needs: the bytes of merged files, and the commits of versions that are merged."""
    tables.forget(LOG, files)
    unmerged = [last for _, last, file in in_order(tables) if not Merged.of(file)]
    tables.tidy(LOG, min(unmerged, default=tables.version(LOG)))


@pytest.fixture
def tables(store: Store) -> Tables:
    return store.tables


def test_a_reader_that_lags_behind_gets_the_commits_as_they_were(place: Place, tables: Tables, tmp_path: Path) -> None:
    lagging = place.store.tables
    written = [append(tables, number) for number in range(9)]
    before = tables.read(LOG)
    assert lagging.version(LOG) == 8
    old = merge(tables, in_order(tables)[:4], tmp_path)
    old += merge(tables, in_order(tables)[1:4], tmp_path)
    old += merge(tables, in_order(tables)[:2], tmp_path)
    forget(tables, old)
    assert [first for first, _, _ in in_order(tables)] == [0, 7, 8]
    for reader in (tables, lagging, place.store.tables):
        assert [rows["n"].to_pylist() for rows in reader.commits(LOG, -1, reader.version(LOG))] == written
        some = reader.added(LOG, 2, 7)
        assert some is not None
        assert some["n"].to_pylist() == [n for rows in written[3:8] for n in rows]
    after = tables.read(LOG)
    assert before is not None
    assert after is not None
    assert after.schema == before.schema
    assert after.sort_by("n") == before.sort_by("n")
    assert list(tables.files(LOG).values()) == list(place.store.tables.files(LOG).values())
    ends = {file: end for file, (_, end) in tables.files(LOG).items()}
    assert ends[in_order(tables)[0][2]] == START + timedelta(hours=max(written[6]), milliseconds=1)


def test_what_is_merged_and_deleted_in_the_middle_of_reading_is_read_once(
    place: Place, tables: Tables, tmp_path: Path
) -> None:
    written = [append(tables, number) for number in range(8)]
    reader = place.store.tables
    reading = reader.commits(LOG, -1, reader.version(LOG))
    seen = [next(reading), next(reading)]
    old = merge(tables, in_order(tables)[1:4], tmp_path)
    forget(tables, old)
    seen += [next(reading)]
    old = merge(tables, in_order(tables), tmp_path)
    forget(tables, old)
    assert [rows["n"].to_pylist() for rows in [*seen, *reading]] == written


def test_what_was_let_go_is_gone_for_readers_that_lag_behind(place: Place, tables: Tables, tmp_path: Path) -> None:
    written = [append(tables, number) for number in range(6)]
    old = merge(tables, in_order(tables)[:3], tmp_path)
    (_, _, merged), *_, (_, _, last) = in_order(tables)
    tables.let_go(LOG, [merged, last])
    tables.forget(LOG, [*old, merged, last])
    tables.tidy(LOG, 3)
    (rows,) = [reader.added(LOG, -1, reader.version(LOG)) for reader in (place.store.tables,)]
    assert rows is not None
    assert rows["n"].to_pylist() == [n for rows in written[3:5] for n in rows]


def test_a_file_that_is_missing_is_no_empty_one(tables: Tables, tmp_path: Path) -> None:
    for number in range(4):
        append(tables, number)
    merge(tables, in_order(tables)[:3], tmp_path)
    tables.objects.delete(f"tables/{LOG}/{in_order(tables)[0][2]}")
    with pytest.raises(FileNotFoundError):
        tables.added(LOG, -1, tables.version(LOG))
    with pytest.raises(FileNotFoundError, match="replaces nothing"):
        tables.replace(LOG, ["never.parquet"], Merged(1, 8, 9))
