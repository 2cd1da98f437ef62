"""The measured project's tests: which really check something, and what they touch."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from gradino.measure import bounds, fakes, imports, skips, vocabulary
from gradino.measure.code import Code
from gradino.measure.python import BODY, Call, Function, Module
from gradino.measure.tree import Tree

_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?|tests?|smoke_?tests?)\.py$")
_ABOUT_SCORING = re.compile(
    r"(^|[_\W])(predict\w*|scor(e|ing)|infer(?!_(label|schema|dtype|type|freq|signature|object))(ence)?|transcri\w*|classify|generate|serv(e|er|ing|ice)|endpoints?|apis?|app)([_\W]|$)"
)
_LENIENT = re.compile(
    r"status_code\s+(in|not in)\b.*(4\d\d|5\d\d)|status_code.*==.*\bor\b|^True$|^1$|\bor True\b|is not None or "
)
_CLIENT = re.compile(r"(TestClient|test_client|httpx\.(Async)?Client|ASGITransport|app\.test_client|APIClient)(\(\))?$")
_CLIENTS = {"client", "test_client", "api_client", "async_client", "aiohttp_client"}  # fixtures of plug-ins, by name
_FRAMED = re.compile(
    r"(^|\.)(django|rest_framework|tornado|aiohttp|flask_testing)\.\S*Test\S*"
)  # bases that bring a client
_REAL_CALL = re.compile(r"^(requests|httpx|urllib\.request|grpc|aiohttp)\.")
_READS = re.compile(r"(^|\.)(load|safe_load|loads|read_json|read_csv|read_text|read_yaml|open)$")
_RESULTS = re.compile(r"(metric|eval|report|score|result|performance)\w*\.(json|ya?ml|csv|txt|toml)$")
_ONLY_THERE = re.compile(r"^(callable|hasattr|issubclass)\(|\.routes\b")
_SERVER = re.compile(
    r"testcontainers|docker\.from_env|uvicorn\.(Server|run)|make_server|multiprocessing\.Process|localstack|docker-compose|docker compose|moto\.|subprocess\.(Popen|run)|LocalCluster|bentoml\.(HTTP|Grpc)Server|run_bento_server"
)
# Clients of servers that answer with models, whose methods are named for the routes.
_CLIENT_OF_MODEL = re.compile(r"^bentoml\.([\w.]*\.)?\w*Client(\.from_url)?$")
_ABOUT_SERVER = re.compile(r"(health|ready|live|close|connect|metadata|wait)", re.I)
_STORE = re.compile(
    r"(^|\.)(create_(async_)?engine|MongoClient|Redis|psycopg\d?\.connect|asyncpg\.(connect|create_pool))$"
)
_OTHER_ROUTE = re.compile(
    r"/(\w+[-_])?(auth|log(in|out|s)?|sign[-_]?(up|in)|register|users?|tokens?|sessions?|passwords?|feedback|health(z|check)?|audit|ready(z|ness)?|readiness|live(z|ness)?|ping|version|metrics|docs)(?![a-z])"
)
# A call that predicts, and an assertion that only looks at a refusal.
_PREDICTS = re.compile(
    r"(^|\.)(?!validat|convert|format|parse|load|save|write|read|log|plot|is_|check|clean|prep|post_?process|test|eval|insert|store|extract|record|predictions?_|(accuracy|f1|r2|brier|auc|roc_auc|precision|recall|silhouette)_)"
    r"(\w+_)?(predict|score|scoring|infer|classify|recommend|forecast|transcribe)(?!\w*_(step|label|schema|path|file|config|cache))\w*$"
)
_HOOK = re.compile(r"(^|\.)(predict_fn|transform_fn)$")  # what SageMaker asks of a file that serves
_REFUSED = re.compile(r"status_code\s*==\s*[45]\d\d|\b(exc|exc_info|excinfo|err|error|e|ctx|cm)\.(value|exception)\b")


@dataclass(frozen=True, slots=True)
class Test:
    """One test function and what it amounts to."""

    path: str
    line: int
    name: str
    checks: bool  # it can fail
    off: str  # why it never runs or never fails
    model: bool  # it loads or trains a model and looks at what it does
    faked: bool
    predicts: bool  # it looks at predictions that nothing of its own made up
    scoring: bool  # it asks a service, or a platform's hook, for an answer
    integration: bool  # it crosses a boundary between two real components
    unit: bool
    marks: frozenset[str] = frozenset()
    host: bool = False  # it asks a server that somebody else must have started
    waits: frozenset[str] = frozenset()  # without what it skips itself
    entered: frozenset[str] = frozenset()  # functions that it runs: path::name
    refused: bool = False  # it asks the application for nothing but a refusal


@dataclass
class Tests:
    """Tests of one tree, read when first asked for."""

    tree: Tree
    code: Code
    stopped: dict[str, str] = field(default_factory=dict)  # files at which a run stops, and why; known with `all`
    _loading: dict[tuple[str, ...], bool] = field(default_factory=dict)
    _fixture: dict[tuple[str, ...], list[tuple[Module, Function]]] = field(default_factory=dict)

    @cached_property
    def all(self) -> list[Test]:
        """Every test function."""
        paths = [p for p in self.code.paths if _FILE.search(p) and not p.endswith(".ipynb")]
        return [t for p in paths[:500] if (m := self.code.module(p)) is not None for t in self._read(m)]

    @cached_property
    def good(self) -> list[Test]:
        """Those that run and can fail."""
        return [t for t in self.all if t.checks and not t.off]

    def importing(self, paths: set[str]) -> list[Test]:
        """Good tests about scoring whose file imports one of the paths."""
        found = []
        for test in self.good:
            module = self.code.module(test.path)
            client = module is not None and any(_CLIENT.search(name) for name in module.imports.values())
            told = f"{test.path.rpartition('/')[2]} {test.name}".lower()
            if module and not client and test.predicts and _ABOUT_SCORING.search(told):
                imported = {self.code.find(name, test.path)[0] for name in module.imports.values()}
                folders = {p.removesuffix("__init__.py") for p in imported if p.endswith("__init__.py")}
                if imported & paths or any(p.startswith(f) for p in paths for f in folders if f):
                    found.append(test)
        return found

    def _read(self, module: Module) -> list[Test]:
        if why := imports.absent(self.code, module.path):
            self.stopped[module.path] = why
        skipped = "all of the file is skipped" if _module_skip(module) else why
        called = {c.name for c in module.calls()}
        found: list[Test] = []
        for function in module.functions.values():
            short = function.name.rsplit(".", 1)[-1]
            step = any(re.search(r"(behave|pytest_bdd)\.then$", d.name) for d in function.decorators)
            if not (short.startswith("test") or step) or short == "test_client":
                continue
            owner = function.name.rpartition(".")[0]
            collected = not owner or owner.startswith("Test") or module.classes.get(owner) or owner in called
            found.append(self._one(module, function, skipped or ("" if collected else f"{owner} is not collected")))
        return found

    def _one(self, module: Module, function: Function, skipped: str) -> Test:
        owner = module.functions.get(f"{function.name.rsplit('.', 1)[0]}.<class>") if "." in function.name else None
        marks = [*function.decorators, *(owner.decorators if owner else [])]
        off = skipped or next((f"marked {d.method}" for d in marks if d.method in ("skip", "xfail")), "")
        raising = [c for c in function.calls if re.match(r"(self\.)?assert|.*\.assert_|.*testing\.assert|pytest\.raises|fail$", c.name)
                   or c.method.startswith(("assert", "raises", "check_")) or "expect()." in c.name]  # fmt: skip
        reached = list(islice(self.code.reach(module.path, (function.name,)), 160))
        asserts = [a for m, f in reached if m.path == module.path for a in f.asserts]
        firm = [a for a in asserts if not _LENIENT.search(a)]
        checks = bool(firm or raising or function.raises)
        if asserts and not firm and not raising:
            off = off or "it accepts failure"
        fixtures, before = set[str](), [function, *([owner] if owner else [])]
        for path, used in self.fixtures(module, function):
            fixtures |= set(used)
            before += [f for n in used if (m := self.code.module(path)) and (f := m.functions.get(n))]
            reached += self._before(path, used)
        calls = [(m, f, c) for m, f in reached for c in (*f.calls, *f.decorators)]
        verbs = {v for m, _, c in calls for v, _ in vocabulary.verbs(c, m)}
        loaded = "load" in verbs or any(self._loads(p, BODY) for p in {m.path for m, _ in reached})
        names = [c.name for m, _, c in calls if m.path == module.path or "test" in m.path]
        refs = " ".join(
            [
                *names,
                *(r for m, _, c in calls if m.path == module.path for r in c.refs),
                *(d.name for d in marks),
                *function.params,
            ]
        )
        framed = bool(_FRAMED.search(" ".join(module.classes.get(function.name.partition(".")[0], ()))))
        framed = framed and any(n.startswith(("self.client.", "self.fetch", "self.app.")) for n in names)
        client = framed or any(_CLIENT.search(n) for n in names) or bool(_CLIENTS & set(function.params)) or any(
            _CLIENT.search(c.maker) for m, _, c in calls if c.maker)  # fmt: skip
        around = fakes.around(self.code, module) if client else []  # the application was imported with it
        refs = " ".join([refs, *(c.name for c in around)])
        faked = fakes.faked(refs)
        put = [*around, *(c for m, f, c in calls if m.path == module.path or f.name in fixtures)]
        replaced = fakes.replaced(self.code, module, refs, put, reached)
        named = [x for m, _, c in calls for x in (*c.texts, *(m.constants.get(r, "") for r in c.refs))]
        there = any("localhost" in x or "127.0.0.1" in x or "{}" in x for x in named)
        served = there and not client and any(_REAL_CALL.match(n) for n in names)
        text = f"{module.path} {function.name}".lower()
        model = (loaded or "train" in verbs) and (bool(verbs & {"predict"}) or _about_model(function, text)) and checks
        own = [c for m, _, c in calls if m.path == module.path]
        read = any(_READS.search(c.name) for c in own) and any(_RESULTS.search(x) for x in named)
        model = model or (read and any(bounds.on_quality(a, self.tree.short(module.path)) for a in firm))
        real = any(v in ("train", "load") for c in own if not self.code.find(c.name, module.path)[0] for v, _ in vocabulary.verbs(c, module))  # fmt: skip
        real = real or ("train" in verbs and not fakes.trains(put))
        answered = any(not (_REFUSED.search(a) or _ONLY_THERE.search(a)) for a in firm) or any(
            "aises" not in c.name for c in raising
        )
        asks = any(
            c.method in ("post", "put")
            or c.keywords.get("method") == "POST"
            or any(_ABOUT_SCORING.search(x.lower()) for x in c.texts)
            for m, _, c in calls
            if m.path == module.path and not any(_OTHER_ROUTE.search(x.lower()) for x in c.texts)
        )
        told = any(_CLIENT_OF_MODEL.search(c.maker) and not _ABOUT_SERVER.search(c.method) for _, _, c in calls)
        asked = told or "predict" in verbs or any(_PREDICTS.search(n) for n in names)
        predicts = asked and answered and not replaced
        scoring = served or (client and asks and answered and not replaced)
        scoring = scoring or (predicts and (bool(_SERVER.search(refs)) or any(_HOOK.search(n) for n in names)))
        mine = {m.path: m for m, _ in reached if "test" in m.path or m is module} if client else {}
        imported = {self.code.find(name, p)[0] for p, m in mine.items() for name in m.imports.values()}
        if client and not any(self._serves(p) for p in imported):  # Django finds its views by itself
            imported |= {p for p in self.code.paths if p.endswith(("views.py", "viewsets.py"))}
        behind = client and not replaced and any(self._loads(p) for p in imported if p.endswith(".py"))
        integration = (
            bool(_SERVER.search(refs)) or served or (bool(re.search(r"integration|e2e|end_to_end", text)) and not faked)
        )
        # a model that is registered and fetched again crossed to a registry
        integration = integration or ({"register", "pin"} <= verbs and not faked and "unit" not in text)
        if client and not replaced:  # a client over an application with its real database or model crosses a boundary
            stores = any(_STORE.search(c.name) and "sqlite" not in " ".join(c.texts) for _, _, c in calls)
            integration = integration or stores or self._loads(module.path, BODY) or (asks and answered and behind)
        looks = (
            any("status_code" not in a for a in firm) or len(raising) > 1
        )  # at the answer, not only that there is one
        model = model or (told and predicts) or ((served or behind) and looks and asks)
        return Test(
            module.path,
            function.line,
            function.name,
            checks,
            off,
            model and (not replaced or real),
            faked,
            predicts,
            scoring,
            integration,
            not integration,
            _marks(module, marks),
            served and not _SERVER.search(refs),
            skips.waits(self.code, module, before, _marks(module, marks)),
            frozenset(f"{m.path}::{f.name}" for m, f in reached),
            client and bool(firm) and not answered,
        )

    def _before(self, path: str, fixture: tuple[str, ...]) -> list[tuple[Module, Function]]:
        """What a fixture does; many tests share one."""
        key = (path, *fixture)
        if key not in self._fixture:
            self._fixture[key] = list(islice(self.code.reach(path, fixture), 40))
        return self._fixture[key]

    def _serves(self, path: str) -> bool:
        module = self.code.module(path) if path.endswith(".py") else None
        return module is not None and any(
            "test" not in path and d.name for f in module.functions.values() for d in f.decorators
        )

    def _loads(self, path: str, *names: str) -> bool:
        """Whether running functions of a file, all of them unless named, loads a model."""
        key = (path, *names)
        if key not in self._loading:
            module = self.code.module(path)
            start = names or tuple(module.functions if module else ())
            self._loading[key] = any(
                verb == "load"
                for m, f in islice(self.code.reach(path, start), 120)
                for call in f.calls
                for verb, _ in vocabulary.verbs(call, m)
            )
        return self._loading[key]

    def fixtures(self, module: Module, function: Function) -> list[tuple[str, tuple[str, ...]]]:
        """What runs before a test: file and functions."""
        found: list[tuple[str, tuple[str, ...]]] = []
        folder = module.path.rpartition("/")[0]
        places = [module.path]
        while True:
            places.append(f"{folder}/conftest.py" if folder else "conftest.py")
            if not folder:
                break
            folder = folder.rpartition("/")[0]
        waiting = list(function.params)
        for name in waiting:  # fixtures ask for fixtures
            for place in places:
                other = self.code.module(place) if place in self.tree else None
                if other and name in other.functions:
                    found.append((place, (name,)))
                    waiting += [p for p in other.functions[name].params if p not in waiting]
                    break
        for place in places:
            other = self.code.module(place) if place in self.tree else None
            found += [(place, (f.name,)) for f in (other.functions.values() if other else ()) if _always(f)]
        owner = function.name.split(".", 1)[0]
        setups = (f"{owner}.{name}" for name in ("setUp", "setUpClass", "setup_method", "setup_class"))
        found += [(module.path, (name,)) for name in setups if name in module.functions]
        return found


def _about_model(function: Function, text: str) -> bool:
    looked = [a for a in function.asserts if not _ONLY_THERE.search(a)]
    said = " ".join(looked).lower()
    return (bool(looked) or not function.asserts) and bool(
        re.search(
            r"predict|accuracy|score|rmse|mae|auc|f1|loss|prob|output|transcri|generat|\bresult\b|\blabels?\b", said
        )
        or re.search(r"model|train|overfit", text)
    )


def _always(function: Function) -> bool:
    """A fixture that every test of its scope gets."""
    return any(d.method == "fixture" and d.keywords.get("autouse") == "True" for d in function.decorators)


def _marks(module: Module, decorators: list[Call]) -> frozenset[str]:
    whole = re.findall(r"mark\.(\w+)", module.constants.get("pytestmark", ""))
    return frozenset([*whole, *(d.method for d in decorators if ".mark." in d.name)])


def _module_skip(module: Module) -> bool:
    body = module.functions.get("<body>")
    left = body is not None and any(
        c.name == "pytest.skip" and c.keywords.get("allow_module_level") for c in body.calls
    )
    return left or bool(re.search(r"mark\.(skip|xfail)\b", module.constants.get("pytestmark", "")))
