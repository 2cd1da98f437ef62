"""The texts of files that a proposal changes: a gate, a test, an entry of gradino.toml."""

import json
import re
import tomllib

_SECTION = re.compile(r"^\[(?P<name>[\w.]+)\]\s*(?:#.*)?$", re.MULTILINE)


def with_entry(text: str, section: str, key: str, value: str) -> str:
    """gradino.toml with `value` added to the list `key` of a section; everything else stays as it is written."""
    known = tomllib.loads(text).get(section, {}).get(key)
    listed = f"{key} = {json.dumps([*(known or []), value])}"
    found = next((m for m in _SECTION.finditer(text) if m["name"] == section), None)
    if found is None:
        return f"{text.rstrip()}\n\n[{section}]\n{listed}\n"
    end = next((m.start() for m in _SECTION.finditer(text, found.end())), len(text))
    body = text[found.end() : end]
    if known is None:
        body = f"\n{listed}" + body
    else:
        body = re.sub(rf"^{key}\s*=\s*\[[^\]]*\]", lambda _: listed, body, count=1, flags=re.MULTILINE)
    return text[: found.end()] + body + text[end:]


def listed(rows: list[str]) -> str:
    """Rows of JSON as lines of a Python list."""
    return "\n".join(f"    {row!r}," for row in rows)


GATE = '''"""The rows of incident {name}: {words}

{rows} rows that v{version} answered; a new model must err less on them than it did.
"""

from pathlib import Path

import pandas as pd

WAS = {was}  # mean error of v{version}


def {name}(champion, challenger, holdout):
    rows = pd.read_csv(Path(__file__).with_suffix(".csv"))
    for field in challenger.inputs:
        if field.type == "timestamp":
            rows[field.name] = pd.to_datetime(rows[field.name], utc=True)
    answers = challenger.predict(rows[[field.name for field in challenger.inputs]])
    error = float(({error}).mean())
    return error < WAS, f"mean error {{error:.4g}} on the rows of {name}, v{version}: {{WAS:.4g}}"
'''

TEST = '''"""Incident {id}: {title}"""

import json

import pandas as pd
import pandera.errors
import pytest
from {module} import {schema}

BAD = [
{rows}
]


@pytest.mark.parametrize("row", BAD)
def test_the_contract_refuses_what_incident_{id}_brought(row):
    with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
        {schema}.validate(pd.DataFrame([json.loads(row)]), lazy=True)
'''
