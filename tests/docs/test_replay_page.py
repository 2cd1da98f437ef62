"""What docs/replay.md shows is what the code takes and gives."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import msgspec
import pytest
import typer.testing

from gradino.cli import app
from gradino.operate.project.config import POLICIES, Retraining
from gradino.operate.replay import Comparison

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "replay.md").read_text()


def block(language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[0]


def test_the_keys_are_all_there_and_valid() -> None:
    told = tomllib.loads(block("toml"))
    Retraining.model_validate(told)
    assert set(told) == set(Retraining.model_fields)


def test_every_policy_is_explained() -> None:
    told = re.findall(r'^\| `"(.*?)"` \|', TEXT, re.MULTILINE)
    assert {policy for policy in told if not policy.startswith("every")} == set(POLICIES)
    for policy in told:
        Retraining(policy=policy)


def test_the_json_has_the_shape_that_is_printed() -> None:
    shown = json.loads(block("json"))
    assert msgspec.to_builtins(msgspec.convert(shown, Comparison)) == shown


@pytest.mark.parametrize(
    "command", [re.split(r"\s{3,}", line)[0] for line in re.findall("^gradino replay.*$", TEXT, re.MULTILINE)]
)
def test_the_commands_are_understood(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = typer.testing.CliRunner().invoke(app, shlex.split(command)[1:])
    assert re.search("there is no file|has no gradino.toml", str(said.exception))
