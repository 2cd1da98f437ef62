"""Whatever is sent, over whichever interface: an answer or a refusal, never a fault, never a hang, no memory kept."""

import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradino.operate.serving.arrow import FILE, PARQUET, STREAM
from tests.operate.serving.conftest import ROW, Server, make_place, start_server
from tests.operate.serving.test_protocols import TABLE, arrow, bombs, changed, parquet, tensor

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
INFER = "/v2/models/toys/infer"
JSON = "application/json"


def binary() -> tuple[bytes, int]:
    """A request with binary tensors, and the length of its JSON."""
    inputs = [tensor(name, column) for name, column in changed("riders", [4, 5]).items()]
    inputs[0] |= {"data": None, "parameters": {"binary_data_size": 16}}
    inputs[2] |= {"data": None, "parameters": {"binary_data_size": 17}}
    head = json.dumps({"inputs": inputs}).encode()
    return head + bytes(16) + b"\4\0\0\0rain\5\0\0\0clear", len(head)


GOOD = [
    ("/v1/score", JSON, json.dumps({"rows": [ROW, ROW]}).encode()),
    ("/v1/score", JSON, json.dumps({"columns": {k: [v] for k, v in ROW.items()}}).encode()),
    ("/v1/score", STREAM, arrow(TABLE)),
    ("/v1/score", STREAM, arrow(TABLE, compression="zstd")),
    ("/v1/score", FILE, arrow(TABLE, pa.ipc.new_file)),
    ("/v1/score", PARQUET, parquet(TABLE)),
    ("/v1/feedback", JSON, b'{"feedback": [{"id": "a", "label": 1.5, "time": "2011-01-01T05:00:00Z"}]}'),
    ("/invocations", JSON, json.dumps({"dataframe_records": [ROW]}).encode()),
    ("/invocations", "text/csv", b"temperature,weather,holiday,hour\n3.0,rain,false,2011-01-01T05:00:00Z\n"),
    (INFER, JSON, json.dumps({"inputs": [tensor(k, v) for k, v in changed("riders", [4, 5]).items()]}).encode()),
    (INFER, "application/octet-stream", binary()[0]),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = make_place(tmp_path_factory.mktemp("fuzzed") / "toys")
    place.version(1, "times:2")
    place.deploy(1)
    running = start_server(place, ack="buffered")
    running.serves(1)
    yield running
    assert "Traceback" not in running.output.read_text()
    assert running.score(ROW).status_code == 200
    running.stop()
    place.store.state.close()


def send(server: Server, path: str, kind: str, body: bytes, length: int | None = None) -> int:
    headers = {"content-type": kind}
    if path == INFER and kind != JSON:
        headers["inference-header-content-length"] = str(binary()[1] if length is None else length)
    answer = server.client.post(path, content=body, headers=headers)
    assert answer.status_code in (200, 400, 413, 422), (answer.status_code, answer.text)
    assert "Traceback" not in answer.text
    return answer.status_code


@pytest.mark.parametrize("good", GOOD, ids=lambda good: f"{good[0]} {good[1]}")
def test_what_is_changed_below_was_right_before(server: Server, good: tuple[str, str, bytes]) -> None:
    assert send(server, *good) == 200


@given(st.sampled_from(GOOD), st.data())
@MANY
def test_flipped_cut_and_doubled_bytes(server: Server, good: tuple[str, str, bytes], data: st.DataObject) -> None:
    path, kind, body = good
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1)) if changed else 0
        match data.draw(st.sampled_from(["flip", "cut", "double", "insert"])):
            case "flip" if changed:
                changed[at] = data.draw(st.integers(0, 255))
            case "cut":
                del changed[at:]
            case "double":
                changed += changed[at:]
            case "insert":
                changed[at:at] = data.draw(st.binary(max_size=9))
    send(server, path, kind, bytes(changed), data.draw(st.none() | st.integers(0, 2**40)))


@given(st.sampled_from(GOOD), st.binary(max_size=300))
@MANY
def test_bytes_of_no_meaning(server: Server, good: tuple[str, str, bytes], body: bytes) -> None:
    send(server, good[0], good[1], body)


NUMBERS = ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "1e-400", "-0", "0.1" + "0" * 5000, "1E+2", "0x1", "1_0"]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_are_none_or_too_large(server: Server, number: str) -> None:
    for path, kind, body in GOOD:
        if kind in (JSON, "text/csv"):
            send(server, path, kind, body.replace(b"3.0", number.encode()).replace(b"1.5", number.encode()))


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"a":' * 100_000, b'{"rows":' + b"[" * 50_000 + b"]" * 50_000])
def test_bodies_nested_without_end(server: Server, nested: bytes) -> None:
    for path in ("/v1/score", "/v1/feedback", "/invocations", INFER):
        for body in (nested, b'{"inputs": ' + nested, b'{"rows": [{"temperature": ' + nested):
            assert send(server, path, JSON, body) != 200


def test_what_is_no_http(server: Server) -> None:
    chance = random.Random(7)
    for i in range(60):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            lines = [b"POST /v1/score HTTP/1.1", b"host: toys", b"content-length: %d" % chance.choice([0, 5, 10**9])]
            noise = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200)))
            connection.sendall(noise if i % 2 else b"\r\n".join(lines) + b"\r\n\r\n" + noise)
            if i % 3:
                answer = b""
                with suppress(OSError):  # it has hung up already
                    connection.shutdown(socket.SHUT_WR)
                    answer = connection.recv(4096)
                assert not answer or answer.startswith(b"HTTP/1.1 4"), answer


@pytest.mark.slow
def test_refusing_keeps_no_memory(server: Server) -> None:
    process = psutil.Process(server.process.pid).children()[0]

    def round_() -> int:
        for path, kind, body in GOOD * 3:
            send(server, path, kind, body[:-3])
            send(server, path, kind, body)
        send(server, "/v1/score", JSON, b" " * 16 * 1024**2)
        return int(process.memory_info().rss)

    for _ in range(2):
        round_()
    for kind, body in bombs():
        send(server, "/v1/score", kind, body)
    before = round_()
    for _ in range(4):
        after = round_()
    assert after - before < 20 * 1024**2, f"{(after - before) / 1024**2:.1f} MiB more"


@pytest.mark.slow
def test_schemathesis_finds_nothing(server: Server, tmp_path: Path) -> None:
    """It asks all that the document allows and much that it forbids. The document cannot say what a date is."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.client.base_url}/openapi.json"]
    command += ["--phases", "coverage,fuzzing", "--max-examples", "5", "--seed", "20", "--workers", "2"]
    command += ["--exclude-checks", "positive_data_acceptance", "--no-color"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_the_document_has_every_route_and_no_other(server: Server) -> None:
    document: dict[str, Any] = server.client.get("/openapi.json").json()
    assert {f"/v2/models/toys{end}" for end in ("", "/ready", "/infer")} <= document["paths"].keys()
    for path, methods in document["paths"].items():
        asked = path.replace("{version}", "1")
        for method in methods.keys() & {"get", "post"}:
            assert server.client.request(method, asked).status_code not in (404, 405), (method, path)
    advice = server.client.get("/00000000000000000000").json()["error"]["next"]
    assert set(advice.removeprefix("there are: ").split(", ")) == document["paths"].keys()
