"""The tests that exist and can pass on a clean machine, and the command that runs them."""

import re
import shlex
from collections import defaultdict
from dataclasses import dataclass

from gradino.measure.climb.entry import python_path
from gradino.measure.climb.environment import Environment, environment
from gradino.measure.climb.ground import Ground, NotKnownError
from gradino.measure.climb.machine import Reached, machine, reached
from gradino.measure.climb.packages import unlisted
from gradino.measure.tests import Test

_REAL_CALL = re.compile(r"(requests|httpx|urllib\.request)\.(get|post|put|delete|patch|request|urlopen)$")
_STANDS_IN = re.compile(r"\bpatch|[mM]ock|\bresponses\b|respx|vcr|Popen|subprocess|testcontainers|docker|threading")


@dataclass(frozen=True, slots=True)
class Suite:
    """How to run the tests: environment, command, folders for `PYTHONPATH`, secrets, and files left out (why)."""

    home: Environment
    command: str
    python_path: tuple[str, ...]
    secrets: tuple[str, ...]
    left_out: tuple[str, ...]


def suite(ground: Ground) -> Suite:
    """The tests as one command.

    Raises:
        NotKnownError: there are none, none can pass on a clean machine, or nothing says what to install.
    """
    by_file: dict[str, list[Test]] = defaultdict(list)
    for test in ground.scene.tests.all:
        by_file[test.path].append(test)
    good = {t.path for t in ground.scene.tests.good}
    if not good:
        raise NotKnownError("test_*.py, *_test.py and tests.py were looked through: no test function asserts anything")
    if "manage.py" in {p.rpartition("/")[2] for p in ground.files.sizes}:
        raise NotKnownError("manage.py: tests of Django need its settings and a database, which a person must choose")
    home = environment(ground, min(good), "pytest")
    faults = {path: _fault(ground, home, tests) for path, tests in by_file.items()}
    able = [path for path, fault in faults.items() if path in good and not fault]
    if not able:
        raise NotKnownError("; ".join(f"{p} {why}" for p, why in list(faults.items())[:3] if why))
    kept = [p for p, why in faults.items() if not why and p.startswith(f"{home.folder}/" if home.folder else "")]
    left_out = tuple(f"{p} {why}" for p, why in faults.items() if why)
    needs = [machine(ground, _runs(ground, by_file[p])) for p in kept]
    return Suite(
        home,
        _command(ground, home, kept, [p for p, why in faults.items() if why]),
        python_path(ground, kept, home),
        tuple(dict.fromkeys(s for n in needs for s in n.secrets)),
        left_out,
    )


def _fault(ground: Ground, home: Environment, tests: list[Test]) -> str:
    """Why a file of tests cannot pass where there is only the repository; empty where it may."""
    runs = _runs(ground, tests)
    if any(t.host for t in tests) or _asks(ground, tests[0].path, runs):
        return "asks a server that nothing here starts"
    found = machine(ground, runs)
    if found.missing:
        return f"reads {found.missing[0]}, which is not in the repository"
    if found.gpu:
        return f"needs a GPU ({found.gpu})"
    if found.databases and not any(t.faked for t in tests):
        return f"asks {found.databases[0]}"
    if package := unlisted(ground, home, runs):
        return f"imports {package}, which nothing installs"
    return f"needs the option {option}" if (option := _option(ground, tests)) else ""


def _asks(ground: Ground, path: str, runs: Reached) -> bool:
    """Whether a test itself calls a server that is neither elsewhere, nor started, nor put aside."""
    asked = [c for m, f in runs if m.path == path for c in f.calls if _REAL_CALL.match(c.name)]
    near = any(not any(t.startswith("https://") for t in c.texts) for c in asked)
    return near and not _STANDS_IN.search(ground.files.short(path))


def _option(ground: Ground, tests: list[Test]) -> str:
    """An option without a default that the tests of a file ask pytest for."""
    calls = [c for _, f in _runs(ground, tests) for c in f.calls]
    asked = [t for c in calls if c.method == "getoption" for t in c.texts[:1]]
    files = [m for p in ground.files.named("conftest.py") if (m := ground.scene.code.module(p)) is not None]
    bare = [
        c.texts[0]
        for m in files
        for c in m.calls()
        if c.method == "addoption"
        and c.texts
        and c.keywords.get("action", "store") == "store"
        and c.keywords.get("default", "None") == "None"
    ]
    return next((name for name in asked if name in bare), "")


def _runs(ground: Ground, tests: list[Test]) -> Reached:
    """What the tests of one file run, fixtures included."""
    path, names = tests[0].path, {t.name for t in tests}
    module = ground.scene.code.module(path)
    functions = [f for f in module.functions.values() if f.name in names] if module else []
    before = [x for f in functions for x in ground.scene.tests.fixtures(module, f)] if module else []
    return [r for place, called in [(path, ("<body>", *names)), *before] for r in reached(ground, place, called)]


def _command(ground: Ground, home: Environment, kept: list[str], left_out: list[str]) -> str:
    """`python -m pytest`, which imports from where it runs; test folders, unless the project's settings name them."""
    words = ["python", "-m", "pytest"]
    if "testpaths" not in "".join(ground.files.text(home_file) or "" for home_file in _settings(home)):
        words += sorted({shlex.quote(_top(home.path(p))) for p in kept})
    words += [
        f"--ignore={shlex.quote(home.path(p))}"
        for p in sorted(left_out)
        if not home.folder or p.startswith(f"{home.folder}/")
    ]
    return home.command(" ".join(words))


def _settings(home: Environment) -> list[str]:
    names = ("pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini")
    return [f"{home.folder}/{n}".lstrip("/") for n in names]


def _top(path: str) -> str:
    """The folder of tests that a file lies in, from the outside; the file itself where it lies in none."""
    parts = path.split("/")
    for depth, part in enumerate(parts[:-1], 1):
        if part in ("tests", "test", "testing"):
            return "/".join(parts[:depth])
    return path
