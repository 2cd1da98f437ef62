"""All facts of one project, and the few questions that probes ask of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gradino.measure import baking, broken, judgements, shell, vocabulary
from gradino.measure.automation import AUTOMATIC, CHECKED, Job, Resource, Step, started, taken_down
from gradino.measure.code import Code
from gradino.measure.collectors import COLLECTORS
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.follow import Effect, Follower
from gradino.measure.history import History
from gradino.measure.python import Module
from gradino.measure.stranded import stranded
from gradino.measure.tests import Tests
from gradino.measure.tree import Tree

_INTERESTING = (
    ".fit(", ".train(", "backward(", "mlflow", "wandb", "sagemaker", "azureml", "azure.ai", "aiplatform",
    ".predict", "joblib", "pickle.load", "torch.load", "evidently", "prometheus", "whylogs", "nannyml",
    "alibi_detect", "fastapi", "flask", "Flask", "FastAPI", "bentoml", "gradio", "streamlit", "ray", "kfp",
    "litserve", "load_model", "log_metric", "clearml", "neptune", "comet", "dvclive", "hopsworks", "Monitor",
    "aporia", "langfuse", "langsmith", "logfire", "drift", "PipelineModel", "submitit", "load_dataset",
    "databricks-datasets", "sklearn.datasets", "keras.datasets", "torchvision", "kaggle", "ucimlrepo",
    "input_handler", "neuro_mf",
    "set_stage", "YOLO",
    "requests", "read_sql", "kafka", "deploy", "aim", "onnxruntime", "Model.load", "_fn(", "def predict", "def infer",
    "transformers", "maxfw", "MODEL_REGISTRY", "revision=", "model_packages",
    "googleapiclient",
    "opencensus", "sentry_sdk", "capture_config", "DataCapture",
    "LightningCLI", "apply_updates", "submit", "run_job", "run_task", "modal", "runpod", "sky.", "coiled", "boto3",
    "databricks", "create_job", "fine_tuning", "create_experiment", "JobsClient", "sbatch",
)  # fmt: skip
# What objects of a project's own classes do for it, if it makes any.
_BY_OBJECTS = frozenset({"track", "register", "keep", "watch", "drift", "alert"})
_EXERCISE = re.compile(r"(^|/)(exercises?|exercise_files|solutions|homeworks?|assignments?)/", re.I)
_PAST = re.compile(r"(^|/)(changelog|changes|history|news|release[-_]?notes)\b")
_TESTISH = re.compile(r"(^|/)([Tt]ests?|TESTS?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.(py|ipynb)$")


def tested(path: str) -> bool:
    """Whether a path is one of a test."""
    return bool(_TESTISH.search(path))


@dataclass(frozen=True, slots=True)
class Firing:
    """A step of a job that can fire, and one thing it does."""

    job: Job
    step: Step
    effect: Effect

    @property
    def off(self) -> str:
        """Why this never happens; empty when it does."""
        return self.job.off or self.step.off


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that a line of Python does, whether or not anything runs it."""

    verb: str
    path: str
    line: int
    says: str
    function: str


@dataclass(eq=False)
class Scene:
    """The facts. Built once by `scene.survey`; probes only read."""

    tree: Tree
    history: History
    store: Path | str | None = None  # the folder in which gradino's own lies, or the address of a database
    home: str = ""  # the folder of the project inside the tree, with a slash at its end; empty where it is the tree
    jobs: list[Job] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    records: list[tuple[str, Evidence]] = field(default_factory=list)  # ("track@level", evidence) straight from records
    problems: list[str] = field(default_factory=list)
    _unmade: dict[tuple[str, str], bool] = field(default_factory=dict, repr=False)

    @cached_property
    def code(self) -> Code:
        return Code(self.tree)

    @cached_property
    def follower(self) -> Follower:
        return Follower(self.tree, self.code)

    @cached_property
    def tests(self) -> Tests:
        return Tests(self.tree, self.code)

    @cached_property
    def firings(self) -> list[Firing]:
        """Everything that jobs do, those that never fire included."""
        every = [Firing(j, s, e) for j in self.jobs for s in j.steps for e in dict.fromkeys(self.follower.step(j, s))]
        return judgements.of_live(
            [f for f in every if f.effect.verb != "deploy" or not taken_down(self.jobs, f.job, f.step, f.effect.says)]
        )

    def fired(self, *verbs: str, when: frozenset[str] = AUTOMATIC) -> list[Firing]:
        """Live firings of any of the verbs whose job one of the triggers starts."""
        return [f for f in self.firings if f.effect.verb in verbs and not f.off and f.job.triggers & when]

    def dead(self, *verbs: str) -> list[Firing]:
        """Firings of the verbs that never happen."""
        return [f for f in self.firings if f.effect.verb in verbs and f.off]

    @cached_property
    def modules(self) -> list[Module]:
        """Modules that may matter, tests left out."""
        return [m for m in self.code.holding(*_INTERESTING) if not tested(m.path)]

    @cached_property
    def uses(self) -> list[Use]:
        """What the project's own Python does, line by line, tests left out."""
        return [
            Use(verb, m.path, call.line, says, f.name)
            for m in self.modules
            if not _EXERCISE.search(m.path)
            for f in m.functions.values()
            for call in (*f.decorators, *f.calls)
            for verb, says in vocabulary.verbs(call, m, f"{m.path}::{f.name}")
            if verb not in _BY_OBJECTS or not self._stranded(m, f.name.partition(".")[0])
        ] + [
            Use(verb, m.path, line, text[:120], f.name)
            for m in self.modules
            for f in m.functions.values()
            for line, text in f.commands
            for verb in shell.verbs(text)
        ]

    def _stranded(self, module: Module, owner: str) -> bool:
        """Whether nothing makes objects of a class; asked once of each."""
        key = (module.path, owner)
        if key not in self._unmade:
            self._unmade[key] = stranded(self.code, module, owner)
        return self._unmade[key]

    def used(self, *verbs: str) -> list[Use]:
        """Uses of any of the verbs."""
        return [u for u in self.uses if u.verb in verbs]

    def with_trait(self, *traits: str) -> list[Resource]:
        """Resources that have any of the traits and are not switched off."""
        return [r for r in self.resources if r.traits & set(traits) and "off" not in r.traits]

    def sights(self, says: str, *traits: str, strength: Strength = Strength.WIRED) -> list[Evidence]:
        """Evidence from every resource with one of the traits; one that is switched off only declares."""
        return [
            self.see(
                r.path,
                r.line,
                f"{r.kind} {r.name} {says}, but {r.detail.get('off', 'is switched off')}",
                Strength.DECLARED,
                r.system,
            )
            if "off" in r.traits
            else self.see(r.path, r.line, f"{r.kind} {r.name} {says}", strength, r.system)
            for r in self.resources
            if r.traits & set(traits)
        ]

    @cached_property
    def training_files(self) -> set[str]:
        """Files that train a model."""
        return {u.path for u in self.used("train")}

    def near(self, paths: Iterable[str]) -> set[str]:
        """The files, what they import, and what imports them or starts them as programs, with what that imports."""
        chosen = set(paths)
        found = set(chosen)
        named = {p.rpartition("/")[2] for p in chosen}
        for module in self.modules:
            imported = {self.code.find(name, module.path)[0] for name in module.imports.values()}
            if module.path in chosen or self._starts(module, named) & chosen:
                found |= {p for p in imported if p} | {module.path}
            elif imported & chosen:
                found.add(module.path)
        return found

    def _starts(self, module: Module, named: set[str]) -> set[str]:
        """Which files of these names a module hands to a process of its own."""
        if "subprocess" not in module.packages:
            return set()
        said = {t.split()[-1] for c in module.calls() for t in c.texts if t.endswith(".py")}
        return {self.code.file(t, module.path) for t in said if t.rpartition("/")[2] in named}

    def gated(self, job: Job) -> list[Firing]:
        """Tests that must pass before a job runs: in its own steps, or in jobs it needs."""
        return [f for f in self.before(job) if f.effect.verb in ("test", "gate") and not f.effect.soft]

    def before(self, job: Job) -> Iterator[Firing]:
        """Live firings in a job and in everything it needs."""
        wanted, waiting = {f"{job.group}#{job.name}"}, list(job.needs)
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting += [n for j in self.jobs if f"{j.group}#{j.name}" == name for n in j.needs]
        follows = "run" in job.triggers
        for firing in self.firings:
            other = firing.job
            upstream = follows and other.system == job.system and other.group != job.group and "push" in other.triggers
            if not firing.off and (f"{other.group}#{other.name}" in wanted or upstream):
                yield firing

    def documents(self) -> Iterator[tuple[str, int, str]]:
        """Lines of the project's README and docs: path, line, text."""
        for path in self.tree.sizes:
            low = path.lower()
            if (
                low.endswith((".md", ".rst", ".txt"))
                and not _PAST.search(low)
                and (low.startswith(("readme", "docs/")) or "/readme" in low or low.count("/") == 0)
            ):
                for number, line in enumerate(self.tree.short(path).splitlines(), 1):
                    yield path, number, line

    def see(
        self, path: str, line: int, says: str, strength: Strength = Strength.WIRED, source: str = "code"
    ) -> Evidence:
        """Evidence at a place in the tree."""
        return Evidence(source, self.tree.at(path, line), says, strength)

    def show(self, firing: Firing, says: str, strength: Strength = Strength.WIRED) -> Evidence:
        """Evidence from a firing; one that never happens only declares."""
        job = firing.job
        if firing.off:
            return Evidence(
                job.system,
                self.tree.at(job.path, firing.step.line or job.line),
                f"{says}, but {firing.off}",
                Strength.DECLARED,
            )
        when = ", ".join(sorted(job.triggers)) or "nothing"
        return Evidence(
            job.system,
            self.tree.at(firing.effect.path, firing.effect.line),
            f"{says} ({job.name}, on {when}): {firing.effect.says}",
            strength,
        )


def survey(tree: Tree, history: History, store: Path | None = None, home: str = "") -> Scene:
    """Collect every fact. A collector that fails leaves a note and nothing else."""
    scene = Scene(tree, history, store, home)
    for name, collect in COLLECTORS.items():
        try:
            for fact in collect(tree, scene.code):
                if isinstance(fact, Job):
                    scene.jobs.append(fact)
                else:
                    scene.resources.append(fact)
        except Exception as error:  # noqa: BLE001 - one source that cannot be read must not hide the others
            scene.problems.append(f"{name}: {type(error).__name__}")

    def verbs(job: Job, step: Step) -> set[str]:
        return {e.verb for e in scene.follower.step(job, step)}

    scene.jobs = baking.baked(tree, broken.marked(tree, started(scene.jobs), verbs), verbs)
    return scene


__all__ = ["CHECKED", "Firing", "Scene", "Use", "survey", "tested"]
