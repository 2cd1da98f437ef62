"""What watches production, in one reading: what changed in its rows, how labels come, how server and alerts are.

A few rows of counts and sums are read, however much production has answered.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gradino.operate.incidents import learning
from gradino.operate.monitoring import Diagnosis, diagnose
from gradino.operate.monitoring.service import Health, by_version, summary
from gradino.operate.store import Store
from gradino.operate.store import state as s

WEEK = 7
SPAN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Labels:
    """Of the answers of the last week of event time: how many, how many labels came, and after how many hours."""

    rows: int
    labels: int
    hours: float | None
    corrected: int

    @property
    def coverage(self) -> float | None:
        return self.labels / self.rows if self.rows else None


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything of the section."""

    diagnosis: Diagnosis | None
    labels: Labels | None
    health: Health | None
    versions: dict[str, int]  # rows by "v3 champion", in the same hour
    services: dict[int, Health]  # while each version was champion, in the same hour
    firing: list[str]
    learning: dict[str, Any]


def watched(store: Store, champion: int | None) -> Watched:
    """How things stand with a champion."""
    newest = store.state.last(s.metrics)
    rows = store.state.rows(s.metrics, s.metrics.c.start > newest.start - SPAN) if newest else []
    versions: dict[str, int] = {}
    for row in rows:
        for name, count in row.predictions.items():
            versions[name] = versions.get(name, 0) + count
    firing = [name for name, state in store.state.cursor("alerts", {}).items() if state["fired"]]
    return Watched(
        diagnose(store, champion) if champion is not None else None,
        _labels(store, champion) if champion is not None else None,
        summary(rows) if rows else None,
        dict(sorted(versions.items())),
        by_version(rows),
        firing,
        learning(store),
    )


def _labels(store: Store, champion: int) -> Labels | None:
    days = sorted(store.state.rows(s.profiles, s.profiles.c.version == champion), key=lambda row: row.day)[-WEEK:]
    labels = sum(day.labels for day in days)
    if not days:
        return None
    waited = sum(day.delay for day in days) / labels / 3600 if labels else None
    corrected = store.state.cursor("corrected", 0)
    return Labels(sum(day.rows for day in days), labels, waited, corrected)


def facts(found: Watched) -> dict[str, Any]:
    """As `/api/status` and `gradino status --json` give it."""
    health, labels, diagnosis = found.health, found.labels, found.diagnosis
    return {
        "drift": diagnosis
        and {
            "verdict": diagnosis.verdict,
            "says": diagnosis.says,
            "columns": [column.name for column in diagnosis.columns if column.verdict == "drift"],
            "expected_loss": diagnosis.expected,
        },
        "feedback": labels
        and {"coverage": labels.coverage, "delay_hours": labels.hours, "corrected": labels.corrected},
        "service": health
        and {
            "rate": health.rate,
            "failed": health.failed,
            "refused": health.refused,
            "p50": health.p50,
            "p99": health.p99,
            "waiting": health.waiting,
            "log_lag": health.log_lag,
            "predictions": found.versions,
        },
        "firing": found.firing,
        "learning": found.learning,
    }


def exposition(store: Store, champion: int | None) -> str:
    """What the scoring server cannot say of itself, as Prometheus text: the model, its labels, alerts, incidents."""
    found = watched(store, champion)
    sampled = store.state.last(s.cursors, s.cursors.c.name == "requests")
    kept = store.state.cursor(f"harm:{champion}", None)
    version = f'{{version="{champion}"}}'
    diagnosis, labels = found.diagnosis, found.labels
    gauges: list[tuple[str, str, str, Any]] = [
        ("open_incidents", "Incidents that are open.", "", found.learning["open"]),
        ("incident_repeat_rate", "Share of incidents that came again.", "", found.learning["repeat_rate"]),
        ("incidents_improved", "Share of closed incidents that led to an improvement.", "", found.learning["improved"]),
        ("sampled_timestamp_seconds", "When the server was last asked.", "", sampled and sampled.at.timestamp()),
        ("label_coverage", "Share of a week's answers whose label came.", version, labels and labels.coverage),
        ("label_delay_seconds", "Mean wait for a label.", version, labels and labels.hours and labels.hours * 3600),
        ("reference_loss", "Loss at release.", version, diagnosis and diagnosis.reference),
        (
            "expected_loss",
            "Loss to expect of the window's rows, before labels.",
            version,
            diagnosis and diagnosis.expected,
        ),
        ("loss", "Mean loss of the window's labels.", version, diagnosis and diagnosis.realised),
        (
            "harm_evidence_share",
            "Evidence of harm as a share of the alarm's threshold.",
            version,
            kept and kept["history"] and kept["history"][-1][3] / kept["threshold"],
        ),
    ]
    lines = []
    for name, said, labelled, value in gauges:
        if value is not None and value != []:
            lines += [
                f"# HELP gradino_{name} {said}",
                f"# TYPE gradino_{name} gauge",
                f"gradino_{name}{labelled} {value}",
            ]
    if diagnosis:
        lines += ["# HELP gradino_psi Population stability index of a column.", "# TYPE gradino_psi gauge"]
        lines += [f'gradino_psi{{version="{champion}",column="{c.name}"}} {c.season.psi}' for c in diagnosis.columns]
    for name, said in (("rate", "Answers a second"), ("failed", "Share of requests that failed"), ("p99", "Seconds")):
        lines += [
            f"# HELP gradino_service_{name} {said}, of the last hour, while a version was champion.",
            f"# TYPE gradino_service_{name} gauge",
            *(
                f'gradino_service_{name}{{version="{number}"}} {value}'
                for number, health in found.services.items()
                if (value := getattr(health, name)) is not None
            ),
        ]
    totals = store.state.cursor("requests", {"answered": 0, "failed": 0})
    lines += [
        "# HELP gradino_scored_total Scoring requests since the first model.",
        "# TYPE gradino_scored_total counter",
    ]
    lines += [f'gradino_scored_total{{outcome="{name}"}} {count}' for name, count in totals.items()]
    return "\n".join(lines) + "\n"
