"""The course of the drills: one rehearsal for all that are asked for, in an order in which none spoils the next."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gradino.drills import data, evidence, models, service
from gradino.drills.project import Copy
from gradino.drills.rehearsal import Rehearsal
from gradino.drills.result import Drill, Insufficient, Seen
from gradino.drills.rows import Rows
from gradino.errors import GradinoError
from gradino.operate.project import load
from gradino.operate.store import Store
from gradino.operate.store.lock import sole

DRILLS: dict[str, Callable[[Rehearsal, Drill], None]] = {
    "promote": models.promote,
    "no-downtime": service.no_downtime,
    "observe": service.observe,
    "trace": evidence.trace,
    "reproduce": evidence.reproduce,
    "bad-data": data.bad_data,
    "incident": data.incident,
    "gate": models.gate,
    "crash": service.crash,
    "bad-model": models.bad_model,
    "drift": models.drift,
}
"""By name, in their order: what kills comes late, what changes the world last. The docstring is the hypothesis."""

_FIRST = {"no-downtime": "promote", "incident": "bad-data"}  # what a drill builds upon


@dataclass
class Course:
    """What was run: the drills, on which commit, in which folder, which is gone unless it was to be kept."""

    drills: list[Drill]
    commit: str
    settings: str
    folder: Path
    left_out: list[str] = field(default_factory=list)  # changes that are not committed


@dataclass(frozen=True)
class Faces:
    """How whoever looks on is told."""

    begins: Callable[[Drill], None]
    sees: Callable[[Drill, Seen], None]
    ends: Callable[[Drill], None]
    progress: Callable[[str], None]


def chosen(names: Sequence[str]) -> list[str]:
    """The drills of these names (all for none) and those they build upon, in their order.

    Raises GradinoError for a name that there is not.
    """
    unknown = [name for name in names if name not in DRILLS]
    if unknown:
        raise GradinoError(f"there is no drill `{unknown[0]}`", f"there are: {', '.join(DRILLS)}")
    wanted = {*names, *(_FIRST[name] for name in names if name in _FIRST)} or set(DRILLS)
    return [name for name in DRILLS if name in wanted]


def run(root: Path, names: Sequence[str], keep: bool, faces: Faces) -> Course:
    """Rehearse a copy of the project in `root` and let it go through the drills.

    Raises:
        GradinoError: the project cannot be copied or has no rows, or a rehearsal of it runs already.
    """
    project = load(root)
    store = Store.of(project.root)
    advice = "wait until it has ended, or stop that process"
    with sole(store.root / "drill.lock", advice), _scratch(project.name, keep) as folder:
        copy = Copy.of(project, folder)
        course = Course([], copy.head, copy.digest, folder, copy.left_out(project.root))
        town = Rehearsal(copy, Rows.newest(project, store), faces.progress)
        store.state.close()
        try:
            _through(town, chosen(names), course, faces)
        finally:
            town.down()
    return course


def _through(town: Rehearsal, names: list[str], course: Course, faces: Faces) -> None:
    refused = ""
    try:
        town.start(handicapped="promote" in names)
    except Insufficient as reason:
        refused = str(reason)
    for name in names:
        drill = Drill(name, " ".join((DRILLS[name].__doc__ or "").split()), faces.sees)
        course.drills.append(drill)
        faces.begins(drill)
        before = town.copy.now()
        try:
            if refused:
                raise Insufficient(refused)
            DRILLS[name](town, drill)
            drill.end()
        except Exception as error:  # noqa: BLE001  # a drill that breaks must not take the others with it
            drill.end(error)
            town.copy.restore(before)
        faces.ends(drill)


@contextmanager
def _scratch(name: str, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"gradino-drill-{name}-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
