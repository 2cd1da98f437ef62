"""The results, kept where the project's other records are: `gradino assess` takes them for proof.

A result belongs to the settings it was found with: `settings` is the SHA-256 of gradino.toml, in which contract,
experiment and gates are chosen. Another commit with the same settings goes through the same gates.
"""

from pathlib import Path

from gradino.drills.course import Course
from gradino.operate.project import load
from gradino.operate.store import Store
from gradino.operate.store.state import drills


def record(root: Path, course: Course) -> None:
    """Write down each drill; nothing is overwritten."""
    store = Store.of(load(root).root)
    for drill in course.drills:
        told = drill.plain()
        evidence = {name: told[name] for name in ("why", "hypothesis", "timeline", "numbers")}
        values = {"verdict": drill.verdict, "seconds": drill.seconds, "evidence": evidence}
        store.state.add(drills, name=drill.name, commit=course.commit, settings=course.settings, **values)
    store.state.close()
