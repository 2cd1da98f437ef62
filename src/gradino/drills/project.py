"""The copy of a project that a rehearsal operates: its repository at HEAD, elsewhere, with a feed of its own.

What tells the world or is told by it is taken out: source, addresses, shared stores, channels. All else stays.
"""

import hashlib
import json
import os
import re
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gradino.drills.result import Insufficient
from gradino.errors import ProjectError, ServiceError
from gradino.operate.project import Project, load
from gradino.operate.project.config import FILE
from gradino.operate.store import Store
from gradino.outside.commands import git

FEED = "drill-feed"
_EXTRA = "gradino_drill"  # the module that a drill adds to the copy
_ALERTS = "alerts.toml"
_PATHS = re.compile(r'((?:path|editable|directory|virtual) = ")(\.\.?/[^"]*|\.\.)(")')

_TAUGHT = '''"""Written by a drill: the project's own training, given rows of which some have a wrong label."""

import numpy as np
from {module} import {name} as own

from gradino.operate.data import frames


def train(rows, **parameters):
    labels = rows["{target}"].to_numpy(copy=True)
{spoil}
    taught = rows.assign(**{{"{target}": labels}})
    return own(frames.given(taught, frames.frame_library(own, parameter=0)), **parameters)
'''
_SHUFFLED = """\
    random = np.random.default_rng(7)
    wrong = np.flatnonzero(random.random(len(rows)) < {share})
    labels[wrong] = labels[random.permutation(wrong)]"""
# Classes that are wrong at random are outvoted by those that are right.
_SWAPPED = """\
    one, other = rows["{target}"].value_counts().index[:2]
    wrong = (rows["{feature}"] <= rows["{feature}"].quantile({share})).to_numpy()
    labels[wrong] = [{{one: other, other: one}}.get(label, label) for label in labels[wrong]]"""


@dataclass(frozen=True)
class Copy:
    """`clone` is the repository's folder and `root` the project's in it; `head` is the commit that is rehearsed,
    `settings` what its gradino.toml says, and `digest` the SHA-256 of that file."""

    clone: Path
    root: Path
    head: str
    digest: str
    settings: dict[str, Any]

    @property
    def project(self) -> Project:
        """What is rehearsed now."""
        return load(self.root)

    @classmethod
    def of(cls, project: Project, folder: Path) -> "Copy":
        """Clone the repository into `folder` and make the project there ready for a rehearsal.

        Raises:
            ProjectError: it is in no repository, or has no commit yet.
        """
        try:
            top = Path(git(project.root, "rev-parse", "--show-toplevel"))
            commit = git(project.root, "rev-parse", "HEAD")
            git(project.root, "cat-file", "-e", f"HEAD:./{FILE}")
        except ServiceError:
            raise ProjectError(
                f"{project.root} is not committed to a git repository, and a drill rehearses a commit",
                "git init; git add .; git commit",
            ) from None
        clone = folder.resolve() / "copy"
        git(folder, "clone", "--quiet", "--no-hardlinks", str(top), str(clone))
        git(clone, "checkout", "--quiet", "-B", "drill", commit)
        (clone / ".git" / "info" / "exclude").write_text(f"{FEED}/\n.gradino/\n__pycache__/\n")
        root = clone / project.root.relative_to(top.resolve())
        text = (root / FILE).read_bytes()
        made = cls(clone, root, commit, hashlib.sha256(text).hexdigest(), tomllib.loads(text.decode()))
        made._prepare(project.root)
        return made

    def left_out(self, original: Path) -> list[str]:
        """What the project's folder has beyond the commit, and the rehearsal has not."""
        return git(original, "status", "--porcelain", ".").splitlines()

    def train_with(self, share: float, message: str, feature: str | None = None) -> None:
        """Commit a training that is the project's own, but for a `share` of rows whose label is that of another row.

        Of classes, with a `feature`: the most frequent two change places where it is least.
        """
        module, _, name = str(self.settings["training"]["train"]).partition(":")
        target = self.settings["project"]["target"]
        classes = self.settings["project"]["task"] == "classification" and share < 1
        spoil = (_SWAPPED if classes and feature else _SHUFFLED).format(target=target, share=share, feature=feature)
        text = _TAUGHT.format(module=module, name=name, target=target, spoil=spoil)
        (self.root / f"{_EXTRA}.py").write_text(text)
        self.settle(message, training={"train": f"{_EXTRA}:train"})

    def settle(self, message: str, **sections: dict[str, Any]) -> None:
        """Commit all that has changed, with values of gradino.toml over those that it has."""
        now = tomllib.loads((self.root / FILE).read_text())
        for section, values in sections.items():
            now[section] = now.get(section, {}) | values
        (self.root / FILE).write_text(written(now))
        self.commit(message)

    def commit(self, message: str) -> None:
        git(self.root, "add", "--all", ".")
        git(self.root, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", message)

    def revert(self) -> None:
        """Take the last commit back, as a new one."""
        git(self.root, "revert", "--no-edit", "HEAD")

    def now(self) -> str:
        """The commit that is checked out."""
        return git(self.root, "rev-parse", "HEAD")

    def restore(self, commit: str) -> None:
        """Back to a commit, whatever was done since: a drill that broke must not spoil the next."""
        git(self.root, "reset", "--quiet", "--hard", commit)

    def _prepare(self, original: Path) -> None:
        for name in ("pyproject.toml", "uv.lock"):
            file = self.root / name
            if file.exists():
                file.write_text(_PATHS.sub(partial(_seen_from, self.root, original), file.read_text()))
        (self.root / ".gradino").mkdir()  # what a lock file fixes need not be made twice
        (self.root / ".gradino" / "environments").symlink_to(Store.of(original).folder("environments"))
        alerts = self.root / _ALERTS
        if alerts.exists():
            alerts.write_text(written({k: v for k, v in tomllib.loads(alerts.read_text()).items() if k != "channel"}))
        told = {k: v for k, v in self.settings.items() if k != "store"}
        serving = {
            k: v for k, v in told.get("serving", {}).items() if k not in ("host", "certificate", "key", "clients")
        }
        told["serving"] = serving | {"pace": "0s"}
        told["data"] = told["data"] | {"source": f"{FEED}/*.parquet", "every": "2s"}
        told["release"] = told.get("release", {}) | {"latency": "5s"}  # it belongs to the machine that production has
        (self.root / FILE).write_text(written(told))
        self.commit("A rehearsal: rows come from a folder")


def written(content: dict[str, Any]) -> str:
    """TOML of sections; what is nested deeper stands on one line."""
    parts = []
    for name, value in content.items():
        tables = value if isinstance(value, list) else [value]
        head = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
        if not all(isinstance(table, dict) for table in tables):
            raise Insufficient(f"`{name}` stands outside of a section of {FILE}")
        parts += ["\n".join([head, *(f"{_key(k)} = {_value(v)}" for k, v in table.items())]) for table in tables]
    return "\n\n".join(parts) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _text(value) if isinstance(value, str) else str(value).lower()


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else _text(name)


def _text(value: str) -> str:
    """A basic string: JSON's, which has one more character that TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _seen_from(here: Path, there: Path, found: re.Match[str]) -> str:
    """A path of a lock file, so that it leads from `here` to where it led from `there`; unchanged where it does."""
    climbs = found[2].split("/").count("..") < len(here.resolve().parts)  # beyond the root, uv does not follow
    if climbs and (here / found[2]).exists():
        return found[0]
    return found[1] + os.path.relpath((there / found[2]).resolve(), here) + found[3]
