"""A real server, its models aside: `serve_toys.py ROOT ENVIRONMENT PORT WORKERS ACK`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pandas  # noqa: F401
import toy

from gradino.operate.project import load
from gradino.operate.serving.board import Board
from gradino.operate.serving.listening import listen
from gradino.operate.serving.supervisor import supervise
from gradino.operate.serving.worker import run

root, environment, port, workers, ack = sys.argv[1:]
board, project = Board(int(workers)), load(Path(root))
listener = listen(int(port), project.serving.host)
supervise(int(workers), lambda i: run(project, environment, listener, ack, board, i, toy.load))
