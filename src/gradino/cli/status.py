"""`gradino status`: what is live."""

import json
from pathlib import Path
from typing import Any

from gradino.cli.common import Folder, Json


def status(project: Folder = Path(), as_json: Json = False) -> None:
    """Say what is live: champion, error, labels, alarms, open incidents, processes."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gradino.console import story, words
    from gradino.operate.project import load
    from gradino.operate.store import Store

    checked = load(project)
    found = story.status(story.read(Store.of(checked.root), checked))
    if as_json:
        print(json.dumps(found))
        return
    champion, live = found["champion"], found["live"]
    lines = {
        "project": found["project"],
        "event time": found["as_of"] or "nothing has happened yet",
        "champion": f"v{champion['version']} since {champion['since']}: {champion['reason']}" if champion else "none",
        "challenger": f"v{found['challenger']}" if found["challenger"] else "none",
        "error": f"{live['error']:.4g} over {live['labels']} labels of {live['days']} days"
        if live
        else "no labels yet",
        "requests": _requests(found),
        "labels": _labels(found),
        "drift": found["drift"]["says"] if found["drift"] else "nothing to compare yet",
        "data": f"{found['data']['rows']:,} rows, {found['data']['quarantined']:,} in quarantine",
        "so far": ", ".join(f"{found[k]} {k}" for k in ("alarms", "retrains", "promotions", "refused", "rejected")),
        "retraining": words.retraining(**found["last_retraining"]) if found["last_retraining"] else "none yet",
        "incidents": f"{found['open_incidents']} open",
        "alerts": ", ".join(found["firing"]) or "none fires",
        "processes": ", ".join(f"{name} {where}".strip() for name, where in found["services"].items())
        or "none: it is down",
    }
    table = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        table.add_row(f"[dim]{name}[/]", escape(str(value)))
    Console(highlight=False).print(table)


def _requests(found: dict[str, Any]) -> str:
    failed = found["requests"]["failed"]
    said = f"{found['requests']['answered']:,} answered" + ("" if failed is None else f", {failed:,} failed")
    service = found["service"]
    return said + (f"; 99 % within {service['p99'] * 1000:.3g} ms" if service and service["p99"] is not None else "")


def _labels(found: dict[str, Any]) -> str:
    said, feedback = f"{found['labels']['joined']:,} joined", found["feedback"]
    if feedback and feedback["coverage"] is not None:
        said += f", {feedback['coverage']:.0%} of the last week"
        said += f", after {feedback['delay_hours']:.3g} h" if feedback["delay_hours"] is not None else ""
        said += f", {feedback['corrected']:,} corrected" if feedback["corrected"] else ""
    return said
