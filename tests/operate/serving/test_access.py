"""Who may ask: this machine without a token, others with one of the right role, and over TLS where it is set up."""

import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gradino.operate.monitoring import service
from gradino.operate.project import load
from gradino.operate.store import tokens
from gradino.operate.store.state import services
from tests.operate.serving.conftest import ROW, Place, Server, free_port, make_place, start_server

CERTIFICATE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def certificate(folder: Path) -> None:
    """A self-made one, `cert.pem` and `key.pem`."""
    command = [*CERTIFICATE.split(), "-addext", NAMES, "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def deployed(root: Path, serving: str) -> Place:
    place = make_place(root)
    with (root / "gradino.toml").open("a") as toml:
        toml.write(f"[serving]\n{serving}\n")
    place.version(1, "times:2")
    place.deploy(1)
    return place


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str], Place]]:
    """A server on all addresses of this machine, and a token of each role."""
    place = deployed(tmp_path_factory.mktemp("guarded") / "toys", 'host = "0.0.0.0"\nlog = "requests"')
    held = {role: tokens.add(place.store.state, f"the-{role}", role) for role in tokens.ROLES}
    server = start_server(place, token=held["operator"])
    server.serves(1)
    yield server, held, place
    server.stop()
    place.store.state.close()


def ask(server: Server, method: str, path: str, token: str | None, **more: object) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=server.client.base_url, headers=headers) as client:
        return client.request(method, path, **more)  # type: ignore[arg-type]


SCORE = ("POST", "/v1/score")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/score", {"scorer", "operator"}),
        ("POST", "/v1/feedback", {"scorer", "operator"}),
        ("POST", "/invocations", {"scorer", "operator"}),
        ("GET", "/metrics", {"viewer", "operator"}),
        ("GET", "/version", {"scorer", "viewer", "operator"}),
        ("GET", "/openapi.json", {"scorer", "viewer", "operator"}),
    ],
)
def test_each_role_reaches_what_is_its_own(
    guarded: tuple[Server, dict[str, str], Place], method: str, path: str, allowed: set[str]
) -> None:
    server, held, _ = guarded
    refused = ask(server, method, path, None)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert ask(server, method, path, "gradino_wrong").status_code == 401
    for role, token in held.items():
        answer = ask(server, method, path, token, content=b"{}" if method == "POST" else None)
        assert (answer.status_code == 403) == (role not in allowed), (role, answer.text)


def test_a_probe_needs_no_token_and_a_strange_path_tells_strangers_nothing(
    guarded: tuple[Server, dict[str, str], Place],
) -> None:
    server, held, _ = guarded
    assert ask(server, "GET", "/ping", None).status_code == 200
    assert ask(server, "GET", "/v1/nothing", None).status_code == 401
    assert ask(server, "GET", "/v1/nothing", held["viewer"]).status_code == 404


def test_the_log_names_who_asked_and_holds_neither_token_nor_row(guarded: tuple[Server, dict[str, str], Place]) -> None:
    server, held, _ = guarded
    ask(server, *SCORE, held["scorer"], json={"rows": [ROW | {"temperature": 12.34567}]})
    ask(server, *SCORE, held["scorer"], json={"rows": [ROW | {"weather": "confidential"}]})
    written = server.output.read_text()
    assert re.search(r" 200 POST '/v1/score' [\d.]+ ms request '\S+' by the-scorer", written)
    assert re.search(r" 422 POST '/v1/score' [\d.]+ ms request '\S+' by the-scorer", written)
    assert "12.34567" not in written
    assert "confidential" not in written
    assert not any(token in written for token in held.values())


def test_a_revoked_token_is_refused_within_a_second_by_a_running_server(
    guarded: tuple[Server, dict[str, str], Place],
) -> None:
    server, _, place = guarded
    token = tokens.add(place.store.state, "short", "scorer")
    server.until(lambda: ask(server, *SCORE, token, json={"rows": [ROW]}).status_code == 200, 5)
    tokens.revoke(place.store.state, "short")
    time.sleep(1)
    assert ask(server, *SCORE, token, json={"rows": [ROW]}).status_code == 401


def test_a_web_page_from_elsewhere_cannot_ask_an_open_server(tmp_path: Path) -> None:
    place = deployed(tmp_path / "toys", "")
    server = start_server(place)
    try:
        for site, status in (("cross-site", 403), ("same-origin", 200), ("none", 200)):
            answer = server.client.get("/health", headers={"sec-fetch-site": site})
            assert answer.status_code == status, site
    finally:
        server.stop()
        place.store.state.close()


def test_tls_with_a_self_made_certificate_and_a_renewed_one_without_a_restart(tmp_path: Path) -> None:
    place = deployed(tmp_path / "toys", 'certificate = "cert.pem"\nkey = "key.pem"')
    certificate(place.root)
    server = start_server(place, verify=ssl.create_default_context(cafile=place.root / "cert.pem"))
    try:
        server.serves(1)
        assert server.score(ROW).json()["predictions"][0]["value"] == 6.0
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{server.port}/ping")
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"https://127.0.0.1:{server.port}/ping")
        certificate(place.root)

        def renewed() -> bool:
            fresh = ssl.create_default_context(cafile=place.root / "cert.pem")
            return httpx.get(f"https://127.0.0.1:{server.port}/ping", verify=fresh).status_code == 200

        server.until(renewed, 20)
    finally:
        server.stop()
        place.store.state.close()


def test_the_operator_samples_a_server_that_wants_a_token_and_tls(tmp_path: Path) -> None:
    place = deployed(tmp_path / "toys", 'host = "0.0.0.0"\ncertificate = "cert.pem"\nkey = "key.pem"')
    certificate(place.root)
    tokens.renew(place.store.state, "gradino-operator", "viewer")
    token = tokens.renew(place.store.state, "gradino-operator", "viewer")
    context = ssl.create_default_context(cafile=place.root / "cert.pem")
    server = start_server(place, token=token, verify=context)
    try:
        serving = load(place.root).serving
        place.store.state.add(services, name="serving", pid=1, address=serving.address(server.port))
        assert service.sample(place.store, serving, token)
        assert not service.sample(place.store, serving), "nobody without a token"
        assert not service.sample(place.store, serving.model_copy(update={"certificate": None}), token)
    finally:
        server.stop()
        place.store.state.close()


@pytest.mark.parametrize(
    ("serving", "says"),
    [
        ('host = "0.0.0.0"', "gradino token add"),
        ('host = "192.0.2.1"', "cannot have port"),
        ('certificate = "cert.pem"\nkey = "no.pem"', "cannot be used"),
        ('certificate = "cert.pem"', "go together"),
        ('drop = ["a"]\nhash = ["a"]', "in both"),
    ],
)
def test_what_cannot_be_served_safely_is_not_started(tmp_path: Path, serving: str, says: str) -> None:
    place = deployed(tmp_path / "toys", serving)
    if "192" in serving:
        tokens.add(place.store.state, "anybody", "scorer")
    place.store.state.close()
    command = [sys.executable, "-m", "gradino.operate.serving", "--project", str(place.root), "--port"]
    ended = subprocess.run([*command, str(free_port())], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2, ended.stderr
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
