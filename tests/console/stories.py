"""Three seeded stores as the operating half writes them: just begun, young (no label yet) and a full story."""

import hashlib
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
from sqlalchemy import Table

from gradino import maturity
from gradino.inference import drift, estimate
from gradino.operate.project import Project, load
from gradino.operate.registry import Baseline
from gradino.operate.registry.schema import Day
from gradino.operate.store import Store
from gradino.operate.store import state as s

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2011, 5, 1, tzinfo=UTC)
SCALE = 220.0
GATES = {"tests": 2.1, "contract": 1.4, "latency": 0.8, "holdout": 0.3, "parity": 0.2}
TOML = """
[project]
name = "bike-sharing"
task = "regression"
target = "rentals"
time = "hour"
[data]
source = "bikes.py:collect"
[training]
train = "bikes.py:train"
"""


def project(root: Path) -> Project:
    root.mkdir(parents=True, exist_ok=True)
    (root / "gradino.toml").write_text(TOML.replace("bikes.py:", "bikes:"))
    (root / "bikes.py").write_text("def collect(since): ...\n\n\ndef train(frame): ...\n")
    return load(root)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def day(number: float) -> datetime:
    return START + timedelta(days=number)


class Writer:
    """Writes records in the shapes of the operating half."""

    def __init__(self, store: Store, seed: int = 4) -> None:
        self.store, self.state = store, store.state
        self.random, self.noise = random.Random(seed), np.random.default_rng(seed)
        self.sequence = 0
        self._planned: list[tuple[float, Callable[[], object]]] = []

    def add(self, at: float, table: Table, **values: Any) -> None:
        self._planned.append((at, lambda: self.state.add(table, event_time=day(at), **values)))

    def tell(self, at: float, kind: str, title: str, **detail: Any) -> None:
        self._planned.append((at, lambda: self.state.tell(kind, title, f"{kind} {title} {at}", day(at), **detail)))

    def finish(self) -> None:
        """Rows are written in the order in which they happened."""
        for _, write in sorted(self._planned, key=lambda planned: planned[0]):
            write()

    def data(self, number: int, at: float, rows: int, quarantined: int = 0) -> None:
        self.add(
            at,
            s.data_versions,
            version=number,
            digest=digest(f"rows {number}"),
            files={f"part-{number}.parquet": digest(f"part {number}")},
            raw=digest(f"raw {number}"),
            rows=rows,
            quarantined=quarantined,
            until=day(at),
        )

    def quarantine(self, reasons: dict[str, int], at: float) -> None:
        rows = [{"reason": reason, "event_time": day(at)} for reason, n in reasons.items() for _ in range(n)]
        self.store.tables.append("quarantine", pa.Table.from_pylist(rows), "test", self._next())

    def version(self, number: int, at: float, status: str, reason: str, reference: float, data: int = 1) -> None:
        run = f"run-{number:03d}"
        metrics = {"reference_loss": reference, "loss_scale": SCALE, "rows_per_year": 8760}
        self.add(
            at,
            s.runs,
            id=run,
            status="finished",
            reason=reason,
            data_version=data,
            data_digest=digest(f"rows {data}"),
            metrics=metrics | {"mean_absolute_error": reference * SCALE},
            version=number,
            started=day(at),
            ended=day(at) + timedelta(seconds=8),
        )
        self.add(at, s.versions, number=number, run=run, bundle=digest(f"bundle {number}"), status=status)
        self.tell(at, "run", f"v{number} trained", reason=reason, seconds=8.2)

    def release(self, number: int, at: float, champion: int | None, verdict: str | None, **more: Any) -> None:
        refused = verdict == "fail" and not more.get("experiment")
        stage = "done" if verdict else "experiment"

        def write() -> None:
            key = self.state.add(
                s.releases,
                version=number,
                champion=champion,
                stage=stage,
                verdict=verdict,
                event_time=day(at),
                **more,
            )
            for name, seconds in GATES.items():
                bad = refused and name == "contract"
                self.state.add(
                    s.gates,
                    release=key,
                    name=name,
                    verdict="fail" if bad else "pass",
                    evidence={"error": "422: field `hour` is missing"} if bad else {"checked": 200, "p99_ms": 3.1},
                    seconds=seconds,
                    event_time=day(at),
                )
                if bad:
                    break

        self._planned.append((at, write))

    def deploy(self, champion: int, at: float, reason: str, environment: str = "production", **more: Any) -> None:
        self.add(at, s.deployments, environment=environment, champion=champion, reason=reason, **more)

    def decide(self, kind: str, subject: str, verdict: str, at: float, reasons: list[str], **numbers: Any) -> None:
        certificate = {"kind": kind, "subject": subject, "verdict": verdict, "reasons": reasons, "evidence": numbers}
        self.add(
            at,
            s.decisions,
            id=digest(f"{kind} {subject} {at}"),
            kind=kind,
            subject=subject,
            verdict=verdict,
            certificate=certificate,
            signature="00",
        )

    def outcomes(self, version: int, role: str, since: float, until: float, loss: Any, labelled: float = 1e9) -> None:
        """Hourly predictions of a model, and the labels of those before the day `labelled`, a day later."""
        served, rows = [], []
        for hour in range(int((until - since) * 24)):
            at = since + hour / 24
            size = min(max(loss(at) * float(self.noise.gamma(2.2, 1 / 2.2)), 0.0), 1.0)
            one = {
                "prediction_id": digest(f"{round(at * 24)}")[:16],
                "event_time": day(at),
                "deployment": 1,
                "version": version,
                "role": role,
                "prediction": 190.0,
            }
            served.append(one)
            if at < labelled:
                known = {"label": 190.0 + size * SCALE, "loss": size, "error": size * SCALE}
                rows.append(one | known | {"label_time": day(at + 1), "at": day(at + 1)})
        self.store.tables.append("predictions", pa.Table.from_pylist(served), "test", self._next())
        if rows:
            self.store.tables.append("outcomes", pa.Table.from_pylist(rows), "test", self._next())

    def harm(self, version: int, since: float, until: float, excess: Any, reference: float) -> float:
        """The alarm's history, a point a day; returns the highest evidence."""
        evidence, top, at = 1.0, 1.0, since
        history: list[list[Any]] = []
        while at < until and evidence < 9500:
            evidence = max(evidence, 1.0) * math.exp(excess(at) + 0.22 * self.random.gauss(0, 1))
            history.append([day(at).isoformat(), int((at - since) * 24), reference, evidence])
            top, at = max(top, evidence), at + 1
        value = {"position": 1, "state": {}, "history": history, "starts": [], "threshold": 8760.0}
        self.cursor(f"harm:{version}", value | {"reference": reference})
        return top

    def watched(self, version: int, since: int, until: int) -> None:
        """A baseline of 60 days, days of production that get warmer in the end, and an hour of the server."""

        def rows(n: int, warmer: float) -> dict[str, Any]:
            warmth = self.noise.normal(14 + warmer, 5, n)
            columns = {"x_temp": warmth, "x_humidity": self.noise.uniform(20, 100, n), "x_hour": np.arange(n) % 24.0}
            return columns | {"prediction": 100 + 4 * warmth + self.noise.normal(0, 20, n)}

        known = rows(24 * 60, 0)
        cells = drift.cells(known)
        loss = np.clip(0.1 + 0.01 * np.abs(known["x_temp"] - 14), 0, 1)
        first = day(since).date()
        days = [
            Day(first - timedelta(days=60 - i), 24, drift.profile(part, cells).counts)
            for i in range(60)
            for part in [{name: column[24 * i : 24 * i + 24] for name, column in known.items()}]
        ]
        baseline = Baseline(cells, days, estimate.fit(known, cells, loss), [])
        folder = self.store.folder("bundles", digest(f"bundle {version}"))
        (folder / "baseline.json").write_bytes(msgspec.json.encode(baseline))
        for at in range(since, until):
            counts = drift.profile(rows(120, 9.0 if at > until - 9 else 0.0), cells).counts
            labels = 110 if at < until - 2 else 0
            values = {
                "rows": 120,
                "counts": counts,
                "labels": labels,
                "loss": 0.15 * labels,
                "delay": 90_000.0 * labels,
            }
            self.state.add(s.profiles, version=version, day=day(at).date().isoformat(), error=0.0, **values)
        for minute in range(60):
            latency = [0, 200, 80, 15, 5, 0, 0, 0, 0, 0, 0, 0, 0]
            self.state.add(
                s.metrics,
                start=day(until) + timedelta(minutes=minute),
                seconds=60,
                version=version,
                answered=298,
                refused=2,
                failed=0,
                latency=latency,
                predictions={f"v{version} champion": 298},
                waiting=3.0,
                log_lag=0.8,
            )

    def cursor(self, name: str, value: Any) -> None:
        with self.state.begin() as connection:
            self.state.move_cursor(connection, name, value)

    def experiment(self, until: int, drift: float, threshold: float, mean: float, seed: int) -> dict[str, Any]:
        """A random walk of evidence; `drift` per label decides which way it ends."""
        noise = random.Random(seed)
        history: list[list[float]] = []
        log, mirrored = 0.0, 0.0
        for n in range(1, until + 1):
            step = drift + 0.11 * noise.gauss(0, 1)
            log, mirrored = log + step, mirrored - step - 0.006
            if n % max(until // 150, 1) == 0 and max(log, mirrored) < math.log(threshold):
                history.append(
                    [n, math.exp(log), math.exp(mirrored), mean * (1 + 3 / math.sqrt(n) * noise.gauss(0, 1))]
                )
        won, lost = (threshold * 1.04, history[-1][2]) if drift > 0 else (history[-1][1], threshold * 1.04)
        history.append([until, won, lost, mean])
        _, evidence, against, _ = history[-1]
        numbers = {"evidence": evidence, "against": against, "mean": mean, "threshold": threshold}
        return {"n": until, "alpha": 1 / threshold, "history": history} | numbers

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence


def empty(root: Path) -> tuple[Store, Project]:
    """Just after `gradino init`."""
    checked = project(root)
    return Store.of(root), checked


def young(root: Path) -> tuple[Store, Project]:
    """A first champion that answers; no label has come yet."""
    store, checked = empty(root)
    w = Writer(store)
    _first(w)
    w.outcomes(1, "champion", 0.2, 0.9, lambda _: 0.18, labelled=0)
    w.cursor("requests", {"answered": 16, "failed": 0})
    w.cursor("clock", day(0.9).isoformat())
    w.decide("retraining", "v1", "fail", 0.9, ["no harm by v1 has been shown"])
    w.finish()
    return store, checked


def _first(w: Writer) -> None:
    w.data(1, 0, 2880, 3)
    w.quarantine({"temperature: 71.0 is above 50": 3}, 0)
    w.tell(0, "data", "2,880 rows collected, 3 quarantined", rows=2880, quarantined=3)
    w.version(1, 0.1, "champion", "no model yet", 0.18)
    w.release(1, 0.1, None, "pass", reason="first model: every gate passed")
    w.tell(0.15, "gate", "v1 passed 5 of 5 gates")
    w.deploy(1, 0.15, "first model", environment="test")
    w.state.add(s.deployments, environment="production", champion=1, reason="first model")  # no event time yet
    w.tell(0.2, "release", "v1 is champion", reason="first model")
    w.state.add(s.services, name="serving", pid=4242, address="http://127.0.0.1:8801")


def full(root: Path) -> tuple[Store, Project]:
    """500 days: three promotions, one refused, one rejected, three alarms, two incidents."""
    store, checked = empty(root)
    w = Writer(store)
    _first(w)
    for week in range(1, 72):
        broken = 118 if week == 40 else (3 if week % 11 == 5 else 0)
        w.data(week + 1, week * 7, 168 - broken, broken)
        if broken > 10:
            w.tell(week * 7, "data", f"{broken} rows quarantined: the humidity sensor broke", rows=broken)
    w.quarantine({"humidity: 0.0 is below 0.05": 118, "rentals: missing": 12}, 280)
    for version, since, until, base in (
        (1, 0.2, 128, 0.18),
        (2, 128, 262, 0.16),
        (5, 262, 404, 0.17),
        (6, 404, 500, 0.15),
    ):
        _reign(w, version, since, until, base)
    for version, champion, at, base, labels in ((2, 1, 117, 0.16, 216), (5, 2, 251, 0.17, 431), (6, 5, 393, 0.15, 262)):
        _promotion(w, version, champion, at, base, labels)
    w.version(3, 150, "refused", "drill: broken challenger", 0.4)
    w.release(3, 150, None, "fail", reason="contract: 422: field `hour` is missing")
    w.tell(150, "gate", "v3 refused by the gate `contract`", error="422: field `hour` is missing")
    w.version(4, 190, "rejected", "drill: subtly worse challenger", 0.19)
    worse = w.experiment(640, -0.011, 40.0, -0.014, 9)
    w.release(4, 190, 2, "fail", reason="the mirrored evidence reached its threshold", experiment=worse)
    w.outcomes(4, "shadow", 190, 216, lambda _: 0.185)
    w.deploy(2, 190, "v4 listens", challenger=4)
    w.deploy(2, 216, "v4 rejected")
    w.decide("experiment", "v4", "fail", 216, ["worse"])
    w.tell(216, "experiment", "v4 rejected after 640 labels: worse than v2", against=worse["against"])
    w.add(
        281,
        s.incidents,
        kind="data",
        title="The humidity sensor reported 0 for five days",
        key="sensor",
        evidence={"rows": 118},
        improved_by="gate",
        improvement="`replay-sensor` scores these 118 rows before every release",
        closed=day(291),
    )
    w.add(392, s.incidents, kind="alarm", title="v5 did harm for 21 days", key="alarm-5", evidence={})
    w.add(
        382,
        s.retrainings,
        run="r6",
        champion=5,
        policy="alarm",
        labels=812,
        promised=40.0,
        avoided=41.2,
        cost=4.4,
        outcome="promoted",
        gained=38.5,
    )
    w.cursor("requests", {"answered": 11995, "failed": 0})
    w.cursor("clock", day(500).isoformat())
    w.finish()
    w.watched(6, 470, 500)
    for version in (1, 2, 5):
        w.state.change(s.versions, s.versions.c.number == version, status="retired")
    return store, checked


def assessment() -> dict[str, Any]:
    """As `gradino.measure` prints it: level 3 proven, 4 wired but for people."""
    dice = random.Random(3)
    tracks: list[dict[str, Any]] = []
    for track in maturity.load().tracks:
        reach = 1 if track.dimension == "people" else dice.choice((2, 3, 4, 4))
        rungs: list[dict[str, Any]] = []
        for rung in track.rungs:
            held = rung.level <= reach
            open_ = track.dimension == "people" and not held
            strength = (
                dice.choice(("effective", "proven")) if rung.level >= 3 else dice.choice(("executed", "effective"))
            )
            evidence = [{"source": "git", "locator": ".ci/run:12", "says": "runs the tests of the bundle"}]
            rungs.append(
                {
                    "level": rung.level,
                    "verdict": "pass" if held else "unknown" if open_ else "fail",
                    "strength": "none" if rung.level == track.rungs[0].level or not held else strength,
                    "evidence": evidence if held else [],
                    "needs": "" if held else rung.criterion.en,
                }
            )
        proven = max((r["level"] for r in rungs if r["verdict"] == "pass"), default=0)
        possible = 4 if track.dimension == "people" else proven
        tracks.append({"id": track.id, "level": three(proven, min(proven + 1, 4), possible), "rungs": rungs})
    names = list(dict.fromkeys(track["id"].split(".")[0] for track in tracks))
    lowest = {n: min(t["level"]["proven"] for t in tracks if t["id"].startswith(n)) for n in names}
    return {
        "level": three(1, 1, 4) | {"technical": three(2, 3, 4)},
        "dimensions": {name: three(low, low, 4) for name, low in lowest.items()},
        "tracks": tracks,
        "gaps": [],
    }


def three(proven: int, wired: int, possible: int) -> dict[str, int]:
    return {"proven": proven, "wired": wired, "possible": possible}


def _reign(w: Writer, version: int, since: float, until: float, base: float) -> None:
    """A champion's days: as good as when it was released, then worse, then an alarm; the last one stays good."""
    good = until == 500
    turn = until if good else until - 34

    def loss(at: float) -> float:
        return base * (1 + 0.07 * math.sin(at / 9)) * (1 + max(at - turn, 0) / 32)

    w.outcomes(version, "champion", since, until, loss, labelled=499)
    top = w.harm(version, since, until, lambda at: 0.52 if at > turn + 2 else -0.05, base)
    if good:
        return
    raised = turn + 21
    w.add(raised, s.alarms, version=version, evidence=max(top, 8800.0), threshold=8760.0, since=day(turn), detail={})
    w.tell(raised, "alarm", f"v{version} does harm: its loss is above {base:.2f} since {day(turn):%d %b %Y}")
    w.decide("retraining", f"v{version}", "fail", turn - 40, ["it would not pay"], gain=3.1)
    for week in range(3):
        w.decide("retraining", f"v{version}", "fail", turn - 30 + week * 7, [f"no harm by v{version} has been shown"])
    reasons = ["expected gain 41.2 is above the cost of 4.4", "812 new labels", "cooldown over"]
    w.decide("retraining", f"v{version}", "pass", raised, reasons, gain=41.2, cost=4.4, labels=812)
    w.tell(raised, "retraining", f"Retrain: keeping v{version} costs more than a new model", reasons=reasons)


def _promotion(w: Writer, version: int, champion: int, at: float, base: float, labels: int) -> None:
    w.version(version, at, "champion", "harm alarm", base, data=int(at // 7))
    threshold = 20.0 * (1 + version / 4)
    found = w.experiment(labels, (math.log(threshold) + 0.3) / labels, threshold, 0.021, version)
    w.release(version, at, champion, "pass", reason="evidence reached its threshold", experiment=found)
    w.outcomes(version, "shadow", at, at + 11, lambda _: base)
    w.deploy(champion, at, f"v{version} listens", challenger=version)
    w.deploy(version, at + 11, f"v{version} beat v{champion} in the experiment")
    w.tell(at, "experiment", f"v{version} listens beside v{champion}", alpha=found["alpha"])
    w.tell(at + 11, "release", f"v{version} is champion", labels=labels, failed_requests=0)
