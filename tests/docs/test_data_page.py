"""What docs/data.md shows is valid, and its commands do what they say, in their order."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradino.cli import app
from gradino.operate.project import load
from tests.docs.test_code_blocks import ROOT, blocks
from tests.operate.conftest import Shop, hours, shop

__all__ = ["shop"]
PAGE = ROOT / "docs" / "data.md"
SECTIONS = {
    "project": '[project]\nname = "bikes"\ntask = "regression"\ntarget = "rentals"\ntime = "hour"\n',
    "data": '[data]\nsource = "bikes.data:collect"\n',
    "training": '[training]\ntrain = "bikes.model:train"\n',
}


@pytest.mark.parametrize("block", blocks(PAGE, "toml"))
def test_each_piece_of_a_project_file_is_valid(block: str, tmp_path: Path) -> None:
    missing = [text for name, text in SECTIONS.items() if name not in tomllib.loads(block)]
    (tmp_path / "gradino.toml").write_text("\n".join([*missing, block]))
    (tmp_path / "bikes").mkdir()
    (tmp_path / "bikes" / "data.py").write_text("def collect(since): ...")
    (tmp_path / "bikes" / "model.py").write_text("def train(rides, *, learning_rate=0.1, max_leaf_nodes=31): ...")
    assert load(tmp_path).data.source


@pytest.mark.slow
def test_its_commands_can_be_followed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.root)
    said = {}
    for line in re.findall(r"^gradino .*", PAGE.read_text(), re.MULTILINE):
        command = re.split(r"\s{3,}", line)[0]
        done = CliRunner().invoke(app, command.split()[1:])
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception}"
        said[command] = re.sub(r"\s+", " ", done.output)
        if command == "gradino data collect":
            shop.deliver(hours(0, 260))
            assert CliRunner().invoke(app, ["data", "collect"]).exit_code == 0
    assert "version 0: 200 rows until 2024-01-09 07:00, 0 in quarantine" in said["gradino data collect"]
    assert "0 in quarantine" in said["gradino data show 0"]
    assert "source shop:collect" in said["gradino data show 0"]
    assert "+ 60 rows until 2024-01-11 19:00" in said["gradino data diff 0 1"]
    assert "warmth insufficient" in said["gradino data diff 0 1"]
    assert "v1 from run" in said["gradino train ."]
    assert "finished" in said["gradino runs"]
    assert "identical, bit by bit" in said["gradino reproduce v1 --here"]
