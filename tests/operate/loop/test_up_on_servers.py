"""`gradino up` on PostgreSQL and an object store, as docs/operate.md shows it: what must last is not in the folder."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from gradino.operate.project.config import FILE
from gradino.operate.store.state import deployments, runs, versions
from tests.operate.conftest import TOML
from tests.operate.loop.test_up import Up, gradino, wait
from tests.operate.store import servers

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "operate.md"


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    """A project whose gradino.toml names servers, and which is up."""
    if servers.postgres_programs() is None:
        pytest.skip("there is no PostgreSQL here: apt-get install postgresql")
    (section,) = re.findall(r"^```toml\n(\[store\].*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    with servers.postgres() as cluster, servers.object_store(tmp_path / "s3") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        root = tmp_path / "shop"
        root.mkdir()
        up = Up(root)
        section = re.sub(r"postgresql\S+(?=\")", cluster.database(), section)
        (root / FILE).write_text(TOML + "\n" + re.sub(r"s3:\S+(?=\")", "s3://gradino/shop", section))
        up.start()
        try:
            yield up
        finally:
            if up.process.poll() is None:
                up.stop()
            up.store.state.close()


def test_the_first_model_is_trained_released_and_traced_and_a_second_start_goes_on(up: Up) -> None:
    wait(up.healthy, 300)  # a busy machine starts slowly
    (key,) = up.score()
    told = {"feedback": [{"id": key, "label": 30.0}]}
    assert httpx.post(f"http://127.0.0.1:{up.port}/v1/feedback", json=told).json() == {"accepted": 1}
    wait(lambda: status(up)["labels"]["joined"] == 1)
    time.sleep(1)  # the seal follows the log
    traced = json.loads(gradino("trace", key, "--project", str(up.root), "--json").stdout)
    assert traced["verified"], traced
    assert len(traced["links"]) == 9
    wait(lambda: champion(up) == 1)
    assert "stopping" in up.stop()
    assert not list((up.root / ".gradino").glob("*.db"))
    assert not (up.root / ".gradino" / "tables").exists()

    up.start()
    wait(up.healthy, 300)
    up.score()
    assert [row.status for row in up.store.state.rows(runs)] == ["finished"]
    assert up.store.state.count(versions) == 1
    assert up.store.state.count(deployments, deployments.c.environment == "production") == 1


def status(up: Up) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(gradino("status", str(up.root), "--json").stdout)
    return found


def champion(up: Up) -> int | None:
    """The alias as anybody reads it in MLflow's schema."""
    with up.store.state.engine.connect() as connection:
        query = "select version from mlflow.registered_model_aliases where alias = 'champion'"
        return connection.execute(text(query)).scalar()
