"""Steps of which reading proves that every firing fails, and what stands behind them.

A job starts from a fresh checkout: a file that a step names and that neither the commit nor an earlier step can have
put there is missing each time. Proofs are certain or not given: a variable, a condition, a command that may write files
ends what can be said of the rest of its job.
"""
# ruff: noqa: E501 - a table reads better unwrapped

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from posixpath import join, normpath

from gradino.measure import shell, yaml
from gradino.measure.automation import Job, Step
from gradino.measure.first_reads import first_reads
from gradino.measure.images import Image
from gradino.measure.installed import Installed
from gradino.measure.tree import Tree

# Steps that put nothing into the checkout, and commands that do not.
_CLEAN_USES = re.compile(
    r"actions/(setup-|github-script|upload-)|aws-actions/(configure-aws|amazon-ecr-login|amazon-ecs-)|docker/|astral-sh/setup-uv|"
    r"google-github-actions/(auth|setup-gcloud)|azure/(login|docker-login|setup-|aks-set-context|k8s-set-context)|hashicorp/setup-",
    re.I,
)
_CLEAN = re.compile(
    r"(sudo\s+|\w+=\"?\$\()?(echo|printf|export|set|cd|ls|pwd|true|:|env|which|date|df|whoami|docker\s+(login|build|buildx|push|tag|pull|images|info|version)|"
    r"aws\s+(ecr|sts|configure|ecs)|gcloud\s+(auth|config|run|builds|components)|az\s+(login|acr|([a-z-]+\s+)+(show|list))|git\s+(remote|config|push)|apt(-get)?|kubectl|helm|"
    r"(python[\d.]*\s+-m\s+)?pip[\d.]*\s+(install|list|freeze|config|cache)(?!.*\s(-t|--target)\b)|(python[\d.]*|pip[\d.]*|node|npm)\s+(--version|-V|-v)\s*$|ruff|flake8|black|isort|mypy|pylint)(\s|$)"
)
_WRITES = re.compile(
    r"(?<![0-9&>])>+(?![>\s]*(\"?\$\{?GITHUB_|/dev/null|&))|\btee\b|(--output|\s-[oO])[\s=](?!(tsv|json|table|text|yaml|none)\b)"
)
_BRANCHES = re.compile(r"^\s*(if|for|while|until|case|function|trap)\b|\(\)\s*\{|<<|^\s*set\s+\+e|^\s*\w+\(\)", re.M)
_UNSURE = re.compile(r"[$*?\[\]{}<>`~]|://")
_DOCKER_VALUED = frozenset(
    {"-t", "--tag", "-f", "--file", "--build-arg", "--platform", "--cache-from", "--cache-to", "--progress", "--label",
     "--network", "--secret", "--ssh", "-o", "--output", "--iidfile", "--add-host", "-m", "--memory", "--shm-size", "--builder"}
)  # fmt: skip
_TASK = re.compile(r"amazon-ecs-(render-task-definition|deploy-task-definition)")
_REGARDLESS = re.compile(r"\b(always|failure|cancelled)\(")
Verbs = Callable[[Job, Step], Iterable[str]]


@dataclass(slots=True)
class _Run:
    """What is known of a job's machine as its steps go by."""

    tree: Tree
    python: bool = False  # set up from nothing but a bare Python
    fresh: bool = False  # the checkout holds what the commit holds, and no more
    images: list[Image] = field(default_factory=list)
    installed: Installed = field(init=False)
    folder: str = ""

    def __post_init__(self) -> None:
        self.installed = Installed(lambda name: self.tree.text(normpath(join(self.folder, name))))

    def lacks(self, path: str) -> bool:
        """Whether a path is certainly not there as the step begins; `path` as seen from the step's folder."""
        place = normpath(join(self.folder, path))
        unsure = not path or place.startswith(("/", "..")) or _UNSURE.search(place)
        return self.fresh and not unsure and not self.tree.holds(place)

    def used(self, step: Step) -> str:
        """Why a named step fails; takes in what it leaves behind."""
        if step.uses.startswith("actions/checkout"):
            plain = not any(step.input(k) for k in ("repository", "path", "ref", "sparse-checkout"))
            self.fresh = plain
        elif step.uses.startswith("actions/setup-python"):
            self.python = True
        elif step.uses.startswith("./") and self.lacks(step.uses):
            return f"the action {step.uses} is not there"
        elif _TASK.search(step.uses) and self.lacks(step.input("task-definition")):
            return f"the task definition {step.input('task-definition')} is not there"
        if "docker/build-push-action" in step.uses:
            context = step.input("context").removeprefix("./") or "."
            if why := self._built(context, step.input("file")):
                return why
        if not (_CLEAN_USES.match(step.uses) or step.uses.startswith("actions/checkout")):
            self.fresh = self.python = False
        return ""

    def command(self, command: shell.Command) -> str:
        """Why a command fails; takes in what it leaves behind."""
        text = command.text
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if why := "" if command.soft or command.piped else self._fault(words):
            return why
        self.installed.run(text)
        if changed := re.match(r"cd\s+(\S+)\s*$", text):
            if _UNSURE.search(changed[1]) or changed[1].startswith("/"):
                self.fresh = False
            self.folder = normpath(join(self.folder, changed[1]))
        if not _CLEAN.match(text) or _WRITES.search(text):
            self.fresh = False
        return ""

    def _fault(self, words: list[str]) -> str:
        head, rest = (words[0], words[1:]) if words else ("", [])
        if head == "cd" and rest and self.lacks(rest[0]):
            return f"the folder {rest[0]} is not there"
        if head == "git" and rest[:1] == ["push"] and "huggingface.co/spaces" in " ".join(rest):
            sdk = re.match(r"---\n(?:.*\n){0,40}?sdk:\s*(\w+)", self.tree.text("README.md") or "")
            made = sdk[1] == "docker" if sdk else "Dockerfile" in self.tree
            return self._built(".", "") if made and not self.folder else ""  # the Space builds what is pushed
        if head in ("docker", "podman") and "build" in rest[:2]:
            return self._docker(rest[rest.index("build") + 1 :])
        if re.fullmatch(r"python[\d.]*|bash|sh", head) and rest and re.search(r"\.(py|sh)$", rest[0]) and self.lacks(rest[0]):  # fmt: skip
            return f"{rest[0]} is not there"
        if re.fullmatch(r"python[\d.]*", head) and (read := self._unread(rest)):
            return read
        if head in ("pip", "pip3") and "-r" in rest[:-1] and self.lacks(rest[rest.index("-r") + 1]):
            return f"{rest[rest.index('-r') + 1]} is not there"
        tool = rest[1] if re.fullmatch(r"python[\d.]*", head) and rest[:1] == ["-m"] and len(rest) > 1 else head
        if tool == "pytest" and self.python and self.installed.lacks(tool):
            return "no step installs pytest"
        return ""

    def _unread(self, words: list[str]) -> str:
        """Why a script fails as it starts: the first file that it reads is not there."""
        script = f"{words[1].replace('.', '/')}.py" if words[:1] == ["-m"] and len(words) > 1 else (words or [""])[0]
        place = normpath(join(self.folder, script))
        for read in first_reads(self.tree.text(place) or "") if self.fresh and script.endswith(".py") else ():
            if self.lacks(read):
                return f"{place} reads {read}, which is not there"
        return ""

    def _docker(self, words: list[str]) -> str:
        file, context, rest = "", "", iter(words)
        for word in rest:
            option, equals, value = word.partition("=")
            if option in ("--target", "--build-context"):
                return ""
            if option in _DOCKER_VALUED:
                value = value if equals else next(rest, "")
                file = value if option in ("-f", "--file") else file
            elif not word.startswith("-"):
                context = word
        place = normpath(join(self.folder, file)) if file else ""
        return self._built(context, place)

    def _built(self, context: str, file: str) -> str:
        """Why an image cannot be built of a context; `file` as seen from the root of the checkout."""
        place = normpath(join(self.folder, context)).removeprefix(".")
        path = file.removeprefix("./") or f"{place}/Dockerfile".lstrip("/")
        if not context or _UNSURE.search(context + file) or context.startswith("/") or place.startswith("."):
            return ""
        if path in self.tree:
            image = Image(self.tree, path, place, self.fresh)
            self.images.append(image)
            missing = image.missing() if self.fresh else ""
            return f"{path} copies {missing}" if missing else ""
        return f"{path} is not there" if self.fresh and not self.tree.holds(path) else ""


def marked(tree: Tree, jobs: list[Job], verbs: Verbs) -> list[Job]:
    """The jobs, with a reason beside every step that cannot work and whatever comes after it."""
    if tree.real or tree.clean:  # a template: what a project adds to it is not known
        return jobs
    failed: dict[str, str] = {}  # job → why it fails
    made: list[Job] = []
    images = built(tree, jobs)
    for job in jobs:
        if job.system == "GitHub Actions" and not job.off:
            steps, why = _steps(tree, job, images, verbs)
            job = replace(job, steps=tuple(steps))
            if why and not job.soft:
                failed[f"{job.group}#{job.name}"] = why
        made.append(job)
    return _behind(tree, made, failed)


def _steps(tree: Tree, job: Job, images: dict[str, list[Image]], verbs: Verbs) -> tuple[list[Step], str]:
    run, found, why = _Run(tree), list[Step](), ""
    hosted = not job.image and not re.search(r"self-hosted|windows|\$", job.runner)
    for step in job.steps:
        if step.off:
            found.append(step)
            continue
        if why:
            found.append(step if _stands(tree, job, step) else replace(step, off=f"an earlier step cannot work: {why}"))
            continue
        parts, said = _step(run, step) if hosted else ([step], "")
        if not said and (dead := _lifeless(job, images, run.images)) and "deploy" in verbs(job, step):
            said = dead
            parts = [*parts[:-1], replace(parts[-1], off=f"cannot work: {said}")]
        found += parts
        why = "" if step.soft else said
    return found, why


def _step(run: _Run, step: Step) -> tuple[list[Step], str]:
    """A step, parted before the command that cannot work, and why that one cannot."""
    run.folder = "" if step.uses else step.folder
    if step.uses:
        why = run.used(step)
        return ([replace(step, off=f"cannot work: {why}")] if why else [step]), why
    if not step.run:
        return [step], ""
    if run.lacks(step.folder and "."):
        why = f"the folder {step.folder} is not there"
        return [replace(step, off=f"cannot work: {why}")], why
    if _BRANCHES.search(step.run):
        run.fresh = run.python = False
        return [step], ""
    for command in shell.commands(step.run, step.line):
        if why := run.command(command):
            lines = step.run.split("\n")
            cut = command.line - step.line
            after = replace(step, run="\n".join(lines[cut:]), line=command.line, off=f"cannot work: {why}")
            return [*([replace(step, run="\n".join(lines[:cut]))] if cut else []), after], why
    return [step], ""


def _stands(tree: Tree, job: Job, step: Step) -> bool:
    """Whether a step runs even after a failed one."""
    lines = (tree.text(job.path) or "").splitlines()
    start = next((n for n in range(min(step.line, len(lines)) - 1, -1, -1) if lines[n].lstrip().startswith("- ")), 0)
    indent = re.match(r"\s*- ", lines[start]) if lines else None
    end = next((n for n in range(start + 1, len(lines)) if indent and lines[n].startswith(indent[0])), len(lines))
    return any(re.match(r"[\s-]*if:", x) and _REGARDLESS.search(x) for x in lines[start:end])


def built(tree: Tree, jobs: list[Job]) -> dict[str, list[Image]]:
    """The images that each job builds, where all that it builds is clear."""
    found: dict[str, list[Image]] = {}
    for job in jobs:
        run = _Run(tree)
        for step in job.steps if not job.off else ():
            if "docker" in f"{step.run} {step.uses}" and not step.off:
                _step(run, step)
        if run.images:
            found[f"{job.group}#{job.name}"] = run.images
    return found


def _lifeless(job: Job, images: dict[str, list[Image]], own: list[Image]) -> str:
    """Why none of the images that a job, or what it needs, builds can start; empty where one may."""
    known = own or images.get(f"{job.group}#{job.name}", [])
    known = known or [i for n in job.needs for i in images.get(n, ())]
    faults = [(i.path, i.fault()) for i in known]
    return f"the image of {faults[0][0]} cannot start: {faults[0][1]}" if faults and all(f for _, f in faults) else ""


def lifeless(tree: Tree, job: Job) -> str:
    """Why the images that a job builds cannot start; empty where one may."""
    return _lifeless(job, built(tree, [job]), [])


def _behind(tree: Tree, jobs: list[Job], failed: dict[str, str]) -> list[Job]:
    """Jobs that need one that fails never fire, unless they say that they do."""
    for _ in range(len(jobs) if failed else 0):
        before = len(failed)
        for n, job in enumerate(jobs):
            key = f"{job.group}#{job.name}"
            why = next((failed[x] for x in job.needs if x in failed), "")
            if why and key not in failed and not _REGARDLESS.search(_condition(tree, job)):
                failed[key] = why
                jobs[n] = replace(job, off=job.off or f"what it needs cannot work: {why}")
        if len(failed) == before:
            break
    return jobs


def _condition(tree: Tree, job: Job) -> str:
    bodies = yaml.first(tree.text(job.group) or "").map("jobs")
    return bodies.map(job.name.partition("/")[0]).text("if")
