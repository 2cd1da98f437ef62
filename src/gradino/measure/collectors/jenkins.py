"""Jenkins: pipelines under any name, with the steps that a shared library of the repository defines."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree

_COMMENT = re.compile(r"(?:^|(?<=\s))//[^\n]*$|/\*(?:(?!/\*).)*?\*/", re.M | re.S)
_DECLARED = re.compile(r"^\s*pipeline\s*\{", re.M)
_STAGE = re.compile(r"stage\s*\(\s*['\"]([^'\"]+)['\"]\s*\)")
_SHELL = re.compile(
    r"\b(?:sh|bat|powershell|pwsh|execCommand:)\s*\(?\s*(?:label\s*:\s*['\"][^'\"\n]*['\"]\s*,\s*)?(?:script\s*:\s*)?(\"\"\"|'''|\"|')(.*?)\1",
    re.S,
)
# What plug-ins do by names of their own, as the shell would say it.
_PLUGINS = (
    (re.compile(r"\bdocker\.build\s*\("), "docker build -t image ."),
    (re.compile(r"\.push\s*\("), "docker push image"),
    (
        re.compile(
            r"\b(kubernetesDeploy|azureWebAppPublish|ecsDeploy|step\s*\(\s*\[\s*\$class\s*:\s*'AWSCodeDeployPublisher)"
        ),
        "kubectl apply",
    ),
)
_CALL = re.compile(r"\b([a-z]\w+)\s*\(")
_DEEPEST = 3  # steps of a library that use others
_MOST = 100  # steps of a stage


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One job per stage: its shell, its triggers, whether it waits for `input`.

    Jenkins finds a Jenkinsfile at a push by itself; a pipeline in a file of another name is one that a person starts
    unless it says when.
    """
    scripts = {p: _text(tree, p) for p in tree.named("*.groovy")}
    library = {p.rpartition("/")[2][:-7]: t for p, t in scripts.items() if re.search(r"(^|/)vars/[^/]+$", p)}
    for path in tree.named("Jenkinsfile*", "*.jenkinsfile", "*.Jenkinsfile"):
        yield from _pipeline(path, _text(tree, path), {"push"}, library)
    for path, text in scripts.items():
        if _DECLARED.search(text) and _STAGE.search(text):
            fires = re.search(r"\b(pollSCM|githubPush|upstream)\s*\(", text)
            yield from _pipeline(path, text, {"push" if fires else "dispatch"}, library)


def _text(tree: Tree, path: str) -> str:
    return _COMMENT.sub(lambda m: "\n" * m[0].count("\n"), tree.text(path) or "")


def _pipeline(path: str, text: str, triggers: set[str], library: dict[str, str]) -> Iterator[Job]:
    if re.search(r"\bcron\s*\(\s*['\"]\s*\S", text):
        triggers.add("schedule")
    refused = "it has no stages block" if _DECLARED.search(text) and not re.search(r"\bstages\s*\{", text) else ""
    marks = list(_STAGE.finditer(text)) or list(re.finditer(r"(pipeline|node)\b", text))[:1]
    before: tuple[str, ...] = ()
    for i, mark in enumerate(marks):
        body = text[mark.end() : marks[i + 1].start() if i + 1 < len(marks) else len(text)]
        line = text[: mark.start()].count("\n") + 1
        off = "when expression is false" if re.search(r"expression\s*\{\s*(return\s+)?false\s*\}", body) else ""
        chosen = re.search(r"expression\s*\{\s*(?:return\s+)?params\.(\w+)\s*\}", body)
        asked = chosen and re.search(
            rf"name:\s*['\"]{chosen[1]}['\"][^)]*defaultValue:\s*false|defaultValue:\s*false[^)]*name:\s*['\"]{chosen[1]}['\"]",
            text,
        )
        soft = bool(re.search(r"catchError\s*\(", body))
        yield Job(
            "Jenkins",
            path,
            line,
            mark[1],
            frozenset({"dispatch"} if asked else triggers),
            tuple(_steps(body, line, library))[:_MOST],
            before,
            path,
            mark[1],
            refused or off,
            bool(re.search(r"\binput\s*(?:[({'\"]|message\b)", body)),
            soft,
            runner="self-hosted",
        )
        before = (*before, f"{path}#{mark[1]}")


def _steps(body: str, line: int, library: dict[str, str], depth: int = 0) -> Iterator[Step]:
    """Shell of a piece of Groovy, and of the library's steps that it calls, in their order."""
    found: list[tuple[int, list[Step]]] = []
    for shell in _SHELL.finditer(body):
        here = line if depth else line + body[: shell.start()].count("\n")
        text = shell[2].replace("\\$", "$")
        uses = "ssh" if shell[0].startswith("execCommand") else ""
        found.append((shell.start(), [Step(here, text, uses, soft="returnStatus: true" in shell[0])]))
    for pattern, text in _PLUGINS:
        for plugin in pattern.finditer(body):
            here = line if depth else line + body[: plugin.start()].count("\n")
            found.append((plugin.start(), [Step(here, text)]))
    for call in _CALL.finditer(body) if depth < _DEEPEST else ():
        if call[1] in library:
            here = line if depth else line + body[: call.start()].count("\n")
            found.append((call.start(), list(_steps(library[call[1]], here, library, depth + 1))[:_MOST]))
    for _, steps in sorted(found, key=lambda f: f[0]):
        yield from steps
