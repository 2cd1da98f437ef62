"""Prometheus itself reads `/metrics`: its linter finds nothing, and its scrape gets every series."""

import json
import shutil
import subprocess
import time

import httpx
import pytest

from gradino.operate.store import tokens
from tests.operate.serving.conftest import ROW, Place, Server, free_port, start_server

PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
pytestmark = pytest.mark.skipif(
    not (PROMTOOL and PROMETHEUS), reason="prometheus is not installed: apt-get install prometheus"
)


def guarded(place: Place) -> tuple[Server, str]:
    """A server that wants tokens, and that of a viewer."""
    with (place.root / "gradino.toml").open("a") as toml:
        toml.write('[serving]\nhost = "0.0.0.0"\n')
    place.version(1, "times:2")
    place.version(2, "raises")
    place.deploy(1, challenger=2)
    token = tokens.add(place.store.state, "operator", "operator")
    server = start_server(place, workers=2, token=token)
    server.serves(1)
    for _ in range(20):
        assert server.score(ROW).status_code == 200
    return server, tokens.add(place.store.state, "prometheus", "viewer")


def test_promtool_and_prometheus_read_the_metrics(place: Place) -> None:
    server, token = guarded(place)
    folder, port = place.root, free_port()
    (folder / "token").write_text(token)
    job = {
        "job_name": "gradino",
        "scrape_interval": "1s",
        "authorization": {"credentials_file": str(folder / "token")},
        "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))  # JSON is YAML
    assert PROMETHEUS
    command = [PROMETHEUS, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    scraper = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        written = server.client.get("/metrics").text
        assert PROMTOOL
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=written, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert asked(port, "sum(gradino_predictions_total{role='champion'})") == 20
        assert asked(port, "sum(gradino_request_seconds_count{route='/v1/score'})") == 20
        assert asked(port, "histogram_quantile(0.5, sum by (le) (gradino_request_seconds_bucket))") > 0
    finally:
        scraper.terminate()
        scraper.wait(20)
        server.stop()


def asked(port: int, query: str) -> float:
    """What Prometheus answers, once it has scraped."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}).json()
            if found := answer["data"]["result"]:
                return float(found[0]["value"][1])
        except (httpx.TransportError, KeyError, json.JSONDecodeError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"Prometheus has no {query}")
