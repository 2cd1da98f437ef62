"""A skops file whose bytes depend on the model alone, so that a model trained again can be compared bit by bit.

skops names objects by their address in memory and stamps the archive with the time of day; here they are numbered in
the order in which they appear, and the time is always the same.
"""

import json
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZipFile, ZipInfo

_SCHEMA = "schema.json"


def canonical(data: bytes) -> bytes:
    """The same model as `data`, a skops file, with its objects numbered 1, 2, …"""
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}

    def numbered(node: Any) -> Any:
        if isinstance(node, list):
            return [numbered(item) for item in node]
        if not isinstance(node, dict):
            return node
        found: dict[str, Any] = {}
        for key, value in node.items():
            if key == "__id__" and isinstance(value, int):
                found[key] = numbers.setdefault(value, len(numbers) + 1)
            elif key == "file" and isinstance(value, str) and value in names:
                path = PurePosixPath(value)
                files[value] = f"{numbers.setdefault(int(path.stem), len(numbers) + 1)}{path.suffix}"
                found[key] = files[value]
            else:
                found[key] = numbered(value)
        return found

    with ZipFile(BytesIO(data)) as source:
        names = {name for name in source.namelist() if PurePosixPath(name).stem.isdigit()}
        schema = json.dumps(numbered(json.loads(source.read(_SCHEMA))), indent=2)
        made = BytesIO()
        with ZipFile(made, "w") as target:
            for new, name in sorted((files.get(name, name), name) for name in set(source.namelist()) - {_SCHEMA}):
                target.writestr(ZipInfo(new), source.read(name))
            target.writestr(ZipInfo(_SCHEMA), schema)
    return made.getvalue()
