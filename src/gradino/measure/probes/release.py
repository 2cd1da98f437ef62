"""Probes of model release: process, scoring script, ownership, environments, experimentation."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from functools import lru_cache

from gradino.measure import broken, live_traffic, newest
from gradino.measure.automation import AUTOMATIC, CHECKED, Job
from gradino.measure.by_hand import started, told
from gradino.measure.deployments import PRODUCTION, STAGING, TESTING, deployments, place, released, target
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.scene import Firing, Scene
from gradino.measure.scoring import answering, asks_another, scoring_files
from gradino.measure.selection import asked, ci_tests, run_by

# What a person starts from a terminal unless something else does: no pipeline of its own.
_BY_HAND = frozenset({"Makefile", "Docker Compose", "Prefect", "ZenML", "Metaflow", "Flyte", "Airflow", "Dagster", "Kedro", "Mage", "Cloudera", "scheduler", "cloud function"})  # fmt: skip


def releases_by_one_command(scene: Scene) -> list[Evidence]:
    """Offer one documented command, or one job that a person can start, that deploys a chosen version."""
    found = [scene.show(f, "deploys") for f in deployments(scene) if f.job.triggers or f.off]
    found += [
        scene.see(u.path, u.line, f"{u.says} deploys when the script is run")
        for u in scene.used("deploy", "promote")
        if not u.path.endswith(".ipynb")
    ]
    if scoring_files(scene):
        found += [
            scene.show(f, "publishes the image that one command runs")
            for f in scene.fired("publish")
            if not f.effect.soft and not broken.lifeless(scene.tree, f.job)
        ]
    return _strongest([*found, *told(scene), *started(scene)])


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
        elif firing.effect.verb == "bundle-deploy" and not _runs_by_itself(scene):
            found.append(
                scene.see(
                    job.path, job.line, f"{job.name} deploys jobs that a person starts", Strength.DECLARED, job.system
                )
            )
        elif firing.off or job.triggers & AUTOMATIC:
            found.append(scene.show(firing, "deploys without a further hand"))
    found += _loads_newest(scene)
    return _strongest(found)


def _runs_by_itself(scene: Scene) -> bool:
    """Whether a bundle of Databricks holds a job that something starts, or an endpoint."""
    jobs = any(j.system == "Databricks" and j.automatic for j in scene.jobs)
    return jobs or any(r.system == "Databricks" and "endpoint" in r.traits for r in scene.resources)


def _waits(scene: Scene, job: Job) -> bool:
    return _approved_by_hand(scene) or any(o.approval for o in scene.jobs if f"{o.group}#{o.name}" in job.needs)


@lru_cache(maxsize=1)
def _approved_by_hand(scene: Scene) -> bool:
    """Whether models are registered as waiting for a person's approval, and no code gives it."""
    texts = [scene.tree.short(m.path) for m in scene.modules if not m.path.endswith(".ipynb")]
    given = any(re.search(r"update_model_package\(|approval_status\s*=\s*[\"']Approved[\"']", t) for t in texts)
    return not given and any("PendingManualApproval" in t for t in texts)


def _loads_newest(scene: Scene) -> list[Evidence]:
    """An application that loads the newest registered model by itself, where training registers by itself."""
    registers = [f for f in scene.fired("register", "keep", "promote") if f.job.system != "Makefile"]
    if not registers:
        return []
    asked = newest.asked(scene)
    return [scene.see(p, line, f"loads the newest registered model ({said})") for p, line, said in asked]


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


_ONLY_ASKS = re.compile(r"(\S*=)?[\"$(]*(az|aws|gcloud)\s")  # and looks at no answer


def scoring_tested(scene: Scene) -> list[Evidence]:
    """Test the scoring code for its answers, and run those tests in continuous integration."""
    runs = ci_tests(scene)
    files = set(scoring_files(scene))
    if not files:
        return []
    behind = answering(scene)
    tests = [
        t
        for t in scene.tests.good
        if (t.predicts and behind & t.entered) or (t.scoring and not asks_another(scene, t.path))
    ]
    tests = tests or scene.tests.importing(files)
    looked = [f for f in asked(scene) if f.job.triggers & CHECKED and not _ONLY_ASKS.match(f.effect.says)]
    if looked:
        return [scene.show(looked[0], "asks the scoring code and looks at its answer")]
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
    every = deployments(scene)
    serious = {f.job.group for f in every if not STAGING.search(target(f))}
    for firing in every:
        job = firing.job
        if serious and job.group not in serious:
            continue
        if TESTING.search(target(firing)) and not PRODUCTION.search(place(firing)):
            continue
        if firing.off or firing.effect.soft or job.system in ("Makefile", "Docker Compose"):
            continue
        gates = [g for g in scene.before(job) if _checks(g, job) and _earlier(g, firing)]
        if gates:
            found.append(scene.show(gates[0], f"tests stand before {job.name}"))
    return _strongest(found)


def _checks(gate: Firing, job: Job) -> bool:
    """Whether a firing is a test, of the code or of what was deployed before, whose failure stops the job."""
    meets = "run" in job.triggers or bool(gate.job.triggers & job.triggers)
    meets = meets or (job.approval and gate.job.group == job.group)  # a click in a pipeline that a push started
    return meets and gate.effect.verb in ("test", "smoke") and not gate.effect.soft and not gate.job.soft


def _earlier(gate: Firing, deployment: Firing) -> bool:
    """Whether a gate stands before a deployment: in another job, or in an earlier step of the same."""
    if gate.job is not deployment.job:
        return True
    return gate.job.steps.index(gate.step) < gate.job.steps.index(deployment.step) or (
        gate.step is deployment.step and gate.effect.line < deployment.effect.line
    )


def promotes_between_environments(scene: Scene) -> list[Evidence]:
    """Define a test and a production environment and promote the same model from one to the other."""
    steps: dict[str, list[Firing]] = {"staging": [], "production": []}
    for firing in deployments(scene):
        if firing.job.system == "Makefile":
            continue
        if _by_branch(scene, firing) or _to_each(firing):
            steps["staging"].append(firing)
            steps["production"].append(firing)
        elif PRODUCTION.search(place(firing)):
            steps["production"].append(firing)
        elif STAGING.search(place(firing)) or TESTING.search(target(firing)) or _TRIED.search(firing.effect.says):
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


_TRIED = re.compile(
    r"[-_/.](dev|develop|development|test)\b(?<!/dev)(?![\w/.])"
)  # a service, name space or file of that name


def _to_each(firing: Firing) -> bool:
    """Whether a job goes to a test and a production environment by turns."""
    named = firing.job.environment
    return bool(PRODUCTION.search(named)) and bool(STAGING.search(named) or TESTING.search(named))


_BRANCHES = re.compile(
    r"github\.(head_|base_)?ref|CI_COMMIT_(BRANCH|REF)|SourceBranch|CIRCLE_BRANCH|BITBUCKET_BRANCH|BRANCH_NAME"
)
_CHOSEN = re.compile(r"\b\w*(?:env|environment|stage|target)\w*[\"']?\s*[=:]\s*[\"']?(\w+)|(?:&&|\|\|)\s*'(\w+)'", re.I)


def _by_branch(scene: Scene, firing: Firing) -> bool:
    """Whether the branch decides which environment a job deploys to: what was merged is tested before it is merged on."""
    if not re.search(r"[$]", f"{firing.job.environment} {firing.effect.says}"):
        return False
    text = scene.tree.short(firing.job.path)
    chosen = " ".join(a or b for a, b in _CHOSEN.findall(text)) if _BRANCHES.search(text) else ""
    return bool(PRODUCTION.search(chosen)) and bool(STAGING.search(chosen) or TESTING.search(chosen))


_TEST_REGISTRY = re.compile(
    r"[\"'](dev|staging|stg|test|qa)\b|\b(dev|staging|stg|test|qa)_(model|registry|catalog|name|uri)"
)


def _promoting_scripts(scene: Scene) -> list[Evidence]:
    """Scripts of the project that move a version from a test environment to production."""
    found = []
    moved = (u for u in scene.used("promote", "deploy") if not u.says.endswith("set_stage"))
    for path in sorted({u.path for u in moved}):
        text = scene.tree.short(path)
        said = re.search(r"(source|target|from|to|dest\w*)[-_]?env", text, re.I)
        copied = "copy_model_version" in text and re.search(r"\bprod", text) and _TEST_REGISTRY.search(text)
        if copied or (said and re.search(r"promot", path, re.I)):
            found.append(scene.see(path, 1, "promotes a version from one environment to the next"))
    return found


def compares_on_live_traffic(scene: Scene) -> list[Evidence]:
    """Split or mirror live traffic between champion and challenger, and let a rule decide."""
    found = [
        scene.see(r.path, r.line, f"{r.kind} {r.name} splits or mirrors live traffic", source=r.system)
        for r in scene.with_trait("split", "shadow", "canary-analysis")
    ]
    found += live_traffic.splits(scene)
    found += [scene.show(f, "splits live traffic") for f in scene.fired("split-traffic") if f.job.system != "Makefile"]
    found += live_traffic.while_serving(scene)
    return _strongest(found)


def _strongest(found: list[Evidence], most: int = 6) -> list[Evidence]:
    return sorted(found, key=lambda e: (-e.strength, e.locator))[:most]
