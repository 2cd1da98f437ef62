"""The gates' work that needs the project's code and its libraries; each function runs in a job."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from gradino.errors import ReleaseError
from gradino.inference import losses
from gradino.operate import registry
from gradino.operate.project.reference import Reference
from gradino.operate.release.candidate import Candidate, Result

CLEARLY = 0.10  # a mean loss this much above the champion's, relatively, is no matter for an experiment
_SLICE = 30  # rows below which a slice is not judged, nor the whole
_SURE = 0.99  # confidence, over all slices together, that a slice is worse


@dataclass(frozen=True)
class _Held:
    """The rows of the candidate's holdout that neither recipe had seen, and what the models answer and lose.

    `models` are those that were tested; the one that is to be `released` has learnt from these rows.
    """

    past: pd.DataFrame
    rows: pd.DataFrame
    models: dict[str, registry.Model]
    scale: float
    loss: dict[str, np.ndarray[Any, np.dtype[np.float64]]]
    released: registry.Model


def run_tests(code: Path, *chosen: str, **environment: str) -> tuple[int, list[str]]:
    """Run tests of a snapshot, `chosen` as pytest takes it; how many passed, and the names of those that did not."""
    try:
        import pytest
    except ImportError:
        return 0, []
    os.environ.update(environment)
    os.chdir(code)
    sys.path.insert(0, str(code))
    sys.dont_write_bytecode = True

    class Count:
        def __init__(self) -> None:
            self.passed = 0
            self.failed: list[str] = []

        def pytest_runtest_logreport(self, report: "pytest.TestReport") -> None:
            if report.failed:
                self.failed.append(report.nodeid)
            elif report.passed and report.when == "call":
                self.passed += 1

        def pytest_collectreport(self, report: "pytest.CollectReport") -> None:
            if report.failed:
                self.failed.append(report.nodeid)

    count = Count()
    imported = "ignore::pytest.PytestAssertRewriteWarning"  # some plugins were, before this process was forked
    pytest.main(["-q", "-p", "no:cacheprovider", "-W", imported, "--rootdir", str(code), *chosen], plugins=[count])
    return count.passed, count.failed


def compare_on_holdout(candidate: Candidate) -> Result:
    """Candidate, champion and guessing on the holdout, where none of them has seen a row."""
    held = _held(candidate)
    n = len(held.rows)
    loss = {name: float(values.mean()) for name, values in held.loss.items()}
    evidence: dict[str, Any] = {"rows": n, "scale": held.scale, **loss, "learnt": (learnt := _learnt(candidate, held))}
    said = ", ".join(f"{name} {value:.3g}" for name, value in loss.items())
    if not loss["candidate"] < loss["guessing"]:
        return Result("fail", f"it is no better than guessing: {said}", evidence)
    if loss["candidate"] > loss.get("champion", 1.0) * (1 + CLEARLY):
        return Result("fail", f"it is clearly worse than the champion: {said}", evidence)
    margin = CLEARLY * max(learnt["candidate"], learnt["guessing"] - learnt["candidate"])
    if learnt["released"] > learnt["candidate"] + margin:
        told = f"loss {learnt['released']:.3g}, without them {learnt['candidate']:.3g}"
        return Result("fail", f"fitted on all rows it answers the newest of them clearly worse: {told}", evidence)
    return Result("pass", f"loss on {n:,} newest rows: {said}", evidence)


def _learnt(candidate: Candidate, held: _Held) -> dict[str, float]:
    """Mean losses on the newest quarter of the rows, of which the model to be released has learnt.

    No proof of its worth; but a fit that has not failed answers what it has learnt no worse than one that has not.
    """
    project, newest = candidate.project.project, slice(-max(len(held.rows) // 4, _SLICE), None)
    answers = held.released.predict(held.rows[[field.name for field in held.released.inputs]])
    loss = held.loss | {"released": losses.bounded(project.task, answers, held.rows[project.target], held.scale)}
    return {name: float(loss[name][newest].mean()) for name in ("released", "candidate", "guessing")}


def compare_slices(candidate: Candidate) -> Result:
    """Candidate and champion on each slice of the holdout; small slices and small differences say nothing."""
    from gradino.operate.training import slices

    held = _held(candidate)
    columns = candidate.project.training.slices
    masks = {name: mask for name, mask in slices.cut(held.past, held.rows, columns).items() if mask.sum() >= _SLICE}
    quantile = NormalDist().inv_cdf(1 - (1 - _SURE) / max(len(masks), 1))
    evidence, worse = {}, []
    for name, mask in masks.items():
        theirs, ours = held.loss["champion"][mask], held.loss["candidate"][mask]
        evidence[name] = {"rows": int(mask.sum()), "champion": float(theirs.mean()), "candidate": float(ours.mean())}
        lost = ours - theirs
        large = lost.mean() > CLEARLY * theirs.mean()
        if large and lost.mean() > quantile * losses.standard_error(lost):
            worse.append(name)
    if worse:
        first = evidence[worse[0]]
        said = f"{worse[0]}: loss {first['candidate']:.3g}, the champion's {first['champion']:.3g}"
        return Result("fail", f"it is clearly worse in {len(worse)} of {len(masks)} slices; {said}", evidence)
    return Result("pass", f"in none of {len(masks)} slices it is clearly worse than the champion", evidence)


def compare_compiled(candidate: Candidate) -> Result:
    """The model that is to be released as the server will call it, and in Python, on all rows of the holdout."""
    from gradino.operate.serving import evaluators

    held = _held(candidate)
    model = held.released
    rows = held.rows[[field.name for field in model.inputs]]
    served = evaluators.fastest(model, rows)
    answers, expected = served.predict(rows), model.predict(rows)
    tolerance = 1e-9 if expected.dtype.kind == "f" else 0
    same = np.isclose(answers, expected, rtol=tolerance, equal_nan=True) if tolerance else answers == expected
    compared = {"holdout": len(rows), **(served.parity.rows if served.parity else {})}
    evidence = {"how": served.how, "rows": compared, "different": int((~same).sum())}
    if not same.all():
        return Result(
            "fail", f"{(~same).sum()} of {len(rows)} answers are not those of Python ({served.how})", evidence
        )
    return Result("pass", f"answers as Python does on {sum(compared.values()):,} rows: {served.how}", evidence)


def ask_project(candidate: Candidate, gate: Reference, code: Path) -> Result:
    """What a gate of the project's own says of (champion or None, challenger, holdout), both as they were tested."""
    held = _held(candidate)
    said = gate.load(code)(held.models.get("champion"), held.models["candidate"], held.rows)
    verdict, why = said if isinstance(said, tuple) and len(said) == 2 else (said, "")
    if isinstance(verdict, (bool, np.bool_)):
        verdict = "pass" if verdict else "fail"
    if verdict not in ("pass", "fail", "insufficient"):
        return Result("insufficient", f"{gate} answers {verdict!r}, neither a bool nor a verdict", {})
    return Result(verdict, str(why) or f"{gate} says {verdict}", {})


def _held(candidate: Candidate) -> _Held:
    from gradino.operate.training import evaluate
    from gradino.operate.training.job import collected

    project, store, key = candidate.project, candidate.store, registry.public_key(candidate.store)
    target, task = project.project.target, project.project.task
    rows = collected(store, project, registry.lineage(candidate.bundle).data_version).to_pandas()
    past, holdout = evaluate.split(rows, project.project.time)
    bundles = {"candidate": candidate.bundle} | (
        {"champion": candidate.champion_bundle} if candidate.champion_bundle else {}
    )
    references = {name: registry.reference(bundle) for name, bundle in bundles.items()}
    news = pd.to_datetime(holdout[project.project.time], utc=True) >= max(told.since for told in references.values())
    if not news.any():
        raise ReleaseError("the champion's own holdout is newer than the candidate's", "train on the rows of today")
    holdout = holdout[news.to_numpy()]
    truth = holdout[target].to_numpy()
    models = {name: registry.load(bundle, bundle.name, key, tested=True) for name, bundle in bundles.items()}
    answers: dict[str, Any] = {
        name: model.predict(holdout[[field.name for field in model.inputs]]) for name, model in models.items()
    }
    answers["guessing"] = np.full(len(truth), evaluate.middle(past[target], task), dtype=truth.dtype)
    scale = references["champion" if candidate.champion_bundle else "candidate"].scale
    loss = {name: losses.bounded(task, answer, truth, scale) for name, answer in answers.items()}
    released = registry.load(candidate.bundle, candidate.bundle.name, key)
    return _Held(past, holdout, models, scale, loss, released)
