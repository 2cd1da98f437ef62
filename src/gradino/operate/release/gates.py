"""What every candidate must pass before it meets live traffic: each gate is a function with a verdict and evidence.

A gate that cannot judge says `insufficient`, and that is no pass. The docstring of a gate is what a refused user reads.
"""

import time
from collections.abc import Callable
from functools import partial

from gradino.errors import GradinoError
from gradino.operate import registry
from gradino.operate.project import Project
from gradino.operate.project.process import call
from gradino.operate.project.reference import Reference
from gradino.operate.release import checks, contract
from gradino.operate.release import skew as skewed
from gradino.operate.release.candidate import Candidate, Result
from gradino.operate.store import Store
from gradino.operate.store.state import gates, releases
from gradino.operate.training import environment

Gate = Callable[[Candidate], Result]


def integrity(candidate: Candidate) -> Result:
    """The bundle is whole and carries our signature. If not: train again, and find out who touched it."""
    key = registry.public_key(candidate.store)
    call(registry.verify, candidate.log, candidate.bundle, candidate.bundle.name, key)
    return Result("pass", "every file is what was signed", {"bundle": candidate.bundle.name})


def tests(candidate: Candidate) -> Result:
    """The project's own tests pass, run from the snapshot that was trained, in the environment of the bundle's lock.

    Write at least one of the scoring code. Those in tests/integration have a gate of their own.
    """
    code = candidate.code
    unlike = environment.differences(code, environment.identity(code))
    if unlike:
        return Result("fail", f"this is not the bundle's environment: {unlike[0]}", {"differences": list(unlike)})
    return _tested(*call(checks.run_tests, candidate.log, code, str(code), f"--ignore={code / INTEGRATION}"))


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
    """On the newest rows its recipe, fitted without them, beats guessing and is not clearly worse than the champion.

    The champion is asked as it was tested, too: both recipes answer what they had not seen. What is to be released has
    learnt from these rows; here it is only looked at whether that fit has failed.
    Guessing is the median (or the commonest class). Small differences are left to the experiment.
    """
    return call(checks.compare_on_holdout, candidate.log, candidate)


def slices(candidate: Candidate) -> Result:
    """No part of the rows pays for the mean: in no slice of `slices` in [training] it is clearly worse."""
    if candidate.champion_bundle is None or not candidate.project.training.slices:
        return Result("pass", "the project names no slices, or there is no champion to compare with", {})
    return call(checks.compare_slices, candidate.log, candidate)


def skew(candidate: Candidate) -> Result:
    """What callers send is what the table says of the same moments. If not, training and serving derive it apart."""
    return call(skewed.compare, candidate.log, candidate)


def parity(candidate: Candidate) -> Result:
    """The model as the server calls it, compiled where it can be, answers as Python does on the holdout and beyond."""
    return call(checks.compare_compiled, candidate.log, candidate)


def service(candidate: Candidate) -> Result:
    """A real server in the test environment answers as the model did in training, and refuses what is wrong."""
    return contract.examine(candidate)


def budget(candidate: Candidate) -> Result:
    """The server keeps to `latency` (of 95 in 100 requests of one row) and `memory` of [release]."""
    return contract.measure(candidate)


def integration(candidate: Candidate) -> Result:
    """The project's tests/integration pass against a real server, whose address they find in GRADINO_URL."""
    code = candidate.code
    if not (code / INTEGRATION).is_dir():
        return Result("pass", f"the project has no {INTEGRATION}", {})
    with contract.server(candidate) as (connection, _):
        url = f"http://{connection.host}:{connection.port}"
        return _tested(*call(checks.run_tests, candidate.log, code, str(code / INTEGRATION), GRADINO_URL=url))


INTEGRATION = "tests/integration"
GATES: tuple[Gate, ...] = (integrity, tests, schema, holdout, slices, skew, parity, service, budget, integration)


def chosen(project: Project) -> dict[str, Gate]:
    """All gates of a project by name, in their order: gradino's, then its own."""
    own = {str(gate): partial(_own, gate=gate) for gate in project.release.gates}
    return {gate.__name__: gate for gate in GATES} | own


def judge(gate: Gate, candidate: Candidate) -> Result:
    """What a gate says; one that raises has not let anybody pass."""
    try:
        return gate(candidate)
    except GradinoError as error:
        return Result("fail", error.what, {"next": error.next})
    except Exception as error:  # noqa: BLE001
        return Result("insufficient", f"the gate broke: {type(error).__name__}: {error}", {})


@contract.one_server()
def run_gates(project: Project, store: Store, release_id: int) -> None:
    """Run the gates of a release that have no verdict yet; after the first that is not passed, no other."""
    release = store.state.last(releases, releases.c.id == release_id)
    assert release is not None
    candidate = Candidate.of(project, store, release.version)
    judged = {row.name: row.verdict for row in store.state.rows(gates, gates.c.release == release_id)}
    for name, gate in chosen(project).items():
        if name not in judged:
            began = time.monotonic()
            result = judge(gate, candidate)
            store.state.add_once(
                gates,
                {"release": release_id, "name": name},
                verdict=result.verdict,
                evidence={"says": result.says, **result.evidence},
                seconds=time.monotonic() - began,
                event_time=store.clock(),
            )
            judged[name] = result.verdict
            said = f"v{candidate.version} {name}: {result.says}"
            store.state.tell("gate", said, f"gate:{release_id}:{name}", store.clock(), verdict=result.verdict)
        if judged[name] != "pass":
            return


def _own(candidate: Candidate, gate: Reference) -> Result:
    return call(checks.ask_project, candidate.log, candidate, gate, candidate.code)


def _tested(passed: int, failed: list[str]) -> Result:
    evidence = {"passed": passed, "failed": len(failed)}
    if failed:
        return Result("fail", f"{len(failed)} of {passed + len(failed)} tests fail: {failed[0]}", evidence)
    if not passed:
        return Result("insufficient", "no test ran: write tests of the scoring code in tests/", evidence)
    return Result("pass", f"{passed} tests pass", evidence)
