"""Probe of reproducibility: the environment of training, its data and one command, all of the same model."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator
from itertools import chain

from gradino.measure import shell
from gradino.measure.automation import Resource
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.probes.traceability import DATA_VERSION, written
from gradino.measure.scene import Scene, tested
from gradino.measure.tree import MISSING

_SHOWN_ONLY = re.compile(r"(^|/)(examples?|docs?|tutorials?|demos?|benchmarks?|samples?|sandbox|playground|legacy|archive\w*|deprecated)(/|$)")  # fmt: skip
# Environments of something other than training, and folders that hold nothing but environments.
_BESIDE = re.compile(
    r"(^|[-_.])(tests?|dev|ci|cicd|lint|docs?|api|app|lambda|serv\w*|deploy\w*|dashboard|monitor\w*|drift|demo|scor\w*|infer\w*|predict\w*|airflow|front\w*)([-_.]|$)",
    re.I,
)
_ENVIRONMENTS = re.compile(r"(^|/)(env\w*|requirements|dockers?|conda|config\w*|images?|resources|train\w*)$", re.I)
_SETUPS = ("pyproject.toml", "setup.py", "Pipfile")  # say what may be installed, not what is
_FROZEN_DATA = re.compile(
    r"kaggle\.com/(datasets|c|competitions|\w+/)|kaggle (datasets|competitions) download|archive\.ics\.uci|zenodo\.org|"
    r"huggingface\.co/datasets|openml\.org|figshare|raw\.githubusercontent\.com/\S+\.(csv|zip|parquet)|physionet|nyc-tlc|d37ci6vzurychx|\bTLC\b[^.\n]{0,40}\btrip\srecord|"
    r"UCI (machine learning )?repository|grouplens|drivendata\.org/competitions|aicrowd\.com|zindi\.africa|dataverse|cocodataset|image-net\.org|"
    r"data\s?sets?\b[^.]{0,80}\b(from|on|at)\b[^.]{0,20}\bkaggle|kaggle('s)?\b[^.]{0,60}\bdata\s?set",
    re.I,
)
_DIGEST = re.compile(
    r"log_(input|dataset)$|^mlflow\.data\.(\w+\.)?from_"
)  # tells whether data is the same, and keeps none
_NOT_TRAINING = re.compile(r"(^|/)[^/]*(monitor|test|drift|reference|serv|deploy|predict|infer|api|mlruns)[^/]*/", re.I)
_TRIED = re.compile(r"(^|/)(notebooks?|research|eda|exploration)/", re.I)  # where somebody looked at the data
_DATA = re.compile(r"(^|/)(data|dataset|input|raw)s?/.*\.(csv|parquet|json|jsonl|tsv|xlsx|feather|txt|npz)$")
_ABOUT_DATA = re.compile(
    r"header|metadata|schema|columns|feature_names|label_map|requirements|readme|config|request", re.I
)
# What a run left behind, where no folder says that it is data.
_LEFT = re.compile(
    r"importance|(^|[-_/])(shap|results?|predictions?|submissions?|leaderboard|metrics|scores|reports?)[-_.\d]", re.I
)
# Images that are another one tomorrow, in what defines training; those that only serve or are built do not count.
_MOVING = re.compile(r"^(?!.*(?:serving|prediction|postgres|artifact|docker (?:tag|push|build))).*(?:image|docker|container|\.cr\.|ecr|gcr|mcr|pkg\.dev).*:latest\b", re.I | re.M)  # fmt: skip
_VERSIONED = re.compile(r"^(?!(?:python|ubuntu|debian|alpine|bash|busybox)\b)[^\s{]+:(?!latest)[^\s{]*\d[^\s{]*$")
_JOB_FILES = ("Argo", "Kubernetes", "Azure ML", "Vertex", "SageMaker", "Databricks")  # systems whose jobs name an image
_OTHER_SCRIPT = re.compile(r"serv|api|app|predict|infer|scor|deploy|monitor|dashboard|test|eval", re.I)
_DECLARED = re.compile(r"""["']?([\w-]+)["']?\s*=\s*["']?([A-Za-z_][\w.]*):(\w+)["']?""")
_MOST_SCRIPTS = 40  # far from training, followed to see whether they train
# What trains, by the name it is imported by → how lists of dependencies may call it.
_LEARNERS = {
    "sklearn": "scikit-learn|sklearn", "torch": "torch", "tensorflow": "tensorflow", "keras": "keras|tensorflow", "xgboost": "xgboost",
    "lightgbm": "lightgbm", "catboost": "catboost", "transformers": "transformers", "pytorch_lightning": "lightning", "lightning": "lightning",
    "fastai": "fastai", "spacy": "spacy", "statsmodels": "statsmodels", "prophet": "prophet", "ultralytics": "ultralytics", "gensim": "gensim",
    "pycaret": "pycaret", "autogluon": "autogluon", "sktime": "sktime", "implicit": "implicit", "surprise": "surprise", "jax": "jax", "pyspark": "pyspark",
}  # fmt: skip


def retrains_the_same(scene: Scene) -> list[Evidence]:
    """Pin the environment, version the data or fix a snapshot, and offer one command that retrains."""
    command, started = _one_command(scene) or (None, "")
    environment, home = _environment(scene, started) or (None, "")
    parts = [e for e in (environment, _fixed_data(scene, home), command) if e is not None]
    if len(parts) == 3:
        return parts
    return [Evidence(e.source, e.locator, e.says, Strength.DECLARED) for e in parts]


def _trainers(scene: Scene) -> set[str]:
    """Files that train the project's own model, not one to show how."""
    return {p for p in scene.training_files if not _SHOWN_ONLY.search(p.rpartition("/")[0])}


def _environment(scene: Scene, started: str) -> tuple[Evidence, str] | None:
    """The pinned environment nearest to the training that a command starts, lock files first, and the folder it is for."""
    trainers, submitters = _trainers(scene), {u.path for u in scene.used("submit")}
    files = {started} if started.endswith(".py") else trainers | submitters
    folders = {p.rpartition("/")[0] for p in files}
    near = [
        (r, home)
        for r in scene.resources
        if r.kind == "environment" and not _BESIDE.search(r.name) and not _SHOWN_ONLY.search(r.path)
        for home in (_home(r.path),)
        if (not home or any(f == home or f.startswith(f"{home}/") for f in folders)) and _holds_learner(scene, r)
    ]
    listed = [(r, home) for r, home in near if "image" not in r.traits and r.name not in _SETUPS]
    pinned = [(r, home) for r, home in near if "pinned" in r.traits and not ("image" in r.traits and listed)]
    if _moves(scene, trainers | submitters):
        return None
    if not pinned:
        return _image(scene)
    resource, home = max(pinned, key=lambda x: ("lock" in x[0].traits, x[0].path.count("/")))
    fixed = {h for _, h in pinned}
    if any("pinned" not in r.traits and len(h) > len(home) and h not in fixed for r, h in listed):
        return None
    says = f"the environment is pinned ({resource.name})"
    return scene.see(resource.path, resource.line, says, source="environment"), home


def _holds_learner(scene: Scene, resource: Resource) -> bool:
    """Whether an environment lists something that the project trains with; images and locks are taken to."""
    wanted = {p for path in _trainers(scene) if (m := scene.code.module(path)) for p in m.packages if p in _LEARNERS}
    if not wanted or {"lock", "image"} & resource.traits or resource.system != "environment":
        return True
    names = "|".join(_LEARNERS[w] for w in wanted)
    return bool(re.search(names, (scene.tree.text(resource.path) or "").lower()))


def _moves(scene: Scene, trainers: set[str]) -> bool:
    """Whether training asks for an image without a version."""
    jobs = {f.job.path for f in scene.firings if f.effect.verb in ("train", "submit") and f.job.system in _JOB_FILES}
    docker = [p for p in scene.tree.named("Dockerfile*", "*.Dockerfile") if not _BESIDE.search(p.replace("/", "."))]
    return any(_MOVING.search(scene.tree.short(p)) for p in (*trainers, *jobs) if not p.endswith(".ipynb")) or any(
        re.search(r"^FROM\s+\S+:latest(?=[\s\S]*(pip|conda|python|Rscript))", scene.tree.short(p), re.M) for p in docker
    )


def _image(scene: Scene) -> tuple[Evidence, str] | None:
    """An image by version in which a job trains."""
    for firing in scene.firings:
        job = firing.job
        images = job.image.split() if firing.effect.verb == "train" and job.system in _JOB_FILES else []
        if images and all(map(_VERSIONED.match, images)):
            return scene.see(job.path, job.line, f"trains in {job.image}", source=job.system), ""
    return None


def _home(path: str) -> str:
    """The folder that an environment file is for: where it lies, or above the folders that hold nothing else."""
    place = path.rpartition("/")[0]
    while place and _ENVIRONMENTS.search(place):
        place = place.rpartition("/")[0]
    return place


def _fixed_data(scene: Scene, home: str) -> Evidence | None:
    training = scene.near(scene.training_files)
    for resource in scene.resources:
        if "versioned-data" in resource.traits:
            return scene.see(resource.path, resource.line, f"{resource.name} is versioned", source=resource.system)
    recorded = training | {u.path for u in scene.used("track", "register")}
    for use in scene.used("record-data"):
        if use.path in recorded and not use.path.endswith(".ipynb") and not _DIGEST.search(use.says):
            return scene.see(use.path, use.line, f"{use.says} names the data's version")
    if named := written(scene, recorded, DATA_VERSION, "names the data's version"):
        return named[0]
    if any(u.path in training for u in scene.used("collect")) or _moving(scene):
        return None
    in_scripts = any(p.endswith(".py") for p in _trainers(scene))
    for use in scene.used("fixed"):
        aside = _SHOWN_ONLY.search(use.path) or (in_scripts and use.path.endswith(".ipynb"))
        if _same(home, use.path) and not aside:
            return scene.see(use.path, use.line, f"{use.says} reads data that does not change")
    said = "\n".join(scene.tree.short(p) for p in sorted(training) if not p.endswith(".ipynb"))
    for path in scene.tree.sizes:
        inside = bool(_DATA.search(path))
        if not (inside or path.endswith((".csv", ".parquet"))) or not _same(home, path) or _ABOUT_DATA.search(path):
            continue
        if not inside and _LEFT.search(path.rpartition("/")[2]):
            continue
        if not _large(scene, path, 2_000 if inside else 20_000):
            continue
        beside = _NOT_TRAINING.search(path) or (in_scripts and _TRIED.search(path))
        if not beside or path.rpartition("/")[2] in said:
            return scene.see(path, 0, "the data lies at a commit", source="git")
    for path in scene.tree.named("*.sh", "Makefile", "Dockerfile*") if _same(home, "") else ():
        for command in shell.commands(scene.tree.short(path), 1):
            if "fixed" in shell.verbs(command.text):
                return scene.see(path, command.line, f"fetches data that does not change: {command.text[:80]}")
    fits = {id(f.job) for f in scene.firings if f.effect.verb == "train"}
    for firing in scene.firings:
        if (
            firing.effect.verb == "fixed"
            and id(firing.job) in fits
            and not firing.effect.path.endswith((".py", ".ipynb"))
        ):
            return scene.show(firing, "fetches data that does not change")
    for path, number, line in scene.documents():
        if _same(home, path) and (found := _FROZEN_DATA.search(line)):
            return scene.see(path, number, f"names where its data lies: {found[0]}", source="documentation")
    return None


def _moving(scene: Scene) -> bool:
    """Whether a job that trains by itself fetches the newest data first."""
    fetches = {id(f.job) for f in scene.fired("collect")}
    return any(id(f.job) in fetches for f in scene.fired("train", "submit"))


def _large(scene: Scene, path: str, least: int) -> bool:
    """Whether a file of data is no mere sample; what a partial clone left out or Git LFS keeps elsewhere is none."""
    if scene.tree.sizes[path] > least or f"{path}: {MISSING}" in scene.tree.notes:
        return True
    return scene.tree.sizes[path] > 100 and scene.tree.short(path).startswith("version https://git-lfs")


def _same(home: str, path: str) -> bool:
    """Whether a place belongs to the part of the repository that an environment is for; the root's belong to all."""
    top = path.partition("/")[0]
    return not home or "/" not in path or top in ("data", "docs") or top == home.partition("/")[0]


def _one_command(scene: Scene) -> tuple[Evidence, str] | None:
    """What retrains, and the file it starts."""
    trainers = _trainers(scene)
    for resource in scene.resources:
        if "stage" in resource.traits and trainers:
            return scene.see(resource.path, resource.line, "dvc repro retrains", source="DVC"), resource.path
    for firing in scene.firings:
        if firing.effect.verb in ("train", "submit") and not firing.off and firing.job.triggers:
            return scene.show(firing, "retrains"), firing.effect.path
    if "MLproject" in scene.tree and trainers:
        return scene.see("MLproject", 1, "mlflow run retrains", source="MLflow"), "MLproject"
    if declared := _console(scene, trainers):
        return declared
    near, perhaps = scene.near(trainers), None
    for path in chain(sorted(near), _scripts(scene, near) if trainers else ()):
        module = scene.code.module(path) if not path.endswith(".ipynb") else None
        if module is None:
            continue
        start = module.functions.get("<main>")
        body = bool(module.functions["<body>"].calls) and not _SHOWN_ONLY.search(path.rpartition("/")[0])
        reached = list(scene.code.reach(path)) if start or body or path in trainers else []
        found = scene.see(path, start.line if start else 1, f"python {path} retrains"), path
        if any(m.path in trainers and _fits(scene, m.path, f.name) for m, f in reached):
            return found
        loads = start and any(m.path in trainers for m, _ in reached)
        if loads and "train" in scene.tree.short(path) and not _OTHER_SCRIPT.search(path.rpartition("/")[2]):
            perhaps = perhaps or found  # what it calls is chosen as it runs
    return perhaps


def _console(scene: Scene, trainers: set[str]) -> tuple[Evidence, str] | None:
    """A command that the project declares, where it trains."""
    for path in scene.tree.named("pyproject.toml", "setup.py", "setup.cfg") if trainers else ():
        text = scene.tree.short(path)
        if "[tool.kedro]" in text:
            return scene.see(path, 1, "kedro run retrains"), path
        for name, module, function in _DECLARED.findall(text):
            script, rest = scene.code.find(module)
            reached = scene.code.reach(script, ("<body>", function)) if script and not rest else ()
            if any(m.path in trainers and _fits(scene, m.path, f.name) for m, f in reached):
                return scene.see(path, 1, f"{name} retrains"), script
    return None


def _scripts(scene: Scene, known: set[str]) -> Iterator[str]:
    """What can be started besides the known files, what lies highest first."""
    found = (
        p
        for p in scene.code.paths
        if p not in known and not tested(p) and (p.endswith("__main__.py") or "__main__" in (scene.tree.text(p) or ""))
    )
    yield from sorted(found, key=lambda p: (p.count("/"), p))[:_MOST_SCRIPTS]


def _fits(scene: Scene, path: str, function: str) -> bool:
    return any(u.path == path and u.function == function for u in scene.used("train"))
