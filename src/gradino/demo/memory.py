"""How much memory a tree of processes holds at its peak."""

import threading
from contextlib import suppress

import psutil


class Peak:
    """Watches this process and its descendants; shared pages are counted once, where the system says so (PSS)."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        this = psutil.Process()
        while not self._stopped.wait(2.0):
            held = sum(_held(process) for process in (this, *this.children(recursive=True)))
            self.megabytes = max(self.megabytes, held / 2**20)


def _held(process: psutil.Process) -> float:
    with suppress(psutil.Error, OSError):
        try:
            with open(f"/proc/{process.pid}/smaps_rollup") as rollup:
                return sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) * 1024
        except FileNotFoundError:
            return float(process.memory_info().rss)
    return 0.0
