"""Constant traffic: one request after the other for as long as the rehearsal lasts, whatever is done to it."""

import threading
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any, NamedTuple

from gradino.outside.traffic import Answered, Traffic

_PAUSE = 0.08  # seconds between two requests


class Beat(NamedTuple):
    """A request: when it was answered (monotonic seconds), after how many seconds, and with what."""

    at: float
    took: float
    answer: Answered | None


class Pulse:
    """A thread of its own, with a connection of its own."""

    def __init__(self, port: int) -> None:
        self.beats: list[Beat] = []
        self._traffic = Traffic(port)
        self._requests: Sequence[dict[str, Any]] = ()
        self._going, self._ended = threading.Event(), threading.Event()
        self._quiet = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, requests: Sequence[dict[str, Any]]) -> None:
        self.ask(requests)
        self._going.set()
        self._thread.start()

    def ask(self, requests: Sequence[dict[str, Any]]) -> None:
        """From now on, these."""
        self._requests = requests

    def pause(self) -> None:
        """No request goes out after this returns, until `resume`."""
        self._going.clear()
        with self._quiet:
            pass

    def resume(self) -> None:
        self._going.set()

    def stop(self) -> None:
        self._ended.set()
        self._going.set()
        if self._thread.is_alive():
            self._thread.join(35)
        self._traffic.close()

    def since(self, moment: float) -> list[Beat]:
        """The requests that were answered, or failed, after a moment."""
        return [beat for beat in list(self.beats) if beat.at >= moment]

    @property
    def problems(self) -> list[str]:
        return self._traffic.failures

    def _run(self) -> None:
        for number in cycle(range(10_000)):
            self._going.wait()
            if self._ended.wait(_PAUSE):
                return
            with self._quiet:
                if not self._going.is_set():
                    continue
                requests = self._requests
                began = time.monotonic()
                answer = self._traffic.one(requests[number % len(requests)])
                ended = time.monotonic()
            self.beats.append(Beat(ended, ended - began, answer))
