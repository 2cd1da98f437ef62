"""Aliases, where people look for them: in MLflow. What serves is decided by our own rows; this only shows it."""

from pathlib import Path
from typing import Literal

from gradino.operate.project import Project
from gradino.operate.project.process import call
from gradino.operate.store import Store

Alias = Literal["champion", "challenger", "previous"]


def set_alias(project: Project, store: Store, alias: Alias, number: int | None) -> None:
    """Point an alias at a model version, or remove it with None. May be repeated."""
    call(_set, store.folder("logs") / "registry.log", store.root, project.name, alias, number)


def _set(root: Path, name: str, alias: Alias, number: int | None) -> None:
    from gradino.operate.registry import models

    models.set_alias(root, name, alias, number)
