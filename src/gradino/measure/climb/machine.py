"""What code that is there would miss on a machine that has only the repository."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gradino.measure.climb.ground import Ground
from gradino.measure.python import Call, Function, Module

_FILE = re.compile(
    r"[\w./-]*\.(csv|tsv|parquet|feather|xlsx?|json|jsonl|txt|npz|npy|arff|db|"
    r"pkl|pickle|joblib|pt|pth|onnx|h5|keras|bin|cbm|skops)"
)
MODEL = re.compile(r"\.(pkl|pickle|joblib|pt|pth|onnx|h5|keras|bin|cbm|skops)$")
_READS = re.compile(
    r"(^|\.)(read_\w+|scan_\w+|load|load_model|loadtxt|genfromtxt|InferenceSession|open|read_text|read_bytes)$"
)
_WRITES = re.compile(
    r"(^|\.)(to_(csv|parquet|feather|json|pickle|excel)|dump|save\w*|write_\w+|savefig|touch|urlretrieve|log_artifact)$"
)
_ABSENT = re.compile(r"non_?-?exist|not_?exist|missing|invalid|fake|dummy|does_?not|no_such|nope|bad", re.I)
_LOCAL = re.compile(r"^https?://(localhost|127\.0\.0\.1|0\.0\.0\.0|host\.docker)")
_CONNECTS = re.compile(r"(^|\.)(connect|create_engine|MongoClient|Redis|StrictRedis|ConnectionPool)$")
_CREDENTIAL = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|_URI$|_URL$|_DSN$", re.I)
_ASKED = re.compile(r"^os\.(environ\.get|getenv)$")
_GIVEN = re.compile(
    r"^(HOME|PATH|USER|PWD|CI|GITHUB_\w+|CI_\w+|BUILD_\w+|TMPDIR|PYTHON\w*|CUDA_\w+|\w*THREADS|TF_\w+|RANK|LOCAL_RANK|WORLD_SIZE)$"
)

Reached = list[tuple[Module, Function]]


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found: files that are not in the repository; servers and databases on this machine, and variables whose
    default is one; a GPU; arguments without a value; variables without a default; files that the code writes, and may
    read.
    """

    missing: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    gpu: str = ""
    arguments: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


def machine(ground: Ground, reached: Reached) -> Machine:
    """What the reached functions read, ask and write, as far as their text tells."""
    calls = [(m, c) for m, f in reached for c in f.calls]
    writes = [t for m, c in calls for t in _written(c)]
    made = {t.rpartition("/")[2] for t in writes}
    missing = [t for m, c in calls for t in _read(c) if t.rpartition("/")[2] not in made and not _there(ground, t, m)]
    named = [t for _, c in calls if _READS.search(c.name) or c.method == "join" for t in c.texts if _FILE.fullmatch(t)]
    servers = [t for _, c in calls for t in c.texts if _LOCAL.match(t) and not _ASKED.search(c.name)]
    addresses = [
        c.texts[0] for _, c in calls if _ASKED.search(c.name) and len(c.texts) > 1 and _LOCAL.match(c.texts[1])
    ]
    databases = [f"{c.name} on this machine" for _, c in calls if _CONNECTS.search(c.name) and _here(c)]
    return Machine(
        missing=_once(missing),
        servers=_once(servers),
        databases=_once(databases),
        addresses=_once(addresses),
        gpu=_gpu(ground, calls),
        arguments=_once(_arguments(calls)),
        secrets=_once(_secrets(ground, reached)),
        writes=_once(writes),
        reads=_once(named),
    )


def reached(ground: Ground, path: str, names: Iterable[str] = ("<body>", "<main>")) -> Reached:
    """Every function that running a file, or functions of it, would call."""
    return list(ground.scene.code.reach(path, tuple(names)))


def _once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


def _written(call: Call) -> Iterator[str]:
    mode = call.keywords.get("mode", "") or next((t for t in call.texts[1:2]), "")
    if _WRITES.search(call.name) or (call.method == "open" and mode[:1] in ("w", "a", "x")):
        yield from (t for t in call.texts if _FILE.fullmatch(t))


def _read(call: Call) -> Iterator[str]:
    if _READS.search(call.name) and not any(True for _ in _written(call)):
        yield from (t for t in call.texts[:1] if _FILE.fullmatch(t) and not _ABSENT.search(t) and "/tmp" not in t)  # noqa: S108


def _there(ground: Ground, text: str, module: Module) -> bool:
    return bool(ground.scene.code.file(text.lstrip("./"), module.path))


def _here(call: Call) -> bool:
    """Whether a connection is one to this machine."""
    return any(re.search(r"(^|@|//)(localhost|127\.0\.0\.1)\b", t) for t in (*call.texts, *call.keywords.values()))


def _gpu(ground: Ground, calls: list[tuple[Module, Call]]) -> str:
    """Where code asks for a GPU without looking whether there is one."""
    for module, call in calls:
        asks = call.method == "cuda" or (
            call.method in ("to", "device") and call.texts[:1] and call.texts[0].startswith("cuda")
        )
        if asks and "is_available" not in ground.files.short(module.path):
            return f"{module.path}:{call.line}"
    return ""


def _arguments(calls: list[tuple[Module, Call]]) -> Iterator[str]:
    """Arguments of the command line that somebody must give."""
    for _, call in calls:
        if call.method == "add_argument" and call.texts:
            optional = call.texts[0].startswith("-")
            if (optional and call.keywords.get("required") == "True") or (
                not optional and "default" not in call.keywords and call.keywords.get("nargs") not in ("?", "*")
            ):
                yield call.texts[0]


def _secrets(ground: Ground, found: Reached) -> Iterator[str]:
    """Environment variables without which the code stops: those it indexes, and credentials without a default."""
    for path in _once(m.path for m, _ in found):
        text = ground.files.short(path)
        indexed = re.findall(r"""os\.environ\[\s*["'](\w+)["']\s*\](?!\s*=[^=])""", text)
        got = re.findall(r"""os\.(?:environ\.get|getenv)\(\s*["'](\w+)["']\s*\)""", text)
        given = set(re.findall(r"""os\.environ(?:\[|\.setdefault\()\s*["'](\w+)["']\s*(?:\]\s*=[^=]|,)""", text))
        given |= set(re.findall(r"""["'](\w+)["'] in os\.environ""", text))
        wanted = [*indexed, *(name for name in got if _CREDENTIAL.search(name))]
        yield from (name for name in wanted if name not in given and not _GIVEN.match(name))
