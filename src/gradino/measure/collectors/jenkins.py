"""Jenkins: pipelines under any name, with the steps that a shared library of the repository defines."""

import re
from collections.abc import Iterator

from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, touches

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
_CALL = re.compile(r"\b((?:\w+\.)?[a-z]\w+)\s*\(")
_LOADED = re.compile(r"\b(\w+)\s*=\s*load\s*\(?\s*['\"]([^'\"\n]+\.groovy)['\"]")
_DEFINED = re.compile(r"^(?:def|void|String|boolean)\s+(\w+)\s*\(([^()]*)\)\s*\{", re.M)
_GIVEN = re.compile(r"\s*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^,()'\"]{0,120}(?:\([^()]{0,120}\)\s?)?))\s*(,|\)|$)")
_CHANGESET = re.compile(r"^\s*changeset\s+(?:pattern:\s*)?['\"]([^'\"\n]+)['\"]\s*$", re.M)
_DEEPEST = 3  # steps of a library that use others
_MOST = 100  # steps of a stage


def collect(tree: Tree, _code: Code) -> Iterator[Job]:
    """One job per stage: its shell, its triggers, whether it waits for `input`.

    Jenkins finds a Jenkinsfile at a push by itself; a pipeline in a file of another name is one that a person starts
    unless it says when.
    """
    scripts = {p: _text(tree, p) for p in tree.named("*.groovy")}
    library = {p.rpartition("/")[2][:-7]: t for p, t in scripts.items() if re.search(r"(^|/)vars/[^/]+$", p)}
    library |= {k: body for name, text in dict(library).items() for k, body in _functions(name, text)}
    for path in tree.named("Jenkinsfile*", "*.jenkinsfile", "*.Jenkinsfile"):
        text = _text(tree, path)
        yield from _pipeline(tree, path, text, {"push"}, library | _loaded(text, scripts))
    for path, text in scripts.items():
        if _DECLARED.search(text) and _STAGE.search(text):
            fires = re.search(r"\b(pollSCM|githubPush|upstream)\s*\(", text)
            known = library | _loaded(text, scripts)
            yield from _pipeline(tree, path, text, {"push" if fires else "dispatch"}, known)


def _loaded(text: str, scripts: dict[str, str]) -> dict[str, str]:
    """The functions of the scripts that a pipeline loads, by the names under which it calls them."""
    loaded = ((name, scripts.get(path.removeprefix("./"), "")) for name, path in _LOADED.findall(text))
    return {k: body for name, script in loaded for k, body in _functions(name, script)}


def _functions(name: str, script: str) -> Iterator[tuple[str, str]]:
    marks = list(_DEFINED.finditer(script))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        yield f"{name}.{mark[1]}", script[mark.start() : following.start() if following else len(script)]


def _handed(body: str, text: str, start: int) -> str:
    """The body of a function with the strings that a call hands it, or their defaults, in its parameters' places."""
    defined = _DEFINED.match(body)
    for parameter in defined[2].split(",") if defined else ():
        name, _, default = (part.strip() for part in parameter.partition("="))
        given = _GIVEN.match(text, start)
        said = given and (given[1] if given[1] is not None else given[2])
        if given is None or not given[0].strip(" )"):
            said = default.strip("'\"") if default else None
        if said is not None and name:
            named = re.escape(name.split()[-1])
            body = re.sub(rf"\$\{{{named}\}}|\${named}\b", said.replace("\\", "\\\\"), body)
        start = given.end() if given and given[4] == "," else len(text)
    return body


def _text(tree: Tree, path: str) -> str:
    return _COMMENT.sub(lambda m: "\n" * m[0].count("\n"), tree.text(path) or "")


def _pipeline(tree: Tree, path: str, text: str, triggers: set[str], library: dict[str, str]) -> Iterator[Job]:
    if re.search(r"\bcron\s*\(\s*['\"]\s*\S", text):
        triggers.add("schedule")
    refused = "it has no stages block" if _DECLARED.search(text) and not re.search(r"\bstages\s*\{", text) else ""
    marks = list(_STAGE.finditer(text)) or list(re.finditer(r"(pipeline|node)\b", text))[:1]
    before: tuple[str, ...] = ()
    for i, mark in enumerate(marks):
        body = text[mark.end() : marks[i + 1].start() if i + 1 < len(marks) else len(text)]
        line = text[: mark.start()].count("\n") + 1
        off = "" if _changed(tree, body) else "no file is there whose change would start it"
        if re.search(r"expression\s*\{\s*(return\s+)?false\s*\}", body):
            off = "when expression is false"
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


def _changed(tree: Tree, body: str) -> bool:
    """Whether some file is there on whose change a stage waits, if it waits for one."""
    patterns = _CHANGESET.findall(body)
    return not patterns or "anyOf" in body or touches(patterns, [], tree.sizes)


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
            inner = _handed(library[call[1]], body, call.end())
            found.append((call.start(), list(_steps(inner, here, library, depth + 1))[:_MOST]))
    for _, steps in sorted(found, key=lambda f: f[0]):
        yield from steps
