"""What is live changes under traffic: nobody is refused, nobody is answered by a model that was never live."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from gradino.operate.serving import compact
from gradino.operate.store.state import events
from tests.operate.serving.conftest import ROW, Place, Server

Serve = Callable[..., Server]


class Traffic:
    """Clients that keep asking; `answers` holds (status, body)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.failures: list[str] = []
        self.seconds: list[float] = []

    @contextmanager
    def flowing(self, clients: int = 4) -> Iterator[None]:
        stop = threading.Event()
        threads = [threading.Thread(target=self._client, args=(stop,)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _client(self, stop: threading.Event) -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    answer = client.post(f"http://127.0.0.1:{self.port}/v1/score", json={"rows": [ROW]})
                except httpx.TransportError as error:
                    self.failures.append(repr(error))
                    continue
                self.seconds.append(time.monotonic() - began)
                self.answers.append((answer.status_code, answer.json()))


@pytest.mark.slow
def test_ten_swaps_and_two_roll_backs_fail_no_request(place: Place, serve: Serve) -> None:
    for number in range(1, 6):
        place.version(number, f"times:{number}")
    lived = {place.deploy(1): 1}
    server = serve(workers=2)
    server.serves(1)
    traffic = Traffic(server.port)
    rolled_back = []
    with traffic.flowing():
        server.until(lambda: bool(traffic.answers))
        for number in (2, 3, 4, 5, 4, 5, 1, 2, 3, 4, 5, 4):
            before = time.monotonic()
            deployment = place.deploy(number)
            lived[deployment] = number
            server.serves(deployment)
            if number == 4:
                rolled_back.append(time.monotonic() - before)
            server.until(lambda: any(a["deployment"] == deployment for _, a in traffic.answers[-50:]))  # noqa: B023
    assert traffic.failures == []
    assert Counter(status for status, _ in traffic.answers).keys() == {200}
    for _, answer in traffic.answers:
        assert lived[answer["deployment"]] == answer["version"]
        assert answer["predictions"][0]["value"] == 3.0 * answer["version"]
    assert {a["deployment"] for _, a in traffic.answers} == lived.keys()
    assert min(rolled_back[1:]) < 1.0  # to a version that is warm; min, because other tests may hold the machine


def test_a_roll_back_does_not_wait_for_a_model_that_is_loading(place: Place, serve: Serve) -> None:
    place.version(1, "times:1")
    place.version(2, "times:2")
    place.version(3, "late")
    place.deploy(1)
    server = serve()
    server.serves(place.deploy(2))
    place.deploy(3)
    time.sleep(0.5)
    before = time.monotonic()
    server.serves(place.deploy(1), 1.0)
    assert time.monotonic() - before < 1.0


def test_a_worker_that_has_just_begun_can_roll_back_at_once(place: Place, serve: Serve) -> None:
    place.version(1, "late")
    place.version(2, "times:2")
    place.deploy(1)
    place.deploy(2)
    server = serve()
    server.serves(2)
    time.sleep(2.5)  # its predecessor takes 1.5 s to load
    before = time.monotonic()
    server.serves(place.deploy(1), 1.0)
    assert time.monotonic() - before < 1.0


def test_what_cannot_be_loaded_leaves_the_old_model_serving_and_is_told_once(place: Place, serve: Serve) -> None:
    place.version(1, "times:1")
    place.version(2, "unloadable")
    place.deploy(1)
    server = serve(workers=2)
    server.serves(1)
    place.deploy(2)
    server.until(lambda: all(w["error"] for w in server.workers()))
    health = server.client.get("/health")
    assert (health.status_code, health.json()["status"], health.json()["version"]) == (200, "degraded", 1)
    assert "its signature is not ours" in health.json()["error"]
    assert server.score(ROW).json()["version"] == 1
    told = place.store.state.rows(events, events.c.kind == "service")
    assert [row.detail["version"] for row in told] == [2]
    server.serves(place.deploy(1))
    server.until(lambda: server.client.get("/health").json()["status"] == "ok")


def test_a_challenger_that_cannot_be_loaded_does_not_keep_the_champion_from_starting(
    place: Place, serve: Serve
) -> None:
    place.version(1, "times:1")
    place.version(2, "unloadable")
    place.deploy(1, challenger=2)
    server = serve()
    server.serves(1)
    assert server.score(ROW).status_code == 200
    assert server.client.get("/health").json()["status"] == "degraded"


def test_the_shadow_scores_every_answered_row_again(place: Place, serve: Serve) -> None:
    place.version(1, "times:1")
    place.version(2, "times:5")
    place.deploy(1, challenger=2)
    server = serve()
    server.serves(1)
    ids = [server.score(ROW).json()["predictions"][0]["id"] for _ in range(20)]
    server.stop()
    assert compact(place.store, "production").predictions == 40
    rows = place.store.tables.read("predictions").to_pylist()
    for role, version, value, feature in (("champion", 1, 3.0, 3.0), ("shadow", 2, 15.0, None)):
        found = [r for r in rows if r["role"] == role]
        assert sorted(r["prediction_id"] for r in found) == sorted(ids)
        assert {(r["version"], r["prediction"], r["x_temperature"]) for r in found} == {(version, value, feature)}


@pytest.mark.parametrize("does", ["raises", "wrong", "exits", "more"])
def test_a_shadow_that_fails_is_logged_as_missing_and_harms_nobody(place: Place, serve: Serve, does: str) -> None:
    place.version(1, "times:1")
    place.version(2, does)
    place.deploy(1, challenger=2)
    server = serve()
    server.serves(1)
    assert {server.score(ROW).status_code for _ in range(5)} == {200}
    server.until(lambda: 'gradino_shadow_errors_total{worker="0"} 5' in server.client.get("/metrics").text)
    server.stop()
    compact(place.store, "production")
    rows = place.store.tables.read("predictions").to_pylist()
    assert [r["prediction"] for r in rows if r["role"] == "shadow"] == [None] * 5


@pytest.mark.slow
def test_a_slow_shadow_delays_nobody(place: Place, serve: Serve) -> None:
    place.version(1, "times:1")
    place.version(2, "slow:1.5")
    place.deploy(1, challenger=2)
    server = serve()
    server.serves(1)
    traffic = Traffic(server.port)
    with traffic.flowing():
        time.sleep(3)
    assert not traffic.failures
    assert sorted(traffic.seconds)[int(len(traffic.seconds) * 0.95)] < 0.5
    server.stop()
    compact(place.store, "production")
    rows = place.store.tables.read("predictions").to_pylist()
    answered = [a["predictions"][0]["id"] for _, a in traffic.answers]
    for role in ("champion", "shadow"):
        assert sorted(r["prediction_id"] for r in rows if r["role"] == role) == sorted(answered)


def test_a_unit_stays_with_its_arm_and_the_weight_is_the_share(place: Place, serve: Serve) -> None:
    place.version(1, "times:1")
    place.version(2, "times:2")
    place.deploy(1, challenger=2, weight=0.25)
    server = serve()
    server.serves(1)
    units = [ROW | {"station": f"s{i}"} for i in range(2000)]

    def challenged() -> set[int]:
        answer = server.score(*units).json()
        for prediction in answer["predictions"]:
            assert prediction["value"] == 3.0 * prediction.get("version", 1)
        return {i for i, p in enumerate(answer["predictions"]) if p.get("version") == 2}

    quarter = challenged()
    assert 400 < len(quarter) < 600
    assert challenged() == quarter
    server.serves(place.deploy(1, challenger=2, weight=0.6))
    most = challenged()
    assert quarter < most
    assert 1100 < len(most) < 1300
    server.stop()
    compact(place.store, "production")
    rows = place.store.tables.read("predictions").to_pylist()
    assert Counter(r["role"] for r in rows) == {
        "challenger": 2 * len(quarter) + len(most),
        "champion": 6000 - 2 * len(quarter) - len(most),
        "shadow": 6000,
    }
