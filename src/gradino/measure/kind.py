"""What kind of repository this is: it decides how the rest is read."""

import re

from gradino.measure.scene import Scene


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
    lessons = [
        p for p in files if re.match(r"(\d\d?[-_. ]|week|lesson|module|chapter|lecture|day)[^/]*\d*[^/]*/", p, re.I)
    ]
    if len({p.split("/")[0] for p in lessons}) >= 4:
        return "course"
    roots = {
        p.rpartition("/")[0]
        for p in files
        if re.search(r"(^|/)(pyproject\.toml|setup\.py|gradino\.toml|MLproject|dvc\.yaml)$", p)
        and "/" in p
        and "test" not in p
    }
    if len(roots) >= 3:
        return "monorepo"
    return "project"
