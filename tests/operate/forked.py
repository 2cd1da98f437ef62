"""Work in a fork of this process, which may be killed there."""

import os
import traceback
from collections.abc import Callable


def forked(work: Callable[[], object]) -> int:
    """The exit code of a fork that does `work`: 0, 1 where it raised, minus the signal that killed it."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        except Exception:  # noqa: BLE001  # it is said where it happened
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
