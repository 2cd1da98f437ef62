"""What docs/lineage.md and docs/ci.md show is valid, and their commands do what they say."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradino.cli import app
from gradino.operate.project import load
from gradino.operate.project.pipeline import HOSTS, PLACES
from tests.docs.test_code_blocks import ROOT, blocks, commands
from tests.operate.conftest import TOML, Shop, shop
from tests.operate.lineage.conftest import traced

__all__ = ["shop", "traced"]
LINEAGE, CI = ROOT / "docs" / "lineage.md", ROOT / "docs" / "ci.md"


@pytest.mark.parametrize("block", blocks(LINEAGE, "toml"))
def test_each_piece_of_a_project_file_is_valid(block: str, tmp_path: Path) -> None:
    (tmp_path / "gradino.toml").write_text(f"{TOML}\n{block}")
    (tmp_path / "shop.py").write_text("collect = Hours = train = 0")
    project = load(tmp_path)
    assert project.card.use or project.store.state


def test_the_commands_of_tracing_can_be_followed(traced: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(traced.root)
    told = commands(LINEAGE)
    assert len(told) == 6
    for command in told:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, f"{command}\n{done.output}"


def test_the_commands_of_pipelines_are_those_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gradino.toml").write_text(TOML)
    told = [command for command in commands(CI) if " init " in command]
    assert [shlex.split(command)[-1] for command in told] == list(HOSTS)
    for command, host in zip(told, HOSTS, strict=True):
        assert CliRunner().invoke(app, shlex.split(command)[1:]).exit_code == 0
        text = (tmp_path / PLACES[host]).read_text()
        run = re.findall(r"^uv run (ruff check|pytest|gradino \w+)", "\n".join(blocks(CI)), re.MULTILINE)
        assert re.findall(r"uv run (?:--frozen )?(ruff check|pytest|gradino \w+)", text) == run
        assert f"`{PLACES[host]}`" in CI.read_text() or str(PLACES[host]) in CI.read_text()
    assert json.dumps(run).count("gradino") == 5
