"""The machine a result was computed on: what it may depend on beside data, code, lock file and seed."""

import os
import platform
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]


def describe() -> dict[str, str | int | float]:
    """Python, processor, cores, memory, and the threads that the loaded numerical libraries use."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "threads": max((pool["num_threads"] for pool in threadpool_info()), default=1),
    }


def limited(threads: int) -> AbstractContextManager[object]:
    """As many threads as a recorded run had: sums of floats depend on how they are split."""
    return threadpool_limits(threads)  # type: ignore[no-any-return]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
