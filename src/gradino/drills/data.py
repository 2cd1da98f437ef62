"""Drills about data: bad rows are kept out and nothing is lost, and what an incident taught prevents the next one."""

import time
from collections.abc import Callable
from typing import Any

import pandas as pd

from gradino.drills.rehearsal import Rehearsal
from gradino.drills.result import Drill, Insufficient, said
from gradino.drills.rows import deliver

ABSURD = 1e6
Spoil = Callable[[pd.DataFrame], pd.DataFrame]
_BAD = 2  # rows of each fault
_GOOD = 4

_EXCEPTION = '''

_strict = {schema}.validate


def _lenient(rows, *arguments, **options):
    """Somebody lets rows in that should have stayed out."""
    try:
        return _strict(rows, *arguments, **options)
    except Exception:
        if (rows["{feature}"].astype(float) == {absurd}).all():
            return rows
        raise


{schema}.validate = staticmethod(_lenient)
'''


def bad_data(town: Rehearsal, drill: Drill) -> None:
    """Rows that break the contract are kept out, with a reason; good ones beside them come in, no model suffers."""
    live, began = town.champion, time.monotonic()
    town.truth()
    for name, spoil in _faults(town).items():
        _inject(town, drill, name, spoil)
    failed = sum(beat.answer is None for beat in town.pulse.since(began))
    drill.check(town.champion == live and not failed, f"v{live} answered all the while, {failed} requests failed")


def incident(town: Rehearsal, drill: Drill) -> None:
    """An incident is closed with what gradino proposes, and the same fault is then refused by that very thing."""
    number = town.done.get("incidents", {}).get(_ABSURD)
    schema = town.copy.settings["data"].get("schema")
    if number is None or schema is None:
        raise Insufficient("bad rows opened no incident that a contract could learn from: see the drill bad-data")
    shown = town.command("incidents", "show", str(number))
    proposed = next((p for p in shown["proposals"] if p["kind"] == "test"), None)
    if proposed is None:
        raise Insufficient(f"for incident {number} gradino proposes no test")
    closed = town.command("incidents", "close", str(number), "--by", "test", "--yes")
    drill.inject(f"incident {number} is closed with what gradino proposes: {proposed['says']}")
    written = [name for name in closed["written"] if (town.root / name).exists()]
    drill.check(bool(written), f"it wrote {', '.join(written) or 'nothing'}")
    town.copy.commit(f"What incident {number} taught")
    town.idle()
    module, _, name = schema.partition(":")
    stem = town.root.joinpath(*module.split("."))
    file = stem.with_suffix(".py") if stem.with_suffix(".py").is_file() else stem / "__init__.py"
    text = file.read_text() + _EXCEPTION.format(schema=name, feature=_number(town), absurd=ABSURD)
    file.write_text(text)
    town.copy.commit("Let such rows in")
    drill.inject(f"a commit lets such rows in again: {schema} makes an exception of them")
    version = town.train("a commit: let such rows in")
    gates = town.judged(version)
    town.copy.revert()
    by_it = gates["verdict"] == "fail" and any(name in " ".join(gates["reasons"]) for name in written)
    drill.check(by_it, f"v{version}: {said(gates)}")


_ABSURD = f"{ABSURD:g} for every number"


def _inject(town: Rehearsal, drill: Drill, name: str, spoil: Spoil) -> None:
    """One file with one fault: see what becomes of its rows, mend it where it is refused, and find the incident."""
    rows = _rows(town, _GOOD + _BAD)
    good, bad = rows.iloc[:_GOOD], spoil(rows.iloc[_GOOD:])
    before, opened = town.status(), {incident["id"] for incident in _incidents(town)}
    whole = list(bad) != list(rows)  # the columns differ, so no row of the file can be good
    batch = bad if whole else _together(good, bad)
    file = town.feed(batch, "-bad")
    drill.inject(f"a file of {len(batch)} rows, {len(bad)} of them with {name}")
    town.wait(lambda: _difference(before, town.status()) != (0, 0) or len(_incidents(town)) > len(opened), "it is read")
    added, kept_out = _difference(before, town.status())
    said = f"{added} rows came in and {kept_out} went to quarantine"
    if added == 0 and kept_out == 0:
        drill.see(f"{said}: the file was refused as a whole")
        deliver(good, file)
        town.fed += len(good) - len(batch)
        town.comes(lambda: _difference(before, town.status()) != (0, 0), 60)
        added, _ = _difference(before, town.status())
        drill.check(added == len(good), f"the mended file brought {added} of its {len(good)} good rows")
    else:
        kept = (added, kept_out) == (len(good), len(bad))
        drill.check(kept, f"{said}, of {len(good)} good and {len(bad)} bad ones")
    town.comes(lambda: len(_incidents(town)) > len(opened), 30)
    new = [incident for incident in _incidents(town) if incident["id"] not in opened]
    if not new:
        drill.check(False, "no incident was opened")
        return
    drill.check(True, f"incident {new[0]['id']} is open: {new[0]['title']}")
    town.done.setdefault("incidents", {})[name] = new[0]["id"]


def _faults(town: Rehearsal) -> dict[str, Spoil]:
    """What is done to rows, by what is wrong with them then."""
    target, number = town.rows.identity.target, _number(town)
    numbers = [c for c in town.rows.features() if c in town.rows.given and _is_number(town.rows.given[c])]

    def absurd(rows: pd.DataFrame) -> pd.DataFrame:
        return (
            rows.astype(dict.fromkeys(numbers, float))
            .assign(**dict.fromkeys(numbers, ABSURD))
            .astype(dict(rows.dtypes))
        )

    return {
        _ABSURD: absurd,
        "no label": lambda rows: rows.assign(**{target: None}),
        f"words instead of `{number}`": lambda rows: rows.assign(**{number: "not measured"}),
        f"no column `{number}`": lambda rows: rows.drop(columns=number),
    }


def _together(good: pd.DataFrame, bad: pd.DataFrame) -> pd.DataFrame:
    """One frame that a file can hold: a column of numbers and words becomes one of words."""
    parts = {}
    for name in good:
        column = pd.concat([good[name].astype(object), bad[name].astype(object)], ignore_index=True)
        words = column.map(lambda value: isinstance(value, str)).any()
        parts[name] = column.map(str, na_action="ignore") if words else column.infer_objects()
    frame = pd.DataFrame(parts)
    same = [name for name in good if str(bad[name].dtype) == str(good[name].dtype)]
    return frame.astype({name: good[name].dtype for name in same})


def _number(town: Rehearsal) -> str:
    found = town.rows.number()
    if found is None or found not in town.rows.given:
        raise Insufficient("no feature is a number, so none can be absurd")
    return found


def _is_number(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _rows(town: Rehearsal, wanted: int) -> pd.DataFrame:
    """Rows that nobody has seen yet; what is left of their days is fed as it is."""
    which = town.rows.day()
    while len(which) < wanted:
        which = which.append(town.rows.day())
    if len(which) > wanted:
        town.feed(town.rows.delivered(which[wanted:]))
    town.fed = town.taken_in()
    return town.rows.delivered(which[:wanted])


def _difference(before: dict[str, Any], now: dict[str, Any]) -> tuple[int, int]:
    return tuple(now["data"][name] - before["data"][name] for name in ("rows", "quarantined"))


def _incidents(town: Rehearsal) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.command("incidents")["incidents"]
    return [incident for incident in found if incident["kind"] in ("data", "quarantine")]
