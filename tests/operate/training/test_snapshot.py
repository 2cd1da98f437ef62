"""A run uses the project's files as they were when it began."""

import hashlib
import shutil
from pathlib import Path

from gradino.operate.training.snapshot import take
from tests.operate.conftest import Shop


def files(folder: Path) -> set[str]:
    return {str(f.relative_to(folder / "code")) for f in (folder / "code").rglob("*") if f.is_file()}


def test_it_holds_what_git_tracks_or_would_track_and_knows_the_commit(shop: Shop, tmp_path: Path) -> None:
    (shop.root / "new.py").write_text("")
    (shop.root / "folder").mkdir()
    (shop.root / "folder" / "newer.py").write_text("")
    folder = shop.store.folder("runs", "1")
    taken = take(shop.root, folder)
    tracked = {".gitignore", "gradino.toml", "pyproject.toml", "shop.py", "uv.lock"}
    assert files(folder) == tracked | {"new.py", "folder/newer.py"}
    assert taken.commit == shop.git("rev-parse", "HEAD").strip()
    patch = (folder / "diff.patch").read_bytes()
    assert taken.diff == hashlib.sha256(patch).hexdigest()
    assert b"new.py" in patch
    assert b"newer.py" in patch


def test_clean_files_have_no_diff_and_their_digest_is_of_the_content(shop: Shop) -> None:
    clean = take(shop.root, shop.store.folder("runs", "1"))
    assert clean.diff is None
    assert take(shop.root, shop.store.folder("runs", "2")) == clean
    shop.rewrite("Sales of a shop", "Sales of the shop")
    changed = take(shop.root, shop.store.folder("runs", "3"))
    assert (changed.commit, changed.code == clean.code) == (clean.commit, False)
    shop.git("commit", "--all", "--message", "The")
    committed = take(shop.root, shop.store.folder("runs", "4"))
    assert (committed.code, committed.diff) == (changed.code, None)


def test_taken_once_it_stays_as_it_is(shop: Shop) -> None:
    folder = shop.store.folder("runs", "1")
    first = take(shop.root, folder)
    shop.rewrite("Sales of a shop", "Sales of the shop")
    (folder / "code.new").mkdir()  # left by a killed attempt
    assert take(shop.root, folder) == first
    assert "Sales of a shop" in (folder / "code" / "shop.py").read_text()


def test_a_deleted_file_is_not_missed(shop: Shop) -> None:
    (shop.root / "old.py").write_text("")
    shop.git("add", "old.py")
    (shop.root / "old.py").unlink()
    take(shop.root, shop.store.folder("runs", "1"))
    assert "old.py" not in files(shop.store.folder("runs", "1"))


def test_a_project_may_be_a_folder_of_a_repository(shop: Shop) -> None:
    inner = shop.root / "inner"
    inner.mkdir()
    for name in ("gradino.toml", "shop.py", "uv.lock"):
        shutil.copy(shop.root / name, inner)
    (shop.root / "shop.py").write_text("changed outside")
    shop.git("add", "inner")
    shop.git("commit", "--quiet", "--message", "Inner")
    folder = shop.store.folder("runs", "1")
    assert take(inner, folder).diff is None
    assert files(folder) == {"gradino.toml", "shop.py", "uv.lock"}


def test_without_git_all_files_but_hidden_folders_count(shop: Shop) -> None:
    shutil.rmtree(shop.root / ".git")
    (shop.root / ".venv").mkdir()
    (shop.root / ".venv" / "heavy.py").write_text("")
    folder = shop.store.folder("runs", "1")
    taken = take(shop.root, folder)
    assert (taken.commit, taken.diff) == (None, None)
    assert files(folder) == {".gitignore", "gradino.toml", "pyproject.toml", "shop.py", "uv.lock", "sales.csv"}


def test_a_repository_that_ignores_the_project_is_not_the_projects(shop: Shop) -> None:
    inner = shop.root / "inner"
    inner.mkdir()
    for name in ("gradino.toml", "shop.py", "uv.lock"):
        shutil.copy(shop.root / name, inner)
    (shop.root / ".gitignore").write_text("inner/\n")
    folder = shop.store.folder("runs", "1")
    assert take(inner, folder).commit is None
    assert files(folder) == {"gradino.toml", "shop.py", "uv.lock"}


def test_before_the_first_commit_there_is_no_commit(shop: Shop) -> None:
    shutil.rmtree(shop.root / ".git")
    shop.git("init", "--quiet")
    assert take(shop.root, shop.store.folder("runs", "1")).commit is None
