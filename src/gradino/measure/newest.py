"""Whether a service takes the newest model of a registry by itself: what it asks for moves when one is registered."""

import re
from collections.abc import Iterator

from gradino.measure.images import idle
from gradino.measure.python import MAIN
from gradino.measure.scene import Scene
from gradino.measure.scoring import scoring_files, served_files

_LINE = re.compile(r"models:/[^\n]{0,200}")
_MOVES = re.compile(r"latest|production|champion|prod|live", re.I)
_ASKS = re.compile(
    r"latest_versions|get_model_version_by_alias|search_model_versions\((?=[\s\S]{0,400}?(max\(|sorted\(|order_by|\[-?\d\]))"
    r"|\b(use_)?artifact\(\s*f?[\"'][^\"'\n]*:(latest|production|prod|champion)[\"']"
)
_AGAIN = re.compile(r"repeat_every|add_job\(|schedule\.every|while True|threading\.Timer")
_OUR_ID = re.compile(r"[\"']([\w.-]+/[\w.-]+)[\"']")
_DOWNLOADS = re.compile(r"(hf_hub_download|snapshot_download|from_pretrained)\((?![^)]*\brevision\s*=)")
_SETTING = re.compile(r"(?:environ(?:\.get)?|getenv)\s*[\[(]\s*[\"'](\w+)")
_QUOTED = re.compile(r"[\"']([^\"'\n]*)[\"']")


def asked(scene: Scene) -> list[tuple[str, int, str]]:
    """Path, line and words of every place where a service that can start asks for the newest model."""
    found = list(_asked(scene))
    asking = {path for path, _ in found}
    dead = {p for p in asking if _alone(scene, p)} | (idle(scene.tree) if found else set())
    return list(dict.fromkeys(place for path, place in found if path not in dead))


def _asked(scene: Scene) -> Iterator[tuple[str, tuple[str, int, str]]]:
    pushed = {
        i
        for u in scene.used("register", "keep")
        if re.search(r"push_to_hub|upload_(file|folder)", u.says)
        for i in _OUR_ID.findall(scene.tree.short(u.path))
    }
    for path in scoring_files(scene):
        texts = _read(scene, path)
        for place in [p for p in texts if p.endswith(".py")]:
            text = texts[place]
            for found in (*_LINE.finditer(text), *_ASKS.finditer(text), *_DOWNLOADS.finditer(text)):
                said = found[0]
                if said.startswith("models:/"):
                    moves = _moved(scene, said, {_moving(w, texts) for w in _words(found)} - {""})
                elif _DOWNLOADS.match(said):
                    moves = not pushed.isdisjoint(_OUR_ID.findall(text))
                else:
                    moves = True
                if moves:
                    yield path, (place, text[: found.start()].count("\n") + 1, said[:60])
            if _AGAIN.search(text) and (again := re.search(r"\bsearch_runs\(", text)):
                yield path, (place, text[: again.start()].count("\n") + 1, again[0])
            if "load_model(" in text and (given := _given(scene, set(_SETTING.findall(text)))):
                yield path, given


def _alone(scene: Scene, path: str) -> bool:
    """Whether a script stands by itself: it answers nobody, no job runs it and nothing imports or names it."""
    module = scene.code.module(path)
    if module is None or MAIN not in module.functions or path in served_files(scene):
        return False
    if any(f.effect.path == path for f in scene.firings):
        return False
    return not any(path in scene.code.beside(m) for m in scene.modules if m.path != path)


def _words(address: re.Match[str]) -> list[str]:
    """The words of a model's address, and what follows it on its line."""
    return re.findall(r"[A-Za-z_]\w*", address[0][8:])


def _read(scene: Scene, path: str) -> dict[str, str]:
    """The text of a file, of what it imports from the project, and of the settings in YAML that these name."""
    module = scene.code.module(path)
    imported = {scene.code.find(name, path)[0] for name in module.imports.values()} if module else set()
    texts = {p: scene.tree.short(p) for p in (path, *sorted(imported)) if p}
    named = {n for t in list(texts.values()) for n in re.findall(r"[\"'/]([\w./-]+\.ya?ml)[\"']", t)}
    files = sorted(f for n in named if (f := scene.code.file(n, path)))
    return texts | {f: scene.tree.short(f) for f in files}


def _moved(scene: Scene, address: str, words: set[str]) -> bool:
    """Whether the version that an address asks for is another once some code has registered or promoted one.

    A stage, or an alias, that no code gives to a version is a person's to give.
    """
    promoted = ["alias" in u.says for u in scene.used("promote")]
    return "latest" in words or (bool(words) and ("@" in address) in promoted)


def _moving(word: str, texts: dict[str, str]) -> str:
    """What the word in a model's address stands for, itself or by what it is set to; empty for one version."""
    if _MOVES.fullmatch(word):
        return word.lower()
    setting = re.compile(rf"\b{re.escape(word)}\b[\"']?\s*(?::\s*[\w\[\]. |]+?)?\s*[=:]\s*([^\n]*)")
    for path, text in texts.items():
        for value in setting.findall(text):
            words = _QUOTED.findall(re.split(r"\)|,(?=\s*\w+\s*[:=])", value)[0]) or (
                [value.strip()] if path.endswith(("yaml", "yml")) else []
            )
            if words and _MOVES.fullmatch(words[-1]):
                return str(words[-1]).lower()
    return ""


def _given(scene: Scene, names: set[str]) -> tuple[str, int, str] | None:
    """Where a file that starts the service sets a variable that it reads to an address that moves."""
    for path in scene.tree.named("docker-compose*.y*ml", "compose*.y*ml", "Dockerfile*", ".env*") if names else ():
        for number, line in enumerate(scene.tree.short(path).splitlines(), 1):
            found = _LINE.search(line)
            if found and any(re.search(rf"\b{n}\b", line) for n in names) and any(map(_MOVES.fullmatch, _words(found))):
                return path, number, found[0][:60]
    return None
