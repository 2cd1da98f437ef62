"""The three stores, made once; the page only reads them."""

from collections.abc import Iterator

import pytest

from gradino.console.draw import Drawer
from gradino.operate.project import Project
from gradino.operate.store import Store
from tests.console import stories

Told = tuple[Store, Project]


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    store, project = stories.full(tmp_path_factory.mktemp("full"))
    yield store, project
    store.state.close()


@pytest.fixture
def young(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    store, project = stories.young(tmp_path_factory.mktemp("young"))
    yield store, project
    store.state.close()


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    store, project = stories.empty(tmp_path_factory.mktemp("empty"))
    yield store, project
    store.state.close()


@pytest.fixture(scope="session")
def drawer() -> Iterator[Drawer]:
    with Drawer() as drawer:
        yield drawer
