"""What docs/watching.md shows is what the code takes."""

import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gradino.cli import app
from gradino.operate.incidents import notify
from gradino.operate.monitoring import alerts
from gradino.operate.serving.native import GivenFeedback

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "watching.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_feedback_is_what_the_server_takes() -> None:
    (body,) = blocks("json")
    assert [bool(label.id) for label in msgspec.json.decode(body, type=GivenFeedback).feedback] == [True, False]


def test_the_alerts_are_valid_and_all_metrics_are_named(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "alerts.toml").write_text(text)
    assert [rule.name for rule in alerts.rules(tmp_path)] == ["errors"]
    assert [channel.label for channel in notify.channels(tmp_path)] == ["slack", "email"]
    (listed,) = re.findall(r"^Metrics: (.*?)\. A rule", TEXT, re.MULTILINE | re.DOTALL)
    assert re.findall(r"`(\w+)`", listed) == list(alerts.METRICS)


@pytest.mark.parametrize("command", re.findall(r"^gradino (incidents.*?)  ", TEXT, re.MULTILINE))
def test_the_commands_exist(command: str, tmp_path: Path) -> None:
    words = [str(tmp_path) if word == "demand" else word for word in command.split()]
    said = CliRunner().invoke(app, words)
    assert "has no gradino.toml" in str(said.exception), "understood, and the folder is no project"
