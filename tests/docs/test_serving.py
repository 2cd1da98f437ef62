"""What docs/serving.md shows works as shown: its settings, its commands, its requests."""

import re
import shlex
import ssl
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from gradino.cli import app
from gradino.operate.project import load
from tests.docs.test_code_blocks import ROOT
from tests.operate.serving.conftest import Place, make_place, start_server
from tests.operate.serving.test_access import certificate

DOCUMENT = ROOT / "docs" / "serving.md"


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return [text for said, text in found if said == language]


def commands(program: str) -> list[str]:
    """The lines that call a program, without the remarks beside them."""
    lines = "".join(blocks("")).splitlines()
    return [re.split(r"\s{3,}", line)[0] for line in lines if line.startswith(f"{program} ")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = make_place(tmp_path / "demand")
    made.version(1, "times:2")
    made.deploy(1)
    return made


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", DOCUMENT.read_text()):
        assert (DOCUMENT.parent / target).exists(), target


def test_its_requests_are_answered(place: Place) -> None:
    server = start_server(place)
    try:
        server.serves(1)
        (curl,) = commands("curl")
        words = shlex.split(curl.replace(":8000", f":{server.port}"))
        said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout
        assert '"value":25.0' in said
        (code,) = blocks("python")
        found: dict[str, object] = {}
        exec(code.replace(":8000", f":{server.port}"), found)
        assert found["scores"]["value"].to_pylist() == [25.0]  # type: ignore[index]
    finally:
        server.stop()
        place.store.state.close()


def test_its_settings_and_its_tokens_guard_a_server(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = blocks("toml")
    assert set(tomllib.loads(text)["serving"]) <= load(place.root).serving.__class__.model_fields.keys()
    with (place.root / "gradino.toml").open("a") as toml:
        toml.write(text)
    (place.root / "tls").mkdir()
    certificate(place.root / "tls")
    monkeypatch.chdir(place.root.parent)
    told = [shlex.split(command)[1:] for command in commands("gradino")]
    assert [words[1] for words in told] == ["add", "add", "list", "revoke"]
    token = CliRunner().invoke(app, told[0]).stdout.strip()
    trusted = ssl.create_default_context(cafile=place.root / "tls" / "cert.pem")
    server = start_server(place, token=token, verify=trusted)
    try:
        server.serves(1)
        assert server.client.get("/openapi.json").status_code == 200
        assert httpx.get(f"{server.client.base_url}/openapi.json", verify=trusted).status_code == 401
        for words in told[1:]:
            assert CliRunner().invoke(app, words).exit_code == 0, words
        server.until(lambda: server.client.get("/openapi.json").status_code == 401, 3)
    finally:
        server.stop()
        place.store.state.close()


def test_the_module_that_it_names_explains_itself() -> None:
    command = [sys.executable, "-m", "gradino.operate.serving", "--help"]
    assert "--workers" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
