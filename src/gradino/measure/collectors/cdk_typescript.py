"""AWS CDK in TypeScript, read as text: stages of CodePipeline and CDK Pipelines, what their builds run, resources."""

import posixpath
import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Resource, Step
from gradino.measure.code import Code
from gradino.measure.collectors import clouds
from gradino.measure.tree import Tree, ours

_NEW = re.compile(r"(?:(?:const|let|var)\s+|this\.)?(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*new\s+([\w.]+)\s*\(")
_FILE = re.compile(r"fromSourceFilename\(\s*['\"`](?:\./)?([^'\"`]+)")
_COMMANDS = re.compile(r"\b(?:commands|installCommands)\s*:\s*\[(.*?)\]", re.S)
_TEXTS = re.compile(r"'([^'\n]*)'|\"([^\"\n]*)\"|`([^`]*)`")
_RESOURCE = re.compile(r"\bnew\s+[\w.]*?((?:Cfn\w+|Alarm|Rule|\w*Service|Function|Dashboard|EcsDeployment\w*))\s*\(")
_CLASS = re.compile(r"\bclass\s+(\w+)\s+extends\b")
_LONGEST = 20_000  # characters of one expression


def collect(tree: Tree, _code: Code) -> Iterator[Job | Resource]:
    """One job per stage; what follows a manual approval waits for a person."""
    sources = dict(_sources(tree))
    classes = {name: text for text in sources.values() if "codebuild" in text for name in _CLASS.findall(text)}
    for path, text in sources.items():
        made = {m[1]: (m[2].rpartition(".")[2], _inside(text, m.end())) for m in _NEW.finditer(text)}
        triggers = {"push"} | ({"event"} if "Model Package State Change" in text else set())
        triggers |= {"metric"} if "Alarm State Change" in text else set()
        known = {name: (name, body) for name, body in classes.items() if body is not text} | made
        yield from _stages(tree, path, text, known, frozenset(triggers))
        for match in _RESOURCE.finditer(text):
            line = text[: match.start()].count("\n") + 1
            shown = "".join(re.findall(r"\bnamespace\s*:.*", text)) if match[1] == "Dashboard" else ""
            yield from clouds.judge("CDK", path, line, match[1], match[1], shown + _inside(text, match.end()))


def _sources(tree: Tree) -> Iterator[tuple[str, str]]:
    for path in tree.named("*.ts"):
        text = tree.text(path) or "" if ours(path) and not path.endswith(".d.ts") else ""
        if re.search(r"(?:from\s+|require\()['\"](aws-cdk-lib|@aws-cdk/)", text):
            yield path, re.sub(r"(?m)^\s*//.*$", "", text)


def buildspecs(tree: Tree) -> set[str]:
    """Build files that a stage of such a pipeline runs."""
    return {f for _, text in _sources(tree) if "addStage" in text for f in _FILE.findall(text)}


def phases(tree: Tree, path: str) -> tuple[Step, ...]:
    """The commands of a CodeBuild specification, each in the folder that those before it went to."""
    body = yaml.first(tree.text(path) or "").map("phases")
    found: list[Step] = []
    inside = ""
    for phase in ("install", "pre_build", "build", "post_build"):
        for number, command in enumerate(c for c in body.map(phase).list("commands") if isinstance(c, str)):
            if gone := re.fullmatch(r"\s*cd\s+([\w./-]+)\s*", command):
                wanted = [
                    posixpath.normpath(f"{base}/{gone[1]}").lstrip("./") for base in (inside, path.rpartition("/")[0])
                ]
                inside = next((w for w in wanted if w and any(tree.under(w))), "")
            found.append(Step(body.map(phase).lines.get("commands", 0) + 1 + number, command, folder=inside))
    return tuple(found)


def _inside(text: str, start: int, pair: str = "()") -> str:
    """What stands between a parenthesis (or what `pair` names) and the one that closes it."""
    depth, end, step = 1, start, {pair[0]: 1, pair[1]: -1}
    while end < min(len(text), start + _LONGEST) and depth:
        depth += step.get(text[end], 0)
        end += 1
    return text[start:end]


def _bodies(text: str) -> list[tuple[int, str]]:
    """Where each stage begins, and what is said of it: at its call, in the pipeline's list, or added to it later."""
    found = []
    for call in re.finditer(r"(?:(\w+)\s*=\s*)?[\w.]*\.(?:addStage|addWave)\(", text):
        later = re.finditer(rf"\b{call[1]}\.addAction\(", text) if call[1] else ()
        found.append((call.start(), _inside(text, call.end()) + "".join(_inside(text, m.end()) for m in later)))
    for listed in re.finditer(r"\bstages\s*:\s*\[", text):
        inner = _inside(text, listed.end(), "[]")
        stages = re.finditer(r"\{\s*stageName", inner)
        found += [(listed.end() + m.start(), _inside(inner, m.start() + 1, "{}")) for m in stages]
    return sorted(found)


def _stages(
    tree: Tree, path: str, text: str, made: dict[str, tuple[str, str]], triggers: frozenset[str]
) -> Iterator[Job]:
    before: tuple[str, ...] = ()
    waits = False
    for number, (start, body) in enumerate(_bodies(text)):
        line = text[:start].count("\n") + 1
        named = re.search(r"stageName\s*:\s*['\"`]([^'\"`]+)", body) or re.search(r"['\"`]([\w -]+)['\"`]", body)
        name = named[1] if named else f"stage{number}"
        inline = [(m[1].rpartition(".")[2], _inside(body, m.end())) for m in re.finditer(r"new\s+([\w.]+)\s*\(", body)]
        known = [made[w] for w in dict.fromkeys(re.findall(r"\b\w+\b", body)) if w in made]
        steps: list[Step] = []
        for kind, inner in (*inline, *known):
            waits = waits or kind.startswith("ManualApproval")
            steps += _actions(tree, kind, inner, made, line)
        steps += [s for f in re.findall(r"['\"`]([\w./-]+\.ya?ml)['\"`]", body) if f in tree for s in phases(tree, f)]
        if "stageName" not in body and re.match(r"\s*new\s+\w+", body):  # CDK Pipelines: a stage is what it deploys
            steps.append(Step(line, "cdk deploy"))
        if not steps and re.search(r"deploy", name, re.I):  # its action is made elsewhere
            steps.append(Step(line, uses=f"CodePipeline/Invoke/Lambda/{name}"))
        yield Job("CodePipeline", path, line, name, triggers, tuple(steps), before, path, name, "", waits)
        before = (*before, f"{path}#{name}")


def _actions(tree: Tree, kind: str, body: str, made: dict[str, tuple[str, str]], line: int) -> list[Step]:
    """What one action or step runs: a build file, commands written beside it, or a deployment of a stack."""
    whole = body + "".join(made[w][1] for w in re.findall(r"\bproject\s*:\s*(?:this\.)?(\w+)", body) if w in made)
    found = [s for f in _FILE.findall(whole) for s in phases(tree, f)]
    for listed in _COMMANDS.findall(whole):
        found += [Step(line, a or b or c) for a, b, c in _TEXTS.findall(listed)]
    if re.search(r"CloudFormationCreateUpdateStack|CloudFormationExecute|EcsDeploy|CodeDeploy|LambdaInvoke", kind):
        said = re.search(r"actionName\s*:\s*['\"`]([^'\"`]+)", body)
        category = "Invoke" if "Lambda" in kind else "Deploy"
        found.append(Step(line, uses=f"CodePipeline/{category}/{kind}/{said[1] if said else ''}"))
    return found
