"""Files from templates: where each host looks for them, and how they are filled."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from gradino.measure.climb.ground import Ground, Host, NotKnownError

_PLACES: dict[Host, str] = {
    "github": ".github/workflows/{}.yml",
    "gitlab": ".gitlab/ci/{}.yml",
    "azure": "azure-pipelines-{}.yml",
}


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    """Templates write `[[ value ]]` and `[% if %]`, since `{{ }}` is what hosts use themselves."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML, and every value is a path or a command that was read from the repository
        variable_start_string="[[", variable_end_string="]]", block_start_string="[%", block_end_string="%]",
        comment_start_string="[#", comment_end_string="#]", trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["scalar"] = _scalar
    return made


_WORDS = ("true", "false", "yes", "no", "on", "off", "null")
_PLAIN = re.compile(r"(?![\d.]+$)[A-Za-z_.][\w ./=@+\"'$(){}&|<>*:~^\[\],-]*")


def _scalar(text: str) -> str:
    """A YAML scalar: as it is where that is safe, else in quotes."""
    plain = _PLAIN.fullmatch(text) and ": " not in text and not text.endswith((":", " ")) and text.lower() not in _WORDS
    return text if plain else json.dumps(text)


def written(ground: Ground, name: str, **values: Any) -> dict[str, str]:
    """A pipeline: where its host looks for it, and that host's template of the name, filled."""
    called = ground.called(name)
    path = _PLACES[ground.host].format(called)
    try:
        template = _templates().get_template(f"{ground.host}/{name}.yml")
    except jinja2.TemplateNotFound:
        raise NotKnownError(f"there is no such recipe for {ground.host} yet") from None
    return {path: template.render(branch=ground.branch, called=called, path=path, **values)}
