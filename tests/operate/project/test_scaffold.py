"""`gradino init` writes a project that works, or nothing."""

import subprocess
from pathlib import Path

import pytest

from gradino.errors import ProjectError
from gradino.operate.project import load, scaffold


def test_a_new_project_is_valid_locked_and_named_after_its_folder(tmp_path: Path) -> None:
    scaffold.write(tmp_path / "demand")
    assert load(tmp_path / "demand").name == "demand"
    assert (tmp_path / "demand" / "uv.lock").exists()
    assert not scaffold.in_repository(tmp_path / "demand")
    scaffold.commit(tmp_path / "demand")
    assert scaffold.in_repository(tmp_path / "demand")


def test_a_folder_that_the_repository_around_it_ignores_is_not_its_own(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("ignored/\n")
    for name in ("kept", "ignored"):
        (tmp_path / name).mkdir()
    assert scaffold.in_repository(tmp_path / "kept")
    assert not scaffold.in_repository(tmp_path / "ignored")


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pyproject.toml").write_text("mine")
    with pytest.raises(ProjectError, match=r"has a pyproject\.toml"):
        scaffold.write(tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["pyproject.toml"]
    scaffold.write(tmp_path / "demand")
    with pytest.raises(ProjectError, match="is a gradino project already"):
        scaffold.write(tmp_path / "demand")
