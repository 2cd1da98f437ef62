"""Every test here runs on each kind of store: a folder with SQLite, and PostgreSQL with an object store."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gradino.operate.store import Store
from tests.operate.store import servers

KINDS = ("files", "servers")


@dataclass
class Shared:
    """PostgreSQL and an object store, started on first need."""

    postgres: servers.Postgres
    environment: dict[str, str]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    if servers.postgres_programs() is None:
        pytest.skip("there is no PostgreSQL here: apt-get install postgresql")
    with servers.postgres() as cluster, servers.object_store(tmp_path_factory.mktemp("s3") / "data") as environment:
        yield Shared(cluster, environment)


@dataclass
class Place:
    """A project folder whose store is of one kind."""

    root: Path
    opened: list[Store] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """A new one, as another process would have it."""
        self.opened.append(Store.of(self.root))
        return self.opened[-1]

    def elsewhere(self) -> Store:
        """As another machine sees it, if several can share it: without what lies only on this one."""
        said = (self.root / "gradino.toml").read_text()
        if not said:
            return self.store
        other = self.root.parent / secrets.token_hex(4)
        other.mkdir()
        (other / "gradino.toml").write_text(said)
        self.opened.append(Store.of(other))
        return self.opened[-1]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A folder with a gradino.toml; only what it says of its store matters here."""
    folder = tmp_path / "project"
    folder.mkdir()
    said = ""
    if request.param == "servers":
        shared: Shared = request.getfixturevalue("shared")
        for name, value in shared.environment.items():
            monkeypatch.setenv(name, value)
        prefix = secrets.token_hex(4)
        said = f'[store]\nstate = "{shared.postgres.database()}"\nobjects = "s3://gradino/{prefix}"\n'
    (folder / "gradino.toml").write_text(said)
    place = Place(folder)
    yield place
    for store in place.opened:
        store.state.close()


@pytest.fixture
def store(place: Place) -> Store:
    return place.store


def at_once(code: str, *arguments: list[object]) -> None:
    """Run `work` of `code` in one Python per list of arguments, all from the same moment on; all must end well."""
    waiting = f"import sys\n{code}\nsys.stdin.read(1)\nwork(*sys.argv[1:])"
    started = [
        subprocess.Popen([sys.executable, "-c", waiting, *map(str, given)], stdin=subprocess.PIPE)
        for given in arguments
    ]
    for process in started:
        assert process.stdin
        process.stdin.write(b"!")
        process.stdin.close()
    assert [process.wait(60) for process in started] == [0] * len(started)
