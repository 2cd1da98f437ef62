"""A new project from a folder of files: written and locked, or not at all."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

from gradino.errors import ProjectError
from gradino.operate.project.config import FILE

TEMPLATE = Path(__file__).parent / "template"
_LEFTOVERS = {"__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis", ".venv", ".gradino", "feed"}


def write(target: Path, template: Path = TEMPLATE, name: str | None = None) -> None:
    """Write the project that `template` holds into `target` and lock its environment.

    Raises:
        ProjectError: `target` is a project already or has files of the same names, or the lock cannot be made.
    """
    files = [f for f in sorted(template.rglob("*")) if f.is_file() and not _LEFTOVERS & set(f.parts)]
    places = {file: target / _named(file.relative_to(template)) for file in files}
    taken = [place.relative_to(target) for place in places.values() if place.exists()]
    if taken:
        already = f"{target} is a gradino project already" if Path(FILE) in taken else f"{target} has a {taken[0]}"
        raise ProjectError(already, "choose another folder: gradino init FOLDER")
    made = not target.exists()
    for file, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_filled(file.read_text(), name or target.resolve().name))
    try:
        _use_this_gradino(target)
        _run(["uv", "lock", "--quiet"], target, "the environment could not be locked")
    except ProjectError:
        if made:
            shutil.rmtree(target)
        else:
            for place in places.values():
                place.unlink()
        raise


def _named(path: Path) -> Path:
    return path.with_name(".gitignore") if path.name == "gitignore" else path


def _filled(text: str, name: str) -> str:
    return text.replace("{name}", name)


def _use_this_gradino(target: Path) -> None:
    """Where gradino itself was installed from a folder or a file, the project uses that too; else the index's."""
    origin = json.loads(Distribution.from_name("gradino").read_text("direct_url.json") or "{}")
    address = urlparse(origin.get("url", ""))
    project, lock = target / "pyproject.toml", target / "uv.lock"
    text = re.sub(r"\[tool\.uv\.sources\]\ngradino = .*\n\n?", "", project.read_text())
    if address.scheme == "file":
        source = os.path.relpath(unquote(address.path), target.resolve())
        editable = ", editable = true" if origin.get("dir_info", {}).get("editable") else ""
        text += f'\n[tool.uv.sources]\ngradino = {{ path = "{source}"{editable} }}\n'
        if lock.exists():  # spares resolving again what is the same but for the place
            lock.write_text(lock.read_text().replace('editable = "../../"', f'editable = "{source}"'))
    project.write_text(text)


def commit(target: Path) -> None:
    """Make the project a repository of its own, with a first commit."""
    who = ["-c", "user.name=gradino", "-c", "user.email=gradino@localhost"]
    _run(["git", "init", "--quiet", "--initial-branch=main"], target, "git could not start a repository")
    _run(["git", "add", "."], target, "git could not add the files")
    _run(["git", *who, "commit", "--quiet", "-m", "A small working project"], target, "git could not commit")


def in_repository(folder: Path) -> bool:
    """Whether the folder belongs to a repository already, and is not ignored there."""
    asked = ["git", "check-ignore", "--quiet", "."]
    return subprocess.run(asked, cwd=folder, capture_output=True, check=False).returncode == 1


def _run(command: list[str], folder: Path, problem: str) -> None:
    if command[0] == "uv":
        from uv import find_uv_bin

        command = [find_uv_bin(), *command[1:], "--python", sys.executable]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProjectError(f"{problem}: {done.stderr.strip()[-400:]}", "mend that and try again")
