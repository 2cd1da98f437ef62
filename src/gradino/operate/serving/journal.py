"""What was refused and what failed, one line each on stderr, which is the server's log file.

A line says who asked, what and with which result, and no word of a body: that may be personal. A flood of requests
becomes one line a second, not a full disk.
"""

import sys
import time
from typing import TextIO

_LINES = 20  # a second
_PROBES = ("/health", "/ping", "/v2/health/ready")  # that say 503 until a model is live


class Journal:
    """`everything`: answers that are no refusal, too."""

    def __init__(self, everything: bool = False, out: TextIO | None = None) -> None:
        self._everything, self._out = everything, out
        self._second = self._lines = self._left_out = 0

    def note(self, status: int, method: str, path: str, seconds: float, request: str, who: str | None) -> None:
        """`path` and `request` are the caller's words and may hold anything."""
        if not self._everything and (status < 400 or (status == 503 and path in _PROBES)):
            return
        now = time.time()
        if int(now) != self._second:
            if self._left_out:
                self._write(f"… and {self._left_out} more within a second")
            self._second, self._lines, self._left_out = int(now), 0, 0
        if self._lines >= _LINES and not self._everything:
            self._left_out += 1
            return
        self._lines += 1
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        by = f" by {who}" if who else ""
        self._write(f"{at} {status} {method} {path[:100]!r} {seconds * 1000:.1f} ms request {request!r}{by}")

    def _write(self, line: str) -> None:
        print(f"gradino: {line}", file=self._out or sys.stderr, flush=True)
