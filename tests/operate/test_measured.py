"""What `gradino assess` reads from a real store: each row was written by the room that owns it, none by a test."""

from datetime import timedelta

import pytest

from gradino.measure import assess
from gradino.operate import data, release, training
from gradino.operate.incidents.improve import close
from gradino.operate.incidents.record import record
from gradino.operate.training.reproduce import reproduce
from tests.operate.conftest import LOCK, START, Shop, hours

pytestmark = pytest.mark.slow
GRADINO = """
[[package]]
name = "gradino"
version = "0.1.0"
source = { virtual = "." }
"""
TEST = "from shop import train\n\n\ndef test_it():\n    assert callable(train)\n"


def strengths(shop: Shop) -> dict[str, str]:
    """The strongest evidence of each rung."""
    return {f"{t.id}@{r.level}": r.strength for t in assess(shop.root).tracks for r in t.rungs}


def test_a_store_that_really_ran_is_read_row_by_row(shop: Shop) -> None:
    assert strengths(shop)["creation.training@3"] == "wired"
    shop.rewrite('source = "shop:collect"', 'source = { files = "sales.csv" }', "gradino.toml")
    (shop.root / "uv.lock").write_text(LOCK + GRADINO)
    (shop.root / "tests").mkdir()
    (shop.root / "tests/test_shop.py").write_text(TEST)
    shop.git("add", ".")
    shop.git("commit", "--quiet", "--message", "Rows lie in a file")
    for count in (200, 300):
        shop.deliver(hours(0, count))
        data.collect(shop.project, shop.store)
    run = training.request(shop.store, shop.project, "first", START + timedelta(hours=300))
    training.execute(shop.project, shop.store, run)
    release.propose(shop.store, START)
    release.run_gates(shop.project, shop.store, 1)
    release.after_gates(shop.project, shop.store, 1, START)
    assert reproduce(shop.project, shop.store, 1, here=True).passed
    with shop.store.state.begin() as connection:
        record(connection, "serving", "a slow answer", "slow", {}, START)
    close(shop.project, shop.store, 1, "accepted", "it happens")
    shop.store.state.close()
    found = strengths(shop)
    resolved = (
        "creation.data-collection@4", "creation.compute@4", "creation.experiments@4", "creation.versioning@4",
        "creation.reproducibility@4", "creation.training@3", "release.process@4", "release.scoring-script@4",
        "release.ownership@4", "release.traceability@4", "release.environments@4", "integration.builds@4",
        "integration.application-tests@2", "integration.application-tests@4", "integration.model-tests@4",
    )  # fmt: skip
    assert {rung: found[rung] for rung in resolved} == dict.fromkeys(resolved, "effective")
    # nobody asked the model anything, nothing harmed it, no challenger came, and what went wrong was merely accepted
    for rung in ("creation.training@4", "operations.feedback@4", "operations.metrics@4", "operations.availability@4"):
        assert found[rung] == "wired", rung
    assert found["release.experimentation@4"] == "wired"
    assert found["operations.learning@4"] == "none"
    assert not assess(shop.root).notes
