"""Probes of application integration: builds, tests of the application, tests of the model, independence."""

import re
from collections.abc import Callable

from gradino.measure.automation import CHANGE, CHECKED
from gradino.measure.evidence import Evidence, Strength
from gradino.measure.gates import bounded, gates
from gradino.measure.scene import Scene
from gradino.measure.selection import asked, ci_tests, run_by
from gradino.measure.tests import Test

_BUILDS_NOTHING = ("Step Functions", "cloud function", "Argo CD", "Flux")


def builds_and_publishes(scene: Scene) -> list[Evidence]:
    """Let a push, tag, merge or release build the application and publish or deploy what it built."""
    found: list[Evidence] = []
    built = any(r.system in ("CloudFormation", "CDK", "Pulumi", "Bicep") for r in scene.resources) or any(
        scene.tree.named("*.tf")
    )
    for firing in scene.firings:
        if firing.effect.verb not in (
            "publish",
            "publish-package",
            "publish-release",
            "deploy",
            "bundle-deploy",
            "provision",
        ):
            continue
        if (firing.effect.verb == "provision" and not built) or firing.job.system in _BUILDS_NOTHING:
            continue
        documented = firing.job.system == "Cloud Build" and firing.job.triggers
        if firing.off or ((firing.job.triggers & CHANGE or documented) and not firing.effect.soft):
            found.append(scene.show(firing, "a change is built and published"))
    return sorted(found, key=lambda e: (-e.strength, e.locator))[:5]


def unit_tests(scene: Scene) -> list[Evidence]:
    """Write tests that assert something and run them on every change."""
    found = _tests(scene, lambda t: t.unit, "checks a unit") or _tests(
        scene, lambda t: t.integration, "crosses a boundary"
    )
    found += _other_tests(scene)
    shown = any(e.strength >= Strength.WIRED for e in found)
    return found if shown else [*found, *_integration_jobs(scene, ("smoke",))]


# Files of tests in languages that are not read further.
_OTHER_TEST = re.compile(
    r"(\.(test|spec)\.[jt]sx?|Tests?\.(cs|java|kt|scala|swift)|_test\.(go|exs?)|_spec\.rb)$|/src/test/|\.Tests?\.csproj$|(^|/)tests/[^/]+\.rs$|(^|/)tests/(testthat/)?test[^/]*\.[rR]$|(^|/)test/runtests\.jl$|(^|/)__tests__/|(^|/)src/test/"
)


def _other_tests(scene: Scene) -> list[Evidence]:
    """Tests of the application in another language than Python, where there are any."""
    runs = [f for f in scene.fired("other-test", when=CHECKED) if not f.effect.soft and not f.job.soft]
    if runs and any(_OTHER_TEST.search(p) for p in scene.tree.sizes):
        return [scene.show(runs[0], "runs the application's tests")]
    return []


def integration_tests(scene: Scene) -> list[Evidence]:
    """Test across the boundary between two real components, beside unit tests, on every change."""
    units = _tests(scene, lambda t: t.unit, "checks a unit") + _other_tests(scene)
    if not any(e.strength >= Strength.WIRED for e in units):
        return []
    return _tests(scene, lambda t: t.integration and not t.refused, "crosses a boundary") + _integration_jobs(scene)


_DRIVES = re.compile(r"\b(locust|k6|schemathesis|artillery|tavern-ci|newman|hurl)\b")  # a service from outside


def _integration_jobs(
    scene: Scene, verbs: tuple[str, ...] = ("smoke", "submit", "run-job", "deploy", "bundle-deploy")
) -> list[Evidence]:
    """CI jobs that put parts together and look whether they work."""
    found, answered = [], asked(scene)
    for firing in scene.firings:
        effect, job = firing.effect, firing.job
        if effect.soft or firing.off or not job.triggers & CHECKED:
            continue
        called = job.name + (f" {effect.says}" if effect.verb in ("submit", "run-job") else "")
        called += " integration" if effect.verb == "smoke" and "/integration/" in effect.path else ""
        named = re.search(r"integration|e2e|end[-_ ]?to[-_ ]?end|smoke", called, re.I)
        checks = effect.verb == "test" and any(run_by(scene, [firing], t) for t in scene.tests.good)
        here = any(f.job is job and f.effect.verb in ("start", "serve") for f in scene.firings)
        ran = effect.says.startswith("runs ") or (here and (firing in answered or _DRIVES.search(effect.says)))
        looked = effect.verb == "smoke" and ran
        if looked or (named and (checks or effect.verb in verbs)):
            found.append(scene.show(firing, "puts the parts together and checks"))
    return found[:2]


def _tests(scene: Scene, chosen: Callable[[Test], bool], says: str) -> list[Evidence]:
    runs = ci_tests(scene)
    good = [t for t in scene.tests.good if chosen(t) and run_by(scene, runs, t)]
    if runs and good:
        return [
            scene.see(good[0].path, good[0].line, f"{good[0].name} {says} ({len(good)} like it)", source="tests"),
            scene.show(runs[0], "runs the tests"),
        ]
    weak = [t for t in scene.tests.all if chosen(t)]
    if weak:
        stops = next((f"a run stops at {p}: {why}" for p, why in scene.tests.stopped.items()), "")
        off = weak[0].off or ("" if weak[0].checks else "it asserts nothing") or stops or "nothing runs it by itself"
        return [scene.see(weak[0].path, weak[0].line, f"{weak[0].name} exists, but {off}", Strength.DECLARED, "tests")]
    return []


def some_model_test(scene: Scene) -> list[Evidence]:
    """Write a test that loads or trains a model and checks what it does."""
    runs = ci_tests(scene)
    good = [t for t in scene.tests.good if t.model]
    found = [scene.see(t.path, t.line, f"{t.name} checks a model", source="tests") for t in good[:3]]
    if found and runs:
        found.append(scene.show(runs[0], "runs the tests"))
    if not found:
        found = [
            scene.see(
                t.path,
                t.line,
                f"{t.name} touches a model, but {t.off or 'asserts nothing'}",
                Strength.DECLARED,
                "tests",
            )
            for t in scene.tests.all
            if t.model
        ][:2]
    found += [
        e for e in _integration_jobs(scene) if (scene.training_files and "submit" in e.says) or "bundle run" in e.says
    ]
    found += [scene.show(f, "asks the model and checks its answer") for f in asked(scene)[:2]]
    found += [scene.show(f, "measures a model and may fail") for f in bounded(scene)[:2]]
    return found + gates(scene)


def every_candidate_tested(scene: Scene) -> list[Evidence]:
    """Put thresholds, behavioural tests or a smoke test before every release of a model, able to refuse it."""
    return gates(scene)


# A new version of the package or of an image says nothing about who releases the model.
_MODEL_RELEASED = re.compile(r"^(?=.*\b(release|deploy|bump|promote|update)).*\bmodels?\b", re.I)


def others_release(scene: Scene) -> list[Evidence]:
    """Let people or machines other than the data scientists put the model in the application."""
    found = [Evidence("git", c.id[:12], f"released by {c.author}: {c.title[:60]}", Strength.EXECUTED)
             for c in scene.history.commits if c.bot and _MODEL_RELEASED.search(c.title)]  # fmt: skip
    return found[:3]
