"""The house stands as CONTRIBUTING says: arrows run one way, and the two halves do not know each other."""

import ast
from pathlib import Path

import gradino
import gradino.operate

SOURCE = Path(gradino.__file__).parent
FLOORS = [
    ["errors"],
    ["inference", "maturity"],
    ["operate", "measure"],
    ["console"],
    ["outside"],
    ["demo", "drills"],
    ["cli"],
    ["__main__"],
]
ROOMS = gradino.operate.__doc__.split("→")  # type: ignore[union-attr]


def imports(folder: Path) -> set[str]:
    """Modules of gradino that the files of a folder import, anywhere in them."""
    found: set[str] = set()
    for file in [folder] if folder.is_file() else folder.rglob("*.py"):
        if "template" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gradino"):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names if alias.name.startswith("gradino.")}
    return found


def place(name: str) -> Path:
    return SOURCE / name if (SOURCE / name).is_dir() else SOURCE / f"{name}.py"


def test_a_floor_uses_only_floors_below_it() -> None:
    for i, floor in enumerate(FLOORS):
        above = {name for higher in FLOORS[i + 1 :] for name in higher} | set(floor)
        for name in floor:
            used = {module.split(".")[1] for module in imports(place(name)) if module.count(".")}
            assert not used & (above - {name}), name


def test_measure_and_operate_do_not_know_each_other() -> None:
    assert not {m for m in imports(SOURCE / "measure") if m.startswith("gradino.operate")}
    assert not {m for m in imports(SOURCE / "operate") if m.startswith("gradino.measure")}


def test_a_room_uses_only_rooms_before_it() -> None:
    order = [part.split()[-1 if i == 0 else 0].rstrip(".") for i, part in enumerate(ROOMS)]
    assert order[0] == "project"
    assert order[-2:] == ["loop", "replay"]
    assert {path.name for path in (SOURCE / "operate").iterdir() if (path / "__init__.py").exists()} == set(order)
    for i, room in enumerate(order):
        used = imports(SOURCE / "operate" / room)
        rooms = {module.split(".")[2] for module in used if module.startswith("gradino.operate.")}
        assert not rooms & set(order[i + 1 :]), room
