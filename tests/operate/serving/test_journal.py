"""The server's log has a line for each refusal, and none for a probe that asks whether the server is ready."""

import io

import pytest

from gradino.operate.serving.journal import Journal


def lines(everything: bool, status: int, path: str) -> int:
    out = io.StringIO()
    Journal(everything, out).note(status, "GET", path, 0.001, "r1", None)
    return out.getvalue().count("\n")


@pytest.mark.parametrize("path", ["/health", "/ping", "/v2/health/ready"])
def test_a_probe_while_the_server_starts_is_no_refusal(path: str) -> None:
    assert lines(False, 503, path) == 0
    assert lines(False, 401, path) == 1
    assert lines(True, 503, path) == 1
    assert lines(False, 503, "/v1/score") == 1
