"""`gradino alerts`: the rules, and whether anybody can be told."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gradino.cli.common import Folder, Json


def alerts(
    project: Folder = Path(),
    test: Annotated[bool, typer.Option("--test", help="Send a test message over every channel now.")] = False,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Print the rules as a Prometheus rule file.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the alert rules of alerts.toml, what each says now, and the messages that wait; or try the channels.

    With --test the exit code is 1 where a channel did not take the message.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gradino.operate.incidents import notify
    from gradino.operate.monitoring import alerts as rules
    from gradino.operate.project import load
    from gradino.operate.store import Store
    from gradino.operate.store.state import notifications, now

    checked = load(project)
    given, channels = rules.rules(checked.root), notify.channels(checked.root)
    console = Console(highlight=False)
    if prometheus:
        print(rules.prometheus(given), end="")
        return
    if test:
        said = notify.try_out(channels, checked.name)
        if as_json:
            print(json.dumps(said))
        for label, answer in {} if as_json else said.items():
            console.print(f"{label}: {escape(answer)}")
        raise typer.Exit(any(answer != "taken" for answer in said.values()))
    store = Store.of(checked.root)
    firing = store.state.cursor("alerts", {})
    shown = [
        {
            "name": rule.name,
            "says": rule.says,
            "now": rules.measure(store, rule, now()),
            "firing": bool(firing.get(rule.name, {}).get("fired")),
        }
        for rule in given
    ]
    waiting = store.state.rows(notifications, notifications.c.status != "sent")
    if as_json:
        labels = [channel.label for channel in channels]
        print(json.dumps({"rules": shown, "channels": labels, "undelivered": len(waiting)}))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("rule", "when", "now", ""):
        table.add_column(name)
    for rule in shown:
        value = "–" if rule["now"] is None else f"{rule['now']:.4g}"
        table.add_row(str(rule["name"]), escape(str(rule["says"])), value, "[red]fires[/]" if rule["firing"] else "")
    console.print(table)
    console.print(f"channels: {', '.join(channel.label for channel in channels) or f'none; name them in {rules.FILE}'}")
    for row in waiting:
        console.print(f"[yellow]{row.status}[/] {escape(row.title)}: {escape(row.problem or 'not tried yet')}")
