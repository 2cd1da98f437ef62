"""Functions that a cloud runs at a time or on an event: AWS Lambda by SAM, serverless, Terraform, CDK and AWS's command line; Azure Functions."""
# ruff: noqa: E501 - a table reads better unwrapped

import json
import posixpath
import re
from collections.abc import Iterator

from gradino.measure import yaml
from gradino.measure.automation import Job, Step
from gradino.measure.code import Code
from gradino.measure.tree import Tree, ours

# Kinds of event, as SAM and the serverless framework call them, to what starts a job here.
_EVENTS = {
    "schedule": "schedule", "schedulev2": "schedule", "s3": "event", "sns": "event", "sqs": "event", "kinesis": "event",
    "stream": "event", "dynamodb": "event", "eventbridge": "event", "eventbridgerule": "event", "cloudwatchevent": "event",
    "msk": "event", "kafka": "event", "iot": "event", "timertrigger": "schedule", "blobtrigger": "event", "queuetrigger": "event",
    "eventgridtrigger": "event", "eventhubtrigger": "event", "servicebustrigger": "event",
}  # fmt: skip
_METRIC = re.compile(r"CloudWatch Alarm State Change|feature_baseline_drift|data-metrics|[Dd]rift\w*Alarm|AlarmActions")
_MADE = re.compile(
    r"(?:(?:const|let|var)\s+)?(?:this\.|self\.)?(\w+)\s*=\s*(?:new\s+)?[\w.]*?(?:Python|Node\w*)?Function\("
)
_HANDLER = re.compile(r"\b[hH]andler[\"']?\s*[=:]\s*[\"']([\w/.-]+)\.(\w+)[\"']")
_TIMED = re.compile(r"\brate\(|\bcron\(|Schedule\.(rate|cron|expression)")
# A schedule that a script makes for the function that it makes as well.
_ASKED = re.compile(r"--handler[ =][\"']?([\w/.-]+)\.(\w+)")
_RULED = re.compile(
    r"\baws\s+(?:events\s+put-rule|scheduler\s+create-schedule)\b(?![^\n]*DISABLED)[^\n]*--schedule-expression"
)
_FAR = 1_500  # characters after a function's name in which its handler stands


def collect(tree: Tree, code: Code) -> Iterator[Job]:
    """One job for each function that something starts by itself."""
    for path in tree.sizes:
        if not ours(path) or not path.endswith(
            (".yml", ".yaml", ".tf", ".py", ".ts", ".sh", "/function.json", ".template")
        ):
            continue
        text = tree.text(path) or ""
        if path.endswith("/function.json"):
            yield from _azure(code, path, text)
        elif path.endswith(".sh"):
            yield from _commands(code, path, text)
        elif path.endswith((".py", ".ts")):
            if re.search(r"aws_cdk|aws-cdk", text):
                yield from _cdk(code, path, text)
        elif path.endswith(".tf"):
            if "aws_lambda_function" in text:
                yield from _terraform(tree, code, path, text)
        elif re.search(r"^\s*[hH]andler\s*:", text, re.M):
            document = yaml.first(text)
            yield from _named(code, path, text, document.map("Resources"), "Properties")
            yield from _named(code, path, text, document.map("functions"), "")


def _job(code: Code, path: str, line: int, module: str, function: str, triggers: set[str]) -> Iterator[Job]:
    file = code.file(f"{module.replace('.', '/')}.py", path) if triggers else ""
    if file:
        step = Step(line, calls=(f"{file}::{function}",))
        yield Job("cloud function", path, line, f"{module}.{function}", frozenset(triggers), (step,), (), path)


def _named(code: Code, path: str, text: str, bodies: yaml.Map, inside: str) -> Iterator[Job]:
    """Functions of a template of SAM, or of serverless.yml."""
    for name in bodies:
        body = bodies.map(name).map(inside) if inside else bodies.map(name)
        module, _, function = (body.text("Handler") or body.text("handler")).rpartition(".")
        events = body.map("Events")
        kinds = [(events.map(e).text("Type"), events.map(e).map("Properties")) for e in events]
        kinds += [(k, e.map(k)) for e in body.list("events") if isinstance(e, yaml.Map) for k in e]
        on = {_EVENTS.get(k.lower(), "") for k, e in kinds if not _off(e)} - {""}
        if "event" in on and _METRIC.search(text):
            on.add("metric")
        folder = body.text("CodeUri").removeprefix("./").rstrip("/")
        yield from _job(code, path, bodies.lines.get(name, 0), posixpath.join(folder, module), function, on)


def _off(event: yaml.Map) -> bool:
    said = event.text("Enabled") or event.text("enabled") or event.text("State")
    return said.lower() in ("false", "disabled")


def _commands(code: Code, path: str, text: str) -> Iterator[Job]:
    """The functions of a script that makes a rule with a schedule, too."""
    if "--schedule-expression" not in text or not _RULED.search(text.replace("\\\n", " ")):
        return
    for module, function in dict.fromkeys(_ASKED.findall(text)):
        line = text[: text.index(f"{module}.{function}")].count("\n") + 1
        yield from _job(code, path, line, module, function, {"schedule"})


def _terraform(tree: Tree, code: Code, path: str, text: str) -> Iterator[Job]:
    folder = path.rpartition("/")[0]
    every = "\n".join(tree.text(p) or "" for p in tree.named("*.tf") if p.rpartition("/")[0] == folder)
    blocks = re.split(r"(?m)^(?=resource\s)", re.sub(r"(?m)^\s*(#|//).*$", "", every))
    for made in re.finditer(r'^resource\s+"aws_lambda_function"\s+"([\w-]+)"', text, re.M):
        handler = _HANDLER.search(text, made.end(), made.end() + _FAR)
        asking = [
            b for b in blocks if f"aws_lambda_function.{made[1]}." in b and not b.startswith('resource "aws_lambda_p')
        ]
        rules = {r for b in asking for r in re.findall(r"aws_cloudwatch_event_rule\.([\w-]+)", b)}
        asking += [b for b in blocks for r in rules if re.match(rf'resource\s+"aws_cloudwatch_event_rule"\s+"{r}"', b)]
        live = (
            "\n".join(asking) if not any(re.search(r"(is_enabled\s*=\s*false|\"DISABLED\")", b) for b in asking) else ""
        )
        on = {"schedule"} if _TIMED.search(live) else set[str]()
        on |= (
            {"event"}
            if re.search(r"bucket_notification|event_pattern|sns_topic_subscription|event_source_mapping", live)
            else set()
        )
        on |= {"metric"} if "event" in on and _METRIC.search(every) and re.search(r"alarm|sns", live, re.I) else set()
        if handler:
            yield from _job(code, path, text[: made.start()].count("\n") + 1, handler[1], handler[2], on)


def _cdk(code: Code, path: str, text: str) -> Iterator[Job]:
    for made in _MADE.finditer(text):
        handler = _HANDLER.search(text, made.end(), made.end() + _FAR)
        given = rf"\(\s*(?:self\.|this\.)?{made[1]}\b"
        on = {"schedule"} if re.search(rf"LambdaFunction{given}", text) and _TIMED.search(text) else set[str]()
        on |= (
            {"event"}
            if re.search(rf"(LambdaDestination|LambdaSubscription){given}|\b{made[1]}\.add_?[eE]vent_?[sS]ource", text)
            else set()
        )
        on |= (
            {"event"} if re.search(rf"LambdaFunction{given}", text) and re.search(r"event_?[pP]attern", text) else set()
        )
        on |= (
            {"metric"}
            if "event" in on and re.search(r"Alarm State Change|SnsAction|add_?[aA]larm_?[aA]ction", text)
            else set()
        )
        if handler:
            yield from _job(code, path, text[: made.start()].count("\n") + 1, handler[1], handler[2], on)


def _azure(code: Code, path: str, text: str) -> Iterator[Job]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(found, dict) or found.get("disabled") is True:
        return
    bindings = found.get("bindings")
    kinds = (
        [str(b.get("type", "")).lower() for b in bindings if isinstance(b, dict)] if isinstance(bindings, list) else []
    )
    script = str(found.get("scriptFile", "__init__.py")).removesuffix(".py")
    on = {_EVENTS[k] for k in kinds if k in _EVENTS}
    yield from _job(code, path, 1, script, str(found.get("entryPoint", "main")), on)
