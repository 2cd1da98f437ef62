"""The command that trains the project's own model, what it reads and makes, and what it needs from outside."""

import re
from dataclasses import dataclass

from gradino.measure.climb import dvc, ways
from gradino.measure.climb.entry import python_path, started
from gradino.measure.climb.environment import Environment, environment
from gradino.measure.climb.ground import Ground, NotKnownError
from gradino.measure.climb.machine import MODEL, Machine, machine
from gradino.measure.climb.packages import unlisted
from gradino.measure.climb.ways import Way

_BESIDE = ("params.yaml", "dvc.yaml", "dvc.lock", "config.yaml", "requirements.txt", "uv.lock", "poetry.lock")
_METRICS = re.compile(r"(metric|score|result|report|eval)\w*\.(json|csv|txt|ya?ml)$", re.I)
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


def trainer(ground: Ground) -> Trainer:
    """The one way in which the project trains.

    Raises:
        NotKnownError: there is none or more than one, or a machine that has only the repository could not go it.
    """
    way = next((w for find in (ways.named, dvc.way, ways.target, ways.script) if (w := find(ground))), None)
    if way is None:
        raise NotKnownError(
            "dvc.yaml, targets of a Makefile and Python files with a main part were looked through: none trains a"
            ' model; name the command: --train "python …"'
        )
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
    tracker, secrets = _tracker(ground, files, found)
    kept = way.outs or _kept(found, home)
    if not kept and not tracker:
        kept = _runs(ground, files, home)
    if not kept and not tracker:
        raise NotKnownError(
            f"{way.path} trains, but nothing says where it puts the model: a run would leave nothing behind"
        )
    wanted = tuple(dict.fromkeys((*way.secrets, *found.secrets, *found.addresses, *secrets)))
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


def _refuse(way: Way, found: Machine) -> None:
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


def _tracker(ground: Ground, files: set[str], found: Machine) -> tuple[str, tuple[str, ...]]:
    """A tracker elsewhere that keeps each run, and its secrets."""
    used = {p for path in files if (m := ground.scene.code.module(path)) for p in m.packages}
    tracks = {u.says.partition(".")[0] for u in ground.scene.used("track", "register") if u.path in files}
    address = next((n for n in (*found.secrets, *found.addresses) if "TRACKING_URI" in n or "MLFLOW" in n), "")
    if address and _keeps(ground, files):
        return f"the runs at {address}", ()
    return next(((name, secrets) for name, secrets in _TRACKERS.items() if name in used & tracks), ("", ()))


def _keeps(ground: Ground, files: set[str]) -> bool:
    """Whether MLflow is given the models."""
    return any(u.path in files and u.says.startswith("mlflow") for u in ground.scene.used("keep", "register"))


def _runs(ground: Ground, files: set[str], home: Environment) -> tuple[str, ...]:
    """Where MLflow keeps runs and models when nobody names a server."""
    modules = [m for p in files if (m := ground.scene.code.module(p))]
    named = [c.texts for m in modules for c in m.calls() if c.method == "set_tracking_uri"]
    local = all(texts and texts[0].startswith(("sqlite:", "file:", "./", "mlruns")) for texts in named)
    places = ["mlruns", *(["mlflow.db"] if any("sqlite:" in t for texts in named for t in texts) else [])]
    return tuple(f"{home.folder}/{p}".lstrip("/") for p in places) if local and _keeps(ground, files) else ()


def _reads(ground: Ground, files: set[str], way: Way, found: Machine) -> tuple[str, ...]:
    """Folders and files whose change makes the model another one."""
    named = {way.path, *files, *(ground.scene.code.file(text) for text in found.reads)} - {""}
    folders = {_top(ground, p) for p in named if "/" in p}
    folders |= {name for name in ("data", "input", "datasets") if any(True for _ in ground.files.under(name))}
    beside = {name for name in _BESIDE if name in ground.files}
    return tuple(sorted({f"{f}/**" for f in folders} | {p for p in named if "/" not in p} | beside))


def _top(ground: Ground, path: str) -> str:
    """The folder that a path lies in: that of the project, where the repository holds several, else the outermost."""
    return ground.folder if ground.folder and path.startswith(f"{ground.folder}/") else path.partition("/")[0]
