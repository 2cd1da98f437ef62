"""A Dockerfile as what it copies, installs and starts: whether it can be built from the tree, and can start."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from posixpath import basename, join, normpath

from gradino.measure import shell
from gradino.measure.first_reads import first_reads
from gradino.measure.imports import Program
from gradino.measure.installed import Installed, distribution
from gradino.measure.tree import Tree, glob

_BARE = re.compile(r"(?:docker\.io/)?(?:library/)?(?:python|debian|ubuntu)(?:[:@]\S+)?$")  # bring no package
_HOLES = re.compile(r"[$*?\[\]{}<>\\]|://|^git@|\.\.")
_UNCLEAR = re.compile(
    r"(?:\S*/)?(?:bash|sh|source|git|cp|mv|tar|unzip|ln|make|\.)\s|\./|<<|\S+\.sh\b"
)  # may bring any file
_HARMLESS = re.compile(  # commands that put none of the project's files into the image
    r"(sudo\s+)?(apt(-get)?|apk|yum|dnf|pip[\d.]*|python[\d.]*\s+-m\s+pip|uv|poetry|mkdir|chmod|chown|useradd|adduser|groupadd|addgroup|rm|echo|set|export)\s"
)
_MOUNTS = re.compile(r"\b[vV]olume|\bmount|\s-v\s")
_ARCHIVE = re.compile(r"\.(tar|tgz|tar\.\w+)\s")
_FROM = re.compile(r"\bfrom=[\"']?([\w.-]+)")
_READ = (".py", ".txt")
_MODULE = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_][\w.]*(?:\(\))?")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile, its flags apart."""

    word: str
    rest: str
    line: int
    flags: str = ""


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions, lines that go on joined, comments left out."""
    pending, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        start = start if pending else number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        if found := re.match(r"(\w+)\s+((?:--\S+\s+)*)(.*)", pending + line, re.S):
            yield Instruction(found[1].upper(), found[3].strip(), start, found[2])
        pending = ""


def words(rest: str) -> list[str]:
    """The arguments of an instruction, in its JSON or its plain form."""
    if rest.startswith("["):
        try:
            found = json.loads(rest)
        except (ValueError, RecursionError):
            return []
        return [str(w) for w in found] if isinstance(found, list) else []
    return rest.split()


@dataclass(slots=True)
class Image:
    """What the Dockerfile at `path` makes of the folder `context`, at the commit."""

    tree: Tree
    path: str
    context: str
    fresh: bool = False  # whether it is built of what the commit holds, and no more
    starts: str = ""  # the program that it starts, once its fault was asked for
    _all: list[Instruction] = field(init=False)
    _fault: str | None = None
    _whole: bool = True  # whether all that it holds of the project is known
    _folders: set[str] = field(default_factory=set)  # folders of the image that are there before something is copied
    _copied: list[tuple[str, str]] = field(default_factory=list)  # path in the image, path in the repository

    def __post_init__(self) -> None:
        self._all = list(instructions(self.tree.text(self.path) or ""))

    def _ignored(self) -> list[re.Pattern[str]] | None:
        """What .dockerignore leaves out; None where it takes something in again."""
        inside = f"{self.context}/.dockerignore".lstrip("/")
        beside = f"{self.path}.dockerignore"
        lines = (self.tree.text(beside if beside in self.tree else inside) or "").splitlines()
        said = [x.strip().removeprefix("./").strip("/") for x in lines if x.strip() and not x.startswith("#")]
        return None if any(x.startswith("!") for x in said) else [glob(x) for x in said]

    def missing(self) -> str:
        """The first copied path that the context does not hold, and why; empty where each is there, or may be."""
        ignored = self._ignored() or []
        for step in self._needed():
            if step.word in ("COPY", "ADD") and "--from" not in step.flags and "<<" not in step.rest:
                for source in words(step.rest)[:-1]:
                    place = self._placed(source)
                    if place is not None and not self.tree.holds(place):
                        return f"{source}, which is not there"
                    if place and self._among(ignored, place):
                        return f"{source}, which .dockerignore leaves out"
        return ""

    def _needed(self) -> list[Instruction]:
        """The instructions of the last stage and of those that it stands on; no other stage is built."""
        starts = [n for n, i in enumerate(self._all) if i.word == "FROM"]
        stages = [self._all[a:b] for a, b in pairwise([*starts, len(self._all)])]
        known = {stage[0].rest.lower().partition(" as ")[2].strip() or str(n): n for n, stage in enumerate(stages)}
        needed = {len(stages) - 1}
        for n in range(len(stages) - 1, -1, -1):
            if n in needed:
                bases = [*stages[n][0].rest.split()[:1], *(f for i in stages[n] for f in _FROM.findall(i.flags))]
                before = (known.get(b.lower(), int(b) if b.isdecimal() and len(b) < 9 else n) for b in bases)
                needed |= {m for m in before if m < n}
        return [i for n, stage in enumerate(stages) if n in needed for i in stage]

    def runs(self) -> list[Instruction]:
        """What is run as it is built."""
        return [i for i in self._needed() if i.word == "RUN"]

    def _placed(self, source: str) -> str | None:
        """A copied path as the repository's; None where it has a hole."""
        if _HOLES.search(source):
            return None
        return normpath(join(self.context, source.lstrip("/"))).removeprefix(".").removeprefix("/")

    def fault(self) -> str:
        """Why a container of this image fails as it starts; empty where it may not."""
        if self._fault is None:
            self._fault = self._started() if sum(i.word == "FROM" for i in self._all) == 1 else ""
        return self._fault

    def _started(self) -> str:
        ignored = self._ignored()
        if ignored is None:
            return ""
        folder, files, paths = "/", dict[str, str](), list[str]()
        installed = Installed(lambda name: self.tree.text(files.get(normpath(join(folder, name)), "")))
        start: dict[str, list[str]] = {"ENTRYPOINT": [], "CMD": []}
        for step in self._all:
            if step.word == "FROM" and not _BARE.match(step.rest.split()[0]):
                installed.known = False
            elif step.word == "WORKDIR":
                folder = normpath(join(folder, step.rest.strip("\"'")))
                self._folders.add(folder)
            elif step.word in ("COPY", "ADD") and not self._copy(step, folder, files, ignored):
                return ""
            elif step.word == "RUN":
                for command in shell.commands(step.rest):
                    installed.run(command.text)
                    self._whole = self._whole and bool(_HARMLESS.match(command.text))
                    if _UNCLEAR.match(command.text):
                        return ""
            elif step.word == "ENV" and (found := re.search(r"\bPYTHONPATH[= ][\"']?([^\s\"']+)", step.rest)):
                paths = [normpath(join(folder, p)) for p in re.sub(r"\$\{?PYTHONPATH\}?", "", found[1]).split(":") if p]
            elif step.word in start:
                start[step.word] = words(step.rest)
            if "$" in folder or any("$" in p for p in paths):
                return ""
        return self._program([*start["ENTRYPOINT"], *start["CMD"]], folder, files, paths, installed)

    def _copy(self, step: Instruction, folder: str, files: dict[str, str], ignored: list[re.Pattern[str]]) -> bool:
        """Take in what is copied; False where that is not clear."""
        *sources, target = words(step.rest) or [""]
        self._whole = self._whole and "--from" not in step.flags and not _ARCHIVE.search(step.rest)
        if "--from" in step.flags:
            return True
        if _HOLES.search(target):
            return False
        for source in sources:
            place = self._placed(source)
            if place is None:
                return False
            end = normpath(join(folder, target))
            into = target.endswith(("/", ".")) or len(sources) > 1 or end in self._folders
            self._copied.append((join(end, basename(place)) if into and place in self.tree else end, place))
            if place in self.tree:
                files[join(end, basename(place)) if into else end] = place
                continue
            before = f"{place}/" if place else ""
            for path in self.tree.sizes:
                if path.endswith(_READ) and path.startswith(before) and not self._among(ignored, path):
                    files[join(end, path.removeprefix(before))] = path
        return True

    def _among(self, ignored: list[re.Pattern[str]], path: str) -> bool:
        """Whether patterns leave out a path, or a folder above it."""
        inner = path.removeprefix(f"{self.context}/")
        parts = [inner.rsplit("/", n)[0] for n in range(inner.count("/") + 1)]
        return any(p.match(x) for p in ignored for x in parts)

    def _program(
        self, said: list[str], folder: str, files: dict[str, str], paths: list[str], installed: Installed
    ) -> str:
        """Why what the image starts fails, once the tree is known that it finds."""
        if said[:2] in (["sh", "-c"], ["/bin/sh", "-c"], ["bash", "-c"], ["/bin/bash", "-c"]):
            said = said[2:]
        commands = shell.commands(" ".join(said))
        if len(commands) != 1:
            return ""
        python = (p.removeprefix(f"{self.context}/") for p in self.tree.sizes if p.endswith(".py"))
        own = {p.partition("/")[0].removesuffix(".py") for p in python}

        def lacks(name: str) -> bool:
            mine = name in own and not installed.may_bring(distribution(name)) and name not in sys.stdlib_module_names
            return installed.lacks(name) or mine

        head, script, place = _program(commands[0].text)
        if head and installed.lacks(head):
            return f"starts {head}, which is not installed there"
        target = normpath(join(folder, place)) if script else ""
        roots = [r.rstrip("/") for r in (target.rpartition("/")[0] if script else folder, *paths)]
        if not script and place:
            inner = [f"{r}/{place.replace('.', '/')}{end}" for r in roots for end in (".py", "/__init__.py")]
            target = next((p for p in inner if p in files), "")
        if target not in files:
            top = place.partition(".")[0]
            nowhere = not script and top not in sys.stdlib_module_names and not installed.may_bring(distribution(top))
            gone = self._whole and (nowhere or (script and not place.startswith("/")))
            return f"starts {place}, which is not there" if place and gone else ""
        self.starts = files[target]
        why = Program(files, tuple(roots), self.tree.text, lacks, script, self._whole).fault(target)
        return why or self._unread(files[target], folder)

    def _mounted(self) -> bool:
        """Whether something says that a container is given files when it starts."""
        said = (p for p in self.tree.sizes if p.endswith((".yml", ".yaml", ".tf", ".sh", ".json", "Makefile")))
        return any(_MOUNTS.search(self.tree.short(p)) for p in said)

    def _unread(self, path: str, folder: str) -> str:
        """Why a program fails as it starts: a file that it reads first is not in the image."""
        for read in first_reads(self.tree.text(path) or "") if self.fresh and self._whole else ():
            place = normpath(join(folder, read))
            inside = (p + place[len(e) :] for e, p in self._copied if f"{place}/".startswith(f"{e.rstrip('/')}/"))
            there = _HOLES.search(read) or any(self.tree.holds(p.strip("/")) for p in inside)
            if not there and not self._mounted():
                return f"{path} reads {read}, which is not in the image"
        return ""


def _program(command: str) -> tuple[str, bool, str]:
    """What a command starts: the tool, whether a script follows, and the script or module; empty where not clear."""
    said = command.split()
    head, rest = basename(said[0]), said[1:]
    if re.fullmatch(r"python[\d.]*", head):
        while rest and re.fullmatch(r"-[uBOEI]+", rest[0]):
            rest = rest[1:]
        if rest[:1] == ["-m"] and len(rest) > 1:
            if rest[1] not in ("uvicorn", "gunicorn", "hypercorn"):
                return "", False, rest[1]
            head, rest = rest[1], rest[2:]
        elif rest and rest[0].endswith(".py"):
            return "", True, rest[0]
    if head in ("uvicorn", "gunicorn", "hypercorn") and not re.search(
        r"--(app-dir|chdir|pythonpath|config)\b|-c\s", command
    ):
        return head, False, next((m[1] for w in rest if (m := _MODULE.fullmatch(w))), "")
    return "", False, ""


def lifeless(tree: Tree) -> dict[str, str]:
    """Dockerfiles whose image cannot start, whichever folder it is made of, and why."""
    found = {}
    for path, images in _possible(tree):
        faults = [i.fault() for i in images]
        if faults and all(faults):
            found[path] = faults[0]
    return found


def idle(tree: Tree) -> set[str]:
    """Programs that images would start, and that none of them can."""
    fated = [(i.fault(), i.starts) for _, images in _possible(tree) for i in images]
    return {s for why, s in fated if why} - {s for why, s in fated if not why}


def _possible(tree: Tree) -> Iterator[tuple[str, list[Image]]]:
    """Each Dockerfile, with its images of the folders that hold all that it copies."""
    for path in tree.named("Dockerfile*", "*.Dockerfile", "*.dockerfile"):
        folders = sorted({"", path.rpartition("/")[0]})
        yield path, [i for f in folders if not (i := Image(tree, path, f)).missing()]
