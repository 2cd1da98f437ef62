"""A model card from evidence alone: what is not on record and not in the project file is said to be missing.

Markdown with the YAML header that model hubs read (`model-index` as in Hugging Face's model card specification).
"""

from collections.abc import Iterable
from typing import Any

import yaml

from gradino.operate import registry
from gradino.operate.lineage.record import Record

_MISSING = "Not stated: give `{key}` in `[card]` of gradino.toml."


def card(found: Record) -> str:
    """The card of a version."""
    header = yaml.safe_dump(_header(found), sort_keys=False, allow_unicode=True)
    parts = {
        "Intended use": found.project.card.use or _MISSING.format(key="use"),
        "Limits": found.project.card.limits or _MISSING.format(key="limits"),
        "Input and output": _inputs(found),
        "Training data": _data(found),
        "Metrics": _metrics(found),
        "By slice": _slices(found),
        "Gates": _gates(found),
        "Experiment": _experiment(found),
        "Decisions": _decisions(found),
        "Lineage": _lineage(found),
    }
    body = "\n".join(f"## {title}\n\n{text}\n" for title, text in parts.items())
    return f"---\n{header}---\n\n# {found.project.name} v{found.version.number}\n\n{body}"


def _header(found: Record) -> dict[str, Any]:
    project, task = found.project, f"tabular-{found.project.project.task}"
    metrics = [{"type": name, "name": name, "value": value} for name, value in _reported(found)]
    data = {"name": "rows", "type": project.name, "revision": found.origin.data_digest}
    result = {"task": {"type": task}, "dataset": data, "metrics": metrics}
    stated = {"license": project.card.license, "contact": project.card.contact}
    return {key: value for key, value in stated.items() if value} | {
        "pipeline_tag": task,
        "tags": ["gradino"],
        "model-index": [{"name": f"{project.name} v{found.version.number}", "results": [result]}],
    }


def _reported(found: Record) -> list[tuple[str, float]]:
    """The project's metric, and what somebody would get who always answers the middle."""
    return list(found.origin.metrics.items())[:2]


def _inputs(found: Record) -> str:
    description = registry.describe(found.bundle)
    rows = [
        (f"`{field.name}`", field.type, _allowed(field), "may be missing" if field.nullable else "required")
        for field in description.inputs
    ]
    return f"Predicts `{description.target}` ({description.task}).\n\n" + _table(
        ("input", "type", "accepted", "missing"), rows
    )


def _allowed(field: registry.Field) -> str:
    if field.categories:
        return ", ".join(field.categories)
    low, high = ("" if bound is None else f"{bound:g}" for bound in (field.minimum, field.maximum))
    return f"{low} … {high}" if low or high else "any"


def _data(found: Record) -> str:
    rows, bad = (sum(getattr(row, name) for row in found.data) for name in ("rows", "quarantined"))
    newest = found.data[-1].until
    until = f" until {newest:%Y-%m-%d %H:%M} UTC" if newest else ""
    return (
        f"Version {found.origin.data_version} of the table `rows`: {rows:,} rows in {len(found.data):,} "
        f"batches{until}; {bad:,} more were refused by the data contract. "
        f"SHA-256 of the content: `{found.origin.data_digest}`."
    )


def _metrics(found: Record) -> str:
    origin = found.origin.metrics
    shown = [(name, f"{value:.6g}") for name, value in _reported(found)]
    held, learned = int(origin["holdout_rows"]), int(origin["rows"])
    said = (
        f"On the newest {held:,} rows, answered by the same recipe fitted on the {learned:,} older ones; "
        "then it learned from all."
    )
    return f"{said}\n\n{_table(('metric', 'value'), shown)}"


def _slices(found: Record) -> str:
    losses, baseline = registry.reference(found.bundle).losses, registry.baseline(found.bundle)
    rows = []
    for each in baseline.slices.values() if baseline else ():
        for number, name in enumerate(each.names):
            own = [loss for loss, cell in zip(losses, each.of, strict=True) if cell == number]
            if own:
                rows.append((name, f"{sum(own) / len(own):.4f}", f"{len(own):,}"))
    if not rows:
        return "The project names no slices: give `slices` in `[training]`."
    return "Mean loss, from 0 to 1.\n\n" + _table(("slice", "loss", "rows"), rows)


def _gates(found: Record) -> str:
    rows = [(gate.name, gate.verdict, gate.evidence.get("says", "")) for gate in found.gates]
    return _table(("gate", "verdict", "found"), rows) if rows else "It has not been put through the gates of a release."


def _experiment(found: Record) -> str:
    release = found.release
    evidence = (release.experiment or {}) if release else {}
    if release is None or not evidence.get("n"):
        return "It was not tried on live traffic against another model."
    return (
        f"Against v{release.champion} on {evidence['n']:,} labelled requests: {release.verdict or 'not decided yet'}. "
        f"{release.reason or ''}"
    ).strip()


def _decisions(found: Record) -> str:
    rows = [(row.kind, row.verdict, "; ".join(row.certificate["reasons"]), f"`{row.id}`") for row in found.decisions]
    live = [f"Champion since {row.at:%Y-%m-%d %H:%M} UTC: {row.reason}." for row in found.deployments[-1:]]
    return "\n\n".join([_table(("kind", "verdict", "reasons", "certificate"), rows) if rows else "None yet.", *live])


def _lineage(found: Record) -> str:
    origin = found.origin
    return _table(
        ("what", "digest"),
        [
            ("bundle", f"`{found.version.bundle}`"),
            ("run", f"`{origin.run}`"),
            ("commit", f"`{origin.commit}`" if origin.commit else "none"),
            ("uncommitted changes", f"`{origin.diff}`" if origin.diff else "none"),
            ("code", f"`{origin.code}`"),
            ("environment", f"`{origin.environment}`"),
            ("data", f"`{origin.data_digest}`"),
        ],
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
