"""What looks after the running system beside the loop, in a thread of its own: nobody's network holds up the loop.

Every few seconds: sample the scoring server, look at the alert rules, announce what fired and which incidents are new,
deliver what waits.
"""

import sys
import threading
import time
from pathlib import Path

from gradino.errors import GradinoError
from gradino.operate.incidents import notify, record
from gradino.operate.monitoring import alerts, service
from gradino.operate.project import Project
from gradino.operate.store import Store, tokens
from gradino.operate.store.state import incidents

_TICK = 1.0
_ANNOUNCED = "announced"  # cursor: the newest incident that was announced
_HOLDER = "gradino-operator"  # the name of its own token, where the server wants one
_THIN = 3600.0  # seconds between two tidyings


class Watchers:
    """The thread. It reads `alerts.toml` again at every look, so a change needs no restart."""

    def __init__(self, project: Project) -> None:
        self._root, self._name, self._serving = project.root, project.name, project.serving
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        store = Store.of(self._root)
        sampled = thinned = -float("inf")
        said = ""
        token = None
        while not self._stopped.wait(_TICK):
            try:
                if time.monotonic() - sampled >= service.EVERY:
                    sampled = time.monotonic()
                    if token is None and not self._serving.local:
                        token = tokens.renew(store.state, _HOLDER, "viewer")
                    service.sample(store, self._serving, token)
                    look(store, self._root, self._name)
                if time.monotonic() - thinned >= _THIN:
                    thinned = time.monotonic()
                    service.thin(store)
                notify.deliver(store, notify.channels(self._root))
            except GradinoError as error:
                if str(error) != said:  # say it once, not every second
                    said = str(error)
                    print(error, file=sys.stderr)
            except Exception as error:  # noqa: BLE001  # watching must not end because one look failed
                print(f"gradino: the watchers: {type(error).__name__}: {error}", file=sys.stderr)
        if token:
            tokens.revoke(store.state, _HOLDER)
        store.state.close()


def look(store: Store, root: Path, name: str) -> None:
    """One look: alert rules, then new incidents; each change is announced once."""
    given = notify.channels(root)
    for change in alerts.evaluate(store, alerts.rules(root)):
        word = "fires" if change.fired else "is resolved"
        value = "" if change.value is None else f", now {change.value:.4g}"
        title = f"{name}: alert {change.rule.name} {word}"
        body = f"{change.rule.says}{value}; since {change.since:%Y-%m-%d %H:%M} UTC"
        key = f"alert:{change.rule.name}:{change.since.isoformat()}:{word}"
        if store.state.tell("alert", f"{change.rule.name} {word}: {body}", key):
            notify.announce(store, given, title, body, key)
            if change.fired:
                with store.state.begin() as connection:
                    evidence = {"rule": change.rule.says, "value": change.value}
                    record.record(connection, "alert", title, f"alert:{change.rule.name}", evidence, store.clock())
    last = store.state.cursor(_ANNOUNCED, 0)
    new = store.state.rows(incidents, incidents.c.id > last)
    for row in new:
        if row.kind != "alert":
            body = "\n".join(f"{key}: {value}" for key, value in row.evidence.items())[:2000]
            again = f"\nit happened before: incident {row.repeats}" if row.repeats else ""
            notify.announce(store, given, f"{name}: {row.title}", body + again, f"incident:{row.id}")
    if new:
        with store.state.begin() as connection:
            store.state.move_cursor(connection, _ANNOUNCED, new[-1].id)
