"""What a repository's commits say: who, when, which files. Read from git, never from a service."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

import pygit2

from gradino.measure.tree import Place

_TRAILER = re.compile(r"^(?:Co-authored-by|Reviewed-by): *([^<\n]*[^<\s])", re.M | re.I)
_MOST_COMMITS = 2_000
_MOST_DIFFS = 300
_MOST_PATHS = 200


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: hash, author (name), time (UTC), first line of its message, parents, and who else its trailers name."""

    id: str
    author: str
    at: datetime
    title: str
    parents: int
    paths: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  # co-authors and reviewers

    @property
    def bot(self) -> bool:
        """Made by a machine's account."""
        low = self.author.lower()
        return low.endswith(("[bot]", "-bot", " bot")) or low in (
            "github actions",
            "github-actions",
            "bot",
            "ci",
            "dependabot",
        )


@dataclass(slots=True)
class History:
    """Commits, newest first; empty without git."""

    commits: list[Commit] = field(default_factory=list)

    def authors(self, *words: str) -> Counter[str]:
        """How many commits each person made to paths that contain one of the words."""
        return Counter(
            person
            for c in self.commits
            if not c.bot and c.paths and any(w in "\n".join(c.paths).lower() for w in words)
            for person in (c.author, *c.others)
        )


def read(place: Place) -> History:
    """The newest commits that lead to a place; paths for the newest few hundred."""
    if place.commit is None:
        return History()
    repository, found = place.repository, list[Commit]()
    try:
        for commit in repository.walk(place.commit.id, pygit2.enums.SortMode.TIME):
            paths = _paths(commit) if len(found) < _MOST_DIFFS else ()
            title = commit.message.split("\n", 1)[0][:200]
            at = datetime.fromtimestamp(commit.commit_time, UTC)
            author, parents = commit.author.name or "", len(commit.parent_ids)
            others = tuple(dict.fromkeys(name for name in _TRAILER.findall(commit.message) if name != author))
            found.append(Commit(str(commit.id), author, at, title, parents, paths, others))
            if len(found) >= _MOST_COMMITS:
                break
    except (KeyError, ValueError, pygit2.GitError, UnicodeDecodeError, OverflowError):
        pass  # a shallow or damaged history ends where it ends
    return History(found)


def _paths(commit: pygit2.Commit) -> tuple[str, ...]:
    if len(commit.parents) > 1:
        return ()
    try:
        before = commit.parents[0].tree if commit.parents else None
        return tuple(islice(_changed(before, commit.tree), _MOST_PATHS))
    except (KeyError, pygit2.GitError):
        return ()


def _changed(before: pygit2.Tree | None, after: pygit2.Tree | None, folder: str = "") -> Iterator[str]:
    """Paths that differ between two trees; folders with the same hash are never opened."""
    old = {str(e.name): e for e in before} if before is not None else {}
    new = {str(e.name): e for e in after} if after is not None else {}
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is not None and now is not None and was.id == now.id:
            continue
        if any(e is not None and not isinstance(e, pygit2.Tree) for e in (was, now)):
            yield f"{folder}{name}"
        was, now = was if isinstance(was, pygit2.Tree) else None, now if isinstance(now, pygit2.Tree) else None
        if was is not None or now is not None:
            yield from _changed(was, now, f"{folder}{name}/")
