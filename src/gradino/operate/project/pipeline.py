"""Continuous integration for a project: one file, where its host looks for it, that runs gradino's own commands."""

from pathlib import Path
from typing import Literal, get_args

from gradino.errors import ProjectError

Host = Literal["github", "gitlab", "azure"]
HOSTS: tuple[Host, ...] = get_args(Host)
PLACES: dict[Host, Path] = {
    "github": Path(".github/workflows/gradino.yml"),
    "gitlab": Path(".gitlab-ci.yml"),
    "azure": Path("azure-pipelines.yml"),
}
_FILES = Path(__file__).parent / "pipelines"


def write(target: Path, host: Host) -> bool:
    """Write the pipeline of a project; returns whether it was not there already.

    Raises:
        ProjectError: another file is there.
    """
    place, text = target / PLACES[host], (_FILES / f"{host}.yml").read_text()
    if place.exists():
        if place.read_text() == text:
            return False
        raise ProjectError(
            f"{place} is there already and says something else, so it was left alone",
            "rename it, run this again, and take over what you need",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return True
