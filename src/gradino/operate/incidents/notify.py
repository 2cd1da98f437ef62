"""Telling people: messages wait in a table until their channel has taken them, each once, however often it is retried.

    [[channel]]
    kind = "slack"                  # or: webhook, email
    url = "$SLACK_WEBHOOK"          # a value that begins with $ is read from the environment

A webhook gets JSON {"title", "body", "key"}; `key` is the same at every attempt, so a receiver can tell a repetition.
"""

import json
import os
import smtplib
import urllib.request
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from gradino.errors import ServiceError
from gradino.operate.monitoring import alerts
from gradino.operate.store import Store
from gradino.operate.store.state import notifications, now

_PAUSES = (5, 30, 120, 600, 3600)  # seconds before the next attempt; after the last it is given up
_TIMEOUT = 10.0


class Channel(BaseModel):
    """Where messages go. An email needs `host`, `sender` and `to`; the others `url`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["webhook", "slack", "email"]
    name: str = ""
    url: str = ""
    host: str = ""
    port: int = 587
    starttls: bool = True
    user: str = ""
    password: str = ""
    sender: str = ""
    to: list[str] = []

    @model_validator(mode="after")
    def _whole(self) -> "Channel":
        missing = [k for k in (("host", "sender", "to") if self.kind == "email" else ("url",)) if not getattr(self, k)]
        if missing:
            raise ValueError(f"a channel of kind {self.kind} needs `{missing[0]}`")
        return self

    @property
    def label(self) -> str:
        return self.name or self.kind

    def send(self, title: str, body: str, key: str) -> None:
        """Deliver once.

        Raises:
            OSError: it was not taken (also smtplib.SMTPException and urllib.error.URLError).
        """
        if self.kind == "email":
            self._mail(title, body, key)
            return
        content = {"text": f"*{title}*\n{body}"} if self.kind == "slack" else {"title": title, "body": body, "key": key}
        headers = {"content-type": "application/json", "idempotency-key": key}
        request = urllib.request.Request(_secret(self.url), json.dumps(content).encode(), headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310  # the address is the project's own
            pass

    def _mail(self, title: str, body: str, key: str) -> None:
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = title, self.sender, ", ".join(self.to)
        message["Message-ID"] = f"<{key.replace(' ', '-')}@gradino>"
        message.set_content(body)
        with smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT) as server:
            if self.starttls:
                server.starttls()
            if self.user:
                server.login(_secret(self.user), _secret(self.password))
            server.send_message(message)


def channels(root: Path) -> list[Channel]:
    """The project's channels, from `alerts.toml`. Raises ProjectError where one is wrong."""
    found = [alerts.checked(root, Channel, given) for given in alerts.content(root).get("channel", ())]
    names = [channel.label for channel in found]
    for i, name in enumerate(names):
        if name in names[:i]:
            found[i] = found[i].model_copy(update={"name": f"{name}-{i}"})
    return found


def announce(store: Store, given: list[Channel], title: str, body: str, key: str) -> int:
    """Put a message out for every channel, once per `key`; returns how many were new."""
    return sum(
        store.state.add_once(
            notifications,
            {"key": f"{key}:{channel.label}"},
            channel=channel.label,
            title=title,
            body=body,
            status="waiting",
            due=now(),
        )
        for channel in given
    )


def deliver(store: Store, given: list[Channel]) -> int:
    """Try every message that is due; returns how many were taken. One that fails is tried again, later each time."""
    sent = 0
    by_label = {channel.label: channel for channel in given}
    for row in store.state.rows(notifications, notifications.c.status == "waiting", notifications.c.due <= now()):
        channel, attempts = by_label.get(row.channel), row.attempts + 1
        try:
            if channel is None:
                raise OSError("the channel is no longer in alerts.toml")
            channel.send(row.title, row.body, row.key)
        except Exception as error:  # noqa: BLE001  # whatever a server of others makes a client raise
            over = attempts > len(_PAUSES)
            due = now() + timedelta(seconds=_PAUSES[min(attempts, len(_PAUSES)) - 1])
            status, problem = "given up" if over else "waiting", str(error)[:500]
        else:
            status, problem, due, sent = "sent", "", row.due, sent + 1
        values = {"status": status, "problem": problem, "due": due, "attempts": attempts}
        store.state.change(notifications, notifications.c.id == row.id, **values)
    return sent


def try_out(given: list[Channel], project: str) -> dict[str, str]:
    """Send a test message over every channel, at once; what each answered: "taken", or why not.

    Raises:
        ServiceError: there is no channel.
    """
    if not given:
        raise ServiceError(f"there is no channel in {alerts.FILE}", 'add [[channel]] with kind = "webhook" and url')
    said = {}
    for channel in given:
        try:
            channel.send(f"{project}: a test", "gradino can reach you here.", f"test-{now():%Y%m%d%H%M%S%f}")
            said[channel.label] = "taken"
        except Exception as error:  # noqa: BLE001  # it is the answer
            said[channel.label] = f"{type(error).__name__}: {error}"
    return said


def _secret(value: str) -> str:
    if not value.startswith("$"):
        return value
    found = os.environ.get(value[1:])
    if not found:
        raise OSError(f"the environment variable {value[1:]} is not set")
    return found
