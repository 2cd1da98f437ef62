"""Make a version again from its record alone, in a fresh environment, and say how like the first one it is.

The record is checked before it is believed: the bundle is what was signed, data and code still have the digests it
names. Then the lock file makes an environment, the code runs in it on the recorded rows with the recorded seed,
hyper-parameters and threads, and the results are compared, the strictest way first:

    identical    the files of the model, and of the one that was tested, have the same bytes
    predictions  it answers every row that travels with the bundle alike, to the last bit
    metric       the project's metric is as near as the tolerance allows
    different    none of these
    broken       the record is not what it was, so there is nothing to reproduce
"""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from gradino.errors import GradinoError, IntegrityError, TrainingError
from gradino.operate import data, registry
from gradino.operate.project import Project
from gradino.operate.project.process import call
from gradino.operate.registry.bundle import CODE, ESTIMATORS, LOCK, MANIFEST, sha256
from gradino.operate.store import Store
from gradino.operate.store.state import reproductions, versions
from gradino.operate.training import environment, snapshot
from gradino.operate.training.order import MADE, ORDER, Order, Result

TOLERANCE = 0.01
How = Literal["identical", "predictions", "metric", "different", "broken"]


@dataclass(frozen=True)
class Reproduction:
    """How like the first the second is; `evidence` are the numbers behind `says`."""

    version: int
    how: How
    says: str
    evidence: dict[str, Any]
    seconds: float

    @property
    def passed(self) -> bool:
        return self.how in ("identical", "predictions", "metric")


def reproduce(
    project: Project,
    store: Store,
    number: int,
    tolerance: float = TOLERANCE,
    here: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Reproduction:
    """Make version `number` again and record how it went; `here`: in this Python, if it has the locked versions.

    `tolerance` is of the metric, relatively. Raises GradinoError where it cannot be tried at all: no such version, no
    environment, or code that fails now.
    """
    row = store.state.last(versions, versions.c.number == number)
    if row is None:
        raise TrainingError(f"no version v{number} is on record", "`gradino runs` shows which run became which")
    began = time.monotonic()
    folder = store.folder("reproductions", f"v{number}-{secrets.token_hex(4)}")
    try:
        say("checking the record")
        how, says, evidence = _made(project, store, row.bundle, folder, tolerance, here, say)
    except IntegrityError as error:
        how, says, evidence = "broken", error.what, {"next": error.next}
    finally:
        shutil.rmtree(folder)
    found = Reproduction(number, how, says, evidence, time.monotonic() - began)
    verdict = "pass" if found.passed else "fail"
    record = {"verdict": verdict, "how": how, "evidence": {"says": says, **evidence}, "seconds": found.seconds}
    made = store.state.add(reproductions, version=number, event_time=store.clock(), **record)
    store.state.tell("reproduction", f"v{number}: {says}", f"reproduction:{made}", store.clock(), how=how)
    return found


def _made(
    project: Project,
    store: Store,
    digest: str,
    folder: Path,
    tolerance: float,
    here: bool,
    say: Callable[[str], None],
) -> tuple[How, str, dict[str, Any]]:
    bundle, log = store.at_hand(f"bundles/{digest}"), folder / "log.txt"
    call(registry.verify, log, bundle, digest, registry.public_key(store))
    origin = registry.lineage(bundle)
    code = _code(store, origin, folder / CODE)
    if data.verify(store, origin.data_version) != origin.data_digest:
        raise IntegrityError(
            f"data version {origin.data_version} is not the one it was trained on", "restore .gradino from a backup"
        )
    say("making the environment of its lock file")
    python, loose = _python(project.root, code, folder / "environment", origin, here)
    order = Order(
        str(store.root), str(code), str(bundle), origin.data_version, origin.seed, origin.parameters,
        origin.machine.get("threads"),
    )  # fmt: skip
    (folder / ORDER).write_bytes(msgspec.json.encode(order))
    say("training as recorded")
    _run(python, folder, log)
    result = msgspec.json.decode((folder / MADE).read_bytes(), type=Result)
    how, says, evidence = compare(bundle, origin, result, tolerance)
    machine = {k: [v, result.machine.get(k)] for k, v in origin.machine.items() if v != result.machine.get(k)}
    fresh = "this Python" if here else "a fresh environment"
    return how, f"{says}, in {fresh}", evidence | {"environment": fresh, "machine": machine, "not_locked": loose}


def compare(
    bundle: Path, origin: registry.Lineage, result: Result, tolerance: float
) -> tuple[How, str, dict[str, Any]]:
    """The strictest way in which the result is like the record, in a sentence and in numbers."""
    manifest = msgspec.json.decode((bundle / MANIFEST).read_bytes(), type=dict[str, str])
    files = {name: manifest[name] for name in ESTIMATORS if name in manifest}
    name, then = next(iter(origin.metrics.items()))
    now = result.metrics.get(name, float("nan"))
    evidence = {
        "files": {"recorded": files, "made": result.files},
        "metric": {"name": name, "recorded": then, "made": now, "tolerance": tolerance},
        "answers": {"differ": result.rows, "apart": result.apart},
    }
    if files == result.files:
        return "identical", f"the model is identical, bit by bit ({next(iter(files.values()))[:12]})", evidence
    if result.rows == 0:
        return "predictions", "the model's file differs, but every answer is the same to the last bit", evidence
    said = f"{name} {now:.6g} against {then:.6g} on record"
    if abs(now - then) <= tolerance * abs(then):
        return "metric", f"not bit-identical; {said}, within {tolerance:.2%}", evidence
    return "different", f"{said}: more than {tolerance:.2%} apart", evidence


def _code(store: Store, origin: registry.Lineage, place: Path) -> Path:
    """A copy of the snapshot, if it is what was trained from."""
    kept = store.root / "runs" / origin.run / CODE
    if not kept.exists():
        raise IntegrityError(f"the code of run {origin.run} is gone from {kept}", "restore .gradino from a backup")
    shutil.copytree(kept, place)
    if snapshot.digest(place) != origin.code:
        raise IntegrityError(f"{kept} is not what was trained from", "restore .gradino from a backup")
    if sha256(place / LOCK) != origin.environment:
        raise IntegrityError(f"{kept / LOCK} is not the lock file it was trained under", "restore it from a backup")
    return place


def _python(root: Path, code: Path, place: Path, origin: registry.Lineage, here: bool) -> tuple[Path, list[str]]:
    """A Python with exactly the locked versions, and what the lock does not fix because it is a path."""
    if here:
        unlike = environment.differences(code, origin.environment)
        if unlike:
            raise TrainingError(f"this Python is not the locked environment: {unlike[0]}", "leave out --here")
        return Path(sys.executable), []
    wanted = str(origin.machine.get("python") or sys.version.split()[0])
    return environment.fresh(root, code, place, wanted)


def _run(python: Path, folder: Path, log: Path) -> None:
    """The job in its own Python. What the project's code tells MLflow there goes to a tracker of its own."""
    own = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("ab") as output:
        done = subprocess.run(
            [python, "-m", "gradino.operate.training.rebuild", folder],
            cwd=folder / CODE,
            env=os.environ | own,
            stdout=output,
            stderr=output,
        )
    if done.returncode:
        said = log.read_text(errors="replace").strip().splitlines()
        raise GradinoError(f"the recorded code failed now: {said[-1] if said else 'no word'}", "\n".join(said[-12:-1]))
