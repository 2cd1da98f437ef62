"""Probes of model release: process, scoring script, ownership, traceability, environments, experimentation."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from functools import lru_cache

from gradino.measure import shell, vocabulary
from gradino.measure.automation import AUTOMATIC, CHANGE, Job
from gradino.measure.deployments import PRODUCTION, STAGING, TESTING, deployments, place, released, target
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.python import BODY, MAIN, Call, Module
from gradino.measure.scene import Firing, Scene
from gradino.measure.selection import Selection
from gradino.measure.tests import Test

# What a person starts from a terminal unless something else does: no pipeline of its own.
_BY_HAND = frozenset({"Makefile", "Docker Compose", "Prefect", "ZenML", "Metaflow", "Flyte", "Airflow", "Dagster", "Kedro", "scheduler"})  # fmt: skip
_ROUTES = re.compile(r"(^|\.)(get|post|route|api_route|put|websocket|api|service|deployment|remote_method)$")
_SERVERS = frozenset({"fastapi", "flask", "bentoml", "litserve", "gradio", "streamlit", "ray", "kserve", "litestar", "sanic", "tornado",
                      "aiohttp", "starlette", "django", "rest_framework", "robyn", "quart", "chalice", "dash", "mlserver", "nicegui", "chainlit"})  # fmt: skip


def releases_by_one_command(scene: Scene) -> list[Evidence]:
    """Offer one documented command, or one job that a person can start, that deploys a chosen version."""
    found = [scene.show(f, "deploys") for f in deployments(scene) if f.job.triggers or f.off]
    found += [
        scene.see(u.path, u.line, f"{u.says} deploys when the script is run")
        for u in scene.used("deploy", "promote")
        if _runnable(scene, u.path)
    ]
    for path, number, line in scene.documents():
        if len(line) < 300 and {"deploy"} & set(shell.verbs(line.strip().lstrip("$> `"))):
            found.append(scene.see(path, number, f"documented: {line.strip()[:120]}", source="documentation"))
    return _strongest(found)


def _runnable(scene: Scene, path: str) -> bool:
    return not path.endswith(".ipynb") and scene.code.module(path) is not None


def releases_by_itself(scene: Scene) -> list[Evidence]:
    """Let a merge, a tag, a registration or a passed gate deploy without a further click."""
    found: list[Evidence] = []
    for firing in released(scene):
        job = firing.job
        if firing.effect.soft:
            found.append(
                scene.see(
                    firing.effect.path, firing.effect.line, "deploys, but its failure is swallowed", Strength.DECLARED
                )
            )
        elif job.approval or _waits(scene, job):
            found.append(
                scene.see(
                    job.path, job.line, f"{job.name} deploys after a person approves", Strength.DECLARED, job.system
                )
            )
        elif firing.off or job.triggers & AUTOMATIC:
            found.append(scene.show(firing, "deploys without a further hand"))
    found += _loads_newest(scene)
    return _strongest(found)


def _waits(scene: Scene, job: Job) -> bool:
    return any(other.approval for other in scene.jobs if f"{other.group}#{other.name}" in job.needs)


_NEWEST = re.compile(
    r"models:/[^\"'\s]*(latest|Production|@champion|@prod\w*)|get_latest_versions|get_model_version_by_alias"
)
_AGAIN = re.compile(r"repeat_every|add_job\(|schedule\.every|while True|threading\.Timer")


def _loads_newest(scene: Scene) -> list[Evidence]:
    """An application that loads the newest registered model by itself, where training registers by itself."""
    registers = [f for f in scene.fired("register", "keep", "promote") if f.job.system != "Makefile"]
    if not registers:
        return []
    found = []
    for path in scoring_files(scene):
        text = scene.tree.text(path) or ""
        if newest := _NEWEST.search(text) or (_AGAIN.search(text) and re.search(r"\bsearch_runs\(", text)):
            line = text[: newest.start()].count("\n") + 1
            found.append(scene.see(path, line, f"loads the newest registered model ({newest[0][:60]})"))
    return found


@lru_cache(maxsize=1)
def scoring_files(scene: Scene) -> list[str]:
    """Files that turn a model and an input into an answer for others."""
    found: list[str] = []
    for module in scene.modules:
        names = set(module.functions)
        calls = module.calls()
        routes = bool(_SERVERS & module.packages) and any(
            _ROUTES.search(d.name) for f in module.functions.values() for d in f.decorators
        )
        pages = bool({"streamlit", "gradio", "dash", "chainlit"} & module.packages)
        scores = any(
            c.method.startswith(("predict", "infer"))
            or c.method
            in (
                "generate_prediction",
                "InferenceSession",
                "invoke_endpoint",
                "create_batch_prediction_job",
                "BulkInferrer",
                "generate",
            )
            or any(v in ("load", "predict") for v, _ in vocabulary.verbs(c, module))
            for c in calls
        )
        named = re.search(
            r"(^|/)(score|scoring|inference|predict\w*|serv(e|ing|er)|infer|batch_inference|model_handler|handler|lambda_function|app|main|api|endpoint)\w*\.py$",
            module.path,
        )
        hooks = {"init", "run"} <= names or {"model_fn"} <= names or {"predict_fn"} <= names or {"input_fn"} <= names
        served = any(
            ("Model" in b and ("kserve" in b or "mlserver" in b))
            or b.endswith(("BaseHandler", "LitAPI", "PythonModel"))
            for bs in module.classes.values()
            for b in bs
        )
        if (
            _by_script(scene, module)
            or (
                (routes and (scores or _reaches_model(scene, module.path)))
                or (pages and scores)
                or (hooks and named)
                or served
            )
            or (
                named
                and (scores or _reaches_model(scene, module.path))
                and not {"<train>"} & names
                and module.path not in scene.training_files
            )
            or any(c.name.startswith(("bentoml.service", "bentoml.Service", "ray.serve.deployment")) for c in calls)
        ):
            found.append(module.path)
    return sorted(set(found))


_LOOKS_BACK = re.compile(
    r"eval|valid|test|train|fit|monitor|drift|metric|explain|shap|convert|export|regist|promot|util|upload|debug"
)


def _by_script(scene: Scene, module: Module) -> bool:
    """A script that loads a model to answer with it, under whatever name; it is not there to look back at a model."""
    if module.path.endswith(".ipynb") or _LOOKS_BACK.search(module.path.rpartition("/")[2].lower()):
        return False
    loads = [f for f in module.functions.values() for c in f.calls if _loads(c, module)]
    runs = MAIN in module.functions or any(f.name == BODY for f in loads)
    answers = any(re.search(r"(^|\.)(predict|infer)(_|$)", name) for name in module.functions)
    return bool(loads) and runs and (answers or module.path not in scene.training_files)


def _loads(call: Call, module: Module) -> bool:
    return any(v == "load" for v, _ in vocabulary.verbs(call, module))


def served_files(scene: Scene) -> list[str]:
    """Those of the scoring files that answer others while they wait."""
    return [
        p
        for p in scoring_files(scene)
        if (m := scene.code.module(p))
        and (
            _SERVERS & m.packages
            or {"init", "run"} <= set(m.functions)
            or "model_fn" in m.functions
            or "lambda_handler" in m.functions
        )
    ]


def _reaches_model(scene: Scene, path: str) -> bool:
    module = scene.code.module(path)
    names = tuple(module.functions) if module else ()
    for other, function in scene.code.reach(path, names):
        for call in function.calls:
            if any(v in ("load", "predict") for v, _ in vocabulary.verbs(call, other)):
                return True
    return False


def scoring_in_git(scene: Scene) -> list[Evidence]:
    """Keep the code that answers with the model in the repository."""
    level = Strength.WIRED if scene.tree.commit else Strength.DECLARED
    found = [scene.see(p, 1, "scoring code is in git", level) for p in scoring_files(scene)[:5]]
    found += [scene.see(u.path, u.line, f"{u.says} serves the model", level) for u in scene.used("serve")[:2]]
    found += [
        scene.see(r.path, r.line, f"{r.kind} {r.name} serves the model", level, r.system)
        for r in scene.with_trait("serving-model")
    ]
    return found


def scoring_tested(scene: Scene) -> list[Evidence]:
    """Test the scoring code for its answers, and run those tests in continuous integration."""
    runs = ci_tests(scene)
    tests = [t for t in scene.tests.good if t.scoring] or scene.tests.importing(set(scoring_files(scene)))
    files = scoring_files(scene)
    if not files:
        return []
    asked = [
        f
        for f in scene.fired("smoke", when=AUTOMATIC | {"pull_request"})
        if not f.effect.soft and f.effect.path.endswith(".py")
    ]
    if asked:
        return [scene.show(asked[0], "asks the deployed scoring code and checks its answer")]
    run = [t for t in tests if run_by(scene, runs, t)]
    if run:
        tests = run
    if run and runs:
        return [
            scene.see(tests[0].path, tests[0].line, f"{tests[0].name} exercises scoring", source="tests"),
            scene.show(runs[0], "runs the tests"),
        ]
    if tests:
        return [
            scene.see(
                tests[0].path,
                tests[0].line,
                f"{tests[0].name} exercises scoring, but nothing runs it by itself",
                Strength.DECLARED,
                "tests",
            )
        ]
    return [
        scene.see(t.path, t.line, f"{t.name} touches scoring, but {t.off or 'cannot fail'}", Strength.DECLARED, "tests")
        for t in scene.tests.all
        if t.scoring
    ][:3]


def run_by(scene: Scene, runs: list[Firing], test: Test) -> bool:
    """Whether one of the test commands picks this test."""
    return any(
        _selection(scene, run.effect.says, run.effect.folder).picks(test) and not (test.host and _alone(run))
        for run in runs
    )


_SERVES = re.compile(
    r"compose|docker|corn\b|flask run|serve|nohup|&\s*$|make |\.sh|kubectl|deploy|start|tox|nox|http", re.M
)


def _alone(run: Firing) -> bool:
    """Whether nothing in the job of a test command could have started a server."""
    said = " ".join(f"{s.run} {s.uses}" for s in run.job.steps)
    return not _SERVES.search(said) and not re.search(r"deploy", " ".join(run.job.needs))


@lru_cache(maxsize=256)
def _selection(scene: Scene, command: str, folder: str) -> Selection:
    return Selection(scene.tree, command, folder)


def ci_tests(scene: Scene) -> list[Firing]:
    """Firings that run tests on a change and can fail."""
    when = AUTOMATIC | {"pull_request"}
    runs = scene.fired("test", when=when) + [
        f for f in scene.fired("test", when=frozenset({"dispatch"})) if f.job.system == "Cloud Build"
    ]
    return [f for f in runs if not f.effect.soft and not f.job.soft]


def pipeline_deploys(scene: Scene) -> list[Evidence]:
    """Let a pipeline, not a person's machine, deploy."""
    return _strongest(
        [
            scene.show(f, "a pipeline deploys")
            for f in deployments(scene)
            if not f.effect.soft and (f.job.automatic or f.off or f.job.system not in _BY_HAND)
        ]
    )


def tests_gate_the_pipeline(scene: Scene) -> list[Evidence]:
    """Put the tests in the deployment's own path, so that a failing one stops it."""
    found: list[Evidence] = []
    for firing in deployments(scene):
        job = firing.job
        if TESTING.search(target(firing)) and not PRODUCTION.search(place(firing)):
            continue
        if firing.off or firing.effect.soft or job.system in ("Makefile", "Docker Compose"):
            continue
        gates = [g for g in scene.gated(job) if g.effect.verb == "test" and not g.job.soft and _earlier(g, firing)]
        if gates:
            found.append(scene.show(gates[0], f"tests stand before {job.name}"))
    return _strongest(found)


def _earlier(gate: Firing, deployment: Firing) -> bool:
    """Whether a gate stands before a deployment: in another job, or in an earlier step of the same."""
    if gate.job is not deployment.job:
        return True
    return gate.job.steps.index(gate.step) < gate.job.steps.index(deployment.step) or (
        gate.step is deployment.step and gate.effect.line < deployment.effect.line
    )


def traces_to_data(scene: Scene) -> list[Evidence]:
    """Record commit and data version with each training run, and deploy versions that name their run."""
    near = scene.near(scene.training_files) | {u.path for u in scene.used("register", "keep", "track")}
    data = [
        scene.see(u.path, u.line, f"{u.says} records the data's version")
        for u in scene.used("record-data")
        if u.path in near
    ]
    data += written(scene, near, DATA_VERSION, "records the data's version")
    locked = any({"stage", "versioned-model"} <= r.traits for r in scene.resources)
    pinned = [r for r in scene.resources if "versioned-data" in r.traits and locked]
    data += [scene.see(r.path, r.line, f"{r.name} is pinned by the commit", source="DVC") for r in pinned]
    code = [scene.see(u.path, u.line, f"{u.says} records the commit") for u in scene.used("record-commit")]
    code += written(scene, near, COMMIT, "records the commit")
    code += [
        scene.see(u.path, u.line, f"{u.says} records the commit with the run")
        for u in scene.used("track")
        if u.says.startswith(("mlflow", "wandb", "clearml", "comet", "neptune", "dvclive"))
        and not u.path.endswith(".ipynb")
    ]
    released = [scene.show(f, "deploys a version") for f in deployments(scene) if not f.off]
    released += [
        scene.see(u.path, u.line, f"{u.says} deploys a version")
        for u in scene.used("promote", "deploy")
        if _runnable(scene, u.path)
    ]
    versions = bool(scene.used("register", "keep")) or any("versioned-model" in r.traits for r in scene.resources)
    if data and (code or pinned) and released and versions:
        return [data[0], *(code[:1]), released[0]]
    return [Evidence(e.source, e.locator, e.says, Strength.DECLARED) for e in (*data[:1], *code[:1])]


COMMIT = re.compile(
    r"""["']?\b\w*(git_?(commit|sha|hash|revision)|commit_?(sha|hash|id)|GIT_COMMIT\w*|BuildId|build_id|source_?revision)\b["']?\s*[:=,\])]""",
    re.I,
)
DATA_VERSION = re.compile(
    r"""["']\w*(data(set)?_?(version(_?id)?|hash|digest|id|snapshot|checksum|md5|sha256)|manifest_?(hash|id|sha256))\w*["']\s*[:=,\])]""",
    re.I,
)


def written(scene: Scene, paths: set[str], pattern: re.Pattern[str], says: str) -> list[Evidence]:
    """Lines of the training path that put something of that name beside the run."""
    found: list[Evidence] = []
    for path in sorted(paths):
        text = scene.tree.text(path) or ""
        if (
            path.endswith(".py")
            and re.search(r"\btags?\b|log_param|metadata|manifest|set_tag", text)
            and (match := pattern.search(text))
        ):
            found.append(scene.see(path, text[: match.start()].count("\n") + 1, says))
    return found


def promotes_between_environments(scene: Scene) -> list[Evidence]:
    """Define a test and a production environment and promote the same model from one to the other."""
    steps: dict[str, list[Firing]] = {"staging": [], "production": []}
    for firing in deployments(scene):
        if firing.job.system == "Makefile":
            continue
        if PRODUCTION.search(place(firing)):
            steps["production"].append(firing)
        elif STAGING.search(place(firing)) or TESTING.search(target(firing)):
            steps["staging"].append(firing)
    live = {k: [f for f in v if not f.off] for k, v in steps.items()}
    found = [
        scene.see(r.path, r.line, f"{r.kind} {r.name} promotes from test to production", source=r.system)
        for r in scene.with_trait("promotes")
    ]
    found += _promoting_scripts(scene)
    if live["staging"] and live["production"]:
        found += [
            scene.show(live["staging"][0], "deploys for testing"),
            scene.show(live["production"][0], "deploys to production"),
        ]
    elif any(steps.values()):
        one = (steps["staging"] or steps["production"])[0]
        found.append(
            scene.see(
                one.job.path,
                one.job.line,
                f"{one.job.name} knows one environment only",
                Strength.DECLARED,
                one.job.system,
            )
        )
    return found


def _promoting_scripts(scene: Scene) -> list[Evidence]:
    """Scripts of the project that move a version from a test environment to production."""
    found = []
    for path in sorted({u.path for u in scene.used("promote", "deploy")}):
        text = scene.tree.text(path) or ""
        if re.search(r"promot", path, re.I) and "environment" in text.lower() and re.search(r"prod|target", text, re.I):
            found.append(scene.see(path, 1, "promotes a version from one environment to the next"))
    return found


def compares_on_live_traffic(scene: Scene) -> list[Evidence]:
    """Split or mirror live traffic between champion and challenger, and let a rule decide."""
    found = [
        scene.see(r.path, r.line, f"{r.kind} {r.name} splits or mirrors live traffic", source=r.system)
        for r in scene.with_trait("split", "shadow", "canary-analysis")
    ]
    for path in scoring_files(scene):
        text = scene.tree.text(path) or ""
        for number, line in enumerate(text.splitlines(), 1):
            if (
                re.search(r"\b(shadow|challenger|canary|ab_?test|traffic_split|experiment_group)\w*\b", line, re.I)
                and re.search(r"=|\(", line)
                and not line.strip().startswith("#")
            ):
                splits = re.search(r"random\.(random|choice|uniform)|hash\(|% ?100|weight", text)
                mirrors = re.search(
                    r"shadow\w*\.predict|challenger\w*\.predict|predict\w*\(.*(shadow|challenger)", text, re.I
                )
                if splits or mirrors:
                    found.append(scene.see(path, number, f"compares models while serving: {line.strip()[:80]}"))
                    break
    return _strongest(found)


def _strongest(found: list[Evidence], most: int = 6) -> list[Evidence]:
    return sorted(found, key=lambda e: (-e.strength, e.locator))[:most]


__all__ = ["CHANGE", "ci_tests", "deployments", "scoring_files"]
