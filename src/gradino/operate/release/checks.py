"""The gates' work that needs the project's code and its libraries; each function runs in a job."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from gradino.inference import losses
from gradino.operate import registry
from gradino.operate.release.candidate import Candidate, Result

CLEARLY = 0.10  # a mean loss this much above the champion's, relatively, is no matter for an experiment


def run_tests(code: Path) -> tuple[int, list[str]]:
    """Run the tests of a snapshot; returns how many passed, and the names of those that did not."""
    try:
        import pytest
    except ImportError:
        return 0, []
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
    pytest.main(["-q", "-p", "no:cacheprovider", "-W", imported, "--rootdir", str(code), str(code)], plugins=[count])
    return count.passed, count.failed


def compare_on_holdout(candidate: Candidate) -> Result:
    """Candidate, champion and guessing on the rows that the candidate's training kept apart."""
    from gradino.operate.training import evaluate
    from gradino.operate.training.job import collected

    project, store, key = candidate.project, candidate.store, registry.public_key(candidate.store)
    target, task = project.project.target, project.project.task
    origin = registry.lineage(candidate.bundle)
    rows = collected(store, project, origin.data_version).to_pandas()
    past, holdout = evaluate.split(rows, project.project.time)
    truth = holdout[target].to_numpy()
    bundles = {"candidate": candidate.bundle} | (
        {"champion": candidate.champion_bundle} if candidate.champion_bundle else {}
    )
    answers: dict[str, Any] = {}
    for name, bundle in bundles.items():
        model = registry.load(bundle, bundle.name, key)
        answers[name] = model.predict(holdout[[field.name for field in model.inputs]])
    answers["guessing"] = np.full(len(truth), evaluate.middle(past[target], task), dtype=truth.dtype)
    scale = registry.reference(bundles.get("champion", candidate.bundle)).scale
    loss = {name: float(losses.bounded(task, answer, truth, scale).mean()) for name, answer in answers.items()}
    evidence = {"rows": len(truth), "scale": scale, **loss}
    said = ", ".join(f"{name} {value:.3g}" for name, value in loss.items())
    if loss["candidate"] >= loss["guessing"]:
        return Result("fail", f"it is no better than guessing: {said}", evidence)
    if loss["candidate"] > loss.get("champion", 1.0) * (1 + CLEARLY):
        return Result("fail", f"it is clearly worse than the champion: {said}", evidence)
    return Result("pass", f"loss on {len(truth):,} newest rows: {said}", evidence)
