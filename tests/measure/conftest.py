"""Small git repositories, made in memory of a temporary folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest

Files = dict[str, str | None]
Maker = Callable[..., Path]


def write_commit(root: Path, files: Files, message: str = "Change", author: str = "Ada") -> None:
    """Write files and commit them all; None deletes."""
    repository = pygit2.Repository(str(root)) if (root / ".git").exists() else pygit2.init_repository(str(root))
    index = repository.index
    for name, text in files.items():
        path = root / name
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            index.add(name)
        else:
            path.unlink()
            index.remove(name)
    index.write()
    who = pygit2.Signature(author, f"{author.lower()}@example.org", 1_700_000_000, 0)
    parents = [] if repository.head_is_unborn else [repository.head.target]
    repository.create_commit("HEAD", who, who, message, index.write_tree(), parents)


@pytest.fixture
def repository(tmp_path: Path) -> Maker:
    """Make a repository of the given files at one commit."""

    def make(files: Files, name: str = "project") -> Path:
        root = tmp_path / name
        if root.exists():
            shutil.rmtree(root)
        root.mkdir()
        write_commit(root, files)
        return root

    return make


@pytest.fixture
def commit() -> Callable[..., None]:
    """Add a commit to a repository."""
    return write_commit
