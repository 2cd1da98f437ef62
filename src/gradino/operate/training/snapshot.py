"""The project's files as a run uses them: copied once, known by content, with the commit they stand on."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pygit2
from pygit2.enums import DiffOption, FileMode, FileStatus

from gradino.operate.project.config import FILE
from gradino.operate.registry.bundle import CODE, LOCK
from gradino.operate.store.tables import content_digest

DIFF, _RECORD = "diff.patch", "snapshot.json"


class Snapshot(msgspec.Struct, frozen=True):
    """`code` is the SHA-256 over all paths and contents; `diff` that of `diff.patch`, None when nothing was changed."""

    code: str
    commit: str | None
    diff: str | None


def take(root: Path, folder: Path) -> Snapshot:
    """Copy the project's files to `folder/code`; what git tracks or would track, without git all but dot folders.

    Taken once per folder: a run that is started again uses the files it began with.
    """
    if not (folder / CODE).exists():
        staged = folder / f"{CODE}.new"
        shutil.rmtree(staged, ignore_errors=True)
        repository = _repository(root)
        names = sorted({*(_known(repository, root) if repository else _all(root)), FILE, LOCK})
        digests = {}
        for name in names:
            target = staged / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target)
            digests[name] = hashlib.sha256(target.read_bytes()).hexdigest()
        commit, patch = _difference(repository, root) if repository else (None, b"")
        if patch:
            (folder / DIFF).write_bytes(patch)
        found = Snapshot(content_digest(digests), commit, hashlib.sha256(patch).hexdigest() if patch else None)
        (folder / _RECORD).write_bytes(msgspec.json.encode(found))
        staged.rename(folder / CODE)
    return msgspec.json.decode((folder / _RECORD).read_bytes(), type=Snapshot)


def _repository(root: Path) -> pygit2.Repository | None:
    """The repository the project belongs to; one that ignores the project's folder is somebody else's."""
    found = pygit2.discover_repository(str(root))
    repository = pygit2.Repository(found) if found else None
    inside = _prefix(repository, root) if repository else ""
    return None if repository and inside and repository.path_is_ignored(inside) else repository


def _known(repository: pygit2.Repository, root: Path) -> Iterator[str]:
    """Files that are tracked, or neither tracked nor ignored; relative to the project, which may be a subfolder."""
    tracked = [entry.path for entry in repository.index if entry.mode != FileMode.COMMIT]
    new = [path for path, status in repository.status().items() if status & FileStatus.WT_NEW]
    prefix = _prefix(repository, root)
    for path in (*tracked, *new):
        if path.startswith(prefix) and (root / path.removeprefix(prefix)).is_file():
            yield path.removeprefix(prefix)


def _all(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        yield from (str((Path(folder) / name).relative_to(root)) for name in files)


def _difference(repository: pygit2.Repository, root: Path) -> tuple[str | None, bytes]:
    """The commit, and what the project's files have beyond it as a patch, new files included."""
    if repository.head_is_unborn:
        return None, b""
    flags = (
        DiffOption.INCLUDE_UNTRACKED
        | DiffOption.RECURSE_UNTRACKED_DIRS
        | DiffOption.SHOW_UNTRACKED_CONTENT
        | DiffOption.SHOW_BINARY
    )
    prefix = _prefix(repository, root)
    patches = [p for p in repository.diff("HEAD", flags=flags) if p and p.delta.new_file.path.startswith(prefix)]
    return str(repository.head.target), b"".join(p.data for p in patches)


def _prefix(repository: pygit2.Repository, root: Path) -> str:
    inside = root.resolve().relative_to(Path(repository.workdir).resolve()).as_posix()
    return "" if inside == "." else f"{inside}/"


def digest(code: Path) -> str:
    """The SHA-256 over all paths and contents of a snapshot, recomputed."""
    files = (file for file in code.rglob("*") if file.is_file())
    return content_digest({str(f.relative_to(code)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files})
