"""Drills about evidence: answers lead back to raw rows, one changed byte is found, a model comes out again."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from gradino.drills.rehearsal import Rehearsal
from gradino.drills.result import Drill, Insufficient
from gradino.errors import ServiceError
from gradino.outside.commands import ask

_SAMPLES = 4
_TWIN = "twin"


def trace(town: Rehearsal, drill: Drill) -> None:
    """Answers are walked back to raw rows with every hash recomputed; a byte that is changed in a copy is found."""
    if not town.answered:
        town.live(days=2)
    chosen = town.answered[:: max(len(town.answered) // _SAMPLES, 1)][:_SAMPLES]
    for answer in chosen:
        found = town.command("trace", answer.id)
        broken = [link["name"] for link in found["links"] if not link["verified"]]
        drill.check(found["verified"], f"{answer.id}: {found['checked']} links, {len(broken)} do not match")
    subject, store = chosen[-1].id, town.root / ".gradino"
    links = {link["kind"]: link for link in town.command("trace", subject)["links"]}
    twin = _copied(town)
    whole = _verified(subject, twin)
    drill.check(whole, "a copy of the store is traced as the store itself")
    for kind, file in _files(store, links).items():
        place = twin / ".gradino" / file.relative_to(store)
        content = place.read_bytes()
        at = len(content) // 2
        place.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        drill.inject(f"in the copy one bit of byte {at:,} of a {kind} is flipped: {file.relative_to(store)}")
        drill.check(not _verified(subject, twin), f"the changed {kind} is found")
        place.write_bytes(content)
    shutil.rmtree(town.scratch / _TWIN)


def reproduce(town: Rehearsal, drill: Drill) -> None:
    """The live model is made again from its record alone, and answers alike."""
    version = town.champion
    drill.inject(f"gradino reproduce v{version}, in a fresh environment")
    try:
        found = town.command("reproduce", f"v{version}")
    except ServiceError as error:
        drill.see(f"no fresh environment could be made: {error.what[-300:]}")
        drill.inject(f"gradino reproduce v{version} --here, in this one")
        found = town.command("reproduce", f"v{version}", "--here")
    drill.check(found["reproduced"], f"v{version}: {found['says']}", how=found["how"])


def _verified(subject: str, twin: Path) -> bool:
    """Whether the chain holds in the copy; a store that can no longer be read does not."""
    try:
        return bool(ask("trace", subject, "--project", str(twin))["verified"])
    except ServiceError:
        return False


def _copied(town: Rehearsal) -> Path:
    """The project with its store as it is at one moment, though the operator goes on; its folder in the copy."""
    clone, twin = town.copy.clone, town.scratch / _TWIN
    project = twin / town.root.relative_to(clone)
    (project / ".gradino").mkdir(parents=True)
    databases = (sqlite3.connect(place / ".gradino" / "state.db") for place in (town.root, project))
    with closing(next(databases)) as source, closing(next(databases)) as target:
        source.backup(target)
    left_out = shutil.ignore_patterns("*.db*", "wal")
    shutil.copytree(clone, twin, symlinks=True, ignore=left_out, dirs_exist_ok=True, copy_function=_copy_if_there)
    return project


def _copy_if_there(source: str, target: str) -> None:
    """Parts and merged files of the log go while we copy; what the chain needs stays, or the trace says so."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


def _files(store: Path, links: dict[str, Any]) -> dict[str, Path]:
    """One file of each part of the chain behind an answer: the largest, where there are several."""
    log = store / "tables" / "predictions" / links["log"]["name"]
    places = {"file of the bundle": store / "bundles" / links["bundle"]["digest"], "raw batch": store / "raw"}
    places["data file"] = store / "tables" / "rows"
    found = {"file of the log": log}
    for name, place in places.items():
        files = [f for f in place.rglob("*") if f.is_file() and "_delta_log" not in f.parts]
        found[name] = max(files, key=lambda f: f.stat().st_size, default=place)
    missing = [str(file) for file in found.values() if not file.is_file()]
    if missing:
        raise Insufficient(f"a file of the chain is not where it was looked for: {missing[0]}")
    return found
