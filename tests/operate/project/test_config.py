"""Whatever a person mistypes in gradino.toml is answered in one sentence, with what to do."""

from datetime import timedelta
from pathlib import Path

import pytest

from gradino.errors import ProjectError
from gradino.operate.project import load
from tests.operate.conftest import CODE, TOML


def write(root: Path, old: str = "", new: str = "") -> Path:
    assert old in TOML
    (root / "gradino.toml").write_text(TOML.replace(old, new) if old else TOML + new)
    (root / "shop.py").write_text(CODE)
    return root


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    project = load(write(tmp_path))
    assert project.data.every == timedelta(hours=1)
    assert (project.release.alpha, project.release.experiment) == (0.05, "shadow")


@pytest.mark.parametrize(
    ("old", "new", "what", "advice"),
    [
        ('target = "sold"', 'tarpet = "sold"', "unknown key `tarpet` in [project]", "did you mean `target`?"),
        ("[training]", "[trainin]", "unknown key `trainin` in the file", "did you mean `training`?"),
        ('time = "hour"\n', "", "the key `time` is missing in [project]", "add `time` to [project]"),
        ('"regression"', '"regresion"', "`task` in [project]", "it is now 'regresion'"),
        ('"shop:train"', '"shop.train"', '"shop.train" should look like "package.module:function"', "it is now"),
        ('"shop:train"', '"shop:trian"', "shop.py defines no `trian`", "did you mean `shop:train`?"),
        ('"shop:train"', '"shopp:train"', "there is no shopp.py", "correct the module"),
        ("", '[release]\nalpha = "low"\n', "`alpha` in [release]", "it is now 'low'"),
        ("", '[data]\nevery = "1 fortnight"\n', "Cannot declare ('data',) twice", "mend the TOML"),
        ("", '[retraining]\ncanary = "gone.csv"\n', "there is no file", "or remove `canary`"),
        ("", '[retraining]\ncooldown = "soon"\n', '"soon" is no duration', "it is now 'soon'"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(tmp_path: Path, old: str, new: str, what: str, advice: str) -> None:
    with pytest.raises(ProjectError) as caught:
        load(write(tmp_path, old, new))
    assert what in caught.value.what
    assert advice in caught.value.next


def test_a_folder_without_a_project_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="gradino init"):
        load(tmp_path)


def test_syntax_errors_in_the_code_are_found_without_running_it(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "shop.py").write_text("def collect(:\n")
    with pytest.raises(ProjectError, match=r"shop.py:1"):
        load(tmp_path)
