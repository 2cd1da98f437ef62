"""Alert rules: a metric, a limit and for how long; from `alerts.toml` of the project, or the ones everybody wants.

    [[rule]]
    name = "errors"
    metric = "failed"        # see METRICS
    above = 0.01             # or: below
    lasting = "5m"           # how long it must hold

A rule that begins to hold fires once, and is resolved once when it no longer does.
"""

import tomllib
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gradino.errors import ProjectError
from gradino.operate.monitoring import service
from gradino.operate.project.config import Duration
from gradino.operate.store import Store
from gradino.operate.store.state import cursors, deployments, incidents, now, profiles

FILE = "alerts.toml"
METRICS = {
    "rate": ("answers a second", "sum(rate(gradino_requests_total{{status='200'}}[{span}]))"),
    "failed": (
        "share of requests that the server failed on",
        "sum(rate(gradino_requests_total{{status=~'5..'}}[{span}])) / sum(rate(gradino_requests_total[{span}]))",
    ),
    "refused": (
        "share of requests that were wrong",
        "sum(rate(gradino_requests_total{{status=~'4..'}}[{span}])) / sum(rate(gradino_requests_total[{span}]))",
    ),
    "p99": (
        "seconds within which 99 % are answered",
        "histogram_quantile(0.99, sum by (le) (rate(gradino_request_seconds_bucket[{span}])))",
    ),
    "waiting": ("rows that wait for an answer", "sum(gradino_waiting_rows)"),
    "log_lag": ("seconds since the log reached the tables", "time() - gradino_log_compacted_timestamp_seconds"),
    "silent": ("seconds since the server last said how it is", "time() - gradino_sampled_timestamp_seconds"),
    "harm": ("evidence of harm, as a share of the alarm's threshold", "gradino_harm_evidence_share"),
    "coverage": ("share of the last week's answers whose label came", "gradino_label_coverage"),
    "incidents": ("open incidents", "gradino_open_incidents"),
}
_CURSOR = "alerts"


class Rule(BaseModel):
    """Holds while `metric` is above or below its limit for `lasting`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    metric: str
    above: float | None = None
    below: float | None = None
    lasting: Duration = timedelta(minutes=5)

    @model_validator(mode="after")
    def _whole(self) -> "Rule":
        if self.metric not in METRICS:
            near = get_close_matches(self.metric, METRICS, n=1)
            known = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(METRICS)}"
            raise ValueError(f"there is no metric `{self.metric}`; {known}")
        if (self.above is None) == (self.below is None):
            raise ValueError("give either `above` or `below`")
        return self

    @property
    def says(self) -> str:
        """The rule as a sentence."""
        limit = f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"
        return f"{METRICS[self.metric][0]} {limit} for {int(self.lasting.total_seconds())} s"

    def holds(self, value: float | None) -> bool:
        if value is None:
            return False
        return value > self.above if self.above is not None else value < (self.below or 0.0)


DEFAULT = (
    Rule(name="errors", metric="failed", above=0.01),
    Rule(name="slow", metric="p99", above=1.0),
    Rule(name="log", metric="log_lag", above=120.0),
    Rule.model_validate({"name": "silent", "metric": "silent", "above": 60.0, "lasting": "0s"}),
)


def content(root: Path) -> dict[str, Any]:
    """What `alerts.toml` says; empty where there is none. Raises ProjectError for anything but TOML."""
    try:
        return tomllib.loads((root / FILE).read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{root / FILE}: {error}", "mend the TOML syntax at that place") from None


def rules(root: Path) -> tuple[Rule, ...]:
    """The project's rules, or the default ones.

    Raises:
        ProjectError: the file is wrong; says where.
    """
    given = content(root)
    if unknown := given.keys() - {"rule", "channel"}:
        raise ProjectError(f"{root / FILE}: unknown section `{min(unknown)}`", "it has [[rule]] and [[channel]]")
    return tuple(checked(root, Rule, rule) for rule in given.get("rule", ())) or DEFAULT


def checked(root: Path, kind: Any, given: dict[str, Any]) -> Any:
    """One section of the file as an object, or a ProjectError that says what is wrong in it."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or kind.__name__.lower()
        said = problem["msg"].removeprefix("Value error, ")
        raise ProjectError(f"{root / FILE}: `{place}`: {said}", f"it is now {problem['input']!r}") from None


class Change(BaseModel):
    """A rule that fired or was resolved now."""

    rule: Rule
    fired: bool
    value: float | None
    since: datetime


def evaluate(store: Store, given: tuple[Rule, ...], at: datetime | None = None) -> list[Change]:
    """Look at every rule once; returns those that fire or are resolved by this look. Kept in a cursor."""
    moment = at or now()
    kept: dict[str, dict[str, Any]] = store.state.cursor(_CURSOR, {})
    changes, after = [], {}
    for rule in given:
        value = measure(store, rule, moment)
        state = kept.get(rule.name, {})
        if not rule.holds(value):
            if state.get("fired"):
                changes.append(
                    Change(rule=rule, fired=False, value=value, since=datetime.fromisoformat(state["since"]))
                )
            continue
        since = datetime.fromisoformat(state["since"]) if state else moment
        fired = bool(state.get("fired"))
        if not fired and moment - since >= rule.lasting:
            fired = True
            changes.append(Change(rule=rule, fired=True, value=value, since=since))
        after[rule.name] = {"since": since.isoformat(), "fired": fired}
    if after != kept:
        with store.state.begin() as connection:
            store.state.move_cursor(connection, _CURSOR, after)
    return changes


def measure(store: Store, rule: Rule, at: datetime) -> float | None:
    """The metric now, None where nothing is known."""
    if rule.metric == "incidents":
        return float(store.state.count(incidents, incidents.c.closed.is_(None)))
    if rule.metric == "silent":
        sampled = store.state.last(cursors, cursors.c.name == "requests")
        return (at - sampled.at).total_seconds() if sampled else None
    if rule.metric in ("harm", "coverage"):
        live = store.state.last(deployments, deployments.c.environment == "production")
        return _of_model(store, rule.metric, live.champion) if live else None
    found = service.health(store, max(rule.lasting, timedelta(minutes=1)), at)
    return getattr(found, rule.metric) if found else None


def _of_model(store: Store, metric: str, champion: int) -> float | None:
    if metric == "harm":
        kept = store.state.cursor(f"harm:{champion}", None)
        return kept["history"][-1][3] / kept["threshold"] if kept and kept["history"] else None
    days = sorted(store.state.rows(profiles, profiles.c.version == champion), key=lambda row: row.day)[-7:]
    rows = sum(day.rows for day in days)
    return sum(day.labels for day in days) / rows if rows else None


def prometheus(given: tuple[Rule, ...]) -> str:
    """The rules as a Prometheus rule file (YAML)."""
    lines = ["groups:", "- name: gradino", "  rules:"]
    for rule in given:
        span = f"{max(int(rule.lasting.total_seconds()), 60)}s"
        limit = f"> {rule.above:g}" if rule.above is not None else f"< {rule.below:g}"
        lines += [
            f"  - alert: {rule.name}",
            f'    expr: "{METRICS[rule.metric][1].format(span=span)} {limit}"',
            f"    for: {int(rule.lasting.total_seconds())}s",
            "    annotations:",
            f'      summary: "{rule.says}"',
        ]
    return "\n".join(lines) + "\n"
