"""What an incident may teach, as changes of the project's files; none is written here.

gate        its rows become a gate of the project: a new model must do better on them than the one that failed
slice       the column whose change came with the harm is judged apart from now on, by gates and alarm
contract    values beyond what training had seen are refused by the project's pandera model
test        rows that the contract kept out must be kept out for ever
threshold   an alert rule that tells earlier
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from sqlalchemy import Row

from gradino.inference.drift import Numbers
from gradino.operate.incidents import texts
from gradino.operate.monitoring import alerts, diagnose
from gradino.operate.monitoring.profiles import baseline
from gradino.operate.project import Project
from gradino.operate.project.config import FILE
from gradino.operate.store import Store
from gradino.operate.store.state import alarms

Kind = Literal["gate", "contract", "test", "slice", "threshold", "accepted"]
_ROWS = 200  # of an incident, at most, that become a gate


@dataclass(frozen=True)
class Proposal:
    """New contents of files, by their path in the project."""

    kind: Kind
    says: str
    files: dict[str, str]

    def diff(self, root: Path) -> str:
        """What it changes, as a unified diff."""
        parts: list[str] = []
        for name, text in self.files.items():
            old = (root / name).read_text() if (root / name).exists() else ""
            lines = (old.splitlines(keepends=True), text.splitlines(keepends=True))
            parts += difflib.unified_diff(*lines, fromfile=f"a/{name}" if old else "/dev/null", tofile=f"b/{name}")
        return "".join(parts)

    def write(self, root: Path) -> None:
        for name, text in self.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)


def proposals(project: Project, store: Store, row: Row[Any]) -> list[Proposal]:
    """What an incident, a row, suggests; the first is the closest to its cause."""
    return [found for propose in _PROPOSE for found in propose(project, store, row)]


def _gate(project: Project, store: Store, row: Row[Any]) -> Iterator[Proposal]:
    """A regression gate from the rows of an alarm or of a version that was rolled back."""
    version = _version(row)
    if row.kind not in ("alarm", "rollback") or version is None:
        return
    raised = store.state.last(alarms, alarms.c.version == version)
    rows = _labelled(store, version, raised.since if raised and row.kind == "alarm" else None)
    if rows is None or not len(rows):
        return
    name, target = f"incident_{row.id}", project.project.target
    regression = project.project.task == "regression"
    was = float(pc.mean(rows["_error"]).as_py())
    words = re.sub(r"[^\w ,.:()%-]", "", row.title)
    code = texts.GATE.format(
        name=name, words=words, target=target, version=version, was=f"{was:.6g}", rows=len(rows),
        error=f'abs(answers - rows["{target}"])' if regression else f'answers.astype(str) != rows["{target}"]',
    )  # fmt: skip
    sink = pa.BufferOutputStream()
    kept = rows.drop_columns(["_error"])
    named = [target if column == "label" else column.removeprefix("x_") for column in kept.column_names]
    pyarrow.csv.write_csv(kept.rename_columns(named), sink)
    config = texts.with_entry((project.root / FILE).read_text(), "release", "gates", f"incidents.{name}:{name}")
    yield Proposal(
        "gate",
        f"a new model must err less than v{version} did ({was:.4g}) on {len(rows)} rows of this incident",
        {
            f"incidents/{name}.py": code,
            f"incidents/{name}.csv": sink.getvalue().to_pybytes().decode(),
            FILE: config,
        },
    )


def _slice(project: Project, store: Store, row: Row[Any]) -> Iterator[Proposal]:
    version = _version(row)
    found = diagnose(store, version) if row.kind in ("alarm", "rollback") and version is not None else None
    names = [c.name.removeprefix("x_") for c in found.columns if c.name != "prediction"] if found else []
    names = [name for name in names if name not in project.training.slices]
    if names:
        config = texts.with_entry((project.root / FILE).read_text(), "training", "slices", names[0])
        yield Proposal("slice", f"`{names[0]}` changed most: its parts are judged apart", {FILE: config})


def _contract(project: Project, store: Store, row: Row[Any]) -> Iterator[Proposal]:
    """A bound for the number that went furthest beyond what training had seen, where the schema gives it none."""
    version, schema = _version(row), project.data.schema_
    found = diagnose(store, version) if row.kind in ("alarm", "rollback") and version is not None else None
    against = baseline(store, version) if version is not None else None
    if found is None or against is None or schema is None:
        return
    path = Path(*schema.module.split(".")).with_suffix(".py")
    text = (project.root / path).read_text() if (project.root / path).exists() else ""
    for column in sorted(found.columns, key=lambda c: -c.season.outside[1]):
        cell, name = against.cells.columns[column.name], column.name.removeprefix("x_")
        plain = re.compile(rf"^(?P<head>\s+{re.escape(name)}: (?:float|int))[ \t]*$", re.MULTILINE)
        if not (
            isinstance(cell, Numbers) and column.season.outside[1] > column.season.outside[0] and plain.search(text)
        ):
            continue
        alias = re.search(r"import pandera(?:\.\w+)? as (\w+)", text)
        bounds = f"{alias[1] if alias else 'pa'}.Field(ge={cell.starts[0]:g}, le={cell.high:g})"
        says = f"`{name}` stays between {cell.starts[0]:g} and {cell.high:g}, as in training"
        yield Proposal("contract", says, {path.as_posix(): plain.sub(rf"\g<head> = {bounds}", text, count=1)})
        return


def _test(project: Project, store: Store, row: Row[Any]) -> Iterator[Proposal]:
    schema = project.data.schema_
    if row.kind not in ("quarantine", "data") or schema is None:
        return
    table = store.tables.read("quarantine")
    reasons = row.evidence.get("reasons", {})
    if table is None or not reasons:
        return
    bad = table.filter(pc.equal(table["reason"], next(iter(reasons)))).slice(0, 3)["row"].to_pylist()
    if bad:
        name = f"tests/test_incident_{row.id}.py"
        code = texts.TEST.format(
            title=row.title, module=schema.module, schema=schema.name, rows=texts.listed(bad), id=row.id
        )
        yield Proposal("test", f"{len(bad)} of its rows must be refused by {schema}", {name: code})


def _threshold(project: Project, _store: Store, row: Row[Any]) -> Iterator[Proposal]:
    path = project.root / alerts.FILE
    text = path.read_text() if path.exists() else ""
    named = {rule.name for rule in alerts.rules(project.root)}
    for kind, rule in _RULES.items():
        if row.kind == kind and rule[0] not in named | {f"{rule[0]}-early"}:
            new = f'[[rule]]\nname = "{rule[0]}"\nmetric = "{rule[1]}"\nabove = {rule[2]}\nlasting = "{rule[3]}"\n'
            defaults = "" if tomllib.loads(text).get("rule") else _defaults()
            whole = "\n".join(part for part in (text.rstrip() + "\n" if text else "", defaults + new) if part)
            yield Proposal(
                "threshold", f"an alert when {alerts.METRICS[rule[1]][0]} is above {rule[2]}", {alerts.FILE: whole}
            )


_PROPOSE: tuple[Callable[[Project, Store, Row[Any]], Iterator[Proposal]], ...] = (
    _gate, _slice, _contract, _test, _threshold
)  # fmt: skip
_RULES = {
    "alarm": ("harm-early", "harm", 0.1, "0s"),
    "crash": ("silent-early", "silent", 30, "0s"),
    "release": ("incidents-open", "incidents", 3, "0s"),
}


def _defaults() -> str:
    """The default rules as a file: one that names rules replaces them."""
    return "".join(
        f'[[rule]]\nname = "{rule.name}"\nmetric = "{rule.metric}"\nabove = {rule.above:g}\n'
        f'lasting = "{int(rule.lasting.total_seconds())}s"\n\n'
        for rule in alerts.DEFAULT
    )


def _version(row: Row[Any]) -> int | None:
    """The version that an alarm or roll back is about: the first that the title names."""
    named = re.search(r"\bv(\d+)", row.title)
    return int(named[1]) if named else None


def _labelled(store: Store, version: int, since: Any) -> pa.Table | None:
    """Rows that the version answered and whose label came, evenly thinned, oldest first."""
    where = (pc.field("version") == version) & (pc.field("role") != "shadow")
    if since is not None:
        where &= pc.field("event_time") >= since
    outcomes = store.tables.read("outcomes", columns=["prediction_id", "label", "error", "event_time"], where=where)
    if outcomes is None or not len(outcomes):
        return None
    outcomes = outcomes.sort_by("event_time")
    kept = sorted({round(i * (len(outcomes) - 1) / max(_ROWS - 1, 1)) for i in range(_ROWS)} & {*range(len(outcomes))})
    outcomes = outcomes.take(kept)
    asked = store.tables.read("predictions", where=where & pc.field("prediction_id").isin(outcomes["prediction_id"]))
    if asked is None:
        return None
    features = asked.select(["prediction_id", *(c for c in asked.column_names if c.startswith("x_"))])
    joined = features.join(outcomes, "prediction_id", join_type="inner").sort_by("event_time")
    kept = joined.drop_columns(["prediction_id", "event_time"])
    return kept.rename_columns(["_error" if column == "error" else column for column in kept.column_names])
