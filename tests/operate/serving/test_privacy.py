"""What `[serving] drop` and `hash` name is nowhere on the disk, and everything else works as before."""

import struct
from pathlib import Path
from typing import Any

import pytest

from gradino.operate.serving import compact
from gradino.operate.store.state import events
from tests.operate.serving.conftest import ROW, Place, make_place, start_server

MAIL, INCOME = "anna.bianchi@example.org", 98765.4321
PERSON = ROW | {"email": MAIL, "income": INCOME}
TRACES = (MAIL.encode(), b"98765.4", struct.pack("<d", INCOME), struct.pack(">d", INCOME))


def written(place: Place) -> list[str]:
    """Files below the project in which a private value stands."""
    files = [path for path in place.root.rglob("*") if path.is_file()]
    return [f"{path.name}: {trace!r}" for path in files for trace in TRACES if trace in path.read_bytes()]


def served(root: Path, serving: str, wrongly: bool = False) -> tuple[Place, list[dict[str, Any]]]:
    """A project whose server has scored two rows of a person and one of nobody, failed on one, and ended."""
    place = make_place(root)
    with (root / "gradino.toml").open("a") as toml:
        toml.write(f"[serving]\n{serving}\n")
    place.version(1, "mail")
    place.deploy(1)
    server = start_server(place)
    try:
        server.serves(1)
        assert server.score(PERSON, PERSON, ROW).status_code == 200
        failed = server.score(PERSON | {"temperature": 13.0})
        assert (failed.status_code, MAIL in failed.text) == (500, True), "the caller may know"
        assert server.score(PERSON | {"income": MAIL}).status_code == 422
        if wrongly:
            assert written(place)
        else:
            assert not written(place)
    finally:
        server.stop()
    assert compact(place.store, "production").predictions == 3
    table = place.store.tables.read("predictions")
    assert table is not None
    return place, table.to_pylist()


def test_without_protection_the_search_would_find_them(tmp_path: Path) -> None:
    place, rows = served(tmp_path / "toys", "", wrongly=True)
    assert [row["x_email"] for row in rows] == [MAIL, MAIL, None]
    place.store.state.close()


@pytest.mark.parametrize("serving", ['drop = ["email", "income"]', 'hash = ["email", "income"]'])
def test_a_protected_value_is_nowhere_on_the_disk(tmp_path: Path, serving: str) -> None:
    place, rows = served(tmp_path / "toys", serving)
    assert not written(place)
    assert not {"x_email", "x_income"} & rows[0].keys()
    assert [row["x_temperature"] for row in rows] == [3.0] * 3
    hashed = [row.get("x_email_hash") for row in rows]
    if "hash" in serving:
        assert hashed[0] == hashed[1] != rows[0]["x_income_hash"]
        assert len(hashed[0]) == 32
    assert hashed[2] is None
    place.store.state.close()


def test_a_name_that_the_model_has_not_is_told(tmp_path: Path) -> None:
    place, _ = served(tmp_path / "toys", 'drop = ["email", "income", "emial"]')
    assert [e.title for e in place.store.state.rows(events, events.c.kind == "service")] == [
        "[serving] protects `emial`, which version 1 has not"
    ]
    place.store.state.close()
