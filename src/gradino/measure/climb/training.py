"""The command that trains the project's own model, what it reads and makes, and what it needs from outside."""

import re
from dataclasses import dataclass

from gradino.measure import yaml
from gradino.measure.climb.entry import python_path, started
from gradino.measure.climb.environment import Environment, environment
from gradino.measure.climb.ground import Ground, NotKnownError
from gradino.measure.climb.machine import MODEL, Machine, Reached, machine, reached
from gradino.measure.climb.packages import unlisted
from gradino.measure.follow import Effect
from gradino.measure.python import BODY, MAIN

_SHOWN = re.compile(r"(^|/)(examples?|docs?|tutorials?|demos?|benchmarks?|notebooks?|tests?|experiments?)/")
_NAMED = re.compile(r"(^|[/_])(train\w*|fit|training_pipeline|pipeline|main|run)\.py$")
_BESIDE = ("params.yaml", "dvc.yaml", "dvc.lock", "config.yaml", "requirements.txt", "uv.lock", "poetry.lock")
_METRICS = re.compile(r"(metric|score|result|report|eval)\w*\.(json|csv|txt|ya?ml)$", re.I)
# A remote of DVC, and the secrets that let a machine in.
_REMOTES: dict[str, tuple[str, ...]] = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS_DATA",),
    "azure": ("AZURE_STORAGE_CONNECTION_STRING",),
    "gdrive": ("GDRIVE_CREDENTIALS_DATA",),
    "http": (),
    "https": (),
}
_TRACKERS: dict[str, tuple[str, ...]] = {
    "wandb": ("WANDB_API_KEY",),
    "comet_ml": ("COMET_API_KEY",),
    "neptune": ("NEPTUNE_API_TOKEN",),
    "clearml": ("CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"),
}


@dataclass(frozen=True, slots=True)
class Trainer:
    """How to train: `command` after `before`, files `kept`, the `tracker` elsewhere that keeps runs if one does, what
    makes the model another one when it changes (`reads`), and whether new data comes by itself (`moving`).
    """

    home: Environment
    before: tuple[str, ...]
    command: str
    python_path: tuple[str, ...]
    secrets: tuple[str, ...]
    kept: tuple[str, ...]
    tracker: str
    reads: tuple[str, ...]
    moving: bool
    rests_on: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Way:
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


def trainer(ground: Ground) -> Trainer:
    """The one way in which the project trains.

    Raises:
        NotKnownError: there is none or more than one, or a machine that has only the repository could not go it.
    """
    way = _way(ground)
    files = {m.path for m, _ in way.runs}
    found = machine(ground, way.runs)
    _refuse(way, found)
    home = environment(
        ground, next(iter(sorted(files & ground.scene.training_files)), way.path), *way.needs, at_root=bool(way.words)
    )
    if package := unlisted(ground, home, way.runs):
        raise NotKnownError(f"{way.path} imports {package}, which {' and '.join(home.files)} does not list")
    entry = started(ground, way.path, home) if way.path.endswith(".py") else None
    words = way.words or (entry.words if entry else "")
    paths = entry.python_path if entry else python_path(ground, sorted(files), home)
    tracker, secrets = _tracker(ground, files)
    kept = way.outs or _kept(found, home)
    if not kept and not tracker:
        kept = _runs(ground, files, home)
    if not kept and not tracker:
        raise NotKnownError(
            f"{way.path} trains, but nothing says where it puts the model: a run would leave nothing behind"
        )
    wanted = tuple(dict.fromkeys((*way.secrets, *found.secrets, *secrets)))
    left = [f"give the pipeline the secret {x}" for x in wanted]
    return Trainer(
        home=home,
        before=way.before,
        command=home.command(words) if way.wrapped else words,
        python_path=paths,
        secrets=wanted,
        kept=kept,
        tracker=tracker,
        reads=_reads(ground, files, way, found),
        moving=any(e.verb == "collect" for e in way.effects),
        rests_on=tuple(sorted({way.path, *files})),
        left=(*left, *([home.guessed] if home.guessed else [])),
    )


def _way(ground: Ground) -> _Way:
    ways = [w for find in (_named, _dvc, _make, _python) if (w := find(ground))]
    if not ways:
        raise NotKnownError(
            "dvc.yaml, targets of a Makefile and Python files with a main part were looked through: none trains a"
            ' model; name the command: --train "python …"'
        )
    return ways[0]


def _trains(effects: tuple[Effect, ...]) -> bool:
    return any(e.verb in ("train", "submit") for e in effects)


def _named(ground: Ground) -> _Way | None:
    """The command that the user named."""
    if not ground.command:
        return None
    effects = tuple(ground.scene.follower.script(ground.command, 1, "the command", ""))
    if not _trains(effects):
        raise NotKnownError(f"`{ground.command}` is not seen to train a model")
    paths = [p for w in ground.command.split() if (p := ground.scene.code.file(w)) and p.endswith(".py")]
    path = next(iter(paths), next(e.path for e in effects if e.verb in ("train", "submit")))
    return _Way(ground.command, path, reached(ground, path), effects, wrapped=ground.command.startswith("python"))


def _dvc(ground: Ground) -> _Way | None:
    """`dvc repro`, after what its remote holds has been fetched."""
    if "dvc.yaml" not in ground.files:
        return None
    effects = tuple(ground.scene.follower.stages(""))
    if not _trains(effects):
        return None
    pipeline = yaml.first(ground.files.text("dvc.yaml") or "")
    stages = pipeline.map("stages")
    _supplied(ground, stages)
    outs = [o for s in stages for k in ("outs", "metrics") for o in _outs(stages.map(s), k)]
    outs += [m for m in pipeline.list("metrics") if isinstance(m, str)]
    runs = [r for p in dict.fromkeys(e.path for e in effects if e.path.endswith(".py")) for r in reached(ground, p)]
    pulled, secrets, extra = _remote(ground)
    return _Way("dvc repro", "dvc.yaml", runs, effects, pulled, secrets, tuple(outs), (f"dvc{extra}",))


def _supplied(ground: Ground, stages: yaml.Map) -> None:
    """Each file that a stage takes is in git, made by another stage, or fetched by DVC; else say which is not."""
    made = {o for s in stages for k in ("outs", "metrics", "plots") for o in _listed(stages.map(s), k)}
    for stage in stages:
        for need in _listed(stages.map(stage), "deps"):
            known = any(
                need == m or need.startswith(f"{m.rstrip('/')}/") or m.startswith(f"{need.rstrip('/')}/") for m in made
            )
            there = (
                need in ground.files
                or any(True for _ in ground.files.under(need))
                or f"{need.rstrip('/')}.dvc" in ground.files
            )
            if (
                "${" not in need
                and "://" not in need
                and not stages.map(stage).text("wdir")
                and not known
                and not there
            ):
                raise NotKnownError(f"the stage {stage} of dvc.yaml takes {need}, which neither git nor DVC holds")


def _listed(stage: yaml.Map, key: str) -> list[str]:
    return [next(iter(o), "") if isinstance(o, yaml.Map) else str(o) for o in stage.list(key)]


def _outs(stage: yaml.Map, key: str) -> list[str]:
    return [
        n
        for n in _listed(stage, key)
        if n and "${" not in n and (key != "outs" or MODEL.search(n) or "model" in n.lower())
    ]


def _remote(ground: Ground) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """What fetches the data, the secrets for it, and the extra of DVC that speaks to the remote."""
    tracked = any(True for _ in ground.files.named("*.dvc")) or "dvc.lock" in ground.files
    address = re.search(r"url\s*=\s*(\S+)", ground.files.text(".dvc/config") or "")
    sources = [p for p in ground.files.named("*.dvc") if p != ".dvc"]
    if not tracked or (not address and not sources):
        return (), (), ""
    if not address:
        raise NotKnownError(f"{sources[0]} names data that .dvc/config names no remote for: a machine cannot fetch it")
    scheme = address[1].partition("://")[0] if "://" in address[1] else ""
    if scheme not in _REMOTES:
        raise NotKnownError(f".dvc/config keeps the data in {address[1]}, which a hosted runner does not reach")
    return ("dvc pull",), _REMOTES[scheme], f"[{scheme}]" if not scheme.startswith("http") else ""


def _make(ground: Ground) -> _Way | None:
    """A target of the Makefile whose only purpose is to train."""
    found: list[_Way] = []
    for job in ground.scene.jobs:
        if job.system != "Makefile" or job.path not in ("Makefile", "makefile") or "train" not in job.name:
            continue
        effects = tuple(e for s in job.steps for e in ground.scene.follower.step(job, s))
        others = {"deploy", "publish", "serve", "test", "build"} & {e.verb for e in effects}
        recipe = (ground.files.text(job.path) or "").partition(f"\n{job.name}:")[2].partition("\n\n")[0]
        if (
            _trains(effects)
            and not others
            and not re.search(r"docker|venv|conda|ssh|curl|\bcd\b|poetry run|pipenv run|uv run", recipe)
        ):
            paths = dict.fromkeys(e.path for e in effects if e.path.endswith(".py"))
            found.append(_Way(f"make {job.name}", job.path, [r for p in paths for r in reached(ground, p)], effects))
    return found[0] if len(found) == 1 else None


def _python(ground: Ground) -> _Way | None:
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
        if runs and _trains(effects) and not any(e.verb in ("serve", "deploy") for e in effects):
            found[path] = effects
    for chosen in (
        [p for p in found if re.search(r"train", p.rpartition("/")[2])],
        [p for p in found if _NAMED.search(p)],
        list(found),
    ):
        if len(chosen) == 1:
            return _Way("", chosen[0], reached(ground, chosen[0]), found[chosen[0]])
        if chosen:
            raise NotKnownError(
                f'{", ".join(chosen[:4])} each train something; name the one: --train "python {chosen[0]}"'
            )
    return None


def _refuse(way: _Way, found: Machine) -> None:
    """Say why a machine that has only the repository could not run this."""
    if found.arguments and not way.words:
        raise NotKnownError(
            f"{way.path} wants {', '.join(found.arguments[:3])}, and no file says what to give; name all of it: --train"
        )
    if found.missing and not way.before:
        raise NotKnownError(f"{way.path} reads {', '.join(found.missing[:3])}, which the repository does not hold")
    if found.gpu:
        raise NotKnownError(f"{found.gpu} asks for a GPU, which a hosted runner does not have")
    if beside := (*found.servers, *found.databases):
        raise NotKnownError(f"{way.path} speaks to {beside[0]}, which is not there on a runner")


def _kept(found: Machine, home: Environment) -> tuple[str, ...]:
    """Models and metrics that the code writes."""
    wanted = [w for w in found.writes if MODEL.search(w) or _METRICS.search(w)]
    if not any(MODEL.search(w) for w in wanted):
        return ()
    inside = (w.removeprefix("./") for w in wanted)
    at = (w if "/" in w and not w.startswith("../") else f"**/{w.rpartition('/')[2]}" for w in inside)
    return tuple(dict.fromkeys(f"{home.folder}/{w}" if home.folder else w for w in at))


def _tracker(ground: Ground, files: set[str]) -> tuple[str, tuple[str, ...]]:
    """A tracker elsewhere that keeps each run, and its secrets."""
    used = {p for path in files if (m := ground.scene.code.module(path)) for p in m.packages}
    tracks = {u.says.partition(".")[0] for u in ground.scene.used("track", "register") if u.path in files}
    return next(((name, secrets) for name, secrets in _TRACKERS.items() if name in used & tracks), ("", ()))


def _runs(ground: Ground, files: set[str], home: Environment) -> tuple[str, ...]:
    """Where MLflow keeps runs and models when nobody names a server."""
    named = [
        c for p in files if (m := ground.scene.code.module(p)) for c in m.calls() if c.method == "set_tracking_uri"
    ]
    keeps = any(u.path in files and u.says.startswith("mlflow") for u in ground.scene.used("keep", "register"))
    local = all(t.startswith(("sqlite:", "file:", "./", "mlruns")) for c in named for t in c.texts) and all(
        c.texts for c in named
    )
    places = ("mlruns", "mlflow.db") if any(t.startswith("sqlite:") for c in named for t in c.texts) else ("mlruns",)
    return tuple(f"{home.folder}/{p}".lstrip("/") for p in places) if keeps and local else ()


def _reads(ground: Ground, files: set[str], way: _Way, found: Machine) -> tuple[str, ...]:
    """Folders and files whose change makes the model another one."""
    named = {way.path, *files, *(ground.scene.code.file(text) for text in found.reads)} - {""}
    folders = {p.partition("/")[0] for p in named if "/" in p}
    folders |= {name for name in ("data", "input", "datasets") if any(True for _ in ground.files.under(name))}
    beside = {name for name in _BESIDE if name in ground.files}
    return tuple(sorted({f"{f}/**" for f in folders} | {p for p in named if "/" not in p} | beside))
