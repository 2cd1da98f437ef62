"""A decision is decided again from its file alone; whatever in it was changed is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradino.errors import EvidenceError
from gradino.operate import registry, release
from gradino.operate.release import verify
from gradino.operate.store import Store
from gradino.operate.store.state import decisions
from tests.operate.release.test_randomised import Market
from tests.operate.release.town import Town

File = dict[str, Any]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A challenger that passed, and was rolled back in its probation."""
    town = Town(tmp_path_factory.mktemp("town"), probation=2000)
    town.gate("pass")
    town.until("probation", champion=32, challenger=22)
    town.until("done", champion=20, challenger=50)
    return town


def exported(town: Town, kind: str) -> File:
    row = town.store.state.last(decisions, decisions.c.kind == kind)
    assert row is not None
    content: File = json.loads(verify.export(town.project, town.store, row.id[:12]))
    return content


def disagreeing(file: File, key: bytes | None = None) -> list[str]:
    return [check.name for check in verify.check(verify.read(json.dumps(file).encode()), key) if not check.agrees]


@pytest.mark.parametrize("kind", ["gates", "experiment", "rollback"])
def test_an_exported_decision_agrees_with_itself_and_with_the_signers_key(town: Town, kind: str) -> None:
    file = exported(town, kind)
    assert disagreeing(file) == []
    assert disagreeing(file, registry.public_key(town.store).read_bytes()) == []
    assert bool(file["seen"]) == (kind != "gates")


def test_an_ab_experiment_is_decided_again_too(tmp_path: Path) -> None:
    market = Market(tmp_path)
    market.weeks(3, champion=0.4, challenger=0.1)
    file = exported(market, "experiment")
    assert file["certificate"]["verdict"] == "pass"
    assert disagreeing(file) == []
    file["seen"][3][2] = 0.0
    assert "rows" in disagreeing(file)


def other_verdict(file: File) -> None:
    file["certificate"]["verdict"] = "fail"


def other_row(file: File) -> None:
    file["seen"][7][3] += 0.01


def row_left_out(file: File) -> None:
    del file["seen"][7]


def rows_in_another_order(file: File) -> None:
    file["seen"][:2] = file["seen"][1::-1]


def other_evidence(file: File) -> None:
    file["certificate"]["evidence"]["evidence"] *= 2


def other_budget(file: File) -> None:
    file["certificate"]["inputs"]["settings"]["alpha"] = 0.4


def other_signature(file: File) -> None:
    file["signature"] = file["signature"][::-1]


def other_id(file: File) -> None:
    file["id"] = "0" * 64


def a_loss_that_is_none(file: File) -> None:
    file["seen"][0][2] = "much"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (other_verdict, {"id", "signature", "verdict"}),
        (other_row, {"rows"}),
        (row_left_out, {"rows"}),
        (rows_in_another_order, {"rows"}),
        (other_evidence, {"id", "signature", "evidence"}),
        (other_budget, {"id", "signature", "alpha"}),
        (other_signature, {"signature"}),
        (other_id, {"id"}),
        (a_loss_that_is_none, {"content"}),
    ],
)
def test_what_was_changed_is_named(town: Town, change: Callable[[File], None], named: set[str]) -> None:
    file = exported(town, "experiment")
    change(file)
    assert named <= set(disagreeing(file))


def test_a_decision_signed_by_somebody_else_is_seen_with_the_key_that_one_trusts(town: Town, tmp_path: Path) -> None:
    stranger = registry.public_key(Store.of(tmp_path)).read_bytes()
    assert disagreeing(exported(town, "experiment"), stranger) == ["signature"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"schema": "another"}'])
def test_a_file_that_is_no_decision_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(EvidenceError, match="no exported decision"):
        verify.read(content)


def test_an_id_that_is_no_ones_is_refused(town: Town) -> None:
    with pytest.raises(EvidenceError, match="no decision begins"):
        release.verify.export(town.project, town.store, "zz")
    with pytest.raises(EvidenceError, match="3 decisions begin"):
        release.verify.export(town.project, town.store, "")
