"""`gradino init --ci`: pipelines that their hosts accept, that run gradino's own commands, and that gradino reads."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradino.errors import ProjectError
from gradino.operate.project import pipeline
from gradino.operate.project.pipeline import HOSTS, PLACES, Host
from tests.operate.conftest import Shop

SCHEMAS: dict[Host, list[str]] = {
    "github": ["vendor.github-workflows"],
    "gitlab": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    "azure": ["vendor.azure-pipelines", "--data-transform", "azure-pipelines"],
}


@pytest.mark.parametrize("host", HOSTS)
def test_the_published_schema_accepts_it(host: Host, tmp_path: Path) -> None:
    assert pipeline.write(tmp_path, host)
    check = [Path(sys.executable).parent / "check-jsonschema", "--regex-variant", "nonunicode", "--builtin-schema"]
    done = subprocess.run([*check, *SCHEMAS[host], tmp_path / PLACES[host]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_host_runs_the_same_commands_in_the_same_order(tmp_path: Path) -> None:
    commands = []
    for host in HOSTS:
        pipeline.write(tmp_path, host)
        text = (tmp_path / PLACES[host]).read_text()
        commands.append(re.findall(r"uv run (?:--frozen )?(ruff check|pytest|gradino \w+)", text))
    assert commands[0] == commands[1] == commands[2]
    assert commands[0][:4] == ["ruff check", "pytest", "gradino train", "gradino test"]
    assert commands[0][4:] == ["gradino train", "gradino test", "gradino release"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    assert pipeline.write(tmp_path, "gitlab")
    assert not pipeline.write(tmp_path, "gitlab")
    (tmp_path / PLACES["gitlab"]).write_text("mine")
    with pytest.raises(ProjectError, match="left alone"):
        pipeline.write(tmp_path, "gitlab")
    assert (tmp_path / PLACES["gitlab"]).read_text() == "mine"


TEST = """\
import pandas as pd
from shop import train


def test_warmer_hours_sell_more():
    frame = pd.DataFrame({"warmth": [1.0, 2.0, 3.0], "open": [True, False, True], "sold": [1.0, 2.0, 3.0]})
    low, high = train(frame).predict(pd.DataFrame({"warmth": [1.0, 9.0], "open": [True, True]}))
    assert high > low
"""


@pytest.mark.parametrize("host", HOSTS)
def test_gradino_finds_in_it_what_it_looks_for_in_others(shop: Shop, host: Host) -> None:
    """The loop closed: the pipeline is what shows that tests run by themselves; releases stand at level 4."""
    (shop.root / "tests").mkdir()
    (shop.root / "tests" / "test_shop.py").write_text(TEST)
    for told in ("is written", "unchanged"):
        done = gradino("init", str(shop.root), "--ci", host)
        assert done.returncode == 0, done.stderr
        assert told in done.stdout
    shop.git("add", ".")
    shop.git("commit", "--quiet", "--message", "A pipeline")
    tracks = {track["id"]: track for track in json.loads(gradino("assess", str(shop.root), "--json").stdout)["tracks"]}
    for name in ("integration.application-tests", "integration.model-tests"):
        found = [evidence["locator"] for rung in tracks[name]["rungs"] for evidence in rung["evidence"]]
        assert any(place.startswith(str(PLACES[host])) for place in found), name
    del tracks["release.scoring-script"]  # the shop has none
    assert {track["level"]["wired"] for name, track in tracks.items() if name.startswith("release.")} == {4}


def gradino(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gradino", *command], capture_output=True, text=True, timeout=120)
