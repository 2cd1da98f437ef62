"""The command line answers at once because it imports nothing that it does not need."""

import subprocess
import sys

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from gradino.cli import app
from tests.operate.conftest import TOML

HEAVY = {"mlflow", "sklearn", "pandas", "numpy", "pyarrow", "deltalake", "sqlalchemy", "dbos", "litestar", "granian"}


def imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_help_imports_no_heavy_library() -> None:
    found = imported(
        "import contextlib\nfrom gradino.cli import app\nwith contextlib.suppress(SystemExit): app(['--help'])"
    )
    assert not HEAVY & found


def test_measuring_imports_no_machine_learning_library() -> None:
    assert not (HEAVY | {"gradino.operate"}) & imported("import gradino.measure, gradino.measure.reports")


GROUP = get_command(app)
assert isinstance(GROUP, TyperGroup)


@pytest.mark.parametrize("command", sorted(GROUP.commands))
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "gradino", command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert len(done.stdout) > 200


def test_a_mistyped_key_is_named_with_its_section(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("mistyped")
    (folder / "gradino.toml").write_text(TOML + '[retraining]\ncooldwn = "2d"\n')
    done = subprocess.run([sys.executable, "-m", "gradino", "status", str(folder)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "unknown key `cooldwn` in [retraining]" in done.stderr
    assert "did you mean `cooldown`?" in done.stderr


@pytest.mark.parametrize("command", ["up", "status", "train", "rollback"])
def test_a_folder_that_is_no_project_is_said_in_two_lines(
    command: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    done = subprocess.run([sys.executable, "-m", "gradino", command, str(folder)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "has no gradino.toml" in done.stderr
    assert "gradino init" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.iterdir()), "nothing half-written"
