"""CircleCI, Travis, Bitbucket Pipelines, Cloud Build and CodeBuild: small formats, one function each."""
# ruff: noqa: E501 - a table reads better unwrapped

import re
from collections.abc import Iterator
from dataclasses import replace

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.collectors import cdk_typescript
from gradino.measure.tree import Tree


def circleci(tree: Tree, _code: Code) -> Iterator[Job]:
    """CircleCI workflows; a job that requires an approval job waits for a person."""
    text = tree.text(".circleci/config.yml")
    config = yaml.first(text) if text else yaml.Map()
    bodies, commands = config.map("jobs"), config.map("commands")
    for flow, body in config.map("workflows").items():
        if not isinstance(body, yaml.Map):
            continue
        triggers = (
            {"schedule"} if any("schedule" in t for t in body.list("triggers") if isinstance(t, yaml.Map)) else {"push"}
        )
        items = [
            (next(iter(i)), i.map(next(iter(i)))) if isinstance(i, yaml.Map) and i else (str(i), yaml.Map())
            for i in body.list("jobs")
        ]
        held = {options.text("name") or n for n, options in items if options.text("type") == "approval"}
        for name, options in items:
            called = options.text("name") or name
            needs = tuple(f"{flow}#{r}" for r in options.list("requires"))
            only_tags = bool(options.map("filters").map("tags").get("only")) and bool(
                options.map("filters").map("branches").get("ignore")
            )
            everywhere = options.map("filters").map("branches").text("ignore") == "/.*/"
            off = "it leaves out every branch, and no tag starts it" if everywhere and not only_tags else ""
            folder = re.sub(
                r"^~/project/?|^/home/circleci/project/?|^\.$", "", bodies.map(name).text("working_directory")
            )
            inside = folder if not folder.startswith(("/", "~")) else ""
            steps = tuple(replace(s, folder=inside) for s in _circle(bodies.map(name).list("steps"), commands)) or (
                Step(options.line, uses=name),
            )
            waits = bool(held & set(options.list("requires"))) or called in held
            yield Job(
                "CircleCI",
                ".circleci/config.yml",
                bodies.lines.get(name, 0),
                called,
                frozenset({"tag"} if only_tags else triggers),
                steps,
                needs,
                flow,
                "",
                off,
                waits,
            )


def _circle(items: list[object], commands: yaml.Map, depth: int = 0) -> Iterator[Step]:
    for item in items:
        name, options = (
            (next(iter(item)), item.get(next(iter(item)))) if isinstance(item, yaml.Map) and item else (str(item), None)
        )
        line = item.line if isinstance(item, yaml.Map) else 0
        if name == "run":
            text = options.text("command") if isinstance(options, yaml.Map) else str(options or "")
            yield Step(line, text)
        elif name in commands and depth < 4:
            yield from _circle(commands.map(name).list("steps"), commands, depth + 1)
        else:
            inputs = (
                tuple((k, v) for k, v in options.items() if isinstance(v, str)) if isinstance(options, yaml.Map) else ()
            )
            yield Step(line, uses=name, inputs=inputs)


# What Travis runs for a language where no script is given.
_TRAVIS = {"r": "R CMD check .", "go": "go test ./...", "java": "mvn test", "scala": "sbt test", "rust": "cargo test",
           "node_js": "npm test", "swift": "swift test", "julia": "julia -e 'Pkg.test()'"}  # fmt: skip


def travis(tree: Tree, _code: Code) -> Iterator[Job]:
    """Travis: jobs that check a push or a pull request, what follows their success, and where `deploy` says to."""
    path = ".travis.yml"
    config = yaml.first(tree.text(path) or "")
    if not config:
        return

    def steps(body: yaml.Map, *phases: str) -> tuple[Step, ...]:
        return tuple(Step(body.lines.get(p, 0), t) for p in phases for t in body.list(p) if isinstance(t, str))

    phases = ("before_install", "install", "before_script", "script")
    runs = steps(config, *phases)
    if "script" not in config and (default := _TRAVIS.get(config.text("language").lower())):
        runs += (Step(config.lines.get("language", 0), default),)
    both, script = frozenset({"push", "pull_request"}), f"{path}#script"
    yield Job("Travis", path, 1, "script", both, runs, (), path)
    included = [*config.map("jobs").list("include"), *config.map("matrix").list("include")]
    for item in (i for i in included if isinstance(i, yaml.Map) and "script" in i):
        yield Job("Travis", path, item.line, item.text("stage") or "job", both, steps(item, *phases), (), path)
    if after := steps(config, "after_success"):
        line = config.lines.get("after_success", 0)
        yield Job("Travis", path, line, "after success", frozenset({"push"}), after, (script,), path)
    for target in (t for t in config.list("deploy") if isinstance(t, yaml.Map)):
        provider = target.text("provider")
        step = Step(target.line, target.text("script"), "" if provider == "script" else f"travis/{provider}")
        when = "tag" if target.map("on").text("tags") == "true" else "push"
        yield Job("Travis", path, target.line, f"deploy {provider}", frozenset({when}), (step,), (script,), path)


def bitbucket(tree: Tree, _code: Code) -> Iterator[Job]:
    """Bitbucket pipelines by what starts them; `trigger: manual` waits for a person."""
    path = "bitbucket-pipelines.yml"
    pipelines = yaml.first(tree.text(path) or "").map("pipelines")
    kinds = {
        "default": "push",
        "branches": "push",
        "tags": "tag",
        "pull-requests": "pull_request",
        "custom": "dispatch",
    }
    for kind, trigger in kinds.items():
        value = pipelines.get(kind)
        flows = value.items() if isinstance(value, yaml.Map) else [(kind, value)] if value else []
        for flow, items in flows:
            before: tuple[str, ...] = ()
            waits = False
            steps = [m.map("step") for m in yaml.walk(items) if "step" in m]
            for number, step in enumerate(steps):
                waits = waits or step.text("trigger") == "manual"
                name = step.text("name") or f"{flow}-{number}"
                lines = [
                    Step(step.lines.get("script", 0), s) if isinstance(s, str) else _pipe(s)
                    for s in step.list("script")
                    if isinstance(s, str | yaml.Map)
                ]
                yield Job(
                    "Bitbucket",
                    path,
                    step.line,
                    name,
                    frozenset({trigger}),
                    tuple(lines),
                    before,
                    flow,
                    step.text("deployment"),
                    "",
                    waits,
                )
                before = (*before, f"{flow}#{name}")


def _pipe(item: yaml.Map) -> Step:
    """A pipe; one that runs a command on another machine is given it as a variable."""
    said = (("script", item.map("variables").text("COMMAND")),)
    return Step(item.line, uses=item.text("pipe").replace("ssh-run", "ssh"), inputs=said)


def cloudbuild(tree: Tree, _code: Code) -> Iterator[Job]:
    """Cloud Build files. What starts them is outside the file: a trigger in Terraform or a documented `builds submit`."""
    named = set(tree.named("cloudbuild*.y*ml", "*cloudbuild.y*ml", "*cloudbuild.json"))
    for path in sorted(tree.sizes):
        alike = path.endswith((".yml", ".yaml")) and re.search(
            r"gcr\.io/(cloud-builders|google\.com/cloudsdktool|kaniko)", tree.text(path) or ""
        )
        if path not in named and not alike:
            continue
        document = yaml.first(tree.text(path) or "")
        triggered = any(
            path.rpartition("/")[2] in (text := tree.text(p) or "")
            and re.search(r"cloudbuild_trigger|\btriggers create\b", text)
            for p in tree.named("*.tf", "*.sh", "Makefile", "*.md")
        )
        steps = []
        for item in document.list("steps"):
            if isinstance(item, yaml.Map):
                words = [a for a in item.list("args") if isinstance(a, str)]
                entry = item.text("entrypoint") or item.text("name").rpartition("/")[2].split(":")[0]
                script = item.text("script") or (
                    words[-1] if words[:1] in (["-c"], ["-ceux"], ["-cex"]) else " ".join([entry, *words])
                )
                steps.append(
                    Step(
                        item.line,
                        script,
                        folder=item.text("dir")
                        if any(p.startswith(item.text("dir") + "/") for p in tree.sizes)
                        else "",
                    )
                )
        if document.list("images"):
            steps.append(Step(document.lines.get("images", 0), "docker push image"))
        yield Job(
            "Cloud Build",
            path,
            1,
            path.rpartition("/")[2],
            frozenset({"push"} if triggered else {"dispatch"}),
            tuple(steps),
            (),
            path,
        )


def codebuild(tree: Tree, _code: Code) -> Iterator[Job]:
    """CodeBuild specifications; where no pipeline of the repository starts them, a webhook kept with the build does."""
    taken = cdk_typescript.buildspecs(tree)
    for path in (p for p in tree.named("buildspec*.y*ml", "*buildspec.y*ml") if p not in taken):
        yield Job("CodeBuild", path, 1, path, frozenset({"push"}), cdk_typescript.phases(tree, path), (), path)
