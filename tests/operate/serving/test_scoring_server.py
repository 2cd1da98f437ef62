"""What a caller may rely on: right answers, refusals that say what is wrong, and never a stack trace."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradino.operate.serving import compact
from tests.operate.serving.conftest import ROW, Place, Server, free_port, make_place, start_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = make_place(tmp_path_factory.mktemp("served") / "toys")
    place.version(1, "poison")
    place.deploy(1)
    running = start_server(place, workers=2)
    running.serves(1)
    yield running
    running.stop()
    place.store.state.close()


def test_a_row_is_answered_with_id_value_version_and_deployment(server: Server) -> None:
    answer = server.score(ROW)
    assert answer.status_code == 200
    content = answer.json()
    assert (content["version"], content["deployment"]) == (1, 1)
    assert content["predictions"][0]["value"] == 3.0
    assert content["predictions"][0]["id"]


def test_each_row_gets_its_own_value_in_order_and_its_own_id(server: Server) -> None:
    rows = [ROW | {"temperature": float(i)} for i in range(12)]
    predictions = server.score(*rows).json()["predictions"]
    assert [p["value"] for p in predictions] == [row["temperature"] for row in rows]
    assert len({p["id"] for p in predictions}) == 12


def test_no_rows_are_no_predictions(server: Server) -> None:
    assert server.score().json()["predictions"] == []


@pytest.mark.parametrize(
    ("row", "field", "reason", "next_"),
    [
        (ROW | {"temperatur": 1}, "temperatur", "unknown field", "did you mean `temperature`?"),
        (ROW | {"temperature": "warm"}, "temperature", "Expected `float`, got `str`", ""),
        (ROW | {"temperature": 99}, "temperature", "Expected `float` <= 60.0", ""),
        (ROW | {"temperature": None}, "temperature", "Expected `float`, got `null`", ""),
        (ROW | {"weather": "lava"}, "weather", "Invalid enum value 'lava'", ""),
        (ROW | {"riders": 1.5}, "riders", "Expected `int | null`, got `float`", ""),
        (ROW | {"riders": 2**70}, "riders", "", ""),
        (ROW | {"holiday": 1}, "holiday", "Expected `bool`, got `int`", ""),
        (ROW | {"hour": "today"}, "hour", "Invalid RFC3339 encoded datetime", ""),
        ({k: v for k, v in ROW.items() if k != "holiday"}, "holiday", "required field is missing", ""),
    ],
)
def test_a_wrong_row_is_refused_naming_row_field_and_reason(
    server: Server, row: dict[str, object], field: str, reason: str, next_: str
) -> None:
    answer = server.score(ROW, row)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["row"], error["field"]) == (1, field)
    assert reason in error["reason"]
    assert next_ in error.get("next", "")


def test_the_time_column_and_the_unit_may_be_given_and_nullable_fields_left_out(server: Server) -> None:
    row = {k: v for k, v in ROW.items() if k != "riders"}
    assert server.score(row | {"station": 17}, row | {"station": "north"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"", 400), (b"\xff\xfe", 400), (b"[]", 422), (b'{"row": []}', 422), (b'{"rows": 1}', 422)],
)
def test_a_body_that_is_no_request_is_refused(server: Server, body: bytes, status: int) -> None:
    for path in ("/v1/score", "/v1/feedback", "/invocations"):
        answer = server.client.post(path, content=body)
        assert answer.status_code in ({status} if path != "/invocations" else {400, 422}), path
        assert answer.json()["error"]["reason"]


def test_a_body_beyond_16_mib_is_refused_with_and_without_its_length(server: Server) -> None:
    block = b" " * 1024**2
    assert server.client.post("/v1/score", content=block * 17).status_code == 413
    assert server.client.post("/v1/score", content=(block for _ in range(17))).status_code == 413
    assert server.score(ROW).status_code == 200


def test_too_many_rows_are_refused(server: Server) -> None:
    answer = server.score(*[ROW] * 10_001)
    assert answer.status_code == 413
    assert "10000" in answer.json()["error"]["next"]


def test_an_unknown_path_is_404_with_a_suggestion_and_a_wrong_method_405(server: Server) -> None:
    answer = server.client.post("/v1/scores", json={})
    assert answer.status_code == 404
    assert answer.json()["error"]["next"] == "did you mean /v1/score?"
    answer = server.client.get("/v1/score")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_each_answer_carries_a_request_id_and_keeps_a_given_one(server: Server) -> None:
    assert server.client.get("/health").headers["x-request-id"]
    given = server.client.post("/v1/score", content=b"{", headers={"x-request-id": "mine"})
    assert given.headers["x-request-id"] == given.json()["request_id"] == "mine"


def test_what_the_model_fails_on_is_500_without_a_trace_and_fails_nobody_else(server: Server) -> None:
    bad = ROW | {"temperature": 13.0}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: server.score(bad if i % 8 == 0 else ROW), range(64)))
    for i, answer in enumerate(answers):
        assert answer.status_code == (500 if i % 8 == 0 else 200)
    assert answers[0].json()["error"]["reason"] == "the model raised ValueError: thirteen"
    assert "Traceback" not in answers[0].text


def test_mlflow_clients_are_understood(server: Server) -> None:
    assert server.client.get("/ping").status_code == 200
    records = server.client.post("/invocations", json={"dataframe_records": [ROW, ROW]})
    split = {"columns": list(ROW), "data": [list(ROW.values())], "index": [0]}
    assert records.json() == {"predictions": [3.0, 3.0]}
    assert server.client.post("/invocations", json={"dataframe_split": split}).json() == {"predictions": [3.0]}
    wrong = server.client.post("/invocations", json={"dataframe_records": [ROW, ROW | {"holidays": True}]})
    assert (wrong.status_code, wrong.json()["error"]["row"]) == (422, 1)
    assert "did you mean `holiday`?" in wrong.json()["error"]["next"]


def test_feedback_is_accepted_and_a_wrong_label_refused(server: Server) -> None:
    good = {"id": "some", "label": 3, "time": "2011-01-02T00:00:00Z"}
    assert server.client.post("/v1/feedback", json={"feedback": [good]}).json() == {"accepted": 1}
    for bad in (
        {"id": "some"},
        {"id": "", "label": 1},
        good | {"label": "high"},
        good | {"label": True},
        good | {"x": 1},
    ):
        answer = server.client.post("/v1/feedback", json={"feedback": [good, bad]})
        assert answer.status_code == 422, bad
        assert answer.json()["error"]["row"] == 1
        assert answer.json()["error"]["field"] in ("id", "label", "x")


def test_metrics_are_prometheus_text_of_all_workers(server: Server) -> None:
    server.score(ROW)
    answer = server.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert sum(float(v) for k, v in samples.items() if k.startswith("gradino_predictions_total")) > 0
    assert any('route="/v1/score",status="422"' in k for k in samples)
    assert {k for k in samples if k.startswith("gradino_deployment")} == {
        'gradino_deployment{worker="0"}',
        'gradino_deployment{worker="1"}',
    }


def test_the_openapi_document_describes_the_live_models_row(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    row = document["components"]["schemas"]["Row"]
    assert row["properties"]["temperature"] == {"type": "number", "minimum": -50.0, "maximum": 60.0}
    assert set(row["required"]) == set(ROW) - {"riders"}
    assert {"/v1/score", "/v1/feedback", "/health", "/metrics"} <= document["paths"].keys()


def test_a_client_that_hangs_up_harms_nobody(server: Server) -> None:
    for _ in range(20):
        with pytest.raises(httpx.TimeoutException), httpx.Client(timeout=0.001) as hasty:
            hasty.post(f"http://127.0.0.1:{server.port}/v1/score", json={"rows": [ROW] * 5000})
    assert server.score(ROW).status_code == 200


def test_without_a_deployment_it_is_healthy_only_once_there_is_one(place: Place, serve: type) -> None:
    server = serve()
    assert server.client.get("/health").status_code == 503
    answer = server.score(ROW)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert server.client.get("/openapi.json").status_code == 200
    place.version(1, "times:2")
    place.deploy(1, where="test")
    place.deploy(1)
    server.serves(2)
    assert server.score(ROW).json()["predictions"][0]["value"] == 6.0


def test_a_classifier_answers_its_own_labels_and_logs_them_as_text(tmp_path: Path) -> None:
    place = make_place(tmp_path / "toys", task="classification")
    place.version(1, "class")
    place.deploy(1)
    server = start_server(place)
    try:
        predictions = server.score(ROW, ROW | {"temperature": 20}).json()["predictions"]
        assert [p["value"] for p in predictions] == [0, 1]
        feedback = [{"id": predictions[0]["id"], "label": 1.0}, {"id": predictions[1]["id"], "label": "1"}]
        assert server.client.post("/v1/feedback", json={"feedback": feedback}).status_code == 200
    finally:
        server.stop()
    assert compact(place.store, "production").predictions == 2
    assert place.store.tables.read("predictions")["prediction"].to_pylist() == ["0", "1"]
    assert place.store.tables.read("feedback")["label"].to_pylist() == ["1", "1"]
    place.store.state.close()


def test_a_taken_port_is_one_clear_message(place: Place, serve: type) -> None:
    taken = serve().port
    command = [sys.executable, "-m", "gradino.operate.serving", "--project", str(place.root), "--port", str(taken)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert f"cannot have port {taken}" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_missing_project_is_one_clear_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gradino.operate.serving", "--project", str(tmp_path), "--port", str(free_port())]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "gradino init" in ended.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.sampled_from(list(ROW)), inner)
    ),
    max_leaves=12,
)


@given(path=st.sampled_from(["/v1/score", "/v1/feedback", "/invocations"]), content=JSON, wrap=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_is_a_fault_of_the_server(server: Server, path: str, content: object, wrap: bool) -> None:
    key = {"/v1/score": "rows", "/v1/feedback": "feedback", "/invocations": "dataframe_records"}[path]
    body = json.dumps({key: [content]} if wrap else content)
    assert server.client.post(path, content=body).status_code in (200, 400, 422)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_are_a_fault_of_the_server(server: Server, body: bytes) -> None:
    for path in ("/v1/score", "/v1/feedback", "/invocations"):
        assert server.client.post(path, content=body).status_code in (400, 422)


def test_a_body_nested_without_end_and_a_strange_request_id_are_survived(server: Server) -> None:
    for path in ("/v1/score", "/invocations"):
        assert server.client.post(path, content=b'{"rows":' + b"[" * 100_000).status_code in (400, 422)
    answer = server.client.get("/health", headers={"x-request-id": "grüße".encode()})
    assert answer.status_code == 200
    assert answer.headers["x-request-id"].isascii()
