"""What a recipe stands on: the facts of the project, where its pipelines run, and its default branch."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from gradino.measure import tree
from gradino.measure.assessment import day_of, name_of
from gradino.measure.scene import Scene

Host = Literal["github", "gitlab", "azure"]
_SYSTEMS: dict[str, Host] = {"GitHub Actions": "github", "GitLab CI": "gitlab", "Azure Pipelines": "azure"}
_OTHERS = ("Jenkins", "CircleCI", "Travis", "Bitbucket")
_REMOTES: tuple[tuple[str, Host], ...] = (
    ("github.", "github"), ("gitlab.", "gitlab"), ("dev.azure.com", "azure"), ("visualstudio.com", "azure"),
)  # fmt: skip


class NotKnownError(Exception):
    """What a recipe looked for and did not find; so it writes nothing."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Facts of one commit. `folder` is that of a project of a monorepo, `command` what trains, if somebody named it."""

    scene: Scene
    host: Host
    branch: str
    day: date
    name: str
    folder: str = ""
    command: str = ""

    @property
    def files(self) -> tree.Tree:
        """The files of the commit."""
        return self.scene.tree

    def called(self, name: str) -> str:
        """The name of a pipeline, with that of the project where the repository holds several."""
        return f"{name}-{self.folder.rpartition('/')[2]}" if self.folder else name


@dataclass(frozen=True, slots=True)
class Draft:
    """New files (path → text) of one recipe and what each does, the files that they rely on, what is left to do."""

    files: dict[str, str]
    does: dict[str, str]
    rests_on: tuple[str, ...]
    left: tuple[str, ...] = ()


def survey(scene: Scene, place: tree.Place, host: Host | None = None, command: str = "") -> Ground:
    """The ground of a place; `host` where the user names one.

    Raises:
        NotKnownError: its pipelines run somewhere that no recipe writes for.
    """
    where = host or _host(scene, place.repository)
    branch, folder = _branch(place.repository), place.prefix.rstrip("/")
    return Ground(scene, where, branch, day_of(place), name_of(place), folder, command)


def _host(scene: Scene, repository: Any) -> Host:
    """The host of the pipelines that are there, else that of the remote, else GitHub."""
    used = {job.system for job in scene.jobs}
    known = [host for system, host in _SYSTEMS.items() if system in used]
    if known:
        return known[0]
    if ".gitlab-ci.yml" in scene.tree:
        return "gitlab"
    other = next((name for name in sorted(used) if name.startswith(_OTHERS)), "")
    if other:
        raise NotKnownError(f"its pipelines run on {other}, for which there are no recipes (--host names another)")
    addresses = " ".join(remote.url or "" for remote in repository.remotes)
    return next((host for part, host in _REMOTES if part in addresses), "github")


def _branch(repository: Any) -> str:
    """The branch that is released: the remote's default, else `main` or `master`, else the one checked out."""
    names = set(repository.branches.local) | {b.partition("/")[2] for b in repository.branches.remote}
    head = repository.references.get("refs/remotes/origin/HEAD")
    if head is not None:
        return str(head.target).removeprefix("refs/remotes/origin/")
    current = "main" if repository.head_is_detached else str(repository.head.shorthand)
    return next((name for name in ("main", "master") if name in names), current)
