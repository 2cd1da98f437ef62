"""Sources besides a function: files on disk and in a bucket, an HTTP endpoint, a query. All real, all incremental."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import obstore
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from gradino.errors import DataError, GradinoError
from gradino.operate.data import Collected, collect, history, query
from gradino.operate.data.files import _regular
from gradino.operate.incidents import notice
from gradino.operate.project.sources import Query
from gradino.operate.store.state import data_versions, incidents
from tests.operate.conftest import Shop, hours
from tests.operate.store.servers import object_store, postgres, postgres_programs


def sourced(shop: Shop, source: str) -> Shop:
    shop.rewrite('source = "shop:collect"', source, "gradino.toml")
    return shop


def table(shop: Shop) -> pd.DataFrame:
    found = shop.store.tables.read("rows")
    assert found is not None
    return found.drop_columns(["_batch"]).to_pandas().sort_values("hour", ignore_index=True)


def collected(shop: Shop) -> Collected:
    found = collect(shop.project, shop.store)
    assert found is not None
    return found


def csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "csv": csv,
    "csv.gz": csv,
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, date_format="iso"),
    "json": lambda frame, path: frame.to_json(path, orient="records", date_format="iso"),
}


@pytest.mark.parametrize("form", WRITERS)
def test_files_of_each_format_hold_the_same_rows(shop: Shop, form: str) -> None:
    sourced(shop, f'source = "feed/**/*.{form}"')
    for name, (first, count) in {"a": (0, 30), "deep/b": (30, 30)}.items():
        path = shop.root / "feed" / f"{name}.{form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[form](hours(first, count), path)
    assert collected(shop).rows == 60
    pd.testing.assert_frame_equal(table(shop), hours(0, 60))
    assert set(history.show(shop.store).origin["files"]) == {f"feed/a.{form}", f"feed/deep/b.{form}"}


def test_only_new_and_changed_files_are_read_and_late_ones_find_their_place(shop: Shop) -> None:
    sourced(shop, 'source = "feed/*.csv"')
    feed = shop.root / "feed"
    feed.mkdir()
    csv(hours(20, 20), feed / "2.csv")
    assert collected(shop).rows == 20
    assert collect(shop.project, shop.store) is None

    csv(hours(0, 20), feed / "1.csv")  # a day late
    csv(hours(20, 25), feed / "2.csv")  # five rows longer
    second = collected(shop)
    assert (second.rows, second.version) == (25, 1)
    pd.testing.assert_frame_equal(table(shop), hours(0, 45))

    csv(hours(0, 20), feed / "again.csv")
    assert collect(shop.project, shop.store) is None
    (feed / "2.csv").write_text("")  # never read again until it changes
    assert collect(shop.project, shop.store) is None
    assert shop.store.state.count(data_versions) == 2


def test_a_broken_file_stops_until_it_is_mended_and_nothing_is_lost(shop: Shop) -> None:
    sourced(shop, 'source = "feed/*.jsonl"')
    feed = shop.root / "feed"
    feed.mkdir()
    WRITERS["jsonl"](hours(0, 20), feed / "1.jsonl")
    (feed / "2.jsonl").write_text('{"hour": ')
    with pytest.raises(DataError, match=r"feed/2.jsonl cannot be read as lines"):
        collect(shop.project, shop.store)
    WRITERS["jsonl"](hours(20, 20), feed / "2.jsonl")
    assert collected(shop).rows == 40


def test_files_that_are_mostly_bad_stop_and_open_one_incident(shop: Shop) -> None:
    sourced(shop, 'source = "feed/*.csv"')
    feed = shop.root / "feed"
    feed.mkdir()
    csv(hours(0, 20).assign(warmth=99.0), feed / "1.csv")
    for _ in range(2):
        with pytest.raises(DataError, match="20 of 20 new rows are bad"):
            collect(shop.project, shop.store)
    notice(shop.store)
    assert shop.store.state.count(incidents) == 1
    csv(hours(0, 20), feed / "1.csv")
    assert collected(shop).rows == 20


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("feed/*.csv", "feed/a.csv", True),
        ("feed/*.csv", "feed/deep/a.csv", False),
        ("feed/**/*.csv", "feed/a.csv", True),
        ("feed/**/*.csv", "feed/x/y/a.csv", True),
        ("feed/2024-??.csv", "feed/2024-01.csv", True),
        ("feed/a.csv", "feed/axcsv", False),
    ],
)
def test_patterns_in_a_bucket_mean_what_they_mean_on_disk(pattern: str, name: str, matches: bool) -> None:
    import re

    assert bool(re.fullmatch(_regular(pattern), name)) == matches


@pytest.fixture
def bucket(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket in an object store that speaks S3."""
    with object_store(tmp_path_factory.mktemp("objects") / "store") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield "s3://gradino"


def test_objects_in_a_bucket_are_read_once_and_again_when_they_change(shop: Shop, bucket: str) -> None:
    from gradino.operate.data import files
    from gradino.operate.project.sources import Files

    store = obstore.store.from_url(bucket)
    for name, frame in {"feed/1.parquet": hours(0, 30), "feed/x/2.parquet": hours(30, 5), "other.parquet": 0}.items():
        obstore.put(store, name, frame.to_parquet(index=False) if isinstance(frame, pd.DataFrame) else b"0")
    source = Files(files=f"{bucket}/feed/**/*.parquet")

    first = files.read(source, {})
    assert len(first.frame) == 35
    assert set(first.origin["files"]) == set(first.seen) == {"feed/1.parquet", "feed/x/2.parquet"}
    assert files.read(source, first.seen).frame.empty
    obstore.put(store, "feed/1.parquet", hours(0, 31).to_parquet(index=False))
    assert set(files.read(source, first.seen).origin["files"]) == {"feed/1.parquet"}
    with pytest.raises(DataError, match=r"s3://nothing/x\.csv cannot be listed"):
        files.read(Files(files="s3://nothing/x.csv"), {})


class Till(BaseHTTPRequestHandler):
    """Answers with the hours after `from`, two pages of them, to whoever knows the word."""

    frame: pd.DataFrame
    form = "application/json"
    asked: list[str]

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if self.headers["Authorization"] != "Bearer open sesame":
            return self._answer(403, b"who are you?")
        type(self).asked.append(asked["from"][0])
        new = self.frame[self.frame["hour"] > asked["from"][0]]
        page = int(asked.get("page", ["1"])[0])
        link = {"Link": f'</sales?from={asked["from"][0]}&page=2>; rel="next"'} if page == 1 and len(new) > 10 else {}
        rows = new.head(10) if page == 1 else new.iloc[10:]
        body = {
            "application/json": lambda: rows.to_json(orient="records", date_format="iso").encode(),
            "text/csv; charset=utf-8": lambda: rows.to_csv(index=False).encode(),
            "application/vnd.apache.parquet": lambda: rows.to_parquet(index=False),
            "text/html": lambda: b"<p>",
        }[self.form]()
        return self._answer(200, body, **link)

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": self.form, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def till(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Till]]:
    """A till that answers over HTTP, and the shop that asks it."""
    handler = type("Handler", (Till,), {"frame": hours(0, 25), "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (shop.root / "gradino.toml").write_text(
        (shop.root / "gradino.toml").read_text().replace('source = "shop:collect"\n', "")
        + f'[data.source]\nurl = "http://127.0.0.1:{server.server_port}/sales?shop=7"\nsince = "from"\n'
        + 'headers = { Authorization = "Bearer ${TILL_WORD}" }\n'
    )
    monkeypatch.setenv("TILL_WORD", "open sesame")
    yield handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("form", ["application/json", "text/csv; charset=utf-8", "application/vnd.apache.parquet"])
def test_an_endpoint_is_asked_for_what_is_newer_page_after_page(till: type[Till], shop: Shop, form: str) -> None:
    till.form = form
    assert read_endpoint(shop).rows == 25
    assert till.asked == ["1970-01-01T00:00:00Z"] * 2
    pd.testing.assert_frame_equal(table(shop), hours(0, 25))
    assert collect_here(shop) is None
    assert till.asked[-1] == "2024-01-02T00:00:00Z"
    till.frame = hours(0, 30)
    assert read_endpoint(shop).rows == 5


def test_rows_within_the_allowance_come_late_and_are_taken_once(till: type[Till], shop: Shop) -> None:
    shop.rewrite("[data]\n", '[data]\nlate = "6h"\n', "gradino.toml")
    till.frame = hours(0, 25).drop(index=[5, 20])
    assert read_endpoint(shop).rows == 23
    till.frame = hours(0, 26)
    assert read_endpoint(shop).rows == 2  # the newest, and the one five hours late
    assert till.asked[-1] == "2024-01-01T18:00:00Z"
    missed = set(hours(0, 26)["hour"]) - set(table(shop)["hour"])
    assert missed == {hours(5, 1)["hour"][0]}  # it came when six hours were over
    assert collect_here(shop) is None


def test_an_endpoint_that_fails_is_quoted_and_keeps_its_secret(
    till: type[Till], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.form = "text/html"
    with pytest.raises(DataError, match="content type `text/html`"):
        collect_here(shop)
    monkeypatch.setenv("TILL_WORD", "please")
    with pytest.raises(DataError, match="/sales answered 403 Forbidden: who are you\\?") as caught:
        collect_here(shop)
    assert "please" not in str(caught.value)
    monkeypatch.delenv("TILL_WORD")
    with pytest.raises(GradinoError, match="environment variable TILL_WORD"):
        collect_here(shop)


def test_a_query_is_bound_to_the_watermark(shop: Shop) -> None:
    def sell(frame: pd.DataFrame) -> None:
        database = sqlite3.connect(shop.root / "till.db")
        rows = frame.assign(hour=frame["hour"].dt.strftime("%Y-%m-%d %H:%M:%S"))
        rows.to_sql("sales", database, if_exists="append", index=False)
        database.close()

    sell(hours(0, 20))
    shop.rewrite('source = "shop:collect"\n', "", "gradino.toml")
    with (shop.root / "gradino.toml").open("a") as file:
        file.write('[data.source]\nurl = "sqlite:///till.db"\nsql = "select * from sales where hour > :since"\n')
    assert collected(shop).rows == 20
    pd.testing.assert_frame_equal(table(shop), hours(0, 20))
    assert collect(shop.project, shop.store) is None
    sell(hours(20, 5))
    assert collected(shop).rows == 5
    origin = {"source": "the query of sqlite:///till.db", "since": "2024-01-01T19:00:00"}
    assert history.show(shop.store).origin == origin
    shop.rewrite("from sales", "from sails", "gradino.toml")
    with pytest.raises(DataError, match="no such table: sails"):
        collect(shop.project, shop.store)


@pytest.mark.skipif(postgres_programs() is None, reason="PostgreSQL is not installed")
def test_a_watermark_is_utc_whatever_the_zone_of_the_database(shop: Shop) -> None:
    with postgres() as cluster:
        url = cluster.database()
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("ALTER ROLE gradino SET timezone = 'Pacific/Auckland'"))
            connection.execute(text("CREATE TABLE sales (hour timestamptz, warmth float8, open bool, sold float8)"))
        hours(0, 20).to_sql("sales", engine, if_exists="append", index=False)
        since = datetime(2024, 1, 1, 15)
        found = query.read(Query(url=url, sql="select * from sales where hour > :since order by hour"), since)
        assert list(pd.to_datetime(found.frame["hour"], utc=True)) == list(hours(16, 4)["hour"])
        deleting = "with gone as (delete from sales returning *) select * from gone where hour > :since"
        with pytest.raises(DataError, match="read-only transaction"):
            query.read(
                Query(url=url, sql=deleting),
                since,
            )
        engine.dispose()


def read_endpoint(shop: Shop) -> Collected:
    found = collect_here(shop)
    assert found is not None
    return found


def collect_here(shop: Shop) -> Collected | None:
    """Collect with this process's environment: the jobs' parent keeps that of its own start."""
    import sys

    module = sys.modules["gradino.operate.data.collect"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(shop.root)
        patch.setattr(module, "call", lambda function, log, *args: function(*args))
        return collect(shop.project, shop.store)


def test_raw_batches_carry_their_origin(shop: Shop) -> None:
    sourced(shop, 'source = "sales.csv"')
    collected(shop)
    assert list(history.show(shop.store).origin["files"]) == ["sales.csv"]
