"""The example is an ordinary project that keeps its own promises and follows gradino's locked versions."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gradino.operate.project import load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/bike-sharing"


def test_its_project_file_is_complete():
    assert load(EXAMPLE).name == "bike-sharing"


_TESTS = pytest.param(["pytest", "-q", "-p", "no:cacheprovider"], marks=pytest.mark.slow)


@pytest.mark.parametrize("command", [_TESTS, ["ruff", "check", "--no-cache"]])
def test_it_passes_its_own_checks(command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=EXAMPLE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_locks_the_versions_that_gradino_locks():
    ours, its = versions(ROOT), versions(EXAMPLE)
    del its["bike-sharing"]
    assert its.keys() <= ours.keys()
    assert its == {name: ours[name] for name in its}, "after changing uv.lock: cp it here and run `uv lock`"


def versions(folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package in tomllib.loads((folder / "uv.lock").read_text())["package"]:
        found.setdefault(package["name"], set()).add(package["version"])
    return found
