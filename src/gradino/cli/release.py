"""`gradino release`: how the running release stands, who was champion when, or a release by hand."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradino.cli.common import Json

if TYPE_CHECKING:
    from gradino.operate.project import Project
    from gradino.operate.store import Store


def release(
    version: Annotated[str, typer.Argument(help="Release this version, such as v3, now.", show_default="")] = "",
    project: Annotated[Path, typer.Option(help="The project.", show_default="here")] = Path(),
    at: Annotated[datetime | None, typer.Option(help="Who was champion at this event time (UTC), and why?")] = None,
    as_json: Json = False,
) -> None:
    """Say how the newest release stands, with its evidence.

    With a version: put it through the gates, never around them; the experiment that follows is the operator's. Exit
    code 1 when a gate refuses it.
    """
    import json
    from datetime import UTC

    from rich.console import Console
    from rich.markup import escape

    from gradino.operate.project import load
    from gradino.operate.store import Store

    checked = load(project)
    store = Store.of(checked.root)
    if at:
        found = _at(store, at.replace(tzinfo=UTC) if at.tzinfo is None else at)
    else:
        found = _newest(store, _by_hand(checked, store, version) if version else None)
    if as_json:
        print(json.dumps(found, default=str))
    else:
        for name, value in found.items():
            Console(highlight=False).print(f"[dim]{name:<12}[/] {escape(_shown(value))}", soft_wrap=True)
    if version and found.get("verdict") == "fail":
        raise typer.Exit(1)


def _by_hand(project: "Project", store: "Store", named: str) -> int:
    """Open a release and bring it through the gates, or wait until the operator has."""
    import time

    from rich.console import Console

    from gradino.errors import ReleaseError, ServiceError
    from gradino.operate import release
    from gradino.operate.store import state as s
    from gradino.operate.store.lock import sole

    version = release.Candidate.named(project, store, named).version
    row = store.state.last(s.versions, s.versions.c.number == version)
    if row is None or row.status not in ("candidate", "challenger"):
        why = (
            "it was released before" if row is None or row.status in ("champion", "retired") else f"it is {row.status}"
        )
        raise ReleaseError(f"v{version} cannot be released: {why}", "train a new version, or use `gradino rollback`")
    release.propose(store, store.clock())
    opened = store.state.last(s.releases, s.releases.c.version == version)
    assert opened is not None
    with Console(stderr=True).status(f"the gates of v{version}"):
        try:
            with sole(store.root / "operator.lock", ""):
                release.run_gates(project, store, opened.id)
                release.after_gates(project, store, opened.id, store.clock())
        except ServiceError:  # an operator is up: it does the work
            while store.state.count(s.releases, s.releases.c.id == opened.id, s.releases.c.stage == "gates"):
                time.sleep(0.2)
    return version


def _newest(store: "Store", version: int | None) -> dict[str, Any]:
    from gradino.operate.store import state as s

    row = store.state.last(s.releases, *([s.releases.c.version == version] if version else []))
    if row is None:
        return {"release": "none yet: `gradino train` makes a version"}
    gates = {g.name: g.verdict for g in store.state.rows(s.gates, s.gates.c.release == row.id)}
    told = {"version": row.version, "against": row.champion, "stage": row.stage, "verdict": row.verdict}
    told |= {"reason": row.reason, "weight": row.weight, "gates": gates}
    for name in ("experiment", "probation"):
        evidence = getattr(row, name) or {}
        keys = ("kind", "n", "mean", "evidence", "against", "threshold", "alpha", "deff", "broken")
        told[name] = {key: evidence[key] for key in keys if evidence.get(key) is not None} or None
    return told


def _at(store: "Store", moment: datetime) -> dict[str, Any]:
    from gradino.operate import release

    reign = release.champion_at(store, moment)
    if reign is None:
        return {"champion": None}
    told = {"champion": reign.version, "since": reign.since.isoformat() if reign.since else None}
    return told | {"reason": reign.reason, "decision": reign.decision, "reasons": reign.reasons}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items())
    return "; ".join(value) if isinstance(value, list) else "–" if value is None else str(value)
