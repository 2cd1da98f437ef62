"""From what fires to what it does: commands, scripts, targets, stages and functions, followed to their effects."""

import re
from dataclasses import dataclass, field, replace

from gradino.measure import bounds, foreign, loops, makefiles, named_actions, runners, shell, vocabulary, yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.python import BODY, MAIN, Call, Function, Module
from gradino.measure.tree import Tree

_DEEPEST = 7
_CHECKS = ("test", "gate", "smoke")
_ONLY_TALKS = {"--help", "-h", "--dry-run"}
_ASKS = re.compile(
    r"^(requests|httpx)\.(post|get)$|\.invoke_endpoint(_async)?$|endpoints\.invoke$|endpoint\.(raw_)?predict$|endpoints\.query$"
)
_TESTS_IT = re.compile(r"smoke|test|check|verif|valid|invoke", re.I)
# A request for a prediction in shell; it is a check where its status or its answer is looked at.
_CURLS = re.compile(
    r"^(?!\s*(?:#|echo|printf)).*\b(?:curl|wget|Invoke-(?:RestMethod|WebRequest))\b.*(?:predict|scor(?:e|ing)|infer|invocations)",
    re.M | re.I,
)
_FIRM = re.compile(
    r"\bcurl\b.*\s(-\w*f\w*|--fail\S*)\s|\|\s*(grep|egrep|jq\s+-\w*e)\b|^\s*(grep|diff|test|\[\[?)\s|\bexit\s+1\b", re.M
)
_SCORES = re.compile(r"predict|score|scoring|infer|invocations|endpoint|health|serv|localhost|127\.0\.0\.1", re.I)
_LASTS = re.compile(
    r"(docker|podman)\s+run\b(?=.*\s(-d|--detach)\b)|compose\b.*\sup\b|(systemctl|supervisorctl|pm2|nohup|setsid|screen|tmux)\s"
)
# What a playbook keeps running; an edit of the image in manifests, which something that follows them deploys.
_KEEPS = re.compile(
    r"^\s*-?\s*([\w.]*\.)?(docker_(container|compose\w*|stack|swarm_service)|systemd(_service)?|service|supervisorctl|k8s|helm):",
    re.M,
)
_SWAPS = re.compile(r"\bnginx\s+-s\s+reload|\b(systemctl|service)\s+(reload\s+)?nginx\b")
_TWO = re.compile(
    r"\b(blue|green)\b|\bcurl\b[^\n]*health"
)  # that a proxy is moved between, after a look at the new one
_BUMPS = re.compile(r"\bkustomize\s+edit\s+set\s+image|\b(yq|sed)\b.*\b(image|tag|newTag)\b")
# A command that fails unless the output holds what is expected.
_LOOKS = re.compile(
    r"^\s*(?:[^|\n]*\|\s*)?(?:grep|egrep|findstr|diff|cmp|jq\s+-e)\b|\bif\s+!?\s*grep|Select-String", re.M
)
# Into another folder: of the one before, or of the checkout.
_MOVES = re.compile(
    r"(?:cd|pushd)\s+([\"']?)(\$\{\{\s*github\.workspace\s*\}\}/?|\$\{?(?:GITHUB_WORKSPACE|CI_PROJECT_DIR|WORKSPACE)\b\}?/?|"
    r"\$\(Build\.SourcesDirectory\)/?)?([\w./-]*)\1\s*$"
)
_RUNS_SHELL = re.compile(
    r"^(subprocess\.\w+|os\.system|os\.popen|sh\.\w+|invoke\.\w+|fabric\.\w+|.*\.(run_command|exec_command)|(session|c|ctx|context|conn)\.run)$"
)


_PROGRAM = re.compile(r"(python[\d.]*|bash|make|dvc)\s")
_ELSEWHERE = re.compile(r"exec_command\b|\bfabric\.Connection$")  # on another machine


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that would happen: a verb of `vocabulary` or `shell`, where it is written and in which words."""

    verb: str
    path: str
    line: int
    says: str
    soft: bool = False
    function: str = ""
    folder: str = ""  # where a command runs


@dataclass(slots=True)
class Follower:
    """Follows commands of one tree. Results are remembered; cycles and depth are bounded."""

    tree: Tree
    code: Code
    _known: dict[tuple[str, ...], list[Effect]] = field(default_factory=dict)
    _kept: list[Module] = field(default_factory=list)  # what was parsed from text; caches know calls by identity

    def step(self, job: Job, step: Step) -> list[Effect]:
        """What one step of a job does."""
        found: list[Effect] = []
        if step.run:
            found += self.script(step.run, step.line, job.path, step.folder, 0)
        if step.uses:
            for verb, says in named_actions.verbs(step):
                found.append(Effect(verb, job.path, step.line, says))
            for text in named_actions.scripts(step):
                found += self.script(text, step.line, job.path, step.folder, 0)
        if "self-hosted" in job.runner or re.search(r"\bssh\b", step.uses):
            found += self._remote(found)
        for target in step.calls:
            path, _, name = target.partition("::")
            found += self.python(path, (name,) if name else (BODY, MAIN), (), 0)
        found += self._checked(step, found)
        return [replace(e, soft=e.soft or step.soft) for e in found]

    def _checked(self, step: Step, found: list[Effect]) -> list[Effect]:
        """Runs of the model whose answer the same step looks at: what it prints is searched for what is expected."""
        said = "\n".join([step.run, *named_actions.scripts(step)])
        done = {e.verb for e in found}
        asked = next((e for e in found if e.verb == "predict" and e.path.endswith(".py")), None)
        if (
            asked is None
            or "train" in done
            or "load" not in done
            or not _LOOKS.search(said)
            or re.search(r"\|\|\s*(true|echo|:)", said)
        ):
            return []
        return [Effect("smoke", asked.path, asked.line, f"runs {asked.path} and looks at what it answers")]

    def _remote(self, found: list[Effect]) -> list[Effect]:
        """What stays running on a machine that outlives the job: to start it there is to deploy it."""
        lasting = (e for e in found if e.verb in ("start", "serve") and _LASTS.search(e.says))
        return [replace(e, verb="deploy", soft=e.soft and not e.says.endswith("&")) for e in lasting]

    def script(
        self, text: str, line: int, path: str, folder: str = "", depth: int = 0, strict: bool = True
    ) -> list[Effect]:
        """What a piece of shell does."""
        found: list[Effect] = []
        if depth > _DEEPEST:
            return found
        said = loops.unrolled(shell.filled(text))
        for command in shell.commands(said, line, strict):
            found += self._specified(command, path, folder, depth)
            if changed := _MOVES.match(command.text):
                folder = _join("" if changed[2] else folder, changed[3])
                folder = folder if self.tree.holds(folder) else ""  # the clone on another machine, as a rule
                continue
            words = command.text[:240]
            mine = [Effect(v, path, command.line, words, folder=folder) for v in shell.verbs(command.text)]
            if command.text.startswith("git push") and ("huggingface.co/spaces" in said or _BUMPS.search(text)):
                mine.append(Effect("deploy", path, command.line, words))
            if _SWAPS.search(command.text) and _TWO.search(text):
                mine.append(Effect("shift-traffic", path, command.line, words))
            mine += self._handover(command, path, folder, depth)
            lost = command.soft or command.piped
            found += [replace(e, soft=True) if command.soft or (lost and e.verb in _CHECKS) else e for e in mine]
        if held := bounds.in_shell(text):
            where = line + text[: held.start()].count("\n")
            found.append(Effect("bound", path, where, f"ends where {held[0].strip()[:120]}"))
        if asked := _CURLS.search(said):
            after = said[asked.start() : asked.start() + 1_500]
            if _FIRM.search(after) and not re.search(r"\|\|\s*(true|echo|:)", after):
                where = line + said[: asked.start()].count("\n")
                found.append(Effect("smoke", path, where, asked[0].strip()[:160]))
        return list(dict.fromkeys(found))

    def _specified(self, command: shell.Command, path: str, folder: str, depth: int) -> list[Effect]:
        """What a job or service specification or a playbook that a command names would run."""
        if "ansible-playbook" in command.text:
            books = (self.code.file(n, f"{folder}/x") for n in re.findall(r"[\w./-]+\.ya?ml", command.text))
            kept = any(_KEEPS.search(self.tree.text(b) or "") for b in books if b)
            return [Effect("deploy", path, command.line, command.text[:240])] if kept else []
        if not {"submit", "deploy"} & set(shell.verbs(command.text)):
            return []
        named = re.findall(r"[\w./-]+\.ya?ml", command.text)
        found: list[Effect] = []
        for name in named:
            spec = self.code.file(name)
            body = yaml.first(self.tree.text(spec) or "") if spec else yaml.Map()
            for key in ("entrypoint", "run", "command"):
                if body.text(key) and depth < _DEEPEST:
                    found += self.script(body.text(key), body.lines.get(key, 0), spec, "", depth + 2)
        return found

    def _handover(self, command: shell.Command, path: str, folder: str, depth: int) -> list[Effect]:
        passed = shell.handover(command.text)
        if passed is None or (passed.kind in ("python", "module") and _ONLY_TALKS & set(passed.words)):
            return []
        key = (passed.kind, passed.target, folder, *passed.words)
        if key not in self._known:
            self._known[key] = []  # a cycle finds nothing more
            self._known[key] = self._into(passed, command, path, folder, depth + 1)
        return self._known[key]

    def _into(self, passed: shell.Handover, command: shell.Command, path: str, folder: str, depth: int) -> list[Effect]:
        kind, target = passed.kind, passed.target
        base = f"{folder}/x" if folder else "x"
        if kind in ("python", "notebook"):
            script = self.code.file(_clean(target), base)
            if not script:
                return [Effect("missing", path, command.line, f"{target} is not in the repository")]
            return self.python(script, (BODY, MAIN), passed.words, depth)
        if kind == "foreign":
            tried = (self.code.file(f"{_clean(target)}{end}", base) for end in ("", ".scala", ".java"))
            script = next((p for p in tried if p and foreign.known(p)), "")
            done = foreign.verbs(script, self.tree.short(script)) if script else ()
            return [Effect(verb, script, line, words) for verb, line, words in done]
        if kind == "module":
            script, rest = self.code.find(target, base)
            inside = self.code.find(f"{target}.__main__", base)[0] if script.endswith("__init__.py") else ""
            return self.python(inside or script, (BODY, MAIN), passed.words, depth) if script and not rest else []
        if kind == "python-text":
            return self._text(target, path, command.line)
        if kind == "shell":
            script = self.code.file(_clean(target), base)
            text = self.tree.text(script) if script else None
            return self._shell(text, script, folder, depth, strict="-e" in passed.words) if text else []
        if kind == "inline":
            return self.script(target, command.line, path, folder, depth)
        if kind == "make":
            return self._make(target, _join(folder, passed.words[0]) if passed.words[0] else folder, depth)
        if kind == "runner" and target == "tox":
            where, text = runners.tox(self.tree, folder, passed.words)
            return self.script(text, 0, where, folder, depth) if where else [Effect("test", path, command.line, "tox")]
        if kind == "runner":
            named = [o for n in (target, *passed.words) for o in runners.functions(self.code, n, folder)]
            if target == "nox":
                named = runners.sessions(self.code, folder, passed.words)
            if named:
                return [e for where, name in named for e in self.python(where, (name,), (), depth)]
            found = runners.scripts(self.tree, target)
            return [e for w, text in found for e in self.script(text, 0, w, w.rpartition("/")[0] or folder, depth)]
        if kind == "npm":
            return [
                e for w, text in runners.npm(self.tree, folder, target) for e in self.script(text, 0, w, folder, depth)
            ]
        if kind == "dvc":
            return self.stages(folder, passed.words, depth)
        if kind == "notebooks":
            books = [p for p in self.code.paths if p.endswith(".ipynb") and _within(p, folder, passed.words)]
            return [e for p in books for e in self.python(p, (BODY,), (), depth)]
        if kind == "compose" and re.search(r"--(exit-code-from|abort-on-container-exit)\b", command.text):
            return self._services(command, folder, depth)
        if kind in ("compose", "docker"):
            return self._containers(folder, depth, passed.words[-1] if kind == "docker" and passed.words else "")
        if kind in ("mlproject", "kedro"):
            return self._project(kind, folder, passed.words, depth)
        return self._tool(target, passed.words, depth)

    def _shell(self, text: str, path: str, folder: str, depth: int, strict: bool) -> list[Effect]:
        """A shell file: without `set -e`, only its last command can make it fail."""
        strict = strict or bool(re.search(r"^[ \t]*set\s+-\w*e|errexit|^#!.{0,200}\s-\w*e", text, re.M))
        return self.script(text, 1, path, folder, depth, strict)

    def python(self, path: str, names: tuple[str, ...], words: tuple[str, ...], depth: int) -> list[Effect]:
        """What running functions of a Python file does."""
        key = ("py", path, *names, "|", *words)
        if key in self._known:
            return self._known[key]
        self._known[key] = []
        found: list[Effect] = []
        asserted = asked = imports = raised = False
        for module, function in self.code.reach(path, names, words):
            if said := self._bound(module, function):
                found.append(Effect("bound", module.path, function.line, f"ends where {said}", function=function.name))
            asserted = asserted or bool(function.asserts)
            raised = raised or function.raises or any(c.method == "raise_for_status" for c in function.calls)
            raised = raised or bool(function.ends)
            asked = asked or any(
                _ASKS.search(c.name) and (c.method != "get" or _SCORES.search(" ".join((*c.texts, *c.refs))))
                for c in function.calls
            )
            imports = imports or any(c.name in ("__import__", "importlib.import_module") for c in function.calls)
            for call in (*function.decorators, *function.calls):
                verbs = vocabulary.verbs(call, module, f"{module.path}::{function.name}")
                for verb, says in () if verbs and self.code.idle(module, function, call) else verbs:
                    lost = verb == "test" and not _passes_on(module)
                    found.append(Effect(verb, module.path, call.line, says, lost, function=function.name))
                if call.texts and depth < _DEEPEST and self._runs_shell(module, function, call):
                    said = " ".join(call.texts[:20])
                    said = f"ssh host {said}" if _ELSEWHERE.search(f"{call.name} {call.maker}") else said
                    done = self.script(said, call.line, module.path, "", depth + 1)
                    found += [replace(e, soft=True) for e in done] if call.keywords.get("warn") == "True" else done
            for line, text in function.commands if depth < _DEEPEST else ():
                found += self.script(text, line, module.path, "", depth + 1)
            if function.name == BODY and depth < _DEEPEST:
                for line, text in module.shell:
                    found += self.script(text, line, module.path, "", depth + 1)
        if imports and depth < _DEEPEST:
            found += self._imported(words, path, depth)
        served = self.code.module(path)
        serves = served is not None and bool(served.packages & {"flask", "fastapi", "streamlit", "gradio", "starlette"})
        if asked and not serves and (asserted or (raised and _TESTS_IT.search(path.rpartition("/")[2]))):
            found.append(Effect("smoke", path, 1, f"{path} asks the service and checks its answer"))
        self._known[key] = found
        return found

    def _runs_shell(self, module: Module, function: Function, call: Call) -> bool:
        """Whether a call hands its text to a shell: itself, or through a function of the project that does no more."""
        if _RUNS_SHELL.match(call.name) or not (shell.verbs(call.texts[0]) or _PROGRAM.match(call.texts[0])):
            return bool(_RUNS_SHELL.match(call.name))
        entered = (self.code.module(p) for p, _ in self.code.targets(module, function, call))
        named = zip(entered, self.code.targets(module, function, call), strict=True)
        inside = (m.functions[n] for m, (_, n) in named if m and n in m.functions)
        return any(_RUNS_SHELL.match(c.name) and not set(c.texts) - {"True", "False"} for f in inside for c in f.calls)

    def _bound(self, module: Module, function: Function) -> str:
        """The condition on a model's quality that ends a program; empty where a function has none."""
        text = self.tree.text(module.path) or ""
        return next((c for c in (*function.asserts, *function.ends) if bounds.on_quality(c, text)), "")

    def _imported(self, words: tuple[str, ...], path: str, depth: int) -> list[Effect]:
        """What a module does that is named on the command line and imported by that name."""
        told = [w for before, w in zip(("", *words), words, strict=False) if "." in w or before.startswith("--mod")]
        named = [self.code.find(w, path) for w in told if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", w)]
        return [e for script, rest in named if script and not rest for e in self._whole(script, depth + 1)]

    def _text(self, source: str, path: str, line: int) -> list[Effect]:
        from gradino.measure import python

        module = python.parse(path, source.replace("\\n", "\n"))
        if module is None:
            return []
        self._kept.append(module)
        found = [Effect(v, path, line, s) for c in module.calls() for v, s in vocabulary.verbs(c, module)]
        for function in module.functions.values():
            if said := self._bound(module, function):
                found.append(Effect("bound", path, line, f"ends where {said}"))
            for call in function.calls:
                for where, name in self.code.targets(module, function, call):
                    if where != path:
                        found += self.python(where, (BODY, name), (), 2)
        return found

    def _make(self, targets: str, folder: str, depth: int) -> list[Effect]:
        for name in ("Makefile", "makefile", "GNUmakefile", "justfile", "Justfile"):
            path = f"{folder}/{name}" if folder else name
            text = self.tree.text(path)
            if text:
                recipes = makefiles.recipes(text, targets.split())
                return [e for line, recipe in recipes for e in self.script(recipe, line, path, folder, depth)]
        return []

    def stages(self, folder: str, wanted: tuple[str, ...] = (), depth: int = 0) -> list[Effect]:
        """What reproducing the DVC stages of a folder does."""
        path = f"{folder}/dvc.yaml" if folder else "dvc.yaml"
        text = self.tree.text(path)
        if not text:
            return []
        stages = yaml.first(text).map("stages")
        found: list[Effect] = []
        for name in stages:
            if (
                wanted
                and not any(w.split(":")[-1] == name for w in wanted)
                and not any("dvc.yaml" in w for w in wanted)
            ):
                continue
            stage = stages.map(name)
            body = stage.map("do") if "do" in stage else stage
            inside = _join(folder, body.text("wdir"))
            for command in body.list("cmd"):
                if isinstance(command, str):
                    command = re.sub(r"\$\{[^}]*\}", "X", command)
                    found += self.script(command, body.lines.get("cmd", 0), path, inside, depth + 1)
        return found

    def _services(self, command: shell.Command, folder: str, depth: int) -> list[Effect]:
        """What the services of a compose file are told to run, where the command ends as one of them does."""
        named = re.findall(r"(?:-f|--file)[= ](\S+)", command.text) or [
            "docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml",
        ]  # fmt: skip
        found: list[Effect] = []
        for path in (_join(folder, name) for name in named):
            services = yaml.first(self.tree.text(path) or "").map("services")
            for name in services:
                body = services.map(name)
                said = body.text("command") or " ".join(str(w) for w in body.list("command"))
                found += self.script(said, body.lines.get("command", 0), path, "", depth + 1)
        return found

    def _containers(self, folder: str, depth: int, image: str = "") -> list[Effect]:
        """What the containers that Dockerfiles define run: of those that are called as an image is, where any are."""
        found: list[Effect] = []
        every = list(self.tree.named("Dockerfile", "Dockerfile.*", "*.Dockerfile"))
        words = set(re.split(r"\W|_", image.rpartition("/")[2].partition(":")[0].lower())) - {""}
        for path in [p for p in every if words & set(re.split(r"\W|_", p.lower()))] or every:
            text = self.tree.text(path) or ""
            for number, line in enumerate(text.splitlines(), 1):
                if entry := re.match(r"\s*(?:CMD|ENTRYPOINT)\s+(.*)", line):
                    said = " ".join(re.findall(r'"([^"]*)"', entry[1])) or entry[1]
                    found += self.script(said, number, path, path.rpartition("/")[0], depth + 1)
        return found

    def _project(self, kind: str, folder: str, wanted: tuple[str, ...], depth: int) -> list[Effect]:
        if kind == "kedro":
            files = [p for p in self.code.paths if "/pipelines/" in p and p.endswith((".py",))]
            return [e for p in files for e in self._whole(p, depth)]
        text = self.tree.text(f"{folder}/MLproject" if folder else "MLproject")
        entries = yaml.first(text).map("entry_points") if text else yaml.Map()
        return [
            e
            for n in entries
            if n in wanted
            for e in self.script(re.sub(r"\{\w+\}", "X", entries.map(n).text("command")), 0, "MLproject", folder, depth)
        ]

    def _whole(self, path: str, depth: int) -> list[Effect]:
        module = self.code.module(path)
        return self.python(path, tuple(module.functions), (), depth) if module else []

    def _tool(self, name: str, words: tuple[str, ...], depth: int) -> list[Effect]:
        """A console script that the project itself declares."""
        for path in sorted(self.tree.named("pyproject.toml", "setup.py", "setup.cfg"), key=lambda p: p.count("/")):
            text = self.tree.text(path) or ""
            if entry := re.search(rf"""["']?{re.escape(name)}["']?\s*=\s*["']?([\w.]+):(\w+)""", text):
                script, rest = self.code.find(entry[1])
                if script and not rest:
                    return self.python(script, (BODY, entry[2]), words, depth)
        return []


def _passes_on(module: Module) -> bool:
    """Whether a program may end as what it started did."""
    return any(
        c.method in ("exit", "_exit", "SystemExit", "check_returncode", "CalledProcessError") for c in module.calls()
    )


def _clean(target: str) -> str:
    return re.sub(r"\$\{?\{?[^}/]*\}?\}?/?|\$\([^)]*\)/?", "", target).removeprefix("./")


def _within(path: str, folder: str, words: tuple[str, ...]) -> bool:
    """Whether a path lies in one of the places that a command names, or in its folder where it names none."""
    places = [_join(folder, re.sub(r"/?\*.*$", "", w)) for w in words if not w.startswith("-")]
    return any(path == p or path.startswith(f"{p}/" if p else "") for p in places or [folder])


def _join(folder: str, inner: str) -> str:
    if inner.startswith(("/", "$", "~")):
        return ""
    parts = [p for p in f"{folder}/{inner}".split("/") if p not in ("", ".")]
    kept: list[str] = []
    for part in parts:
        if part == "..":
            kept = kept[:-1]
        else:
            kept.append(part)
    return "/".join(kept)
