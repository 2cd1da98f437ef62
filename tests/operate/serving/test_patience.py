"""Nobody waits for what nobody wants any more: deadlines, callers who hang up, bodies that never end, full queues."""

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from gradino.operate.serving import bodies
from gradino.operate.serving.bodies import Bodies
from gradino.operate.serving.patience import seconds
from tests.operate.serving.conftest import ROW, Server, make_place, start_server


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each call of its model takes two seconds."""
    place = make_place(tmp_path_factory.mktemp("slow") / "toys")
    place.version(1, "slow:2")
    place.deploy(1)
    server = start_server(place)
    server.serves(1)
    yield server
    server.stop()
    place.store.state.close()


def counted(server: Server, name: str) -> float:
    lines = [line for line in server.client.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def raw(server: Server, path: str, body: bytes, *headers: str) -> socket.socket:
    """A connection over which a request was sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    head = [f"POST {path} HTTP/1.1", "host: toys", *headers, "", ""]
    connection.sendall("\r\n".join(head).encode() + body)
    return connection


def test_rows_whose_deadline_passed_or_whose_caller_hung_up_are_not_scored(slow: Server) -> None:
    before = counted(slow, "gradino_predictions_total")
    body = b'{"rows": [{"temperature": 3.0, "weather": "rain", "holiday": false, "hour": "2011-01-01T05:00:00Z"}]}'
    length = f"content-length: {len(body)}"
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(slow.score, ROW)
        time.sleep(0.1)  # the model is busy with the first
        gone = [raw(slow, "/v1/score", body, length) for _ in range(5)]
        late = list(pool.map(lambda _: ask(slow, "50m"), range(5)))
        time.sleep(0.15)
        for connection in gone:
            connection.close()
        assert first.result().status_code == 200
    assert [answer.status_code for answer in late] == [504] * 5
    assert all(answer.elapsed.total_seconds() < 1.5 for answer in late)
    slow.until(lambda: counted(slow, 'gradino_requests_total{worker="0",route="/v1/score",status="499"}') == 5)
    assert counted(slow, "gradino_predictions_total") == before + 1
    slow.until(lambda: counted(slow, "gradino_waiting_rows") == 0, 2)


def ask(server: Server, timeout: str) -> httpx.Response:
    with httpx.Client(base_url=server.client.base_url, headers={"grpc-timeout": timeout}) as client:
        return client.post("/v1/score", json={"rows": [ROW]})


def test_a_deadline_that_is_met_changes_nothing_and_one_that_is_none_is_refused(slow: Server) -> None:
    assert ask(slow, "10S").status_code == 200
    for wrong in ("", "5", "5s", "-1m", "123456789m", "1.5S"):
        assert ask(slow, wrong).status_code == 400, wrong


def test_a_full_queue_is_503_with_the_time_to_come_back(slow: Server) -> None:
    rows = {"rows": [ROW] * 9_999}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: httpx.post(f"{slow.client.base_url}/v1/score", json=rows), range(4)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 200
    assert codes[-1] == 503
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503)


def test_idle_connections_and_bodies_that_do_not_end_keep_nobody_out(slow: Server) -> None:
    open_ = [raw(slow, "/v1/score", b'{"ro', "content-length: 100") for _ in range(150)]
    open_ += [socket.create_connection(("127.0.0.1", slow.port)) for _ in range(150)]
    try:
        assert httpx.get(f"{slow.client.base_url}/ping", timeout=5).status_code == 200
    finally:
        for connection in open_:
            connection.close()


@pytest.mark.parametrize(
    "broken",
    [
        b"zz\r\n",
        b"5\r\n{}\r\n0\r\n\r\n",
        b"-1\r\n",
        b"ffffffffffffffffff\r\n",
    ],
)
def test_chunks_that_are_none_are_a_fault_of_the_caller(slow: Server, broken: bytes) -> None:
    with raw(slow, "/v1/score", broken, "transfer-encoding: chunked") as connection:
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(4096)
    assert not answer or answer.startswith(b"HTTP/1.1 4"), answer


def test_a_body_has_a_limit_of_time_and_a_stop_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> bytes:
        await asyncio.sleep(60)
        return b""

    async def ready() -> bytes:
        return b"body"

    async def scene() -> None:
        reading = Bodies()
        reading.start(asyncio.get_running_loop())
        sent = {"content-length": "4"}
        assert await reading.read(sent, "1.1", ready) == b"body"
        with pytest.raises(TimeoutError):
            await reading.read(sent, "1.1", never)
        stopped = asyncio.create_task(reading.read(sent, "1.1", never))
        await asyncio.sleep(0)
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        reading.let_go(b"body")
        assert reading.held == 0
        reading.stop()

    monkeypatch.setattr(bodies, "SECONDS", 0.1)
    asyncio.run(scene())


def test_timeouts_are_read_as_grpc_writes_them() -> None:
    assert [seconds(t) for t in ("1H", "2M", "3S", "250m", "500u", "9n")] == [
        3600.0,
        120.0,
        3.0,
        0.25,
        0.0005,
        pytest.approx(9e-9),
    ]
