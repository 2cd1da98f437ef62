"""The drills as one file for a reader: Markdown, or HTML that needs nothing beside it."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gradino.drills.course import Course
from gradino.errors import GradinoError

_KINDS = {".html": "drills.html", ".md": "drills.md"}


def check(file: Path | None) -> None:
    """Refuse early what could not be written after minutes. Raises GradinoError."""
    if file and (file.suffix not in _KINDS or not file.resolve().parent.is_dir()):
        raise GradinoError(f"{file} cannot be written", "name a .html or .md file in a folder that exists")


def write(file: Path, done: Course) -> None:
    """Write the report; `check` has been asked."""
    pages = Environment(
        loader=PackageLoader("gradino.drills"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    file.write_text(pages.get_template(_KINDS[file.suffix]).render(done=done), encoding="utf-8")
