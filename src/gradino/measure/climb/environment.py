"""How a project installs itself: which tool, from which files, for which Python, and what to put before a command."""

import re
import shlex
import tomllib
from dataclasses import dataclass, replace
from typing import Any

from gradino.measure.climb.ground import Ground, NotKnownError
from gradino.measure.tree import Tree

_CONDA = ("environment.yml", "environment.yaml", "conda.yml", "conda.yaml")
_FOR_TESTS = re.compile(r"(^|[/_-])requirements[/_-]?(dev|tests?|testing|ci)\.txt$|^(dev|tests?)[_-]requirements\.txt$")
_TESTS = re.compile(r"tests?|testing")
_GROUPS = ("test", "tests", "testing", "dev", "ci", "all")
# The Python that a commit of that year was written for, where no file names one.
_OF_YEAR = {2019: "3.8", 2020: "3.8", 2021: "3.9", 2022: "3.10", 2023: "3.11", 2024: "3.11", 2025: "3.12"}
_OLDEST, _NEWEST = 8, 13  # minor versions that hosted runners still offer, and that libraries already support


@dataclass(frozen=True, slots=True)
class Environment:
    """A tool (uv, poetry, pipenv, conda or pip), the files it reads, its commands, and what goes before a command.

    `folder` is where all of it runs, empty for the root; `guessed` says why `python` is what it is, where nothing names
    it.
    """

    tool: str
    files: tuple[str, ...]
    install: tuple[str, ...]
    run: str
    python: str
    guessed: str = ""
    folder: str = ""
    itself: bool = False  # the project's own package is installed, too

    def path(self, path: str) -> str:
        """A path of the repository as seen from where commands run."""
        return path.removeprefix(f"{self.folder}/") if self.folder else path

    def command(self, words: str) -> str:
        """Shell that runs `words` inside the environment."""
        return f"{self.run}{words}"


def environment(ground: Ground, near: str, *needs: str, at_root: bool = False) -> Environment:
    """The environment of the file `near`, with the packages `needs` in it; `at_root` where commands must run there.

    Raises:
        NotKnownError: no file says what the project needs, or only one that is for a folder says so.
    """
    parts = near.split("/")[:-1]
    for depth in range(len(parts), -1, -1):
        found = None if depth and _TESTS.fullmatch(parts[depth - 1]) else _in(ground, "/".join(parts[:depth]), needs)
        if found is None:
            continue
        if found.tool not in ("uv", "conda") and ground.host != "gitlab" and int(found.python[2:]) < _OLDEST:
            raise NotKnownError(f"it wants Python {found.python}, which hosted runners no longer offer")
        return _from_root(found) if at_root and found.folder else found
    raise NotKnownError(
        "uv.lock, poetry.lock, Pipfile.lock, environment.yml, requirements.txt, pyproject.toml or setup.py was looked"
        f" for at the root and beside {near}: nothing says what to install"
    )


def _from_root(found: Environment) -> Environment:
    """An environment of a folder, installed from the root."""
    if found.tool != "pip" or found.itself:
        raise NotKnownError(f"what is installed is that of {found.folder}/, while the command runs at the root")
    install = tuple(re.sub(r"-r (\S+)", rf"-r {found.folder}/\1", line) for line in found.install)
    return replace(found, install=install, folder="")


def _in(ground: Ground, folder: str, needs: tuple[str, ...]) -> Environment | None:
    files, base = ground.files, f"{folder}/" if folder else ""
    project = _toml(files, f"{base}pyproject.toml")
    python, guessed = _python(ground, base, project)
    for other in ("pdm.lock", "pixi.lock"):
        if f"{base}{other}" in files:
            raise NotKnownError(f"it installs by {base}{other}, for which there is no recipe")
    for lock, make in (("uv.lock", _uv), ("poetry.lock", _poetry), ("Pipfile.lock", _pipenv)):
        if f"{base}{lock}" in files:
            rests = (f"{base}{lock}", *(p for n in ("pyproject.toml", "Pipfile") if (p := f"{base}{n}") in files))
            install, run, itself = make(files, base, project, needs)
            return Environment(make.__name__[1:], rests, install, run, python, guessed, folder, itself)
    inside = [p.removeprefix(base) for p in files.sizes if p.startswith(base)]
    plain = [p for p in inside if p == "requirements.txt" or (p.count("/") < 2 and _FOR_TESTS.search(p))]
    required = [f"{base}{p}" for p in sorted(plain, key=lambda p: p != "requirements.txt")]
    conda = next((f"{base}{n}" for n in _CONDA if f"{base}{n}" in files), "")
    built = "build-system" in project or "project" in project or f"{base}setup.py" in files
    if conda and f"{base}requirements.txt" not in required:
        missing = [n for n in needs if not _listed(files, [conda], n)]
        own = (f"python -m pip install {_words(missing)}",) if missing else ()
        return Environment("conda", (conda,), own, "", python, "", folder)
    if not required and not built:
        return None
    return _pip(files, base, project, needs, required, built, python, guessed)


# Commands, what goes before a command, and whether the project's own package is installed.
_Made = tuple[tuple[str, ...], str, bool]


def _uv(files: Tree, base: str, project: dict[str, Any], needs: tuple[str, ...]) -> _Made:
    extras, missing = set[str](), list[str]()
    groups = project.get("dependency-groups", {})
    settings = project.get("tool", {}).get("uv", {})
    default = settings.get("default-groups", ["dev"])
    always = [*project.get("project", {}).get("dependencies", []), *settings.get("dev-dependencies", [])]
    always += [r for g in (groups if default == "all" else default) for r in groups.get(g, [])]
    for name in needs:
        if _names(name, always):
            continue
        if group := next((g for g, listed in groups.items() if _names(name, listed)), ""):
            extras.add(f"--group {group}")
        elif extra := _extra(project, name):
            extras.add(f"--extra {extra}")
        else:
            missing.append(name)
    added = (f"uv pip install {_words(missing)}",) if missing else ()
    itself = "build-system" in project or bool(settings.get("package"))
    return (" ".join(["uv sync --locked", *sorted(extras)]), *added), "uv run --no-sync ", itself


def _poetry(files: Tree, base: str, project: dict[str, Any], needs: tuple[str, ...]) -> _Made:
    poetry = project.get("tool", {}).get("poetry", {})
    options, missing = set[str](), list[str]()
    itself = _packaged(files, base, poetry)
    always = [*poetry.get("dependencies", {}), *poetry.get("dev-dependencies", {})]
    always += project.get("project", {}).get("dependencies", [])
    groups = {name: body for name, body in poetry.get("group", {}).items() if isinstance(body, dict)}
    always += [n for body in groups.values() if not body.get("optional") for n in body.get("dependencies", {})]
    for name in needs:
        if _names(name, always):
            continue
        if group := next((g for g, body in groups.items() if _names(name, list(body.get("dependencies", {})))), ""):
            options.add(f"--with {group}")
        elif extra := _extra(project, name):
            options.add(f"--extras {extra}")
        else:
            missing.append(name)
    added = (f"poetry run pip install {_words(missing)}",) if missing else ()
    options |= set() if itself else {"--no-root"}
    return (" ".join(["poetry install --no-interaction", *sorted(options)]), *added), "poetry run ", itself


def _packaged(files: Tree, base: str, poetry: dict[str, Any]) -> bool:
    """Whether poetry would find the package that it must install, and the README that it names."""
    name = re.sub(r"[-.]+", "_", str(poetry.get("name", "")))
    inside = any(f"{base}{place}/__init__.py" in files for place in (name, f"src/{name}"))
    readme = poetry.get("readme")
    there = not isinstance(readme, str) or f"{base}{readme}" in files
    return poetry.get("package-mode", True) and there and bool("packages" in poetry or (name and inside))


def _pipenv(files: Tree, base: str, project: dict[str, Any], needs: tuple[str, ...]) -> _Made:
    missing = [n for n in needs if not _listed(files, [f"{base}Pipfile"], n)]
    added = (f"pipenv run pip install {_words(missing)}",) if missing else ()
    return ("python -m pip install pipenv", "pipenv sync --dev", *added), "pipenv run ", False


def _pip(
    files: Tree, base: str, project: dict[str, Any], needs: tuple[str, ...], required: list[str], built: bool,
    python: str, guessed: str,
) -> Environment:  # fmt: skip
    missing = [n for n in needs if not _listed(files, required, n)]
    chosen = [p for p in required if not _FOR_TESTS.search(p) or "pytest" in needs]
    words = [f"-r {shlex.quote(p.removeprefix(base))}" for p in chosen]
    itself = any(re.search(r"^\s*(-e\s+)?\.\s*(\[.*\])?$", files.text(p) or "", re.M) for p in chosen)
    if built and not itself:
        extras = sorted({e for n in missing if (e := _extra(project, n))})
        missing = [n for n in missing if not _extra(project, n)]
        words.append(f'-e ".[{",".join(extras)}]"' if extras else "-e .")
    install = " ".join(["python -m pip install", *words, _words(missing)]).rstrip()
    rests = (*chosen, *(p for n in ("pyproject.toml", "setup.py") if built and (p := f"{base}{n}") in files))
    return Environment("pip", rests, (install,), "", python, guessed, base.rstrip("/"), built or itself)


def _words(packages: list[str]) -> str:
    return " ".join(map(shlex.quote, packages))


def _extra(project: dict[str, Any], name: str) -> str:
    extras = project.get("project", {}).get("optional-dependencies", {})
    named = [e for e in (*_GROUPS, *extras) if e in extras and _names(name, extras[e])]
    return named[0] if named else ""


def _names(name: str, requirements: list[Any]) -> bool:
    plain = re.escape(name.partition("[")[0])
    return any(isinstance(r, str) and re.match(rf"{plain}\b(?![-.])", r, re.I) for r in requirements)


def _listed(files: Tree, paths: list[str], name: str) -> bool:
    plain = re.escape(name.partition("[")[0])
    return any(re.search(rf"^[\s\"'-]*{plain}\b(?![-.])", files.text(p) or "", re.M | re.I) for p in paths)


def _toml(files: Tree, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(files.text(path) or "")
    except tomllib.TOMLDecodeError:
        return {}


def _python(ground: Ground, base: str, project: dict[str, Any]) -> tuple[str, str]:
    """The Python to install, and why if no file names it."""
    files = ground.files
    poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
    said = (
        files.text(f"{base}.python-version") or files.text(".python-version") or "",
        files.text(f"{base}runtime.txt") or "",
        _after(r"python_version\s*=", files.text(f"{base}Pipfile")),
        *(_after(r"^\s*-\s*python\s*=", files.text(f"{base}{n}")) for n in _CONDA),
        *(_after(r"^FROM\s+\S*python:", files.text(p)) for p in files.named("Dockerfile*")),
    )
    for text in said:
        if found := re.search(r"3\.(\d+)", text):
            return f"3.{found[1]}", ""
    asked = str(project.get("project", {}).get("requires-python") or poetry.get("python") or "")
    if not asked:
        asked = _after(r"python_requires\s*=", files.text(f"{base}setup.py"))
    wanted = _OF_YEAR.get(ground.day.year, "3.12" if ground.day.year > 2025 else "3.8")
    if bounds := [(m[1], int(m[2])) for m in re.finditer(r"([<>=~^!]*)\s*3\.(\d+)", asked)]:
        minor = int(wanted.partition(".")[2])
        lowest = max((n for sign, n in bounds if sign[:1] in (">", "^", "~", "=", "")), default=_OLDEST)
        highest = min(
            (n - (sign == "<") for sign, n in bounds if sign in ("<", "<=") or sign[:1] == "~"), default=_NEWEST
        )
        if any(sign in ("==", "") for sign, _ in bounds):
            highest = lowest
        return f"3.{max(lowest, min(highest, minor))}", ""
    return wanted, f"no file names a Python version; {wanted} is that of a commit of {ground.day.year}"


def _after(pattern: str, text: str | None) -> str:
    found = re.search(rf"{pattern}([^\n]*)", text or "", re.M | re.I)
    return found[1] if found else ""
