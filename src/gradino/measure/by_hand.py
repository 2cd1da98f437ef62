"""What a person releases with one command: a line of a document, a script, a make target."""

import re
from collections.abc import Iterator

from gradino.measure import shell
from gradino.measure.deployments import applicable, defines_a_service, image_name
from gradino.measure.evidence import Evidence
from gradino.measure.scene import Scene
from gradino.measure.scoring import scoring_files

# Scripts that put up what surrounds a model, or take it down.
_REHEARSAL = re.compile(
    r"(^|/)(tests?|ci|e2e|integration[-_]\w*)/|test|setup|bootstrap|install|clean|destroy|monitoring|mlflow|airflow",
    re.I,
)
_LONGEST = 300  # characters of a documented command
_COMPOSE_FILE = re.compile(r"\s(?:-f|--file)[ =](\S+)")
_IMAGE = re.compile(r"(?<=\s)[a-z0-9][\w.-]*(?:/[\w.-]+)+(?::[\w.-]+)?(?=\s|$)")


def told(scene: Scene) -> list[Evidence]:
    """Commands of scripts and documents that deploy."""
    defined = defines_a_service(scene)
    return [
        scene.see(
            path,
            line,
            f"{'documented' if source == 'documentation' else 'a script deploys'}: {text[:120]}",
            source=source,
        )
        for path, line, text, source in _commands(scene)
        if ("deploy" in (does := shell.verbs(text)) and applicable(scene, text))
        or (source == "script" and "provision" in does and defined)
    ]


def _commands(scene: Scene) -> Iterator[tuple[str, int, str, str]]:
    """Path, line, text and kind of source of every command that a person is given to run."""
    for path in scene.tree.named("*.sh"):
        if not _REHEARSAL.search(path):
            yield from ((path, c.line, c.text, "script") for c in shell.commands(scene.tree.short(path), 1))
    for path, number, line in scene.documents():
        if len(line) < _LONGEST:
            yield path, number, line.strip().lstrip("$> `"), "documentation"


def started(scene: Scene) -> list[Evidence]:
    """One command that starts the service's container, from an image that the same command builds or that is published.

    Where the reader has to build the image first, by another command, nothing chooses a version.
    """
    if not scoring_files(scene):
        return []
    commands = list(_commands(scene))
    pushed = {i for _, _, text, _ in commands if "publish" in shell.verbs(text) for i in _images(text)}
    built = {path for path, _, text, source in commands if source == "script" and "build" in shell.verbs(text)}
    found = [
        scene.see(path, line, f"starts the service: {text[:120]}", source=source)
        for path, line, text, source in commands
        if "start" in shell.verbs(text) and (pushed & _images(text) or _serves(scene, text, path in built))
    ]
    made = [f for f in scene.firings if f.job.system == "Makefile"]
    builds = {(f.job.path, f.job.name) for f in made if f.effect.verb == "build"}
    found += [
        scene.see(e.path, e.line, f"make {f.job.name} starts the service: {e.says[:120]}", source="Makefile")
        for f in made
        if (e := f.effect).verb == "start" and _serves(scene, e.says, (f.job.path, f.job.name) in builds)
    ]
    return found


def _serves(scene: Scene, command: str, builds: bool) -> bool:
    """Whether a container that a command starts answers others; `builds`: the image is made by the same command."""
    return _compose(scene, command) or (builds and bool(re.search(r"\s(-p|--publish)\b", command)))


def _images(command: str) -> set[str]:
    return {image_name(m) for m in _IMAGE.findall(command)}


def _compose(scene: Scene, command: str) -> bool:
    """Whether a compose command starts a service that answers with the model."""
    before, up, after = command.partition(" up")
    if not up or "compose" not in before:
        return False
    chosen = [f.rpartition("/")[2] for f in _COMPOSE_FILE.findall(before)]
    named = {w for w in after.split() if re.fullmatch(r"[\w-]+", w) and not w.startswith("-")}
    serving = [r for r in scene.with_trait("serving") if r.system == "Docker Compose"]
    here = [r for r in serving if not chosen or "$" in "".join(chosen) or r.path.rpartition("/")[2] in chosen]
    every = {r.name for r in scene.resources if r.system == "Docker Compose"}
    return any(r.name in named for r in here) if named & every else bool(here)
