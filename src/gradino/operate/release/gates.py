"""What every candidate must pass before it meets live traffic: each gate is a function with a verdict and evidence.

A gate that cannot judge says `insufficient`, and that is no pass. The docstring of a gate is what a refused user reads.
"""

import time
from collections.abc import Callable

from gradino.errors import GradinoError
from gradino.operate import registry
from gradino.operate.project import Project
from gradino.operate.project.process import call
from gradino.operate.release import checks, contract
from gradino.operate.release.candidate import Candidate, Result
from gradino.operate.store import Store
from gradino.operate.store.state import gates, releases


def integrity(candidate: Candidate) -> Result:
    """The bundle is whole and carries our signature. If not: train again, and find out who touched it."""
    key = registry.public_key(candidate.store)
    call(registry.verify, candidate.log, candidate.bundle, candidate.bundle.name, key)
    return Result("pass", "every file is what was signed", {"bundle": candidate.bundle.name})


def tests(candidate: Candidate) -> Result:
    """The project's own tests pass, run from the snapshot that was trained. Write at least one of the scoring code."""
    code = candidate.store.folder("runs", candidate.run) / "code"
    passed, failed = call(checks.run_tests, candidate.log, code)
    evidence = {"passed": passed, "failed": len(failed)}
    if failed:
        return Result("fail", f"{len(failed)} of {passed + len(failed)} tests fail: {failed[0]}", evidence)
    if not passed:
        return Result("insufficient", "no test ran: write tests of the scoring code in tests/", evidence)
    return Result("pass", f"{passed} tests pass", evidence)


def schema(candidate: Candidate) -> Result:
    """Callers of the champion need not change: no input is new and required, none has another type."""
    if candidate.champion_bundle is None:
        return Result("pass", "there is no champion whose callers could break", {})
    old = {field.name: field for field in registry.describe(candidate.champion_bundle).inputs}
    inputs = registry.describe(candidate.bundle).inputs
    added = [field.name for field in inputs if field.name not in old and not field.nullable]
    retyped = [field.name for field in inputs if field.name in old and field.type != old[field.name].type]
    evidence = {"new_required": added, "other_type": retyped}
    if added or retyped:
        return Result("fail", f"callers would break: {', '.join(added + retyped)}", evidence)
    return Result("pass", "whoever calls the champion can call it unchanged", evidence)


def holdout(candidate: Candidate) -> Result:
    """On the newest rows, seen by neither model, it beats guessing and is not clearly worse than the champion.

    Guessing is the median (or the commonest class). Small differences are left to the experiment.
    """
    return call(checks.compare_on_holdout, candidate.log, candidate)


def service(candidate: Candidate) -> Result:
    """A real server in the test environment answers as the model did in training, and refuses what is wrong."""
    return contract.examine(candidate)


GATES: tuple[Callable[[Candidate], Result], ...] = (integrity, tests, schema, holdout, service)


def run_gates(project: Project, store: Store, release_id: int) -> None:
    """Run the gates of a release that have no verdict yet; after the first that is not passed, no other."""
    release = store.state.last(releases, releases.c.id == release_id)
    assert release is not None
    candidate = Candidate.of(project, store, release.version)
    judged = {row.name: row.verdict for row in store.state.rows(gates, gates.c.release == release_id)}
    for gate in GATES:
        if gate.__name__ not in judged:
            began = time.monotonic()
            try:
                result = gate(candidate)
            except GradinoError as error:
                result = Result("fail", error.what, {"next": error.next})
            except Exception as error:  # noqa: BLE001  # a gate that breaks has not let anybody pass
                result = Result("insufficient", f"the gate broke: {type(error).__name__}: {error}", {})
            store.state.add_once(
                gates,
                {"release": release_id, "name": gate.__name__},
                verdict=result.verdict,
                evidence={"says": result.says, **result.evidence},
                seconds=time.monotonic() - began,
                event_time=store.clock(),
            )
            judged[gate.__name__] = result.verdict
            said = f"v{candidate.version} {gate.__name__}: {result.says}"
            store.state.tell("gate", said, f"gate:{release_id}:{gate.__name__}", store.clock(), verdict=result.verdict)
        if judged[gate.__name__] != "pass":
            return
