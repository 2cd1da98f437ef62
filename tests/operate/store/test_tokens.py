"""Tokens: shown once, kept as a hash, refused once revoked."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from gradino.cli import app
from gradino.errors import ServiceError
from gradino.operate.store import Store, tokens
from gradino.operate.store.tokens import Holder, Tokens
from tests.operate.conftest import TOML


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.of(tmp_path)
    yield made
    made.state.close()


def test_a_token_is_known_by_bearer_and_by_basic_as_browsers_send_it(store: Store) -> None:
    token = tokens.add(store.state, "shop", "scorer")
    known = Tokens(store.state)
    basic = base64.b64encode(f"anyone:{token}".encode()).decode()
    for header in (f"Bearer {token}", f"bearer {token}", f"Basic {basic}"):
        assert known.holder(header) == Holder("shop", "scorer"), header
    for header in (None, "", token, f"Bearer {token}x", "Bearer ", "Bearer", f"Basic {token}", "Basic ÿ"):
        assert known.holder(header) is None, header


@given(st.text(max_size=60))
def test_no_header_is_a_fault(header: str) -> None:
    known = Tokens.__new__(Tokens)
    known._valid = [(bytes(32), Holder("nobody", "operator"))]
    assert known.holder(header) is None
    assert known.holder(f"Basic {header}") is None


def test_the_token_itself_is_nowhere_on_the_disk(store: Store) -> None:
    token = tokens.add(store.state, "shop", "scorer")
    store.state.close()
    assert not [path for path in store.root.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]


def test_what_is_revoked_is_refused_and_its_name_is_free_again(store: Store) -> None:
    old, known = tokens.add(store.state, "shop", "scorer"), Tokens(store.state)
    with pytest.raises(ServiceError, match="already"):
        tokens.add(store.state, "shop", "viewer")
    tokens.revoke(store.state, "shop")
    new = tokens.add(store.state, "shop", "viewer")
    known.refresh()
    assert known.holder(f"Bearer {old}") is None
    assert known.holder(f"Bearer {new}") == Holder("shop", "viewer")
    with pytest.raises(ServiceError, match="no valid token `other`"):
        tokens.revoke(store.state, "other")


def test_an_operator_may_what_the_others_may_and_they_not_each_others() -> None:
    allowed = {role: {other for other in tokens.ROLES if Holder("x", role).may(other)} for role in tokens.ROLES}
    assert allowed == {"scorer": {"scorer"}, "viewer": {"viewer"}, "operator": set(tokens.ROLES)}


def test_the_command_makes_lists_and_revokes(tmp_path: Path) -> None:
    (tmp_path / "gradino.toml").write_text(TOML)
    (tmp_path / "shop.py").write_text("collect = Hours = train = 0")

    def said(*words: str) -> Result:
        return CliRunner().invoke(app, ["token", *words, "--project", str(tmp_path)])

    made = said("add", "shop", "--role", "scorer").stdout.strip()
    store = Store.of(tmp_path)
    assert Tokens(store.state).holder(f"Bearer {made}") == Holder("shop", "scorer")
    store.state.close()
    listed = json.loads(said("list", "--json").stdout)["tokens"]
    assert [(row["name"], row["role"]) for row in listed] == [("shop", "scorer")]
    assert made not in said("list").stdout
    assert said("revoke", "shop").exit_code == 0
    assert "valid: none" in str(said("revoke", "shop").exception)
    assert "cannot be a token's name" in str(said("add", "a b", "--role", "scorer").exception)
    assert said("add", "x", "--role", "king").exit_code == 2
