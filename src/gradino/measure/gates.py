"""What stands before a release of a model and can refuse it: bounds, tests, verdicts, choices of pipelines."""

import re
from functools import lru_cache

from gradino.measure import bounds
from gradino.measure.automation import AUTOMATIC, CHECKED
from gradino.measure.deployments import deployments
from gradino.measure.evidence import Evidence
from gradino.measure.refusals import refusals
from gradino.measure.scene import Firing, Scene, Use
from gradino.measure.selection import asked, run_by

_RELEASES = ("register", "promote", "keep", "publish", "push-data", "submit")


def bounded(scene: Scene) -> list[Firing]:
    """Firings that end where a model is not good enough."""
    live = scene.fired("bound", when=CHECKED | AUTOMATIC | {"dispatch"})
    return [f for f in live if not f.effect.soft and not f.job.soft]


def _before_release(scene: Scene, bound: Firing) -> bool:
    """Whether a bound stands before something that hands a model on."""
    for firing in [*deployments(scene), *scene.fired(*_RELEASES, when=CHECKED | AUTOMATIC | {"dispatch"})]:
        if firing.job is not bound.job:
            before = any(f.job is bound.job for f in scene.before(firing.job))
        elif firing.step is not bound.step:
            before = firing.job.steps.index(bound.step) < firing.job.steps.index(firing.step)
        else:
            before = bound.effect.path != firing.effect.path or bound.effect.line < firing.effect.line
        if before:
            return True
    return False


_VERDICT = re.compile(
    r"\bif:[^\n]*\boutputs\.\w*(pass|ok\b|deploy|promot|approv|better|improv|accept|gate|should|good|quality|regist)",
    re.I,
)


def _decided(scene: Scene, firing: Firing) -> bool:
    """Whether a release waits for a verdict that an earlier job or step gives out."""
    lines = scene.tree.short(firing.job.path).splitlines()
    following = [j.line for j in scene.jobs if j.path == firing.job.path and j.line > firing.job.line]
    own = "\n".join(lines[max(firing.job.line - 1, 0) : min(following, default=len(lines) + 1) - 1])
    fitted = any(f.effect.verb in ("train", "load") for f in scene.before(firing.job))
    return fitted and bool(_VERDICT.search(own)) and not bounds.fixed("\n".join(lines))


_CHOOSES = re.compile(r"^airflow\.")  # whatever a function of the project answers


def _compares(scene: Scene, use: Use) -> bool:
    """Whether the function that chooses what comes next looks at a metric: the one decorated, or any of the file."""
    text = scene.tree.short(use.path)
    if "Operator" in use.says:
        return bounds.held(text)
    after = "\n".join(text.splitlines()[use.line :])
    return bounds.held("".join(re.split(r"^[ \t]*(?:def |@)", after, flags=re.M)[:2]))


_BRANCHES = re.compile(r"(^|\.)(Condition\w*|If|Elif)$")  # of a pipeline, whose steps stand in other files


@lru_cache(maxsize=1)
def gates(scene: Scene) -> list[Evidence]:
    """What a candidate must pass before it is released."""
    found = [
        scene.show(f, "a candidate must pass")
        for f in scene.firings
        if f.effect.verb == "gate" and not f.off and f.job.triggers and not _CHOOSES.match(f.effect.says)
    ]
    trains = {u.path for u in scene.used("train", "submit", "register", "promote")}
    found += [
        scene.see(u.path, u.line, f"{u.says} lets a candidate pass or not")
        for u in scene.used("gate")
        if u.path in (scene.near(trains) if _BRANCHES.search(u.says) else trains)
        and (not _CHOOSES.match(u.says) or _compares(scene, u))
    ]
    model_tests = [t for t in scene.tests.good if t.model]
    for firing in deployments(scene):
        for gate in scene.gated(firing.job) if not firing.off else ():
            if gate.effect.verb == "test" and any(run_by(scene, [gate], t) for t in model_tests):
                found.append(scene.show(gate, f"model tests stand before {firing.job.name}"))
        if not firing.off and _decided(scene, firing):
            found.append(scene.show(firing, "waits for a verdict on the model"))
    found += [scene.show(f, "a candidate must pass") for f in bounded(scene) if _before_release(scene, f)]
    found += scene.sights("tests a release before it gets traffic", "gate")
    releases = {f.job.group for f in deployments(scene)}
    found += [scene.show(f, "asks each release before it goes on") for f in asked(scene) if f.job.group in releases]
    found += refusals(scene)
    return sorted(found, key=lambda e: (-e.strength, e.locator))[:5]
