"""What an assessment promises whatever it is pointed at."""

import json
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest
from typer.testing import CliRunner

from gradino import maturity
from gradino.cli import app
from gradino.errors import EvidenceError
from gradino.measure import assess

Maker = Callable[..., Path]

TRAIN = """from sklearn.linear_model import Ridge
import mlflow

def main():
    m = Ridge().fit(x, y)
    mlflow.log_metric('mae', 1)
    mlflow.register_model('runs:/1/model', 'm')

if __name__ == '__main__':
    main()
"""
CRON = """on:
  schedule:
    - cron: '0 3 * * *'
jobs:
  train:
    runs-on: ubuntu-latest
    steps:
      - run: python train.py
"""


def test_an_empty_directory_stands_on_the_lowest_rungs(tmp_path: Path) -> None:
    result = assess(tmp_path)
    assert result.level.wired == 0
    for track in maturity.load().tracks:
        assert result.track(track.id).level.wired == track.rungs[0].level


def test_a_schedule_that_trains_is_wired_and_names_its_line(repository: Maker) -> None:
    track = assess(repository({"train.py": TRAIN, ".github/workflows/train.yml": CRON})).track("creation.training")
    assert (track.level.wired, track.level.proven) == (3, 1)
    assert track.rungs[1].verdict == "pass"
    assert any(e.locator.startswith("train.py:") for e in track.rungs[1].evidence)


def test_the_same_commit_gives_the_same_bytes(repository: Maker) -> None:
    root = repository({"train.py": TRAIN, ".github/workflows/train.yml": CRON})
    assert assess(root).to_json() == assess(root).to_json()


def test_bare_repository_folder_and_work_tree_agree(repository: Maker, tmp_path: Path) -> None:
    root = repository({"train.py": TRAIN, ".github/workflows/train.yml": CRON})
    pygit2.clone_repository(str(root), str(tmp_path / "bare"), bare=True)
    assert assess(root).tracks == assess(tmp_path / "bare").tracks
    loose = tmp_path / "loose"
    loose.mkdir()
    (loose / "train.py").write_text(TRAIN)
    assert assess(loose).subject.commit == ""


def test_a_folder_inside_a_repository_is_measured_alone(repository: Maker) -> None:
    root = repository({"a/train.py": TRAIN, ".github/workflows/train.yml": CRON})
    assert assess(root / "a").track("creation.training").level.wired == 1


def test_what_is_not_there_is_said_in_one_sentence(tmp_path: Path, repository: Maker) -> None:
    with pytest.raises(EvidenceError, match="not a directory"):
        assess(tmp_path / "nothing")
    with pytest.raises(EvidenceError, match="no commit"):
        assess(repository({"a": "b"}), rev="nope")
    with pytest.raises(EvidenceError, match="maturity model"):
        assess(tmp_path, model="nope")


def test_the_json_has_the_documented_shape(repository: Maker) -> None:
    printed = CliRunner().invoke(app, ["assess", str(repository({"train.py": TRAIN})), "--json"])
    assert printed.exit_code == 0
    said = json.loads(printed.stdout)
    assert {"schema", "model", "subject", "level", "dimensions", "tracks", "gaps"} <= said.keys()
    assert {"commit", "kind"} <= said["subject"].keys()
    assert {"wired", "proven", "possible"} == said["level"]["technical"].keys() == said["dimensions"]["people"].keys()
    for track in said["tracks"]:
        for rung in track["rungs"]:
            assert {"level", "verdict", "strength", "evidence", "needs"} <= rung.keys()


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_terminal_report_names_every_track(repository: Maker, language: str) -> None:
    printed = CliRunner().invoke(app, ["assess", str(repository({"train.py": TRAIN})), "--lang", language])
    words = " ".join(printed.stdout.split())
    assert "Training compute" in words if language == "en" else "Calcolo per il training" in words


def test_a_library_need_not_serve_a_model(repository: Maker) -> None:
    publish = "on:\n  push:\n    tags: ['v*']\njobs:\n  p:\n    steps:\n      - run: uv publish\n"
    found = assess(
        repository({"pyproject.toml": "[project]\n", "lib/a.py": "x = 1\n", ".github/workflows/p.yml": publish})
    )
    assert found.subject.kind == "library"
    assert found.track("release.process").rungs[2].verdict == "not-applicable"
    assert not any(g.track == "release.process" for g in found.gaps)
    assert found.track("integration.builds").level.wired == 4


def test_a_second_model_is_judged_by_the_same_evidence(repository: Maker) -> None:
    result = assess(repository({"train.py": TRAIN, ".github/workflows/t.yml": CRON}), model="google-2020-05")
    assert result.track("pipeline.training").level.wired == 2
    assert result.track("delivery.service").level.wired == 0
