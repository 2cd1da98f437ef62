"""The image of the Dockerfile that exists: built on every change to the released branch, published beside the code."""

import fnmatch
import re
import shlex
from dataclasses import dataclass

from gradino.measure.climb.ground import Draft, Ground, NotKnownError
from gradino.measure.climb.recipes import tests
from gradino.measure.climb.testing import Suite, suite
from gradino.measure.climb.text import told, written
from gradino.measure.selection import ci_tests

RAISES = ("integration.builds@4", "release.process@2")
_NAMED = re.compile(r"(^|/)(Dockerfile|[\w-]+\.[Dd]ockerfile|Dockerfile[.-][\w-]+)$")
_BESIDE = re.compile(
    r"(^|/)(\.devcontainer|tests?|docs?|examples?|notebooks?)/|\b(dev|test|jupyter|mlflow|airflow|postgres)\b", re.I
)
_BASE = re.compile(r"^[ \t]*FROM[ \t]+\S", re.M | re.I)


@dataclass(frozen=True, slots=True)
class Image:
    """A Dockerfile, the folder it is built in, and what to add to the repository's name, if it is one of several."""

    dockerfile: str
    context: str
    suffix: str


def write(ground: Ground) -> Draft:
    """One pipeline that tests, builds and publishes; and the one of the tests, where there is none to ask for them."""
    images, faults = _images(ground)
    if not images:
        raise NotKnownError("; ".join(faults) or "a Dockerfile of the application was looked for: there is none")
    found, asked, beside = _tests(ground)
    files = written(ground, "image", images=images, suite=found, tests=asked)
    names = " and ".join(i.dockerfile for i in images)
    when = "once the tests pass" if found or asked else "although no tests stand before it"
    does = told(files, f"builds {names} and publishes {'them' if len(images) > 1 else 'it'}, {when}")
    rests = [*(i.dockerfile for i in images), *(found.home.files if found else ())]
    rests += [asked] if asked in ground.files else []
    left = (*beside.left, *(f"left out: {fault}" for fault in faults))
    return Draft(beside.files | files, beside.does | does, tuple(rests), left)


def _tests(ground: Ground) -> tuple[Suite | None, str, Draft]:
    """The tests to run first, the pipeline to ask for them instead, and that one, where it is to be written, too."""
    asked = _asked(ground)
    try:
        found = suite(ground)
        if asked or ci_tests(ground.scene):
            return found, asked, Draft({}, {}, ())
        first = tests.write(ground)
        return found, next(iter(first.files)), first
    except NotKnownError as missing:
        return None, asked, Draft({}, {}, (), () if asked else (f"no tests stand before the image: {missing}",))


def _asked(ground: Ground) -> str:
    """A pipeline of the repository that tests, and that others may ask for it."""
    return next(
        (
            f.job.path
            for f in ci_tests(ground.scene)
            if f.job.system == "GitHub Actions"
            and f.job.path.count("/") == 2
            and "workflow_call" in (ground.files.text(f.job.path) or "")
        ),
        "",
    )


def _images(ground: Ground) -> tuple[list[Image], list[str]]:
    """Images that the repository can build by itself, and why others cannot be."""
    paths = [p for p in ground.files.sizes if _NAMED.search(p) and not _BESIDE.search(p)]
    serving = {r.path for r in ground.scene.with_trait("serving", "serving-model") if r.system == "Docker"}
    chosen = [p for p in paths if p in serving] or paths
    found: list[Image] = []
    faults: list[str] = []
    for path in chosen:
        if not _BASE.search(ground.files.short(path)):
            faults.append(f"{path} names no image to start from")
            continue
        here = path.rpartition("/")[0]
        missing = {c: _lacks(ground, path, c) for c in dict.fromkeys((here, ""))}
        context = next((c for c, lack in missing.items() if not lack), None)
        if context is None:
            faults.append(f"{path} copies {missing[here][0]}, which is not in the repository")
            continue
        found.append(Image(path, context or ".", ground.called("")))
    if len(found) > 1:
        found = [Image(i.dockerfile, i.context, i.suffix + _suffix(i.dockerfile)) for i in found]
        if len({i.suffix for i in found}) < len(found):
            raise NotKnownError(f"{', '.join(i.dockerfile for i in found)}: nothing tells these images apart")
    return found, faults


def _suffix(path: str) -> str:
    """What tells one image of several: what its file adds to `Dockerfile`, else its folder, else nothing."""
    folder, _, name = path.rpartition("/")
    own = re.sub(r"(?i)[.-]?dockerfile[.-]?", "", name) or folder.rpartition("/")[2]
    return re.sub(r"[^a-z0-9]+", "-", f"-{own.lower()}").rstrip("-")


def _lacks(ground: Ground, path: str, context: str) -> list[str]:
    """What a Dockerfile copies that its context does not hold."""
    text = re.sub(r"\\\r?\n", " ", re.sub(r"^[ \t]*#.*$", "", ground.files.short(path), flags=re.M))
    lacking: list[str] = []
    for line in re.findall(r"^[ \t]*(?:COPY|ADD)[ \t]+(.+)$", text, re.M):
        if "--from=" in line or "<<" in line:
            continue
        words = re.findall(r'"([^"]+)"', line) if line.lstrip().startswith("[") else _words(line)
        here = (w for w in words[:-1] if not re.search(r"[$]|^https?:|^git@", w))
        lacking += [w for w in here if not _holds(ground, context, w)]
    return lacking


def _words(line: str) -> list[str]:
    try:
        return [w for w in shlex.split(line) if not w.startswith("--")]
    except ValueError:
        return []


def _holds(ground: Ground, context: str, source: str) -> bool:
    base = f"{context}/" if context else ""
    place = f"{base}{source.removeprefix('./').strip('/')}" if source.strip("./") else base
    if not place or place == base:
        return True
    if re.search(r"[*?\[]", place):
        return any(fnmatch.fnmatch(p, place) or fnmatch.fnmatch(p, f"{place}/*") for p in ground.files.sizes)
    return place in ground.files or any(p.startswith(f"{place}/") for p in ground.files.sizes)
