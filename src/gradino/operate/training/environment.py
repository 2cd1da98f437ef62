"""The environment that the project's lock file fixes: its identity, and a Python that has it."""

import hashlib
import os
import re
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import uv
from packaging.requirements import InvalidRequirement, Requirement

from gradino.errors import ProjectError
from gradino.operate.project import Project
from gradino.operate.registry.bundle import LOCK
from gradino.operate.store import Store


def identity(root: Path) -> str:
    """SHA-256 of the lock file; raises ProjectError when there is none."""
    try:
        return hashlib.sha256((root / LOCK).read_bytes()).hexdigest()
    except FileNotFoundError:
        raise ProjectError(
            f"{root} has no {LOCK}, so nobody could train the same model again",
            "run `uv lock` there; `gradino init` wrote the pyproject.toml it needs",
        ) from None


def prepare(project: Project, store: Store) -> Path:
    """The Python to run the operator with: this one where it has all locked versions, else that of a new environment.

    Raises:
        ProjectError: there is no lock file, uv cannot make the environment, or it does not contain gradino.
    """
    lock = identity(project.root)
    if not differences(project.root, lock):
        return Path(sys.executable)
    folder = store.folder("environments") / lock[:16]
    _uv(project.root, "sync", "--frozen", "--compile-bytecode", "--quiet", UV_PROJECT_ENVIRONMENT=str(folder))
    python = folder / "bin" / "python"
    if subprocess.run([python, "-c", "import gradino.operate.loop"], capture_output=True).returncode:
        raise ProjectError(
            "the locked environment does not contain gradino, so nothing could run in it",
            "run `uv add 'gradino[operate]'` in the project, or install the locked versions beside gradino",
        )
    return python


def fresh(root: Path, code: Path, place: Path, python: str) -> tuple[Path, list[str]]:
    """A new environment at `place` with what the lock file in `code` fixes, hashes checked.

    Returns its Python, and what is locked to a path and not to a version: that is as it is now. Paths are relative to
    the project's own folder `root`. Raises ProjectError where uv cannot make it, or gradino is not in it.
    """
    wanted = _uv(code, "export", "--frozen", "--no-emit-project", "--no-annotate", "--no-header", "--quiet")
    _uv(root, "venv", str(place), "--python", python, "--quiet", "--no-project")
    requirements = place / "requirements.txt"
    requirements.write_text(wanted)
    _uv(root, "pip", "install", "--no-deps", "--quiet", "--python", str(place), "-r", str(requirements))
    found = place / "bin" / "python"
    if subprocess.run([found, "-c", "import gradino.operate.training.rebuild"], capture_output=True).returncode:
        raise ProjectError(
            "the recorded environment does not contain gradino, so nothing could run in it",
            "give --here to use this Python, if it has the locked versions",
        )
    return found, [line.removeprefix("-e ").strip() for line in wanted.splitlines() if re.match(r"-e |\.|/", line)]


@cache
def differences(root: Path, lock: str) -> tuple[str, ...]:
    """Where the running Python differs from the lock file with digest `lock`; empty when it does not.

    What is locked to a path and not to a version, gradino's own checkout for example, is not looked at.
    """
    found = []
    for line in _uv(root, "export", "--frozen", "--no-emit-project", "--no-hashes", "--quiet").splitlines():
        try:
            wanted = Requirement(line.partition("#")[0].strip())
        except InvalidRequirement:
            continue  # a comment, or an editable path
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            installed = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            found.append(f"{wanted} is not installed")
            continue
        if not wanted.specifier.contains(installed, prereleases=True):
            found.append(f"{wanted} is locked, {installed} is installed")
    return tuple(found)


def _uv(root: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        [uv.find_uv_bin(), *command, "--project", str(root)],
        cwd=root,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise ProjectError(
            f"uv {command[0]} failed in {root}: {said[-1] if said else 'it did not say why'}", done.stderr
        )
    return done.stdout
