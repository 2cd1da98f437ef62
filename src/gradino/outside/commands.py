"""The command line and git, as a developer and an operator use them."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from gradino.errors import ServiceError
from gradino.operate.loop.supervisor import follow_parent

_WHO = ("-c", "user.name=A developer", "-c", "user.email=developer@localhost", "-c", "commit.gpgsign=false")


def command(*words: str) -> list[str]:
    """A command of gradino's, with this Python."""
    return [sys.executable, "-m", "gradino", *words]


def ask(*words: str) -> Any:
    """What a command answers with `--json`, whatever it thinks of it (exit codes 0 and 1).

    Raises ServiceError with its own words where it could not be done.
    """
    done = subprocess.run(command(*words, "--json"), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    try:
        return json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip() or f"it ended with {done.returncode} and said nothing"
        raise ServiceError(f"gradino {' '.join(words)} failed: {said}", "try that command by hand") from None


def up(project: Path, port: int, page: int, log: Path, *, outlive: bool = False) -> "subprocess.Popen[bytes]":
    """`gradino up`, in a session of its own; `outlive`: it goes on when this process ends."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            command("up", str(project), "--port", str(port), "--page", str(page)),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=None if outlive else follow_parent,
        )


def git(folder: Path, *words: str) -> str:
    """What git says in a folder; ServiceError where it fails."""
    done = subprocess.run(["git", *_WHO, *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise ServiceError(f"git {words[0]} failed in {folder}: {done.stderr.strip()}", "mend that and try again")
    return done.stdout.strip()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
