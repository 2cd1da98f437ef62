"""All that one worker answers: its protocols side by side, and how it is doing."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from gradino.operate.project.config import Identity
from gradino.operate.serving import openapi
from gradino.operate.serving.app import Answer, Request, Route, Routes, json_answer
from gradino.operate.serving.batching import Batcher
from gradino.operate.serving.board import Board
from gradino.operate.serving.commit import PredictionLog
from gradino.operate.serving.compactor import COMPACTED
from gradino.operate.serving.deployments import Deployments
from gradino.operate.serving.inference import OpenInference
from gradino.operate.serving.invocations import Invocations
from gradino.operate.serving.metrics import Requests, Snapshot, text
from gradino.operate.serving.native import Native
from gradino.operate.serving.scoring import MOST_ROWS, Scoring
from gradino.operate.serving.wal import SUFFIX

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class ScoringService:
    """Everything a worker answers with. `folder` holds its segments."""

    def __init__(
        self,
        deployments: Deployments,
        log: PredictionLog,
        board: Board,
        worker: int,
        project: Identity,
        folder: Path,
        prefix: str,
    ) -> None:
        self._deployments, self._log, self._board, self._worker = deployments, log, board, worker
        self._folder, self._name = folder, project.name
        self._scoring = Scoring(deployments, log, prefix)
        self._native = Native(self._scoring, project.task)
        self.requests = Requests()
        self.routes: Routes = {
            **self._native.routes,
            **Invocations(self._scoring).routes,
            **OpenInference(self._scoring, project.name, project.task).routes,
            "/health": {"GET": Route(self.health, "token")},
            "/version": {"GET": Route(self.version, "token")},
            "/metrics": {"GET": Route(self.metrics, "viewer")},
            "/ping": {"GET": Route(self.ping, None)},
            "/openapi.json": {"GET": Route(self.openapi, "token")},
        }

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scoring.start(loop)

    def stop(self) -> None:
        self._native.stop()
        self._scoring.stop()

    def publish(self) -> None:
        """Tell the siblings; called after each look at the deployments."""
        self._board.publish(self.snapshot())

    async def health(self, _request: Request) -> Answer:
        live, error = self._deployments.live, self._deployments.error
        status = "starting" if live is None else "degraded" if error else "ok"
        content = {"status": status, "version": live.champion.version if live else None, "error": error}
        return json_answer(content, 200 if live else 503)

    async def ping(self, _request: Request) -> Answer:
        return Answer(b"\n", 200 if self._deployments.live else 503, "text/plain")

    async def version(self, _request: Request) -> Answer:
        """What each worker serves; a worker's own line is of this instant, its siblings' at most 200 ms old."""
        fields = ("worker", "pid", "deployment", "champion", "challenger", "weight", "evaluator", "error")
        workers = [{name: getattr(s, name) for name in fields} for s in self._snapshots()]
        return json_answer({"workers": workers})

    async def metrics(self, _request: Request) -> Answer:
        size, compacted = 0, 0.0
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # compacted just now
                found = path.stat()
                if path.suffix == SUFFIX:
                    size += found.st_size
                elif path.name == COMPACTED:
                    compacted = found.st_mtime
        return Answer(text(self._snapshots(), size, compacted).encode(), kind=_PROMETHEUS)

    async def openapi(self, _request: Request) -> Answer:
        live = self._deployments.live
        return json_answer(openapi.document(live.rows if live else None, self._name, MOST_ROWS))

    def snapshot(self) -> Snapshot:
        live, batcher = self._deployments.live, self._scoring.batcher
        return Snapshot(
            worker=self._worker,
            pid=os.getpid(),
            deployment=live.deployment if live else None,
            champion=live.champion.version if live else None,
            challenger=live.challenger.version if live and live.challenger else None,
            weight=live.weight if live else 0.0,
            evaluator=live.champion.how if live else None,
            error=self._deployments.error,
            answers=[(route, status, n) for (route, status), n in list(self.requests.answers.items())],
            latency=[(r, list(counts), self.requests.seconds[r]) for r, counts in list(self.requests.latency.items())],
            predictions=_counted(batcher) if batcher else [],
            shadow_errors=batcher.shadow.errors if batcher else 0,
            shadow_dropped=batcher.shadow.dropped if batcher else 0,
            waiting_rows=batcher.waiting if batcher else 0,
            log_waiting=self._log.waiting,
            log_commits=self._log.commits,
            log_errors=self._log.errors,
        )

    def _snapshots(self) -> list[Snapshot]:
        others = [s for s in self._board.read() if s.worker != self._worker]
        return sorted([*others, self.snapshot()], key=lambda s: s.worker)


def _counted(batcher: Batcher) -> list[tuple[int, str, int]]:
    answered: list[tuple[int, str, int]] = [(v, arm, n) for (v, arm), n in list(batcher.predictions.items())]
    return answered + [(v, "shadow", n) for v, n in list(batcher.shadow.predictions.items())]
