"""Champion v1 and a candidate v2 in production, driven by the errors that each makes: records only, no models."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Row

from gradino.operate import release
from gradino.operate.monitoring import Feedback
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, gates, metrics, now, releases, versions
from tests.operate import records


class Town:
    """A project with a champion; each `day` people ask, the truth comes, and the operator looks."""

    def __init__(self, root: Path, **settings: object) -> None:
        root.mkdir(exist_ok=True)
        self.store = Store.of(root)
        self.project = records.project(root, release=settings)
        records.version(self.store, 1)
        records.version(self.store, 2, status="candidate")
        records.live(self.store, 1)
        self.feedback = Feedback(self.project, self.store)
        self.days = 0

    def gate(self, verdict: str, **evidence: object) -> None:
        release.propose(self.store, None)
        row = self.release
        told = {"says": "so", **evidence}
        self.store.state.add_once(
            gates, {"release": row.id, "name": "holdout"}, verdict=verdict, evidence=told, seconds=0.1
        )
        release.after_gates(self.project, self.store, row.id, None)

    def day(self, champion: float, challenger: float | None, label: float = 0.0) -> None:
        """24 requests on which v1 errs by `champion` and v2 by `challenger`, noisily; then the operator looks.

        v2 leaves its rows out where `challenger` is None, and gives no value where it is NaN.
        """
        live, random = self.live, np.random.default_rng(self.days)
        errors = {1: (champion + random.normal(0, 10, 24)).tolist()}
        if challenger is not None and 2 in (live.champion, live.challenger):
            errors[2] = (challenger + random.normal(0, 10, 24)).tolist()
        production = records.Production(self.store, live.id)
        production.hour = 24 * self.days
        self.days += 1
        answering = 2 if live.weight and random.random() < live.weight else live.champion
        production.tell(production.predict(errors, answering=answering), label)
        self.feedback.step()
        self.look()

    def look(self) -> None:
        release.advance(self.project, self.store, None)

    def serve(self, answered: int, failed: int, slow: bool = False) -> None:
        """A minute of service metrics, as monitoring writes them."""
        latency = [0] * 10 + [answered, 0, 0] if slow else [answered, *[0] * 12]
        self.store.state.add(
            metrics, start=now() + timedelta(seconds=1), seconds=60, version=1, answered=answered, refused=0,
            failed=failed, latency=latency, predictions={}, waiting=0.0, log_lag=0.0,
        )  # fmt: skip

    @property
    def release(self) -> Row[Any]:
        row = self.store.state.last(releases, releases.c.version == 2)
        assert row is not None
        return row

    @property
    def live(self) -> Row[Any]:
        row = self.store.state.last(deployments, deployments.c.environment == "production")
        assert row is not None
        return row

    def status(self, number: int) -> str:
        row = self.store.state.last(versions, versions.c.number == number)
        assert row is not None
        return str(row.status)

    def until(self, stage: str, champion: float, challenger: float, days: int = 60) -> None:
        """Days until the release has come to a stage."""
        for _ in range(days):
            self.day(champion, challenger)
            if self.release.stage == stage:
                return
        raise AssertionError(f"it is still in {self.release.stage}: {self.release.experiment}")
