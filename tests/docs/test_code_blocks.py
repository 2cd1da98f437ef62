"""Whoever follows the README gets what it promises: its commands run, in their order, in an empty folder."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gradino.operate.project import config

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", *(ROOT / "docs" / f"{n}.md" for n in ("project", "data", "operate", "release"))]


def blocks(document: Path, language: str = "") -> list[str]:
    """What stands between fences of that language; all are matched, so that an end is not taken for a beginning."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return [text for named, text in found if named == language]


def commands(document: Path) -> list[str]:
    """The lines of its blocks that are commands, without the remarks beside them."""
    lines = [line for block in blocks(document) for line in block.splitlines()]
    return [re.split(r"\s{3,}", line)[0] for line in lines if re.match(r"(gradino|curl|make) ", line)]


def test_the_two_commands_exist() -> None:
    told = [command for command in commands(ROOT / "README.md") if command.startswith("make")]
    assert told == ["make demo", "make test"]
    for command in told:
        subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


def test_links_lead_somewhere() -> None:
    for document in [*DOCS, ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / "decisions").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_project_file_that_is_documented_is_valid(tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "project.md", "toml")
    (tmp_path / "gradino.toml").write_text(text)
    (tmp_path / "bikes").mkdir()
    for name, defines in {"data": "collect = Rides = 0", "model": "train = 0", "scoring": "score = 0"}.items():
        (tmp_path / "bikes" / f"{name}.py").write_text(defines)
    project = config.load(tmp_path)
    assert project.project.unit == "station"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder; what `gradino up` starts in it is stopped afterwards."""
    folder = tmp_path_factory.mktemp("newcomer")
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands(ROOT / "README.md"):
            follow(command, folder, started)
        yield folder
    finally:
        for process in started:
            process.send_signal(signal.SIGINT)
            process.wait(40)


def follow(command: str, folder: Path, started: list[subprocess.Popen[bytes]]) -> None:
    if command.startswith("make"):
        return
    words = [sys.executable, "-m", *shlex.split(command)] if command.startswith("gradino") else shlex.split(command)
    stands_for = {"PATH": str(ROOT / "examples" / "bike-sharing"), "ID": last_id(folder)}
    words = [stands_for.get(word, word.replace('"ID"', f'"{last_id(folder)}"')) for word in words]
    if words[3:4] == ["up"]:
        started.append(subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL))
        wait_for_a_model()
        return
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert '"error"' not in done.stdout, f"{command}\n{done.stdout}"
    if "/v1/score" in command:
        (folder / "id").write_text(re.findall(r'"id":"([^"]+)"', done.stdout)[0])
        time.sleep(3)  # the log reaches the tables


def last_id(folder: Path) -> str:
    file = folder / "id"
    return file.read_text() if file.exists() else "ID"


def wait_for_a_model() -> None:
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        try:
            if httpx.get("http://127.0.0.1:8000/health", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise AssertionError("no model answered")


@pytest.mark.slow
def test_the_readme_can_be_followed_from_top_to_bottom(folder: Path) -> None:
    assert (folder / "demand" / "gradino.toml").exists()


@pytest.mark.slow
def test_so_can_the_commands_of_operating(folder: Path) -> None:
    told = [command for command in commands(ROOT / "docs" / "operate.md") if " up " not in command]
    assert len(told) == 4
    for command in told:
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=180)
        if " rollback " in command:  # there is one champion so far
            assert "no earlier champion" in done.stderr
        else:
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_what_release_md_says_of_the_project_file_are_the_defaults() -> None:
    (text,) = blocks(ROOT / "docs" / "release.md", "toml")
    assert config.Release(**tomllib.loads(text)["release"]) == config.Release()


@pytest.mark.slow
def test_the_commands_of_releasing_can_be_followed_too(folder: Path) -> None:
    told = commands(ROOT / "docs" / "release.md")
    assert len(told) == 6
    listed = subprocess.run(
        [sys.executable, "-m", "gradino", "decisions", "--project", "demand", "--json"], cwd=folder, capture_output=True
    )
    last = json.loads(listed.stdout)[-1]["id"]
    for command in told:
        words = [sys.executable, "-m", *shlex.split(command.replace(" ID ", f" {last} "))]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
