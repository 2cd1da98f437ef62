"""Vega-Lite specifications come in, SVG goes out: drawn by vl-convert in a process of its own.

The drawing engine (V8) takes some 90 MB; in a process of its own it is there only while somebody looks.
Run as a script, this file is that process: one JSON specification a line in, one JSON answer a line out.
"""

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections import OrderedDict
from typing import Any, Self

_KEEP = 256  # drawings
_IDLE = 30.0  # seconds after which the process ends by itself


class Drawer:
    """Draws each specification once; the process starts when the first is asked for. Safe to share by threads."""

    def __init__(self) -> None:
        self._drawn: OrderedDict[str, str] = OrderedDict()
        self._process: subprocess.Popen[str] | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def svg(self, spec: dict[str, Any]) -> str:
        """The drawing of `spec`, as wide as its place. Raises RuntimeError when the engine cannot draw it."""
        line = json.dumps(spec, separators=(",", ":"), allow_nan=False)
        key = hashlib.sha256(line.encode()).hexdigest()[:16]
        with self._lock:
            if key not in self._drawn:
                self._drawn[key] = _fit(self._ask(line))
                if len(self._drawn) > _KEEP:
                    self._drawn.popitem(last=False)
            self._drawn.move_to_end(key)
            return self._drawn[key]

    def rest(self) -> None:
        """End the process; the next drawing starts another. Finished drawings stay."""
        with self._lock:
            self._end()

    def _ask(self, line: str) -> str:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:  # it was killed: the next call starts another
            self._end()
            raise RuntimeError("the drawing process ended before it answered")
        drawn = json.loads(answer)
        if "error" in drawn:
            raise RuntimeError(drawn["error"])
        self._later()
        return str(drawn["svg"])

    def _later(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(_IDLE, self.rest)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        if self._timer:
            self._timer.cancel()
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        process.wait()


def _fit(svg: str) -> str:
    """Let the page decide how wide it is; its description stands in the page, beside it."""
    return re.sub(r' width="[\d.]+" height="[\d.]+"', ' aria-hidden="true" focusable="false"', svg, count=1)


def _serve() -> None:
    import vl_convert

    for line in sys.stdin:
        try:
            answer = {"svg": vl_convert.vegalite_to_svg(json.loads(line))}
        except ValueError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
