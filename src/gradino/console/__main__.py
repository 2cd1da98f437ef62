"""`python -m gradino.console --project ROOT --port N`: the page of one project, until it is stopped."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from gradino.console.serve import assess_beside, serve, trace_beside
from gradino.errors import GradinoError
from gradino.operate.project import load
from gradino.operate.store import Store


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gradino.console", description=__doc__)
    parser.add_argument("--project", type=Path, default=Path(), help="folder of gradino.toml (default: here)")
    parser.add_argument("--port", type=int, default=8800, help="on 127.0.0.1 (default: 8800)")
    chosen = parser.parse_args()
    try:
        project = load(chosen.project)
        assess, trace = partial(assess_beside, project), partial(trace_beside, project)
        serve(Store.of(project.root), project, chosen.port, assess=assess, trace=trace)
    except GradinoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads of the server that are not Python's may still run, and an orderly end can abort in them
