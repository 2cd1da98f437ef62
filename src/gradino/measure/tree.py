"""The files of a project at one commit, or in a directory without git. Nothing is checked out, nothing is followed."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pygit2

from gradino.errors import EvidenceError

LARGEST = 1_000_000  # bytes of a file that are still read; larger ones are data, not description
MOST_FILES = 200_000
MISSING = "blob missing from the repository"  # what a partial clone leaves out: its largest files, as a rule
_MOST_STARS = 3  # double stars of a pattern; each more makes a failing match dearer
_EMPTY = re.compile(r"^(?:[ \t]*\n){500}", re.M)
_NOT_OURS = frozenset(
    {"node_modules", "site-packages", ".git", ".venv", "venv", "__pycache__", ".tox", ".nox", ".mypy_cache",
     ".ipynb_checkpoints", "vendor", "third_party", "bower_components", ".terraform", "virtualenv"}
)  # fmt: skip


@dataclass(slots=True)
class Tree:
    """Paths (POSIX, relative to the project) to sizes, and a way to read them.

    `commit` is the full hash, empty without git. `notes` gathers what could not be read. `real` maps a path to the one
    it has in the repository, where they differ (templates). `left` are paths that are there and are not read: links,
    submodules, folders of others.
    """

    commit: str
    sizes: dict[str, int]
    reader: Callable[[str], bytes | None]
    notes: list[str] = field(default_factory=list)
    real: dict[str, str] = field(default_factory=dict)
    clean: Callable[[str], str] | None = None
    left: frozenset[str] = frozenset()
    _folders: set[str] = field(default_factory=set, init=False)
    _texts: dict[str, str | None] = field(default_factory=dict)

    def __contains__(self, path: str) -> bool:
        return path in self.sizes

    def holds(self, path: str) -> bool:
        """Whether a file or folder is there, or may be: behind a link, in a submodule, among what is not read."""
        if not self._folders:
            self._folders.update(p.rsplit("/", n)[0] for p in self.sizes for n in range(1, p.count("/") + 1))
        above = (path.rsplit("/", n)[0] for n in range(path.count("/") + 1))
        known = path in ("", ".") or path in self.sizes or path in self._folders or any(p in self.left for p in above)
        return known or any(p.startswith(f"{path}/") for p in self.left) or len(self.sizes) > MOST_FILES

    def text(self, path: str) -> str | None:
        """A file's text; None where it is missing, binary, too large or unreadable."""
        if path not in self._texts:
            self._texts[path] = self._read(path)
        return self._texts[path]

    def _read(self, path: str) -> str | None:
        size = self.sizes.get(path)
        if size is None or size > LARGEST:
            return None
        raw = self.reader(self.real.get(path, path))
        if raw is None:
            self.notes.append(f"{path}: cannot be read")
            return None
        if b"\0" in raw[:8000]:
            return None
        text = raw.decode("utf-8", errors="replace").replace("\r\n", "\n").removeprefix("\ufeff")
        if not path.endswith((".ipynb", ".json")) and _EMPTY.search(text):
            self.notes.append(f"{path}: holds hundreds of empty lines, not read")
            return None
        return self.clean(text) if self.clean else text

    def short(self, path: str) -> str:
        """A file's text for patterns to look at: lines that nobody writes by hand (over 1,000 characters) are empty."""
        lines = (self.text(path) or "").split("\n")
        return "\n".join([line if len(line) <= 1000 else "" for line in lines])

    def data(self, path: str) -> bytes | None:
        """A file's bytes, whatever they are; None where it is missing or too large."""
        size = self.sizes.get(path)
        return self.reader(self.real.get(path, path)) if size is not None and size <= 20 * LARGEST else None

    def named(self, *patterns: str) -> Iterator[str]:
        """Paths whose last part matches one of the patterns (`*` and `?`), in order."""
        wanted = re.compile("|".join(map(fnmatch.translate, patterns)))
        return (p for p in self.sizes if wanted.match(p.rsplit("/", 1)[-1]))

    def under(self, *folders: str) -> Iterator[str]:
        """Paths inside one of the folders."""
        starts = tuple(f"{f.rstrip('/')}/" for f in folders)
        return (p for p in self.sizes if p.startswith(starts))

    def without(self, folders: tuple[str, ...]) -> "Tree":
        """The same tree, as if the folders (with a slash at their end) were not there."""
        kept = {path: size for path, size in self.sizes.items() if not path.startswith(folders)}
        left = self.left | {f.rstrip("/") for f in folders}
        return replace(self, sizes=kept, notes=list(self.notes), left=left, _texts={})

    def at(self, path: str, line: int = 0) -> str:
        """A locator that names the file as the repository does."""
        real = self.real.get(path, path)
        return f"{real}:{line}" if line else real


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project was found: its git repository, if any, the commit, and the folder inside it.

    `over` holds files (path in the repository → text) that are read as if they were there, too.
    """

    path: Path
    repository: Any
    commit: Any
    prefix: str
    over: dict[str, str] = field(default_factory=dict)


def locate(path: Path, rev: str = "HEAD", worktree: bool = False) -> Place:
    """Find the project at `path`: a work tree, a folder inside one, a bare repository, or a plain directory.

    Raises:
        EvidenceError: there is no such directory, or `rev` names no commit of it.
    """
    path = path.resolve()
    if not path.is_dir():
        raise EvidenceError(f"{path} is not a directory.", "Name the folder of a project or of a git repository.")
    found = None if worktree else pygit2.discover_repository(str(path))
    if not found:
        return Place(path, None, None, "")
    repository = pygit2.Repository(found)
    prefix = ""
    if repository.workdir and not path.is_relative_to(Path(repository.path).resolve()):
        inside = path.relative_to(Path(repository.workdir).resolve()).as_posix()
        prefix = "" if inside == "." else inside + "/"
    if repository.head_is_unborn and rev == "HEAD":
        return Place(path, None, None, "")
    try:
        commit = repository.revparse_single(rev).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError):
        if rev == "HEAD":
            return Place(path, None, None, "")
        raise EvidenceError(
            f"{path} has no commit '{rev}'.", "Name a commit, branch or tag of that repository."
        ) from None
    try:
        if prefix:
            _ = commit.tree[prefix.rstrip("/")]
    except KeyError:  # a folder that git does not track: read it as it lies there
        return Place(path, None, None, "")
    return Place(path, repository, commit, prefix)


def read(place: Place) -> Tree:
    """The tree at a place."""
    found = _from_git(place) if place.commit is not None else _from_directory(place.path)
    return _under(found, place) if place.over else found


def _under(found: Tree, place: Place) -> Tree:
    """A tree with the files that are laid over it."""
    laid = {p.removeprefix(place.prefix): t.encode() for p, t in place.over.items() if p.startswith(place.prefix)}
    sizes, reader = found.sizes | {p: len(t) for p, t in laid.items()}, found.reader
    return replace(found, sizes=dict(sorted(sizes.items())), reader=lambda p: laid[p] if p in laid else reader(p))


def glob(pattern: str) -> re.Pattern[str]:
    """What a CI system means by a pattern of paths: `*` ends at a slash, `**` does not."""
    if pattern.count("**") > _MOST_STARS:
        return re.compile(".*", re.S)
    said = fnmatch.translate(pattern.replace("**/", "\x01").replace("**", "\x02")).replace(".*", "[^/]*")
    return re.compile(said.replace("\x01", "(?:.*/)?").replace("\x02", ".*"))


def touches(wanted: list[Any], left: list[Any], paths: Iterable[str]) -> bool:
    """Whether patterns of a CI system fit a path that those which leave out do not.

    A pattern names a folder with all that is in it, too; one with a variable may fit anything.
    """
    if any("$" in str(p) for p in (*wanted, *left)):
        return True
    known, others = (
        [glob(q) for p in map(_plain, said) for q in (p, f"{p.removesuffix('/*')}/**")] for said in (wanted, left)
    )
    return any(any(k.match(p) for k in known) and not any(o.match(p) for o in others) for p in paths)


def _plain(pattern: Any) -> str:
    return str(pattern).removeprefix("./").strip("/")


def ours(path: str) -> bool:
    """Whether a path can be the project's own work, not something installed or generated."""
    return _NOT_OURS.isdisjoint(path.split("/")[:-1])


def _from_git(place: Place) -> Tree:
    repository, oids, sizes = place.repository, {}, {}
    notes, left = list[str](), set[str]()
    root = place.commit.tree
    if place.prefix:
        root = repository[root[place.prefix.rstrip("/")].id]
    odb = repository.odb
    waiting = [("", root)]
    while waiting:
        base, tree = waiting.pop()
        for entry in tree:
            path = f"{base}{entry.name}"
            if entry.filemode == pygit2.enums.FileMode.TREE:
                if entry.name in _NOT_OURS:
                    left.add(path)
                else:
                    try:
                        waiting.append((path + "/", repository[entry.id]))
                    except KeyError:
                        notes.append(f"{path}: folder missing from the repository")
                        left.add(path)
            elif entry.filemode in (pygit2.enums.FileMode.BLOB, pygit2.enums.FileMode.BLOB_EXECUTABLE):
                oids[path] = entry.id
            else:
                left.add(path)
        if len(oids) > MOST_FILES:
            notes.append(f"more than {MOST_FILES} files: the rest is not read")
            break
    for path in sorted(oids):
        try:
            sizes[path] = odb.read_header(oids[path])[1] if hasattr(odb, "read_header") else 0
        except (KeyError, pygit2.GitError):
            sizes[path] = 0
            notes.append(f"{path}: {MISSING}")

    def reader(path: str) -> bytes | None:
        try:
            return bytes(repository[oids[path]].data)
        except (KeyError, ValueError, pygit2.GitError):
            return None

    return Tree(str(place.commit.id), sizes, reader, notes, left=frozenset(left))


def _from_directory(root: Path) -> Tree:
    sizes: dict[str, int] = {}
    notes, left = list[str](), set[str]()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            notes.append(f"{folder.relative_to(root)}: {error.strerror}")
            continue
        for entry in entries:
            if entry.is_symlink() or (entry.is_dir() and (entry.name in _NOT_OURS or entry.name == ".gradino")):
                left.add(entry.relative_to(root).as_posix())
            elif entry.is_dir():
                waiting.append(entry)
            elif entry.is_file():
                sizes[entry.relative_to(root).as_posix()] = entry.stat().st_size
        if len(sizes) > MOST_FILES:
            notes.append(f"more than {MOST_FILES} files: the rest is not read")
            break

    def reader(path: str) -> bytes | None:
        try:
            return (root / path).read_bytes()
        except OSError:
            return None

    return Tree("", dict(sorted(sizes.items())), reader, notes, left=frozenset(left))
