"""Files from templates: where each host looks for them, and how they are filled."""

import json
import re
import shlex
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from gradino.measure import yaml
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
    made.filters["scalar"], made.filters["shell"] = _scalar, shlex.quote
    return made


_NAMES: dict[Host, str] = {"github": "GitHub", "gitlab": "GitLab", "azure": "Azure"}
_ROOT = ".gitlab-ci.yml"
_INCLUDE = "`include: [{local: /.gitlab/ci/*.yml}]`"
_WORDS = ("true", "false", "yes", "no", "on", "off", "null")
_PLAIN = re.compile(r"(?![\d.]+$)[A-Za-z_.][\w ./=@+\"'$(){}&|<>*:~^\[\],-]*")


def _scalar(text: str) -> str:
    """A YAML scalar: as it is where that is safe, else in quotes. A name that a host would evaluate is refused."""
    if "${{" in text:
        raise NotKnownError(f"{text} is a name that GitHub would evaluate")
    plain = _PLAIN.fullmatch(text) and ": " not in text and not text.endswith((":", " ")) and text.lower() not in _WORDS
    return text if plain else json.dumps(text)


def written(ground: Ground, name: str, **values: Any) -> dict[str, str]:
    """A pipeline: where its host looks for it, and that host's template of the name, filled.

    Raises:
        NotKnownError: there is none for that host, or the host would not see the file.
    """
    called = ground.called(name)
    path = _PLACES[ground.host].format(called)
    try:
        template = _templates().get_template(f"{ground.host}/{name}.yml")
    except jinja2.TemplateNotFound:
        raise NotKnownError(f"there is no recipe for this on {_NAMES[ground.host]}") from None
    home = getattr(values.get("suite") or values.get("trainer"), "home", None)
    if ground.host == "azure" and home is not None and home.tool == "conda":
        raise NotKnownError("there is no recipe for environments of conda on Azure")
    beside, stages = _gitlab(ground, name) if ground.host == "gitlab" else ({}, [""])
    text = template.render(branch=ground.branch, called=called, path=path, last_stage=stages[-1], **values)
    return {path: text} | beside


def told(files: dict[str, str], does: str) -> dict[str, str]:
    """What each file of a pipeline does."""
    return {path: "takes in the pipelines of .gitlab/ci" if path == _ROOT else does for path in files}


def by_hand(ground: Ground, files: dict[str, str]) -> list[str]:
    """What its host does not do with a new pipeline by itself."""
    if ground.host == "azure":
        return [f"create a pipeline from {path} in Azure DevOps" for path in files]
    if any('== "schedule"\n    - if' in text for text in files.values()):
        return ["create a pipeline schedule in GitLab (Build > Pipeline schedules)"]
    return []


def _gitlab(ground: Ground, name: str) -> tuple[dict[str, str], list[str]]:
    """The root file that takes pieces in, where there is none yet, and the stages."""
    root = ground.files.text(_ROOT)
    if root is None:
        return {_ROOT: _templates().get_template("gitlab/_root.yml").render()}, ["build", "test", "deploy"]
    document = yaml.first(root)
    taken = [i.text("local") if isinstance(i, yaml.Map) else str(i) for i in document.list("include")]
    if not any(re.fullmatch(r"/?\.gitlab/(ci/\*|\*\*)\.yml", place) for place in taken):
        raise NotKnownError(f".gitlab-ci.yml is yours and takes in no files; add to it {_INCLUDE}, commit, climb again")
    stages = [s for s in document.list("stages") if isinstance(s, str)] or ["build", "test", "deploy"]
    if "test" not in stages or (name == "image" and stages[-1] == "test"):
        raise NotKnownError(f"the stages of .gitlab-ci.yml are {', '.join(stages)}; `test` and one after it are needed")
    return {}, stages
