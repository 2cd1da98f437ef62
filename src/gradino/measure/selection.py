"""Which tests a test command picks (paths, markers, names, what it leaves out), and which run on a change."""

import ast
import re
import shlex
from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePosixPath

from gradino.measure.automation import AUTOMATIC, CHECKED
from gradino.measure.scene import Firing, Scene
from gradino.measure.tests import Test
from gradino.measure.tree import Tree

_RUNNER = re.compile(r"^(?:\S*/)?(?:pytest|py\.test|unittest|nose2?|nosetests)$")
_TAKES_VALUE = re.compile(
    r"^(-[ckmnopWrst]|--(cov|ignore|ignore-glob|deselect|rootdir|maxfail|cov-report|cov-config|junitxml|junit-xml|html|durations|"
    r"tb|timeout|dist|confcutdir|start-directory|pattern|top-level-directory|log-cli-level|reruns|randomly-seed))$"
)

_OPTION = r"^{name}\s*=\s*(\[.*?\]|\"\"\".*?\"\"\"|\".*?\"|'.*?'|.*?(?=\n\S|\Z))"


class Selection:
    """What one command picks. `folder` is where it runs."""

    def __init__(self, tree: Tree, command: str, folder: str) -> None:
        self._tree, self._folder = tree, folder
        self._paths: list[str] = []
        self._left_out: list[str] = []
        self._marker = self._names = ""
        self._read(_words(command))
        if not self._marker:
            self._read(_words(f"pytest {_configured(tree, folder, 'addopts')}"), paths=False)
        if not self._paths and not re.search(r"unittest|manage\.py", command):
            self._paths += _words(_configured(tree, folder, "testpaths"))
        self._left_out += [_placed(folder, w.rstrip("/*")) for w in _words(_configured(tree, folder, "norecursedirs"))]

    def _read(self, words: list[str], paths: bool = True) -> None:
        start = next((i for i, w in enumerate(words) if _RUNNER.match(w)), len(words))
        rest = iter(words[start + 1 :])
        for word in rest:
            option, equals, value = word.partition("=")
            if not word.startswith("-"):
                if paths:
                    self._paths.append(word)
                continue
            if not equals and _TAKES_VALUE.match(option):
                value = next(rest, "")
            if option == "-m":
                self._marker = value
            elif option == "-k":
                self._names = value
            elif option in ("--ignore", "--deselect"):
                self._left_out.append(_placed(self._folder, value))
            elif option in ("-s", "--start-directory") and "unittest" in words:
                self._paths.append(value)

    def picks(self, test: Test) -> bool:
        """Whether the command runs this test."""
        if any(self._inside(test.path, out) for out in self._left_out):
            return False
        if self._marker and not _holds(self._marker, lambda name: name in test.marks):
            return False
        whole = f"{test.path}::{test.name}".lower()
        if self._names and not _holds(self._names, lambda name: name.lower() in whole):
            return False
        return self._reaches(test.path)

    def _reaches(self, path: str) -> bool:
        named = [p for w in self._paths if (p := self._path(w)) is not None]
        if not named:
            inside = f"{self._folder}/" if self._folder else ""
            return path.startswith(inside) or not any(p.startswith(inside) for p in self._tree.sizes)
        return any(self._inside(path, p) for p in named)

    def _path(self, word: str) -> str | None:
        """A word as a path; None where it holds a variable, or is no path at all."""
        word = word.partition("::")[0]
        known = re.search(r"[/.]|test", word) or self._tree.holds(_placed(self._folder, word))
        if re.search(r"[$*{}\\]", word) or not known:
            return None
        if "/" not in word and "." in word and not word.endswith(".py") and word.strip("."):
            word = word.replace(".", "/")  # a module of unittest
        if word.startswith("/"):  # as a container sees it: what is copied there lies somewhere below
            parts = word.strip("/").split("/")
            ends = ("/".join(parts[i:]) for i in range(1, len(parts)))
            return next((e for e in ends if any(p.startswith(f"{e}/") or p == e for p in self._tree.sizes)), word)
        return _placed(self._folder, word)

    def _inside(self, path: str, place: str) -> bool:
        if place == ".." or place.startswith("../"):
            return False
        if place in ("", "."):
            return True
        known = path in (place, f"{place}.py") or path.startswith(f"{place}/")
        return known or (not self._folder and f"/{place}/" in f"/{path}/") or path.endswith(f"/{place}")


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _placed(folder: str, word: str) -> str:
    """A path as seen from the root; what climbs out of the repository keeps its dots."""
    kept: list[str] = []
    for part in PurePosixPath(folder, word.rstrip("/") or ".").parts:
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


def _configured(tree: Tree, folder: str, name: str) -> str:
    """What the project's own configuration of pytest sets under a name."""
    option = re.compile(_OPTION.format(name=name), re.M | re.S)
    for file in ("pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini"):
        text = tree.text(f"{folder}/{file}" if folder else file) or ""
        if found := option.search(text):
            if found[1].startswith("["):
                return " ".join(shlex.quote(a or b) for a, b in re.findall(r"\"([^\"]*)\"|'([^']*)'", found[1]))
            return found[1].strip().strip("\"'")
    return ""


def _holds(expression: str, has: Callable[[str], bool]) -> bool:
    """A marker or name expression (`not slow and api`); one that cannot be read lets everything through."""
    try:
        node = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return True

    def value(part: ast.expr) -> bool:
        if isinstance(part, ast.BoolOp):
            each = [value(v) for v in part.values]
            return all(each) if isinstance(part.op, ast.And) else any(each)
        if isinstance(part, ast.UnaryOp):
            return not value(part.operand)
        return has(part.id) if isinstance(part, ast.Name) else True

    return value(node)


def run_by(scene: Scene, runs: list[Firing], test: Test) -> bool:
    """Whether one of the test commands picks this test, where it does not skip itself."""
    waits = test.waits | ({"server"} if test.host else set())
    return any(
        _selection(scene, run.effect.says, run.effect.folder).picks(test) and all(_met(scene, run, w) for w in waits)
        for run in runs
    )


_SERVES = re.compile(
    r"compose|docker|corn\b|flask run|serve|nohup|&\s*$|make |\.sh|kubectl|deploy|start|tox|nox|http", re.M
)


_FETCHES = re.compile(
    r"download|wget|curl|gsutil|aws\s+s3|dvc|hf\b|huggingface|unzip|\btar\s|cache@|\bcp\b|make |\.sh\b|docker|lfs", re.I
)
_MAKES = {"train", "submit", "pull-data", "keep", "pin"}


def _met(scene: Scene, run: Firing, want: str) -> bool:
    """Whether the job of a test command brings what a test waits for."""
    kind, _, name = want.partition(" ")
    if kind == "server":
        return not _alone(run)
    if kind == "nothing":
        return False
    if kind == "option":
        return name in run.effect.says or name in _configured(scene.tree, run.effect.folder, "addopts")
    if kind == "variable":
        return any(name in (scene.tree.text(p) or "") for p in (run.job.path, run.effect.path))
    said = " ".join(f"{s.run} {s.uses}" for s in run.job.steps)
    made = any(f.effect.verb in _MAKES for f in scene.firings if f.job is run.job)
    return made or bool(run.job.needs) or bool(_FETCHES.search(said))


def _alone(run: Firing) -> bool:
    """Whether nothing in the job of a test command could have started a server."""
    said = " ".join(f"{s.run} {s.uses}" for s in run.job.steps)
    return not _SERVES.search(said) and not re.search(r"deploy", " ".join(run.job.needs))


@lru_cache(maxsize=256)
def _selection(scene: Scene, command: str, folder: str) -> Selection:
    return Selection(scene.tree, command, folder)


_OF_A_MODEL = re.compile(r"predict|scor(e|ing)|infer|invo(ke|cations)|newman|smoke|endpoint", re.I)


def asked(scene: Scene) -> list[Firing]:
    """Firings that ask a running model and check its answer, whoever starts them."""
    return [
        f
        for f in scene.fired("smoke", when=CHECKED | AUTOMATIC | {"dispatch"})
        if not f.effect.soft and (f.effect.path.endswith(".py") or _OF_A_MODEL.search(f.effect.says))
    ]


def ci_tests(scene: Scene) -> list[Firing]:
    """Firings that run tests on a change and can fail."""
    when = AUTOMATIC | {"pull_request"}
    runs = scene.fired("test", when=when) + [
        f for f in scene.fired("test", when=frozenset({"dispatch"})) if f.job.system == "Cloud Build"
    ]
    return [f for f in runs if not f.effect.soft and not f.job.soft and not _stops(scene, f)]


def _stops(scene: Scene, run: Firing) -> bool:
    """Whether a run ends before its first test: one of the files that it picks cannot be imported."""
    return any(t.path in scene.tests.stopped and run_by(scene, [run], t) for t in scene.tests.all)
