"""The commands of a project that train a model: one that somebody named, a target of a Makefile, a Python file."""

import re
from dataclasses import dataclass

from gradino.measure.climb.ground import Ground, NotKnownError
from gradino.measure.climb.machine import Reached, reached
from gradino.measure.follow import Effect
from gradino.measure.python import BODY, MAIN

_SHOWN = re.compile(r"(^|/)(examples?|docs?|tutorials?|demos?|benchmarks?|notebooks?|tests?|experiments?)/")
_NAMED = re.compile(r"(^|[/_])(train\w*|fit|training_pipeline|pipeline|main|run)\.py$")
_ENTERS = re.compile(
    r"docker|venv|conda|ssh|curl|\bcd\b|poetry run|pipenv run|uv run"
)  # another place than it starts in


@dataclass(frozen=True, slots=True)
class Way:
    """A command that trains, the file that describes it, what it reaches, and what it needs first."""

    words: str
    path: str
    runs: Reached
    effects: tuple[Effect, ...]
    before: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    wrapped: bool = True  # runs inside the environment, rather than entering it itself


def trains(effects: tuple[Effect, ...]) -> bool:
    """Whether one of the effects is a training."""
    return any(e.verb in ("train", "submit") for e in effects)


def named(ground: Ground) -> Way | None:
    """The command that the user named."""
    if not ground.command:
        return None
    effects = tuple(ground.scene.follower.script(ground.command, 1, "the command", ""))
    if not trains(effects):
        raise NotKnownError(f"`{ground.command}` is not seen to train a model")
    paths = [p for w in ground.command.split() if (p := ground.scene.code.file(w)) and p.endswith(".py")]
    path = next(iter(paths), next(e.path for e in effects if e.verb in ("train", "submit")))
    return Way(ground.command, path, reached(ground, path), effects, wrapped=ground.command.startswith("python"))


def target(ground: Ground) -> Way | None:
    """A target of the Makefile whose only purpose is to train."""
    found: list[Way] = []
    for job in ground.scene.jobs:
        if job.system != "Makefile" or job.path not in ("Makefile", "makefile") or "train" not in job.name:
            continue
        effects = tuple(e for s in job.steps for e in ground.scene.follower.step(job, s))
        others = {"deploy", "publish", "serve", "test", "build"} & {e.verb for e in effects}
        recipe = (ground.files.text(job.path) or "").partition(f"\n{job.name}:")[2].partition("\n\n")[0]
        if trains(effects) and not others and not _ENTERS.search(recipe):
            paths = dict.fromkeys(e.path for e in effects if e.path.endswith(".py"))
            found.append(Way(f"make {job.name}", job.path, [r for p in paths for r in reached(ground, p)], effects))
    return found[0] if len(found) == 1 else None


def script(ground: Ground) -> Way | None:
    """The file that trains when it is run; one that is named so goes before others."""
    found: dict[str, tuple[Effect, ...]] = {}
    for path in sorted(ground.scene.near(ground.scene.training_files)):
        module = ground.scene.code.module(path)
        if path.endswith(".ipynb") or _SHOWN.search(path) or module is None:
            continue
        effects = tuple(ground.scene.follower.python(path, (BODY, MAIN), (), 0))
        runs = MAIN in module.functions or any(
            e.verb == "train" and e.function == BODY and e.path == path for e in effects
        )
        if runs and trains(effects) and not any(e.verb in ("serve", "deploy") for e in effects):
            found[path] = effects
    for chosen in (
        [p for p in found if re.search(r"train", p.rpartition("/")[2])],
        [p for p in found if _NAMED.search(p)],
        list(found),
    ):
        if len(chosen) == 1:
            return Way("", chosen[0], reached(ground, chosen[0]), found[chosen[0]])
        if chosen:
            raise NotKnownError(
                f'{", ".join(chosen[:4])} each train something; name the one: --train "python {chosen[0]}"'
            )
    return None
