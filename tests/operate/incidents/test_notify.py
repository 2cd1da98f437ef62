"""People are told once, by real servers that sometimes fail."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from gradino.errors import ProjectError
from gradino.operate.incidents import notify, watchers
from gradino.operate.monitoring import alerts
from gradino.operate.serving.metrics import Requests, text
from gradino.operate.store import Store
from gradino.operate.store.state import incidents, notifications, now
from tests.operate import records
from tests.operate.monitoring.test_service import said


class Sink(ThreadingHTTPServer):
    """Takes what is posted; answers 500 as often as `failures` says."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.failures = 0
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        failed = self.server.failures > 0
        self.server.failures -= failed
        if not failed:
            self.server.taken.append(body)
        self.send_response(500 if failed else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Mailbox(Message):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.of(tmp_path)


def due(store: Store) -> None:
    """Let the pause before the next attempt be over."""
    store.state.change(notifications, due=now() - timedelta(seconds=1))


def test_each_kind_of_channel_gets_the_message(
    store: Store, sink: Sink, mailbox: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", sink.url)
    box, port = mailbox
    channels = [
        notify.Channel(kind="webhook", url=sink.url),
        notify.Channel(kind="slack", url="$HOOK"),
        notify.Channel(
            kind="email", host="127.0.0.1", port=port, starttls=False, sender="a@b.example", to=["c@d.example"]
        ),
    ]
    assert notify.announce(store, channels, "v3 does harm", "since Monday", "incident:1") == 3
    assert notify.announce(store, channels, "v3 does harm", "since Monday", "incident:1") == 0
    assert notify.deliver(store, channels) == 3
    assert notify.deliver(store, channels) == 0
    assert {"title": "v3 does harm", "body": "since Monday", "key": "incident:1:webhook"} in sink.taken
    assert {"text": "*v3 does harm*\nsince Monday"} in sink.taken
    (mail,) = box.mails
    assert (mail["subject"], mail["to"], mail.get_payload().strip()) == ("v3 does harm", "c@d.example", "since Monday")
    assert set(notify.try_out(channels, "town").values()) == {"taken"}


def test_what_is_not_taken_is_tried_again_and_arrives_once(store: Store, sink: Sink) -> None:
    channels = [notify.Channel(kind="webhook", url=sink.url)]
    sink.failures = 2
    notify.announce(store, channels, "title", "body", "key")
    assert notify.deliver(store, channels) == 0
    assert notify.deliver(store, channels) == 0, "not due yet"
    (row,) = store.state.rows(notifications)
    assert (row.status, row.attempts) == ("waiting", 1)
    assert "500" in row.problem
    due(store)
    assert notify.deliver(store, channels) == 0
    due(store)
    assert notify.deliver(store, channels) == 1
    assert len(sink.taken) == 1


def test_a_channel_that_never_answers_is_given_up(store: Store) -> None:
    channels = [notify.Channel(kind="webhook", url="http://127.0.0.1:1/")]
    notify.announce(store, channels, "title", "body", "key")
    for _ in range(10):
        due(store)
        notify.deliver(store, channels)
    (row,) = store.state.rows(notifications)
    assert (row.status, row.attempts) == ("given up", 6)
    assert "refused" in notify.try_out(channels, "town")["webhook"]


ALERTS = """
[[rule]]
name = "errors"
metric = "failed"
above = 0.05
lasting = "1m"

[[channel]]
kind = "webhook"
url = "URL"
"""


def test_a_rule_fires_once_opens_an_incident_and_is_resolved_once(tmp_path: Path, store: Store, sink: Sink) -> None:
    (tmp_path / "alerts.toml").write_text(ALERTS.replace("URL", sink.url))
    records.live(store, 3)
    rules = alerts.rules(tmp_path)
    requests = Requests()
    requests.count("/v1/score", 500, 0.01)
    begin = now().replace(second=0)  # a sample is kept with the minute that it was taken in
    from gradino.operate.monitoring import service

    service.record(store, text([said(0, requests)], 0, 0), begin)
    assert alerts.evaluate(store, rules, begin) == [], "it must last a minute"
    assert alerts.evaluate(store, rules, begin + timedelta(seconds=30)) == []
    (fired,) = alerts.evaluate(store, rules, begin + timedelta(seconds=61))
    assert (fired.fired, fired.value) == (True, 1.0)
    assert alerts.evaluate(store, rules, begin + timedelta(seconds=70)) == []
    (resolved,) = alerts.evaluate(store, rules, begin + timedelta(minutes=10))
    assert not resolved.fired


def test_one_look_tells_of_alerts_and_incidents_and_the_next_does_not(tmp_path: Path, store: Store, sink: Sink) -> None:
    (tmp_path / "alerts.toml").write_text(ALERTS.replace("URL", sink.url).replace('"1m"', '"0s"'))
    requests = Requests()
    requests.count("/v1/score", 500, 0.01)
    from gradino.operate.monitoring import service

    service.record(store, text([said(0, requests)], 0, 0), now())
    store.state.add(incidents, kind="data", title="the source failed", cause="x", evidence={"next": "mend it"})
    for _ in range(2):
        watchers.look(store, tmp_path, "town")
    notify.deliver(store, notify.channels(tmp_path))
    assert [message["title"] for message in sink.taken] == ["town: alert errors fires", "town: the source failed"]
    assert [row.kind for row in store.state.rows(incidents)] == ["data", "alert"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[rule]]\nname = "x"\nmetric = "faild"\nabove = 1', "did you mean `failed`"),
        ('[[rule]]\nname = "x"\nmetric = "failed"', "either `above` or `below`"),
        ('[[rule]]\nname = "x"\nmetric = "failed"\nabove = 1\nlasting = "soon"', "no duration"),
        ("[[rule]]\nname = 3", "valid string"),
        ("[rules]", "unknown section `rules`"),
        ("[[rule", "alerts.toml"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "alerts.toml").write_text(text)
    with pytest.raises(ProjectError, match=says):
        alerts.rules(tmp_path)


def test_a_channel_without_an_address_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_text('[[channel]]\nkind = "email"\nhost = "mail"')
    with pytest.raises(ProjectError, match="needs `sender`"):
        notify.channels(tmp_path)


def test_the_default_rules_are_a_prometheus_rule_file(tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    (group,) = YAML().load(alerts.prometheus(alerts.rules(tmp_path)))["groups"]
    assert [rule["alert"] for rule in group["rules"]] == ["errors", "slow", "log", "silent"]
    assert all({"expr", "for", "annotations"} <= rule.keys() for rule in group["rules"])
