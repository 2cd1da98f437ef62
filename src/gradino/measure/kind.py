"""What kind of repository this is: it decides how the rest is read."""

import re
from pathlib import PurePosixPath

from gradino.measure.scene import Scene
from gradino.measure.tree import Tree, ours


def kind_of(scene: Scene) -> str:
    """One of project, template, course, library, monorepo."""
    files = scene.tree.sizes
    if scene.tree.real or any(p == "cookiecutter.json" or p == "copier.yml" or "{{" in p for p in files):
        return "template"
    published = any(f.effect.verb == "publish-package" for f in scene.firings)
    served = any(f.effect.verb in ("deploy", "serve") for f in scene.firings)
    packaged = any(re.search(r"(^|/)(pyproject\.toml|setup\.py)$", p) for p in files if p.count("/") == 0)
    if published and packaged and not served:
        return "library"
    lessons = [p for p in files if re.match(r"(\d\d?[-_. ]|week|lesson|module|chapter|lecture|day)[^/]*/", p, re.I)]
    if len({p.split("/")[0] for p in lessons}) >= 4:
        return "course"
    return "monorepo" if len(projects_of(scene.tree)) > 1 else "project"


_OWN = re.compile(
    r"(^|/)(pyproject\.toml|setup\.py|gradino\.toml|MLproject|dvc\.yaml|databricks\.yml|requirements[^/]*\.txt"
    r"|environment\.ya?ml|conda[^/]*\.ya?ml|Pipfile|Dockerfile[^/]*)$"
)
_FITS = re.compile(r"\.fit\(|\.train\(|\.backward\(")


def projects_of(tree: Tree) -> tuple[str, ...]:
    """Folders that fit something and say themselves what they need: the projects of a monorepo, if more than one."""
    declared = {path.rpartition("/")[0] for path in tree.sizes if _OWN.search(path)} - {""}
    found = {next((str(p) for p in PurePosixPath(f).parents if str(p) in declared), "") for f in _fitting(tree)}
    return tuple(sorted(found - {""}))


def _fitting(tree: Tree) -> list[str]:
    """Python files and notebooks whose text fits a model; read as text, since every project of many asks this."""
    return [p for p in tree.named("*.py", "*.ipynb") if ours(p) and _FITS.search(tree.text(p) or "")]
